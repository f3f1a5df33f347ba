import { NumberInput } from "@mantine/core";

import { type LimitedMetric, limitedMetrics, type PlantLimits } from "../contract/limits.ts";
import { metricUnits, metricWords, placeOnBar } from "./plant-words.ts";

import styles from "./limits-editor.module.css";

/** What is typed: empty is no limit, 0 is one. */
export type LimitDraft = Readonly<Record<LimitedMetric, { readonly min: number | ""; readonly max: number | "" }>>;

export function draftOf(limits: PlantLimits): LimitDraft {
  const side = (value: number | null | undefined) => value ?? "";
  return Object.fromEntries(
    limitedMetrics.map((metric) => [metric, { min: side(limits[metric]?.min), max: side(limits[metric]?.max) }]),
  ) as LimitDraft;
}

/** What the draft says, as the API takes it: null clears. */
export function changeOf(draft: LimitDraft) {
  const side = (value: number | "") => (value === "" ? null : value);
  return Object.fromEntries(
    limitedMetrics.map((metric) => {
      const [min, max] = [side(draft[metric].min), side(draft[metric].max)];
      return [metric, min === null && max === null ? null : { min, max }];
    }),
  ) as Record<LimitedMetric, { min: number | null; max: number | null } | null>;
}

export function isReversed(draft: LimitDraft, metric: LimitedMetric): boolean {
  const { min, max } = draft[metric];
  return min !== "" && max !== "" && min > max;
}

const possible: Readonly<Record<LimitedMetric, readonly [number, number]>> = {
  soil_moisture: [0, 100],
  temperature: [-40, 80],
  humidity: [0, 100],
  light_level: [0, 120_000],
};

/** The limits of a plant: two figures for each metric and a picture of the band between them. Empty is no limit. */
export function LimitsEditor({ draft, onChange }: { readonly draft: LimitDraft; readonly onChange: (draft: LimitDraft) => void }) {
  const put = (metric: LimitedMetric, side: "min" | "max", value: string | number) =>
    onChange({ ...draft, [metric]: { ...draft[metric], [side]: value === "" ? "" : Number(value) } });
  return (
    <div className={styles.limits}>
      {limitedMetrics.map((metric) => {
        const { min, max } = draft[metric];
        const reversed = isReversed(draft, metric);
        const [from, to] = [min === "" ? 0 : placeOnBar(metric, min), max === "" ? 1 : placeOnBar(metric, max)];
        const [least, most] = possible[metric];
        const field = {
          min: least,
          max: most,
          clampBehavior: "strict" as const,
          hideControls: true,
          inputMode: "decimal" as const,
          suffix: ` ${metricUnits[metric]}`,
          thousandSeparator: " ",
        };
        return (
          <fieldset key={metric} className={styles.limit}>
            <legend>{metricWords[metric]}</legend>
            <NumberInput
              {...field}
              label="From"
              placeholder="no limit"
              value={min}
              onChange={(value) => put(metric, "min", value)}
              error={reversed && "The lower limit is above the upper one."}
            />
            <NumberInput {...field} label="To" placeholder="no limit" value={max} onChange={(value) => put(metric, "max", value)} />
            <svg className={styles.bar} viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false">
              <rect className={styles.track} width="100" height="6" />
              {!reversed && (min !== "" || max !== "") && (
                <rect className={styles.band} x={from * 100} width={Math.max(1, (to - from) * 100)} height="6" />
              )}
            </svg>
          </fieldset>
        );
      })}
    </div>
  );
}
