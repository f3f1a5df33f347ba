import {
  awakeSeconds,
  firmwareVersion,
  hostNameOf,
  pemLinesOf,
  pins,
  plainNameOf,
  portalName,
  rememberedSamples,
  samplesAtOnce,
  uncertainMs,
} from "./node-build.ts";
import type { FirmwareText, NodeBuild, NodeSecrets } from "./node-build.ts";
import { sketchCore } from "./sketch-core.ts";
import { sketchSource } from "./sketch-source.ts";

/*
 * What the sketch is built with; each pinned, so that it builds next year as it does today.
 *
 * @see https://docs.platformio.org/en/latest/projectconf/ for the keys of platformio.ini
 */
const platform = "espressif32@6.9.0";
const libraries = [
  "tzapu/WiFiManager@2.0.17",
  "knolleary/PubSubClient@2.8.0",
  "bblanchon/ArduinoJson@7.3.0",
  "adafruit/DHT sensor library@1.4.6",
  "adafruit/Adafruit Unified Sensor@1.1.15",
  "claws/BH1750@1.3.0",
] as const;

/** A project for PlatformIO: a node in C++, to be changed at will. The secrets come in a file of their own, see {@link sketchSecrets}. */
export function sketchFiles(build: NodeBuild): FirmwareText[] {
  return [
    { name: "platformio.ini", mediaType: "text/plain", text: projectText(build) },
    { name: "src/main.cpp", mediaType: "text/x-c++src", text: sketchSource },
    { name: "include/node_core.h", mediaType: "text/x-c++hdr", text: sketchCore },
    { name: "include/node_config.h", mediaType: "text/x-c++hdr", text: configText(build) },
    { name: "include/node_secrets.example.h", mediaType: "text/x-c++hdr", text: secretsText(build, undefined) },
    { name: ".gitignore", mediaType: "text/plain", text: ".pio\ninclude/node_secrets.h\n" },
  ];
}

/** The file with the secrets: it must not be shared. */
export function sketchSecrets(build: NodeBuild, secrets: NodeSecrets): FirmwareText {
  return { name: "include/node_secrets.h", mediaType: "text/x-c++hdr", text: secretsText(build, secrets) };
}

function projectText(build: NodeBuild): string {
  return `; A garden node for Roost: ${plainNameOf(build.name)}
; Build and flash: pio run -t upload        Watch: pio device monitor
[platformio]
default_envs = node

[env:node]
platform = ${platform}
board = esp32dev
framework = arduino
monitor_speed = 115200
; Two places for programs, so that an update that does not come up can be taken back.
board_build.partitions = min_spiffs.csv
build_flags = -DMQTT_MAX_PACKET_SIZE=2048 -DCORE_DEBUG_LEVEL=1
lib_deps =
${libraries.map((library) => `  ${library}`).join("\n")}
`;
}

/** A text as a C++ literal. Only what is printable ASCII stands in it as it is. */
function literal(text: string): string {
  const escaped = [...new TextEncoder().encode(text)].map((byte) => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
    // Octal, three digits: a hexadecimal escape would swallow the letters after it.
    return byte < 0x20 || byte > 0x7e || byte === 0x3f ? `\\${byte.toString(8).padStart(3, "0")}` : String.fromCharCode(byte);
  });
  return `"${escaped.join("")}"`;
}

function configText(build: NodeBuild): string {
  return `// Made by Roost for this node. No secret stands in it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace node_config {
constexpr char kVersion[] = ${literal(`${firmwareVersion}-sketch`)};
constexpr char kDeviceId[] = ${literal(build.deviceId)};
constexpr char kHostName[] = ${literal(hostNameOf(build.deviceId))};
constexpr char kPortalName[] = ${literal(portalName)};

constexpr char kMqttHost[] = ${literal(build.host)};
constexpr uint16_t kMqttPort = ${build.mqttPort};
// Where a node without credentials registers; a person approves it there.
constexpr char kRegisterUrl[] = ${literal(build.httpsUrl === undefined ? "" : `${build.httpsUrl}/api/v1/devices/register`)};

constexpr uint32_t kSampleSeconds = ${build.sampleSeconds};
constexpr uint32_t kSleepSeconds = ${build.sleepSeconds};
constexpr uint32_t kAwakeSeconds = ${awakeSeconds};
constexpr bool kHasBattery = ${build.hasBattery};
constexpr float kSoilDryVolts = ${build.soilDryVolts.toFixed(3)}f;
constexpr float kSoilWetVolts = ${build.soilWetVolts.toFixed(3)}f;

constexpr int kPinAir = ${pins.air};
constexpr int kPinSoil = ${pins.soil};
constexpr int kPinSda = ${pins.lightData};
constexpr int kPinScl = ${pins.lightClock};
constexpr int kPinLed = ${pins.led};
constexpr int kPinButton = ${pins.button};
constexpr int kPinBattery = ${pins.battery};

constexpr size_t kRemembered = ${rememberedSamples};
constexpr size_t kAtOnce = ${samplesAtOnce};
constexpr uint32_t kUncertainMs = ${uncertainMs};

// Who the server is: it has to show a certificate of this authority.
constexpr char kCaPem[] =
${pemLinesOf(build.caPem)
  .map((line) => `    ${literal(line).slice(0, -1)}\\n"`)
  .join("\n")};
}  // namespace node_config
`;
}

function secretsText(build: NodeBuild, secrets: NodeSecrets | undefined): string {
  const head =
    secrets === undefined
      ? `// Copy this to node_secrets.h and fill it in, or let Roost make it: roost garden firmware ${build.deviceId} --kind sketch --with-credentials`
      : `// Of node ${build.deviceId}. Keep it to yourself.`;
  return `${head}
#pragma once

namespace node_secrets {
// Opens the set-up network; 8 characters at least. Write it on the node.
constexpr char kPortalPassword[] = ${literal(secrets?.portalPassword ?? "")};
// Empty: the node registers by itself and waits until a person approves it.
constexpr char kMqttUsername[] = ${literal(secrets?.mqttUsername ?? "")};
constexpr char kMqttPassword[] = ${literal(secrets?.mqttPassword ?? "")};
}  // namespace node_secrets
`;
}
