import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { heartbeatCode, keptIdsOf, reportSensorsCode, resendCode, sendCode, soilCode, takeSampleCode } from "./esphome-code.ts";
import { heartbeatText, sampleText, soilPercent, telemetryText } from "./node-messages.ts";
import { aBuild } from "./test-node.ts";

/*
 * The C++ of the configuration, compiled and run against stand-ins that have the signatures of ESPHome's headers (core/time.h, components/mqtt/
 * mqtt_client.h). No compiler for the chip takes part: that the whole program links is not shown here.
 */

const hasCompiler = spawnSync("g++", ["--version"]).status === 0;

const build = aBuild({ soilDryVolts: 2.8, soilWetVolts: 1.2, hasBattery: true });
const ids = keptIdsOf(build);

const around = `
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <iostream>
#include <string>
#include <vector>
#define id(x) x
static uint32_t clock_ms = 0;
static time_t epoch_at_zero = 0;
uint32_t millis() { return clock_ms; }
struct ESPTime { time_t timestamp; bool is_valid() const { return timestamp > 1600000000; } };
struct Clock { ESPTime now() { return {epoch_at_zero == 0 ? 0 : epoch_at_zero + clock_ms / 1000}; } } wall_clock;
struct Sensor { float state = NAN; } soil_moisture, air_temperature, air_humidity, light_level, soil_volts, battery_volts, wifi_rssi;
struct Client {
  bool up = true;
  bool is_connected() { return up; }
  bool publish(const std::string &topic, const std::string &payload, uint8_t qos = 0, bool retain = false) {
    if (!up) return false;
    std::cout << topic << " " << int(qos) << int(retain) << " " << payload << "\\n";
    return true;
  }
  bool publish(const std::string &topic, const char *payload, size_t length, uint8_t qos = 0, bool retain = false) {
    return publish(topic, std::string(payload, length), qos, retain);
  }
  bool publish(const char *topic, const char *payload, size_t length, uint8_t qos = 0, bool retain = false) {
    return publish(std::string(topic), std::string(payload, length), qos, retain);
  }
} mqtt_client;
uint64_t sample_seq = 0;
uint32_t silent_sensors = 0;
std::vector<std::string> ring_text;
std::vector<uint32_t> ring_taken, ring_sent;
int ${ids.pace} = 60;
float ${ids.dry} = 2.8f, ${ids.wet} = 1.2f;
float soil(float x) { ${soilCode(build)} }
void take() { ${takeSampleCode(build)} }
void send() { ${sendCode(build)} }
void resend() { ${resendCode} }
void heartbeat() { ${heartbeatCode(build)} }
void report() { ${reportSensorsCode(build)} }
void mark(const char *text) { std::cout << "-- " << text << "\\n"; }
int main() {
  air_temperature.state = 21.46f; air_humidity.state = 48.04f; light_level.state = 812.4f; soil_volts.state = 2.0f; battery_volts.state = 3.98f;
  soil_moisture.state = soil(soil_volts.state);
  sample_seq = 5000000000ull;
  mark("everything"); epoch_at_zero = 1763750000; clock_ms = 60000; take(); send();
  mark("failed air"); air_temperature.state = air_humidity.state = NAN; clock_ms = 120000; take(); send(); report(); report();
  mark("probe gone"); soil_volts.state = 0.02f; soil_moisture.state = soil(soil_volts.state); clock_ms = 180000; take(); send();
  mark("nothing"); soil_volts.state = light_level.state = battery_volts.state = NAN; soil_moisture.state = soil(NAN); take(); send();
  mark("back"); air_temperature.state = 20; air_humidity.state = 50; light_level.state = 0; soil_moisture.state = 40; report();
  mark("heartbeat"); wifi_rssi.state = -61; heartbeat();
  mark("away"); clock_ms = 400000; send(); mqtt_client.up = false;
  for (int i = 0; i < 12; i++) { clock_ms += 60000; take(); send(); }
  mark("again"); mqtt_client.up = true; resend(); send(); send(); send();
  mark("lost with the connection"); resend(); send(); send(); send();
  mark("long acknowledged"); clock_ms += 100000; send(); resend(); send();
  mark("full"); mqtt_client.up = false; for (int i = 0; i < 200; i++) { clock_ms += 60000; take(); }
  std::cout << ring_text.size() << "\\n";
  mark("no clock"); ring_text.clear(); ring_taken.clear(); ring_sent.clear(); epoch_at_zero = 0; sample_seq = 0; take(); clock_ms += 300000; take();
  mqtt_client.up = true; send(); send();
  mark("clock found"); epoch_at_zero = 1763750000 - 20000; send();
  mark("soil");
  for (float volts : {2.8f, 2.0f, 1.2f, 3.0f, 1.0f, 3.3f, 0.7f, NAN}) std::cout << soil(volts) << "\\n";
}
`;

