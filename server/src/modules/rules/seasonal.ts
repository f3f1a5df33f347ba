/** What an hour of values comes to. */
export interface HourOfValues {
  /** Beginning of the hour, epoch milliseconds. */
  readonly atMs: number;
  readonly min: number;
  readonly max: number;
  readonly avg: number;
}

/** What is usual at an instant. */
export interface Usual {
  readonly centre: number;
  /** The usual deviation; never 0. */
  readonly scale: number;
}

/** What was learned of a metric. */
export interface AnomalyModel {
  /** `undefined` where too little is known. */
  usualAt(us: number): Usual | undefined;
}

/** Learns what is usual from hours of values; the place where a stronger detector goes. */
export type LearnUsual = (hours: readonly HourOfValues[]) => AnomalyModel;

/** Days of one hour of the day below which nothing is said of it. */
const leastDays = 5;
/** Makes the median absolute deviation of normally distributed values their standard deviation. @see Rousseeuw and Croux 1993 */
const madScale = 1.4826;
const hourMs = 3_600_000;

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * Median and median absolute deviation by hour of the day (UTC): neither a few odd days nor a broken sensor among them move what is usual. What a
 * value does within an hour, the steep hours of a day above all, belongs to what is usual there.
 */
export const learnSeasonal: LearnUsual = (hours) => {
  const byHour = Array.from({ length: 24 }, (): HourOfValues[] => []);
  for (const one of hours) byHour[Math.floor(one.atMs / hourMs) % 24]?.push(one);
  const everywhere = hours.map(({ avg }) => avg);
  const middle = median(everywhere);
  // A value that never changed has no deviation of its own: a small part of how it usually stands is allowed.
  const floor = Math.max(1e-9, 0.02 * median(everywhere.map((avg) => Math.abs(avg - middle))), 0.002 * Math.abs(middle));
  const usual = byHour.map((days): Usual | undefined => {
    if (days.length < leastDays) return undefined;
    const centre = median(days.map(({ avg }) => avg));
    const mad = madScale * median(days.map(({ avg }) => Math.abs(avg - centre)));
    const within = median(days.map(({ min, max }) => (max - min) / 2));
    return { centre, scale: Math.max(floor, mad + within / 2) };
  });
  return { usualAt: (us) => usual[Math.floor(us / (hourMs * 1_000)) % 24] };
};
