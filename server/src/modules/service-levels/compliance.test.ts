import { usualTargets } from "@roost/contract/service-levels";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { allowedMs, availabilityOf, courseOf, isOutage, measure, shortfallOf, stateOf, timesOf } from "./compliance.ts";
import type { Down, Promised } from "./compliance.ts";
import { both, lengthMs, merged } from "./spans.ts";

const [minuteMs, dayMs] = [60_000, 86_400_000];
const month = { fromMs: 0, toMs: 30 * dayMs };
const always = { sinceMs: -Infinity, known: [{ fromMs: -Infinity, toMs: Infinity }] };
const gold: Promised = {
  availabilityPercent: 99.9,
  responseMinutes: 60,
  resolutionMinutes: 240,
  bySeverity: usualTargets,
  excludeMaintenance: true,
};
const down = (fromMinutes: number, toMinutes?: number, more: Partial<Down> = {}): Down => ({
  severity: "critical",
  raisedMs: fromMinutes * minuteMs,
  clearedMs: toMinutes === undefined ? undefined : toMinutes * minuteMs,
  windows: [],
  ...more,
});
const minutes = (fromMinutes: number, toMinutes: number) => ({ fromMs: fromMinutes * minuteMs, toMs: toMinutes * minuteMs });

describe("whether a promise is kept", () => {
  it("N-F09: goes by the shortfall: kept on target, at risk below half a point, broken from half a point, badly from two", () => {
    const stateAt = (minutesDown: number) => stateOf(shortfallOf(minutesDown * minuteMs, 30 * dayMs, 99.9), true);
    expect([0, 43, 43.2].map(stateAt)).toEqual(["compliant", "compliant", "compliant"]);
    expect([43.3, 259].map(stateAt)).toEqual(["at_risk", "at_risk"]);
    expect([259.2, 313, 907].map(stateAt)).toEqual(["breached", "breached", "breached"]);
    expect([907.2, 43_200].map(stateAt)).toEqual(["critical", "critical"]);
    expect(stateOf(0, false)).toBe("unknown");
    expect(allowedMs(30 * dayMs, 99.9)).toBe(43.2 * minuteMs);
    expect(availabilityOf({ countedMs: 43 * minuteMs, judgedMs: 30 * dayMs })?.toFixed(2)).toBe("99.90");
    expect(availabilityOf({ countedMs: 313 * minuteMs, judgedMs: 30 * dayMs })?.toFixed(2)).toBe("99.28");
    expect(availabilityOf({ countedMs: 0, judgedMs: 0 })).toBeUndefined();
  });

  it("N-F09: what the promise allows exactly is kept, and a second more is not, whatever the target and the period", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999 }), fc.integer({ min: 1, max: 365 }), (tenThousandths, periodDays) => {
        const [target, wholeMs] = [tenThousandths / 10_000, periodDays * dayMs];
        const allowed = Math.floor((wholeMs * (1_000_000 - tenThousandths)) / 1_000_000);
        expect(shortfallOf(allowed, wholeMs, target)).toBe(0);
        expect(shortfallOf(allowed + 1_000, wholeMs, target)).toBeGreaterThan(0);
      }),
    );
  });

  it("N-F09: down, planned, unknown and up make up the whole period, and none of them overlaps another, whatever happened", () => {
    const at = fc.integer({ min: -500, max: 50_000 });
    const stretch = fc.tuple(at, fc.integer({ min: 1, max: 5_000 })).map(([from, length]) => minutes(from, from + length));
    const outage = fc.record({
      from: at,
      length: fc.option(fc.integer({ min: 0, max: 9_000 })),
      windows: fc.array(stretch, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(
        fc.array(outage, { maxLength: 8 }),
        fc.array(stretch, { maxLength: 6 }),
        at,
        fc.boolean(),
        (outages, known, since, excludeMaintenance) => {
          const downs = outages.map(({ from, length, windows }) => down(from, length === null ? undefined : from + length, { windows }));
          const course = courseOf(downs, { sinceMs: since * minuteMs, known }, month);
          const parts = [course.unplanned, course.planned, course.unknown];
          const total = parts.reduce((sum, part) => sum + lengthMs(part), 0);
          expect(lengthMs(merged(parts.flat()))).toBe(total);
          expect(lengthMs(both(parts.flat(), [month]))).toBe(total);
          const sums = measure(course, month, { excludeMaintenance });
          const upMs = lengthMs([month]) - total;
          expect(sums.judgedMs - sums.countedMs).toBe(upMs);
          expect(sums.agreedMs - sums.judgedMs).toBe(sums.unknownMs);
          const availability = availabilityOf(sums);
          if (availability !== undefined) expect(availability >= 0 && availability <= 100).toBe(true);
          // Nothing was up that nobody watched.
          expect(upMs).toBeLessThanOrEqual(lengthMs(both(known, [month])));
          // Nothing before the promise counts.
          expect(both([...course.unplanned, ...course.planned], [{ fromMs: -Infinity, toMs: since * minuteMs }])).toEqual([]);
        },
      ),
    );
  });

  it("N-F09: several devices that are down at once are one downtime; a window takes out what it covers, of what it covers alone", () => {
    const window = [minutes(100, 160)];
    const course = courseOf([down(90, 130, { windows: window }), down(120, 200, { windows: window }), down(150, 155)], always, month);
    expect(course.unplanned).toEqual([minutes(90, 100), minutes(150, 155), minutes(160, 200)]);
    expect(course.planned).toEqual([minutes(100, 150), minutes(155, 160)]);
    expect(measure(course, month, { excludeMaintenance: true })).toMatchObject({
      countedMs: 55 * minuteMs,
      agreedMs: 30 * dayMs - 55 * minuteMs,
    });
    expect(measure(course, month, { excludeMaintenance: false })).toMatchObject({ countedMs: 110 * minuteMs, agreedMs: 30 * dayMs });
  });

  it("N-F09: an outage that began before the period or goes on still is cut at its ends", () => {
    expect(courseOf([down(-600, 10)], always, month).unplanned).toEqual([minutes(0, 10)]);
    expect(courseOf([down(43_190)], always, month).unplanned).toEqual([minutes(43_190, 43_200)]);
    expect(courseOf([down(43_200), down(-20, 0)], always, month).unplanned).toEqual([]);
  });

  it("N-F09: which alarms are an outage is told by severity or by kind", () => {
    const signs = { severities: ["critical" as const], kinds: ["offline" as const] };
    expect(isOutage(signs, { severity: "critical", kind: "above" })).toBe(true);
    expect(isOutage(signs, { severity: "warning", kind: "offline" })).toBe(true);
    expect(isOutage(signs, { severity: "major", kind: "above" })).toBe(false);
    expect(isOutage({ severities: [], kinds: [] }, { severity: "critical", kind: "offline" })).toBe(false);
  });
});

