import { planStep } from "@roost/contract/rollout-plans";
import { claimRollout } from "@roost/contract/rollout-template";
import { describe, expect, it } from "vitest";

import { progressOf, sayForAll, sayGate, sayServe, saySpan, sayStepChange } from "./flag-words.ts";

const variants = { on: true, off: false };
const share = {
  split: [
    { variant: "on", percent: 10 },
    { variant: "off", percent: 90 },
  ],
};

describe("flags in words", () => {
  it("says what everybody gets: by the environment first, then by the kill switch, then by the setting", () => {
    const setting = { enabled: true, variants, offVariant: "off", serve: share, rules: [] };
    expect(sayServe(share, { variants })).toBe("on for 10 %, off for 90 %");
    expect(sayForAll({ setting })).toBe("on for 10 %, off for 90 %");
    expect(sayForAll({ setting: { ...setting, enabled: false } })).toBe("off");
    expect(sayForAll({ setting, override: { value: true, by: "environment", variable: "X" } })).toBe("on");
  });

  it("says spans as people do", () => {
    expect([0, 45, 119, 120, 200, 3_600, 3_900, 86_400, 93_600, 172_800, 180_000].map(saySpan)).toEqual([
      "0 s",
      "45 s",
      "119 s",
      "2 min",
      "3 min 20 s",
      "1 h",
      "1 h 5 min",
      "24 h",
      "26 h",
      "2 d",
      "2 d 2 h",
    ]);
  });

  it("T-F08: tells the plan that comes with Roost", () => {
    const steps = claimRollout.steps.map((step) => planStep.parse(step));
    expect(steps.flatMap(({ changes }) => changes.map(sayStepChange))).toEqual([
      "enable_idempotency: on for environment staging, off for all others",
      "enable_auto_register: on for environment staging, off for all others",
      "enable_idempotency: off for everybody",
      "enable_auto_register: off for everybody",
      "enable_idempotency: on for everybody",
    ]);
    expect(steps[1]?.gates.map(sayGate)).toEqual([
      "No readiness check is red",
      "No new critical alarm",
      "Answers 5xx: at most 2 % in 5 min",
      "Answers 409: at most 10 % in 5 min",
    ]);
  });

  it("knows how far a step has come", () => {
    const steps = [planStep.parse({ name: "Soak", waitSeconds: 100 })];
    expect(progressOf({ steps, step: 0, watchedSeconds: 25, state: "running" })).toBe(0.25);
    expect(progressOf({ steps, step: 0, watchedSeconds: 0, state: "draft" })).toBe(0);
    expect(progressOf({ steps, step: 0, watchedSeconds: 100, state: "waiting" })).toBe(1);
  });
});
