import { isAppError } from "@roost/contract/errors";
import { describe, expect, it } from "vitest";

import { limitChange, limitedMetrics, plantLimits } from "../contract/limits.ts";
import type { Band, LimitedMetric, PlantLimits } from "../contract/limits.ts";
import { gardenKit } from "../kit.ts";
import { changeLimits, excessOf, measurable, measureOf, standingOf } from "./limits.ts";
import type { Standing } from "./limits.ts";

const band = (min: number | null, max: number | null): Band => ({ min, max });

describe("the shape of limits", () => {
  it.each([
    ["0 as a lower limit", { temperature: band(0, 30) }, true],
    ["0 as an upper limit", { temperature: band(null, 0) }, true],
    ["0 and 0", { soil_moisture: band(0, 0) }, true],
    ["no limit on either side", { humidity: band(null, null) }, true],
    ["soil above 100 %", { soil_moisture: band(20, 101) }, false],
    ["soil below 0 %", { soil_moisture: band(-1, 80) }, false],
    ["air colder than any node tells", { temperature: band(-41, null) }, false],
    ["more light than any node tells", { light_level: band(200, 120_001) }, false],
    ["a metric that has no limits", { rssi: band(-80, null) }, false],
    ["a number as text", { temperature: { min: "18", max: null } }, false],
    ["not a number", { temperature: band(Number.NaN, null) }, false],
    ["no end", { temperature: band(Number.NEGATIVE_INFINITY, null) }, false],
  ])("GA-12: says of %s whether it is one: %o", (_what, limits, isLegal) => {
    expect(plantLimits.safeParse(limits).success).toBe(isLegal);
    expect(limitChange.safeParse(limits).success).toBe(isLegal);
  });

  it("GA-12: stands on what the nodes can measure, metric by metric", () => {
    const { metrics } = gardenKit.deviceKinds["garden-node"];
    for (const metric of limitedMetrics) {
      const { min, max } = metrics[metric];
      expect(measurable[metric], metric).toEqual({ min, max });
      expect(plantLimits.safeParse({ [metric]: band(min, max) }).success, metric).toBe(true);
      expect(plantLimits.safeParse({ [metric]: band(min - 0.1, null) }).success, metric).toBe(false);
      expect(plantLimits.safeParse({ [metric]: band(null, max + 0.1) }).success, metric).toBe(false);
    }
  });
});

describe("a change of limits", () => {
  const limits: PlantLimits = { soil_moisture: band(20, 80), temperature: band(18, null) };

  it.each<[string, Parameters<typeof changeLimits>[1], PlantLimits]>([
    ["leaves what is absent", {}, limits],
    ["leaves the other side of a band", { soil_moisture: { min: 30 } }, { ...limits, soil_moisture: band(30, 80) }],
    ["takes 0 for a limit", { soil_moisture: { min: 0 } }, { ...limits, soil_moisture: band(0, 80) }],
    ["clears one side with null", { soil_moisture: { max: null } }, { ...limits, soil_moisture: band(20, null) }],
    ["clears a band with null", { soil_moisture: null }, { temperature: band(18, null) }],
    ["leaves out a band without limits", { temperature: { min: null } }, { soil_moisture: band(20, 80) }],
    ["adds a band", { light_level: { min: 200, max: null } }, { ...limits, light_level: band(200, null) }],
    ["lets both limits be the same", { temperature: { min: 21, max: 21 } }, { ...limits, temperature: band(21, 21) }],
  ])("GA-12: %s", (_what, change, expected) => {
    expect(changeLimits(limits, change)).toEqual(expected);
  });

  it.each<[string, Parameters<typeof changeLimits>[1]]>([
    ["both given", { humidity: { min: 80, max: 40 } }],
    ["only the upper one, below the lower one that stands", { soil_moisture: { max: 19 } }],
    ["only the lower one, above the upper one that stands", { soil_moisture: { min: 81 } }],
    ["an upper limit of 0 below a lower one", { temperature: { max: 0 } }],
  ])("GA-12: refuses a lower limit above the upper one, and leaves all as it was: %s", (_what, change) => {
    const before = structuredClone(limits);
    let caught: unknown;
    try {
      changeLimits(limits, change);
    } catch (error) {
      caught = error;
    }
    expect(isAppError(caught, "garden.limits_reversed")).toBe(true);
    expect(limits).toEqual(before);
  });
});

