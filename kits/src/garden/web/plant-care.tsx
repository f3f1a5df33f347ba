import { Button } from "@mantine/core";
import { Age } from "@roost/web/parts/age.tsx";
import { Fault } from "@roost/web/parts/fault.tsx";
import { formatExact, formatMetric, formatMinute, formatValue } from "@roost/web/parts/format.ts";
import { KitLink } from "@roost/web/parts/kit-link.tsx";
import { Section } from "@roost/web/parts/page.tsx";
import { Bone } from "@roost/web/parts/waiting.tsx";
import { useApi, useMay } from "@roost/web/roost.tsx";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import {
  analyzePlant,
  type CarePlan,
  type CareWork,
  type Citation,
  compareCarePlans,
  getCarePlan,
  listCarePlans,
} from "../contract/care.ts";
import type { Plant } from "../contract/plants.ts";

import styles from "./plant-care.module.css";

const busyStates: ReadonlySet<CareWork["state"]> = new Set(["queued", "running"]);

/** The care plan a model wrote, each claim with the readings it rests on. Opening the page asks no model and costs nothing. */
export function PlantCare({ plant }: { readonly plant: Plant }) {
  const { call } = useApi();
  const may = useMay("garden:write");
  const queryClient = useQueryClient();
  const params = { plantId: plant.id };
  const { data, error, refetch } = useQuery({
    queryKey: ["garden", "care-plan", plant.id],
    queryFn: ({ signal }) => call(getCarePlan, { params, signal }),
    refetchInterval: ({ state }) => (state.data !== undefined && busyStates.has(state.data.work.state) ? 2_000 : 60_000),
  });
  const analyze = useMutation({
    mutationFn: () => call(analyzePlant, { params }),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["garden", "care-plan", plant.id] }),
  });
  const isBusy = analyze.isPending || (data !== undefined && busyStates.has(data.work.state));
  return (
    <Section
      title="Care plan"
      about="Written by the model of your own choice from what was measured here. It proposes; nothing acts on it but you."
      actions={
        may ? (
          <Button variant="default" onClick={() => analyze.mutate()} loading={isBusy}>
            {data?.plan === undefined ? "Write a plan" : "Write a new plan"}
          </Button>
        ) : undefined
      }
    >
      {data === undefined && error === null && <Bone height={140} />}
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {analyze.isError && <Fault error={analyze.error} />}
      {data !== undefined && (
        <div className={styles.care}>
          {isTold(data.work) && <Work work={data.work} />}
          {data.plan === undefined ? <NoPlan work={data.work} /> : <Plan plan={data.plan} />}
          {data.drift.filter(({ isFar }) => isFar).length > 0 && (
            <ul className={styles.drift} aria-label="What has changed since the plan">
              {data.drift
                .filter(({ isFar }) => isFar)
                .map(({ metric, text }) => (
                  <li key={metric}>{text}</li>
                ))}
            </ul>
          )}
          {data.plan !== undefined && <Earlier plantId={plant.id} />}
        </div>
      )}
    </Section>
  );
}

/** Whoever set up no model did not ask for one: the line below says where to, once. */
function isTold({ state, reason }: CareWork): boolean {
  return state !== "done" && state !== "idle" && reason !== "no_model";
}

function Work({ work }: { readonly work: CareWork }) {
  return (
    <p className={styles.work} data-state={work.state} role={busyStates.has(work.state) ? "status" : undefined}>
      {work.message}
      {work.nextTryAt !== undefined && (
        <>
          {" "}
          Tried again <Age at={work.nextTryAt} />.
        </>
      )}
    </p>
  );
}

function NoPlan({ work }: { readonly work: CareWork }) {
  return (
    <p className="quiet">
      No plan yet. {work.state === "idle" ? work.message : ""} Advice by rules stands under Health and needs no model.{" "}
      <KitLink to="settings">{work.reason === "no_model" ? "Set up a model" : "Model settings"}</KitLink>
    </p>
  );
}

