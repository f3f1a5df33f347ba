import { describe, expect, it } from "vitest";

import type { AdviceNumbers, OwnAdviceNumbers, Trend } from "../contract/health.ts";
import type { Band, LimitedMetric, PlantLimits } from "../contract/limits.ts";
import { staleAfterMs } from "../plants/plant-state.ts";
import { advise, effectiveLimits, forecastDry, numbersOf, usualNumbers } from "./advice.ts";
import type { AdviceQuestion } from "./advice.ts";
import type { Reading } from "./health.ts";
import { hourMs, startMs } from "./test-series.ts";

const nowMs = startMs + 100 * hourMs;
const band = (min: number | null, max: number | null): Band => ({ min, max });
const reading = (value: number): Reading => ({
  value,
  measuredAt: new Date(nowMs),
  deviceId: "node-1",
  isSuspect: false,
  staleAfterMs: staleAfterMs(60),
});
const trend = (metric: LimitedMetric, slopePerDay: number, over: Partial<Trend> = {}): Trend => ({
  metric,
  direction: slopePerDay === 0 ? "stable" : slopePerDay > 0 ? "rising" : "falling",
  slopePerDay,
  slopeLow: slopePerDay - 1,
  slopeHigh: slopePerDay + 1,
  hours: 24,
  spanHours: 24,
  text: "",
  ...over,
});

interface Situation {
  readonly limits?: PlantLimits;
  readonly own?: OwnAdviceNumbers;
  readonly values?: Partial<Record<LimitedMetric, number>>;
  readonly slopes?: Partial<Record<LimitedMetric, number>>;
  readonly trends?: readonly Trend[];
  readonly rest?: Partial<AdviceQuestion>;
}

function ask({ limits = {}, own = {}, values = {}, slopes = {}, trends = [], rest = {} }: Situation): AdviceQuestion {
  const found = [...Object.entries(slopes).map(([metric, slope]) => trend(metric as LimitedMetric, slope)), ...trends];
  return {
    numbers: numbersOf(limits, own),
    limits,
    readings: Object.fromEntries(Object.entries(values).map(([metric, value]) => [metric, reading(value)])),
    silent: {},
    trends: Object.fromEntries(found.map((one) => [one.metric, one])),
    hasModel: false,
    ...rest,
  };
}

const said = (situation: Situation) => advise(ask(situation)).map(({ rule, priority }) => `${rule} ${priority}`);
const nothing = ["set_up_model note"];

describe("the rules, without limits of the plant or its species", () => {
  it.each<[string, Situation, string[]]>([
    ["soil below 40 % and falling", { values: { soil_moisture: 39 }, slopes: { soil_moisture: -2 } }, ["water_soon soon"]],
    ["soil at 40 % and falling, days from dry", { values: { soil_moisture: 60 }, slopes: { soil_moisture: -4 } }, nothing],
    ["soil below 40 % and steady", { values: { soil_moisture: 39 }, slopes: { soil_moisture: 0 } }, nothing],
    ["soil below 40 % and rising", { values: { soil_moisture: 39 }, slopes: { soil_moisture: 5 } }, nothing],
    ["soil that reaches 40 % within two days", { values: { soil_moisture: 55 }, slopes: { soil_moisture: -8 } }, ["water_soon soon"]],
    ["soil falling by 10 points a day", { values: { soil_moisture: 75 }, slopes: { soil_moisture: -10 } }, nothing],
    ["soil falling by more", { values: { soil_moisture: 75 }, slopes: { soil_moisture: -10.1 } }, ["drying_fast note"]],
    ["both", { values: { soil_moisture: 35 }, slopes: { soil_moisture: -15 } }, ["water_soon soon", "drying_fast note"]],
    ["soil above 80 % and rising", { values: { soil_moisture: 81 }, slopes: { soil_moisture: 5 } }, ["too_wet soon"]],
    ["soil above 80 % and falling", { values: { soil_moisture: 81 }, slopes: { soil_moisture: -5 } }, nothing],
    ["soil of 80 % and rising", { values: { soil_moisture: 80 }, slopes: { soil_moisture: 5 } }, nothing],
    ["air below 15 °C", { values: { temperature: 14.9 } }, ["too_cold soon"]],
    ["air of 15 °C", { values: { temperature: 15 } }, nothing],
    ["air far below 15 °C", { values: { temperature: 9 } }, ["too_cold urgent"]],
    ["air above 30 °C", { values: { temperature: 30.1 } }, ["too_hot soon"]],
    ["air of 30 °C", { values: { temperature: 30 } }, nothing],
    [
      "air that swings by more than 10 °C",
      { values: { temperature: 22 }, trends: [trend("temperature", 0, { min: 14.9, max: 25 })] },
      ["temperature_swing note"],
    ],
    ["air that swings by 10 °C", { values: { temperature: 22 }, trends: [trend("temperature", 0, { min: 15, max: 25 })] }, nothing],
    ["air drier than 40 %", { values: { humidity: 39 } }, ["dry_air note"]],
    ["air damper than 80 % and rising", { values: { humidity: 81 }, slopes: { humidity: 5 } }, ["damp_air note"]],
    ["air damper than 80 % and steady", { values: { humidity: 81 }, slopes: { humidity: 0 } }, nothing],
    ["any light", { values: { light_level: 0 } }, nothing],
    ["nothing at all", {}, []],
  ])("GA-18: %s", (_what, situation, expected) => {
    expect(said(situation)).toEqual(expected);
  });
});

