import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { FirmwareText } from "./node-build.ts";
import { sampleText, soilPercent, telemetryText } from "./node-messages.ts";
import { sketchFiles, sketchSecrets } from "./sketch.ts";
import { arduinoStandIns } from "./test-arduino.ts";
import { aBuild, someSecrets } from "./test-node.ts";

const textOf = (files: readonly FirmwareText[], name: string): string => files.find((file) => file.name === name)?.text ?? "";

describe("the sketch", () => {
  const files = sketchFiles(aBuild());
  const source = textOf(files, "src/main.cpp");

  it("GA-46: is a project of PlatformIO with every library pinned", () => {
    const project = textOf(files, "platformio.ini");
    expect(project).toContain("board = esp32dev");
    const libraries = (project.split("lib_deps =\n")[1] ?? "").trim().split("\n");
    expect(libraries.length).toBeGreaterThanOrEqual(5);
    for (const library of libraries) expect(library.trim()).toMatch(/^[\w-]+\/[\w -]+@\d+\.\d+\.\d+$/);
    expect(project).toMatch(/platform = espressif32@\d+\.\d+\.\d+/);
  });

  it("GA-40: has no secret but in the file for them, which is kept out of version control", () => {
    const secrets = sketchSecrets(aBuild(), { ...someSecrets, mqttPassword: "f00dfeed" });
    expect(secrets.name).toBe("include/node_secrets.h");
    expect(secrets.text).toContain('kMqttPassword[] = "f00dfeed"');
    for (const file of files) for (const secret of [someSecrets.portalPassword, "f00dfeed"]) expect(file.text).not.toContain(secret);
    expect(textOf(files, ".gitignore")).toContain("include/node_secrets.h");
  });

  it("GA-40: writes no credential to the serial line", () => {
    const printed = source.split("\n").filter((line) => line.includes("Serial.print"));
    expect(printed.length).toBeGreaterThan(0);
    for (const line of printed) expect(line).not.toMatch(/password|username|getString|psk/i);
    expect(source).toContain("portal.setDebugOutput(false)");
  });

  it("GA-40 GA-43: registers and connects under our authority only", () => {
    expect(source.match(/setCACert\(kCaPem\)/g)).toHaveLength(2);
    expect(source).not.toContain("setInsecure");
    expect(textOf(files, "include/node_config.h")).toContain('kRegisterUrl[] = "https://roost.example/api/v1/devices/register"');
    const none = sketchFiles(aBuild({ httpsUrl: undefined }));
    expect(textOf(none, "include/node_config.h")).toContain('kRegisterUrl[] = ""');
  });

  it("GA-44: accepts a new program only after it has reached Roost", () => {
    const [before = "", after = ""] = source.split("esp_ota_mark_app_valid_cancel_rollback();");
    expect(before.lastIndexOf("mqtt.subscribe(")).toBeGreaterThan(0);
    expect(after).toContain("was_marked_valid = true");
    expect(source).toContain('extern "C" bool verifyRollbackLater() { return true; }');
  });

  it("GA-40: a hostile name or host cannot leave its literal", () => {
    const config = textOf(sketchFiles(aBuild({ name: 'x"; evil(); //', host: 'a"\\\n??/' })), "include/node_config.h");
    expect(config).toContain(String.raw`kMqttHost[] = "a\"\\\012\077\077/"`);
    const project = textOf(sketchFiles(aBuild({ name: "x\n[env:evil]" })), "platformio.ini");
    expect(project).not.toMatch(/^\[env:evil\]/m);
  });
});

const hasCompiler = spawnSync("g++", ["--version"]).status === 0;

const exercise = `
#include <iostream>
#include "node_core.h"
using namespace node_core;
static Ring<4> ring;
static uint64_t seq = 0;
static void take(uint32_t ms, uint32_t epoch, float soil) {
  Sample sample = {};
  sample.seq = ++seq; sample.taken_ms = ms; sample.epoch = epoch;
  for (float &value : sample.values) value = NAN;
  sample.values[0] = soil; sample.values[4] = 2.0f;
  if (std::isnan(soil)) sample.values[4] = NAN;
  ring.add(sample);
}
static void send(uint32_t ms, uint32_t epoch) {
  std::cout << ring.next(ms, epoch, 60000, 2) << "\\n";
  ring.sent(ms, epoch, 60000, 2);
}
int main() {
  take(1000, 1700000001, 41.25f); take(2000, 0, NAN); send(3000, 1700000003);
  take(61000, 1700000061, 40); take(121000, 1700000121, 39); take(181000, 1700000181, 38);
  send(182000, 1700000182); send(184000, 1700000184); send(186000, 1700000186);
  std::cout << ring.count << "\\n";
  ring.resend(); send(190000, 1700000190); send(192000, 1700000192);
  for (int i = 0; i < 9; i++) take(200000 + i, 1700000200 + i, i);
  std::cout << ring.count << "\\n"; send(210000, 1700000210); send(210000, 1700000210);
  ring.forget(310001, 90000); std::cout << ring.count << "\\n";
  take(400000, 0, 30); take(700000, 0, 31); send(700000, 0); ring.resend(); send(700000, 0); send(720000, 1700000720);
  take(800000, 0, 1); take(800000, 1700000800, 2); ring.wake(); std::cout << ring.count << "\\n"; send(1000, 1700000900);
  for (const float volts : {2.8f, 2.0f, 1.2f, 3.0f, 3.3f, 0.7f}) std::cout << soilPercent(volts, 2.8f, 1.2f) << " ";
  std::cout << "\\n";
  for (uint32_t tries = 1; tries <= 8; tries++) std::cout << backOffMs(tries, 0) << "-" << backOffMs(tries, 4294967295u) << " ";
  std::cout << "\\n";
  for (const Light light : {Light::kSetUp, Light::kConnecting, Light::kFine, Light::kFault}) {
    int lit = 0, turns = 0;
    for (uint32_t step = 0; step < 40; step++) { lit += isLit(light, step); turns += isLit(light, step) != isLit(light, step + 1); }
    std::cout << lit << "/" << turns << " ";
  }
  std::cout << "\\n";
}
`;

