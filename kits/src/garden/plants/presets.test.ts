import { describe, expect, it } from "vitest";

import { limitedMetrics, plantLimits } from "../contract/limits.ts";
import { preset } from "../contract/presets.ts";
import { measurable } from "./limits.ts";
import { allSpecies, findPreset, findPresets, presets } from "./presets.ts";
import { limitsOf } from "./species.ts";

const idsOf = (text: string) => findPresets(text).map(({ id }) => id);
const bandOf = (id: string, metric: (typeof limitedMetrics)[number]) => findPreset(id)?.limits[metric];

describe("the table of species", () => {
  it("GA-12: offers at least 100 common plants, each once", () => {
    expect(presets.length).toBeGreaterThanOrEqual(100);
    expect(new Set(presets.map(({ id }) => id)).size).toBe(presets.length);
    expect(new Set(presets.map(({ name }) => name.toLowerCase())).size).toBe(presets.length);
    expect(new Set(presets.map(({ latinName }) => latinName.toLowerCase())).size).toBe(presets.length);
  });

  it.each(presets.map((one) => [one.name, one] as const))(
    "GA-12: %s has an id, names, limits that can be met, and sources",
    (_name, one) => {
      expect(one.id).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)*$/);
      expect(one.id.length).toBeLessThanOrEqual(64);
      // A genus and what stands after it.
      expect(one.latinName).toMatch(/^[A-Z][a-z]+ \S+/);
      expect(preset.safeParse(one).error).toBeUndefined();
      expect(plantLimits.safeParse(one.limits).error).toBeUndefined();
      for (const metric of limitedMetrics) {
        const { min, max } = one.limits[metric] ?? { min: null, max: null };
        expect(min !== null || max !== null, `${metric} has a limit`).toBe(true);
        expect(min ?? -Infinity, metric).toBeLessThan(max ?? Infinity);
        expect(min ?? measurable[metric].min, metric).toBeGreaterThanOrEqual(measurable[metric].min);
        expect(max ?? measurable[metric].max, metric).toBeLessThanOrEqual(measurable[metric].max);
      }
      expect(one.sources.length).toBeGreaterThanOrEqual(2);
      expect(new Set(one.sources).size).toBe(one.sources.length);
    },
  );

  it("GA-12: has a source for the lowest temperature of each, with the rating it follows from", () => {
    for (const species of allSpecies) expect(findPreset(species.id)?.sources.join("\n"), species.id).toContain(`rated ${species.cold}`);
  });

  it("GA-12: gives plants of the same classes the same limits", () => {
    const byClasses = new Map<string, string>();
    for (const species of allSpecies) {
      const classes = [species.light, species.water, species.air, species.cold, species.heat].join(" ");
      const limits = JSON.stringify(limitsOf(species));
      expect(byClasses.get(classes) ?? limits, species.id).toBe(limits);
      byClasses.set(classes, limits);
    }
    expect(byClasses.size).toBeGreaterThan(20);
  });

  it.each([
    ["wants more water", "spinach", "rosemary", "soil_moisture"],
    ["wants more water", "rosemary", "golden-barrel-cactus", "soil_moisture"],
    ["wants more light", "tomato", "peace-lily", "light_level"],
    ["wants damper air", "boston-fern", "snake-plant", "humidity"],
    ["bears less cold", "basil", "mint", "temperature"],
  ] as const)("GA-12: knows what %s: %s than %s", (_what, more, less, metric) => {
    expect(bandOf(more, metric)?.min).toBeGreaterThan(bandOf(less, metric)?.min ?? Infinity);
  });

  it("GA-12: scorches no fern and starves no cactus of light", () => {
    expect(bandOf("maidenhair-fern", "light_level")).toEqual({ min: 810, max: 16_000 });
    expect(bandOf("golden-barrel-cactus", "light_level")).toEqual({ min: 5_400, max: null });
  });
});

describe("looking for a species", () => {
  it.each([
    ["basil", "basil"],
    ["BASIL", "basil"],
    ["  bàsíl ", "basil"],
    ["ocimum", "basil"],
    ["Ocimum basilicum", "basil"],
    ["cilantro", "coriander"],
    ["sansevieria", "snake-plant"],
    ["mother in law's tongue", "snake-plant"],
    ["mother-in-laws tongue", "snake-plant"],
    ["devil’s ivy", "pothos"],
    ["fragaria ananassa", "strawberry"],
    ["fern boston", "boston-fern"],
  ])("GA-12: finds %j first as %s", (text, id) => {
    expect(idsOf(text)[0]).toBe(id);
  });

  it("GA-12: puts names that begin with the text before those that have it inside", () => {
    expect(idsOf("mint")).toEqual(["mint", "peppermint"]);
  });

  it("GA-12: answers all for nothing, none for what no plant is called", () => {
    expect(findPresets("")).toHaveLength(presets.length);
    expect(findPresets(" \t")).toHaveLength(presets.length);
    expect(findPresets("basil rosemary")).toEqual([]);
    expect(findPresets("%_.*")).toEqual([]);
    expect(findPreset("toString")).toBeUndefined();
  });
});
