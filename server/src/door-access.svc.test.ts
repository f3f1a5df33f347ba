import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { claimRequest } from "@roost/contract/claim";
import type { ClaimReply } from "@roost/contract/claim";
import { sql } from "@roost/contract/sql";
import { claimBody, connect } from "@roost/testbed/device";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import mqtt from "mqtt";
import type { MqttClient } from "mqtt";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { createAudit } from "./modules/audit/audit.ts";
import { createDevices } from "./modules/devices/devices.ts";
import type { Devices } from "./modules/devices/devices.ts";
import { createCertificates } from "./platform/certificates.ts";
import type { Certificates } from "./platform/certificates.ts";
import { systemClock } from "./platform/clock.ts";
import { createDb } from "./platform/db.ts";
import type { Db } from "./platform/db.ts";
import { newId } from "./platform/id.ts";
import { acknowledge, IntakeGate } from "./platform/intake.ts";
import { createLog } from "./platform/log.ts";
import { createDoor } from "./platform/mqtt/door.ts";
import type { Door } from "./platform/mqtt/door.ts";
import { receiptOfCommit } from "./platform/receipt.ts";
import { createSeal } from "./platform/seal.ts";
import { createAuthenticate } from "./principals.ts";

const log = createLog({ level: "silent", pretty: false });

