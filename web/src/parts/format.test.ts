import { describe, expect, it } from "vitest";

import {
  formatAge,
  formatClock,
  formatCount,
  formatExact,
  formatMinute,
  formatNumber,
  formatReading,
  formatSpan,
  formatValue,
  isStale,
} from "./format.ts";

const now = Date.parse("2026-03-29T04:05:06Z");
const ago = (ms: number) => new Date(now - ms);

describe("ages", () => {
  it("counts in the largest unit that fits", () => {
    expect([0, 59_999, 60_000, 3_599_999, 3_600_000, 47 * 3_600_000, 48 * 3_600_000, 800 * 86_400_000].map(formatSpan)).toEqual([
      "0 s",
      "59 s",
      "1 min",
      "59 min",
      "1 h",
      "47 h",
      "2 d",
      "2 y",
    ]);
  });

  it("says just now for the moment itself and for a clock slightly ahead, and tells the future apart", () => {
    expect(formatAge(ago(500), now)).toBe("just now");
    expect(formatAge(ago(-2_000), now)).toBe("just now");
    expect(formatAge(ago(12_400), now)).toBe("12 s ago");
    expect(formatAge(ago(-120_000), now)).toBe("in 2 min");
  });

  it("shows the exact instant in the zone asked for, across the change to summer time", () => {
    expect(formatExact(new Date("2026-03-29T01:00:00Z"), "Europe/Berlin")).toMatch(/^2026-03-29 03:00:00 (CEST|GMT\+2)$/);
    expect(formatMinute(new Date("2026-03-29T00:59:00Z"), "Europe/Berlin")).toBe("2026-03-29 01:59");
    expect(formatMinute(new Date("2026-03-29T01:00:00Z"), "Europe/Berlin")).toBe("2026-03-29 03:00");
    expect(formatClock(new Date("2026-03-29T00:59:00Z"), new Date("2026-03-29T12:00:00Z"), "Europe/Berlin")).toBe("01:59");
    expect(formatClock(new Date("2026-03-27T00:59:00Z"), new Date("2026-03-29T12:00:00Z"), "UTC")).toBe("2026-03-27 00:59");
    expect(formatExact(new Date("2026-12-31T23:59:59Z"), "UTC")).toBe("2026-12-31 23:59:59 UTC");
  });
});

describe("values", () => {
  it("keeps four significant digits and a real minus", () => {
    expect([21.456_7, 0.000_123_45, -3.5, 1013.25, 12_345.67, 123_456.7, 0].map((value) => formatNumber(value))).toEqual([
      "21.46",
      "0.0001234",
      "−3.5",
      "1013.3",
      "12\u2009345.7",
      "123\u2009457",
      "0",
    ]);
    expect([21.456_7, 1013.25, -53.59, 0.001_234_5].map((value) => formatNumber(value, 3))).toEqual(["21.5", "1013", "−53.6", "0.00123"]);
    expect(formatNumber(1e20)).toBe("1.00e20");
    expect(formatNumber(0.000_01)).toBe("1.00e-5");
  });

  it("puts the unit beside the figure and none beside plain numbers", () => {
    expect(formatValue(21.5, "°C")).toBe("21.5\u00a0°C");
    expect(formatValue(3, "1")).toBe("3");
  });

  it("lets bytes and bits climb from the unit they came in", () => {
    expect(formatReading(1_234_567, "B")).toEqual({ figure: "1.23", unit: "MB" });
    expect(formatReading(999, "B")).toEqual({ figure: "999", unit: "B" });
    expect(formatReading(2_500, "MB")).toEqual({ figure: "2.5", unit: "GB" });
    expect(formatReading(125_000, "B/s")).toEqual({ figure: "125", unit: "kB/s" });
    expect(formatReading(-2_000_000, "bit/s")).toEqual({ figure: "−2", unit: "Mbit/s" });
  });

  it("lets seconds grow to minutes, hours and days", () => {
    expect([119, 120, 7_199, 7_200, 172_800].map((seconds) => formatValue(seconds, "s"))).toEqual([
      "119\u00a0s",
      "2\u00a0min",
      "120\u00a0min",
      "2\u00a0h",
      "2\u00a0d",
    ]);
  });

  it("says on and off for true and false", () => {
    expect(formatValue(1, "1", "boolean")).toBe("on");
    expect(formatValue(0, "1", "boolean")).toBe("off");
  });

  it("parts thousands in counts", () => {
    expect(formatCount(1_234_567)).toBe("1\u2009234\u2009567");
  });
});

describe("staleness", () => {
  it("begins after three missed beats of the device's own pace, or when the device says so", () => {
    expect(isStale(ago(180_000), "ok", 60, now)).toBe(false);
    expect(isStale(ago(180_001), "ok", 60, now)).toBe(true);
    expect(isStale(ago(0), "stale", 60, now)).toBe(true);
  });
});
