import { type AlarmRule, ruleFields } from "@roost/contract/rules";
import type { Points } from "@roost/contract/telemetry";
import { describe, expect, it } from "vitest";

import { appendSamples, limitsOf, lonePoints, longestPause, summarise, toColumns, valueRange } from "./chart-data.ts";

function somePoints(at: number[], resolutionSeconds = 0, values = at.map((_, index) => index)): Points {
  return {
    metric: "temperature",
    unit: "°C",
    from: new Date(0),
    to: new Date(1e6),
    resolutionSeconds,
    at,
    min: values.map((value) => value - 1),
    max: values.map((value) => value + 1),
    avg: values,
    n: values.map(() => 2),
  };
}
const live = (at: number, value: number) => ({ metric: "temperature", at, value, quality: "ok" as const });

describe("gaps", () => {
  it("puts an empty point where the device was silent for more than three of its usual steps", () => {
    const [at, , , avg] = toColumns(somePoints([0, 10_000, 20_000, 80_000, 90_000]));
    expect(at).toEqual([0, 10, 20, 50, 80, 90]);
    expect(avg).toEqual([0, 1, 2, null, 3, 4]);
  });

  it("sees no gap where buckets are finer than the pace of the device", () => {
    expect(longestPause([0, 300_000, 600_000, 900_000], 90)).toBe(900);
    expect(toColumns(somePoints([0, 300_000, 600_000, 900_000], 90))[3]).not.toContain(null);
  });

  it("sees no gap in day buckets across the change to summer time, whose day has 23 hours", () => {
    const hour = 3_600_000;
    expect(toColumns(somePoints([0, 24 * hour, 47 * hour, 71 * hour], 86_400))[3]).not.toContain(null);
  });

  it("finds the points no line leads to", () => {
    expect(lonePoints([1, null, 2, null, 3, 4, undefined, 5])).toEqual([0, 2, 7]);
  });

  it("shows a stretch that is too short to be seen as a line by a dot at its end", () => {
    const values = [1, 2, 3, null, 4, 5];
    const at = [0, 60, 120, 180, 240, 900];
    expect(lonePoints(values, at, 300)).toEqual([2]);
    expect(lonePoints(values, at, 1_000)).toEqual([2, 5]);
    expect(lonePoints(values, at, 60)).toEqual([]);
  });
});

describe("live samples", () => {
  it("adds raw samples in order, once, and drops what left the range but one point", () => {
    const after = appendSamples(
      somePoints([1_000, 2_000, 3_000]),
      [live(5_000, 50), live(4_000, 40), live(3_000, 99), live(1_500, 99)],
      3_000,
    );
    expect(after.at).toEqual([2_000, 3_000, 4_000, 5_000]);
    expect(after.avg).toEqual([1, 2, 40, 50]);
  });

  it("counts a sample into the open bucket with the right average, and opens the next on the same grid", () => {
    const before = somePoints([0, 60_000], 60, [10, 20]);
    const after = appendSamples(before, [live(90_000, 50), live(185_000, 7)], 0);
    expect(after.at).toEqual([0, 60_000, 180_000]);
    expect(after.avg).toEqual([10, 30, 7]);
    expect(after.max).toEqual([11, 50, 7]);
    expect(after.n).toEqual([2, 3, 1]);
    expect(before.n).toEqual([2, 2]);
  });

  it("begins an empty chart", () => {
    expect(appendSamples(somePoints([], 60), [live(61_000, 5)], 0).at).toEqual([60_000]);
  });
});

describe("what the chart tells", () => {
  it("summarises with the average weighted by the count behind each point", () => {
    const points = { ...somePoints([0, 1_000], 0, [10, 20]), n: [3, 1] };
    expect(summarise(points)).toMatchObject({ lowest: 9, highest: 21, highestAt: new Date(1_000), average: 12.5, count: 4, gaps: 0 });
    expect(summarise(somePoints([]))).toBeUndefined();
  });

  it("draws the limits of enabled rules of that metric only", () => {
    const rule = (condition: object, parts: object = {}) =>
      ({
        ...ruleFields.parse({
          scope: { everything: true },
          condition: { kind: "threshold", metric: "temperature", ...condition },
          ...parts,
        }),
      }) as AlarmRule;
    const siteId = "01900000-0000-7000-8000-000000000001";
    const rules = [
      rule({ above: 35, below: 5 }),
      rule({ metric: "humidity", above: 1 }),
      rule({ above: 2 }, { enabled: false }),
      rule({ above: 104, unit: "°F" }, { severity: "major", overrides: [{ siteId, condition: { above: 86 } }] }),
    ];
    const own = [
      { value: 35, side: "above", severity: "warning" },
      { value: 5, side: "below", severity: "warning" },
    ];
    expect(limitsOf(rules, "temperature", { unit: "°C" })).toEqual([...own, { value: 40, side: "above", severity: "major" }]);
    expect(limitsOf(rules, "temperature", { unit: "°C", siteId })).toEqual([...own, { value: 30, side: "above", severity: "major" }]);
  });

  it("makes room for a near limit and not for one that would flatten the line", () => {
    const limit = (value: number) => [{ value, side: "above" as const, severity: "warning" as const }];
    expect(valueRange(20, 30, limit(38), "number")[1]).toBeGreaterThan(38);
    expect(valueRange(20, 30, limit(300), "number")[1]).toBeLessThan(32);
  });

  it("keeps the zero of what is never negative, and stands without data", () => {
    expect(valueRange(0.5, 100, [], "number")[0]).toBe(0);
    expect(valueRange(5, 5, [], "number")).toEqual([4.5, 5.5]);
    expect(valueRange(null, null, [], "number")).toEqual([0, 1]);
    expect(valueRange(0, 1, [], "boolean")).toEqual([-0.15, 1.15]);
  });
});
