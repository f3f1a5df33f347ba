import type { Points } from "@roost/contract/telemetry";

/** The columns of a chart. */
export type Columns = Pick<Points, "at" | "min" | "max" | "avg" | "n">;

/** Lengths of buckets that are chosen from, in seconds: those of the platform's charts. */
const ladderSeconds = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_419_200,
  7_862_400, 15_724_800, 31_449_600,
];

/** The shortest bucket, from `atLeastSeconds` on, of which no more than `maxPoints` touch the range. */
export function resolutionFor(fromMs: number, toMs: number, maxPoints: number, atLeastSeconds = 0): number {
  const rangeSeconds = (toMs - fromMs) / 1_000;
  const fits = (seconds: number) => seconds >= atLeastSeconds && Math.ceil(rangeSeconds / seconds) + 1 <= maxPoints;
  return ladderSeconds.find(fits) ?? (ladderSeconds.at(-1) as number);
}

/** Puts columns of several nodes into one, oldest first; what falls into one bucket becomes one point. */
export function mergeColumns(parts: readonly Columns[], { joinsEqual }: { readonly joinsEqual: boolean }): Columns {
  const all = parts.flatMap((part) =>
    part.at.map((at, index) => ({
      at,
      min: part.min[index] ?? Number.NaN,
      max: part.max[index] ?? Number.NaN,
      avg: part.avg[index] ?? Number.NaN,
      n: part.n[index] ?? 0,
    })),
  );
  all.sort((one, other) => one.at - other.at);
  const points: typeof all = [];
  for (const point of all) {
    const before = points.at(-1);
    if (!joinsEqual || before?.at !== point.at) {
      points.push(point);
      continue;
    }
    const n = before.n + point.n;
    points[points.length - 1] = {
      at: point.at,
      min: Math.min(before.min, point.min),
      max: Math.max(before.max, point.max),
      avg: n === 0 ? before.avg : (before.avg * before.n + point.avg * point.n) / n,
      n,
    };
  }
  return {
    at: points.map(({ at }) => at),
    min: points.map(({ min }) => min),
    max: points.map(({ max }) => max),
    avg: points.map(({ avg }) => avg),
    n: points.map(({ n }) => n),
  };
}

const weekSeconds = 604_800;
// 1970-01-01 was a Thursday; weeks begin on Monday.
const mondayMs = 4 * 86_400_000;

/** Hours put into longer buckets, counted in UTC. */
export function coarser(hours: Columns, resolutionSeconds: number): Columns {
  const stepMs = resolutionSeconds * 1_000;
  const shiftMs = resolutionSeconds % weekSeconds === 0 ? mondayMs : 0;
  const at = hours.at.map((ms) => Math.floor((ms - shiftMs) / stepMs) * stepMs + shiftMs);
  return mergeColumns([{ ...hours, at }], { joinsEqual: true });
}
