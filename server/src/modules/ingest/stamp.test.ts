import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { readStamp } from "./stamp.ts";

const nowUs = Date.UTC(2026, 10, 21, 8, 0, 0) * 1_000;
const latestUs = nowUs + 300_000_000;
const read = (value: unknown) => readStamp(value, latestUs);
const stamped = (us: number) => ({ kind: "stamped", us });

describe("timestamps", () => {
  it("reads seconds, milliseconds, microseconds and nanoseconds, as numbers and digits, to the same instant", () => {
    const us = 1_763_712_859_123_456;
    for (const value of [us / 1e6, us / 1e3, us, "1763712859.123456", "1763712859123.456", "1763712859123456", "1763712859123456789"]) {
      expect([value, read(value)]).toEqual([value, stamped(us)]);
    }
    expect(read(1_763_712_859)).toEqual(stamped(1_763_712_859_000_000));
    expect(read("1763712859")).toEqual(stamped(1_763_712_859_000_000));
    // A number does not hold all digits of a nanosecond: it is right to the microsecond or the one beside it.
    expect(Math.abs((read(Number("1763712859123456789")) as { us: number }).us - us)).toBeLessThanOrEqual(1);
  });

  it("reads ISO 8601 with a zone and nothing without one", () => {
    const us = Date.UTC(2026, 1, 28, 23, 59, 59) * 1_000;
    for (const text of [
      "2026-02-28T23:59:59Z",
      "2026-02-28t23:59:59z",
      "2026-02-28 23:59:59Z",
      "2026-03-01T01:59:59+02:00",
      "2026-02-28T18:59:59-0500",
      "2026-02-28T23:59:59.000000000Z",
      "2026-02-28T23:59:59+00",
    ]) {
      expect([text, read(text)]).toEqual([text, stamped(us)]);
    }
    expect(read("2026-02-28T23:59:59.123456789Z")).toEqual(stamped(us + 123_456));
    expect(read("2026-02-28T23:59:59,5Z")).toEqual(stamped(us + 500_000));
    for (const text of [
      "2026-02-28T23:59:59",
      "2026-02-30T00:00:00Z",
      "2025-02-29T00:00:00Z",
      "2026-13-01T00:00:00Z",
      "2026-00-10T00:00:00Z",
      "2026-01-01T24:00:00Z",
      "2026-01-01T00:60:00Z",
      "2026-01-01T00:00:00+25:00",
      "2026-01-01",
      "Sat Nov 21 2026",
      " 2026-02-28T23:59:59Z",
      "2026-02-28T23:59:59ZZ",
    ]) {
      expect([text, read(text)]).toEqual([text, { kind: "wrong" }]);
    }
    expect(read("2024-02-29T00:00:00Z")).toEqual(stamped(Date.UTC(2024, 1, 29) * 1_000));
  });

  it("R9: calls 1970, 2106, ten years off, milliseconds since boot and what is no time a wrong clock", () => {
    const tenYears = 10 * 365.25 * 86_400;
    const nowS = nowUs / 1e6;
    for (const value of [
      0,
      1,
      4_294_967_295,
      4_294_967_295_000,
      nowS + tenYears,
      nowS - tenYears,
      (nowS + tenYears) * 1e9,
      3_600_000,
      123_456.789,
      -1,
      -1.7e9,
      1e300,
      Infinity,
      NaN,
    ]) {
      expect([value, read(value)]).toEqual([value, { kind: "wrong" }]);
    }
    for (const value of ["", "NaN", "now", "1e9", "-1763712859", "99999999999999999999", true, false, [], {}, "x".repeat(100_000)]) {
      expect(read(value)).toEqual({ kind: "wrong" });
    }
  });

  it("takes null and nothing for no clock", () => {
    expect([read(undefined), read(null)]).toEqual([{ kind: "absent" }, { kind: "absent" }]);
  });

  it("allows a clock to run 5 minutes ahead and not more, and to begin with 2020", () => {
    expect(read(latestUs)).toEqual(stamped(latestUs));
    expect(read(latestUs + 1)).toEqual({ kind: "wrong" });
    expect(read("2020-01-01T00:00:00Z")).toEqual(stamped(1_577_836_800_000_000));
    expect(read("2019-12-31T23:59:59.999999Z")).toEqual({ kind: "wrong" });
  });

  it("reads any instant alike in every unit that holds it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_577_836_800_000, max: latestUs / 1_000 }), (ms) => {
        for (const value of [ms, ms * 1_000, ms / 1_000, String(ms), `${ms}000`, `${ms}000000`, new Date(ms).toISOString()]) {
          expect([value, read(value)]).toEqual([value, stamped(ms * 1_000)]);
        }
      }),
    );
  });
});
