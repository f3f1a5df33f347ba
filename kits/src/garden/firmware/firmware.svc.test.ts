import { createPrivateKey } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { listAuditEntries } from "@roost/contract/audit";
import { addApiToken } from "@roost/contract/auth";
import { createClient } from "@roost/contract/client";
import { getCommand } from "@roost/contract/commands";
import { addDevice, getDevice } from "@roost/contract/devices";
import type { SiteId } from "@roost/contract/ids";
import type { KitTerminal } from "@roost/contract/kit-cli";
import { addSite } from "@roost/contract/organisations";
import type { Permission } from "@roost/contract/permissions";
import { listSeries } from "@roost/contract/telemetry";
import { connect } from "@roost/testbed/device";
import mqtt from "mqtt";
import type { MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";

import { calibrateSoil, changeNodeSettings, getNodeFirmware, getNodeSettings, makeNodeFirmware } from "../contract/firmware.ts";
import type { FirmwareFile } from "../contract/firmware.ts";
import { codeOf, eventually, startGarden } from "../test-garden.ts";
import type { TestGarden } from "../test-garden.ts";
import { firmwareCommands } from "./firmware-cli.ts";
import { heartbeatText, sampleText, telemetryText } from "./node-messages.ts";

let garden: TestGarden;
const clients: MqttClient[] = [];
beforeAll(async () => {
  garden = await startGarden();
});
afterAll(async () => {
  for (const client of clients) client.end(true);
  await garden.stop();
});

interface MqttPart {
  readonly broker: string;
  readonly port: number;
  readonly client_id: string;
  readonly username: string;
  readonly password: string;
  readonly certificate_authority: string;
  readonly will_message: Message;
  readonly birth_message: Message;
}

interface Message {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 1;
  readonly retain: boolean;
}

/** The part about MQTT as ESPHome reads it: with the secrets from the file beside it. */
function readMqtt(files: readonly FirmwareFile[]): MqttPart {
  const secrets = parse(files.find(({ name }) => name === "secrets.yaml")?.text ?? "") as Record<string, string>;
  const configuration = files.find(({ name }) => name !== "secrets.yaml")?.text ?? "";
  const customTags = [
    { tag: "!secret", resolve: (name: string) => secrets[name] ?? "" },
    { tag: "!lambda", resolve: (text: string) => text },
  ];
  return (parse(configuration, { customTags }) as { mqtt: MqttPart }).mqtt;
}

/** Connects as ESPHome's client would: MQTT 3.1.1 over TLS, with what stands in the files and nothing else. */
async function connectAs({ broker, port, client_id, username, password, certificate_authority, will_message: will }: MqttPart) {
  const client = mqtt.connect({
    protocol: "mqtts",
    host: broker,
    port,
    ca: certificate_authority,
    clientId: client_id,
    username,
    password,
    protocolVersion: 4,
    clean: true,
    reconnectPeriod: 0,
    will: { ...will, payload: Buffer.from(will.payload) },
  });
  clients.push(client);
  await new Promise<void>((resolve, reject) => {
    client.once("connect", () => resolve());
    client.once("error", reject);
  });
  return client;
}

const make = (deviceId: string, body: Parameters<typeof JSON.stringify>[0] = {}) =>
  garden.keeper.call(makeNodeFirmware, { params: { deviceId }, body: body as never });

const latestOf = async (deviceId: string) =>
  Object.fromEntries(
    (await garden.keeper.call(listSeries, { params: { deviceId } })).items.map(({ metric, latest }) => [metric, latest?.value]),
  );

describe("a node's program", () => {
  it("GA-28 GA-43 GA-46: what stands in its files connects over TLS, and what it would send is stored", async () => {
    const { call } = garden.keeper;
    await call(addDevice, { body: { id: "flashed", name: "Flashed", kind: "garden-node" } });
    const { files } = await make("flashed");
    const part = readMqtt(files);
    const client = await connectAs(part);
    await client.publishAsync(part.birth_message.topic, part.birth_message.payload, part.birth_message);
    const nowSeconds = Math.floor(Date.now() / 1_000);
    const sample = (seq: number, agoSeconds: number, temperature: number) =>
      sampleText(
        { epochSeconds: nowSeconds - agoSeconds, seq },
        { soilMoisture: 41.2, temperature, humidity: Number.NaN, lightLevel: 812, soilVolts: 2.437 },
      ) ?? "";
    const late = [sample(5_000_000_001, 120, 20.5), sample(5_000_000_002, 60, 20.7)];
    await client.publishAsync("devices/flashed/telemetry", telemetryText(late), { qos: 1 });
    // Sent once more after a connection broke: kept once.
    await client.publishAsync("devices/flashed/telemetry", telemetryText([...late, sample(5_000_000_003, 0, 21)]), { qos: 1 });
    await client.publishAsync("devices/flashed/heartbeat", heartbeatText({ epochSeconds: nowSeconds, uptimeSeconds: 77, rssiDbm: -61 }), {
      qos: 1,
    });
    const silent = { type: "sensors.silent", data: { metrics: ["humidity"] } };
    await client.publishAsync("devices/flashed/event", JSON.stringify(silent), { qos: 1 });
    expect(await client.subscribeAsync("devices/flashed/commands/+", { qos: 1 })).toMatchObject([{ qos: 1 }]);

    expect(await latestOf("flashed")).toMatchObject({
      soil_moisture: 41.2,
      temperature: 21,
      light_level: 812,
      soil_raw: 2.437,
      uptime: 77,
      rssi: -61,
    });
    expect(await latestOf("flashed")).not.toHaveProperty("humidity");
    const device = await eventually(
      () => call(getDevice, { params: { deviceId: "flashed" } }),
      ({ state }) => state === "online",
    );
    expect(device.state).toBe("online");
  });

  it("GA-06: a node whose connection breaks is offline by its last will", async () => {
    const { files } = await make("flashed");
    const client = await connectAs(readMqtt(files));
    client.stream.destroy();
    const device = await eventually(
      () => garden.keeper.call(getDevice, { params: { deviceId: "flashed" } }),
      ({ state }) => state === "offline",
    );
    expect(device.state).toBe("offline");
  });

  it("GA-40: shows secrets once and to those who may; the others read the same program without them", async () => {
    const node = await garden.addNode("running");
    const first = await make("running", { overlapSeconds: 3_600 });
    const second = await make("running", { kind: "sketch" });
    // The label is printed already and the key is in the node: both stay.
    expect(second.portal).toEqual(first.portal);
    expect(first.portal).toEqual({ name: "PlantOps-Setup", password: expect.stringMatching(/^[a-z2-9]{5}-[a-z2-9]{5}$/) as string });
    expect(second.files.map(({ name }) => name)).toContain("include/node_secrets.h");
    expect(readMqtt(first.files).password).not.toBe(node.mqtt.password);
    // A node that runs is not cut off before it is flashed.
    const running = await connect(node);
    clients.push(running);

    for (const kind of ["esphome", "sketch"] as const) {
      const open = await garden.keeper.call(getNodeFirmware, { params: { deviceId: "running" }, query: { kind } });
      expect(open.files.length).toBeGreaterThan(0);
      for (const secret of [readMqtt(first.files).password, first.portal.password]) expect(JSON.stringify(open)).not.toContain(secret);
    }
    const answer = await garden.fetch("/api/v1/kits/garden/nodes/running/firmware", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  it("GA-40: that credentials were made is on record, without them", async () => {
    const made = await make("running");
    const { items } = await garden.keeper.call(listAuditEntries, { query: { limit: "50" } });
    expect(items.filter(({ action }) => action === "garden.firmware.made")[0]).toMatchObject({ object: { kind: "device", id: "running" } });
    for (const secret of [made.portal.password, readMqtt(made.files).password]) expect(JSON.stringify(items)).not.toContain(secret);
  });

  it("GA-44: a node that takes signed programs only has a key of its own, that stays", async () => {
    await garden.keeper.call(changeNodeSettings, { params: { deviceId: "running" }, body: { signedUpdates: true } });
    const keyOf = async () => (await make("running")).files.find(({ name }) => name === "running-signing-key.pem")?.text ?? "";
    const key = await keyOf();
    expect(createPrivateKey(key)).toMatchObject({ asymmetricKeyType: "ec", asymmetricKeyDetails: { namedCurve: "prime256v1" } });
    expect(await keyOf()).toBe(key);
  });

  it("GA-40: readers read, operators calibrate, and only who configures gets credentials or changes settings", async () => {
    const params = { deviceId: "running" };
    const { url } = garden.server.ready;
    const { id: elsewhere } = await garden.keeper.call(addSite, { body: { name: "Elsewhere" } });
    const codesAs = async (permissions: Permission[], siteIds?: SiteId[]) => {
      const body = { name: permissions.join(" "), permissions, ...(siteIds === undefined ? {} : { siteIds }) };
      const { secret } = await garden.keeper.call(addApiToken, { body });
      const authorization = `Bearer ${secret}`;
      const call = createClient({
        baseUrl: url,
        fetch: (address, init) => fetch(address, { ...init, headers: { ...init.headers, authorization } }),
      });
      return [
        await codeOf(call(getNodeFirmware, { params, query: {} })),
        await codeOf(call(calibrateSoil, { params, body: { point: "dry" } })),
        await codeOf(call(changeNodeSettings, { params, body: { sampleSeconds: 45 } })),
        await codeOf(call(makeNodeFirmware, { params, body: {} })),
      ];
    };
    const no = "http.forbidden";
    const gone = "devices.not_found";
    expect(await codesAs(["devices:read"])).toEqual([no, no, no, no]);
    expect(await codesAs(["garden:read"])).toEqual(["", no, no, no]);
    expect(await codesAs(["garden:read", "garden:write"])).toEqual(["", "garden_firmware.no_fresh_reading", no, no]);
    // Who configures the garden and may not have credentials of devices gets none by this way either.
    expect(await codesAs(["garden:read", "garden:configure"])).toEqual(["", no, "", no]);
    expect(await codesAs(["garden:read", "devices:credentials"])).toEqual(["", no, no, no]);
    expect(await codesAs(["garden:read", "garden:configure", "devices:credentials"])).toEqual(["", no, "", ""]);
    const all: Permission[] = ["garden:read", "garden:write", "garden:configure", "devices:credentials"];
    expect(await codesAs(all, [elsewhere])).toEqual([gone, gone, gone, gone]);
    const { status } = await fetch(`${url}/api/v1/kits/garden/nodes/running/firmware`);
    expect(status).toBe(401);
  });

  it("GA-46: there is none for what is no node of the garden", async () => {
    const { call } = garden.keeper;
    await call(addDevice, { body: { id: "a-switch", kind: "generic" } });
    expect(await codeOf(call(getNodeFirmware, { params: { deviceId: "a-switch" }, query: {} }))).toBe("garden_firmware.not_a_node");
    expect(await codeOf(make("a-switch"))).toBe("garden_firmware.not_a_node");
    expect(await codeOf(make("nobody"))).toBe("devices.not_found");
  });

  it("GA-46: the wiring is an image with a title and a description", async () => {
    const answer = await garden.fetch("/api/v1/kits/garden/wiring.svg");
    expect(answer.headers.get("content-type")).toContain("image/svg+xml");
    const text = await answer.text();
    expect(text).toMatch(/<title [^>]*>How a garden node is wired<\/title>\s*<desc [^>]*>[^<]*DATA to GPIO4[^<]*AOUT to GPIO34/);
  });
});

describe("settings of a node", () => {
  it("GA-42: a new pace reaches the running node as a command and the next program as built", async () => {
    const { call } = garden.keeper;
    const node = await garden.addNode("paced");
    expect(await call(getNodeSettings, { params: { deviceId: "paced" } })).toEqual({
      deviceId: "paced",
      sampleSeconds: 60,
      sleepSeconds: 0,
      hasBattery: false,
      signedUpdates: false,
      soilDryVolts: 3.3,
      soilWetVolts: 1.209,
    });
    const client = await connect(node);
    clients.push(client);
    await client.subscribeAsync("devices/paced/commands/+", { qos: 1 });
    const ordered = new Promise<[string, Buffer]>((resolve) => client.once("message", (topic, payload) => resolve([topic, payload])));
    const changed = await call(changeNodeSettings, { params: { deviceId: "paced" }, body: { sampleSeconds: 30 } });
    expect(changed).toMatchObject({ takesEffect: "sent", settings: { sampleSeconds: 30 } });
    const [topic, payload] = await ordered;
    expect(JSON.parse(payload.toString())).toMatchObject({
      name: "configure",
      params: { sample_seconds: 30, soil_dry_volts: 3.3, soil_wet_volts: 1.209 },
      // The node compares the first 19 characters with its own clock.
      expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
    });
    await client.publishAsync(`${topic}/ack`, '{"state":"done"}', { qos: 1 });
    const commandId = topic.split("/")[3] ?? "";
    const done = await eventually(
      () => call(getCommand, { params: { deviceId: "paced", commandId } }),
      ({ state }) => state === "done",
    );
    expect(done.state).toBe("done");
    const { files } = await call(getNodeFirmware, { params: { deviceId: "paced" }, query: {} });
    expect(files[0]?.text).toContain('initial_value: "30"');
    expect(await codeOf(call(changeNodeSettings, { params: { deviceId: "paced" }, body: { sampleSeconds: 5 } }))).toBe("http.invalid");
  });

  it("GA-06: a node that sleeps is waited for as long as it sleeps, and is built anew", async () => {
    const { call } = garden.keeper;
    const changed = await call(changeNodeSettings, { params: { deviceId: "paced" }, body: { sleepSeconds: 900, hasBattery: true } });
    expect(changed).toMatchObject({ takesEffect: "build", settings: { sampleSeconds: 30, sleepSeconds: 900, hasBattery: true } });
    expect(await call(getDevice, { params: { deviceId: "paced" } })).toMatchObject({ heartbeatSeconds: 960 });
    await call(changeNodeSettings, { params: { deviceId: "paced" }, body: { sleepSeconds: 0 } });
    expect(await call(getDevice, { params: { deviceId: "paced" } })).toMatchObject({ heartbeatSeconds: 60 });
  });

  it("GA-41: the probe is calibrated by two points that the node just measured", async () => {
    const { call } = garden.keeper;
    const node = await garden.addNode("probe");
    const at = (point: "dry" | "wet") => call(calibrateSoil, { params: { deviceId: "probe" }, body: { point } });
    const send = (soil_raw: number, agoMs: number) => garden.send(node, [{ soil_raw, timestamp: Date.now() - agoMs }]);
    expect(await codeOf(at("dry"))).toBe("garden_firmware.no_fresh_reading");
    await send(2.6, 10 * 60_000);
    expect(await codeOf(at("dry"))).toBe("garden_firmware.no_fresh_reading");
    await send(2.75, 2_000);
    expect((await at("dry")).settings).toMatchObject({ soilDryVolts: 2.75, soilWetVolts: 1.209, soilDryAt: expect.any(Date) as Date });
    // Still in air: that cannot be wet, and what was stands.
    expect(await codeOf(at("wet"))).toBe("garden_firmware.soil_points_too_near");
    await send(1.15, 0);
    const { settings } = await at("wet");
    expect(settings).toMatchObject({ soilDryVolts: 2.75, soilWetVolts: 1.15, soilWetAt: expect.any(Date) as Date });
    expect(await call(getNodeSettings, { params: { deviceId: "probe" } })).toEqual(settings);
    const { files } = await call(getNodeFirmware, { params: { deviceId: "probe" }, query: { kind: "sketch" } });
    expect(files.find(({ name }) => name === "include/node_config.h")?.text).toContain("kSoilWetVolts = 1.150f");
    // A voltage that was typed was not measured.
    const typed = await call(changeNodeSettings, { params: { deviceId: "probe" }, body: { soilDryVolts: 2.8 } });
    expect(typed.settings).not.toHaveProperty("soilDryAt");
    expect(typed.settings).toHaveProperty("soilWetAt");
  });
});

describe("roost garden", () => {
  const folder = mkdtempSync(join(tmpdir(), "garden-files-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Runs one of the commands as `roost garden ...` does; answers all it said. */
  async function run(word: string, args: readonly string[], options: Readonly<Record<string, string | true>> = {}): Promise<string> {
    const said: string[] = [];
    const terminal: Pick<KitTerminal, "call" | "print" | "printRows" | "note"> = {
      call: garden.keeper.call,
      print: (text) => said.push(text),
      printRows: (_columns, rows) => said.push(JSON.stringify(rows)),
      note: (text) => said.push(text),
    };
    const command = firmwareCommands.find(({ usage }) => usage.split(" ")[0] === word);
    await command?.run(terminal as KitTerminal, { args, options });
    return said.join("\n");
  }

  it("GA-46: firmware writes files to flash, keeps secrets for their owner and never replaces what somebody changed", async () => {
    const { call } = garden.keeper;
    await call(addDevice, { body: { id: "by-terminal", kind: "garden-node" } });
    await run("firmware", ["by-terminal"], { out: folder });
    expect(readdirSync(folder)).toEqual(["by-terminal.yaml"]);
    writeFileSync(join(folder, "secrets.yaml"), 'wifi_ssid: "Home"\n');
    const said = await run("firmware", ["by-terminal"], { out: folder, withCredentials: true });
    const secrets = parse(readFileSync(join(folder, "secrets.yaml"), "utf8")) as Record<string, string>;
    expect(secrets["wifi_ssid"]).toBe("Home");
    expect(said).toContain(`code ${secrets["by_terminal_portal_password"]}`);
    expect(said).not.toContain(secrets["by_terminal_mqtt_password"]);
    expect(said).toContain(`cd ${folder} && esphome run by-terminal.yaml`);
    expect(statSync(join(folder, "secrets.yaml")).mode & 0o777).toBe(0o600);

    writeFileSync(join(folder, "by-terminal.yaml"), "# mine");
    const { credentialsMadeAt } = await call(getNodeSettings, { params: { deviceId: "by-terminal" } });
    expect(await codeOf(run("firmware", ["by-terminal"], { out: folder, withCredentials: true }))).toBe("garden_firmware.would_replace");
    expect((await call(getNodeSettings, { params: { deviceId: "by-terminal" } })).credentialsMadeAt).toEqual(credentialsMadeAt);
    await run("firmware", ["by-terminal"], { out: folder, force: true });
    expect(readFileSync(join(folder, "by-terminal.yaml"), "utf8")).toContain("esphome:");
    await run("firmware", ["by-terminal"], { out: join(folder, "sketch"), kind: "sketch", withCredentials: true });
    expect(statSync(join(folder, "sketch/include/node_secrets.h")).mode & 0o777).toBe(0o600);
  });

  it("GA-41 GA-42: node and calibrate set a node, wiring tells how it is wired", async () => {
    expect(await run("node", ["by-terminal"], { every: "20" })).toContain('"every":"20 s"');
    expect(await run("node", ["by-terminal"])).toContain('"calibrated":"no"');
    expect(await codeOf(run("calibrate", ["by-terminal", "damp"]))).toBe("garden_firmware.unknown_point");
    expect(await codeOf(run("calibrate", ["by-terminal", "dry"]))).toBe("garden_firmware.no_fresh_reading");
    expect(await run("wiring", [])).toContain("AOUT to GPIO34");
  });
});
