import { describe, expect, it } from "vitest";

import { breakerOf, failuresToOpen, pauseAfter, probeWaitsMs } from "./breaker.ts";

describe("the circuit breaker of a target", () => {
  it("R12: stays closed for a few failures, then pauses longer and longer, spread by a fifth", () => {
    expect(pauseAfter(failuresToOpen - 1, 0.5)).toBeUndefined();
    const pauses = [0, 1, 2, 3, 4, 5, 50].map((more) => pauseAfter(failuresToOpen + more, 0.5));
    expect(pauses).toEqual([...probeWaitsMs, 900_000, 900_000]);
    expect(pauseAfter(failuresToOpen, 0)).toBe(48_000);
    expect(pauseAfter(failuresToOpen, 0.999_999)).toBeLessThan(72_000);
  });

  it("is open until the time of its probe, and half open from then on", () => {
    const openedAt = new Date(1_000);
    const probeAt = new Date(61_000);
    expect(breakerOf({ failures: 4, openedAt: undefined, probeAt: undefined }, 0)).toEqual({ state: "closed", failures: 4 });
    expect(breakerOf({ failures: 5, openedAt, probeAt }, 60_999)).toEqual({ state: "open", failures: 5, openedAt, probeAt });
    expect(breakerOf({ failures: 5, openedAt, probeAt }, 61_000).state).toBe("half_open");
  });
});
