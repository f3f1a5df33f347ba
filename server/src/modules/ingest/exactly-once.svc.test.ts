import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { thresholdRule } from "../rules/test-rule.ts";
import type { SendingDevice } from "./ingest.ts";
import { addDevice, send, startIngest, storedValues } from "./test-ingest.ts";
import type { TestIngest } from "./test-ingest.ts";

const log = createLog({ level: "silent", pretty: false });
const organisationId = newId();

/** The same order each time, so that a failure can be looked at. */
function shuffled<Item>(items: readonly Item[], seed: number): Item[] {
  let state = seed;
  const random = () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
  const all = [...items];
  for (let index = all.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    [all[index], all[other]] = [all[other] as Item, all[index] as Item];
  }
  return all;
}

describe("exactly once", () => {
  let database: TestDatabase;
  let db: Db;
  let part: TestIngest;
  let made = 0;
  const device = (): Promise<SendingDevice> => addDevice(db, part, organisationId, `once-${(made += 1)}`);
  const rejectCodes = async ({ id }: SendingDevice) =>
    (
      await db.query<{ code: string; count: number }>(
        sql`select r.code, sum(r.count)::integer as count from ingest_rejects r where r.device_id = ${id} group by r.code`,
      )
    ).map(({ code, count }) => [code, count]);
  async function restart(options: { closeAfterRows?: number } = {}): Promise<void> {
    await part.kill();
    part = await startIngest({ db, ...options });
  }
  async function settle(): Promise<void> {
    await part.ingest.drain();
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Ours', 'ours')`);
    part = await startIngest({ db });
  });
  afterAll(async () => {
    await part.kill();
    await db.close();
    await database.drop();
  });

  it("R8: stores 10,000 messages sent 5 times each, shuffled over two connections, once each; counters and rules as with a single send", async () => {
    const one = await device();
    const before = part.ingest.stats();
    const at = Date.now() - 3_600_000;
    const messages = Array.from({ length: 10_000 }, (_, n) => JSON.stringify({ timestamp: at + n * 100, level: n, wave: (n * 7) % 13 }));
    const copies = shuffled(
      [1, 2, 3, 4, 5].flatMap(() => messages),
      42,
    );
    const routes = [1, 2].map(() => part.ingest.routeFor(one, `devices/${one.id}/telemetry`));
    for (const [index, text] of copies.entries()) {
      const route = routes[index % 2];
      if (route === undefined || "refused" in route) throw new Error("refused");
      const bytes = Buffer.from(text);
      route.accept(bytes, 0, bytes.length, undefined, false);
      // Lets batches be committed in between, so that copies meet stored values and not only those under way.
      if (index % 500 === 499) await new Promise((resolve) => setImmediate(resolve));
      if (index % 5_000 === 4_999) await settle();
    }
    await settle();
    const rows = await storedValues(db, one);
    expect(rows.length).toBe(20_000);
    expect(rows.filter((row) => row.metric === "level").map((row) => [row.us, row.value])).toEqual(
      messages.map((_, n) => [(at + n * 100) * 1_000, n]),
    );
    const after = part.ingest.stats();
    expect(after.valuesStored - before.valuesStored).toBe(20_000);
    expect(after.duplicates - before.duplicates).toBe(80_000);
    expect(await rejectCodes(one)).toEqual([]);
  });

  it("R8: raises and clears alarms as with a single send where each message comes five times over two connections", async () => {
    const one = await device();
    await part.rules.add({ organisationId }, thresholdRule({ deviceId: one.id, metric: "level", above: 50 }));
    const at = Date.now() - 60_000;
    for (let n = 0; n < 20; n += 1) {
      for (let copy = 0; copy < 5; copy += 1) send(part.ingest, one, { timestamp: at + n, level: n % 2 === 0 ? 0 : 100 });
      // Once in a while a copy from long before, which must flip nothing back.
      if (n > 5) send(part.ingest, one, { timestamp: at + n - 5, level: (n - 5) % 2 === 0 ? 0 : 100 });
      if (n % 3 === 0) await settle();
    }
    await settle();
    await part.rules.settle();
    const entries = await db.query<{ what: string; n: number }>(sql`
      select e.what, count(*)::integer as n from alarm_entries e join alarms a on a.id = e.alarm_id where a.device_id = ${one.id} group by e.what order by e.what`);
    expect(entries).toEqual([
      { what: "cleared", n: 4 },
      { what: "flapping", n: 1 },
      { what: "raised", n: 5 },
      { what: "repeated", n: 5 },
    ]);
  });

  it("R8: the same for a device that counts and has no clock", async () => {
    const one = await device();
    const messages = Array.from({ length: 2_000 }, (_, n) => JSON.stringify({ seq: n, level: n, wave: (n * 7) % 13 }));
    for (const [index, text] of shuffled(
      [1, 2, 3].flatMap(() => messages),
      7,
    ).entries()) {
      send(part.ingest, one, text);
      if (index % 700 === 699) await settle();
    }
    await settle();
    const levels = (await storedValues(db, one)).filter((row) => row.metric === "level");
    expect(levels.map((row) => row.value).toSorted((a, b) => a - b)).toEqual(messages.map((_, n) => n));
    expect(levels.every((row) => row.seq === row.value && row.quality === 16)).toBe(true);
  });

  it("knows copies after a restart, whatever came first", async () => {
    const one = await device();
    const counter = await device();
    const at = Date.now() - 60_000;
    for (let n = 0; n < 200; n += 1) {
      send(part.ingest, one, { timestamp: at + n, level: n });
      send(part.ingest, counter, { seq: n, level: n });
    }
    await settle();
    await restart();
    for (const n of [150, 199, 3, 4, 200, 201, 5, 200, 0]) {
      send(part.ingest, one, { timestamp: at + n, level: n });
      send(part.ingest, counter, { seq: n, level: n });
    }
    await settle();
    for (const n of [7, 201, 202]) {
      send(part.ingest, one, { timestamp: at + n, level: n });
      send(part.ingest, counter, { seq: n, level: n });
    }
    await settle();
    expect((await storedValues(db, one)).map((row) => row.value)).toEqual(Array.from({ length: 203 }, (_, n) => n));
    expect((await storedValues(db, counter)).map((row) => row.value).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 203 }, (_, n) => n),
    );
  });

  it("lets the first value stand where another one comes for the same instant, in memory and after a restart", async () => {
    const one = await device();
    const at = Date.now() - 60_000;
    send(part.ingest, one, { timestamp: at, level: 1 });
    send(part.ingest, one, { timestamp: at, level: 2, wave: 5 });
    await settle();
    await restart();
    send(part.ingest, one, { timestamp: at, level: 3, wave: 5 });
    await settle();
    expect((await storedValues(db, one)).map((row) => [row.metric, row.value])).toEqual([
      ["level", 1],
      ["wave", 5],
    ]);
    expect(await rejectCodes(one)).toEqual([["ingest.conflicting_value", 2]]);
  });

  it("knows a copy of what waits in the same batch, further back than a lane remembers", async () => {
    const one = await device();
    const at = Date.now() - 60_000;
    for (let n = 0; n < 3; n += 1) send(part.ingest, one, { timestamp: at + n, level: n });
    await settle();
    for (let n = 3; n < 40; n += 1) send(part.ingest, one, { timestamp: at + n, level: n });
    send(part.ingest, one, { timestamp: at + 3, level: 3 });
    send(part.ingest, one, { timestamp: at + 4, level: -4 });
    await settle();
    expect((await storedValues(db, one)).map((row) => row.value)).toEqual(Array.from({ length: 40 }, (_, n) => n));
    expect(await rejectCodes(one)).toEqual([["ingest.conflicting_value", 1]]);
  });

  it("stores metrics of one instant that come in messages of their own", async () => {
    const one = await device();
    const at = Date.now() - 60_000;
    for (let n = 0; n < 3; n += 1) for (const metric of ["a", "b", "c"]) send(part.ingest, one, { timestamp: at + n, [metric]: n });
    await settle();
    for (let n = 3; n < 6; n += 1) for (const metric of ["a", "b", "c"]) send(part.ingest, one, { timestamp: at + n, [metric]: n });
    await settle();
    expect((await storedValues(db, one)).length).toBe(18);
  });

  it("takes a counter that starts again for a new life of the device, and equal copies of it for copies", async () => {
    const one = await device();
    for (let n = 0; n < 10; n += 1) send(part.ingest, one, { seq: n, level: n });
    await settle();
    for (const seq of [0, 1, 2, 0, 1]) send(part.ingest, one, { seq, level: 100 + seq });
    await settle();
    send(part.ingest, one, { seq: 1, level: 101 });
    await settle();
    expect((await storedValues(db, one)).map((row) => row.value).toSorted((a, b) => a - b)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 101, 102,
    ]);
  });

  it("puts late data, an hour and a week old, where they belong, once, also out of chunks", async () => {
    const one = await device();
    const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000;
    const week = hour - 7 * 86_400_000;
    for (const at of [hour - 1_000, week, week + 1_000]) send(part.ingest, one, { timestamp: at, level: at % 97 });
    await settle();
    await restart();
    // The first batch opens a new segment, which closes the old one.
    send(part.ingest, await device(), { pulse: 1 });
    await settle();
    const report = await part.telemetry.compact({ force: true });
    expect(report.values).toBeGreaterThan(0);
    expect(await db.query(sql`select 1 from chunks c where c.device_key = ${one.key} limit 1`)).toHaveLength(1);
    const newest = await db.query<{ told: number; real: number; n: number }>(sql`
      select chunk_newest_us(c) as told, (select max(s.measured_us) from chunk_samples(c) s) as real, c.n from chunks c where c.axis_key = c.series_key`);
    expect(newest.some(({ n }) => n > 1_000)).toBe(true);
    expect(newest.map(({ told }) => told)).toEqual(newest.map(({ real }) => real));
    for (const at of [week, week + 1_000, week + 2_000, hour - 1_000, hour - 3_600_000])
      send(part.ingest, one, { timestamp: at, level: at % 97 });
    await settle();
    expect((await storedValues(db, one)).map((row) => row.us / 1_000)).toEqual([
      week,
      week + 1_000,
      week + 2_000,
      hour - 3_600_000,
      hour - 1_000,
    ]);
    expect(await rejectCodes(one)).toEqual([]);
  });

  it("goes on over many segments without losing or doubling a value", async () => {
    await restart({ closeAfterRows: 50 });
    const one = await device();
    const at = Date.now() - 600_000;
    for (let round = 0; round < 20; round += 1) {
      for (let n = 0; n < 30; n += 1) send(part.ingest, one, { timestamp: at + round * 25 + n, level: round * 25 + n });
      await settle();
    }
    expect((await storedValues(db, one)).map((row) => row.value)).toEqual(Array.from({ length: 505 }, (_, n) => n));
    const [open] = await db.query<{ n: number }>(sql`select count(*)::integer as n from hot_segments s where s.closed_at is null`);
    expect(open?.n).toBe(1);
  });
});
