import { describe, expect, it } from "vitest";

import { judgeHealth } from "../health/health.ts";
import { conditionOf, staleAfterMs } from "../plants/plant-state.ts";
import { healthWords, stateWords } from "./plant-words.ts";

const nowMs = Date.parse("2026-06-01T12:00:00Z");
const limits = { soil_moisture: { min: 20, max: 80 } };

/** What the plant's mark and its health check make of the same value. */
function bothOf(value: number, ageSeconds = 30) {
  const measuredAt = new Date(nowMs - ageSeconds * 1_000);
  const latest = [{ metric: "soil_moisture", value, unit: "%" as const, measuredAt, receivedAt: measuredAt, quality: "ok" as const }];
  const mark = conditionOf({ limits, nodes: [{ deviceId: "n1", paceSeconds: 60, latest }], openAlarms: [], nowMs });
  const reading = { value, measuredAt, deviceId: "n1", isSuspect: false, staleAfterMs: staleAfterMs(60) };
  const health = judgeHealth({ limits, nodes: 1, readings: { soil_moisture: reading }, hours: {}, nowMs });
  return { mark: mark.state, health: healthWords(health) };
}

describe("words for a plant", () => {
  it("GA-16, GA-23: name one breach with one word and one colour, at the mark and in the health check, whatever the value", () => {
    for (let tenths = 0; tenths <= 1_000; tenths += 1) {
      const { mark, health } = bothOf(tenths / 10);
      expect(health.state, `${tenths / 10} %`).toBe(mark);
      if (!health.word.startsWith("Far")) expect(health.word).toBe(stateWords[mark]);
    }
  });

  it("GA-16: tell a grave breach from a slight one, and a near limit from a breach", () => {
    expect(bothOf(50).health.word).toBe("Well");
    expect(bothOf(22).health.word).toBe("Near a limit");
    expect(bothOf(15).health.word).toBe("Outside its limits");
    expect(bothOf(1).health.word).toBe("Far outside its limits");
  });

  it("GA-16, GA-23: call a plant silent whose value is old, and not known one without any", () => {
    expect(bothOf(50, 3_600)).toEqual({ mark: "stale", health: { state: "stale", word: "Silent" } });
    const nothing = judgeHealth({ limits, nodes: 1, readings: {}, hours: {}, nowMs });
    expect(healthWords(nothing)).toEqual({ state: "unknown", word: "Not known" });
  });
});
