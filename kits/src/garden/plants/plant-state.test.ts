import type { LatestValue } from "@roost/contract/devices";
import { describe, expect, it } from "vitest";

import type { PlantLimits } from "../contract/limits.ts";
import type { PlantState } from "../contract/plants.ts";
import { conditionOf } from "./plant-state.ts";
import type { PlantReading } from "./plant-state.ts";

const nowMs = Date.parse("2026-06-01T12:00:00Z");

function value(metric: string, figure: number, ageSeconds = 30): LatestValue {
  const measuredAt = new Date(nowMs - ageSeconds * 1_000);
  return { metric, value: figure, unit: metric === "light_level" ? "lx" : "%", measuredAt, receivedAt: measuredAt, quality: "ok" };
}

const limits: PlantLimits = { soil_moisture: { min: 20, max: 80 }, light_level: { min: 200, max: 5_000 } };
const node = (latest: LatestValue[], paceSeconds = 60) => ({ deviceId: "n1", paceSeconds, latest });
const judge = (given: Partial<PlantReading>) => conditionOf({ limits, nodes: [], openAlarms: [], nowMs, ...given });

describe("how a plant is", () => {
  it.each<[string, Partial<PlantReading>, PlantState, string | undefined]>([
    ["no node", {}, "unknown", "no_node"],
    ["a node that never sent anything", { nodes: [node([])] }, "unknown", "no_data"],
    ["a node that sends what has no limits", { nodes: [node([value("rssi", -60)])] }, "unknown", "no_data"],
    ["no limits", { limits: {}, nodes: [node([value("soil_moisture", 50)])] }, "unknown", "no_limits"],
    [
      "a limit that is none",
      { limits: { humidity: { min: null, max: null } }, nodes: [node([value("humidity", 50)])] },
      "unknown",
      "no_limits",
    ],
    ["fresh values inside", { nodes: [node([value("soil_moisture", 50)])] }, "healthy", undefined],
    ["a value near the edge", { nodes: [node([value("soil_moisture", 25)])] }, "warning", undefined],
    ["a value outside", { nodes: [node([value("soil_moisture", 19.9)])] }, "critical", undefined],
    ["the limit itself, which is inside", { nodes: [node([value("soil_moisture", 20)])] }, "warning", undefined],
    ["values older than three paces", { nodes: [node([value("soil_moisture", 50, 181)])] }, "stale", undefined],
    ["an old value outside", { nodes: [node([value("soil_moisture", 5, 3_600)])] }, "stale", undefined],
    ["a node that sleeps an hour between values", { nodes: [node([value("soil_moisture", 50, 3_600)], 3_600)] }, "healthy", undefined],
    ["a node that beats faster than it measures", { nodes: [node([value("soil_moisture", 50, 100)], 5)] }, "healthy", undefined],
    ["a value in another unit", { nodes: [node([{ ...value("soil_moisture", 0.4), unit: "1" }])] }, "unknown", "other_unit"],
    [
      "a newer value in another unit beside one in the limits' own",
      { nodes: [node([value("soil_moisture", 50, 60)]), { ...node([{ ...value("soil_moisture", 0.4), unit: "1" }]), deviceId: "n2" }] },
      "healthy",
      undefined,
    ],
    ["a value that its node calls old", { nodes: [node([{ ...value("soil_moisture", 50), quality: "stale" }])] }, "stale", undefined],
    ["a value that its node doubts", { nodes: [node([{ ...value("soil_moisture", 50), quality: "suspect" }])] }, "unknown", "doubtful"],
    ["a doubtful value outside", { nodes: [node([{ ...value("soil_moisture", 5), quality: "suspect" }])] }, "unknown", "doubtful"],
    [
      "a probe that fell silent beside others that go on",
      { nodes: [node([value("soil_moisture", 50, 900), value("light_level", 900)])] },
      "stale",
      undefined,
    ],
    ["a dark night", { nodes: [node([value("soil_moisture", 50), value("light_level", 0)])] }, "healthy", undefined],
    [
      "an alarm that it was too dark all day",
      { nodes: [node([value("soil_moisture", 50), value("light_level", 0)])], openAlarms: [{ kind: "below", metric: "light_level" }] },
      "critical",
      undefined,
    ],
    ["too much light", { nodes: [node([value("light_level", 6_000)])] }, "critical", undefined],
    [
      "an alarm that holds although the value is back inside",
      { nodes: [node([value("soil_moisture", 50)])], openAlarms: [{ kind: "below", metric: "soil_moisture" }] },
      "critical",
      undefined,
    ],
    [
      "an alarm about something else",
      { nodes: [node([value("soil_moisture", 50)])], openAlarms: [{ kind: "below", metric: "battery" }, { kind: "offline" }] },
      "healthy",
      undefined,
    ],
  ])("GA-24, GA-12: with %s is %s", (_what, given, state, why) => {
    const condition = judge(given);
    expect([condition.state, condition.why]).toEqual([state, why]);
  });

  it("GA-24: is told by the newest value of each metric over all nodes, those with limits first", () => {
    const first = { ...node([value("rssi", -50), value("soil_moisture", 90, 60), value("temperature", 20)]) };
    const second = { ...node([value("soil_moisture", 50, 10)]), deviceId: "n2" };
    const { state, latest, newestAt } = judge({ nodes: [first, second] });
    expect(state).toBe("healthy");
    expect(latest.map(({ metric, value: figure, deviceId }) => [metric, figure, deviceId])).toEqual([
      ["soil_moisture", 50, "n2"],
      ["temperature", 20, "n1"],
      ["rssi", -50, "n1"],
    ]);
    expect(newestAt).toEqual(new Date(nowMs - 10_000));
  });
});
