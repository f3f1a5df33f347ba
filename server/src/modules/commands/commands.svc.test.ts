import type { CommandManifest } from "@roost/contract/kit";
import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";

import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { addDevice as addDeviceTo, reach, read, startServer, take } from "../../test-command-server.ts";
import type { TestServer } from "../../test-command-server.ts";

const organisationId = newId();
const whose = { organisationId };
const fan: Readonly<Record<string, CommandManifest>> = {
  fan: {
    title: "Fan",
    about: "Sets the fan.",
    params: z.strictObject({ speed: z.number().int().min(0).max(3), note: z.string().default("-") }),
    expiresAfterSeconds: 77,
  },
};
let db: Db;
let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb({ connection: database.connection, log: createLog({ level: "silent", pretty: false }) });
  await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Field', 'field')`);
  server = await startServer(db, { manifestsOf: (kind) => (kind === "coop" ? fan : undefined) });
});

afterAll(async () => {
  await server.stop();
  await db.close();
  await database.drop();
});

let count = 0;
const addDevice = (kind?: string) => addDeviceTo(server, organisationId, `field-${(count += 1)}`, kind);
const send = async (deviceId: string, name = "blink", more: object = {}) =>
  (await server.commands.send(whose, deviceId, { name, params: {}, ...more })).id;
const get = (deviceId: string, id: string) => server.commands.get(whose, deviceId, id);
const rejects = (deviceId: string) =>
  db.query<{ code: string; count: number }>(
    sql`select r.code, sum(r.count)::int as count from ingest_rejects r where r.device_id = ${deviceId} group by r.code order by r.code`,
  );
const facts = async (id: string) =>
  (await db.query<{ type: string }>(sql`select e.type from events e where e.noun_id = ${id} order by e.xact_id, e.id`)).map(
    ({ type }) => type,
  );
const expire = (id: string) =>
  db.query(sql`update commands set expires_at = now() - interval '1 s', due_at = now() - interval '1 s' where id = ${id}`);

test("CO-65: a device that is here gets a command at once, and each step is a state and a fact", async () => {
  const device = await addDevice();
  const client = await device.listen(server);
  const id = await send(device.id, "blink", { params: { times: 3 } });
  const packet = await client.next("publish");
  expect(packet).toMatchObject({ topic: `devices/${device.id}/commands/${id}`, qos: 1, retain: false, dup: false });
  expect(read(packet).body).toMatchObject({
    name: "blink",
    params: { times: 3 },
    expires_at: (await get(device.id, id)).expiresAt.toISOString(),
  });
  expect(packet.properties?.messageExpiryInterval).toBeGreaterThan(290);
  expect(await get(device.id, id)).toMatchObject({ state: "queued", sentAt: expect.any(Date) });
  client.send({ cmd: "puback", messageId: packet.messageId ?? 0 });
  await reach(db, id, "delivered");
  expect(await device.say(client, id, { state: "accepted" })).toBe(0);
  // The PUBACK comes after the commit: what it says is there to be read.
  expect((await get(device.id, id)).state).toBe("accepted");
  await device.say(client, id, { state: "progress", progress: 40 });
  expect(await get(device.id, id)).toMatchObject({ state: "running", progressPercent: 40 });
  await device.say(client, id, { state: "done", result: { blinked: 3 } });
  expect(await get(device.id, id)).toMatchObject({ state: "done", result: { blinked: 3 }, endedAt: expect.any(Date) });
  expect(await facts(id)).toEqual(["command.queued", "command.delivered", "command.changed", "command.changed", "command.settled"]);
  client.close();
});

test("CO-65 R10: a device that is away gets its commands when it is back, in their order, one at a time, each once", async () => {
  const device = await addDevice();
  const ids = [await send(device.id, "one"), await send(device.id, "two"), await send(device.id, "three")];
  expect((await get(device.id, ids[0] ?? "")).sentAt).toBeUndefined();
  const client = await device.listen(server);
  const seen: string[] = [];
  for (const _ of ids) {
    const { id } = await take(client);
    seen.push(id);
    await server.commands.look();
    // The next one waits until this one has ended.
    expect(client.packets.filter(({ cmd }) => cmd === "publish")).toEqual([]);
    await device.say(client, id, { state: "done" });
  }
  expect(seen).toEqual(ids);
  client.close();
  // It comes back with nothing left to do.
  const again = await device.listen(server);
  await server.commands.look();
  expect(again.packets.filter(({ cmd }) => cmd === "publish")).toEqual([]);
  again.close();
});

