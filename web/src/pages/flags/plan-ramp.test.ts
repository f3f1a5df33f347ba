import { addRolloutPlan } from "@roost/contract/rollout-plans";
import { describe, expect, it } from "vitest";

import { rampPlan, readPercents } from "./plan-ramp.ts";

const setting = { enabled: true, variants: { on: true, off: false }, offVariant: "off", serve: { variant: "off" }, rules: [] };

describe("a plan that ramps a flag up", () => {
  it("reads growing shares and nothing else", () => {
    expect(readPercents("1, 10 50% 100")).toEqual([1, 10, 50, 100]);
    for (const text of ["", "0", "10, 5", "50, 101", "ten", "-1, 5", "10, 10"])
      expect([text, readPercents(text)]).toEqual([text, undefined]);
  });

  it("has a step for each share, the others keep what they have, and a person is asked before the last", () => {
    const plan = rampPlan({
      flag: { key: "door", setting },
      variant: "on",
      percents: [10, 100],
      waitSeconds: 3_600,
      watched: ["readiness", "errors"],
      rollBackOnFailure: true,
      asks: true,
    });
    expect(addRolloutPlan.body?.parse(plan).steps.map(({ name, asks, gates }) => [name, asks, gates.map(({ kind }) => kind)])).toEqual([
      ["10 % of the devices", true, ["readiness", "metric"]],
      ["Everybody", false, ["readiness", "metric"]],
    ]);
    expect(plan.steps.map(({ changes }) => changes?.[0]?.serve)).toEqual([
      {
        split: [
          { variant: "on", percent: 10 },
          { variant: "off", percent: 90 },
        ],
      },
      { variant: "on" },
    ]);
  });
});
