import { describe, expect, it } from "vitest";

import type { Trend } from "../contract/health.ts";
import type { LimitedMetric } from "../contract/limits.ts";
import { testTrend } from "./mann-kendall.ts";
import { afterSeries, hourMs, seriesOf, startMs } from "./test-series.ts";
import type { SeriesRecipe } from "./test-series.ts";
import { trendOf } from "./trend.ts";
import type { HourMean } from "./trend.ts";

const seeds = 100;

/** How many of the seeds' series get each direction. */
function countDirections(metric: LimitedMetric, recipe: SeriesRecipe): Record<Trend["direction"], number> {
  const counts = { rising: 0, falling: 0, stable: 0, unknown: 0 };
  for (let seed = 0; seed < seeds; seed += 1) {
    const series = seriesOf(seed, recipe);
    counts[trendOf(metric, series, afterSeries(series)).direction] += 1;
  }
  return counts;
}

const hoursOf = (means: readonly number[]): HourMean[] =>
  means.map((mean, index) => ({ at: startMs + index * hourMs, mean, min: mean - 1, max: mean + 1 }));
const trendNow = (metric: LimitedMetric, series: readonly HourMean[]) => trendOf(metric, series, afterSeries(series));

const temperature: SeriesRecipe = { hours: 0, level: 21, swing: 4, weather: 0.2, noise: 0.7, gaps: 0.05 };
const humidity: SeriesRecipe = { hours: 0, level: 55, swing: 12, weather: 0.2, noise: 3, gaps: 0.05 };
const light: SeriesRecipe = { hours: 0, level: 0, swing: 5_000, weather: 0.6, noise: 100, gaps: 0.05, floor: 0 };
const soil: SeriesRecipe = { hours: 0, level: 50, swing: 1.5, noise: 0.5, gaps: 0.05 };
const flatSoil: SeriesRecipe = { hours: 0, level: 50, noise: 1, gaps: 0.05 };

describe("a daily cycle", () => {
  const cycles = (
    [
      ["temperature", temperature],
      ["humidity", humidity],
      ["light_level", light],
      ["soil_moisture", soil],
      ["soil_moisture", flatSoil],
    ] as const
  ).flatMap(([metric, recipe]) =>
    [8, 12, 24, 48, 72, 168].flatMap((hours) =>
      [0, 0.8, 0.95].map((likeness) => [metric, hours, likeness, { ...recipe, hours, likeness }] as const),
    ),
  );

  it.each(cycles)(
    "GA-17: %s over %d hours with noise that lasts by %d is called a trend in less than 5 in 100 series",
    (metric, hours, _likeness, recipe) => {
      const counts = countDirections(metric, recipe);
      expect((counts.rising + counts.falling) / seeds).toBeLessThan(0.05);
      // What has two days to compare is judged, and not waved through.
      if (hours >= 48) expect(counts.stable / seeds).toBeGreaterThan(0.95);
    },
  );

  it.each(["temperature", "humidity", "light_level"] as const)(
    "GA-17: the rise of %s in a morning is told from no trend, and the reason said",
    (metric) => {
      const morning = trendNow(metric, hoursOf([10, 12, 15, 19, 24, 30, 36, 41]));
      expect(morning).toMatchObject({ direction: "unknown", because: "daily_cycle", hours: 8, spanHours: 8 });
      expect(morning.text).toContain("two days");
    },
  );
});