test("R10: a lost PUBACK brings the same command again, with the same id, to a kept session and to a new one", async () => {
  const device = await addDevice();
  const kept = await device.listen(server, { keep: true });
  const id = await send(device.id);
  const first = await kept.next("publish");
  kept.close();
  const back = await device.listen(server, { keep: true });
  const second = await back.next("publish");
  expect([second.topic, second.messageId, second.dup]).toEqual([first.topic, first.messageId, true]);
  await server.commands.look();
  expect(back.packets.filter(({ cmd }) => cmd === "publish")).toEqual([]);
  back.close();
  const fresh = await device.listen(server);
  const third = await take(fresh);
  expect(third.id).toBe(id);
  await reach(db, id, "delivered");
  await device.say(fresh, id, { state: "done" });
  fresh.close();
  // After the answer it is not delivered again.
  const last = await device.listen(server);
  await server.commands.look();
  expect(last.packets.filter(({ cmd }) => cmd === "publish")).toEqual([]);
  last.close();
});

test("R10 CO-65: what expires unsent never ran and is not delivered; of what was sent and not answered nothing is claimed", async () => {
  const device = await addDevice();
  const unsent = await send(device.id);
  await expire(unsent);
  const client = await device.listen(server);
  await server.commands.look();
  expect((await get(device.id, unsent)).state).toBe("expired");
  expect(client.packets.filter(({ cmd }) => cmd === "publish")).toEqual([]);
  const silent = await send(device.id);
  expect((await take(client)).id).toBe(silent);
  await reach(db, silent, "delivered");
  const next = await send(device.id);
  await expire(silent);
  await server.commands.look();
  expect((await get(device.id, silent)).state).toBe("unanswered");
  // The row goes on.
  expect((await take(client)).id).toBe(next);
  await device.say(client, next, { state: "failed", code: "expired" });
  expect((await get(device.id, next)).state).toBe("expired");
  expect(await facts(unsent)).toEqual(["command.queued", "command.settled"]);
  client.close();
});

test("R10: an end stands, the same answer twice is once, and what cannot be true is refused and counted", async () => {
  const [device, other] = [await addDevice(), await addDevice()];
  const client = await device.listen(server);
  const stranger = await other.listen(server);
  const id = await send(device.id);
  await take(client);
  expect(await other.say(stranger, id, { state: "done" })).toBe(0);
  expect((await get(device.id, id)).endedAt).toBeUndefined();
  await device.say(client, id, { state: "done", result: 1 });
  await device.say(client, id, { state: "done", result: 2 });
  await device.say(client, id, { state: "accepted" });
  await device.say(client, id, { state: "failed", code: "no" });
  await device.say(client, newId(), { state: "done" });
  await device.say(client, "no-id-of-ours", { state: "done" });
  expect(await get(device.id, id)).toMatchObject({ state: "done", result: 1 });
  expect(await device.say(client, id, { state: "sleeping" })).toBe(0x99);
  expect(await device.say(client, id, "{")).toBe(0x99);
  expect(await device.say(client, id, { state: "failed", result: "x".repeat(9_000) })).toBe(0x99);
  expect(await rejects(device.id)).toEqual([
    { code: "ingest.bad_envelope", count: 1 },
    { code: "ingest.command_ended", count: 1 },
    { code: "ingest.malformed", count: 1 },
    { code: "ingest.too_large", count: 1 },
    { code: "ingest.unknown_command", count: 2 },
  ]);
  expect(await rejects(other.id)).toEqual([{ code: "ingest.unknown_command", count: 1 }]);
  expect(await facts(id)).toEqual(expect.arrayContaining(["command.settled"]));
  expect((await facts(id)).filter((type) => type === "command.settled")).toHaveLength(1);
  client.close();
  stranger.close();
});

