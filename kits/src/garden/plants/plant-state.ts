import type { Alarm } from "@roost/contract/alarms";
import type { LatestValue } from "@roost/contract/devices";

import { limitedMetrics } from "../contract/limits.ts";
import type { LimitedMetric, PlantLimits } from "../contract/limits.ts";
import type { Plant, PlantValue } from "../contract/plants.ts";
import { isInUnitOfLimits, isLimiting, standingOf } from "./limits.ts";

/** What is known of a plant's nodes at one moment. */
export interface PlantReading {
  readonly limits: PlantLimits;
  /** Of the nodes that stand at the plant. */
  readonly nodes: readonly {
    readonly deviceId: string;
    /** Seconds between two signs of life. */
    readonly paceSeconds: number;
    readonly latest: readonly LatestValue[];
  }[];
  readonly openAlarms: readonly Pick<Alarm, "kind" | "metric">[];
  readonly nowMs: number;
}

export type PlantCondition = Pick<Plant, "state" | "why" | "newestAt" | "latest">;

/** As many paces may pass without a value before it is no more taken for how things are: as with signs of life. */
const pacesUntilStale = 3;
/** Nodes beat as often as they like and measure once a minute: a value is not old because the next is not due. */
const leastPaceSeconds = 60;

/** By when a value of a node that keeps this pace is old, in milliseconds of age. */
export function staleAfterMs(paceSeconds: number): number {
  return pacesUntilStale * Math.max(paceSeconds, leastPaceSeconds) * 1_000;
}

/**
 * Judges how a plant is. Healthy is said of fresh values inside limits alone: without limits, values or nodes it is unknown, and with old ones stale.
 *
 * Too little light is judged over a day, by the alarm: every night is dark.
 */
export function conditionOf(reading: PlantReading): PlantCondition {
  const { limits, nodes, openAlarms } = reading;
  const latest = newestValues(reading);
  const newestAt = latest.reduce<Date | undefined>(
    (newest, { measuredAt }) => (newest === undefined || measuredAt > newest ? measuredAt : newest),
    undefined,
  );
  const found = { latest, ...(newestAt === undefined ? {} : { newestAt }) };
  if (nodes.length === 0) return { state: "unknown", why: "no_node", ...found };
  const judged = latest.filter(({ standing }) => standing !== undefined);
  const fresh = judged.filter(({ isStale, quality }) => !isStale && quality !== "suspect");
  if (latest.length === 0) return { state: "unknown", why: "no_data", ...found };
  if (latest.every(({ isStale }) => isStale)) return { state: "stale", ...found };
  const isBreached = openAlarms.some(({ kind, metric }) => (kind === "above" || kind === "below") && hasLimits(limits, metric));
  if (isBreached || fresh.some(isOutside)) return { state: "critical", ...found };
  if (!limitedMetrics.some((metric) => isLimiting(limits[metric]))) return { state: "unknown", why: "no_limits", ...found };
  if (latest.some(({ metric, unit }) => hasLimits(limits, metric) && isForeignTo(metric, unit)))
    return { state: "unknown", why: "other_unit", ...found };
  if (judged.length === 0) return { state: "unknown", why: "no_data", ...found };
  // A probe that fell silent beside others that go on: of what it guarded nothing is known any more.
  if (judged.some(({ isStale }) => isStale)) return { state: "stale", ...found };
  // Nor of what the node itself doubts.
  if (fresh.length < judged.length) return { state: "unknown", why: "doubtful", ...found };
  if (fresh.some(isNearEdge)) return { state: "warning", ...found };
  return { state: "healthy", ...found };
}

function hasLimits(limits: PlantLimits, metric: string | undefined): boolean {
  return metric !== undefined && isLimited(metric) && isLimiting(limits[metric]);
}

function isLimited(metric: string): metric is LimitedMetric {
  return (limitedMetrics as readonly string[]).includes(metric);
}

const isForeignTo = (metric: string, unit: string): boolean => isLimited(metric) && !isInUnitOfLimits(metric, unit);

const isOutside = ({ metric, standing }: PlantValue): boolean => standing === "above" || (standing === "below" && metric !== "light_level");
const isNearEdge = ({ metric, standing }: PlantValue): boolean =>
  standing === "near_max" || (standing === "near_min" && metric !== "light_level");

/** The newest value of each metric over all nodes; those with limits first, then by name. */
function newestValues({ limits, nodes, nowMs }: PlantReading): PlantValue[] {
  const newest = new Map<string, PlantValue>();
  for (const { deviceId, paceSeconds, latest } of nodes) {
    for (const { metric, value, unit, measuredAt, quality } of latest) {
      const known = newest.get(metric);
      const isForeign = isForeignTo(metric, unit);
      // One that limits can be held against is better than a newer one that they cannot.
      const isBetter = known !== undefined && isForeignTo(metric, known.unit) !== isForeign ? !isForeign : undefined;
      if (!(isBetter ?? (known === undefined || known.measuredAt < measuredAt))) continue;
      const band = isLimited(metric) && !isForeign ? limits[metric] : undefined;
      newest.set(metric, {
        metric,
        value,
        unit,
        measuredAt,
        quality,
        deviceId: deviceId as PlantValue["deviceId"],
        // What its node calls old is old, whenever it was sent.
        isStale: quality === "stale" || nowMs - measuredAt.getTime() > staleAfterMs(paceSeconds),
        ...(isLimited(metric) && isLimiting(band) ? { standing: standingOf(metric, band, value) } : {}),
      });
    }
  }
  const rank = (metric: string) => (isLimited(metric) ? limitedMetrics.indexOf(metric) : limitedMetrics.length);
  return [...newest.values()].toSorted((one, other) => rank(one.metric) - rank(other.metric) || (one.metric < other.metric ? -1 : 1));
}
