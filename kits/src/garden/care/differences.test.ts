import { describe, expect, it } from "vitest";

import type { CarePlanBody } from "../contract/care.ts";
import { differencesBetween } from "./differences.ts";
import { driftOf } from "./drift.ts";
import { aReading, goodAnswer, someFacts } from "./evaluation/case.ts";
import { checkPlan } from "./plan-check.ts";
import { costOf, defaultModel, listPrice, mostCost } from "./prices.ts";

function planOf(change: Parameters<typeof goodAnswer>[0] = {}): CarePlanBody {
  const verdict = checkPlan(JSON.stringify(goodAnswer(change)), someFacts());
  if ("refused" in verdict) throw new Error(verdict.refused);
  return verdict.body;
}

describe("a stored plan", () => {
  it("links each claim to the reading it rests on (GA-20)", () => {
    const { light, summary } = planOf();
    expect(light.cites).toEqual([
      { deviceId: "node-a", metric: "light_level", value: 820, unit: "lx", measuredAt: new Date("2026-11-21T08:58:00Z"), quality: "ok" },
    ]);
    expect(summary.cites[0]?.metric).toBe("soil_moisture");
  });
});

describe("differences between plans", () => {
  it("are none between a plan and itself, also where only spaces or a full stop changed (GA-21)", () => {
    expect(differencesBetween(planOf(), planOf())).toEqual([]);
    const { watering } = goodAnswer();
    expect(differencesBetween(planOf(), planOf({ watering: { ...watering, frequency: "about  once a week." } }))).toEqual([]);
  });

  it("are told field by field in plain words (GA-21)", () => {
    const { watering, light } = goodAnswer();
    const found = differencesBetween(
      planOf({ tips: [{ text: "Wipe the leaves.", cites: [] }] }),
      planOf({
        watering: { ...watering, frequency: "Every five days", next_date: "2026-11-22" },
        light: { ...light, current: null },
        tips: [{ text: "Repot in spring.", cites: [] }],
      }),
    );
    expect(found.map(({ field, kind }) => [field, kind])).toEqual([
      ["watering.frequency", "changed"],
      ["watering.nextDate", "changed"],
      ["light.current", "removed"],
      ["tips", "removed"],
      ["tips", "added"],
    ]);
    expect(found[0]?.text).toBe('Watering: how often was "About once a week" and is now "Every five days"');
    expect(found[4]?.text).toBe("New tip: Repot in spring.");
  });
});

describe("drift", () => {
  it("sets the plan's figures against the sensors', same node first (GA-21)", () => {
    const now = [
      aReading("r1", "soil_moisture", 80, { node: "node-b" }),
      aReading("r2", "soil_moisture", 12, { node: "node-a" }),
      aReading("r3", "temperature", 22),
    ];
    const drift = driftOf(planOf(), now);
    expect(drift.map(({ metric, planned, now, isFar }) => [metric, planned, now, isFar])).toEqual([
      ["soil_moisture", 34.2, 12, true],
      ["temperature", 21.4, 22, false],
    ]);
    expect(drift[0]?.text).toContain("34.2 %");
  });
});

describe("prices", () => {
  it("are known for each default model, and unknown for what nobody named (GA-20)", () => {
    expect(listPrice("anthropic", defaultModel("anthropic"))).toBeDefined();
    expect(listPrice("openai", defaultModel("openai"))).toBeDefined();
    expect(listPrice("anthropic", "claude-sonnet-4-20250514")).toEqual({ inputPerMillion: 3, outputPerMillion: 15 });
    expect(listPrice("openai", "gpt-4o")).toEqual({ inputPerMillion: 2.5, outputPerMillion: 10 });
    expect(listPrice("compatible", "llama3.2:3b")).toBeUndefined();
  });

  it("reserve more than a call of that size can cost (GA-20)", () => {
    const price = { inputPerMillion: 3, outputPerMillion: 15 };
    expect(costOf(price, 1_000, 500)).toBe(10_500);
    expect(mostCost(price, 6_000)).toBeGreaterThan(costOf(price, 6_000, 2_000));
  });
});
