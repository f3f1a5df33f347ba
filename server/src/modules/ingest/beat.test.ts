import { describe, expect, it } from "vitest";

import { sampleOfBeat } from "./beat.ts";

const latestUs = Date.parse("2026-06-01T12:05:00Z") * 1_000;

describe("a heartbeat", () => {
  it("GA-06: is a sample of what its kind keeps of it, at its own time", () => {
    const beat = { timestamp: "2026-06-01T12:00:00Z", uptime: 0, rssi: -61, interval: 60 };
    expect(sampleOfBeat(beat, ["uptime", "rssi"], latestUs)).toEqual({
      stamp: { kind: "stamped", us: Date.parse(beat.timestamp) * 1_000 },
      seq: undefined,
      quality: 0,
      metrics: ["uptime", "rssi"],
      values: [0, -61],
      kinds: ["number", "number"],
      texts: [],
    });
    expect(sampleOfBeat(beat, ["rssi"], latestUs)?.metrics).toEqual(["rssi"]);
  });

  it("invents nothing: what it does not tell is not there, and a wrong clock is none", () => {
    expect(sampleOfBeat({ rssi: -61 }, ["uptime", "rssi"], latestUs)).toMatchObject({
      metrics: ["rssi"],
      values: [-61],
      stamp: { kind: "absent" },
    });
    expect(sampleOfBeat({ timestamp: 12_000, uptime: 12 }, ["uptime"], latestUs)).toMatchObject({ stamp: { kind: "wrong" } });
    for (const beat of [{}, { interval: 60 }]) expect(sampleOfBeat(beat, ["uptime", "rssi"], latestUs)).toBeUndefined();
    expect(sampleOfBeat({ uptime: 5 }, [], latestUs)).toBeUndefined();
  });
});
