import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { textCell } from "../../platform/csv.ts";
import { numberCell, stampWriter } from "./export-csv.ts";

/** Reads one cell as RFC 4180 and the guide to the export say. */
function readCell(cell: string): string {
  const text = cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell;
  return /^'+[=+\-@\t\r\n]/.test(text) ? text.slice(1) : text;
}

describe("cells of an export", () => {
  it("S15: a text that begins with = + - @ TAB or CR does not begin so in its cell", () => {
    for (const begin of ["=", "+", "-", "@", "\t", "\r"]) {
      const cell = textCell(`${begin}cmd|' /C calc'!A0`);
      expect(cell.replace(/^"/, "").startsWith("'")).toBe(true);
      expect(readCell(cell)).toBe(`${begin}cmd|' /C calc'!A0`);
    }
  });

  it("S15: every text comes back as it was, and never breaks its line", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.constantFrom("", "'", "''=", "\n", "=", "+", "-", "@", "\t", "\r", '"', ",", "\r\n"),
        (rest, begin) => {
          const text = begin + rest;
          const cell = textCell(text);
          expect(readCell(cell)).toBe(text);
          if (/[",\r\n]/.test(cell)) expect(cell.startsWith('"') && cell.endsWith('"')).toBe(true);
        },
      ),
    );
  });

  it("S15: numbers are written whole, negative ones without an apostrophe", () => {
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => Object.is(Number(numberCell(value)), value)));
    expect(numberCell(-21.5)).toBe("-21.5");
    expect(numberCell(-0)).toBe("-0");
  });
});

describe("instants of an export", () => {
  it("carry the zone's offset of that moment, and microseconds where there are any", () => {
    const berlin = stampWriter("Europe/Berlin");
    expect(berlin(Date.UTC(2025, 9, 26, 0, 59, 59, 999) * 1_000)).toBe("2025-10-26T02:59:59.999+02:00");
    expect(berlin(Date.UTC(2025, 9, 26, 1) * 1_000 + 7)).toBe("2025-10-26T02:00:00.000007+01:00");
    expect(stampWriter("UTC")(Date.UTC(2026, 0, 1) * 1_000)).toBe("2026-01-01T00:00:00.000Z");
    expect(stampWriter("America/St_Johns")(Date.UTC(2026, 0, 1) * 1_000)).toBe("2025-12-31T20:30:00.000-03:30");
  });

  it("read back as the same instant in any zone", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"),
        fc.integer({ min: 0, max: 4e12 }),
        (zone, ms) => {
          expect(Date.parse(stampWriter(zone)(ms * 1_000))).toBe(ms);
        },
      ),
    );
  });
});