const folder = mkdtempSync(join(tmpdir(), "garden-code-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(!hasCompiler)("the code inside ESPHome's configuration, where a C++ compiler is installed", () => {
  let said: ReadonlyMap<string, readonly string[]> = new Map();
  const telemetry = (...samples: (string | undefined)[]) =>
    `devices/balcony-1/telemetry 10 ${telemetryText(samples.flatMap((text) => (text === undefined ? [] : [text])))}`;

  beforeAll(() => {
    writeFileSync(join(folder, "node.cpp"), around);
    const made = spawnSync("g++", ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-o", "node", "node.cpp"], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(made.stderr).toBe("");
    const parts = spawnSync(join(folder, "node"), { encoding: "utf8" }).stdout.split("-- ").slice(1);
    said = new Map(parts.map((part) => [part.split("\n")[0] ?? "", part.split("\n").slice(1, -1)]));
  });

  const all = { soilMoisture: 50, temperature: 21.46, humidity: 48.04, lightLevel: 812.4, soilVolts: 2, batteryVolts: 3.98 };
  const calm = { soilMoisture: 40, temperature: 20, humidity: 50, lightLevel: 0 };
  const epoch = 1_763_750_000;

  it("GA-41: writes a sample as the same JSON as our template, one object with all its values", () => {
    expect(said.get("everything")).toEqual([telemetry(sampleText({ epochSeconds: epoch + 60, seq: 5_000_000_001 }, all))]);
  });

  it("GA-41: leaves out what a sensor failed to give, says so once, and once that all are back", () => {
    const silent = (metrics: string) => `devices/balcony-1/event 10 {"type":"sensors.silent","data":{"metrics":[${metrics}]}}`;
    const without = { ...all, temperature: Number.NaN, humidity: undefined };
    expect(said.get("failed air")).toEqual([
      telemetry(sampleText({ epochSeconds: epoch + 120, seq: 5_000_000_002 }, without)),
      silent('"temperature","humidity"'),
    ]);
    expect(said.get("nothing")).toEqual([]);
    expect(said.get("back")).toEqual([silent("")]);
  });

  it("GA-41: an unplugged probe has a voltage and no moisture", () => {
    const sample = { lightLevel: 812.4, soilVolts: 0.02, batteryVolts: 3.98 };
    expect(said.get("probe gone")).toEqual([telemetry(sampleText({ epochSeconds: epoch + 180, seq: 5_000_000_003 }, sample))]);
  });

  it("GA-06: writes a heartbeat as our template does", () => {
    const text = heartbeatText({ epochSeconds: epoch + 180, uptimeSeconds: 180, rssiDbm: -61 });
    expect(said.get("heartbeat")).toEqual([`devices/balcony-1/heartbeat 00 ${text}`]);
  });

  it("GA-43: what was measured while away comes with its own times, eight at once, oldest first", () => {
    const late = Array.from({ length: 12 }, (_, index) =>
      sampleText({ epochSeconds: epoch + 460 + index * 60, seq: 5_000_000_005 + index }, calm),
    );
    expect(said.get("away")).toEqual([]);
    expect(said.get("again")).toEqual([telemetry(...late.slice(0, 8)), telemetry(...late.slice(8))]);
    // Handed to a connection that then broke: sent once more, the very same text. Long handed over: not again.
    expect(said.get("lost with the connection")).toEqual(said.get("again"));
    expect(said.get("long acknowledged")).toEqual([]);
  });

  it("GA-43: the memory keeps the newest 120", () => {
    expect(said.get("full")).toEqual(["120"]);
  });

  it("GA-08: without a clock only a fresh sample is sent, bare; the others wait and get the time they were taken at", () => {
    const now = 400_000 + 12 * 60_000 + 100_000 + 200 * 60_000;
    expect(said.get("no clock")).toEqual([telemetry(sampleText({ seq: 2 }, calm))]);
    const taken = epoch - 20_000 + now / 1_000;
    expect(said.get("clock found")).toEqual([telemetry(sampleText({ epochSeconds: taken, seq: 1 }, calm))]);
  });

  it("GA-41: reckons moisture as the platform does, and gives none outside what the probe can give", () => {
    const calibration = { dryVolts: 2.8, wetVolts: 1.2 };
    const expected = [2.8, 2, 1.2, 3, 1, 3.3, 0.7, Number.NaN].map((volts) => soilPercent(volts, calibration));
    expect(said.get("soil")?.map((text) => (text === "nan" ? undefined : Number(text)))).toEqual(
      expected.map((value) => (value === undefined ? undefined : expect.closeTo(value, 3))),
    );
    expect(expected).toEqual([0, expect.closeTo(50), 100, 0, 100, undefined, undefined, undefined]);
  });
});