describe("times of response and resolution", () => {
  const nowMs = 10_000 * minuteMs;
  const of = (one: Down, promised = gold, business?: Parameters<typeof timesOf>[2]["business"]) =>
    timesOf(one, promised, { nowMs, business });

  it("N-F09: go by the severity, and by the level's own where that has none", () => {
    const targets = (["critical", "major", "minor", "warning", "info"] as const).map((severity) => {
      const { response, resolution } = of(down(0, 1, { severity }));
      return [severity, response.targetMs / minuteMs, resolution.targetMs / minuteMs];
    });
    expect(targets).toEqual([
      ["critical", 15, 240],
      ["major", 60, 480],
      ["minor", 240, 1_440],
      ["warning", 60, 240],
      ["info", 60, 240],
    ]);
  });

  it("N-F09: run until it was acknowledged, or over, and are in time until the instant itself", () => {
    expect(of(down(0, 240, { acknowledgedMs: 15 * minuteMs }))).toMatchObject({
      response: { ms: 15 * minuteMs, isLate: false },
      resolution: { ms: 240 * minuteMs, isLate: false },
    });
    expect(of(down(0, 240, { clearedMs: 240 * minuteMs + 1, acknowledgedMs: 15 * minuteMs + 1 }))).toMatchObject({
      response: { isLate: true },
      resolution: { isLate: true },
    });
    // What ended by itself before anybody had to answer needs no answer, however late one came.
    expect(of(down(0, 10, { acknowledgedMs: 500 * minuteMs })).response).toMatchObject({ ms: 10 * minuteMs, isLate: false });
    expect(of(down(9_900))).toMatchObject({
      response: { ms: 100 * minuteMs, isLate: true, doneMs: undefined },
      resolution: { isLate: false },
    });
  });

  it("N-F09: run in hours of business and not in maintenance", () => {
    const business = [minutes(0, 10), minutes(1_440, 1_500)];
    expect(of(down(0, 1_450), gold, business)).toMatchObject({
      response: { ms: 20 * minuteMs, isLate: true },
      resolution: { ms: 20 * minuteMs, isLate: false },
    });
    const windows = [minutes(5, 300)];
    expect(of(down(0, 310, { windows })).resolution).toMatchObject({ ms: 15 * minuteMs, isLate: false });
    expect(of(down(0, 310, { windows }), { ...gold, excludeMaintenance: false }).resolution).toMatchObject({
      ms: 310 * minuteMs,
      isLate: true,
    });
  });
});
