import type { ComplianceDay } from "@roost/contract/services";
import { describe, expect, it } from "vitest";

import { dayInWords, formatLength, formatPercent, measuredWords } from "./service-words.ts";

const day: ComplianceDay = {
  day: "2026-03-29",
  from: new Date("2026-03-28T23:00:00Z"),
  to: new Date("2026-03-29T22:00:00Z"),
  state: "critical",
  unplannedSeconds: 43 * 60,
  plannedSeconds: 0,
  countedSeconds: 43 * 60,
  unknownSeconds: 0,
  availabilityPercent: 96.884,
};

describe("what is said of services", () => {
  it("N-F09: lengths of time are said in the two units that matter", () => {
    expect([0, 59, 60, 43 * 60, 3_600, 313 * 60, 47 * 3_600, 48 * 3_600, 51 * 3_600].map(formatLength)).toEqual([
      "0 s",
      "59 s",
      "1 min",
      "43 min",
      "1 h",
      "5 h 13 min",
      "47 h",
      "2 d",
      "2 d 3 h",
    ]);
  });

  it("N-F09: percentages have two digits behind the point, or as many as the target; of what is unknown there is none", () => {
    expect(formatPercent(99.9005, 99.9)).toBe("99.90\u00A0%");
    expect(formatPercent(99.27546, 99.9)).toBe("99.28\u00A0%");
    expect(formatPercent(99.99912, 99.9999)).toBe("99.9991\u00A0%");
    expect(formatPercent(undefined, 99.9)).toBeUndefined();
  });

  it("N-F09: a day says how it stands and what was measured, and nothing of what was not", () => {
    expect(dayInWords(day, 99.9)).toBe("2026-03-29, badly broken: 43 min down, 96.88\u00A0% available");
    const { availabilityPercent: _, ...unknown } = { ...day, unplannedSeconds: 0, unknownSeconds: 82_800 };
    expect(measuredWords(unknown, 99.9)).toBe("23 h not known");
    expect(measuredWords({ ...day, plannedSeconds: 3_600 }, 99.9)).toBe("43 min down, 1 h down as planned, 96.88\u00A0% available");
  });
});
