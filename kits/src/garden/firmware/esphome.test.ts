import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { status } from "@roost/contract/envelope";
import { deviceTopics, parseDeviceTopic } from "@roost/contract/topics";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

import { esphomeConfiguration, esphomeSecrets } from "./esphome.ts";
import { hostNameOf, portalName, secretPrefixOf } from "./node-build.ts";
import { heartbeatText, statusText } from "./node-messages.ts";
import { aBuild, someSecrets } from "./test-node.ts";

interface Tagged {
  readonly tag: "secret" | "lambda";
  readonly text: string;
}

const tags = (["secret", "lambda"] as const).map((tag) => ({ tag: `!${tag}`, resolve: (text: string): Tagged => ({ tag, text }) }));

type Fields = Readonly<Record<string, unknown>>;

function read(text: string): Record<string, Fields & { [key: string]: never }> {
  return parse(text, { customTags: tags }) as never;
}

/** Every value of a tree. */
function* valuesOf(value: unknown): Generator<unknown> {
  yield value;
  if (typeof value === "object" && value !== null) for (const item of Object.values(value)) yield* valuesOf(item);
}

const secretsOf = (tree: unknown): string[] =>
  [...valuesOf(tree)].flatMap((value) =>
    typeof value === "object" && value !== null && "tag" in value && value.tag === "secret" ? [(value as unknown as Tagged).text] : [],
  );

/*
 * Keys that ESPHome's reference lists for what is used here; a name that it does not know is an error of ESPHome.
 * https://esphome.io/components/<name>/ : esphome, esp32, logger, safe_mode, wifi, captive_portal, mqtt, ota/esphome, time/sntp, globals, i2c,
 * sensor/{dht,bh1750,adc,wifi_signal}, copy, script, interval, button/factory_reset, binary_sensor/gpio, output/gpio, deep_sleep
 */
const known: Readonly<Record<string, string>> = {
  esphome: "name friendly_name min_version project on_boot",
  esp32: "board framework",
  logger: "level logs",
  safe_mode: "num_attempts boot_is_good_after",
  wifi: "reboot_timeout ap on_connect",
  mqtt:
    "id enable_on_boot broker port client_id username password clean_session keepalive reboot_timeout topic_prefix log_topic discovery discover_ip " +
    "birth_message will_message shutdown_message on_connect certificate_authority",
  i2c: "sda scl",
  deep_sleep: "run_duration sleep_duration",
  "ota.esphome": "platform encryption",
  "time.sntp": "platform id timezone",
  "sensor.dht": "platform id model pin update_interval temperature humidity",
  "sensor.bh1750": "platform id internal address update_interval filters",
  "sensor.adc": "platform id internal pin attenuation samples update_interval filters",
  "sensor.copy": "platform id internal source_id unit_of_measurement device_class filters",
  "sensor.wifi_signal": "platform id internal update_interval",
  "button.factory_reset": "platform id internal",
  "binary_sensor.gpio": "platform id internal pin on_multi_click",
  "output.gpio": "platform id pin",
  globals: "id type initial_value restore_value",
  script: "id mode then",
  interval: "interval startup_delay then",
};

function unknownKeys(tree: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(tree).flatMap(([component, value]) => {
    if (value === null) return [];
    return [value].flat().flatMap((item) => {
      const fields = item as Fields;
      const name = typeof fields["platform"] === "string" ? `${component}.${fields["platform"]}` : component;
      const allowed = known[name]?.split(" ");
      return allowed === undefined ? [name] : Object.keys(fields).flatMap((key) => (allowed.includes(key) ? [] : [`${name}.${key}`]));
    });
  });
}

const kinds = [
  ["a node that is always awake", aBuild()],
  ["a node that sleeps on a battery", aBuild({ sleepSeconds: 900, hasBattery: true })],
  ["a node that takes signed programs only", aBuild({ signedUpdates: true })],
] as const;

