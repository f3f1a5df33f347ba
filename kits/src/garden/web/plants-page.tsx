import { Button } from "@mantine/core";
import { Empty } from "@roost/web/parts/empty.tsx";
import { Chips, Filters, SearchField } from "@roost/web/parts/filters.tsx";
import { formatPlural } from "@roost/web/parts/format.ts";
import { AlarmIcon, PlusIcon } from "@roost/web/parts/icons.tsx";
import { KitLink, useKitNavigate, useKitSearch } from "@roost/web/parts/kit-link.tsx";
import { List } from "@roost/web/parts/list.tsx";
import { Page } from "@roost/web/parts/page.tsx";
import { useMay } from "@roost/web/roost.tsx";
import { Link } from "@tanstack/react-router";
import { memo } from "react";

import { type Plant, plantState, type PlantState } from "../contract/plants.ts";
import { useNodes, usePlants } from "./garden-api.ts";
import { PlantMark } from "./plant-mark.tsx";
import { PlantPicture } from "./plant-picture.tsx";
import { PlantReadings } from "./plant-readings.tsx";
import { stateWords, unknownWords } from "./plant-words.ts";
import { useWaitingCount } from "./waiting-nodes.ts";

import styles from "./plants-page.module.css";

const worstFirst: readonly PlantState[] = ["critical", "warning", "stale", "unknown", "healthy"];

/** All plants: what needs somebody first, each with its readings in their bands. */
export function PlantsPage() {
  const { q = "", state: asked, by } = useKitSearch();
  const state = plantState.safeParse(asked).data;
  const go = useKitNavigate();
  const query = usePlants({ q, state });
  const counts = query.data?.pages[0]?.counts;
  const all = counts === undefined ? undefined : worstFirst.reduce((sum, one) => sum + (counts[one] ?? 0), 0);
  const show = (change: Record<string, string | undefined>, replace = false) =>
    go("", { search: { q: q === "" ? undefined : q, state, by, ...change }, replace });
  return (
    <Page title="Plants" actions={<PlantActions />}>
      <Attention />
      <Filters>
        <Chips
          label="State"
          value={state}
          onChange={(next) => show({ state: next })}
          choices={[
            { value: undefined, label: "All", count: all },
            ...worstFirst.map((one) => ({
              value: one,
              label: stateWords[one],
              count: counts?.[one] ?? (counts === undefined ? undefined : 0),
            })),
          ]}
        />
        <SearchField label="Name, species or place" value={q} onChange={(text) => show({ q: text === "" ? undefined : text }, true)} />
        <Chips
          label="Order"
          value={by === "name" ? "name" : undefined}
          onChange={(next) => show({ by: next })}
          choices={[
            { value: undefined, label: "Worst first" },
            { value: "name", label: "By name" },
          ]}
        />
      </Filters>
      <List query={query} noun="plants" rowHeight={220} empty={<NoPlants filtered={q !== "" || state !== undefined} />}>
        {(plants) => (
          <ul className={styles.cards} aria-label="Plants">
            {(by === "name" ? plants : inOrder(plants)).map((plant) => (
              <PlantCard key={plant.id} plant={plant} />
            ))}
          </ul>
        )}
      </List>
    </Page>
  );
}

function inOrder(plants: readonly Plant[]): readonly Plant[] {
  return plants.toSorted((one, other) => worstFirst.indexOf(one.state) - worstFirst.indexOf(other.state));
}

function PlantActions() {
  const may = useMay("garden:write");
  return (
    <>
      <KitLink to="plan" className={styles.quietLink}>
        Floor plan
      </KitLink>
      <KitLink to="settings" className={styles.quietLink}>
        Settings
      </KitLink>
      {may && (
        <Button component={KitLink} to="plants/new" leftSection={<PlusIcon size={18} />}>
          Add plant
        </Button>
      )}
    </>
  );
}

/** What somebody has to do before all plants are looked after. */
function Attention() {
  const idle = useNodes({ assigned: "no" }).data?.pages[0]?.counts.unassigned ?? 0;
  const registrations = useWaitingCount();
  if (idle === 0 && registrations === 0) return null;
  return (
    <output className={styles.attention}>
      {registrations > 0 && (
        <KitLink to="nodes" search={{ show: "waiting" }}>
          {formatPlural(registrations, "node waits", "nodes wait")} for your approval
        </KitLink>
      )}
      {idle > 0 && (
        <KitLink to="nodes" search={{ show: "unassigned" }}>
          {formatPlural(idle, "node measures", "nodes measure")} without a plant
        </KitLink>
      )}
    </output>
  );
}

function NoPlants({ filtered }: { readonly filtered: boolean }) {
  const may = useMay("garden:write");
  if (filtered) {
    return (
      <Empty title="No plant fits this filter.">
        <KitLink to="">Show all plants</KitLink>
      </Empty>
    );
  }
  return (
    <Empty title="No plants yet.">
      <p>
        Add the first one: choose its species, and it begins with sensible limits. To see how it looks with life in it, sign in once by{" "}
        <code>npx roost login</code>, then:
      </p>
      <code>npx roost simulate garden --plants 5 --days 3 --speed max</code>
      {may && (
        <Button component={KitLink} to="plants/new">
          Add plant
        </Button>
      )}
    </Empty>
  );
}

const PlantCard = memo(function PlantCard({ plant }: { readonly plant: Plant }) {
  const about = [plant.species, plant.place].filter((part) => part !== undefined).join(" · ");
  const [node] = plant.nodes;
  return (
    <li className={styles.card} data-state={plant.state}>
      <div className={styles.head}>
        <PlantPicture plant={plant} />
        <div className={styles.who}>
          <h2>
            <KitLink to={`plants/${plant.id}`} className={styles.name}>
              {plant.name}
            </KitLink>
          </h2>
          {about !== "" && <span className={styles.about}>{about}</span>}
          <PlantMark plant={plant} />
          {plant.openAlarms > 0 && node !== undefined && (
            <Link className={styles.alarms} to="/devices/$deviceId/alarms" params={{ deviceId: node.deviceId }} search={{}}>
              <AlarmIcon size={15} /> {formatPlural(plant.openAlarms, "open alarm")}
            </Link>
          )}
        </div>
      </div>
      {plant.state === "unknown" && plant.why !== undefined && <p className={styles.why}>{unknownWords[plant.why]}</p>}
      <PlantReadings plant={plant} className={styles.readings} />
    </li>
  );
});
