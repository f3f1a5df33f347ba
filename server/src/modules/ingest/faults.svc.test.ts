import { setTimeout as sleep } from "node:timers/promises";

import { identifier, sql } from "@roost/contract/sql";
import { FaultProxy } from "@roost/testbed/fault-proxy";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { IntakeGate } from "../../platform/intake.ts";
import { createLog } from "../../platform/log.ts";
import type { SendingDevice } from "./ingest.ts";
import { addDevice, send, startIngest, storedValues } from "./test-ingest.ts";
import type { TestIngest, TestTicket } from "./test-ingest.ts";

const log = createLog({ level: "silent", pretty: false });
const organisationId = newId();

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error("what was waited for did not come");
    await sleep(5);
  }
}

/** The same database by way of a proxy that can be cut. */
async function throughProxy(connection: pg.PoolConfig): Promise<{ proxy: FaultProxy; connection: pg.PoolConfig }> {
  if (connection.connectionString !== undefined) {
    const url = new URL(connection.connectionString);
    const proxy = await FaultProxy.start({ host: url.hostname, port: Number(url.port || 5432) });
    url.hostname = "127.0.0.1";
    url.port = String(proxy.port);
    return { proxy, connection: { connectionString: url.toString() } };
  }
  const proxy = await FaultProxy.start({ path: `${connection.host}/.s.PGSQL.${connection.port ?? 5432}` });
  return { proxy, connection: { ...connection, host: "127.0.0.1", port: proxy.port } };
}

