import { describe, expect, it } from "vitest";

import type { PlantLimits } from "../contract/limits.ts";
import { rulePrefix, rulesOf } from "./limit-rules.ts";

const of = (limits: PlantLimits, plantName = "Basil") => rulesOf([{ plantId: "p", plantName, limits, deviceId: "node" }]);

describe("rules of limits", () => {
  it("GA-13: are one for each direction of each metric, so that too low and too high have a clock each", () => {
    const rules = of({ soil_moisture: { min: 20, max: 80 }, temperature: { min: null, max: 30 } });
    expect([...rules.keys()]).toEqual([
      "plant/p/node/soil_moisture/below",
      "plant/p/node/soil_moisture/above",
      "plant/p/node/temperature/above",
    ]);
    expect(rules.get("plant/p/node/soil_moisture/below")).toMatchObject({
      name: "Basil: soil too dry",
      title: "Basil: soil too dry",
      scope: { deviceId: "node" },
      condition: { kind: "threshold", metric: "soil_moisture", below: 20, hysteresis: 2, count: 2 },
      severity: "warning",
    });
    expect(rules.get("plant/p/node/temperature/above")?.condition).not.toHaveProperty("below");
    for (const key of rules.keys()) expect(key.startsWith(rulePrefix("p"))).toBe(true);
  });

  it("GA-12: take 0 for a limit, and leave out one that no sensor can tell anything beyond", () => {
    expect(of({ temperature: { min: 0, max: null } }).get("plant/p/node/temperature/below")?.condition).toMatchObject({ below: 0 });
    expect(of({ soil_moisture: { min: 0, max: 100 } }).size).toBe(0);
    expect(of({ humidity: { min: null, max: null } }).size).toBe(0);
  });

  it("GA-13: wait for a whole dark day before they say it is too dark", () => {
    expect(of({ light_level: { min: 200, max: null } }).get("plant/p/node/light_level/below")?.condition).toMatchObject({
      forSeconds: 72_000,
      count: 1,
    });
  });

  it.each([["{{device}}"], ["{{{limit}}}"], ["{{#value}}"], ["{{"], ["a".repeat(80)], ["{".repeat(80)]])(
    "GA-13: keep a name such as %s from becoming a place in the alarm's words",
    (name) => {
      const rule = of({ soil_moisture: { min: 20, max: null } }, name).get("plant/p/node/soil_moisture/below");
      expect(rule?.title).not.toContain("{{");
      expect(rule?.name?.length).toBeLessThanOrEqual(100);
      expect(rule?.title?.length).toBeLessThanOrEqual(200);
    },
  );
});
