import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { bucketsOf, countBuckets, cutHours, fittingResolution, followsDays, ladderSeconds, startOf } from "./buckets.ts";
import { wallClockKey } from "./telemetry-model.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const zones = [
  "UTC",
  "Europe/Berlin",
  "Asia/Kolkata",
  "Asia/Kathmandu",
  "America/New_York",
  "Australia/Lord_Howe",
  "America/St_Johns",
  "Africa/Casablanca",
  "America/Havana",
  "Pacific/Chatham",
];
const starts = (fromMs: number, toMs: number, stepSeconds: number, zone: string) => {
  const buckets = bucketsOf(fromMs, toMs, stepSeconds, zone);
  return Array.from({ length: buckets.count }, (_, index) => startOf(buckets, index) / 1_000);
};
const iso = (list: readonly number[]) => list.map((ms) => new Date(ms).toISOString().slice(0, 16));

describe("resolutions", () => {
  it("are the finest that keep a range within the points asked for", () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 4e9 }),
        fc.integer({ min: 1, max: 4e9 }),
        fc.integer({ min: 2, max: 5_000 }),
        (fromS, lengthS, maxPoints) => {
          const [fromMs, toMs] = [fromS * 1_000, (fromS + lengthS) * 1_000];
          const chosen = fittingResolution(fromMs, toMs, maxPoints);
          expect(bucketsOf(fromMs, toMs, chosen, "UTC").count).toBeLessThanOrEqual(maxPoints);
          const finer = ladderSeconds[ladderSeconds.indexOf(chosen) - 1];
          if (finer !== undefined) expect(countBuckets(fromMs, toMs, finer)).toBeGreaterThan(maxPoints - 1);
        },
      ),
    );
  });

  it("answer thirty days with at most 1,000 points by hours", () => {
    expect(fittingResolution(0, 30 * dayMs, 1_000)).toBe(3_600);
  });
});

describe("buckets", () => {
  it("of days begin at midnight of the zone, on the days the clock changes too", () => {
    expect(iso(starts(Date.UTC(2025, 9, 25), Date.UTC(2025, 9, 28), 86_400, "Europe/Berlin"))).toEqual([
      "2025-10-24T22:00",
      "2025-10-25T22:00",
      "2025-10-26T23:00",
      "2025-10-27T23:00",
    ]);
  });

  it("of an hour stand twice where the clock shows an hour twice, and of six hours go on", () => {
    const from = Date.UTC(2025, 9, 25, 22);
    expect(iso(starts(from, from + 4 * hourMs, 3_600, "Europe/Berlin"))).toEqual([
      "2025-10-25T22:00",
      "2025-10-25T23:00",
      "2025-10-26T00:00",
      "2025-10-26T01:00",
    ]);
    expect(iso(starts(from, from + 12 * hourMs, 21_600, "Europe/Berlin"))).toEqual(["2025-10-25T22:00", "2025-10-26T05:00"]);
  });

  it("of an hour begin anew where the clock is put back into the middle of one", () => {
    // The Chatham Islands put 03:45 (+13:45) back to 02:45 (+12:45).
    const from = Date.UTC(2025, 3, 5, 12, 15);
    expect(iso(starts(from, from + 3 * hourMs, 3_600, "Pacific/Chatham"))).toEqual([
      "2025-04-05T12:15",
      "2025-04-05T13:15",
      "2025-04-05T14:00",
      "2025-04-05T14:15",
    ]);
    // Lord Howe Island puts 02:00 (+11:00) back to 01:30 (+10:30).
    const there = Date.UTC(2025, 3, 5, 13);
    expect(iso(starts(there, there + 3 * hourMs, 3_600, "Australia/Lord_Howe"))).toEqual([
      "2025-04-05T13:00",
      "2025-04-05T14:00",
      "2025-04-05T15:00",
      "2025-04-05T15:30",
    ]);
  });

  it("of a day begin where time goes on when midnight is skipped", () => {
    // Cuba puts the clock forward at midnight: 2025-03-09 begins at 01:00.
    expect(iso(starts(Date.UTC(2025, 2, 9, 4), Date.UTC(2025, 2, 10, 12), 86_400, "America/Havana"))).toEqual([
      "2025-03-08T05:00",
      "2025-03-09T05:00",
      "2025-03-10T04:00",
    ]);
  });

  it("of a week begin on Monday", () => {
    expect(iso(starts(Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 14), 7 * 86_400, "UTC"))).toEqual([
      "2025-12-29T00:00",
      "2026-01-05T00:00",
      "2026-01-12T00:00",
    ]);
    expect(iso(starts(Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 8), 7 * 86_400, "America/New_York"))).toEqual([
      "2025-12-29T05:00",
      "2026-01-05T05:00",
    ]);
  });

  it("hold exactly what a wall clock of the zone names alike", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.constantFrom(3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 7 * 86_400),
        fc.integer({ min: Date.UTC(2024, 0, 1) / 1_000, max: Date.UTC(2027, 0, 1) / 1_000 }),
        fc.integer({ min: 1, max: 20 * 86_400 }),
        (zone, stepSeconds, fromS, lengthS) => {
          const [fromMs, toMs] = [fromS * 1_000, (fromS + lengthS) * 1_000];
          const list = starts(fromMs, toMs, stepSeconds, zone);
          const keyOf = wallClockKey(zone, stepSeconds);
          expect(list[0]).toBeLessThanOrEqual(fromMs);
          for (const [index, start] of list.entries()) {
            const next = list[index + 1] ?? toMs;
            expect(next).toBeGreaterThan(start);
            const key = keyOf(start);
            expect(keyOf(start - 1)).not.toBe(key);
            expect(keyOf(next - 1)).toBe(key);
            expect(keyOf(start + Math.floor((next - start) / 2))).toBe(key);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("the hours that are read from samples", () => {
  const us = (ms: number) => ms * 1_000;
  it("are those a bucket or the range cuts", () => {
    const from = Date.UTC(2026, 0, 1, 0, 30);
    const to = Date.UTC(2026, 0, 2);
    expect(cutHours(bucketsOf(from, to, 3_600, "UTC"), us(from), us(to))).toEqual([us(Date.UTC(2026, 0, 1))]);
    expect(cutHours(bucketsOf(from, to, 900, "UTC"), us(from), us(to))).toBeUndefined();
    const whole = Date.UTC(2026, 0, 1);
    expect(cutHours(bucketsOf(whole, to, 86_400, "Asia/Kolkata"), us(whole), us(to))).toEqual([us(Date.UTC(2026, 0, 1, 18))]);
    expect(cutHours(bucketsOf(whole, to, 86_400, "Europe/Berlin"), us(whole), us(to))).toEqual([]);
  });

  it("are all where a zone is half an hour aside and buckets are hours", () => {
    const whole = Date.UTC(2026, 0, 1);
    expect(cutHours(bucketsOf(whole, whole + dayMs, 3_600, "Asia/Kolkata"), us(whole), us(whole + dayMs))).toBeUndefined();
  });

  it("are spared by days of UTC only", () => {
    const whole = Date.UTC(2026, 0, 1);
    expect(followsDays(bucketsOf(whole, whole + 9 * dayMs, 86_400, "UTC"))).toBe(true);
    expect(followsDays(bucketsOf(whole, whole + 9 * dayMs, 86_400, "Europe/Berlin"))).toBe(false);
    expect(followsDays(bucketsOf(whole, whole + 9 * dayMs, 43_200, "UTC"))).toBe(false);
  });
});