describe("the configuration for ESPHome", () => {
  it.each(kinds)("GA-46: %s: is YAML of components and keys that ESPHome knows", (_, build) => {
    const tree = read(esphomeConfiguration(build).text);
    expect(unknownKeys(tree)).toEqual([]);
    expect(Object.keys(tree)).toEqual(expect.arrayContaining(["esphome", "esp32", "wifi", "mqtt", "ota", "time", "sensor", "script"]));
  });

  it("GA-28 GA-43: speaks MQTT over TLS under our authority and its own name", () => {
    const { mqtt, esp32 } = read(esphomeConfiguration(aBuild()).text);
    expect(mqtt).toMatchObject({ broker: "roost.example", port: 8883, client_id: "balcony-1", clean_session: true });
    expect(mqtt?.["certificate_authority"]).toBe(aBuild().caPem);
    expect(mqtt?.["password"]).toEqual({ tag: "secret", text: "balcony_1_mqtt_password" });
    // The certificate's name is checked: nothing turns that off.
    expect(mqtt).not.toHaveProperty("skip_cert_cn_check");
    expect(esp32).toMatchObject({ board: "esp32dev", framework: { type: "esp-idf" } });
  });

  it.each(kinds)("GA-03: %s: names no topic but the node's own, and ESPHome's own topics are off", (_, build) => {
    const { text } = esphomeConfiguration(build);
    const topics = deviceTopics(build.deviceId);
    const named = [...text.matchAll(/"(devices\/[^"\\]*)"/g)].map(([, topic]) => topic);
    expect(new Set(named)).toEqual(new Set([topics.telemetry, topics.heartbeat, topics.event, topics.status, topics.commands]));
    for (const topic of named) if (topic !== topics.commands) expect(parseDeviceTopic(topic ?? "")).toMatchObject({ direction: "up" });
    expect(read(text)["mqtt"]).toMatchObject({ topic_prefix: null, log_topic: null, discovery: false, discover_ip: false });
    expect(read(text)).not.toHaveProperty("api");
    for (const sensor of [read(text)["sensor"]].flat()) {
      const shown = [sensor, sensor?.["temperature"], sensor?.["humidity"]].filter((one) => one !== undefined) as Fields[];
      for (const one of shown.filter((each) => each["platform"] !== "dht")) expect(one["internal"], JSON.stringify(one)).toBe(true);
    }
  });

  it("GA-06: says online and, as its last will, offline, retained, in the platform's words", () => {
    const { mqtt } = read(esphomeConfiguration(aBuild()).text);
    const message = (payload: string) => ({ topic: "devices/balcony-1/status", payload, qos: 1, retain: true });
    const said = status.parse(JSON.parse(String((mqtt?.["birth_message"] as Fields | undefined)?.["payload"])));
    expect(said).toEqual({ state: "online", firmware_version: "1.0.0-esphome" });
    expect(mqtt?.["birth_message"]).toEqual(message(statusText("online", "1.0.0-esphome")));
    expect(mqtt?.["will_message"]).toEqual(message(statusText("offline", "")));
    expect(mqtt?.["shutdown_message"]).toEqual(message('{"state":"offline"}'));
  });

  it("GA-06: a node that sleeps has no last will and tells when its next heartbeat is due", () => {
    const { text } = esphomeConfiguration(aBuild({ sleepSeconds: 900 }));
    expect(read(text)["mqtt"]).toMatchObject({ will_message: null, shutdown_message: null });
    expect(read(text)["deep_sleep"]).toEqual({ run_duration: "60s", sleep_duration: "900s" });
    expect(text).toContain(String.raw`\"interval\":960`);
    // Neither under the hands of somebody who sets it up, nor of somebody who brings it a new program.
    const acts = [...valuesOf(read(text))].flatMap((value) => (typeof value === "object" && value !== null ? Object.keys(value) : []));
    expect(acts.filter((act) => act === "deep_sleep.prevent")).toHaveLength(2);
    expect(text.split("deep_sleep.enter")[0]).toContain("return !id(stays_awake);");
    expect(heartbeatText({ uptimeSeconds: 12, rssiDbm: -61, intervalSeconds: 960 })).toBe('{"uptime":12,"rssi":-61,"interval":960}');
  });

  it("GA-39 GA-40: the portal is closed by a code and no secret stands in the configuration or on the cable", () => {
    const { text } = esphomeConfiguration(aBuild());
    const tree = read(text);
    expect(tree["wifi"]).toMatchObject({ ap: { ssid: portalName, password: { tag: "secret" } } });
    expect(tree).toHaveProperty("captive_portal");
    const [secrets] = esphomeSecrets(aBuild(), someSecrets);
    expect(parse(secrets?.text ?? "")).toEqual({
      balcony_1_mqtt_username: someSecrets.mqttUsername,
      balcony_1_mqtt_password: someSecrets.mqttPassword,
      balcony_1_portal_password: someSecrets.portalPassword,
      balcony_1_update_key: someSecrets.updateKey,
    });
    expect(new Set(secretsOf(tree))).toEqual(new Set(Object.keys(parse(secrets?.text ?? "") as object)));
    // ESPHome's portal writes the Wi-Fi's password at INFO.
    expect(tree["logger"]).toEqual({ level: "INFO", logs: { captive_portal: "WARN" } });
  });

  it("GA-44: updates need a key, come back by themselves when they fail, and ten seconds on the button forget all", () => {
    const tree = read(esphomeConfiguration(aBuild()).text);
    expect(tree["ota"]).toMatchObject([{ platform: "esphome", encryption: { key: { tag: "secret" } } }]);
    expect(tree["esp32"]).toMatchObject({ framework: { advanced: { enable_ota_rollback: true } } });
    expect(tree["safe_mode"]).toMatchObject({ num_attempts: 5 });
    expect(tree["binary_sensor"]).toMatchObject([{ pin: { number: "GPIO0" }, on_multi_click: [{ timing: ["ON for at least 10s"] }] }]);
    expect([...valuesOf(tree["binary_sensor"])]).toContainEqual({ "button.press": "forget_everything" });
  });

  it("GA-44: where it is asked for, only programs signed with the node's own key are taken", () => {
    const build = aBuild({ signedUpdates: true });
    const advanced = {
      enable_ota_rollback: true,
      signed_ota_verification: { signing_scheme: "ecdsa_v1", signing_key: "balcony-1-signing-key.pem" },
    };
    expect(read(esphomeConfiguration(build).text)["esp32"]).toMatchObject({ framework: { advanced } });
    expect(esphomeSecrets(build, someSecrets)[1]).toMatchObject({ name: "balcony-1-signing-key.pem", text: someSecrets.signingKeyPem });
    expect(esphomeConfiguration(build).text).not.toContain("PRIVATE KEY");
  });

  it("GA-41: sensors hang on the documented pins; no filter makes a number of what is missing", () => {
    const { text } = esphomeConfiguration(aBuild({ soilDryVolts: 2.8, soilWetVolts: 1.1 }));
    expect(text).not.toContain("clamp:");
    expect(read(text)["sensor"]).toMatchObject([
      { platform: "dht", model: "AM2302", pin: "GPIO4", temperature: { filters: [{ timeout: "180s" }] } },
      { platform: "bh1750", address: 0x23, filters: [{ timeout: "180s" }] },
      { platform: "adc", pin: "GPIO34", attenuation: "12db" },
      { platform: "copy", source_id: "soil_volts" },
      { platform: "wifi_signal" },
    ]);
    expect(text).toContain('initial_value: "2.800f"');
    expect(text).toContain('initial_value: "1.100f"');
    expect(read(text)["i2c"]).toEqual({ sda: "GPIO21", scl: "GPIO22" });
  });

  it("GA-42: what is built anew is not overruled by what an earlier program kept", () => {
    const idsOf = (sampleSeconds: number) =>
      [...esphomeConfiguration(aBuild({ sampleSeconds })).text.matchAll(/pace_[0-9a-f]{8}/g)].map(String);
    expect(new Set(idsOf(60)).size).toBe(1);
    expect(idsOf(60)[0]).not.toBe(idsOf(30)[0]);
  });

  it("GA-40: a hostile name stays a name: nothing a builder would evaluate is left of it", () => {
    const hostile = '${1+1} "\n!secret x\n${lambda} {{ 7*7 }} \\ $name #';
    const tree = read(esphomeConfiguration(aBuild({ name: hostile })).text);
    expect(tree["esphome"]?.["friendly_name"]).toBe("1 1 secret x lambda 7 7 name");
    expect(esphomeConfiguration(aBuild({ name: hostile })).text).not.toContain("${");
    expect(read(esphomeConfiguration(aBuild({ name: "***" })).text)["esphome"]?.["friendly_name"]).toBe("Garden node");
  });

  it.each(["balcony-1", "a".repeat(64), "node_with_underscores", "-x-", "___"])(
    "a node %s has a host name ESPHome takes, of its own",
    (id) => {
      expect(hostNameOf(id)).toMatch(/^[a-z0-9][a-z0-9-]{0,30}$/);
      expect(secretPrefixOf(id)).toMatch(/^[a-z0-9][a-z0-9_]*$/);
      expect(hostNameOf(id)).not.toBe(hostNameOf(`${id}x`));
    },
  );
});

const esphome = spawnSync("esphome", ["version"], { encoding: "utf8" });

describe("ESPHome itself, where it is installed", () => {
  it.skipIf(esphome.status !== 0).each(kinds)("GA-46: finds %s valid and makes its program's source", (_, build) => {
    const folder = mkdtempSync(join(tmpdir(), "garden-esphome-"));
    try {
      const configuration = esphomeConfiguration(build);
      for (const file of [configuration, ...esphomeSecrets(build, someSecrets)]) writeFileSync(join(folder, file.name), file.text);
      const run = spawnSync("esphome", ["compile", "--only-generate", configuration.name], {
        cwd: folder,
        encoding: "utf8",
        timeout: 120_000,
      });
      expect(`${run.stdout}${run.stderr}`).toContain("Successfully generated source code");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