describe("a drift", () => {
  it.each<[string, LimitedMetric, SeriesRecipe, Trend["direction"]]>([
    ["air that warms in five days", "temperature", { ...temperature, hours: 120, likeness: 0.5, driftPerDay: 1.5 }, "rising"],
    ["air that cools in a week", "temperature", { ...temperature, hours: 168, likeness: 0.8, driftPerDay: -1.2 }, "falling"],
    [
      "air that cools by 3 °C from one day to the next",
      "temperature",
      { ...temperature, hours: 48, weather: 0, noise: 0.5, driftPerDay: -3 },
      "falling",
    ],
    ["air that dries in a week", "humidity", { ...humidity, hours: 168, likeness: 0.5, driftPerDay: -5 }, "falling"],
    ["air that gets damp in a week", "humidity", { ...humidity, hours: 168, likeness: 0.5, driftPerDay: 5 }, "rising"],
    [
      "light that wanes in a week",
      "light_level",
      { ...light, hours: 168, level: 3_000, swing: 3_000, weather: 0.1, driftPerDay: -250 },
      "falling",
    ],
    ["soil that falls for 24 hours", "soil_moisture", { ...soil, hours: 24, swing: 0, level: 70, driftPerDay: -8 }, "falling"],
    [
      "soil that falls for 24 hours, with hours that resemble each other",
      "soil_moisture",
      { ...soil, hours: 24, swing: 0, likeness: 0.8, driftPerDay: -8 },
      "falling",
    ],
    [
      "soil that falls for 24 hours under a swing",
      "soil_moisture",
      { ...soil, hours: 24, swing: 1, level: 70, driftPerDay: -8 },
      "falling",
    ],
    ["soil that falls for two days under a swing", "soil_moisture", { ...soil, hours: 48, likeness: 0.8, driftPerDay: -8 }, "falling"],
    [
      "a pot that dries ever slower",
      "soil_moisture",
      { ...soil, hours: 96, level: 10, shape: (hour) => 60 * Math.exp(-hour / 120) },
      "falling",
    ],
    ["soil that gets wetter by the rain of a day", "soil_moisture", { ...soil, hours: 24, swing: 0, driftPerDay: 25 }, "rising"],
  ])("GA-17: %s is found in more than 95 in 100 series", (_what, metric, recipe, expected) => {
    expect(countDirections(metric, recipe)[expected] / seeds).toBeGreaterThan(0.95);
  });

  it("GA-17: tells the slope with an interval that holds the true one, as often as it says", () => {
    let held = 0;
    let width = 0;
    for (let seed = 0; seed < seeds; seed += 1) {
      const series = seriesOf(seed, { ...temperature, hours: 168, weather: 0, likeness: 0.5, driftPerDay: 1.5 });
      const { slopeLow = Infinity, slopeHigh = -Infinity } = trendNow("temperature", series);
      if (slopeLow <= 1.5 && 1.5 <= slopeHigh) held += 1;
      width += (slopeHigh - slopeLow) / seeds;
    }
    expect(held / seeds).toBeGreaterThan(0.9);
    expect(width).toBeLessThan(0.4);
  });
});

