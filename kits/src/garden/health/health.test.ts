import { describe, expect, it } from "vitest";

import { healthIssue } from "../contract/health.ts";
import type { Band, LimitedMetric, PlantLimits } from "../contract/limits.ts";
import { staleAfterMs } from "../plants/plant-state.ts";
import { brightestHour, isCurrent, judgeHealth } from "./health.ts";
import type { Hours, Reading, Readings } from "./health.ts";
import { hourMs, startMs } from "./test-series.ts";
import { agoWords } from "./trend-words.ts";
import type { HourMean } from "./trend.ts";

const nowMs = startMs + 100 * hourMs;
const minuteMs = 60_000;
const band = (min: number | null, max: number | null): Band => ({ min, max });
const reading = (value: number, over: Partial<Reading> & { ageMs?: number } = {}): Reading => {
  const { ageMs = minuteMs, ...rest } = over;
  return { value, measuredAt: new Date(nowMs - ageMs), deviceId: "node-1", isSuspect: false, staleAfterMs: staleAfterMs(60), ...rest };
};
const judge = (limits: PlantLimits, readings: Readings, hours: Hours = {}) => judgeHealth({ limits, nodes: 1, readings, hours, nowMs });
/** The last hours up to now, the newest last. */
const lately = (means: readonly number[]): HourMean[] =>
  means.map((mean, index) => ({ at: nowMs - (means.length - index) * hourMs, mean, min: mean, max: mean }));

const soil = band(20, 80);

describe("the status of a plant", () => {
  it.each<[string, LimitedMetric, Band, number, string]>([
    ["well inside", "soil_moisture", soil, 50, "optimal"],
    ["within a tenth of the band of its lower edge", "soil_moisture", soil, 26, "warning"],
    ["just further from it", "soil_moisture", soil, 26.1, "optimal"],
    ["within a tenth of its upper edge", "soil_moisture", soil, 74, "warning"],
    ["on the limit", "soil_moisture", soil, 20, "warning"],
    ["beyond by less than 30 % of the band", "soil_moisture", soil, 5, "warning"],
    ["beyond by 30 % of the band", "soil_moisture", soil, 2, "warning"],
    ["beyond by more than 30 % of the band", "soil_moisture", soil, 1.9, "critical"],
    ["beyond the upper limit by more than 30 %", "soil_moisture", soil, 98.1, "critical"],
    ["beyond a single limit by less than 30 % of it", "humidity", band(40, null), 28, "warning"],
    ["beyond a single limit by more than 30 % of it", "humidity", band(40, null), 27.9, "critical"],
    ["beyond a limit of 0", "temperature", band(0, null), -0.1, "warning"],
    ["beyond a limit of 0 by more than 30 % of a usual band", "temperature", band(0, null), -3.7, "critical"],
    ["far from a single limit of temperature, which is no measure of itself", "temperature", band(null, 5), 8.5, "warning"],
    ["at 0 with 0 as the lowest there is", "soil_moisture", band(0, 80), 0, "optimal"],
  ])("GA-16, GA-23: is judged by a value %s: %s %o at %d is %s", (_what, metric, limits, value, status) => {
    expect(judge({ [metric]: limits }, { [metric]: reading(value) }).status).toBe(status);
  });

  it("GA-16: names the value, the limit it violates, the side and when it was measured, in a sentence", () => {
    const { issues, text } = judge({ soil_moisture: soil }, { soil_moisture: reading(12.34) });
    expect(issues).toEqual([
      {
        metric: "soil_moisture",
        severity: "warning",
        value: 12.34,
        measuredAt: new Date(nowMs - minuteMs),
        deviceId: "node-1",
        limit: 20,
        direction: "min",
        isBeyond: true,
        text: "Soil moisture is 12.3 %, below its limit of 20 %.",
      },
    ]);
    expect(text).toBe(issues[0]?.text);
    expect(healthIssue.encode(issues[0] ?? expect.fail("no issue")).measuredAt).toBe(new Date(nowMs - minuteMs).toISOString());
  });

  it("GA-16: takes the worst of several, and lists it first", () => {
    const { status, issues, text } = judge(
      { soil_moisture: soil, temperature: band(18, 30), humidity: band(40, 80) },
      { soil_moisture: reading(22), temperature: reading(31), humidity: reading(20) },
    );
    expect(status).toBe("critical");
    expect(issues.map(({ metric, severity, isBeyond }) => [metric, severity, isBeyond])).toEqual([
      ["humidity", "critical", true],
      ["temperature", "warning", true],
      ["soil_moisture", "warning", false],
    ]);
    expect(text).toBe("Humidity is 20 %, below its limit of 40 %. 2 more to look at.");
  });

  it("GA-16: leaves out metrics without limits, however far they are", () => {
    expect(
      judge({ soil_moisture: soil, temperature: band(null, null) }, { soil_moisture: reading(50), temperature: reading(70) }),
    ).toMatchObject({
      status: "optimal",
      issues: [],
      unjudged: [],
    });
  });
});

