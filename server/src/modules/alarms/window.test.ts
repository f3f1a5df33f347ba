import { isAppError } from "@roost/contract/errors";
import type { WindowPlan } from "@roost/contract/windows";
import { Cron } from "croner";
import fc from "fast-check";
import { RRuleTemporal } from "rrule-temporal";
import { Temporal } from "temporal-polyfill";
import { describe, expect, it } from "vitest";

import { checkPlan, fixPlan, standingOf, timetableOf, upcoming, withCuts, within } from "./window.ts";

type Recurring = Extract<WindowPlan, { kind: "recurring" }>;

const now = Date.parse("2026-03-27T12:00:00Z");
const hour = 3_600;
const zones = [
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "Asia/Kathmandu",
  "Pacific/Apia",
  "Africa/Casablanca",
  "America/Santiago",
  "UTC",
] as const;

const every = (parts: Partial<Recurring>): WindowPlan => ({ kind: "recurring", durationSeconds: hour, zone: "Europe/Berlin", ...parts });
const once = (from: string, to: string, zone = "UTC"): WindowPlan => ({ kind: "once", from: new Date(from), to: new Date(to), zone });
const checked = (plan: WindowPlan, nowMs = now) => checkPlan(fixPlan(plan, nowMs), nowMs);
const wall = (at: Date | undefined, zone = "Europe/Berlin") =>
  at === undefined
    ? undefined
    : Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO(zone).toString({ timeZoneName: "never" });
