import { request as httpsRequest } from "node:https";
import type { RequestOptions } from "node:https";
import { networkInterfaces } from "node:os";

import type { Call } from "@roost/contract/client";
import { changeDevice, getDevice, removeDevice } from "@roost/contract/devices";
import { listRejects } from "@roost/contract/ingest";
import * as contract from "@roost/contract/registrations";
import { registerReply } from "@roost/contract/registrations";
import type { RegisterReply } from "@roost/contract/registrations";
import { listSeries } from "@roost/contract/telemetry";
import mqtt from "mqtt";
import type { MqttClient } from "mqtt";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { launchBrowser, openPage, signInByPage } from "../src/browser.ts";
import { askDatabase } from "../src/database.ts";
import { printFigures } from "../src/figures.ts";
import { walkPages } from "../src/page-walk.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { looseRateLimits } from "../src/rate-limits.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { until } from "../src/waiting.ts";

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: { readonly error?: { readonly code: string; readonly details: Record<string, unknown> } };
}

const noId = "019a0000-0000-7000-8000-000000000000";

describe("devices that register by themselves", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let administrator: Administrator;
  let call: Call;
  const open: MqttClient[] = [];
  let n = 0;
  const nextMac = () => `24:0a:c4:00:00:${(n += 1).toString(16).padStart(2, "0")}`;

  beforeAll(async () => {
    server = await startServer({
      dataDir: folder.dataDir,
      env: { ROOST_RATE_LIMITS: `${looseRateLimits},registrations=1000/min`, ROOST_HTTP_HOST: "0.0.0.0" },
    });
    administrator = await setUpAdministrator(server);
    ({ call } = administrator);
  });
  afterEach(async () => {
    for (const client of open.splice(0)) await client.endAsync(true);
    for (const { id } of await waiting()) await call(contract.rejectRegistration, { params: { registrationId: id } });
  });
  afterAll(async () => {
    await server?.terminate();
    folder.remove();
  });

  /** Asks as a device does, by plain HTTP from this machine. */
  async function send(
    body: object,
    { path = contract.registerDevice.path, headers = {} }: { path?: string; headers?: Record<string, string> } = {},
  ) {
    const answer = await fetch(server.ready.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    return { status: answer.status, json: (await answer.json()) as Answer["json"], headers: answer.headers };
  }

  async function register(body: object): Promise<RegisterReply> {
    const { status, json } = await send(body);
    expect(status, JSON.stringify(json)).toBe(201);
    return registerReply.parse(json);
  }

  /** By TLS, from an address of its own; trusts what the installation says is its authority, as the device does. */
  async function registerByTls(body: object, more: RequestOptions = {}): Promise<RegisterReply> {
    const ca = await (await fetch(`${server.ready.url}/api/v1/ca.pem`)).text();
    const { port } = new URL(server.ready.httpsUrl ?? "");
    const text = await new Promise<string>((resolve, reject) => {
      const request = httpsRequest(
        {
          host: "127.0.0.1",
          port,
          servername: "localhost",
          path: contract.registerDevice.path,
          method: "POST",
          ca,
          headers: { host: `localhost:${port}`, "content-type": "application/json" },
          agent: false,
          ...more,
        },
        (answer) => {
          answer.setEncoding("utf8");
          let all = "";
          answer.on("data", (part: string) => (all += part));
          answer.on("end", () => resolve(all));
        },
      );
      request.on("error", reject);
      request.end(JSON.stringify(body));
    });
    return registerReply.parse(JSON.parse(text));
  }

  /** With exactly what was answered, and nothing else. */
  async function connect(answer: RegisterReply, given: Partial<RegisterReply> = {}): Promise<MqttClient> {
    const { mqtt_host, mqtt_port, ca_pem, mqtt_username, mqtt_password, mqtt_client_id } = { ...answer, ...given };
    const client = mqtt.connect({
      protocol: "mqtts",
      host: mqtt_host,
      port: mqtt_port,
      ca: ca_pem,
      username: mqtt_username,
      ...(mqtt_password === "" ? {} : { password: mqtt_password }),
      clientId: mqtt_client_id,
      protocolVersion: 5,
      reconnectPeriod: 0,
      // Names of this machine lead to it by IPv6 too, where nobody listens.
      ...(mqtt_host === "localhost" ? { host: "127.0.0.1", servername: "localhost" } : {}),
    });
    open.push(client);
    await new Promise<void>((resolve, reject) => {
      client.once("connect", () => resolve());
      client.once("error", reject);
    });
    return client;
  }

  const byHttp = async (answer: RegisterReply) =>
    (
      await fetch(`${server.ready.url}/api/v1/devices/${answer.device_id}/telemetry`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${answer.mqtt_password}` },
        body: '{"soil_moisture":41.5}',
      })
    ).status;
  const waiting = async () => (await call(contract.listRegistrations, {})).items;
  const approve = async (deviceId: string, body: { name?: string } = {}) => {
    const one = (await waiting()).find((item) => item.deviceId === deviceId);
    return call(contract.approveRegistration, { params: { registrationId: one?.id ?? noId }, body });
  };
  const closed = (client: MqttClient) => new Promise<void>((resolve) => client.once("close", () => resolve()));
  const trailOf = async (deviceId: string) =>
    (await askDatabase(server.ready, `select e.action from audit_entries e where e.object_id = '${deviceId}' order by e.at, e.id`)).map(
      ({ action }) => action,
    );
  const factsOf = async (like: string) =>
    (await askDatabase(server.ready, `select e.type from events e where e.type like '${like}' order by e.id`)).map(({ type }) => type);

  it("GA-01: wait at the door and over HTTP until a person approves them, then work exactly as answered, and their reading is stored", async () => {
    const mac_address = nextMac();
    const answer = await registerByTls({ mac_address, firmware_version: "1.4.0", sensor_types: ["dht22", "bh1750"], name: "<b>Basil</b>" });
    expect(answer).toMatchObject({ status: "waiting", mqtt_tls: true, mqtt_host: "localhost", mqtt_port: server.ready.mqttPort });
    expect(Buffer.from(answer.mqtt_password.replace("roost_dev_", ""), "base64url")).toHaveLength(32);
    await expect(connect(answer)).rejects.toMatchObject({ code: 0x86 });
    expect(await byHttp(answer)).toBe(401);

    const [one] = await waiting();
    expect(one).toMatchObject({
      deviceId: answer.device_id,
      macAddress: mac_address,
      kind: "garden-node",
      name: "<b>Basil</b>",
      firmwareVersion: "1.4.0",
      sensorTypes: ["dht22", "bh1750"],
      standing: "new",
      checkCode: answer.check_code,
      remoteAddress: "127.0.0.1",
      times: 1,
    });
    // Shown once: the password is in no list and in no row.
    expect(JSON.stringify(await waiting())).not.toContain(answer.mqtt_password);
    const approvedMs = performance.now();
    expect(await approve(answer.device_id, { name: "Basil" })).toMatchObject({ name: "Basil", kind: "garden-node", state: "waiting" });
    const client = await connect(answer);
    await client.publishAsync(`devices/${answer.device_id}/telemetry`, '{"soil_moisture":40.5}', { qos: 1 });
    printFigures("GA-01", { approved_to_stored_ms: Math.round(performance.now() - approvedMs) });
    const { items } = await call(listSeries, { params: { deviceId: answer.device_id } });
    expect(items).toMatchObject([{ metric: "soil_moisture", unit: "%", latest: { value: 40.5 } }]);
    expect(await byHttp(answer)).toBe(200);
    const device = async () => call(getDevice, { params: { deviceId: answer.device_id } });
    await until("it is online", async () => (await device()).state === "online");
    expect(await device()).toMatchObject({ firmwareVersion: "1.4.0" });
    expect(await waiting()).toEqual([]);
    expect(await trailOf(answer.device_id)).toEqual(["device.registered", "device.added", "device.registration_approved"]);
    expect(await factsOf("registration.%")).toEqual(["registration.waiting", "registration.approved"]);
  });

  it("GA-01: answers the same at the address of the earlier system", async () => {
    const { status, json, headers } = await send({ mac_address: nextMac(), sensor_types: ["dht22"] }, { path: "/api/devices/register" });
    expect(status).toBe(201);
    expect(headers.get("cache-control")).toBe("no-store");
    await approve(registerReply.parse(json).device_id);
    await connect(registerReply.parse(json));
  });

  it("GA-02: are refused with a wrong password, none, another's and that of a removed device, whose session is cut", async () => {
    const [a, b] = [await register({ mac_address: nextMac() }), await register({ mac_address: nextMac() })];
    await approve(a.device_id);
    await approve(b.device_id);
    const client = await connect(a);
    for (const mqtt_password of [`${a.mqtt_password}x`, b.mqtt_password, ""])
      await expect(connect(a, { mqtt_password, mqtt_client_id: `${a.device_id}-2` })).rejects.toMatchObject({ code: 0x86 });
    const cut = closed(client);
    const removedMs = performance.now();
    await call(removeDevice, { params: { deviceId: a.device_id }, query: { confirm: a.device_id } });
    await cut;
    printFigures("GA-02", { cut_after_removal_ms: Math.round(performance.now() - removedMs) });
    await expect(connect(a)).rejects.toMatchObject({ code: 0x86 });
    expect(await byHttp(a)).toBe(401);
    await connect(b);
  });

  it("GA-01: change nothing about a device that is here when somebody registers its address, until a person approves that", async () => {
    const mac_address = nextMac();
    const first = await register({ mac_address });
    await approve(first.device_id, { name: "Fern" });
    const client = await connect(first);
    const second = await register({ mac_address });
    expect(second).toMatchObject({ device_id: first.device_id, status: "waiting" });
    expect(second.mqtt_password).not.toBe(first.mqtt_password);
    expect(await waiting()).toMatchObject([{ standing: "returning", deviceName: "Fern", checkCode: second.check_code }]);
    await client.publishAsync(`devices/${first.device_id}/telemetry`, '{"soil_moisture":30}', { qos: 1 });
    await expect(connect(second, { mqtt_client_id: `${first.device_id}-2` })).rejects.toMatchObject({ code: 0x86 });

    const cut = closed(client);
    expect(await approve(first.device_id)).toMatchObject({ name: "Fern" });
    await cut;
    await expect(connect(first)).rejects.toMatchObject({ code: 0x86 });
    await connect(second);
    expect((await trailOf(first.device_id)).slice(-2)).toEqual(["device.registered", "device.registration_approved"]);
  });

  it("GA-03: refuse to speak in another's name or to listen to all, and put both on record", async () => {
    const [a, b] = [await register({ mac_address: nextMac() }), await register({ mac_address: nextMac() })];
    await approve(a.device_id);
    await approve(b.device_id);
    const client = await connect(a);
    const foreign = `devices/${b.device_id}/telemetry`;
    await expect(client.publishAsync(foreign, '{"soil_moisture":1}', { qos: 1 })).rejects.toMatchObject({ code: 0x87 });
    for (const filter of ["devices/#", foreign]) await expect(client.subscribeAsync(filter)).rejects.toThrow(/Not authorized|error/i);
    const onRecord = async () =>
      (await call(listRejects, { query: { deviceId: a.device_id } })).items.map(({ code, topic }) => `${code} ${topic}`);
    await until("all of it is on record", async () => new Set(await onRecord()).size >= 2);
    expect(new Set(await onRecord())).toEqual(new Set([`ingest.not_allowed ${foreign}`, "ingest.not_allowed devices/#"]));
    expect((await call(listSeries, { params: { deviceId: b.device_id } })).items).toEqual([]);
  });

  it("GA-06: are waiting until heard, online while they beat, offline when they stop and online again; uptime and signal are kept", async () => {
    const answer = await register({ mac_address: nextMac() });
    await approve(answer.device_id);
    const params = { deviceId: answer.device_id };
    const state = async () => (await call(getDevice, { params })).state;
    const pace = async (heartbeatSeconds: number) => call(changeDevice, { params, body: { heartbeatSeconds } });
    expect(await state()).toBe("waiting");
    const beat = async (client: MqttClient) =>
      client.publishAsync(`devices/${answer.device_id}/heartbeat`, '{"uptime":61,"rssi":-58}', { qos: 1 });
    await beat(await connect(answer));
    await until("it is online", async () => (await state()) === "online");
    expect((await call(getDevice, { params })).lastSeenAt).toBeInstanceOf(Date);
    const { items } = await call(listSeries, { params });
    expect(items).toMatchObject([
      { metric: "rssi", unit: "dBm", latest: { value: -58 } },
      { metric: "uptime", unit: "s", latest: { value: 61 } },
    ]);
    // It is missed soon, and not so soon that nobody could see it come back.
    await pace(1);
    await until("it is offline", async () => (await state()) === "offline");
    await pace(60);
    await beat(await connect(answer));
    await until("it is online again", async () => (await state()) === "online");
  });

  const lan = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === "IPv4" && !one.internal)?.address;
  it.runIf(lan !== undefined)("GA-40: get no password over a way that is not encrypted, but the address of one that is", async () => {
    const mac_address = nextMac();
    const plain = `http://${lan}:${new URL(server.ready.url).port}`;
    for (const [base, headers] of [
      [plain, {}],
      [plain, { "x-forwarded-proto": "https" }],
      [server.ready.url, { "x-forwarded-for": "192.0.2.7" }],
    ] as const) {
      const answer = await fetch(base + contract.registerDevice.path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ mac_address }),
      });
      const text = await answer.text();
      expect(answer.status).toBe(403);
      expect(JSON.parse(text)).toMatchObject({
        error: { code: "registrations.insecure", details: { url: expect.stringMatching(/^https:/) } },
      });
      expect(text).not.toContain("roost_dev_");
    }
    expect((await waiting()).filter((one) => one.macAddress === mac_address)).toEqual([]);
    expect(await registerByTls({ mac_address })).toMatchObject({ mqtt_tls: true });
    expect(server.output()).not.toContain("roost_dev_");
  });

  it("take their own place when they ask again, and nobody else's: what was seen is what is approved", async () => {
    const mac_address = nextMac();
    await registerByTls({ mac_address });
    const ofThis = async () => (await waiting()).filter((one) => one.macAddress === mac_address);
    const [seen] = await ofThis();
    const own = await registerByTls({ mac_address });
    const stranger = await registerByTls({ mac_address }, { localAddress: "127.0.0.9" });
    const items = await ofThis();
    expect(items.map(({ checkCode, times, remoteAddress }) => ({ checkCode, times, remoteAddress }))).toEqual([
      { checkCode: stranger.check_code, times: 1, remoteAddress: "127.0.0.9" },
      { checkCode: own.check_code, times: 2, remoteAddress: "127.0.0.1" },
    ]);
    await expect(call(contract.approveRegistration, { params: { registrationId: seen?.id ?? noId }, body: {} })).rejects.toMatchObject({
      code: "registrations.not_found",
    });
    await call(contract.approveRegistration, { params: { registrationId: items[1]?.id ?? noId }, body: {} });
    await connect(own);
    await expect(connect(stranger)).rejects.toMatchObject({ code: 0x86 });
    expect(await ofThis()).toMatchObject([{ standing: "returning", checkCode: stranger.check_code }]);
  });

  it("are sent away by a person, or forgotten after a day, and never let in then", async () => {
    const [rejected, expired] = [await register({ mac_address: nextMac() }), await register({ mac_address: nextMac() })];
    const items = await waiting();
    const params = { registrationId: items.find(({ deviceId }) => deviceId === rejected.device_id)?.id ?? noId };
    await call(contract.rejectRegistration, { params });
    await expect(call(contract.rejectRegistration, { params })).rejects.toMatchObject({ code: "registrations.not_found" });
    const other = items.find(({ deviceId }) => deviceId === expired.device_id);
    expect((other?.expiresAt.getTime() ?? 0) - (other?.lastAt.getTime() ?? 0)).toBe(86_400_000);
    await askDatabase(server.ready, "update registrations set expires_at = now()");
    expect(await waiting()).toEqual([]);
    await expect(call(contract.approveRegistration, { params: { registrationId: other?.id ?? noId }, body: {} })).rejects.toMatchObject({
      code: "registrations.not_found",
    });
    for (const answer of [rejected, expired]) await expect(connect(answer)).rejects.toMatchObject({ code: 0x86 });
    expect(await trailOf(rejected.device_id)).toEqual(["device.registered", "device.registration_rejected"]);
  });

  it("GA-01: show up on the page the moment they ask, and are let in there by the code they show", async () => {
    const browser = await launchBrowser();
    try {
      const { context, page, misdeeds } = await openPage(browser, server.ready.url);
      await signInByPage(page, administrator);
      await page.goto("/waiting-devices");
      await page.getByRole("heading", { name: "Nobody waits." }).waitFor();
      const answer = await register({ mac_address: nextMac(), name: "Basil <script>alert(1)</script>", sensor_types: ["dht22"] });
      const row = page.getByRole("listitem", { name: "Basil" });
      await row.getByText(`${answer.check_code.slice(0, 3)} ${answer.check_code.slice(3)}`).waitFor();
      await page.goto("/");
      await page.getByRole("link", { name: "1 device waits" }).click();
      await row.getByRole("button", { name: /^Approve/ }).click();
      await page.getByLabel("Name").fill("Basil");
      await page.getByRole("button", { name: "Yes, approve" }).click();
      await page.getByText("Basil may come in.").waitFor();
      await page.getByRole("heading", { name: "Nobody waits." }).waitFor();
      await connect(answer);
      // Back after a reset, another of the same address, a stranger with a code that is none; an enrolment code.
      await register({ mac_address: `24:0a:c4:00:00:${n.toString(16).padStart(2, "0")}` });
      await registerByTls({ mac_address: `24:0a:c4:00:00:${n.toString(16).padStart(2, "0")}` }, { localAddress: "127.0.0.9" });
      await register({ mac_address: nextMac(), enrolment_code: "x" });
      await call(contract.addEnrolmentCode, { body: { name: "Spring", readmits: true } });
      await page.getByText("More than one says to be this device.").first().waitFor();
      const walk = await walkPages(browser, server.ready.url, await context.storageState(), ["/waiting-devices"]);
      expect(walk.faults).toEqual([]);
      for (const one of [misdeeds, ...walk.misdeeds]) expect(one).toEqual({ console: [], foreign: [], dialogs: [] });
    } finally {
      await browser.close();
    }
  });
});
