import { describe, expect, it } from "vitest";

import { coarser, mergeColumns, resolutionFor } from "./merge-points.ts";

const column = (at: number[], value: number, n = 1) => ({
  at,
  min: at.map(() => value - 1),
  max: at.map(() => value + 1),
  avg: at.map(() => value),
  n: at.map(() => n),
});

describe("points of several nodes", () => {
  it("GA-05: lie on one axis, oldest first; one bucket holds the values of both, each by how many there were", () => {
    const merged = mergeColumns([column([0, 10, 20], 10, 1), column([20, 30], 40, 2)], { joinsEqual: true });
    expect(merged).toEqual({ at: [0, 10, 20, 30], min: [9, 9, 9, 39], max: [11, 11, 41, 41], avg: [10, 10, 30, 40], n: [1, 1, 3, 2] });
  });

  it("GA-05: stay two samples where they were measured at one instant", () => {
    expect(mergeColumns([column([5], 1), column([5], 2)], { joinsEqual: false }).avg).toEqual([1, 2]);
  });

  it("GA-10: are no more than were asked for, whatever the range", () => {
    const dayMs = 86_400_000;
    for (const days of [0.01, 1, 7, 31, 366, 3_660]) {
      for (const maxPoints of [50, 300, 1_000]) {
        const seconds = resolutionFor(0, days * dayMs, maxPoints);
        expect(Math.ceil((days * 86_400) / seconds) + 1).toBeLessThanOrEqual(maxPoints);
        expect(resolutionFor(0, days * dayMs, maxPoints, 3_600)).toBeGreaterThanOrEqual(3_600);
      }
    }
  });

  it("GA-10: of hours make days, and weeks that begin on Monday", () => {
    const hours = column([0, 3_600_000, 86_400_000], 10, 5);
    expect(coarser(hours, 86_400)).toMatchObject({ at: [0, 86_400_000], n: [10, 5] });
    const [week = 0] = coarser(hours, 604_800).at;
    expect(new Date(week).getUTCDay()).toBe(1);
  });
});
