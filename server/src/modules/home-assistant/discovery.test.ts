import { describe, expect, it } from "vitest";

import { readAnnouncement } from "./discovery.ts";
import type { Announcement } from "./discovery.ts";
import { createFoundDevices, foundDeviceOf, mostFound } from "./found-devices.ts";
import { sampleOf, sourcesOf } from "./readings.ts";
import { heartbeatOf, planTaking } from "./taking-in.ts";

const isOwnState = (topic: string) => topic.startsWith("roost/abc/");
const read = (topic: string, payload: unknown) =>
  readAnnouncement(
    { prefix: "homeassistant", topic: `homeassistant/${topic}`, isOwnState },
    Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload)),
  );
const announcement = (topic: string, payload: unknown): Announcement => {
  const found = read(topic, payload);
  if (found === undefined || found === "ours") throw new Error(`not read: ${String(found)}`);
  return found;
};
/** The device that these announcements make. */
const device = (...all: (readonly [topic: string, payload: unknown])[]) => {
  const found = createFoundDevices();
  for (const [topic, payload] of all) found.put(topic, announcement(topic, payload));
  const one = found.find(found.ids()[0] ?? "");
  if (one === undefined) throw new Error("nothing is found");
  return one;
};

const esp = { ids: ["a1b2"], name: "Greenhouse", mf: "Espressif", mdl: "esp32" };

