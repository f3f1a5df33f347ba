import { describe, expect, it } from "vitest";

import { createStepWatch, isClockSet } from "./clock.ts";

describe("the agent's clock", () => {
  it("is not set when it shows a time before the agent was written", () => {
    expect(isClockSet(0)).toBe(false);
    expect(isClockSet(Date.UTC(2026, 0, 1))).toBe(true);
  });

  it("tells by how much it was put forward, once, and says nothing of being put back or drifting", () => {
    let [wall, steady] = [1_000, 0];
    const step = createStepWatch({ nowMs: () => wall, monotonicMs: () => steady });
    [wall, steady] = [11_000, 10_000];
    expect(step()).toBe(0);
    [wall, steady] = [1_700_000_000_000, 20_000];
    expect(step()).toBe(1_700_000_000_000 - 21_000);
    expect(step()).toBe(0);
    [wall, steady] = [1_699_999_000_000, 30_000];
    expect(step()).toBe(0);
    [wall, steady] = [1_699_999_012_000, 40_000];
    expect(step()).toBe(0);
  });
});