describe("the rules, with the plant's own limits", () => {
  const cactus: PlantLimits = {
    soil_moisture: band(10, 50),
    temperature: band(5, 40),
    humidity: band(null, 60),
    light_level: band(16_000, null),
  };
  const fern: PlantLimits = {
    soil_moisture: band(50, 90),
    temperature: band(15, 27),
    humidity: band(50, null),
    light_level: band(800, 16_000),
  };
  const dark = { value: 300, measuredAt: new Date(nowMs - 5 * hourMs), isWholeDay: true };

  it.each<[string, Situation, string[]]>([
    ["a cactus at 30 % and falling is fine", { limits: cactus, values: { soil_moisture: 30 }, slopes: { soil_moisture: -2 } }, nothing],
    [
      "a fern at 55 % and falling wants water",
      { limits: fern, values: { soil_moisture: 55 }, slopes: { soil_moisture: -2 } },
      ["water_soon soon"],
    ],
    ["a fern below its limit wants it now, falling or not", { limits: fern, values: { soil_moisture: 49 } }, ["water_now urgent"]],
    [
      "a limit of 0 is one",
      { limits: { soil_moisture: band(0, 80) }, values: { soil_moisture: 11 }, slopes: { soil_moisture: -1 } },
      ["water_soon soon"],
    ],
    ["a cactus at 60 % is too wet, rising or not", { limits: cactus, values: { soil_moisture: 60 } }, ["too_wet soon"]],
    ["a fern at 85 % and rising is not", { limits: fern, values: { soil_moisture: 85 }, slopes: { soil_moisture: 5 } }, nothing],
    ["a cactus in 12 °C and 35 °C is fine", { limits: cactus, values: { temperature: 12 } }, nothing],
    ["a fern in 28 °C is too hot", { limits: fern, values: { temperature: 28 } }, ["too_hot soon"]],
    ["a fern in 32 °C at once", { limits: fern, values: { temperature: 32 } }, ["too_hot urgent"]],
    ["a fern in 45 % is too dry", { limits: fern, values: { humidity: 45 } }, ["dry_air soon"]],
    ["a cactus in 70 % is too damp", { limits: cactus, values: { humidity: 70 } }, ["damp_air soon"]],
    [
      "a fern whose brightest hour was dim wants a window",
      { limits: fern, values: { light_level: 0 }, rest: { brightest: dark } },
      ["too_dark soon"],
    ],
    [
      "a night without a whole day behind it says nothing",
      { limits: fern, values: { light_level: 0 }, rest: { brightest: { ...dark, isWholeDay: false } } },
      nothing,
    ],
    ["a fern in the sun wants out", { limits: fern, values: { light_level: 30_000 } }, ["too_bright soon"]],
    ["a cactus in the sun is fine", { limits: cactus, values: { light_level: 30_000 } }, nothing],
  ])("GA-18: %s", (_what, situation, expected) => {
    expect(said(situation)).toEqual(expected);
  });

  it("GA-18: takes the species' band of a metric where the plant's own limits nothing", () => {
    expect(effectiveLimits({ temperature: band(10, null), humidity: band(null, null) }, fern)).toEqual({
      ...fern,
      temperature: band(10, null),
    });
    expect(effectiveLimits(cactus, undefined)).toEqual(cactus);
  });

  it.each<[string, PlantLimits, OwnAdviceNumbers, Partial<AdviceNumbers>]>([
    ["the usual ones", {}, {}, usualNumbers],
    [
      "those of the limits",
      fern,
      {},
      { waterSoonBelow: 58, tooWetAbove: 90, coldBelow: 15, hotAbove: 27, dryAirBelow: 50, dampAirAbove: 80 },
    ],
    ["a fifth of the usual band above a single limit of 0", { soil_moisture: band(0, null) }, {}, { waterSoonBelow: 12, tooWetAbove: 80 }],
    ["never more than there is", { soil_moisture: band(95, null) }, {}, { waterSoonBelow: 100 }],
    ["what somebody set, 0 included", fern, { waterSoonBelow: 0, swingAbove: 20 }, { waterSoonBelow: 0, swingAbove: 20, tooWetAbove: 90 }],
  ])("GA-18: has numbers that people can change: %s", (_what, limits, own, expected) => {
    expect(numbersOf(limits, own)).toMatchObject(expected);
  });

  it("GA-18: goes by the numbers that were set", () => {
    const situation: Situation = {
      values: { temperature: 22, soil_moisture: 39 },
      slopes: { soil_moisture: -2 },
      trends: [trend("temperature", 0, { min: 12, max: 27 })],
    };
    expect(said(situation)).toEqual(["water_soon soon", "temperature_swing note"]);
    expect(said({ ...situation, own: { swingAbove: 20, waterSoonBelow: 20 } })).toEqual(nothing);
  });
});