const codeOf = (plan: WindowPlan): string => {
  try {
    checked(plan);
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
  return "fine";
};

describe("a maintenance window's timetable", () => {
  it("N-F04: is in force from its beginning on and not at its end any more", () => {
    const timetable = checked(once("2026-03-28T10:00:00Z", "2026-03-28T12:00:00Z"));
    const at = (time: string) => timetable.at(Date.parse(`2026-03-28T${time}Z`)) !== undefined;
    expect([at("09:59:59.999"), at("10:00:00"), at("11:59:59.999"), at("12:00:00")]).toEqual([false, true, true, false]);
    expect(timetable.after(Date.parse("2026-03-28T10:00:00Z"))).toBeUndefined();
  });

  it("N-F04: crosses midnight and the change of the clocks, each night once", () => {
    const timetable = checked(every({ cron: "30 23 * * *", durationSeconds: 4 * hour, from: new Date("2026-03-27T00:00:00Z") }));
    const nights = upcoming(timetable, Date.parse("2026-03-28T12:00:00Z"), 2);
    expect(nights.map(({ from, to }) => [wall(from), wall(to)])).toEqual([
      // Four hours of the clock's 23:30 to 04:30: that night has no hour between two and three.
      ["2026-03-28T23:30:00+01:00", "2026-03-29T04:30:00+02:00"],
      ["2026-03-29T23:30:00+02:00", "2026-03-30T03:30:00+02:00"],
    ]);
    expect(timetable.at(Date.parse("2026-03-29T02:00:00Z"))?.from).toEqual(nights[0]?.from);
  });

  it.each([
    ["rrule" as const, "FREQ=DAILY"],
    ["cron" as const, "30 2 * * *"],
  ])("begins when the clocks jump where its hour is left out, and once where it comes twice (%s)", (kind, text) => {
    const spring = checked(every({ [kind]: text, from: new Date("2026-03-27T01:30:00Z") }));
    expect(upcoming(spring, Date.parse("2026-03-28T12:00:00Z"), 2).map(({ from }) => wall(from))).toEqual([
      "2026-03-29T03:00:00+02:00",
      "2026-03-30T02:30:00+02:00",
    ]);
    const autumn = checked(every({ [kind]: text, from: new Date("2026-10-01T00:30:00Z") }), Date.parse("2026-10-01T00:00:00Z"));
    expect(upcoming(autumn, Date.parse("2026-10-24T12:00:00Z"), 2).map(({ from }) => wall(from))).toEqual([
      "2026-10-25T02:30:00+02:00",
      "2026-10-26T02:30:00+01:00",
    ]);
  });

  it("lasts whole days of the calendar, of 23 and of 25 hours, so that one day follows the other", () => {
    const plan = every({ rrule: "FREQ=DAILY", durationSeconds: 24 * hour, from: new Date("2026-03-27T23:00:00Z") });
    const [first, second] = upcoming(checked(plan, Date.parse("2026-03-28T12:00:00Z")), Date.parse("2026-03-29T05:00:00Z"), 2);
    expect(wall(first?.to)).toBe("2026-03-30T00:00:00+02:00");
    expect(second?.from).toEqual(first?.to);
  });

  it.each([
    ["windows.end_before_start", once("2026-04-02T00:00:00Z", "2026-04-01T00:00:00Z")],
    [
      "windows.end_before_start",
      every({ cron: "0 1 * * *", from: new Date("2026-04-02T00:00:00Z"), until: new Date("2026-04-01T00:00:00Z") }),
    ],
    ["windows.already_over", once("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")],
    ["windows.already_over", every({ rrule: "FREQ=DAILY;COUNT=2", from: new Date("2026-03-01T00:00:00Z") })],
    ["windows.unknown_zone", every({ cron: "0 1 * * *", zone: "Europe/Atlantis" })],
    ["windows.unknown_zone", every({ cron: "0 1 * * *", zone: "+02:00" })],
    ["windows.unreadable_rrule", every({ rrule: "FREQ=DAILY;BYHOUR=99" })],
    ["windows.unreadable_rrule", every({ rrule: "FREQ=DAILY;FOO=1" })],
    ["windows.unreadable_rrule", every({ rrule: "FREQ=SECONDLY" })],
    ["windows.unreadable_rrule", every({ rrule: "FREQ=DAILY;COUNT=2;UNTIL=20270101" })],
    ["windows.unreadable_rrule", every({ rrule: "FREQ=DAILY;UNTIL=20270231" })],
    ["windows.unreadable_rrule", every({ rrule: "every day" })],
    ["windows.unreadable_cron", every({ cron: "61 * * * *" })],
    ["windows.unreadable_cron", every({ cron: "* * * * * *" })],
    ["windows.unreadable_cron", every({ cron: "never" })],
    ["windows.one_recurrence", every({})],
    ["windows.one_recurrence", every({ cron: "0 1 * * *", rrule: "FREQ=DAILY" })],
    ["windows.never_occurs", every({ rrule: "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30" })],
    ["windows.never_occurs", every({ cron: "0 0 30 2 *" })],
    ["windows.too_long", every({ cron: "0 1 * * *", durationSeconds: 25 * hour })],
    ["windows.too_long", every({ rrule: "FREQ=WEEKLY;BYDAY=SA,SU", durationSeconds: 30 * hour, from: new Date("2026-03-28T00:00:00Z") })],
    ["windows.too_long", once("2026-04-01T00:00:00Z", "2027-05-01T00:00:00Z")],
    ["fine", every({ rrule: "RRULE:FREQ=MONTHLY;BYDAY=1SU,-1FR;BYHOUR=2;BYMINUTE=0" })],
    ["fine", every({ cron: "@daily" })],
    ["fine", every({ rrule: "FREQ=HOURLY;INTERVAL=6", durationSeconds: 6 * hour })],
  ])("N-F04: answers %s to a plan %#", (code, plan) => {
    expect(codeOf(plan)).toBe(code);
  });

  it("reads UNTIL on the wall of the zone, in UTC and as a whole day", () => {
    const last = (rrule: string) => upcoming(checked(every({ rrule, from: new Date("2026-03-27T22:30:00Z") })), now, 9).at(-1)?.from;
    expect(wall(last("FREQ=DAILY;UNTIL=20260330T233000"))).toBe("2026-03-30T23:30:00+02:00");
    expect(wall(last("FREQ=DAILY;UNTIL=20260330T213000Z"))).toBe("2026-03-30T23:30:00+02:00");
    expect(wall(last("FREQ=DAILY;UNTIL=20260330T212959Z"))).toBe("2026-03-29T23:30:00+02:00");
    expect(wall(last("FREQ=DAILY;UNTIL=20260330"))).toBe("2026-03-30T23:30:00+02:00");
  });

  it("says where a window stands", () => {
    const timetable = checked(every({ rrule: "FREQ=DAILY;COUNT=2", from: new Date("2026-03-28T10:00:00Z") }));
    const status = (time: string, isCancelled = false) => standingOf(timetable, { nowMs: Date.parse(time), isCancelled }).status;
    expect(status("2026-03-28T09:00:00Z")).toBe("scheduled");
    expect(status("2026-03-28T10:30:00Z")).toBe("in_progress");
    expect(status("2026-03-28T11:00:00Z")).toBe("scheduled");
    expect(status("2026-03-29T10:00:00Z")).toBe("ended");
    expect(status("2026-03-28T10:30:00Z", true)).toBe("cancelled");
  });

  it("leaves out what was cut off, and nothing after it", () => {
    const beganAt = new Date("2026-03-28T10:00:00Z");
    const timetable = checked(every({ rrule: "FREQ=DAILY", from: beganAt }));
    const cut = withCuts(timetable, [{ beganAt, cutAt: new Date("2026-03-28T10:20:00Z") }]);
    expect(cut.at(Date.parse("2026-03-28T10:19:59Z"))?.to).toEqual(new Date("2026-03-28T10:20:00Z"));
    expect(cut.at(Date.parse("2026-03-28T10:20:00Z"))).toBeUndefined();
    expect(cut.at(Date.parse("2026-03-29T09:30:00Z"))).toBeDefined();
  });
});

describe("a timetable in any zone", () => {
  const moments = fc.integer({ min: Date.parse("2024-01-01T00:00:00Z") / 60_000, max: Date.parse("2028-12-31T00:00:00Z") / 60_000 });
  const times = fc.record({ hour: fc.integer({ min: 0, max: 23 }), minute: fc.integer({ min: 0, max: 59 }) });

  it("agrees with croner on every beginning, forwards and backwards", () => {
    fc.assert(
      fc.property(fc.constantFrom(...zones), moments, times, fc.constantFrom("*", "1-5", "0", "6,0"), (zone, minute, clock, days) => {
        const from = new Date(minute * 60_000);
        const cron = `${clock.minute} ${clock.hour} * * ${days}`;
        const timetable = timetableOf({ kind: "recurring", cron, durationSeconds: 60, zone, from });
        const theirs = new Cron(cron, { timezone: zone, paused: true }).nextRuns(4, new Date(from.getTime() - 1));
        expect(upcoming(timetable, from.getTime(), 4).map((one) => one.from)).toEqual(theirs);
        for (const run of theirs) {
          expect(timetable.at(run.getTime())?.from).toEqual(run);
          expect(timetable.at(run.getTime() + 59_999)?.from).toEqual(run);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("agrees with the recurrence library wherever the hour is there, and has an occurrence where it is not", () => {
    const rules = [
      "FREQ=DAILY",
      "FREQ=WEEKLY;BYDAY=SA,SU",
      "FREQ=MONTHLY;BYDAY=-1SU",
      "FREQ=DAILY;INTERVAL=3",
      "FREQ=HOURLY;INTERVAL=5",
    ] as const;
    fc.assert(
      fc.property(fc.constantFrom(...zones), moments, fc.constantFrom(...rules), (zone, minute, rrule) => {
        const from = new Date(minute * 60_000);
        const to = new Date(from.getTime() + 60 * 86_400_000);
        const dtstart = Temporal.Instant.fromEpochMilliseconds(from.getTime()).toZonedDateTimeISO(zone);
        const theirs = new RRuleTemporal({ rruleString: `RRULE:${rrule}`, dtstart })
          .between(from, to, true)
          .map((one) => one.epochMilliseconds);
        const timetable = timetableOf({ kind: "recurring", rrule, durationSeconds: 60, zone, from });
        const ours = within(timetable, { fromMs: from.getTime(), toMs: to.getTime() }, 10_000).map((one) => one.from.getTime());
        // What the clock shows once that day; of an hour that comes twice they take the second at times, we the first.
        const isPlain = (ms: number) => {
          const wall = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone).toPlainDateTime();
          const [early, late] = (["earlier", "later"] as const).map((disambiguation) => wall.toZonedDateTime(zone, { disambiguation }));
          return (
            early?.epochMilliseconds === late?.epochMilliseconds &&
            (rrule.startsWith("FREQ=HOURLY") || wall.toPlainTime().equals(dtstart.toPlainTime()))
          );
        };
        expect(ours.filter(isPlain)).toEqual(theirs.filter((ms) => ms < to.getTime() && isPlain(ms)));
        // Nobody is woken because a clock jumped: each day of a daily rule has its beginning.
        if (rrule === "FREQ=DAILY" && zone !== "Pacific/Apia") expect(ours.length).toBeGreaterThanOrEqual(59);
      }),
      { numRuns: 120 },
    );
  });

  it("is in force between beginning and end of each occurrence, and of no other", () => {
    const plans = fc.record({
      zone: fc.constantFrom(...zones),
      minute: moments,
      clock: times,
      hours: fc.integer({ min: 1, max: 20 }),
      kind: fc.constantFrom("cron" as const, "rrule" as const),
    });
    fc.assert(
      fc.property(plans, fc.integer({ min: 0, max: 20 * 24 * 60 }), ({ zone, minute, clock, hours, kind }, offset) => {
        const from = new Date(minute * 60_000);
        const rule =
          kind === "cron"
            ? { cron: `${clock.minute} ${clock.hour} * * *` }
            : { rrule: `FREQ=DAILY;BYHOUR=${clock.hour};BYMINUTE=${clock.minute}` };
        const timetable = timetableOf({ kind: "recurring", ...rule, durationSeconds: hours * hour, zone, from });
        const all = within(timetable, { fromMs: from.getTime() - 1, toMs: from.getTime() + 22 * 86_400_000 }, 100);
        const at = from.getTime() + offset * 60_000;
        const expected = all.find((one) => one.from.getTime() <= at && at < one.to.getTime());
        expect(timetable.at(at)).toEqual(expected);
        expect(timetable.after(at)).toEqual(all.find((one) => one.from.getTime() > at));
      }),
      { numRuns: 200 },
    );
  });
});
