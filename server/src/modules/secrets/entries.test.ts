import { describe, expect, it } from "vitest";

import { lengthClassOf, versionedEntry } from "./entries.ts";

describe("what is told of a secret", () => {
  it("puts it in a class of length; of an address, its password", () => {
    expect(["a".repeat(15), "a".repeat(16), "a".repeat(31), "a".repeat(32)].map(lengthClassOf)).toEqual(["short", "fair", "fair", "long"]);
    expect(lengthClassOf("postgresql://roost:short@a-host-with-a-long-name.example.org/roost")).toBe("short");
    expect(lengthClassOf(`smtps://roost:${"a".repeat(40)}@mail`)).toBe("long");
  });

  it("says that a key was rotated when there was one before", () => {
    const madeAt = new Date("2026-01-02T03:04:05Z");
    const first = versionedEntry("data-key", "Seals.", [{ kid: 1, state: "current", madeAt }]);
    expect([first.version, first.lastRotatedAt]).toEqual(["1", undefined]);
    const old = new Date("2025-01-02T03:04:05Z");
    const second = versionedEntry("data-key", "Seals.", [
      { kid: 3, state: "next", madeAt: new Date("2026-02-01T00:00:00Z") },
      { kid: 2, state: "current", madeAt },
      { kid: 1, state: "old", madeAt: old },
    ]);
    expect([second.version, second.since, second.lastRotatedAt]).toEqual(["2", madeAt, madeAt]);
  });
});