describe("what a trend says", () => {
  it("GA-17: falls from 62 to 50 % in a day, in one sentence with its figures", () => {
    const day = hoursOf(Array.from({ length: 25 }, (_, hour) => 62 - hour / 2));
    expect(trendNow("soil_moisture", day)).toEqual({
      metric: "soil_moisture",
      direction: "falling",
      slopePerDay: -12,
      slopeLow: expect.closeTo(-12, 6),
      slopeHigh: expect.closeTo(-12, 6),
      average: expect.closeTo(55.75, 9),
      min: 49,
      max: 62.5,
      hours: 25,
      spanHours: 25,
      text: "Soil moisture falls by about 12 points a day, over 25 hours.",
    });
  });

  it("GA-17: rises from 0, where a share of the beginning would be none", () => {
    const fromZero = hoursOf(Array.from({ length: 24 }, (_, hour) => hour));
    expect(trendNow("soil_moisture", fromZero)).toMatchObject({ direction: "rising", slopePerDay: 24 });
  });

  it("GA-17: is steady where nothing changes at all, and at 0", () => {
    for (const level of [0, 40]) {
      const flat = trendNow("soil_moisture", hoursOf(Array.from({ length: 72 }, () => level)));
      expect(flat).toMatchObject({ direction: "stable", slopePerDay: 0, average: level });
      expect(flat.text).toBe(`Soil moisture is steady over 3 days, at ${level} % on average in the last day.`);
    }
  });

  it("GA-17: is not decided by its two ends", () => {
    const steady = Array.from({ length: 24 }, (_, hour) => 50 + (hour % 2) / 2);
    expect(trendNow("soil_moisture", hoursOf([46.5, ...steady, 53.5])).direction).toBe("stable");
  });

  it("GA-17: sums up the last 24 hours only, whatever came before", () => {
    const hot = Array.from({ length: 48 }, () => 35);
    const mild = Array.from({ length: 24 }, () => 20);
    expect(trendNow("temperature", hoursOf([...hot, ...mild]))).toMatchObject({ average: 20, min: 19, max: 21 });
  });

  it("GA-17: missing hours are missing: a gap of a day is not a fall to 0", () => {
    const series = hoursOf(Array.from({ length: 96 }, () => 45)).filter((_, hour) => hour < 30 || hour > 54);
    expect(trendNow("soil_moisture", series)).toMatchObject({ direction: "stable", min: 44, hours: 71, spanHours: 96 });
  });

  it.each<[string, LimitedMetric, HourMean[], number, Trend["because"]]>([
    ["no values at all", "temperature", [], 0, "no_data"],
    ["values of an hour", "soil_moisture", hoursOf([50]), 0, "too_little_data"],
    ["values of five hours", "soil_moisture", hoursOf([50, 45, 40, 35, 30]), 0, "too_little_data"],
    ["values that ended half a day ago", "soil_moisture", hoursOf(Array.from({ length: 24 }, (_, hour) => 60 - hour)), 12, "no_data"],
    [
      "no hour that has its like on another day",
      "temperature",
      hoursOf(Array.from({ length: 36 }, () => 20)).filter((_, hour) => hour < 10 || hour > 33),
      0,
      "daily_cycle",
    ],
  ])("GA-17: says nothing of %s, and why", (_what, metric, series, hoursLater, because) => {
    const found = trendOf(metric, series, afterSeries(series) + hoursLater * hourMs);
    expect(found).toMatchObject({ direction: "unknown", because, hours: series.length });
    expect(found.slopePerDay).toBeUndefined();
  });

  it("GA-17: soil is judged since it was watered: dry for days, watered yesterday, falling again", () => {
    const dry = Array.from({ length: 72 }, (_, hour) => 60 - hour / 2);
    const again = Array.from({ length: 24 }, (_, hour) => 75 - hour / 2);
    expect(trendNow("soil_moisture", hoursOf([...dry, 50, ...again]))).toMatchObject({ direction: "falling", slopePerDay: -12, hours: 23 });
    expect(trendNow("soil_moisture", hoursOf([...dry, 50, ...again.slice(0, 4)]))).toMatchObject({
      direction: "unknown",
      because: "just_watered",
    });
  });

  it("GA-17: soil that was watered twice in a week is not rising for that", () => {
    const pot = (from: number) => Array.from({ length: 60 }, (_, hour) => from - hour / 3);
    expect(trendNow("soil_moisture", hoursOf([...pot(50), ...pot(60), ...pot(70)])).direction).toBe("falling");
  });
});

describe("the test of chance", () => {
  it("GA-17: is as strict as it says with independent values", () => {
    let found = 0;
    const runs = 600;
    for (let seed = 0; seed < runs; seed += 1) {
      const points = seriesOf(seed, { hours: 60, level: 0, noise: 1 }).map(({ at, mean }) => ({ hour: at / hourMs, value: mean }));
      if ((testTrend(points, 1)?.pValue ?? 1) < 0.1) found += 1;
    }
    expect(found / runs).toBeGreaterThan(0.03);
    expect(found / runs).toBeLessThan(0.14);
  });

  it("GA-17: has nothing to say of a single value", () => {
    expect(testTrend([], 24)).toBeUndefined();
    expect(testTrend([{ hour: 3, value: 1 }], 1)).toBeUndefined();
    expect(
      testTrend(
        [
          { hour: 3, value: 1 },
          { hour: 4, value: 2 },
        ],
        24,
      ),
    ).toBeUndefined();
  });

  it("GA-17: does not mind hours before the epoch", () => {
    const points = Array.from({ length: 72 }, (_, index) => ({ hour: index - 40, value: index / 24 + Math.sin((index * Math.PI) / 12) }));
    // Three days: each hour of the day has three pairs.
    expect(testTrend(points, 24)).toMatchObject({ slope: expect.closeTo(1 / 24, 9), pairs: 72 });
  });
});
