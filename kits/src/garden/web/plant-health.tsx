import { Age } from "@roost/web/parts/age.tsx";
import { Fault } from "@roost/web/parts/fault.tsx";
import { formatValue } from "@roost/web/parts/format.ts";
import { Section } from "@roost/web/parts/page.tsx";
import { Bone } from "@roost/web/parts/waiting.tsx";
import { useApi } from "@roost/web/roost.tsx";
import { useQuery } from "@tanstack/react-query";

import { type Advice, checkHealth, type HealthCheck, type Trend } from "../contract/health.ts";
import { healthWords, metricUnits, metricWords } from "./plant-words.ts";

import styles from "./plant-health.module.css";

const priorityWords: Readonly<Record<Advice["priority"], string>> = { urgent: "Today", soon: "Soon", note: "Good to know" };
const arrows: Readonly<Record<Trend["direction"], string>> = { rising: "↗", falling: "↘", stable: "→", unknown: "?" };

/** How the plant is and what to do, by rules alone: it needs no model and costs nothing. */
export function PlantHealth({ plantId }: { readonly plantId: string }) {
  const { call } = useApi();
  const { data, error, refetch } = useQuery({
    queryKey: ["garden", "health", plantId],
    queryFn: ({ signal }) => call(checkHealth, { params: { plantId }, signal }),
    refetchInterval: 60_000,
  });
  return (
    <Section title="Health" about="By its newest values, its limits and the trends of the last week.">
      {data === undefined && error === null && <Bone height={120} />}
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {data !== undefined && <Findings health={data} />}
    </Section>
  );
}

function Findings({ health }: { readonly health: HealthCheck }) {
  const { state, word } = healthWords(health);
  return (
    <div className={styles.findings}>
      <p className={styles.status} data-state={state}>
        <strong>{word}.</strong> {health.text}
      </p>
      {health.issues.length > 0 && (
        <ul className={styles.list} aria-label="What is wrong">
          {health.issues.map((issue) => (
            <li key={`${issue.metric} ${issue.direction}`} data-severity={issue.severity}>
              {issue.text}
            </li>
          ))}
        </ul>
      )}
      {health.recommendations.length > 0 && (
        <ul className={styles.advice} aria-label="What to do">
          {health.recommendations.map((one) => (
            <li key={`${one.rule} ${one.text}`} data-priority={one.priority}>
              <span className={styles.priority}>{priorityWords[one.priority]}</span>
              <span>
                {one.text}
                {one.reading !== undefined && (
                  <span className={styles.rests}>
                    {" "}
                    ({metricWords[one.reading.metric].toLowerCase()} {formatValue(one.reading.value, metricUnits[one.reading.metric])},{" "}
                    <Age at={one.reading.measuredAt} />)
                  </span>
                )}
              </span>
            </li>
          ))}
        </ul>
      )}
      {health.dryForecast !== undefined && <p className={styles.forecast}>{health.dryForecast.text}</p>}
      <ul className={styles.trends} aria-label="Trends">
        {health.trends.map((trend) => (
          <li key={trend.metric} data-direction={trend.direction}>
            <span aria-hidden="true">{arrows[trend.direction]}</span> {trend.text}
          </li>
        ))}
        {health.unjudged.map(({ metric, text }) => (
          <li key={`${metric} unjudged`} data-direction="unknown">
            <span aria-hidden="true">?</span> {text}
          </li>
        ))}
      </ul>
    </div>
  );
}
