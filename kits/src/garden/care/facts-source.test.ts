import type { LatestValue } from "@roost/contract/devices";
import type { KitHost } from "@roost/contract/kit-host";
import type { Points } from "@roost/contract/telemetry";
import { describe, expect, it } from "vitest";

import { abstainOf } from "./care-facts.ts";
import type { CarePlant, CareSource } from "./care-facts.ts";
import { createFactsSource } from "./facts-source.ts";

const nowMs = Date.parse("2026-11-21T09:00:00Z");
const hourMs = 3_600_000;
const at = (hoursAgo: number) => new Date(nowMs - hoursAgo * hourMs);
const value = (metric: string, value: number, hoursAgo: number, unit: LatestValue["unit"] = "%"): LatestValue => ({
  metric,
  value,
  unit,
  measuredAt: at(hoursAgo),
  receivedAt: at(hoursAgo),
  quality: "ok",
});

/** A facts source over values that are known, with what was asked of the store. */
function sourceOf(nodes: CarePlant["nodes"], latest: Record<string, LatestValue[]>, points: Record<string, Partial<Points>> = {}) {
  const asked: { deviceId: string; from: Date }[] = [];
  const telemetry: KitHost["telemetry"] = {
    series: async () => [],
    latest: async (ids) => new Map(ids.map((id) => [id, latest[id] ?? []])),
    async query({ deviceId, metric, from, to }) {
      asked.push({ deviceId, from });
      const found = points[`${deviceId} ${metric}`];
      if (found === undefined) return undefined;
      return { metric, unit: "%", from, to, resolutionSeconds: 3_600, at: [], min: [], max: [], avg: [], n: [], ...found };
    },
  };
  const plant: CarePlant = { id: "p", name: "Fern", limits: {}, nodes };
  const source: CareSource = { plant: async () => plant, health: async () => undefined };
  return { asked, facts: createFactsSource({ telemetry, clock: { nowMs: () => nowMs } }, source) };
}

const within = { organisationId: "o" };
const longAgo = at(24 * 30);

describe("what a plan may rest on", () => {
  it("is the newest reading of each node and metric, of the last day, since the node stands there (GA-20)", async () => {
    const { facts } = sourceOf(
      [
        { deviceId: "a", since: longAgo },
        { deviceId: "b", since: at(2) },
      ],
      {
        a: [value("soil_moisture", 31, 1), value("humidity", 50, 30), value("rssi", -60, 1, "dBm")],
        // Measured at another plant, three hours ago; and light that came in a unit of its own.
        b: [value("soil_moisture", 90, 3), value("temperature", 20, 1, "°C"), value("light_level", 4, 1, "%")],
      },
    );
    const found = await facts.look(within, "p");
    expect(found?.readings.map(({ id, deviceId, metric, value }) => [id, deviceId, metric, value])).toEqual([
      ["r1", "a", "soil_moisture", 31],
      ["r2", "b", "temperature", 20],
    ]);
    expect(found?.missing).toEqual([{ metric: "humidity", lastAt: at(30) }, { metric: "light_level" }]);
    expect(found?.contradictions).toEqual([]);
  });

  it("averages over nodes by how many values are in each hour, a day and a week apart (GA-20)", async () => {
    const { facts, asked } = sourceOf(
      [
        { deviceId: "a", since: longAgo },
        { deviceId: "b", since: at(48) },
      ],
      { a: [value("soil_moisture", 31, 1)], b: [value("soil_moisture", 33, 1)] },
      {
        "a soil_moisture": { at: [nowMs - 50 * hourMs, nowMs - hourMs], avg: [60, 30], min: [58, 29], max: [62, 31], n: [60, 60] },
        "b soil_moisture": { at: [nowMs - hourMs], avg: [36], min: [35], max: [37], n: [30] },
      },
    );
    const found = await facts.look(within, "p");
    expect(found?.spans.soil_moisture?.day).toEqual({ average: 32, min: 29, max: 37, count: 90 });
    expect(found?.spans.soil_moisture?.week).toEqual({ average: 43.2, min: 29, max: 62, count: 150 });
    expect(asked).toEqual([
      { deviceId: "a", from: at(7 * 24) },
      { deviceId: "b", from: at(48) },
    ]);
  });

  it.each([
    ["no node", [], {}, "no_node"],
    ["a node that never measured", [{ deviceId: "a", since: longAgo }], {}, "no_readings"],
    ["readings older than a day", [{ deviceId: "a", since: longAgo }], { a: [value("humidity", 50, 25)] }, "readings_old"],
    ["readings of another plant only", [{ deviceId: "a", since: at(1) }], { a: [value("humidity", 50, 2)] }, "no_readings"],
    ["a fresh reading", [{ deviceId: "a", since: longAgo }], { a: [value("humidity", 50, 24)] }, undefined],
  ] as const)("is nothing or something: %s (GA-20)", async (_, nodes, latest, reason) => {
    const found = await sourceOf(nodes, latest as unknown as Record<string, LatestValue[]>).facts.look(within, "p");
    expect(found && abstainOf(found)).toBe(reason);
  });
});
