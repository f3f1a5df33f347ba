import type { Severity } from "@roost/contract/alarms";
import { type AlarmRule, ruleAt } from "@roost/contract/rules";
import type { LiveSample, Points } from "@roost/contract/telemetry";
import { convert } from "@roost/contract/units";

/** Columns as the chart draws them: instants in epoch seconds, then min, max and average; `null` where the line must break. */
export type Columns = [at: number[], min: (number | null)[], max: (number | null)[], avg: (number | null)[]];

/**
 * The longest pause in seconds that still counts as uninterrupted: three times the usual distance between two points, at least one
 * and a half buckets. A device that sends every 5 minutes has no gaps because buckets are finer than that.
 */
export function longestPause(at: readonly number[], resolutionSeconds: number): number {
  const floor = Math.max(1.5 * resolutionSeconds, 3);
  if (at.length < 3) return floor;
  const distances = at.slice(1).map((instant, index) => (instant - (at[index] ?? instant)) / 1_000);
  distances.sort((a, b) => a - b);
  return Math.max(floor, 3 * (distances[distances.length >> 1] ?? 0));
}

/** Points as columns, with an empty point in each gap so that no line is drawn over what was not measured. */
export function toColumns(points: Pick<Points, "at" | "min" | "max" | "avg" | "resolutionSeconds">): Columns {
  const columns: Columns = [[], [], [], []];
  const pause = longestPause(points.at, points.resolutionSeconds) * 1_000;
  let before: number | undefined;
  for (const [index, at] of points.at.entries()) {
    if (before !== undefined && at - before > pause) push(columns, (before + at) / 2, null, null, null);
    push(columns, at, points.min[index] ?? null, points.max[index] ?? null, points.avg[index] ?? null);
    before = at;
  }
  return columns;
}

function push([ats, mins, maxs, avgs]: Columns, atMs: number, min: number | null, max: number | null, avg: number | null): void {
  ats.push(atMs / 1_000);
  mins.push(min);
  maxs.push(max);
  avgs.push(avg);
}

/**
 * Indices of points to be drawn as dots: the ends of stretches between two gaps that are no line one could see, of a single point or shorter than
 * `shortest`, as with the first minutes of a device in the chart of a day.
 */
export function lonePoints(
  values: readonly (number | null | undefined)[],
  at: readonly (number | null | undefined)[] = [],
  shortest = 0,
): number[] {
  const lone: number[] = [];
  let first = 0;
  for (const [index, value] of values.entries()) {
    if (typeof value !== "number") continue;
    if (typeof values[index - 1] !== "number") first = index;
    if (typeof values[index + 1] === "number") continue;
    if (first === index || (at[index] ?? 0) - (at[first] ?? 0) < shortest) lone.push(index);
  }
  return lone;
}

/** What a chart shows, in figures: for those who do not see it. */
export interface Summary {
  readonly lowest: number;
  readonly lowestAt: Date;
  readonly highest: number;
  readonly highestAt: Date;
  /** Weighted by how many values stand behind each point. */
  readonly average: number;
  readonly count: number;
  readonly gaps: number;
}

export function summarise(points: Points): Summary | undefined {
  if (points.at.length === 0) return undefined;
  let low = 0;
  let high = 0;
  let sum = 0;
  let count = 0;
  for (const [index] of points.at.entries()) {
    if ((points.min[index] ?? Infinity) < (points.min[low] ?? Infinity)) low = index;
    if ((points.max[index] ?? -Infinity) > (points.max[high] ?? -Infinity)) high = index;
    const n = points.n[index] ?? 1;
    sum += (points.avg[index] ?? 0) * n;
    count += n;
  }
  const gaps = toColumns(points)[3].filter((value) => value === null).length;
  return {
    lowest: points.min[low] ?? 0,
    lowestAt: new Date(points.at[low] ?? 0),
    highest: points.max[high] ?? 0,
    highestAt: new Date(points.at[high] ?? 0),
    average: sum / count,
    count,
    gaps,
  };
}