describe("what is said together", () => {
  it("GA-18: never to water what is too wet, whatever numbers were set", () => {
    for (let value = 0; value <= 100; value += 1) {
      for (const slope of [-20, -5, 0, 5]) {
        for (const limits of [{}, { soil_moisture: band(20, 80) }, { soil_moisture: band(60, 60) }]) {
          const rules = said({
            limits,
            own: { waterSoonBelow: 95, tooWetAbove: 30 },
            values: { soil_moisture: value },
            slopes: { soil_moisture: slope },
          });
          const water = rules.filter((rule) => /^water_|^drying/.test(rule));
          expect(rules.some((rule) => rule.startsWith("too_wet")) && water.length > 0, `${value} ${slope}`).toBe(false);
          expect(rules.filter((rule) => rule.startsWith("water_")).length).toBeLessThanOrEqual(1);
        }
      }
    }
  });

  it("GA-18: the most urgent comes first, each with the reading it rests on", () => {
    const limits = { soil_moisture: band(20, 80), temperature: band(18, 30) };
    const given = advise(ask({ limits, values: { soil_moisture: 12, temperature: 16, humidity: 30 }, slopes: { soil_moisture: -11 } }));
    expect(given.map(({ rule, priority, reading: rests }) => [rule, priority, rests?.metric, rests?.value])).toEqual([
      ["water_now", "urgent", "soil_moisture", 12],
      ["too_cold", "soon", "temperature", 16],
      ["drying_fast", "note", "soil_moisture", 12],
      ["dry_air", "note", "humidity", 30],
    ]);
    for (const { reading: rests } of given) expect(rests?.measuredAt).toEqual(new Date(nowMs));
    expect(given[0]?.text).toBe("Water now: the soil is at 12 %, below its limit of 20 %.");
  });

  it("GA-18: a silent node is said, by the reading that has waited longest", () => {
    const old = (value: number, hours: number): Reading => ({ ...reading(value), measuredAt: new Date(nowMs - hours * hourMs) });
    const silent = { soil_moisture: old(40, 2), temperature: old(20, 5) };
    const [whole] = advise(ask({ rest: { silent } }));
    expect(whole).toMatchObject({ rule: "node_silent", priority: "soon", reading: { metric: "temperature", value: 20 } });
    expect(whole?.text).toContain("Nothing is heard of its node");
    const [one] = advise(ask({ values: { temperature: 20 }, rest: { silent: { soil_moisture: old(40, 2) } } }));
    expect(one?.text).toContain("Soil moisture is not measured any more");
  });

  it("GA-18: the care plan speaks where no rule does; without one, a hint how to get it", () => {
    const calm: Situation = { values: { soil_moisture: 50 } };
    expect(advise(ask({ ...calm, rest: { tips: ["Turn it weekly.", "Wipe its leaves."] } }))).toEqual([
      { rule: "care_plan", priority: "note", text: "Turn it weekly." },
      { rule: "care_plan", priority: "note", text: "Wipe its leaves." },
    ]);
    expect(said({ values: { temperature: 9 }, rest: { tips: ["Turn it weekly."] } })).toEqual(["too_cold urgent"]);
    expect(advise(ask({ ...calm, rest: { tips: [] } }))[0]?.text).toContain("set up a model");
    expect(advise(ask({ ...calm, rest: { hasModel: true } }))[0]?.text).toContain("ask for a care plan");
  });

  it("GA-18: of a plant that nobody measures, nothing good is said", () => {
    expect(said({ values: {} })).toEqual([]);
    expect(said({ values: {}, rest: { tips: ["Turn it weekly."] } })).toEqual(["care_plan note"]);
  });
});