test("CO-65: the same key and command is one command, another one under it is refused, and the queue has a bound", async () => {
  const device = await addDevice("coop");
  const wanted = { name: "fan", params: { speed: 2 }, key: "morning" };
  const [one, two] = await Promise.all([server.commands.send(whose, device.id, wanted), server.commands.send(whose, device.id, wanted)]);
  expect(two.id).toBe(one.id);
  // Without a word of the sender, the kit says how long it may wait; what the kit fills in is part of the command.
  expect(Math.round((one.expiresAt.getTime() - one.queuedAt.getTime()) / 1_000)).toBe(77);
  expect(one.params).toEqual({ speed: 2, note: "-" });
  await expect(server.commands.send(whose, device.id, { ...wanted, params: { speed: 3 } })).rejects.toMatchObject({
    code: "commands.key_conflict",
  });
  await expect(server.commands.send(whose, device.id, { ...wanted, expiresInSeconds: 5 })).rejects.toMatchObject({
    code: "commands.key_conflict",
  });
  await expect(server.commands.send(whose, device.id, { name: "fan", params: { speed: 9 } })).rejects.toMatchObject({
    code: "commands.bad_params",
    details: { faults: [{ path: "params.speed" }] },
  });
  await expect(server.commands.send(whose, device.id, { name: "open", params: {} })).rejects.toMatchObject({
    code: "commands.unknown_command",
  });
  const big = { name: "fan", params: { speed: 1, note: "x".repeat(9_000) } };
  await expect(server.commands.send(whose, device.id, big)).rejects.toMatchObject({ code: "commands.too_large" });
  await db.query(sql`
    insert into commands (id, organisation_id, device_id, name, params, by_kind, by_id, by_name, expires_at, due_at)
    select gen_random_uuid(), ${organisationId}, ${device.id}, 'fan', '{}', 'system', 'roost', 'Roost', now() + interval '1 h', now() + interval '1 h'
    from generate_series(1, 199)`);
  await expect(server.commands.send(whose, device.id, { name: "fan", params: { speed: 1 } })).rejects.toMatchObject({
    code: "commands.too_many",
  });
  await expect(server.commands.send({ organisationId: newId() }, device.id, wanted)).rejects.toMatchObject({ code: "devices.not_found" });
});

test("CO-66: what was not sent is called back at once; what was sent ends when the device says that it stopped", async () => {
  const device = await addDevice();
  const early = await send(device.id);
  expect((await server.commands.cancel(whose, device.id, early)).state).toBe("cancelled");
  const client = await device.listen(server);
  const id = await send(device.id, "clean");
  expect((await take(client)).id).toBe(id);
  await device.say(client, id, { state: "progress", progress: 10 });
  expect(await server.commands.cancel(whose, device.id, id)).toMatchObject({ state: "running", cancelRequestedAt: expect.any(Date) });
  const asked = await take(client);
  expect([asked.id, asked.body]).toEqual([id, { cancel: true }]);
  client.close();
  // It did not answer before it went away: it is asked again.
  const back = await device.listen(server);
  expect((await take(back)).body).toEqual({ cancel: true });
  await device.say(back, id, { state: "cancelled" });
  expect((await get(device.id, id)).state).toBe("cancelled");
  await expect(server.commands.cancel(whose, device.id, id)).rejects.toMatchObject({ code: "commands.already_ended" });
  const actions = await db.query(sql`select a.action from audit_entries a where a.object_id = ${id} order by a.at`);
  expect(actions).toEqual([{ action: "command.sent" }, { action: "command.cancel_requested" }]);
  back.close();
});

test("a device that refuses a command, or takes none that large, is not pestered with it", async () => {
  const device = await addDevice();
  const client = await device.listen(server, { maximumPacketSize: 512 });
  const large = await send(device.id, "blink", { params: { note: "x".repeat(600) } });
  await reach(db, large, "failed");
  const id = await send(device.id);
  const packet = await client.next("publish");
  client.send({ cmd: "puback", messageId: packet.messageId ?? 0, reasonCode: 0x83 });
  await reach(db, id, "failed");
  expect([(await get(device.id, large)).code, (await get(device.id, id)).code]).toEqual(["too_large_for_device", "puback_83"]);
  client.close();
});