describe("devices at the door, over TLS", () => {
  const organisationId = newId();
  let folder: string;
  let database: TestDatabase;
  let db: Db;
  let devices: Devices;
  let certificates: Certificates;
  let door: Door;
  let port: number;
  let machine = ["localhost", "127.0.0.1"];
  const open: MqttClient[] = [];
  let aheadMs = 0;
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };

  async function addClaimed(id: string): Promise<ClaimReply> {
    const { ticket } = await devices.add({ organisationId }, { id, kind: "generic", heartbeatSeconds: 60 });
    return (await devices.claim(claimRequest.parse(claimBody(id, ticket.claimSecret)), "localhost")).answer;
  }

  async function come(credentials: ClaimReply, options: Parameters<typeof connect>[1] = {}): Promise<MqttClient> {
    const client = await connect(credentials, { reconnectPeriod: 0, ...options });
    open.push(client);
    return client;
  }

  const closed = (client: MqttClient) => new Promise<void>((resolve) => client.once("close", () => resolve()));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "roost-door-access-"));
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Home', 'home')`);
    certificates = await createCertificates({ dataDir: folder, hosts: [], machine: () => machine, clock: systemClock, log });
    devices = createDevices({
      audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
      db,
      seal: createSeal(randomBytes(32)),
      clock,
      log,
      reach: () => ({
        host: "localhost",
        hosts: certificates.names(),
        mqttPort: port,
        httpUrl: (host) => `http://${host}`,
        caPem: certificates.caPem(),
      }),
    });
    await devices.start();
    door = createDoor({
      authenticate: createAuthenticate({
        devices,
        auth: { verifyToken: async () => undefined },
        ingest: {
          // Stores nothing; what is under test is who may come in and what is cut.
          routeFor: () => ({
            mayRetain: true,
            accept: (_bytes, _start, _end, ticket) =>
              void setImmediate(() => acknowledge(receiptOfCommit(Date.now()), ticket === undefined ? [] : [ticket])),
          }),
        },
        log,
      }),
      gate: new IntakeGate({ highBytes: 1_000_000, lowBytes: 500_000 }),
      retained: [],
      tls: certificates.serverCert(),
      ports: { tls: { host: "127.0.0.1", port: 0 } },
      clock: systemClock,
      log,
      onRefused: () => undefined,
    });
    port = (await door.listen()).tls ?? 0;
  });
  afterEach(async () => {
    for (const client of open.splice(0)) await client.endAsync(true);
  });
  afterAll(async () => {
    await door.close({ drainMs: 100 });
    await devices.stop();
    await db.close();
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  it("let in what was claimed, and acknowledge what it sends", async () => {
    const client = await come(await addClaimed("good-1"));
    const acknowledged: (number | undefined)[] = [];
    client.on("packetreceive", (packet) => packet.cmd === "puback" && acknowledged.push(packet.reasonCode));
    await client.publishAsync("devices/good-1/telemetry", '{"temperature":21.5}', { qos: 1 });
    await expect(client.publishAsync("devices/other/telemetry", "{}", { qos: 1 })).rejects.toMatchObject({ code: 0x87 });
    expect(acknowledged).toEqual([0, 0x87]);
  });

  it("M10: refuse B as A, with A undisturbed", async () => {
    const [a, b] = [await addClaimed("dev-a"), await addClaimed("dev-b")];
    const client = await come(a);
    let isDisturbed = false;
    client.once("close", () => (isDisturbed = true));
    await expect(come(b, { clientId: "dev-a" })).rejects.toMatchObject({ code: 0x85 });
    await expect(come(b, { username: "dev-a" })).rejects.toMatchObject({ code: 0x86 });
    await expect(come(b, { username: "dev-a", clientId: "dev-a" })).rejects.toMatchObject({ code: 0x86 });
    await expect(come(a, { password: `${a.mqtt.password}x` })).rejects.toMatchObject({ code: 0x86 });
    await expect(come(b, { will: { topic: "devices/dev-a/status", payload: Buffer.from("offline"), qos: 1 } })).rejects.toMatchObject({
      code: 0x87,
    });
    await client.publishAsync("devices/dev-a/telemetry", "{}", { qos: 1 });
    expect(isDisturbed).toBe(false);
  });

  it("M10: cut a revoked device that is connected, with its session, and refuse its return", async () => {
    const credentials = await addClaimed("goner");
    const client = await come(credentials, { clean: false, properties: { sessionExpiryInterval: 3_600 } });
    await client.subscribeAsync("devices/goner/commands/+", { qos: 1 });
    const cut = closed(client);
    const startedMs = performance.now();
    await devices.revokeCredentials({ organisationId }, "goner");
    await cut;
    process.stdout.write(`M10 revoked connection cut after ${Math.round(performance.now() - startedMs)} ms\n`);
    await expect(come(credentials, { clean: false })).rejects.toMatchObject({ code: 0x86 });
    // It claims again with a renewed secret: nothing of the old session is waiting for it.
    const ticket = await devices.renewClaimSecret({ organisationId }, "goner");
    const { answer } = await devices.claim(claimRequest.parse(claimBody("goner", ticket.claimSecret)), "localhost");
    const again = mqtt.connect({
      protocol: "mqtts",
      host: "127.0.0.1",
      port,
      ca: answer.ca_pem,
      servername: "localhost",
      username: "goner",
      password: answer.mqtt.password,
      clientId: "goner",
      protocolVersion: 5,
      clean: false,
    });
    open.push(again);
    const isSessionKept = await new Promise<boolean>((resolve, reject) => {
      again.once("connect", ({ sessionPresent }) => resolve(sessionPresent));
      again.once("error", reject);
    });
    expect(isSessionKept).toBe(false);
  });

  it("CO-57: keep the old password's connection over a rotation, and cut it when the overlap ends", async () => {
    const credentials = await addClaimed("rotor");
    const old = await come(credentials);
    const rotated = await devices.rotateCredentials({ organisationId }, "rotor", 3_600);
    const fresh = await come({ ...credentials, mqtt: { ...credentials.mqtt, password: rotated.password, client_id: "rotor-new" } });
    await old.publishAsync("devices/rotor/telemetry", "{}", { qos: 1 });
    const cut = closed(old);
    // An hour later, by our clock and by the database's.
    await db.query(sql`update device_credentials set expires_at = now() where expires_at is not null`);
    aheadMs += 3_600_000;
    await cut;
    await fresh.publishAsync("devices/rotor/telemetry", "{}", { qos: 1 });
    await expect(come(credentials)).rejects.toMatchObject({ code: 0x86 });
  });

  it("go on trusting the door after its certificate was renewed, without a new claim", async () => {
    const credentials = await addClaimed("trusting");
    await come(credentials);
    const before = certificates.serverCert().cert;
    machine = ["localhost", "127.0.0.1", "192.0.2.99"];
    expect(await certificates.renewIfDue()).toBe(true);
    door.renewTls(certificates.serverCert());
    expect(certificates.serverCert().cert).not.toBe(before);
    const client = await come(credentials, { clientId: "trusting-2" });
    await client.publishAsync("devices/trusting/telemetry", "{}", { qos: 1 });
  });
});
