import type { LatestValue } from "@roost/contract/devices";
import { memo } from "react";

import { useMoment } from "../roost.tsx";
import { Age } from "./age.tsx";
import { formatExact, formatMetric, formatReading, isStale } from "./format.ts";

import styles from "./figure.module.css";

interface FigureProps {
  readonly latest: Pick<LatestValue, "metric" | "unit" | "value" | "measuredAt" | "quality">;
  readonly kind?: "number" | "boolean";
  readonly heartbeatSeconds: number;
  /** Significant digits: three for a glance over many, four for a look at one. */
  readonly digits?: 3 | 4;
}

/** A metric's newest value with unit and age. A stale value is grey and its age stands out; what is doubted says so. */
export const Figure = memo(function Figure({ latest, kind = "number", heartbeatSeconds, digits = 4 }: FigureProps) {
  const { figure, unit } = formatReading(latest.value, latest.unit, kind, digits);
  const stale = useMoment((now) => isStale(latest.measuredAt, latest.quality, heartbeatSeconds, now));
  return (
    <div className={styles.figure} data-stale={stale || undefined} title={`${latest.metric}, measured ${formatExact(latest.measuredAt)}`}>
      <span className={styles.metric}>{formatMetric(latest.metric)}</span>
      <span className={styles.value}>
        {figure}
        {unit !== "" && <span className={styles.unit}> {unit}</span>}
      </span>
      <span className={styles.age}>
        {stale && <span className={styles.stale}>stale </span>}
        <Age at={latest.measuredAt} short />
        {latest.quality !== "ok" && latest.quality !== "stale" && <span className={styles.doubt}> {latest.quality}</span>}
      </span>
    </div>
  );
});