describe("announcements of others", () => {
  it("GA: reads a whole device with abbreviations, a base topic and what its values have in common", () => {
    const one = device([
      "device/esp/config",
      {
        "~": "greenhouse",
        dev: esp,
        o: { name: "esphome" },
        stat_t: "~/state",
        avty: [{ t: "~/status", pl_avail: "up", pl_not_avail: "down" }],
        exp_aft: 90,
        cmps: {
          t: { p: "sensor", dev_cla: "temperature", unit_of_meas: "°F", val_tpl: "{{ value_json.t | float }}" },
          door: { p: "binary_sensor", name: "Door", stat_t: "~/door", dev_cla: "opening" },
          lamp: { p: "light", cmd_t: "~/lamp" },
        },
      },
    ]);
    expect(foundDeviceOf(one, undefined)).toMatchObject({
      name: "Greenhouse",
      manufacturer: "Espressif",
      model: "esp32",
      tellsAvailability: true,
      components: [
        { component: "esp/t", platform: "sensor", metric: "temperature", unit: "°C", announcedUnit: "°F" },
        { component: "esp/door", name: "Door", platform: "binary_sensor", metric: "opening", unit: "1" },
      ],
    });
    expect(one.components[0]?.availability).toEqual([
      { topic: "greenhouse/status", template: { filters: [] }, available: "up", notAvailable: "down" },
    ]);
    expect(heartbeatOf(one)).toBe(30);
    const { metrics } = planTaking(one, undefined);
    const sources = sourcesOf(one, metrics);
    expect(sources.map(({ topic }) => topic)).toEqual(["greenhouse/state", "greenhouse/door"]);
    expect(sampleOf(sources.slice(0, 1), '{"t":"212"}')).toEqual({ temperature: 100 });
    expect(sampleOf(sources.slice(1), "ON")).toEqual({ opening: true });
    expect(sampleOf(sources.slice(1), "OFF")).toEqual({ opening: false });
    expect(sampleOf(sources.slice(1), "what")).toBeUndefined();
  });

  it("GA: puts the announcements of single values together to the device they name", () => {
    const one = device(
      [
        "sensor/esp/temp/config",
        { name: "Temperature", state_topic: "x/t", device: esp, unit_of_measurement: "K", device_class: "temperature" },
      ],
      [
        "sensor/esp/temp2/config",
        { name: "Temperature", state_topic: "x/t2", device: esp, unit_of_measurement: "°C", device_class: "temperature" },
      ],
      [
        "binary_sensor/esp/leak/config",
        { name: "Leak", state_topic: "x/l", device: esp, payload_on: true, payload_off: false, value_template: "{{ value_json.leak }}" },
      ],
    );
    expect(one.components.map(({ id, metric }) => [id, metric])).toEqual([
      ["binary_sensor/esp/leak", "leak"],
      ["sensor/esp/temp", "temperature"],
      ["sensor/esp/temp2", "temp2"],
    ]);
    const sources = sourcesOf(one, planTaking(one, undefined).metrics);
    expect(sampleOf(sources.slice(0, 1), '{"leak":true}')).toEqual({ leak: true });
    expect(sampleOf(sources.slice(1, 2), "273.15")).toEqual({ temperature: 0 });
    for (const word of ["unknown", "unavailable", "", "None"]) expect(sampleOf(sources.slice(1, 2), word)).toBeUndefined();
    expect(sampleOf(sources.slice(1, 2), "broken")).toEqual({ temperature: "broken" });
  });

  it("says of each value that cannot be read why, and takes the others", () => {
    const sensor = (change: object) => ({ state_topic: "x", device: esp, ...change });
    const one = device(
      ["sensor/a/config", sensor({ unit_of_measurement: "furlong" })],
      ["sensor/b/config", sensor({ value_template: "{{ value_json.x / 10 }}" })],
      ["sensor/c/config", sensor({ state_topic: "x/#" })],
      ["sensor/d/config", sensor({ state_topic: "roost/abc/node-1/state" })],
      ["sensor/e/config", sensor({ device_class: "timestamp" })],
      ["sensor/f/config", sensor({ unit_of_measurement: "\u03BCg/m³" })],
      ["sensor/g/config", sensor({ state_topic: 7 })],
      ["sensor/h/config", sensor({ state_topic: "$SYS/broker/uptime" })],
    );
    expect(one.components.map(({ problem }) => problem)).toEqual([
      "unit",
      "template",
      "topic",
      "own_topic",
      "text",
      undefined,
      "topic",
      "topic",
    ]);
    expect(one.components[1]?.because).toContain("{{ value_json.x / 10 }}");
    const plan = planTaking(one, undefined);
    expect(plan.metrics).toEqual([{ component: "sensor/f", metric: "f", unit: "µg/m³", announcedUnit: "μg/m³" }]);
    expect(plan.leftOut).toHaveLength(7);
    expect(() => planTaking(one, [{ component: "sensor/a" }])).toThrow(expect.objectContaining({ code: "home_assistant.unit_needed" }));
    expect(() => planTaking(one, [{ component: "sensor/b" }])).toThrow(
      expect.objectContaining({ code: "home_assistant.unknown_component" }),
    );
    const twice = [
      { component: "sensor/f", metric: "x" },
      { component: "sensor/a", metric: "x", unit: "m" as const },
    ];
    expect(() => planTaking(one, twice)).toThrow(expect.objectContaining({ code: "home_assistant.twice" }));
    const { metrics } = planTaking(one, [{ component: "sensor/a", unit: "m" }]);
    expect(sampleOf(sourcesOf(one, metrics), "3")).toEqual({ a: 3 });
  });

  it("a value that is announced in another quantity than when it was taken in is no longer read", () => {
    const before = device(["sensor/a/config", { state_topic: "x", device: esp, unit_of_measurement: "°C" }]);
    const { metrics } = planTaking(before, undefined);
    const after = (unit: string) => device(["sensor/a/config", { state_topic: "y", device: esp, unit_of_measurement: unit }]);
    expect(sampleOf(sourcesOf(after("°F"), metrics), "32")).toEqual({ a: 0 });
    expect(sourcesOf(after("hPa"), metrics)).toEqual([]);
  });

  it("GA: whatever a Roost announced is never taken in, this one's or another's", () => {
    const cmps = { t: { p: "sensor", stat_t: "x" } };
    expect(read("device/roost_x_node/config", { dev: esp, o: { name: "Roost" }, cmps })).toBe("ours");
    expect(read("device/other/config", { device: { ids: "x", manufacturer: "Roost" }, origin: {}, components: cmps })).toBe("ours");
  });

  it("hostile announcements are left out, or kept as short words that steer nothing", () => {
    for (const payload of ["", "{", "[]", "null", '"x"', "1", "{".repeat(1_000), `{"dev":${"[".repeat(500)}}`])
      expect(read("device/x/config", payload)).toBeUndefined();
    expect(read("device/x/config", { cmps: { t: { p: "sensor", stat_t: "x", name: "y".repeat(70_000) } } })).toBeUndefined();
    for (const topic of ["device/a/b/c/config", "sensor/a b/config", "switch/x/config", "sensor/config", "sensor/../config"])
      expect(read(topic, { stat_t: "x" })).toBeUndefined();
    const name = `\u202e<script>\u0000\n${"x".repeat(500)}`;
    const one = device([
      "device/x/config",
      {
        dev: { ids: [{}], name, mf: { x: 1 }, mdl: 7 },
        cmps: { "../t": { p: "sensor", stat_t: "x" }, __proto__: null, ok: { p: "sensor", stat_t: "x", name } },
      },
    ]);
    expect(one).toMatchObject({ model: "7", manufacturer: undefined });
    expect(one.name).toBe(`<script>${"x".repeat(112)}`);
    expect(one.components.map(({ id, metric }) => [id, metric])).toEqual([["x/ok", `script_${"x".repeat(41)}`]]);
  });

  it("keeps no more than it can, and says how many it left out", () => {
    const found = createFoundDevices();
    for (let index = 0; index < mostFound + 5; index += 1) {
      const topic = `sensor/s${index}/config`;
      found.put(topic, announcement(topic, { stat_t: "x", uniq_id: `u${index}` }));
    }
    expect([found.size(), found.leftOut()]).toEqual([mostFound, 5]);
    found.remove("sensor/s0/config");
    found.put("sensor/s301/config", announcement("sensor/s301/config", { stat_t: "x", uniq_id: "u301" }));
    expect([found.size(), found.leftOut()]).toEqual([mostFound, 4]);
  });
});
