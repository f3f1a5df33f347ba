import {
  heartbeatCode,
  keptIdsOf,
  ledCode,
  reportSensorsCode,
  resendCode,
  sendCode,
  soilCode,
  startCode,
  takeSampleCode,
} from "./esphome-code.ts";
import {
  awakeSeconds,
  firmwareVersion,
  hostNameOf,
  pemLinesOf,
  pins,
  plainNameOf,
  portalName,
  secretPrefixOf,
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

/** The lines for `secrets.yaml`, which ESPHome keeps for all nodes of a household: add them to those that are there. */
export function esphomeSecrets(build: NodeBuild, secrets: NodeSecrets): FirmwareText {
  const prefix = secretPrefixOf(build.deviceId);
  const lines = [
    `# Of node ${build.deviceId}. If there is a secrets.yaml already, add these lines to it. Keep it to yourself.`,
    `${prefix}_mqtt_username: ${quoted(secrets.mqttUsername)}`,
    `${prefix}_mqtt_password: ${quoted(secrets.mqttPassword)}`,
    `${prefix}_portal_password: ${quoted(secrets.portalPassword)}`,
    `${prefix}_update_key: ${quoted(secrets.updateKey)}`,
  ];
  return { name: "secrets.yaml", mediaType: "application/yaml", text: `${lines.join("\n")}\n` };
}

/** JSON text is YAML text. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function indented(text: string, spaces: number): string {
  const margin = " ".repeat(spaces);
  return text
    .split("\n")
    .map((line) => (line === "" ? "" : margin + line))
    .join("\n");
}

/** A block of C++ below a key that stands `spaces` from the left. */
function code(text: string, spaces: number): string {
  return `!lambda |-\n${indented(text, spaces + 2)}`;
}

function secret(build: NodeBuild, name: string): string {
  return `!secret ${secretPrefixOf(build.deviceId)}_${name}`;
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
      enable_ota_rollback: true

logger:
  level: INFO
  logs:
    # The portal would write the Wi-Fi's password to the cable.
    captive_portal: WARN

safe_mode:
  num_attempts: 5
  boot_is_good_after: 60s`;
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
    ap_timeout: 90s

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
  - { id: silent_sensors, type: uint32_t, initial_value: "0" }
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

/**
 * Read when a sample is taken, not by a pace of their own. What a sensor last gave is forgotten after three paces. \`internal\`: they publish nothing by
 * themselves.
 *
 * @see https://esphome.io/components/sensor/dht/ `model: AM2302` is the DHT22
 * @see https://esphome.io/components/sensor/bh1750/
 * @see https://esphome.io/components/sensor/adc/ `attenuation`, `samples`; GPIO34 belongs to ADC1, the one that works beside Wi-Fi
 * @see https://esphome.io/components/copy/ https://esphome.io/components/sensor/#timeout
 */
function sensors(build: NodeBuild): string {
  const forget = `filters:
      - timeout: ${build.sampleSeconds * 3}s`;
  const battery = `
  - platform: adc
    id: battery_volts
    internal: true
    pin: GPIO${pins.battery}
    attenuation: 12db
    samples: 16
    update_interval: never
    filters:
      # Two equal resistors halve the battery's voltage for the pin.
      - multiply: 2.0
      - timeout: ${build.sampleSeconds * 3}s`;
  return `i2c:
  sda: GPIO${pins.lightData}
  scl: GPIO${pins.lightClock}

sensor:
  - platform: dht
    id: air
    model: AM2302
    pin: GPIO${pins.air}
    update_interval: never
    temperature:
      id: air_temperature
      internal: true
      ${indented(forget, 2).trimStart()}
    humidity:
      id: air_humidity
      internal: true
      ${indented(forget, 2).trimStart()}
  - platform: bh1750
    id: light_level
    internal: true
    address: 0x23
    update_interval: never
    ${forget}
  - platform: adc
    id: soil_volts
    internal: true
    pin: GPIO${pins.soil}
    attenuation: 12db
    samples: 16
    update_interval: never
    ${forget}
  - platform: copy
    id: soil_moisture
    internal: true
    source_id: soil_volts
    unit_of_measurement: "%"
    device_class: moisture
    filters:
      - lambda: ${code(soilCode(build), 8)}
  - platform: wifi_signal
    id: wifi_rssi
    internal: true
    update_interval: 30s${build.hasBattery ? battery : ""}`;
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
      - deep_sleep.enter:

interval:
  - interval: 100ms
    then:
      - lambda: ${code(ledCode, 8)}`;

/**
 * @see https://esphome.io/components/binary_sensor/#on_multi_click
 * @see https://esphome.io/components/button/factory_reset/
 */
function button(build: NodeBuild): string {
  const stayAwake = `
      # A short press keeps it awake, for a new program over the air.
      - timing:
          - ON for 0.2s to 3s
          - OFF for at least 0.3s
        then:
          - deep_sleep.prevent:`;
  return `button:
  - platform: factory_reset
    id: forget_everything
    internal: true

binary_sensor:
  - platform: gpio
    id: boot_button
    internal: true
    pin:
      number: GPIO${pins.button}
      inverted: true
      mode: INPUT_PULLUP
      ignore_strapping_warning: true
    on_multi_click:
      # Held for ten seconds: the Wi-Fi is forgotten and the set-up network opens again.
      - timing:
          - ON for at least 10s
        then:
          - button.press: forget_everything${build.sleepSeconds > 0 ? stayAwake : ""}`;
}

function led(): string {
  return `# Five flashes a second: set-up. One a second: looking for Wi-Fi or Roost. Steady: all is well.
# Two short flashes every two seconds: a sensor gives nothing.
output:
  - platform: gpio
    id: led_output
    pin:
      number: GPIO${pins.led}
      ignore_strapping_warning: true`;
}

/** @see https://esphome.io/components/deep_sleep/ */
function sleep(build: NodeBuild): string {
  return `# What is measured while nobody can be reached is lost with the sleep: memory does not outlive it.
deep_sleep:
  run_duration: ${awakeSeconds}s
  sleep_duration: ${build.sleepSeconds}s`;
}
