import { describe, expect, it } from "vitest";

import { daysBack, effectWords, faultOf, placeOf, spanWords, ticksOf } from "./retention-words.ts";

describe("how long things are kept, in words", () => {
  it("says days as people do", () => {
    expect([1, 30, 59, 90, 365, 400, 730, 1_830, 7_300, 36_500].map(spanWords)).toEqual([
      "1 day",
      "30 days",
      "59 days",
      "about 3 months",
      "1 year",
      "about 13 months",
      "2 years",
      "about 5 years",
      "20 years",
      "100 years",
    ]);
  });

  it("says what goes, and that nothing goes", () => {
    const one = { kind: "samples", daysNow: 400, days: 30, keptFrom: new Date(0), deletes: 0, deletesMore: false } as const;
    expect(effectWords(one)).toBe("deletes nothing");
    expect(effectWords({ ...one, deletes: 1, kind: "daily" })).toBe("deletes 1 day of statistics");
    const oldestAt = new Date("2026-01-02T23:00:00Z");
    expect(effectWords({ ...one, deletes: 12_345, deletesMore: true, oldestAt })).toBe(
      "deletes more than 12\u2009345 values, back to 2026-01-02",
    );
  });

  it("puts longer spans further on, from nothing to the whole", () => {
    const places = [0, 0.1, 1, 7, 30, 365, 7_300].map((days) => placeOf(days, 7_300));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect([places[0], places.at(-1)]).toEqual([0, 100]);
    expect(placeOf(9_000, 7_300)).toBe(100);
    expect(ticksOf(400).map(({ word }) => word)).toEqual(["1 week", "1 month", "1 year"]);
    expect(daysBack(new Date(5_000), 0)).toBe(0);
  });

  it("finds a field that is no number of days, or ends before what it is made of", () => {
    const draft = { samples: 400, hourly: 1_830, daily: 7_300, rejects: 90, events: 400 };
    for (const kind of ["samples", "hourly", "daily", "rejects", "events"] as const) expect(faultOf(kind, draft)).toBeUndefined();
    for (const days of ["", 0, -3, 1.5, 36_501]) expect(faultOf("rejects", { ...draft, rejects: days })).toContain("A whole number");
    expect(faultOf("hourly", { ...draft, samples: 2_000 })).toBe("At least as long as every value: 2000 days.");
    expect(faultOf("daily", { ...draft, daily: 1_000 })).toBe("At least as long as hourly statistics: 1830 days.");
  });
});
