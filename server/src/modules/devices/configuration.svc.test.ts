import { randomBytes } from "node:crypto";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { addDevice as addDeviceTo, startServer } from "../../test-command-server.ts";
import type { TestServer } from "../../test-command-server.ts";
import { createAudit } from "../audit/audit.ts";
import { createConfigurations } from "./configuration.ts";
import type { Configurations } from "./configuration.ts";

const organisationId = newId();
const whose = { organisationId };
const log = createLog({ level: "silent", pretty: false });
let database: TestDatabase;
let db: Db;
let server: TestServer;
let configurations: Configurations;
let count = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb({ connection: database.connection, log });
  await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Field', 'field')`);
  server = await startServer(db);
  configurations = createConfigurations({
    db,
    audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
    devices: server.devices,
    log,
  });
  configurations.start(server.door);
});

afterAll(async () => {
  await server.stop();
  await db.close();
  await database.drop();
});

const addDevice = () => addDeviceTo(server, organisationId, `set-${(count += 1)}`);
const hear = (type: string, nounId: string) => configurations.observe({ type, nounId, data: {} });

test("GA-42: an interval set by a person reaches the device, who says what it took, and the two are compared", async () => {
  const device = await addDevice();
  expect(await configurations.get(whose, device.id)).toEqual({
    version: 1,
    heartbeatSeconds: 60,
    sampleSeconds: 60,
    settings: {},
    state: "waiting",
    differs: [],
  });
  const client = await device.listen(server);
  client.send({ cmd: "subscribe", messageId: 2, subscriptions: [{ topic: `devices/${device.id}/config`, qos: 1 }] });
  await client.next("suback");
  const set = await configurations.set(whose, device.id, { heartbeatSeconds: 30, sampleSeconds: 10, settings: { led: true } });
  expect(set).toMatchObject({
    version: 2,
    heartbeatSeconds: 30,
    sampleSeconds: 10,
    settings: { led: true },
    state: "waiting",
    changedBy: "Roost",
  });
  // What people expect of its silence changed with it.
  expect(server.devices.find(device.id)?.heartbeatSeconds).toBe(30);
  hear("device.configured", device.id);
  const packet = await client.next("publish");
  const wanted = { version: 2, heartbeat_seconds: 30, sample_seconds: 10, settings: { led: true } };
  expect([packet.topic, JSON.parse(packet.payload.toString())]).toEqual([`devices/${device.id}/config`, wanted]);
  const say = async (body: object) => {
    client.send({
      cmd: "publish",
      topic: `devices/${device.id}/config/reported`,
      payload: JSON.stringify(body),
      qos: 1,
      messageId: 9,
      dup: false,
      retain: false,
    });
    return (await client.next("puback")).reasonCode ?? 0;
  };
  expect(await say({ ...wanted, sample_seconds: 60 })).toBe(0);
  expect(await configurations.get(whose, device.id)).toMatchObject({
    state: "differs",
    differs: ["sampleSeconds"],
    reported: { sampleSeconds: 60 },
  });
  expect(await say(wanted)).toBe(0);
  expect((await configurations.get(whose, device.id)).state).toBe("same");
  expect(await say({ version: "two" })).toBe(0x99);
  expect((await configurations.get(whose, device.id)).state).toBe("same");
  // The same again is no new version; what is left out stays.
  expect((await configurations.set(whose, device.id, { sampleSeconds: 10 })).version).toBe(2);
  expect(await configurations.set(whose, device.id, { sampleSeconds: null })).toMatchObject({
    version: 3,
    sampleSeconds: 30,
    settings: { led: true },
  });
  const entries = await db.query(
    sql`select a.action from audit_entries a where a.object_id = ${device.id} and a.action = 'device.configured'`,
  );
  expect(entries).toHaveLength(2);
  client.close();
});

test("GA-42: a device that was away is shown the latest when it subscribes, after a restart too, and one that is gone leaves nothing", async () => {
  const device = await addDevice();
  await configurations.set(whose, device.id, { sampleSeconds: 5 });
  // By the way people changed the heartbeat before, it is a version too.
  await server.devices.change(whose, device.id, { heartbeatSeconds: 20 });
  const topic = `devices/${device.id}/config`;
  const retained = (await configurations.loadRetained()).filter((one) => one.topic === topic);
  expect(retained.map(({ payload }) => JSON.parse(payload.toString()))).toEqual([
    { version: 3, heartbeat_seconds: 20, sample_seconds: 5, settings: {} },
  ]);
  const had = server.door.stats().retained;
  hear("device.configured", device.id);
  await expect.poll(() => server.door.stats().retained).toBe(had + 1);
  const client = await device.listen(server);
  client.send({ cmd: "subscribe", messageId: 2, subscriptions: [{ topic, qos: 1 }] });
  const packet = await client.next("publish");
  expect([packet.retain, JSON.parse(packet.payload.toString())]).toMatchObject([true, { version: 3 }]);
  client.close();
  const before = server.door.stats().retained;
  await server.devices.remove(whose, device.id, device.id);
  hear("device.removed", device.id);
  await expect.poll(() => server.door.stats().retained).toBe(before - 1);
});

test("nobody sees or sets what another organisation's device is set to, and settings have a bound", async () => {
  const device = await addDevice();
  const stranger = { organisationId: newId() };
  await expect(configurations.get(stranger, device.id)).rejects.toMatchObject({ code: "devices.not_found" });
  await expect(configurations.set(stranger, device.id, { sampleSeconds: 5 })).rejects.toMatchObject({ code: "devices.not_found" });
  const large = { settings: { note: "x".repeat(9_000) } };
  await expect(configurations.set(whose, device.id, large)).rejects.toMatchObject({ code: "configuration.too_large" });
});
