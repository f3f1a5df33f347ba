import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { describe, expect, it } from "vitest";

import { onCallAt, personOf, shiftAt, shiftStart, turnEnd, turnsBetween } from "./rotation.ts";
import type { Override, Rotation } from "./rotation.ts";

const everybody = () => true;
const zones = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Chatham", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu"];
const dayMs = 86_400_000;

const wall = (at: Date, timeZone: string) => Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO(timeZone);
const clock = (at: Date, timeZone: string) => wall(at, timeZone).toPlainTime().toString({ smallestUnit: "minute" });

const rotations: fc.Arbitrary<Rotation> = fc
  .record({
    timeZone: fc.constantFrom(...zones),
    hour: fc.integer({ min: 0, max: 23 }),
    minute: fc.constantFrom(0, 15, 30, 45),
    shift: fc.constantFrom("daily" as const, "weekly" as const, "custom" as const),
    day: fc.integer({ min: 1, max: 7 }),
    hours: fc.integer({ min: 1, max: 720 }),
    start: fc.integer({ min: 0, max: 900 }),
    people: fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e"), { minLength: 1, maxLength: 5 }),
  })
  .map(({ timeZone, hour, minute, shift, day, hours, start, people }) => ({
    timeZone,
    handOverTime: `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`,
    shift,
    handOverDay: shift === "weekly" ? day : undefined,
    shiftHours: shift === "custom" ? hours : undefined,
    startsOn: new Date(Date.UTC(2026, 0, 1) + start * dayMs).toISOString().slice(0, 10),
    people,
  }));
const moments = fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2030, 0, 1) }).map((ms) => new Date(ms));

const weekly: Rotation = {
  timeZone: "Europe/Berlin",
  handOverTime: "08:00",
  shift: "weekly",
  handOverDay: 1,
  startsOn: "2026-03-16",
  people: ["ana", "ben", "cem"],
};

describe("a rotation", () => {
  it("N-F10: hands over at the same time by the clock on the wall, before and after the change to summer time", () => {
    // On 29 March 2026 Berlin's clocks go from 02:00 to 03:00.
    expect(shiftStart(weekly, 1).toISOString()).toBe("2026-03-23T07:00:00.000Z");
    expect(shiftStart(weekly, 2).toISOString()).toBe("2026-03-30T06:00:00.000Z");
    expect(onCallAt(weekly, [], new Date("2026-03-30T05:59:59.999Z"), everybody)).toBe("ben");
    expect(onCallAt(weekly, [], new Date("2026-03-30T06:00:00.000Z"), everybody)).toBe("cem");
  });

  it("N-F10: is nobody's before its first day, and waits for its weekday after a start in the middle of the week", () => {
    const midweek = { ...weekly, startsOn: "2026-03-18" };
    expect(onCallAt(midweek, [], new Date("2026-03-18T06:59:59Z"), everybody)).toBeUndefined();
    expect(onCallAt(midweek, [], new Date("2026-03-18T07:00:00Z"), everybody)).toBe("ana");
    expect(shiftStart(midweek, 1).toISOString()).toBe("2026-03-23T07:00:00.000Z");
  });

  it("lets the next in turn stand in for somebody who has left, and nobody else's turn shifts", () => {
    const gone = (person: string) => person !== "ben";
    expect([0, 1, 2, 3].map((number) => personOf(weekly, number, gone))).toEqual(["ana", "cem", "cem", "ana"]);
    expect(personOf(weekly, 1, () => false)).toBeUndefined();
  });

  it("hands over at a time that the change to summer skips, and once at one that comes twice", () => {
    const atNight = { ...weekly, shift: "daily" as const, handOverDay: undefined, handOverTime: "02:30", startsOn: "2026-03-27" };
    expect(shiftStart(atNight, 2).toISOString()).toBe("2026-03-29T01:30:00.000Z");
    const autumn = { ...atNight, startsOn: "2026-10-24" };
    expect(shiftStart(autumn, 1).toISOString()).toBe("2026-10-25T00:30:00.000Z");
    expect(shiftStart(autumn, 2).toISOString()).toBe("2026-10-26T01:30:00.000Z");
  });

  it("N-F10: every moment lies in exactly the shift that began last, in zones with whole, half and odd hours", () => {
    fc.assert(
      fc.property(rotations, moments, (rotation, at) => {
        const number = shiftAt(rotation, at);
        if (number === undefined) {
          expect(at.getTime()).toBeLessThan(shiftStart(rotation, 0).getTime());
          return;
        }
        expect(shiftStart(rotation, number).getTime()).toBeLessThanOrEqual(at.getTime());
        expect(shiftStart(rotation, number + 1).getTime()).toBeGreaterThan(at.getTime());
      }),
      { numRuns: 400 },
    );
  });

  it("N-F10: hands over daily and weekly at the wall's hand-over time all year, unless the clocks skip it", () => {
    fc.assert(
      fc.property(rotations, fc.integer({ min: 0, max: 500 }), (rotation, number) => {
        fc.pre(rotation.shift !== "custom");
        const at = shiftStart(rotation, number);
        const { timeZone, handOverTime } = rotation;
        const skipped = wall(at, timeZone).toPlainDate().toPlainDateTime(Temporal.PlainTime.from(handOverTime));
        const isThere = skipped.toZonedDateTime(timeZone).toPlainDateTime().equals(skipped);
        if (isThere) expect(clock(at, timeZone)).toBe(handOverTime);
        if (rotation.shift === "weekly" && number > 0) expect(wall(at, timeZone).dayOfWeek).toBe(rotation.handOverDay);
      }),
      { numRuns: 300 },
    );
  });

  it("N-F10: turns of a range leave no gap, overlap nowhere, and say at each moment what who-is-on-call says", () => {
    const overrides = fc
      .array(
        fc.record({ from: fc.integer({ min: 0, max: 900 }), hours: fc.integer({ min: 1, max: 80 }), who: fc.constantFrom("x", "a", "y") }),
        {
          maxLength: 5,
        },
      )
      .map((wanted) => {
        let free = Date.UTC(2026, 5, 1);
        return wanted.map(({ from, hours, who }, index): Override => {
          const begin = free + from * 60_000;
          free = begin + hours * 3_600_000;
          return { id: String(index), personId: who, from: new Date(begin), to: new Date(free), reason: "swap" };
        });
      });
    fc.assert(
      fc.property(
        rotations,
        overrides,
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
        (rotation, swaps, days, shares) => {
          const from = new Date(Date.UTC(2026, 5, 1) - 3 * 3_600_000);
          const to = new Date(from.getTime() + days * dayMs);
          const turns = turnsBetween(rotation, swaps, { from, to }, everybody);
          expect(turns.at(0)?.from).toEqual(from);
          expect(turns.at(-1)?.to).toEqual(to);
          for (const [index, turn] of turns.entries()) {
            expect(turn.from.getTime()).toBeLessThan(turn.to.getTime());
            if (index > 0) expect(turn.from).toEqual(turns[index - 1]?.to);
            expect(onCallAt(rotation, swaps, turn.from, everybody)).toBe(turn.personId);
          }
          for (const share of shares) {
            const at = new Date(Math.min(to.getTime() - 1, Math.floor(from.getTime() + share * (to.getTime() - from.getTime()))));
            const turn = turns.find((one) => one.from <= at && at < one.to);
            expect(turn?.personId).toBe(onCallAt(rotation, swaps, at, everybody));
            if (turn !== undefined && turn.to < to) expect(turnEnd(rotation, swaps, at)).toEqual(turn.to);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