describe("how a value stands to its band", () => {
  it.each<[LimitedMetric, Band, number, Standing]>([
    ["soil_moisture", band(20, 80), 19.9, "below"],
    ["soil_moisture", band(20, 80), 20, "near_min"],
    ["soil_moisture", band(20, 80), 26, "near_min"],
    ["soil_moisture", band(20, 80), 26.1, "inside"],
    ["soil_moisture", band(20, 80), 73.9, "inside"],
    ["soil_moisture", band(20, 80), 74, "near_max"],
    ["soil_moisture", band(20, 80), 80, "near_max"],
    ["soil_moisture", band(20, 80), 80.1, "above"],
    ["temperature", band(0, null), -0.1, "below"],
    ["temperature", band(0, null), 1.2, "near_min"],
    ["temperature", band(0, null), 1.3, "inside"],
    ["temperature", band(null, 0), 0.1, "above"],
    ["light_level", band(200, null), 220, "near_min"],
    ["light_level", band(200, null), 221, "inside"],
    ["light_level", band(200, null), 100_000, "inside"],
    // Between a dim corner and the sun there is room: near either limit is near that limit.
    ["light_level", band(800, 16_000), 880, "near_min"],
    ["light_level", band(800, 16_000), 881, "inside"],
    ["light_level", band(800, 16_000), 14_400, "near_max"],
    // A limit at the end of what can be measured is never crossed: being near it says nothing.
    ["soil_moisture", band(0, 80), 0, "inside"],
    ["humidity", band(40, 100), 100, "inside"],
    ["humidity", band(null, null), 3, "inside"],
    // Between two limits that nearly touch, the nearer one is named.
    ["temperature", band(21, 21), 21, "near_min"],
  ])("GA-23: %s %o at %d is %s", (metric, limits, value, expected) => {
    expect(standingOf(metric, limits, value)).toBe(expected);
  });

  it.each<[string, LimitedMetric, Band, number]>([
    ["the band's width", "soil_moisture", band(20, 80), 60],
    ["the limit itself where there is one", "humidity", band(null, 40), 40],
    ["each limit of light by itself", "light_level", band(800, 16_000), 16_000],
    ["the usual width for a limit of 0", "soil_moisture", band(null, 0), 60],
    ["the usual width for degrees, whose zero is arbitrary", "temperature", band(null, 5), 12],
    ["the usual width for a band without width", "temperature", band(21, 21), 12],
  ])("GA-16: measures nearness and excess by %s", (_what, metric, limits, expected) => {
    expect(measureOf(metric, limits, "max")).toBe(expected);
  });

  it.each<[LimitedMetric, Band, number, number]>([
    ["soil_moisture", band(20, 80), 50, 0],
    ["soil_moisture", band(20, 80), 20, 0],
    ["soil_moisture", band(20, 80), 2, 0.3],
    ["soil_moisture", band(20, 80), 98, 0.3],
    ["temperature", band(0, null), -6, 0.5],
    ["light_level", band(200, null), 0, 1],
    ["light_level", band(800, 16_000), 400, 0.5],
    ["light_level", band(800, 16_000), 24_000, 0.5],
    ["soil_moisture", band(null, 0), 30, 0.5],
  ])("GA-16: %s %o at %d lies %d of its measure beyond", (metric, limits, value, expected) => {
    expect(excessOf(metric, limits, value)).toBeCloseTo(expected, 9);
  });
});
