import { weekdays } from "@roost/contract/service-levels";
import type { BusinessHours } from "@roost/contract/service-levels";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { businessSpans, checkBusinessHours, lastDays } from "./business-hours.ts";
import { both, lengthMs, merged } from "./spans.ts";

const hourMs = 3_600_000;
const days = [...weekdays];
const at = (text: string) => Date.parse(text);
const hours = (timeZone: string, from: string, to: string, on = days): BusinessHours => ({ timeZone, hours: [{ days: on, from, to }] });
const zones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia"];
const time = fc
  .tuple(fc.nat(23), fc.nat(59))
  .map(([hour, minute]) => `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`)
  .filter((text) => text !== "00:00");

describe("hours of business", () => {
  it("N-F09: a day cut in two at any time of the clock is the whole day, whatever the clocks do in it", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        time,
        fc.integer({ min: at("2025-01-01T00:00:00Z") / hourMs, max: at("2027-01-01T00:00:00Z") / hourMs }),
        fc.integer({ min: 1, max: 24 * 9 }),
        (timeZone, cut, fromHour, length) => {
          const period = { fromMs: fromHour * hourMs, toMs: (fromHour + length) * hourMs };
          const morning = businessSpans(hours(timeZone, "00:00", cut), period);
          const rest = businessSpans(hours(timeZone, cut, "24:00"), period);
          expect(lengthMs(both(morning, rest))).toBe(0);
          expect(merged([...morning, ...rest])).toEqual([period]);
        },
      ),
    );
  });

  it("N-F09: are those that the clock on the wall shows: an hour less in spring, one more in autumn", () => {
    const lengths = (day: string, from: string, to: string) =>
      lengthMs(
        businessSpans(hours("Europe/Berlin", from, to), {
          fromMs: at(`${day}T00:00:00+01:00`) - hourMs,
          toMs: at(`${day}T23:00:00Z`) + hourMs,
        }),
      ) / hourMs;
    // The clocks go from 2:00 to 3:00 on 29 March and from 3:00 to 2:00 on 25 October.
    const only = (day: string, from: string, to: string) => {
      const period = { fromMs: at(`${day}T00:00:00Z`) - 2 * hourMs, toMs: at(`${day}T00:00:00Z`) + 25 * hourMs };
      const [found] = lastDays(1, at(`${day}T12:00:00Z`), "Europe/Berlin");
      return found === undefined ? Number.NaN : lengthMs(both(businessSpans(hours("Europe/Berlin", from, to), period), [found])) / hourMs;
    };
    expect(lengths("2026-03-04", "08:00", "17:00")).toBe(9);
    expect(only("2026-03-29", "00:00", "08:00")).toBe(7);
    expect(only("2026-03-29", "02:15", "02:45")).toBe(0);
    expect(only("2026-03-29", "02:30", "04:00")).toBe(1);
    expect(only("2026-10-25", "00:00", "08:00")).toBe(9);
    expect(only("2026-10-25", "08:00", "17:00")).toBe(9);
    expect(
      lastDays(3, at("2026-03-30T12:00:00Z"), "Europe/Berlin").map(({ day, fromMs, toMs }) => [day, (toMs - fromMs) / hourMs]),
    ).toEqual([
      ["2026-03-28", 24],
      ["2026-03-29", 23],
      ["2026-03-30", 24],
    ]);
  });

  it("N-F09: leave out the days that are not named, and count once what two of them share", () => {
    const week = { fromMs: at("2026-03-02T00:00:00Z"), toMs: at("2026-03-09T00:00:00Z") };
    const office: BusinessHours = {
      timeZone: "UTC",
      hours: [
        { days: ["mon", "tue", "wed", "thu", "fri"], from: "08:00", to: "12:00" },
        { days: ["mon", "tue", "wed", "thu"], from: "11:00", to: "17:00" },
      ],
    };
    expect(lengthMs(businessSpans(office, week)) / hourMs).toBe(4 * 9 + 4);
    const saturday = { fromMs: at("2026-03-07T00:00:00Z"), toMs: at("2026-03-08T00:00:00Z") };
    expect(businessSpans(office, saturday)).toEqual([]);
  });

  it("N-F09: are refused in a zone that nobody knows, and where they end before they begin", () => {
    const zone = expect.objectContaining({ code: "service_levels.unknown_zone" });
    for (const timeZone of ["Mars/Olympus", "+02:00", "Europe/Berlin; drop table"])
      expect(() => checkBusinessHours(hours(timeZone, "08:00", "17:00"))).toThrow(zone);
    const order = expect.objectContaining({ code: "service_levels.end_before_start" });
    expect(() => checkBusinessHours(hours("UTC", "17:00", "08:00"))).toThrow(order);
    expect(() => checkBusinessHours(hours("UTC", "08:00", "08:00"))).toThrow(order);
    expect(() => checkBusinessHours(hours("Europe/Berlin", "00:00", "24:00"))).not.toThrow();
  });
});
