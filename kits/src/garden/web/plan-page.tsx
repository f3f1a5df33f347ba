import { Button } from "@mantine/core";
import { Empty } from "@roost/web/parts/empty.tsx";
import { Fault } from "@roost/web/parts/fault.tsx";
import { formatReading } from "@roost/web/parts/format.ts";
import { KitLink } from "@roost/web/parts/kit-link.tsx";
import { Page, Section } from "@roost/web/parts/page.tsx";
import { PageWaiting } from "@roost/web/parts/waiting.tsx";
import { useApi, useMay } from "@roost/web/roost.tsx";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type KeyboardEvent, type PointerEvent, useRef, useState } from "react";

import { changePlant, type Plant } from "../contract/plants.ts";
import { usePlants } from "./garden-api.ts";
import { PlantMark } from "./plant-mark.tsx";
import { PlantPicture } from "./plant-picture.tsx";
import { isLimited, metricWords, stateWords } from "./plant-words.ts";

import styles from "./plan-page.module.css";

interface Spot {
  readonly x: number;
  readonly y: number;
}

const stepShare = 0.02;
const leapShare = 0.1;
/** A key that is held down moves a plant many times a second; where it comes to rest is what counts. */
const keysRestMs = 250;
const steps: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

const within = (share: number) => Math.round(Math.min(1, Math.max(0, share)) * 1_000) / 1_000;

/** Where the plants stand: dragged by mouse and finger, moved by the arrow keys; whoever looks sees the same. */
export function PlanPage() {
  const query = usePlants({});
  const may = useMay("garden:write");
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [said, setSaid] = useState("");
  // What was moved here shows at once, until the server says the same.
  const [moved, setMoved] = useState<ReadonlyMap<string, Spot>>(new Map());
  const resting = useRef(new Map<string, ReturnType<typeof setTimeout>>());
  const save = useMutation({
    // One after another: of two on their way at once the earlier could be the last to arrive.
    scope: { id: "garden-plan" },
    mutationFn: ({ plant, spot }: { plant: Plant; spot: Spot | null }) =>
      call(changePlant, { params: { plantId: plant.id }, body: { position: spot } }),
    onSettled: async (_result, _error, { plant, spot }) => {
      await queryClient.invalidateQueries({ queryKey: ["garden"] });
      // It may have been moved on meanwhile.
      setMoved((before) => (before.get(plant.id) === spot ? new Map([...before].filter(([id]) => id !== plant.id)) : before));
    },
  });
  const saveOnceAtRest = (plant: Plant, spot: Spot | null, restMs: number) => {
    clearTimeout(resting.current.get(plant.id));
    resting.current.set(
      plant.id,
      setTimeout(() => save.mutate({ plant, spot }), restMs),
    );
  };
  if (query.data === undefined) {
    if (!query.isError) return <PageWaiting />;
    return (
      <Page title="Floor plan">
        <Fault error={query.error} onRetry={() => void query.refetch()} />
      </Page>
    );
  }
  const plants = query.data.pages.flatMap(({ items }) => items);
  const spotOf = (plant: Plant): Spot | undefined => moved.get(plant.id) ?? plant.position;
  const placed = plants.filter((plant) => spotOf(plant) !== undefined);
  const free = plants.filter((plant) => spotOf(plant) === undefined);
  const put = (plant: Plant, spot: Spot, isLast: boolean) => {
    const to = { x: within(spot.x), y: within(spot.y) };
    setMoved((before) => new Map(before).set(plant.id, to));
    if (!isLast) return;
    setSaid(`${plant.name}: ${Math.round(to.x * 100)} % from the left, ${Math.round(to.y * 100)} % from the top.`);
    saveOnceAtRest(plant, to, keysRestMs);
  };
  const takeAway = (plant: Plant) => {
    setSaid(`${plant.name} was taken from the plan.`);
    setMoved((before) => new Map([...before].filter(([id]) => id !== plant.id)));
    saveOnceAtRest(plant, null, 0);
  };
  return (
    <Page title="Floor plan" actions={<KitLink to="">All plants</KitLink>}>
      {save.isError && <Fault error={save.error} />}
      {plants.length === 0 ? (
        <Empty title="No plants yet.">
          <KitLink to="plants/new">Add the first one</KitLink>
        </Empty>
      ) : (
        <>
          {may && (
            <p className={styles.how}>
              Drag a plant to where it stands, or move it by the arrow keys: Shift for larger steps, Delete takes it from the plan.
            </p>
          )}
          <Room>
            {placed.map((plant) => (
              <Pin key={plant.id} plant={plant} spot={spotOf(plant) ?? { x: 0, y: 0 }} may={may} onPut={put} onRemove={takeAway} />
            ))}
          </Room>
          <output className={styles.said}>{said}</output>
          {free.length > 0 && (
            <Section title="Not on the plan yet">
              <ul className={styles.tray} aria-label="Plants that are not on the plan">
                {free.map((plant) => (
                  <li key={plant.id}>
                    <PlantPicture plant={plant} />
                    <span className={styles.trayName}>
                      <KitLink to={`plants/${plant.id}`}>{plant.name}</KitLink>
                      <PlantMark plant={plant} />
                      {may && (
                        <Button
                          variant="default"
                          onClick={() => put(plant, freeSpot(placed.length), true)}
                          aria-label={`Put on the plan: ${plant.name}`}
                        >
                          Put on the plan
                        </Button>
                      )}
                    </span>
                  </li>
                ))}
              </ul>
            </Section>
          )}
        </>
      )}
    </Page>
  );
}

