import { heartbeatCode, keptIdsOf, ledCode, reportSensorsCode, resendCode, sendCode, startCode, takeSampleCode } from "./esphome-code.ts";
import { button, led, sensors } from "./esphome-hardware.ts";
import { code, indented, quoted, secret } from "./esphome-text.ts";
import {
  awakeSeconds,
  firmwareVersion,
  hostNameOf,
  pemLinesOf,
  plainNameOf,
  portalName,
  secretPrefixOf,
  signingKeyFileOf,
  topicsOf,
} from "./node-build.ts";
import type { FirmwareText, NodeBuild, NodeSecrets } from "./node-build.ts";
import { statusText } from "./node-messages.ts";

/** The release of ESPHome that the configuration was checked with; earlier ones lack encrypted updates. */
export const esphomeVersion = "2026.10.0";

const version = `${firmwareVersion}-esphome`;

/**
 * The configuration of a node for ESPHome, whole: nothing has to be added but the secrets, which lie in a file of their own so that this one can be
 * shown to others.
 *
 * @see https://esphome.io/components/esphome/ `min_version`, `project`, `on_boot`
 * @see https://esphome.io/components/esp32/ `framework: esp-idf`: MQTT over TLS is there with ESP-IDF
 */
export function esphomeConfiguration(build: NodeBuild): FirmwareText {
  const parts = [
    head(build),
    network(build),
    mqtt(build),
    updates(build),
    time(),
    globals(build),
    sensors(build),
    work(build),
    button(build),
    led(),
  ];
  if (build.sleepSeconds > 0) parts.push(sleep(build));
  return { name: `${hostNameOf(build.deviceId)}.yaml`, mediaType: "application/yaml", text: `${parts.join("\n\n")}\n` };
}

/** The lines for `secrets.yaml`, which ESPHome keeps for all nodes of a household: add them to those that are there. And the key, where there is one. */
export function esphomeSecrets(build: NodeBuild, secrets: NodeSecrets): FirmwareText[] {
  const prefix = secretPrefixOf(build.deviceId);
  const lines = [
    `# Of node ${build.deviceId}. If there is a secrets.yaml already, add these lines to it. Keep it to yourself.`,
    `${prefix}_mqtt_username: ${quoted(secrets.mqttUsername)}`,
    `${prefix}_mqtt_password: ${quoted(secrets.mqttPassword)}`,
    `${prefix}_portal_password: ${quoted(secrets.portalPassword)}`,
    `${prefix}_update_key: ${quoted(secrets.updateKey)}`,
  ];
  const entries = { name: "secrets.yaml", mediaType: "application/yaml", text: `${lines.join("\n")}\n` };
  if (!build.signedUpdates) return [entries];
  return [entries, { name: signingKeyFileOf(build.deviceId), mediaType: "application/x-pem-file", text: secrets.signingKeyPem }];
}

function head(build: NodeBuild): string {
  const name = plainNameOf(build.name);
  return `# A garden node for Roost: ${name}
# Soil, air and light, sent over MQTT with TLS. Its passwords stand in secrets.yaml beside this file.
# Needs ESPHome ${esphomeVersion} or later.
esphome:
  name: ${quoted(hostNameOf(build.deviceId))}
  friendly_name: ${quoted(name)}
  min_version: ${esphomeVersion}
  project:
    name: "roost.garden-node"
    version: "${firmwareVersion}"
  on_boot:
    priority: -100
    then:
      - lambda: ${code(startCode(build), 8)}
      # After a power cut not all nodes of a house knock at the same moment.
      - delay: !lambda "return random_uint32() % 8000;"
      - mqtt.enable:

esp32:
  board: esp32dev
  framework:
    type: esp-idf
    advanced:
      # A new program that does not come up is taken back by itself.
      enable_ota_rollback: true${build.signedUpdates ? signed(build) : ""}

logger:
  level: INFO
  logs:
    # The portal would write the Wi-Fi's password to the cable.
    captive_portal: WARN

safe_mode:
  num_attempts: 5
  boot_is_good_after: 60s`;
}

/** The scheme that every ESP32 knows, whatever its revision. @see https://esphome.io/components/esp32/ `signed_ota_verification` */
function signed(build: NodeBuild): string {
  return `
      # It takes programs only that are signed with this key.
      signed_ota_verification:
        signing_scheme: ecdsa_v1
        signing_key: ${signingKeyFileOf(build.deviceId)}`;
}

/**
 * @see https://esphome.io/components/wifi/ `ap`, `reboot_timeout`
 * @see https://esphome.io/components/captive_portal/
 */
function network(build: NodeBuild): string {
  return `# The first time, and whenever the Wi-Fi is gone for a minute and a half, the node opens its own network,
# protected by the code on its label, and asks for the Wi-Fi there: join "${portalName}" with a phone.
wifi:
  reboot_timeout: ${rebootAfter(build)}
  ap:
    ssid: "${portalName}"
    password: ${secret(build, "portal_password")}
    ap_timeout: 90s${build.sleepSeconds > 0 ? "\n  on_connect:\n    - deep_sleep.allow:" : ""}

captive_portal:`;
}

/** Starting anew loses what is remembered, so it comes only when the memory has long been full. */
function rebootAfter(build: NodeBuild): string {
  return `${Math.max(60, Math.ceil((build.sampleSeconds * 240) / 60))}min`;
}

/**
 * `topic_prefix: null` turns off ESPHome's own topics, `discover_ip` and `discovery` what it says to Home Assistant: the node may use none but ours.
 *
 * @see https://esphome.io/components/mqtt/ `certificate_authority`, `birth_message`, `will_message`, `shutdown_message`, `topic_prefix`, `log_topic`
 */
