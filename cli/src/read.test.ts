import { describe, expect, it } from "vitest";

import { readDurationMs, readInstant, readWhole } from "./read.ts";

describe("arguments", () => {
  it("reads spans with their unit and nothing else", () => {
    expect(["500ms", "5s", "2m", "2min", "1.5h", "30d"].map(readDurationMs)).toEqual([
      500, 5_000, 120_000, 120_000, 5_400_000, 2_592_000_000,
    ]);
    for (const bad of ["5", "s", "-5s", "5 s s", "1e3s", ""]) expect(() => readDurationMs(bad)).toThrow(/number and a unit/);
  });

  it("reads instants as UTC unless they say otherwise, now, and back from now", () => {
    const nowMs = Date.UTC(2025, 5, 1, 12);
    const read = (text: string) => readInstant(text, nowMs).toISOString();
    expect(read("now")).toBe("2025-06-01T12:00:00.000Z");
    expect(read("-90m")).toBe("2025-06-01T10:30:00.000Z");
    expect(read("2025-01-02")).toBe("2025-01-02T00:00:00.000Z");
    expect(read("2025-01-02T03:04")).toBe("2025-01-02T03:04:00.000Z");
    expect(read("2025-01-02T03:04:05+02:00")).toBe("2025-01-02T01:04:05.000Z");
    for (const bad of ["yesterday", "2025", "1", "-x", "2025-13-01"]) expect(() => readInstant(bad, nowMs)).toThrow();
  });

  it("reads whole numbers within their bounds", () => {
    const read = readWhole(1, 10);
    expect([read("1"), read("10")]).toEqual([1, 10]);
    for (const bad of ["0", "11", "1.5", "-1", "1e1", "", "x"]) expect(() => read(bad)).toThrow(/from 1 to 10/);
  });
});
