import { describe, expect, it } from "vitest";

import { isStrongChange, seenOf } from "./strong-change.ts";
import type { Seen } from "./strong-change.ts";

const seen = (status: Seen["status"], soil = "stable"): Seen => ({ status, trends: { soil_moisture: soil, light_level: "stable" } });

describe("a strong change", () => {
  it.each([
    ["nothing is known from before", undefined, seen("critical"), false],
    ["all is as it was", seen("optimal"), seen("optimal"), false],
    ["it became critical", seen("warning"), seen("critical"), true],
    ["it still is critical", seen("critical"), seen("critical"), false],
    ["it got better", seen("critical"), seen("optimal"), false],
    ["it came near a limit", seen("optimal"), seen("warning"), false],
    ["a trend began", seen("optimal"), seen("optimal", "falling"), true],
    ["a trend goes on", seen("optimal", "falling"), seen("optimal", "falling"), false],
    ["a trend turned", seen("optimal", "falling"), seen("optimal", "rising"), true],
    ["a trend ended", seen("optimal", "falling"), seen("optimal"), false],
    ["a trend is no longer known", seen("optimal", "falling"), seen("unknown", "unknown"), false],
  ] as const)("%s (GA-21)", (_, before, now, expected) => {
    expect(isStrongChange(before, now)).toBe(expected);
  });

  it("is judged by status and directions alone (GA-21)", () => {
    const health = {
      status: "warning",
      issues: ["Near its limit."],
      trends: { soil_moisture: { direction: "falling", text: "5 % a day" } },
    } as const;
    expect(seenOf(health)).toEqual({ status: "warning", trends: { soil_moisture: "falling" } });
  });
});
