import type { Trend } from "../contract/health.ts";
import type { LimitedMetric } from "../contract/limits.ts";
import { testTrend } from "./mann-kendall.ts";
import { describeTrend } from "./trend-words.ts";

/** What was measured in one hour. */
export interface HourMean {
  /** Epoch milliseconds at which the hour begins. */
  readonly at: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
}

const hourMs = 3_600_000;
/** Chance makes a trend of nothing in one of a hundred series, be they as short or as sluggish as those of a week are. */
const significant = 0.01;
/** Fewer say nothing. */
const leastHours = 6;
/** Of so many hours there must be the like on another day, which takes a day and a half: in less, the daily cycle and a trend look the same. */
const leastSameHours = 12;
/** From here on soil too is compared by the hour of the day: its probe feels the temperature a little. */
const soilCycleHours = 48;
/** A direction of values older than this is history. */
const oldHours = 6;

/** What goes up and down with the sun. The soil does not, or barely: what falls in it is drunk. */
const isCyclic: Readonly<Record<LimitedMetric, boolean>> = { soil_moisture: false, temperature: true, humidity: true, light_level: true };

/**
 * A smaller change over the whole time is none, however certain: the accuracy of the sensors (DHT22: 0.5 °C and 2 to 5 %), and what a capacitive
 * probe swings with the temperature. Of light, a share of its mean besides.
 */
const leastChange: Readonly<Record<LimitedMetric, number>> = { soil_moisture: 3, temperature: 1.5, humidity: 5, light_level: 50 };
const leastLightShare = 0.15;

/** In less than a day the probe's own daily swing is no more than half seen. */
const leastSoilChangeInPartOfADay = 4;
/**
 * Soil that moved this many points, and this many times its scatter, moved: neither temperature nor noise does that to a probe. The test of chance
 * cannot say so of a day, since it looks at ranks only, and a day of hours that resemble each other has few.
 */
const evidentPoints = 5;
const evidentScatters = 6;

/** A pot dries ever slower: how it dries now is how it dried in the last days. */
const soilHours = 72;

/** Soil that is this much wetter than an hour or two before, and clearly out of its own noise, was watered. */
const wateringPoints = 4;
const wateringNoise = 8;

/**
 * Says where a metric goes.
 *
 * Cyclic metrics are compared with the same hour of other days, so that a day's rise and fall is no trend; with less than a day and a half of them
 * nothing is said. Soil is judged since it was last watered: 24 hours in which it falls are a trend.
 *
 * @param hours - Oldest first, at most one for each hour; a missing hour is missing, not 0.
 */
export function trendOf(metric: LimitedMetric, hours: readonly HourMean[], nowMs: number): Trend {
  const found = directionOf(metric, hours, nowMs);
  const last = hours.at(-1);
  const day = last === undefined ? [] : hours.filter(({ at }) => at > last.at - 24 * hourMs);
  const trend = { metric, ...found, ...summaryOf(day) };
  return { ...trend, text: describeTrend(trend) };
}

type Direction = Omit<Trend, "metric" | "text" | "average" | "min" | "max">;

function directionOf(metric: LimitedMetric, all: readonly HourMean[], nowMs: number): Direction {
  const hours = metric === "soil_moisture" ? sinceWatered(all).slice(-soilHours) : all;
  const spanHours = spanOf(hours);
  const unknown = (because: Trend["because"]): Direction => ({ direction: "unknown", because, hours: hours.length, spanHours });
  const newest = all.at(-1);
  if (newest === undefined || nowMs - newest.at > (oldHours + 1) * hourMs) return unknown("no_data");
  if (hours.length < leastHours) return unknown(hours.length < all.length && all.length >= leastHours ? "just_watered" : "too_little_data");
  const comparesDays = isCyclic[metric] || spanHours >= soilCycleHours;
  const points = hours.map(({ at, mean }) => ({ hour: Math.round(at / hourMs), value: mean }));
  const test = testTrend(points, comparesDays ? 24 : 1);
  if (test === undefined || (comparesDays && test.pairs < leastSameHours))
    return unknown(isCyclic[metric] ? "daily_cycle" : "too_little_data");
  const change = Math.abs(test.slope) * spanHours;
  const isEvident = metric === "soil_moisture" && change >= Math.max(evidentPoints, evidentScatters * test.scatter);
  const isTrend = isEvident || (test.pValue < significant && change >= leastChangeOf(metric, hours, spanHours));
  return {
    direction: isTrend ? (test.slope > 0 ? "rising" : "falling") : "stable",
    slopePerDay: test.slope * 24,
    slopeLow: test.low * 24,
    slopeHigh: test.high * 24,
    ...(isEvident ? {} : { pValue: test.pValue }),
    hours: hours.length,
    spanHours,
  };
}

function leastChangeOf(metric: LimitedMetric, hours: readonly HourMean[], spanHours: number): number {
  if (metric === "soil_moisture" && spanHours < 24) return leastSoilChangeInPartOfADay;
  if (metric !== "light_level") return leastChange[metric];
  const mean = hours.reduce((sum, hour) => sum + hour.mean, 0) / hours.length;
  return Math.max(leastChange.light_level, leastLightShare * mean);
}

/** From the beginning of the first hour to the end of the last. */
function spanOf(hours: readonly HourMean[]): number {
  const [first, last] = [hours.at(0), hours.at(-1)];
  return first === undefined || last === undefined ? 0 : (last.at - first.at) / hourMs + 1;
}

/** The hours after the last watering; all of them where there was none. The hour of the watering itself is half dry, half wet, and left out. */
function sinceWatered(hours: readonly HourMean[]): readonly HourMean[] {
  const steps = hours.slice(1).map((hour, index) => Math.abs(hour.mean - (hours[index]?.mean ?? 0)));
  const usual = [...steps].sort((one, other) => one - other)[Math.floor(steps.length / 2)] ?? 0;
  const jump = Math.max(wateringPoints, wateringNoise * usual);
  for (let index = hours.length - 1; index > 0; index -= 1) {
    const hour = hours[index];
    const before = hours[index - 1];
    if (hour === undefined || before === undefined) continue;
    // Across a gap nobody knows whether it rose at once; that it is wetter is enough to begin anew.
    if (hour.mean - before.mean >= jump) return hours.slice(index + 1);
  }
  return hours;
}

function summaryOf(day: readonly HourMean[]): Pick<Trend, "average" | "min" | "max"> {
  if (day.length === 0) return {};
  return {
    average: day.reduce((sum, { mean }) => sum + mean, 0) / day.length,
    min: Math.min(...day.map(({ min }) => min)),
    max: Math.max(...day.map(({ max }) => max)),
  };
}