/**
 * Points with newly stored samples at their end, and without what left the range.
 *
 * Samples older than the newest point wait for the next question to the server: late data belongs into its own bucket, which only the
 * server can recount.
 *
 * @param keepFromMs - Start of what is still shown.
 */
export function appendSamples(points: Points, samples: readonly LiveSample[], keepFromMs: number): Points {
  const { at, min, max, avg, n } = {
    at: [...points.at],
    min: [...points.min],
    max: [...points.max],
    avg: [...points.avg],
    n: [...points.n],
  };
  const bucketMs = points.resolutionSeconds * 1_000;
  for (const sample of samples.toSorted((a, b) => a.at - b.at)) {
    const last = at.length - 1;
    const lastAt = at[last];
    if (lastAt !== undefined && sample.at < lastAt) continue;
    if (bucketMs === 0) {
      if (sample.at === lastAt) continue;
      at.push(sample.at);
    } else if (lastAt !== undefined && sample.at < lastAt + bucketMs) {
      const before = n[last] ?? 0;
      min[last] = Math.min(min[last] ?? sample.value, sample.value);
      max[last] = Math.max(max[last] ?? sample.value, sample.value);
      avg[last] = ((avg[last] ?? 0) * before + sample.value) / (before + 1);
      n[last] = before + 1;
      continue;
    } else {
      at.push(
        lastAt === undefined
          ? Math.floor(sample.at / bucketMs) * bucketMs
          : lastAt + Math.floor((sample.at - lastAt) / bucketMs) * bucketMs,
      );
    }
    min.push(sample.value);
    max.push(sample.value);
    avg.push(sample.value);
    n.push(1);
  }
  // One point stays before the edge, so that the line comes in from outside.
  const gone = Math.max(0, at.findIndex((instant) => instant >= keepFromMs) - 1);
  const cut = <T>(column: T[]): T[] => column.slice(gone);
  return { ...points, at: cut(at), min: cut(min), max: cut(max), avg: cut(avg), n: cut(n) };
}

/** A limit to draw: what lies on its far side raises an alarm. */
export interface Limit {
  readonly value: number;
  readonly side: "above" | "below";
  readonly severity: Severity;
}

/** The limits of a metric's rules in force for a device, with the exceptions of its site, in the metric's unit. */
export function limitsOf(
  rules: readonly AlarmRule[],
  metric: string,
  { unit, siteId }: { readonly unit?: string; readonly siteId?: string } = {},
): Limit[] {
  return rules.flatMap((rule): Limit[] => {
    const effective = ruleAt(rule, siteId);
    if (effective === undefined) return [];
    const { condition, severity } = effective;
    if ((condition.kind !== "threshold" && condition.kind !== "trend") || condition.metric !== metric) return [];
    return (["above", "below"] as const).flatMap((side) => {
      const limit = condition[side];
      const value = limit === undefined ? undefined : convert(limit, condition.unit ?? unit ?? "1", unit ?? condition.unit ?? "1");
      return value === undefined ? [] : [{ value, side, severity }];
    });
  });
}

/**
 * The range of the value axis: all data with a margin, and each limit that lies near enough not to flatten the line (within the data's
 * own height above or below it).
 */
export function valueRange(
  low: number | null | undefined,
  high: number | null | undefined,
  limits: readonly Limit[],
  kind: "number" | "boolean",
): [number, number] {
  if (kind === "boolean") return [-0.15, 1.15];
  if (typeof low !== "number" || typeof high !== "number") return [0, 1];
  const height = high - low;
  const reach = height === 0 ? Math.max(Math.abs(high) * 0.2, 1e-6) : height;
  const near = limits.map((limit) => limit.value).filter((value) => value >= low - reach && value <= high + reach);
  const bottom = Math.min(low, ...near);
  const top = Math.max(high, ...near);
  const margin = top === bottom ? Math.max(Math.abs(top) * 0.05, 0.5) : (top - bottom) * 0.08;
  // A quantity that is never negative keeps its zero: no axis below it for a margin's sake.
  const floor = low >= 0 && bottom >= 0 && bottom - margin < 0 ? 0 : bottom - margin;
  return [floor, top + margin];
}