describe("ingest under faults", () => {
  let database: TestDatabase;
  let db: Db;
  let part: TestIngest;
  let made = 0;
  const device = (): Promise<SendingDevice> => addDevice(db, part, organisationId, `fault-${(made += 1)}`);

  /** The one that is written: of a connection that was cut before, another may not be closed yet. */
  const newestSegment = async () =>
    (await db.query<{ id: number }>(sql`select s.id from hot_segments s where s.closed_at is null order by s.id desc limit 1`))[0]?.id;

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Ours', 'ours')`);
  });
  beforeEach(async () => {
    part = await startIngest({ db });
  });
  afterEach(async () => part.kill());
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("R2: stores everything once while its database connections are killed again and again", async () => {
    const one = await device();
    const at = Date.now() - 3_600_000;
    const tickets: TestTicket[] = [];
    let n = 0;
    for (let round = 0; round < 25; round += 1) {
      for (let burst = 0; burst < 8; burst += 1) {
        for (let index = 0; index < 20; index += 1, n += 1) tickets.push(send(part.ingest, one, { timestamp: at + n, level: n }));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await db.query(
        sql`select pg_terminate_backend(a.pid) from pg_stat_activity a where a.application_name = 'roost-ingest' and a.datname = current_database()`,
      );
    }
    await part.ingest.drain();
    expect(tickets.every((ticket) => ticket.receipt !== undefined && ticket.reason === 0)).toBe(true);
    expect((await storedValues(db, one)).map((row) => row.value)).toEqual(tickets.map((_, index) => index));
    expect(part.gate.bytes).toBe(0);
  });

  it("R2: finds out by itself whether a batch was committed whose answer was lost", async () => {
    const { proxy, connection } = await throughProxy(database.connection);
    const cutDb = createDb({ connection, log });
    const cut = await startIngest({ db: cutDb });
    const one = await addDevice(db, cut, organisationId, "answer-lost");
    const at = Date.now() - 60_000;
    let n = 0;
    for (let round = 0; round < 12; round += 1) {
      for (let index = 0; index < 10; index += 1, n += 1) send(cut.ingest, one, { timestamp: at + n, level: n, wave: -n });
      // A commit is on its way or done, and its answer is swallowed or cut.
      if (round % 2 === 0) {
        await sleep(round);
        proxy.blackHole = true;
        await sleep(20);
        proxy.cut();
        proxy.blackHole = false;
      } else {
        await new Promise((resolve) => setImmediate(resolve));
        proxy.cut();
      }
      await cut.ingest.drain();
    }
    expect((await storedValues(db, one)).filter((row) => row.metric === "level").map((row) => row.value)).toEqual(
      Array.from({ length: n }, (_, index) => index),
    );
    await cut.kill();
    await cutDb.close();
    await proxy.close();
  });

  it("R3: acknowledges nothing while the database stands still, closes the gate by bytes, and goes on when it moves", async () => {
    const gate = new IntakeGate({ highBytes: 200_000, lowBytes: 100_000 });
    await part.kill();
    part = await startIngest({ db, gate });
    const one = await device();
    send(part.ingest, one, { timestamp: Date.now() - 120_000, level: -1 });
    await part.ingest.drain();
    const blocker = await db.connect("blocker");
    const open = await newestSegment();
    const table = identifier(`hot_samples_s${open}`);
    await blocker.query("begin");
    await blocker.query(sql`lock table ${table} in access exclusive mode`.text);
    const at = Date.now() - 60_000;
    const tickets: TestTicket[] = [];
    for (let n = 0; !gate.closed; n += 1) {
      tickets.push(send(part.ingest, one, { timestamp: at + n, level: n }));
      if (n % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
    }
    await expect(part.ingest.acceptHttp(one, Buffer.from('{"level":1}'))).rejects.toMatchObject({ code: "http.unavailable", status: 503 });
    let opened = false;
    gate.whenOpen(() => {
      opened = true;
    });
    await sleep(300);
    expect(tickets.filter((ticket) => ticket.receipt !== undefined)).toEqual([]);
    expect(opened).toBe(false);
    await blocker.query("rollback");
    await blocker.end();
    await part.ingest.drain();
    expect(opened).toBe(true);
    expect(gate.bytes).toBe(0);
    expect(tickets.every((ticket) => ticket.receipt !== undefined)).toBe(true);
    expect((await storedValues(db, one)).length).toBe(tickets.length + 1);
  });

  it("leaves out the rows that the database refuses, keeps all others of the batch and says which they were", async () => {
    const one = await device();
    const other = await device();
    send(part.ingest, one, { timestamp: Date.now() - 120_000, level: -1 });
    await part.ingest.drain();
    const open = await newestSegment();
    const table = identifier(`hot_samples_s${open}`);
    await db.query(sql`alter table ${table} add constraint poison check (not (666 = any (sample_values)))`);
    const at = Date.now() - 60_000;
    const tickets = Array.from({ length: 100 }, (_, n) =>
      send(part.ingest, n % 2 === 0 ? one : other, { timestamp: at + n, level: n === 17 || n === 60 ? 666 : n }),
    );
    const event = send(part.ingest, other, { type: "fine" }, "event");
    await part.ingest.drain();
    await part.ingest.drain();
    await db.query(sql`alter table ${table} drop constraint poison`);
    expect(tickets.map((ticket) => [ticket.receipt !== undefined, ticket.reason])).toEqual(
      tickets.map((_, n) => [true, n === 17 || n === 60 ? 0x99 : 0]),
    );
    expect(event.receipt).toBeDefined();
    const stored = [...(await storedValues(db, one)), ...(await storedValues(db, other))].map((row) => row.value).toSorted((a, b) => a - b);
    expect(stored).toEqual([-1, ...Array.from({ length: 100 }, (_, n) => n).filter((n) => n !== 17 && n !== 60)]);
    expect(
      await db.query(
        sql`select r.device_id, r.code, r.count from ingest_rejects r where r.device_id in (${one.id}, ${other.id}) order by 1`,
      ),
    ).toEqual([one.id, other.id].toSorted().map((id) => ({ device_id: id, code: "ingest.not_storable", count: 1 })));
    expect(await db.query(sql`select e.type from device_events e where e.device_id = ${other.id}`)).toEqual([{ type: "fine" }]);
  });

  it("goes on where a device is removed while its messages are under way", async () => {
    const gone = await device();
    const stays = await device();
    send(part.ingest, gone, { level: 1 });
    await part.ingest.drain();
    await db.query(sql`delete from devices d where d.id = ${gone.id}`);
    const tickets = [
      send(part.ingest, gone, { level: 2, wave: 3 }),
      send(part.ingest, gone, { type: "late" }, "event"),
      send(part.ingest, gone, "offline", "status", true),
      send(part.ingest, gone, "{"),
      send(part.ingest, stays, { level: 4 }),
    ];
    await part.ingest.drain();
    expect(tickets.every((ticket) => ticket.receipt !== undefined)).toBe(true);
    expect((await storedValues(db, stays)).map((row) => row.value)).toEqual([4]);
  });

  it("writes nothing into a segment that was closed, and goes on in a new one", async () => {
    const one = await device();
    send(part.ingest, one, { timestamp: Date.now() - 3_000, level: 1 });
    await part.ingest.drain();
    const open = await newestSegment();
    await db.query(sql`update segment_writers w set closed = true where w.segment_id = ${open}`);
    await db.query(sql`update hot_segments set closed_at = now() where id = ${open}`);
    send(part.ingest, one, { timestamp: Date.now() - 2_000, level: 2 });
    await part.ingest.drain();
    expect(await db.query(sql`select 1 from ${identifier(`hot_samples_s${open}`)}`)).toHaveLength(1);
    expect((await storedValues(db, one)).map((row) => row.value)).toEqual([1, 2]);
  });

  it("shares the database with a second server: each keeps a segment of its own", async () => {
    const one = await device();
    send(part.ingest, one, { level: 0 });
    await part.ingest.drain();
    const second = await startIngest({ db });
    const other = await addDevice(db, second, organisationId, "second-server");
    const segments = async () =>
      (await db.query<{ id: number }>(sql`select s.id from hot_segments s where s.closed_at is null order by s.id`)).map(({ id }) => id);
    send(second.ingest, other, { level: 0 });
    await second.ingest.drain();
    const open = await segments();
    expect(open).toHaveLength(2);
    for (let n = 1; n < 10; n += 1) {
      send(part.ingest, one, { level: n });
      await part.ingest.drain();
      send(second.ingest, other, { level: n });
      await second.ingest.drain();
    }
    expect(await segments()).toEqual(open);
    expect((await storedValues(db, one)).length + (await storedValues(db, other)).length).toBe(20);
    await second.kill();
    // The next segment that is opened closes what the one that ended has left.
    const third = await startIngest({ db });
    send(third.ingest, other, { level: 99 });
    await third.ingest.drain();
    expect(await segments()).toHaveLength(2);
    await third.kill();
  });

  it("acknowledges nothing of a batch it had to give up, and knows what of it is stored when it comes again", async () => {
    await part.kill();
    let failing: "before" | "after" | undefined;
    const between = (samples: TestIngest["samples"]): TestIngest["samples"] => ({
      ...samples,
      async commit(rows, companion) {
        const how = failing;
        failing = undefined;
        if (how === "before") throw new Error("a fault of our own");
        const committed = await samples.commit(rows, companion);
        if (how === "after") throw new Error("a fault of our own");
        return committed;
      },
    });
    part = await startIngest({ db, between });
    const one = await device();
    const at = Date.now() - 60_000;
    const sendTo = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => send(part.ingest, one, { timestamp: at + from + index, level: from + index }));
    sendTo(0, 5);
    await part.ingest.drain();
    for (const how of ["before", "after"] as const) {
      failing = how;
      const given = sendTo(5, 10);
      await part.ingest.drain();
      expect(given.some((ticket) => ticket.receipt !== undefined)).toBe(false);
    }
    const again = sendTo(3, 12);
    await part.ingest.drain();
    expect(again.every((ticket) => ticket.receipt !== undefined && ticket.reason === 0)).toBe(true);
    expect((await storedValues(db, one)).map((row) => row.value)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(part.gate.bytes).toBe(0);
  });

  it("commits durably even where the database is set not to", async () => {
    await db.query(sql`do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$`);
    const seen: unknown[] = [];
    const between = (samples: TestIngest["samples"]): TestIngest["samples"] => ({
      ...samples,
      commit: (rows, companion) =>
        samples.commit(rows, async (tx, careful) => {
          seen.push(...(await tx.query(sql`show synchronous_commit`)));
          await companion?.(tx, careful);
        }),
    });
    await part.kill();
    part = await startIngest({ db, between });
    send(part.ingest, await device(), { level: 1 });
    await part.ingest.drain();
    await db.query(sql`do $$ begin execute format('alter database %I reset synchronous_commit', current_database()); end $$`);
    expect(seen).toEqual([{ synchronous_commit: "on" }]);
  });

  it("indexes a segment after it is closed", async () => {
    await until(async () => {
      const [row] = await db.query<{ n: number }>(
        sql`select count(*)::integer as n from hot_segments s where s.closed_at is not null and s.indexed_at is null`,
      );
      if (row?.n === 0) return true;
      send(part.ingest, await device(), { level: 1 });
      await part.ingest.drain();
      return false;
    });
    const [row] = await db.query<{ n: number }>(sql`
      select count(*)::integer as n from hot_segments s
      where s.closed_at is not null and not exists (select from pg_indexes i where i.tablename = 'hot_samples_s' || s.id)`);
    expect(row?.n).toBe(0);
  });

  it("R14: ends in time although the database stands still, and has acknowledged nothing that is not stored", async () => {
    const one = await device();
    send(part.ingest, one, { timestamp: Date.now() - 120_000, level: 1 });
    await part.ingest.drain();
    const blocker = await db.connect("blocker");
    const open = await newestSegment();
    await blocker.query("begin");
    await blocker.query(sql`lock table ${identifier(`hot_samples_s${open}`)} in access exclusive mode`.text);
    const tickets = [2, 3].map((level) => send(part.ingest, one, { timestamp: Date.now() - 60_000 + level, level }));
    await part.ingest.stop(100);
    await part.samples.close();
    expect(tickets.filter((ticket) => ticket.receipt !== undefined)).toEqual([]);
    await blocker.query("rollback");
    await blocker.end();
    part = await startIngest({ db });
    const again = [1, 2, 3].map((level) => send(part.ingest, one, { timestamp: Date.now() - 30_000 + level, level: 10 + level }));
    await part.ingest.drain();
    expect(again.every((ticket) => ticket.receipt !== undefined)).toBe(true);
  });

  it("lets go of a device that was removed", async () => {
    const gone = await device();
    send(part.ingest, gone, { level: 1 });
    await part.ingest.drain();
    expect(part.telemetry.knownSeries(gone.key, "level")).toBeDefined();
    part.ingest.observe({ id: newId(), organisationId, type: "device.removed", nounId: gone.id, data: { key: gone.key }, at: new Date() });
    expect(part.telemetry.knownSeries(gone.key, "level")).toBeUndefined();
  });

  it("stores what waits when it is asked to drain, and acknowledges nothing after it was closed", async () => {
    const one = await device();
    const before = send(part.ingest, one, { level: 1 });
    await part.ingest.drain();
    part.ingest.close();
    const after = send(part.ingest, one, { level: 2 });
    await sleep(50);
    expect([before.receipt !== undefined, after.receipt]).toEqual([true, undefined]);
    expect((await storedValues(db, one)).length).toBe(1);
  });
});
