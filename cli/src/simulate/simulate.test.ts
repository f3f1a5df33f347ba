import { describe, expect, it } from "vitest";

import { proofOf } from "./claim.ts";
import { createRandom } from "./random.ts";
import { createScript, scenarios } from "./script.ts";
import type { Outgoing, Scenario, Turn } from "./script.ts";
import { createTally } from "./tally.ts";

const startMs = Date.UTC(2025, 5, 1);

function play(scenario: Scenario, turns = 400, seed = 1): { turns: Turn[]; messages: Outgoing[] } {
  const next = createScript({ deviceId: "sim-0001", scenario, random: createRandom(seed) });
  const played = Array.from({ length: turns }, (_, index) => next(startMs + index * 5_000));
  return { turns: played, messages: played.flatMap(({ messages }) => messages) };
}

function isSample(message: Outgoing): boolean {
  try {
    const json = JSON.parse(String(message.payload)) as Record<string, unknown>;
    return Object.entries(json).every(([name, value]) => name === "timestamp" || Number.isFinite(value));
  } catch {
    return false;
  }
}

describe("a simulated device", () => {
  it.each(scenarios)("plays %s the same for the same seed, and differently for another", (scenario) => {
    expect(play(scenario)).toEqual(play(scenario));
    expect(play(scenario, 400, 2)).not.toEqual(play(scenario));
  });

  it("sends what it says: every good sample is one, with its own instant, and nothing malformed is a sample", () => {
    for (const scenario of scenarios) {
      const { messages } = play(scenario);
      for (const message of messages.filter(({ kind }) => kind === "sample" || kind === "duplicate")) {
        expect(message.topic).toBe("devices/sim-0001/telemetry");
        expect(isSample(message)).toBe(true);
      }
      const instants = messages
        .filter(({ kind }) => kind === "sample")
        .map(({ payload }) => (JSON.parse(String(payload)) as { timestamp: string }).timestamp);
      expect(new Set(instants).size).toBe(instants.length);
    }
  });

  it("plays the faults its scenario is named after, and no others", () => {
    const kinds = (scenario: Scenario) => [...new Set(play(scenario).messages.map(({ kind }) => kind))].toSorted();
    const breaks = (scenario: Scenario) => play(scenario).turns.filter(({ breakForBeats }) => breakForBeats !== undefined).length;
    expect([kinds("steady"), breaks("steady")]).toEqual([["sample"], 0]);
    expect(kinds("dropouts")).toEqual(["sample"]);
    expect(breaks("dropouts")).toBeGreaterThan(3);
    expect(kinds("bad-clocks")).toEqual(["bad clock", "sample"]);
    expect(kinds("malformed")).toEqual(["malformed", "not allowed", "sample"]);
    expect(kinds("duplicates")).toEqual(["duplicate", "sample"]);
    expect(kinds("mixed")).toEqual(["bad clock", "duplicate", "malformed", "not allowed", "sample"]);
  });

  it("sends copies only of what it sent, byte for byte", () => {
    const { messages } = play("duplicates");
    const originals = new Set(messages.filter(({ kind }) => kind === "sample").map(({ payload }) => payload));
    const copies = messages.filter(({ kind }) => kind === "duplicate");
    expect(copies.length).toBeGreaterThan(100);
    expect(copies.every(({ payload }) => originals.has(payload))).toBe(true);
  });

  it("proves its claim secret as the claim's description says", () => {
    const nonce = Buffer.from("00112233445566778899aabbccddeeff", "hex");
    expect(proofOf("coop-1", "0b".repeat(32), nonce)).toMatch(/^[0-9a-f]{64}$/);
    expect(proofOf("coop-1", "0b".repeat(32), nonce)).not.toBe(proofOf("coop-2", "0b".repeat(32), nonce));
  });
});

describe("the tally", () => {
  it("counts and gives percentiles that are off by a tenth at most", () => {
    const tally = createTally();
    for (let ms = 1; ms <= 1_000; ms += 1) {
      tally.sent("sample");
      tally.acknowledged(ms);
    }
    tally.sent("malformed");
    tally.refused("0x99");
    tally.sent("sample");
    tally.connected();
    tally.disconnected();
    const summary = tally.summary();
    expect(summary).toMatchObject({
      sent: 1_002,
      acknowledged: 1_000,
      waiting: 1,
      refused: { "0x99": 1 },
      connects: 1,
      connected: 0,
      cuts: 1,
    });
    expect(summary.kinds).toEqual({ sample: 1_001, malformed: 1 });
    const { p50 = 0, p95 = 0, p99 = 0, max } = summary.acknowledgementMs ?? {};
    for (const [got, truth] of [
      [p50, 500],
      [p95, 950],
      [p99, 990],
    ] as const) {
      expect(got).toBeGreaterThanOrEqual(truth);
      expect(got).toBeLessThanOrEqual(truth * 1.1);
    }
    expect(max).toBe(1_000);
  });

  it("has no percentiles before the first acknowledgement", () => {
    expect(createTally().summary()).not.toHaveProperty("acknowledgementMs");
  });
});