describe("what is unknown", () => {
  it.each<[string, PlantLimits, Readings, number, RegExp]>([
    ["without a node", { soil_moisture: soil }, {}, 0, /^No node stands/],
    ["with a node that never sent anything", { soil_moisture: soil }, {}, 1, /not sent a value yet/],
    ["without limits", {}, { soil_moisture: reading(50) }, 1, /^No limits are set/],
    ["with bands that limit nothing", { soil_moisture: band(null, null) }, { soil_moisture: reading(50) }, 1, /^No limits are set/],
    [
      "with a value of yesterday",
      { soil_moisture: soil },
      { soil_moisture: reading(50, { ageMs: 30 * hourMs }) },
      1,
      /last measured 30 hours ago: 50 %/,
    ],
    ["with a value that is doubted", { soil_moisture: soil }, { soil_moisture: reading(50, { isSuspect: true }) }, 1, /doubtful/],
    [
      "with limits on what no node measures",
      { humidity: band(40, 80) },
      { soil_moisture: reading(50) },
      1,
      /no node of this plant measures it/,
    ],
    [
      "with one sensor fallen silent beside others that are well",
      { soil_moisture: soil, temperature: band(18, 30) },
      { soil_moisture: reading(50, { ageMs: 20 * minuteMs }), temperature: reading(22) },
      1,
      /^Soil moisture was last measured/,
    ],
  ])("GA-16: is said of a plant %s, and why", (_what, limits, readings, nodes, text) => {
    const verdict = judgeHealth({ limits, nodes, readings, hours: {}, nowMs });
    expect(verdict).toMatchObject({ status: "unknown", issues: [] });
    expect(verdict.text).toMatch(text);
  });

  it("GA-16: does not hide what is known to be wrong", () => {
    const verdict = judge(
      { soil_moisture: soil, temperature: band(18, 30) },
      { soil_moisture: reading(50, { ageMs: hourMs }), temperature: reading(40) },
    );
    expect(verdict).toMatchObject({ status: "critical", unjudged: [{ metric: "soil_moisture", because: "stale" }] });
  });

  it("GA-16: is not said for a sensor that the plant never had", () => {
    const verdict = judge({ soil_moisture: soil, light_level: band(200, null) }, { soil_moisture: reading(50) });
    expect(verdict).toMatchObject({ status: "optimal", unjudged: [{ metric: "light_level", because: "never_measured" }] });
  });

  it("GA-16, GA-18: a value that is doubted is not current, however fresh", () => {
    expect(isCurrent(reading(50, { isSuspect: true }), nowMs)).toBe(false);
  });

  it.each([
    [60, 3 * minuteMs, true],
    [60, 3 * minuteMs + 1, false],
    [1_800, 90 * minuteMs, true],
    [1_800, 90 * minuteMs + 1, false],
  ])("GA-16, GA-23: a value of a node that sends every %d s, %d ms old, is current: %s", (paceSeconds, ageMs, expected) => {
    expect(isCurrent(reading(50, { ageMs, staleAfterMs: staleAfterMs(paceSeconds) }), nowMs)).toBe(expected);
  });
});

describe("light", () => {
  const day = [0, 0, 0, 0, 0, 0, 10, 80, 300, 700, 900, 950, 940, 800, 500, 200, 60, 5, 0, 0, 0, 0, 0, 0];
  const limits = { light_level: band(800, 16_000) };

  it.each<[string, Readings, Hours, string, string | undefined]>([
    ["dark at night after a bright day", { light_level: reading(0) }, { light_level: lately(day) }, "optimal", undefined],
    [
      "dark at night after a dull day",
      { light_level: reading(0) },
      { light_level: lately(day.map((lux) => lux * 0.8)) },
      "warning",
      undefined,
    ],
    [
      "dark at night after a dark day",
      { light_level: reading(0) },
      { light_level: lately(day.map((lux) => lux / 4)) },
      "critical",
      undefined,
    ],
    ["dark at night, on from dusk", { light_level: reading(0) }, { light_level: lately(day.slice(-8)) }, "unknown", "part_of_a_day"],
    ["bright, on since an hour", { light_level: reading(1_200) }, { light_level: lately([1_100]) }, "optimal", undefined],
    ["bright, without any history", { light_level: reading(1_200) }, {}, "optimal", undefined],
    ["in the blazing sun", { light_level: reading(20_801) }, { light_level: lately(day) }, "critical", undefined],
    ["in the blazing sun for the first hour", { light_level: reading(17_000) }, {}, "warning", undefined],
    ["silent since noon", { light_level: reading(900, { ageMs: 6 * hourMs }) }, { light_level: lately(day) }, "unknown", "stale"],
  ])("GA-16: is judged by the brightest hour of a day: %s", (_what, readings, hours, status, because) => {
    const verdict = judge(limits, readings, hours);
    expect([verdict.status, verdict.unjudged[0]?.because]).toEqual([status, because]);
  });

  it("GA-16: says which hour was the brightest, and when", () => {
    const { issues } = judge(limits, { light_level: reading(0) }, { light_level: lately(day.map((lux) => lux / 2)) });
    expect(issues[0]).toMatchObject({
      value: 475,
      limit: 800,
      direction: "min",
      text: "The brightest hour of the last day had 475 lx, below its limit of 800 lx.",
    });
    expect(issues[0]?.measuredAt).toEqual(new Date(nowMs - 13 * hourMs));
  });

  it("GA-16: does not remember the sun of the day before", () => {
    expect(brightestHour(lately([50_000, ...day, 0]), nowMs)?.value).toBe(950);
    expect(brightestHour([], nowMs)).toBeUndefined();
  });
});

describe("how long ago", () => {
  it.each([
    [0, "a minute ago"],
    [0.09, "5 minutes ago"],
    [0.999, "1 hour ago"],
    [30, "30 hours ago"],
    [72, "3 days ago"],
  ])("GA-16: %d hours are said as %s", (hours, words) => {
    expect(agoWords(hours)).toBe(words);
  });
});