test("R10: two servers that listen for one device never have more than one of its commands under way", async () => {
  const other = await startServer(db);
  const device = await addDevice();
  await other.devices.refresh();
  const clients = [await device.listen(server), await device.listen(other, { name: `${device.id}-b` })];
  const ids: string[] = [];
  for (let n = 0; n < 8; n += 1)
    ids.push((await (n % 2 === 0 ? server : other).commands.send(whose, device.id, { name: `n${n}`, params: {} })).id);
  const done: string[] = [];
  const underWay = new Set<string>();
  let most = 0;
  const serve = async (client: (typeof clients)[number]) => {
    for (;;) {
      const packet = await client.next("publish").catch(() => undefined);
      if (packet === undefined) return;
      const { id } = read(packet);
      underWay.add(id);
      most = Math.max(most, underWay.size);
      client.send({ cmd: "puback", messageId: packet.messageId ?? 0 });
      await new Promise((resolve) => setTimeout(resolve, 3));
      // While a machine stands still a lease ends, and the other server sends the same command once more; a device does it once.
      if (!done.includes(id)) done.push(id);
      underWay.delete(id);
      // The last one's answer may find the connection closed: all is done by then.
      await device.say(client, id, { state: "done" }).catch(() => undefined);
      // Both are told of the end, as they are by the fact of it.
      for (const one of [server, other]) one.commands.observe({ type: "command.settled", data: { deviceId: device.id } });
    }
  };
  const serving = clients.map(serve);
  for (const id of ids) await reach(db, id, "done");
  for (const client of clients) client.close();
  await Promise.all(serving);
  expect(done).toEqual(ids);
  expect(most).toBe(1);
  await other.stop();
});

test("R10: a server that is gone in the middle holds nothing up for long, and one that stops lets go at once", async () => {
  const device = await addDevice();
  const first = await startServer(db);
  const client = await device.listen(first);
  const id = await send(device.id);
  first.commands.listening(device.id);
  expect(read(await client.next("publish")).id).toBe(id);
  // However long the next lines take, they take place within its lease.
  await db.query(sql`update commands set lease_until = now() + interval '1 h' where id = ${id}`);
  const second = await device.listen(server, { name: `${device.id}-b` });
  await server.commands.look();
  // The first one has it in hand.
  expect(second.packets.filter(({ cmd }) => cmd === "publish")).toEqual([]);
  await first.stop();
  await server.commands.look();
  expect((await take(second)).id).toBe(id);
  await device.say(second, id, { state: "done" });
  expect((await get(device.id, id)).state).toBe("done");
  second.close();
});

test("people see commands of their own organisation and scope alone, and a device that changes hands takes none along", async () => {
  const device = await addDevice();
  const id = await send(device.id);
  const stranger = { organisationId: newId() };
  await expect(server.commands.list(stranger, device.id, { limit: 10 })).rejects.toMatchObject({ code: "devices.not_found" });
  const nowhere = { organisationId, scope: { allow: [{ siteIds: [newId()], groupIds: [] }], deny: { siteIds: [], groupIds: [] } } };
  await expect(server.commands.get(nowhere, device.id, id)).rejects.toMatchObject({ code: "devices.not_found" });
  const rows = await db.within(nowhere).query(sql`select c.id from commands c where c.id = ${id}`);
  expect(rows).toEqual([]);
  const elsewhere = newId();
  await db.query(sql`insert into organisations (id, name, slug) values (${elsewhere}, 'Else', ${elsewhere})`);
  await db.query(sql`update devices set organisation_id = ${elsewhere} where id = ${device.id}`);
  await db.query(sql`select roost_move_device(${device.id}, ${elsewhere})`);
  const [moved] = await db.query(sql`select c.state, c.organisation_id from commands c where c.id = ${id}`);
  expect(moved).toEqual({ state: "cancelled", organisation_id: elsewhere });
});
