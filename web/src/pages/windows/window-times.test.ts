import { describe, expect, it } from "vitest";

import { byDay, daysOf, instantOf, turn, wallOf } from "./window-times.ts";

const berlin = "Europe/Berlin";

describe("times on a wall clock", () => {
  it("finds the instant of a wall clock in summer, in winter, and on the days between", () => {
    const iso = (wall: string, zone = berlin) => instantOf(wall, zone)?.toISOString();
    expect(iso("2026-01-10T09:00")).toBe("2026-01-10T08:00:00.000Z");
    expect(iso("2026-07-10T09:00")).toBe("2026-07-10T07:00:00.000Z");
    expect(iso("2026-03-29T01:30")).toBe("2026-03-29T00:30:00.000Z");
    expect(iso("2026-03-29T09:00")).toBe("2026-03-29T07:00:00.000Z");
    // Left out: as much later as the clock jumps.
    expect(iso("2026-03-29T02:30")).toBe("2026-03-29T01:30:00.000Z");
    // Comes twice: the first.
    expect(iso("2026-10-25T02:30")).toBe("2026-10-25T00:30:00.000Z");
    expect(iso("2026-10-25T12:00")).toBe("2026-10-25T11:00:00.000Z");
    expect(iso("2026-11-01T12:00", "America/New_York")).toBe("2026-11-01T17:00:00.000Z");
    expect(iso("")).toBeUndefined();
    expect(wallOf(new Date("2026-07-10T07:00:00Z"), berlin)).toBe("2026-07-10T09:00");
  });

  it("shows whole weeks from Monday, and turns by months and weeks", () => {
    const november = daysOf("2026-11-21", "month");
    expect([november[0], november.at(-1), november.length]).toEqual(["2026-10-26", "2026-12-06", 42]);
    expect(daysOf("2026-11-21", "week")).toEqual([
      "2026-11-16",
      "2026-11-17",
      "2026-11-18",
      "2026-11-19",
      "2026-11-20",
      "2026-11-21",
      "2026-11-22",
    ]);
    expect([turn("2026-01-31", "month", 1), turn("2026-01-31", "month", -1), turn("2026-01-01", "week", -1)]).toEqual([
      "2026-02-01",
      "2025-12-01",
      "2025-12-25",
    ]);
  });

  it("puts an occurrence on each of its days, and none on the day at whose midnight it ends", () => {
    const night = { from: new Date("2026-11-20T22:00:00Z"), to: new Date("2026-11-21T23:00:00Z") };
    const days = byDay([night], daysOf("2026-11-21", "week"), berlin);
    expect([...days].filter(([, items]) => items.length > 0).map(([day]) => day)).toEqual(["2026-11-20", "2026-11-21"]);
  });
});
