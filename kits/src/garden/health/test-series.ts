import type { HourMean } from "./trend.ts";

export const hourMs = 3_600_000;
/** 2026-06-01T00:00Z. */
export const startMs = 1_780_272_000_000;

/** Even numbers from 0 to 1, the same for the same seed (mulberry32). */
function chanceOf(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What a series is made of. */
export interface SeriesRecipe {
  readonly hours: number;
  /** Where it begins. */
  readonly level: number;
  readonly driftPerDay?: number;
  /** Half of what lies between night and day. */
  readonly swing?: number;
  /** Days differ in their swing by up to this share, up and down. */
  readonly weather?: number;
  /** Standard deviation. */
  readonly noise?: number;
  /** How much of the noise of one hour goes on in the next. */
  readonly likeness?: number;
  /** Share of hours without values. */
  readonly gaps?: number;
  /** Takes the place of the straight drift. */
  readonly shape?: (hour: number) => number;
  /** Nothing below: light at night. */
  readonly floor?: number;
}

/** A series of hourly means, by a seed. It begins at any hour of the day. */
export function seriesOf(seed: number, recipe: SeriesRecipe): HourMean[] {
  const {
    hours,
    level,
    driftPerDay = 0,
    swing = 0,
    weather = 0,
    noise = 0,
    likeness = 0,
    gaps = 0,
    floor = Number.NEGATIVE_INFINITY,
  } = recipe;
  const chance = chanceOf(seed + 1);
  const bell = () => Math.sqrt(-2 * Math.log(1 - chance())) * Math.cos(2 * Math.PI * chance());
  const begins = Math.floor(chance() * 24);
  const series: HourMean[] = [];
  let disturbance = noise * bell();
  let today = 1;
  for (let hour = 0; hour < hours; hour += 1) {
    if (hour % 24 === 0) today = 1 + weather * (2 * chance() - 1);
    disturbance = likeness * disturbance + Math.sqrt(1 - likeness ** 2) * noise * bell();
    const cycle = swing * today * Math.sin((2 * Math.PI * (begins + hour)) / 24);
    const mean = Math.max(level + (recipe.shape?.(hour) ?? (driftPerDay * hour) / 24) + cycle + disturbance, floor);
    if (chance() >= gaps) series.push({ at: startMs + (begins + hour) * hourMs, mean, min: mean, max: mean });
  }
  return series;
}

/** A moment after the last hour of a series. */
export function afterSeries(series: readonly HourMean[]): number {
  return (series.at(-1)?.at ?? startMs) + hourMs;
}