describe.skipIf(!hasCompiler)("the sketch's code, where a C++ compiler is installed", () => {
  const folder = mkdtempSync(join(tmpdir(), "garden-sketch-"));
  let lines: string[] = [];
  afterAll(() => rmSync(folder, { recursive: true }));

  beforeAll(() => {
    const files = [
      ...sketchFiles(aBuild()),
      sketchSecrets(aBuild(), someSecrets),
      ...arduinoStandIns,
      { name: "exercise.cpp", text: exercise },
    ];
    for (const file of files) {
      mkdirSync(dirname(join(folder, file.name)), { recursive: true });
      writeFileSync(join(folder, file.name), file.text);
    }
    const made = spawnSync("g++", ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-Iinclude", "-o", "exercise", "exercise.cpp"], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(made.stderr).toBe("");
    lines = spawnSync(join(folder, "exercise"), { encoding: "utf8" }).stdout.split("\n");
  });

  it("GA-46: is C++ that fits the calls of its libraries as we know them", () => {
    // Stand-ins have the signatures only: that the whole links for the chip is not shown here.
    const run = spawnSync(
      "g++",
      ["-std=gnu++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-Iinclude", "-Istand-ins", "src/main.cpp"],
      {
        cwd: folder,
        encoding: "utf8",
      },
    );
    expect(run.stderr).toBe("");
  });

  const sample = (seq: number, epochSeconds: number | undefined, soilMoisture: number) =>
    sampleText({ seq, epochSeconds }, { soilMoisture, soilVolts: 2 }) ?? "";

  it("GA-41 GA-42: writes samples as every program of a node does, and none where nothing was measured", () => {
    expect(lines[0]).toBe(sample(1, 1_700_000_001, 41.25));
  });

  it("GA-43: sends what waited, a few at once, with their own times, and once more after a connection broke", () => {
    const [three, four, five] = [sample(3, 1_700_000_061, 40), sample(4, 1_700_000_121, 39), sample(5, 1_700_000_181, 38)];
    expect(lines.slice(1, 5)).toEqual([telemetryText([three, four]), five, "", "4"]);
    expect(lines.slice(5, 7)).toEqual([telemetryText([sample(1, 1_700_000_001, 41.25), three]), telemetryText([four, five])]);
  });

  it("GA-43: keeps the newest when its memory is full, and forgets what has long arrived", () => {
    expect(lines.slice(7, 11)).toEqual([
      "4",
      telemetryText([sample(11, 1_700_000_205, 5), sample(12, 1_700_000_206, 6)]),
      telemetryText([sample(13, 1_700_000_207, 7), sample(14, 1_700_000_208, 8)]),
      "0",
    ]);
  });

  it("GA-08: without a clock sends only what is fresh, bare and once; the older gets the time it was taken at", () => {
    expect(lines.slice(11, 14)).toEqual([sample(16, undefined, 31), "", sample(15, 1_700_000_400, 30)]);
  });

  it("GA-43: what a sleeping node could not send outlives its sleep, if it knows when that was", () => {
    expect(lines.slice(14, 16)).toEqual(["1", sample(18, 1_700_000_800, 2)]);
  });

  it("GA-41 GA-43 GA-44: reckons moisture, waits longer and longer at moments of its own, and shows four lights", () => {
    const calibration = { dryVolts: 2.8, wetVolts: 1.2 };
    const percents = [2.8, 2, 1.2, 3, 3.3, 0.7].map((volts) => soilPercent(volts, calibration));
    expect(lines[16]?.trim().split(" ")).toEqual(percents.map((value) => (value === undefined ? "nan" : String(Math.round(value)))));
    const waits = (lines[17] ?? "")
      .trim()
      .split(" ")
      .map((text) => text.split("-").map(Number));
    expect(waits.map(([least]) => least)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    for (const [least = 0, most = 0] of waits) expect(most).toBeGreaterThan(least);
    for (const [least = 0, most = 0] of waits) expect(most).toBeLessThan(2 * least);
    expect(lines[18]?.trim().split(" ")).toEqual(["20/40", "20/8", "40/0", "4/8"]);
  });
});