function mqtt(build: NodeBuild): string {
  const topics = topicsOf(build);
  const status = (state: "online" | "offline") =>
    `
    topic: ${quoted(topics.status)}
    payload: ${quoted(statusText(state, version))}
    qos: 1
    retain: true`;
  // A node that sleeps is not gone: it tells when its next heartbeat is due, and Roost waits for that.
  const end = build.sleepSeconds === 0 ? status("offline") : "";
  return `mqtt:
  id: mqtt_client
  enable_on_boot: false
  broker: ${quoted(build.host)}
  port: ${build.mqttPort}
  client_id: ${quoted(build.deviceId)}
  username: ${secret(build, "mqtt_username")}
  password: ${secret(build, "mqtt_password")}
  clean_session: true
  keepalive: 30s
  reboot_timeout: ${rebootAfter(build)}
  topic_prefix: null
  log_topic: null
  discovery: false
  discover_ip: false
  birth_message:${status("online")}
  will_message:${end}
  shutdown_message:${end}
  on_connect:
    - lambda: ${code(resendCode, 6)}${build.sleepSeconds === 0 ? "" : "\n    - script.execute: one_round"}
  # Who the server is: it has to show a certificate of this authority.
  certificate_authority: |
${indented(pemLinesOf(build.caPem).join("\n"), 4)}`;
}

/** @see https://esphome.io/components/ota/esphome/ `encryption`: a program carries its passwords, so it must not cross the air in clear */
function updates(build: NodeBuild): string {
  return `ota:
  - platform: esphome
    encryption:
      key: ${secret(build, "update_key")}`;
}

/** @see https://esphome.io/components/time/sntp/ */
function time(): string {
  return `time:
  - platform: sntp
    id: wall_clock
    timezone: "UTC"`;
}

/** @see https://esphome.io/components/globals/ */
function globals(build: NodeBuild): string {
  const { pace, dry, wet } = keptIdsOf(build);
  return `globals:
  - { id: sample_seq, type: uint64_t, initial_value: "0" }
  - { id: last_sample, type: uint32_t, initial_value: "0" }
  # Over sleep as well: that a sensor is silent is told once, not at each waking.
  - { id: silent_sensors, type: uint32_t, restore_value: ${build.sleepSeconds > 0}, initial_value: "0" }
  - { id: stays_awake, type: bool, initial_value: "false" }
  # Samples that wait, when they were taken and when they were handed over: the newest ones are kept.
  - { id: ring_text, type: "std::vector<std::string>" }
  - { id: ring_taken, type: "std::vector<uint32_t>" }
  - { id: ring_sent, type: "std::vector<uint32_t>" }
  # Roost changes these while the node runs.
  - { id: ${pace}, type: int, restore_value: true, initial_value: "${build.sampleSeconds}" }
  - { id: ${dry}, type: float, restore_value: true, initial_value: "${volts(build.soilDryVolts)}" }
  - { id: ${wet}, type: float, restore_value: true, initial_value: "${volts(build.soilWetVolts)}" }`;
}

function volts(value: number): string {
  return `${value.toFixed(3)}f`;
}

/** @see https://esphome.io/automations/actions/ https://esphome.io/components/script/ https://esphome.io/components/interval/ */
function work(build: NodeBuild): string {
  const { pace } = keptIdsOf(build);
  const reads = ["air", "light_level", "soil_volts", ...(build.hasBattery ? ["battery_volts"] : [])];
  const scripts = `script:
  - id: sample
    mode: single
    then:
${reads.map((id) => `      - component.update: ${id}`).join("\n")}
      # The light sensor looks twice, for a second at most.
      - delay: 2s
      - lambda: ${code(takeSampleCode(build), 8)}
  - id: send
    mode: single
    then:
      - lambda: ${code(sendCode(build), 8)}
  - id: heartbeat
    mode: single
    then:
      - lambda: ${code(heartbeatCode(build), 8)}
      - lambda: ${code(reportSensorsCode(build), 8)}`;
  if (build.sleepSeconds > 0) return `${scripts}\n${oneRound}`;
  return `${scripts}

interval:
  - interval: 1s
    then:
      - if:
          condition:
            lambda: "return millis() - id(last_sample) >= (uint32_t) id(${pace}) * 1000u;"
          then:
            - lambda: "id(last_sample) += (uint32_t) id(${pace}) * 1000u;"
            - script.execute: sample
  - interval: 2s
    then:
      - script.execute: send
  - interval: 60s
    startup_delay: 20s
    then:
      - script.execute: heartbeat
  - interval: 100ms
    then:
      - lambda: ${code(ledCode, 8)}`;
}

/** What a node that sleeps does while it is awake. */
const oneRound = `  - id: one_round
    mode: single
    then:
      - wait_until:
          condition:
            time.has_time:
          timeout: 15s
      - script.execute: sample
      - script.wait: sample
      - script.execute: send
      - script.execute: heartbeat
      - safe_mode.mark_successful:
      # The samples are acknowledged within this time, and orders that waited arrive.
      - delay: 3s
      - if:
          condition:
            lambda: "return !id(stays_awake);"
          then:
            - deep_sleep.enter:

interval:
  # Somebody sets it up: it does not fall asleep under their hands.
  - interval: 1s
    then:
      - if:
          condition:
            lambda: "return wifi::global_wifi_component->is_ap_active();"
          then:
            - deep_sleep.prevent:
  - interval: 100ms
    then:
      - lambda: ${code(ledCode, 8)}`;

/** @see https://esphome.io/components/deep_sleep/ */
function sleep(build: NodeBuild): string {
  return `# What is measured while nobody can be reached is lost with the sleep: memory does not outlive it.
deep_sleep:
  run_duration: ${awakeSeconds}s
  sleep_duration: ${build.sleepSeconds}s`;
}