describe("the forecast", () => {
  const limits = { soil_moisture: band(20, 80) };

  it("GA-18: says in how many days the soil is dry, and how sure that is", () => {
    expect(forecastDry(ask({ limits, values: { soil_moisture: 50 }, slopes: { soil_moisture: -10 } }))).toEqual({
      limit: 20,
      inDays: 3,
      earliestDays: expect.closeTo(30 / 11, 9),
      latestDays: expect.closeTo(30 / 9, 9),
      text: "At this pace the soil is down to 20 % in about 3 days (between 2.5 days and 3.5 days).",
    });
  });

  it("GA-18: has no latest day where it might not fall at all", () => {
    const slow = trend("soil_moisture", -2, { slopeLow: -5, slopeHigh: 0.5 });
    const found = forecastDry(ask({ limits, values: { soil_moisture: 40 }, trends: [slow] }));
    expect(found).toMatchObject({ inDays: 10, earliestDays: 4 });
    expect(found).not.toHaveProperty("latestDays");
    expect(found?.text).toContain("4 days at the earliest");
  });

  it("GA-18: without a limit it is for the moisture below which water is asked for", () => {
    expect(forecastDry(ask({ values: { soil_moisture: 50 }, slopes: { soil_moisture: -5 } }))).toMatchObject({ limit: 40, inDays: 2 });
  });

  it.each<[string, Situation]>([
    ["soil that is steady", { limits, values: { soil_moisture: 50 }, slopes: { soil_moisture: 0 } }],
    ["soil that rises", { limits, values: { soil_moisture: 50 }, slopes: { soil_moisture: 5 } }],
    ["soil that is dry already", { limits, values: { soil_moisture: 20 }, slopes: { soil_moisture: -5 } }],
    ["soil that lasts beyond a month", { limits, values: { soil_moisture: 80 }, slopes: { soil_moisture: -1.9 } }],
    ["a value that is not current", { limits, slopes: { soil_moisture: -5 } }],
    ["a trend that is not known", { limits, values: { soil_moisture: 50 } }],
  ])("GA-18: there is none for %s", (_what, situation) => {
    expect(forecastDry(ask(situation))).toBeUndefined();
  });
});
