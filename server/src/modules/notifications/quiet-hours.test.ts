import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { endOf, isWithin, nextAt } from "./quiet-hours.ts";
import type { DailyWindow } from "./quiet-hours.ts";

const ms = (text: string) => Date.parse(text);
const iso = (at: number | undefined) => (at === undefined ? undefined : new Date(at).toISOString());
const night: DailyWindow = { from: "22:00", to: "07:00", timeZone: "Europe/Berlin" };

const zones = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Chatham", "Australia/Lord_Howe", "America/St_Johns"];
const times = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 10, 30, 45))
  .map(([hour, minute]) => `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`);
const windows: fc.Arbitrary<DailyWindow> = fc
  .record({ from: times, to: times, timeZone: fc.constantFrom(...zones) })
  .filter(({ from, to }) => from !== to);
// Around the days on which clocks change somewhere, and any other.
const moments = fc.oneof(
  fc.integer({ min: ms("2026-01-01T00:00:00Z"), max: ms("2028-01-01T00:00:00Z") }),
  ...["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-04", "2026-09-26", "2026-10-03"].map((day) =>
    fc.integer({ min: ms(`${day}T00:00:00Z`) - 12 * 3_600_000, max: ms(`${day}T00:00:00Z`) + 36 * 3_600_000 }),
  ),
);

describe("quiet hours", () => {
  it("CO-60: cross midnight and end at their time by the person's own clock", () => {
    expect(iso(endOf(night, ms("2026-06-01T20:00:00Z")))).toBe("2026-06-02T05:00:00.000Z");
    expect(iso(endOf(night, ms("2026-06-02T04:59:59Z")))).toBe("2026-06-02T05:00:00.000Z");
    expect(endOf(night, ms("2026-06-02T05:00:00Z"))).toBeUndefined();
    expect(iso(endOf({ ...night, timeZone: "America/New_York" }, ms("2026-06-02T05:00:00Z")))).toBe("2026-06-02T11:00:00.000Z");
    expect(iso(endOf({ from: "12:00", to: "13:00", timeZone: "UTC" }, ms("2026-06-02T12:30:00Z")))).toBe("2026-06-02T13:00:00.000Z");
  });

  it("CO-60: last an hour less in the night of the change to summer, and an hour more in that of the change back", () => {
    expect(iso(endOf(night, ms("2026-03-28T21:00:00Z")))).toBe("2026-03-29T05:00:00.000Z");
    expect(iso(endOf(night, ms("2026-10-24T20:00:00Z")))).toBe("2026-10-25T06:00:00.000Z");
  });

  it("CO-60: that end at a time the clocks skip are over when the clocks go forward", () => {
    const short = { ...night, to: "02:30" };
    expect(iso(endOf(short, ms("2026-03-29T00:30:00Z")))).toBe("2026-03-29T01:00:00.000Z");
  });

  it("begin on the days they are for: a night that began on Friday lasts into Saturday", () => {
    const fridays = { ...night, days: [5] };
    expect(isWithin(fridays, ms("2026-06-05T21:00:00Z"))).toBe(true);
    expect(isWithin(fridays, ms("2026-06-06T03:00:00Z"))).toBe(true);
    expect(isWithin(fridays, ms("2026-06-06T21:00:00Z"))).toBe(false);
    expect(isWithin(fridays, ms("2026-06-05T03:00:00Z"))).toBe(false);
  });

  it("CO-60: end at the first moment that does not lie in them, wherever and whenever", () => {
    fc.assert(
      fc.property(windows, moments, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }), (window, at, shares) => {
        const end = endOf(window, at);
        expect(end !== undefined).toBe(isWithin(window, at));
        if (end === undefined) return;
        expect(end).toBeGreaterThan(at);
        expect(isWithin(window, end)).toBe(false);
        expect(isWithin(window, end - 1)).toBe(true);
        // Where a clock is put back, an end may come twice; the first one counts, so all before it is within.
        for (const share of shares) expect(isWithin(window, at + Math.floor((end - 1 - at) * share))).toBe(true);
      }),
      { numRuns: 600 },
    );
  });

  it("CO-61: a daily digest comes at its time by the local clock, once a day, over the changes of the clocks", () => {
    fc.assert(
      fc.property(times, fc.constantFrom(...zones), moments, (time, timeZone, after) => {
        const first = nextAt(time, timeZone, after);
        const second = nextAt(time, timeZone, first);
        expect(first).toBeGreaterThan(after);
        expect(first - after).toBeLessThanOrEqual(25 * 3_600_000);
        expect(second - first).toBeGreaterThanOrEqual(22.5 * 3_600_000);
        expect(second - first).toBeLessThanOrEqual(25.5 * 3_600_000);
      }),
      { numRuns: 300 },
    );
    // The first minute that the clocks skip.
    expect(iso(nextAt("02:45", "Pacific/Chatham", ms("2026-09-26T00:00:00Z")))).toBe("2026-09-26T14:00:00.000Z");
    expect(iso(nextAt("08:00", "Europe/Berlin", ms("2026-03-28T07:00:00Z")))).toBe("2026-03-29T06:00:00.000Z");
  });
});
