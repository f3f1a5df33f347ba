import type { Unit } from "@roost/contract/units";

import type { HealthCheck } from "../contract/health.ts";
import { type Band, type LimitedMetric, limitedMetrics } from "../contract/limits.ts";
import type { Plant, PlantState, PlantValue } from "../contract/plants.ts";

/** What people call the metrics of a plant, in the order to show them. */
export const metricWords: Readonly<Record<LimitedMetric, string>> = {
  soil_moisture: "Soil",
  temperature: "Air",
  humidity: "Humidity",
  light_level: "Light",
};

export const metricUnits: Readonly<Record<LimitedMetric, Unit>> = {
  soil_moisture: "%",
  temperature: "°C",
  humidity: "%",
  light_level: "lx",
};

/** What a bar shows from end to end: where plants live, not what sensors can. */
export const barRange: Readonly<Record<LimitedMetric, readonly [from: number, to: number]>> = {
  soil_moisture: [0, 100],
  temperature: [0, 45],
  humidity: [0, 100],
  light_level: [0, 50_000],
};

export const stateWords: Readonly<Record<PlantState, string>> = {
  healthy: "Well",
  warning: "Near a limit",
  critical: "Outside its limits",
  stale: "Silent",
  unknown: "Not known",
};

/**
 * What the health check found, in the words of the plant's mark and one more: the check tells a breach from a grave one, and the mark does not.
 * Its state is the mark's, so that one breach has one colour.
 */
export function healthWords({ status, issues, unjudged }: Pick<HealthCheck, "status" | "issues" | "unjudged">): {
  state: PlantState;
  word: string;
} {
  if (status === "optimal") return { state: "healthy", word: stateWords.healthy };
  if (status === "unknown") {
    const state = unjudged.some(({ because }) => because === "stale") ? "stale" : "unknown";
    return { state, word: stateWords[state] };
  }
  if (status === "critical") return { state: "critical", word: "Far outside its limits" };
  const state = issues.some(({ isBeyond }) => isBeyond) ? "critical" : "warning";
  return { state, word: stateWords[state] };
}

export const unknownWords: Readonly<Record<NonNullable<Plant["why"]>, string>> = {
  no_node: "No node stands here yet.",
  no_data: "Its node has not measured anything yet.",
  no_limits: "It has no limits to judge by.",
  doubtful: "Its node doubts the newest value.",
  other_unit: "It is measured in a unit that its limits are not in.",
};

export const standingWords: Readonly<Record<NonNullable<PlantValue["standing"]>, string>> = {
  inside: "inside its limits",
  near_min: "near the lower limit",
  near_max: "near the upper limit",
  below: "below the lower limit",
  above: "above the upper limit",
};

export function isLimited(metric: string): metric is LimitedMetric {
  return (limitedMetrics as readonly string[]).includes(metric);
}

/**
 * Where a value stands on a bar, from 0 to 1. Light is felt by its order of magnitude, so its bar goes by the square root.
 */
export function placeOnBar(metric: LimitedMetric, value: number): number {
  const [from, to] = barRange[metric];
  const share = Math.min(1, Math.max(0, (value - from) / (to - from)));
  return metric === "light_level" ? Math.sqrt(share) : share;
}

/** A band in words: `20 to 60 %`, `at least 200 lx`, `no limits`. */
export function bandWords(band: Band | undefined, unit: string): string {
  const { min = null, max = null } = band ?? {};
  if (min === null && max === null) return "no limits";
  if (min === null) return `at most ${max} ${unit}`;
  return max === null ? `at least ${min} ${unit}` : `${min} to ${max} ${unit}`;
}
