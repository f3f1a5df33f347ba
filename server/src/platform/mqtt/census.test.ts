import { describe, expect, it } from "vitest";

import { Census } from "./census.ts";
import { mqttLimits, noneExceeded, withDefaults } from "./limits.ts";
import type { MqttLimits } from "./limits.ts";

function censusWith(limits: Partial<MqttLimits>) {
  const exceeded = noneExceeded();
  return { census: new Census(withDefaults(limits), exceeded), exceeded };
}

describe("the census of connections", () => {
  it("M3: keeps strangers of one address apart from those of another", () => {
    const { census, exceeded } = censusWith({ unauthenticatedPerAddress: 2 });
    expect([census.enter("a"), census.enter("a"), census.enter("a"), census.enter("b")]).toEqual([true, true, false, true]);
    expect(exceeded.unauthenticatedPerAddress).toBe(1);
    census.leave("a", false);
    expect(census.enter("a")).toBe(true);
    expect(census.unauthenticated).toBe(3);
  });

  it("lets a place become free when a stranger signs in, and counts signed-in ones by address", () => {
    const { census, exceeded } = censusWith({ unauthenticatedPerAddress: 1, connectionsPerAddress: 1 });
    census.enter("a");
    expect(census.signIn("a")).toBe(true);
    expect(census.enter("a")).toBe(true);
    expect(census.signIn("a")).toBe(false);
    expect([exceeded.connectionsPerAddress, census.signedIn, census.unauthenticated]).toEqual([1, 1, 1]);
    census.leave("a", false);
    census.leave("a", true);
    expect([census.signedIn, census.unauthenticated]).toEqual([0, 0]);
  });

  it("bounds all strangers, and all connections", () => {
    const strangers = censusWith({ unauthenticated: 1 });
    expect([strangers.census.enter("a"), strangers.census.enter("b")]).toEqual([true, false]);
    expect(strangers.exceeded.unauthenticated).toBe(1);
    const all = censusWith({ connections: 1 });
    all.census.enter("a");
    all.census.signIn("a");
    expect(all.census.enter("b")).toBe(false);
    expect(all.exceeded.connections).toBe(1);
  });

  it("allows a burst of CONNECTs, then so many a second", () => {
    const { census, exceeded } = censusWith({ connectsPerSecond: 10 });
    const allowed = (nowMs: number, tries: number) => Array.from({ length: tries }, () => census.mayConnect(nowMs)).filter(Boolean).length;
    expect(allowed(0, 50)).toBe(20);
    expect(allowed(500, 50)).toBe(5);
    expect(allowed(600_000, 50)).toBe(20);
    expect(exceeded.connectsPerSecond).toBe(30 + 45 + 30);
  });
});

describe("the table of limits", () => {
  it("says a default, an answer and a sentence for each, and none is unlimited", () => {
    for (const [name, limit] of Object.entries(mqttLimits)) {
      expect(Number.isSafeInteger(limit.default) && limit.default > 0, name).toBe(true);
      expect(limit.about, name).toMatch(/^[A-Z].*\.$/);
      expect(limit.answer, name).not.toBe("");
    }
  });
});