function Plan({ plan }: { readonly plan: CarePlan }) {
  const { summary, watering, light, humidity, temperature, alerts, tips } = plan.body;
  return (
    <article className={styles.plan} aria-label="The care plan">
      <p className={styles.from}>
        Written <Age at={plan.generatedAt} /> by {plan.model}
      </p>
      <p className={styles.summary}>
        {summary.text} <Cites cites={summary.cites} />
      </p>
      {alerts.length > 0 && (
        <ul className={styles.alerts} aria-label="Alerts">
          {alerts.map(({ text, cites }) => (
            <li key={text}>
              {text} <Cites cites={cites} />
            </li>
          ))}
        </ul>
      )}
      <dl className={styles.parts}>
        <dt>Water</dt>
        <dd>
          {watering.frequency}, {watering.amount}. Next on <strong>{formatDay(watering.nextDate)}</strong>. <Cites cites={watering.cites} />
        </dd>
        {(
          [
            ["Light", light],
            ["Humidity", humidity],
            ["Temperature", temperature],
          ] as const
        ).map(([word, part]) => (
          <Part key={word} word={word} part={part} />
        ))}
      </dl>
      {tips.length > 0 && (
        <ul aria-label="Tips">
          {tips.map(({ text, cites }) => (
            <li key={text}>
              {text} <Cites cites={cites} />
            </li>
          ))}
        </ul>
      )}
    </article>
  );
}

function Part({ word, part }: { readonly word: string; readonly part: CarePlan["body"]["light"] }) {
  return (
    <>
      <dt>{word}</dt>
      <dd>
        {part.current === undefined ? "Not measured" : `Now ${formatValue(part.current.value, part.current.unit)}`}, ideal {part.ideal}.{" "}
        {part.recommendation} <Cites cites={part.cites} />
      </dd>
    </>
  );
}

/** The readings a claim rests on: value and time, as it was measured. */
function Cites({ cites }: { readonly cites: readonly Citation[] }) {
  if (cites.length === 0) return null;
  return (
    <span className={styles.cites}>
      {cites.map(({ deviceId, metric, value, unit, measuredAt }) => (
        <cite
          key={`${deviceId} ${metric} ${measuredAt.getTime()}`}
          title={`${formatMetric(metric)} by ${deviceId}, ${formatExact(measuredAt)}`}
        >
          {formatMetric(metric).toLowerCase()} {formatValue(value, unit)}, {formatMinute(measuredAt)}
        </cite>
      ))}
    </span>
  );
}

function Earlier({ plantId }: { readonly plantId: string }) {
  const { call } = useApi();
  const [open, setOpen] = useState(false);
  const { data, error } = useQuery({
    queryKey: ["garden", "care-plans", plantId],
    queryFn: ({ signal }) => call(listCarePlans, { params: { plantId }, signal }),
    enabled: open,
  });
  return (
    <details className={styles.earlier} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Earlier plans, and what changed</summary>
      {error !== null && <Fault error={error} />}
      {data !== undefined && data.items.length < 2 && <p className="quiet">This is the first one.</p>}
      {data?.items.slice(0, -1).map((plan) => (
        <Differences key={plan.id} plantId={plantId} plan={plan} />
      ))}
    </details>
  );
}

function Differences({ plantId, plan }: { readonly plantId: string; readonly plan: CarePlan }) {
  const { call } = useApi();
  const { data, error } = useQuery({
    queryKey: ["garden", "care-differences", plan.id],
    queryFn: ({ signal }) => call(compareCarePlans, { params: { plantId, carePlanId: plan.id }, signal }),
    staleTime: Infinity,
  });
  return (
    <section className={styles.differences}>
      <h3>{formatMinute(plan.generatedAt)}</h3>
      {error !== null && <Fault error={error} />}
      {data !== undefined && data.items.length === 0 && <p className="quiet">As before.</p>}
      <ul>
        {data?.items.map((one) => (
          <li key={`${one.field} ${one.text}`}>{one.text}</li>
        ))}
      </ul>
    </section>
  );
}

function formatDay(day: string): string {
  const at = new Date(`${day}T12:00:00Z`);
  return Number.isNaN(at.getTime())
    ? day
    : at.toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "long", timeZone: "UTC" });
}
