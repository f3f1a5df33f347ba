import { units } from "@roost/contract/units";
import { faultsOfAnnouncement } from "@roost/testbed/home-assistant";
import { describe, expect, it } from "vitest";

import { announcementOf, expirySeconds, shortOf, stateOf, topicsOf } from "./announcing.ts";
import type { AnnouncedDevice } from "./announcing.ts";
import { measureOf, readingOf } from "./measures.ts";

const short = shortOf("01900000-0000-7000-8000-0123456789ab");
const topics = topicsOf({ discovery: "homeassistant", state: `roost/${short}`, short });
const node = (change: Partial<AnnouncedDevice> = {}): AnnouncedDevice => ({
  id: "node-1",
  name: "Node",
  kind: "generic",
  heartbeatSeconds: 60,
  metrics: [{ metric: "temperature", unit: "°C", kind: "number" }],
  ...change,
});
const announced = (device: AnnouncedDevice) => announcementOf(device, topics, { short, version: "1" });

describe("what Home Assistant is told of a device", () => {
  it("GA: every unit of Roost goes with a device class and a state class that Home Assistant takes", () => {
    const metrics = units.flatMap((unit, index) =>
      ["x", "soil_moisture", "humidity", "battery", "rssi", "co2", "pm2_5", "pm10", "pm1", "wind"].map((name) => ({
        metric: `${name}.u${index}`,
        unit,
        kind: "number" as const,
      })),
    );
    expect(faultsOfAnnouncement(topics.config("node-1"), announced(node({ metrics })))).toEqual([]);
    expect(measureOf("soil_moisture", "%").deviceClass).toBe("moisture");
    expect(measureOf("anything", "%").deviceClass).toBeUndefined();
  });

  it("what Roost announces it reads back as the same unit", () => {
    for (const unit of units) {
      const { deviceClass, unit: told } = measureOf("x", unit);
      expect(readingOf(told, deviceClass)).toEqual({ unit, factor: 1, offset: 0 });
    }
  });

  it("the checker takes no announcement that breaks the rules", () => {
    const good = announced(node());
    const bad = (from: string, to: string) => faultsOfAnnouncement(topics.config("node-1"), good.replace(from, to));
    expect(bad("x", "x")).toEqual([]);
    expect(bad("°C", "%")).toEqual(["temperature: temperature in %"]);
    expect(bad('"measurement"', '"total"')).toEqual(["temperature: temperature as total"]);
    expect(bad('"uniq_id"', '"id"')).toHaveLength(1);
    expect(bad('"o":', '"x":')).toEqual(["no origin"]);
    expect(faultsOfAnnouncement("homeassistant/device/a/b/c/config", good)).toHaveLength(1);
  });

  it("names of people and devices change no topic, no template and no key", () => {
    const name = `{{ 7*7 }} "},"p":"switch" #/+ \u202e`;
    const text = announced(
      node({
        name,
        kind: "x",
        metrics: [
          { metric: "a.b", unit: "1", kind: "number" },
          { metric: "a_b", unit: "1", kind: "boolean" },
        ],
      }),
    );
    const payload = JSON.parse(text) as { dev: { name: string }; cmps: Record<string, { val_tpl: string; p: string; uniq_id: string }> };
    expect(payload.dev.name).toBe(name);
    expect(Object.keys(payload.cmps)).toEqual(["a_b", "a_b_2"]);
    expect(payload.cmps["a_b"]?.val_tpl).toBe("{{ value_json['a.b'] | default(None) }}");
    expect(payload.cmps["a_b_2"]).toMatchObject({ p: "binary_sensor", uniq_id: `roost_${short}_node-1_a_b` });
    expect(faultsOfAnnouncement(topics.config("node-1"), text)).toEqual([]);
  });

  it("GA: a missing or old value is not published, and never as 0", () => {
    const values = [
      { metric: "temperature", value: 0, measuredAtMs: 900_000 },
      { metric: "humidity", value: 50, measuredAtMs: 600_000 },
    ];
    expect(stateOf(values, { nowMs: 1_000_000, expiresAfterSeconds: 300 })).toBe('{"temperature":0}');
    expect(stateOf(values, { nowMs: 2_000_000, expiresAfterSeconds: 300 })).toBeUndefined();
  });

  it("a value counts for three signs of life, and five minutes at least", () => {
    expect([10, 60, 100, 150, 3_600].map((heartbeatSeconds) => expirySeconds({ heartbeatSeconds }))).toEqual([300, 300, 300, 450, 10_800]);
  });

  it("knows its own announcements and states from those of others", () => {
    expect(topics.ownDevice(topics.config("node-1"))).toBe("node-1");
    expect(topics.ownDevice("homeassistant/device/roost_ffffffffffff_node-1/config")).toBeUndefined();
    expect(topics.isOwnState(topics.state("node-1"))).toBe(true);
    expect(topics.isOwnState(`roost/${short}x/node-1/state`)).toBe(false);
  });
});
