import { Age } from "@roost/web/parts/age.tsx";
import { formatExact, formatReading } from "@roost/web/parts/format.ts";

import type { Band, LimitedMetric } from "../contract/limits.ts";
import type { PlantValue } from "../contract/plants.ts";
import { bandWords, metricUnits, metricWords, placeOnBar, standingWords } from "./plant-words.ts";

import styles from "./band-bar.module.css";

/** A reading in its band: what is fine drawn as a stretch, the value as a mark on it, both said in words too. */
export function BandBar({
  metric,
  band,
  latest,
}: {
  readonly metric: LimitedMetric;
  readonly band: Band | undefined;
  readonly latest: PlantValue | undefined;
}) {
  const unit = metricUnits[metric];
  const from = band?.min === undefined || band.min === null ? 0 : placeOnBar(metric, band.min);
  const to = band?.max === undefined || band.max === null ? 1 : placeOnBar(metric, band.max);
  const reading = latest === undefined ? undefined : formatReading(latest.value, latest.unit, "number", 3);
  // Every night is dark: light is judged by the day, and the bar shows what it is now.
  const stands = metric === "light_level" && latest?.standing !== "above" ? undefined : latest?.standing;
  const standing = stands === undefined ? "" : `, ${standingWords[stands]}`;
  return (
    <div
      className={styles.row}
      data-stale={latest?.isStale === true || undefined}
      title={`${metricWords[metric]}: ${bandWords(band, unit)}${standing}${latest === undefined ? "" : `; measured ${formatExact(latest.measuredAt)}`}`}
    >
      <span className={styles.word}>{metricWords[metric]}</span>
      <svg className={styles.bar} viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <rect className={styles.track} x="0" y="4" width="100" height="4" rx="2" />
        {band !== undefined && (
          <rect className={styles.band} x={from * 100} y="4" width={Math.max(1, (to - from) * 100)} height="4" rx="2" />
        )}
        {latest !== undefined && (
          <rect
            className={styles.mark}
            data-standing={stands}
            x={Math.min(98.5, Math.max(0, placeOnBar(metric, latest.value) * 100 - 0.9))}
            y="0"
            width="1.8"
            height="12"
          />
        )}
      </svg>
      <span className={styles.value} data-standing={stands}>
        {reading === undefined ? (
          <span className={styles.none}>no value</span>
        ) : (
          <>
            {reading.figure}
            <span className={styles.unit}> {reading.unit}</span>
            {latest?.isStale === true && (
              <span className={styles.age}>
                {" "}
                <Age at={latest.measuredAt} short />
              </span>
            )}
            {(stands === "below" || stands === "above") && (
              <span className={styles.arrow} aria-hidden="true">
                {stands === "below" ? " ▾" : " ▴"}
              </span>
            )}
            {standing !== "" && <span className="unseen">{standing}</span>}
          </>
        )}
      </span>
    </div>
  );
}