/** Somewhere that the others are likely not: along rows from the top left. */
function freeSpot(index: number): Spot {
  return { x: 0.12 + (index % 6) * 0.15, y: 0.15 + (Math.floor(index / 6) % 5) * 0.18 };
}

function Room({ children }: { readonly children: React.ReactNode }) {
  return (
    <div className={styles.room} data-room="">
      <svg className={styles.walls} viewBox="0 0 160 100" preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <defs>
          <pattern id="garden-grid" width="8" height="8" patternUnits="userSpaceOnUse">
            <path d="M8 0H0v8" className={styles.grid} />
          </pattern>
        </defs>
        <rect width="160" height="100" fill="url(#garden-grid)" />
        <path d="M1 1h158v98H1z" className={styles.wall} />
        <path d="M30 1h34M96 1h34" className={styles.window} />
        <path d="M12 99h18" className={styles.door} />
      </svg>
      <span className={styles.wordTop} aria-hidden="true">
        windows
      </span>
      <span className={styles.wordDoor} aria-hidden="true">
        door
      </span>
      {children}
    </div>
  );
}

function Pin({
  plant,
  spot,
  may,
  onPut,
  onRemove,
}: {
  readonly plant: Plant;
  readonly spot: Spot;
  readonly may: boolean;
  readonly onPut: (plant: Plant, spot: Spot, isLast: boolean) => void;
  readonly onRemove: (plant: Plant) => void;
}) {
  const held = useRef<{ readonly pointerId: number; readonly dx: number; readonly dy: number; hasMoved: boolean }>(undefined);
  const roomOf = (element: Element) => element.closest("[data-room]")?.getBoundingClientRect();
  const take = (event: PointerEvent<HTMLButtonElement>) => {
    const room = roomOf(event.currentTarget);
    if (!may || room === undefined || event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    held.current = {
      pointerId: event.pointerId,
      dx: event.clientX - (room.left + spot.x * room.width),
      dy: event.clientY - (room.top + spot.y * room.height),
      hasMoved: false,
    };
  };
  const spotAt = (event: PointerEvent<HTMLButtonElement>): Spot | undefined => {
    const room = roomOf(event.currentTarget);
    if (held.current === undefined || room === undefined) return undefined;
    return { x: (event.clientX - held.current.dx - room.left) / room.width, y: (event.clientY - held.current.dy - room.top) / room.height };
  };
  const drag = (event: PointerEvent<HTMLButtonElement>) => {
    const to = spotAt(event);
    if (to === undefined || held.current === undefined) return;
    if (Math.abs(to.x - spot.x) + Math.abs(to.y - spot.y) > 0.005) held.current.hasMoved = true;
    if (held.current.hasMoved) onPut(plant, to, false);
  };
  const drop = (event: PointerEvent<HTMLButtonElement>) => {
    const to = spotAt(event);
    const hasMoved = held.current?.hasMoved === true;
    held.current = undefined;
    if (to !== undefined && hasMoved) onPut(plant, to, true);
  };
  const onKey = (event: KeyboardEvent<HTMLButtonElement>) => {
    const step = steps[event.key];
    if (!may) return;
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      onRemove(plant);
    } else if (step !== undefined) {
      event.preventDefault();
      const share = event.shiftKey ? leapShare : stepShare;
      onPut(plant, { x: spot.x + step[0] * share, y: spot.y + step[1] * share }, true);
    }
  };
  return (
    <div className={styles.pin} style={{ left: `${spot.x * 100}%`, top: `${spot.y * 100}%` }} data-state={plant.state}>
      {may ? (
        <button
          type="button"
          className={styles.handle}
          onPointerDown={take}
          onPointerMove={drag}
          onPointerUp={drop}
          onPointerCancel={drop}
          onKeyDown={onKey}
          aria-label={`Move ${plant.name}, ${stateWords[plant.state]}`}
        >
          <PlantMark plant={plant} />
        </button>
      ) : (
        <PlantMark plant={plant} />
      )}
      <KitLink to={`plants/${plant.id}`} className={styles.name}>
        {plant.name}
      </KitLink>
      <span className={styles.readings}>
        {plant.latest
          .filter(({ metric }) => isLimited(metric))
          .map(({ metric, value, unit, isStale }) => {
            const reading = formatReading(value, unit, "number", 3);
            return (
              <span key={metric} data-stale={isStale || undefined}>
                {isLimited(metric) ? metricWords[metric] : metric} {reading.figure} {reading.unit}
              </span>
            );
          })}
      </span>
    </div>
  );
}
