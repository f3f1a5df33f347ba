import { setTimeout as sleep } from "node:timers/promises";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import type { Scope } from "../../platform/tenancy.ts";
import type { SendingDevice } from "./ingest.ts";
import { addDevice, send, startIngest, storedValues } from "./test-ingest.ts";
import type { TestIngest } from "./test-ingest.ts";

const log = createLog({ level: "silent", pretty: false });
const organisationId = newId();

describe("ingest", () => {
  let database: TestDatabase;
  let db: Db;
  let part: TestIngest;
  let made = 0;
  const device = (): Promise<SendingDevice> => addDevice(db, part, organisationId, `device-${(made += 1)}`);
  /** Added up, for a minute may end among them. */
  const rejectsOf = ({ id }: SendingDevice) =>
    db.query<{ code: string; topic: string; excerpt: string; count: number }>(sql`
      select r.code, r.topic, (array_agg(r.excerpt order by r.first_at))[1] as excerpt, sum(r.count)::integer as count
      from ingest_rejects r where r.device_id = ${id} group by r.code, r.topic order by r.code, r.topic`);

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Ours', 'ours')`);
    part = await startIngest({ db, level: process.env["TEST_LOG"] ?? "silent" });
  });
  afterAll(async () => {
    await part.stop();
    await db.close();
    await database.drop();
  });

  it("stores a message of four values before it is acknowledged", async () => {
    const one = await device();
    const timestamp = Date.now() - 5_000;
    const ticket = send(part.ingest, one, { temperature: 21.53, humidity: 48, open: true, co2: 612, timestamp });
    await part.ingest.drain();
    expect(ticket.receipt?.committedAtMs).toBeGreaterThan(timestamp);
    expect(ticket.reason).toBe(0);
    expect(await storedValues(db, one)).toEqual(
      [
        ["co2", 612],
        ["humidity", 48],
        ["open", 1],
        ["temperature", 21.53],
      ].map(([metric, value]) => ({ metric, us: timestamp * 1_000, value, quality: 0, seq: null })),
    );
  });

  it("GA-08: keeps the good values of a partly bad message and counts the others by code", async () => {
    const one = await device();
    const payload = `{"temperature":21.5,"huge":1e400,"count":9007199254740993,"__proto__":1,"9bad":2,"nested":{"a":1},"list":[1],"missing":null,"model":"ESP32","text":"a\\u0000b","timestamp":${Date.now()}}`;
    const ticket = send(part.ingest, one, payload);
    await part.ingest.drain();
    expect(ticket.receipt).toBeDefined();
    expect(ticket.reason).toBe(0);
    expect((await storedValues(db, one)).map(({ metric, value }) => [metric, value])).toEqual([["temperature", 21.5]]);
    expect((await rejectsOf(one)).map(({ code, count }) => [code, count])).toEqual([
      ["ingest.bad_attribute", 1],
      ["ingest.bad_metric_name", 2],
      ["ingest.bad_value", 3],
      ["ingest.inexact_value", 1],
    ]);
    expect(await db.query(sql`select d.attributes from devices d where d.id = ${one.id}`)).toEqual([{ attributes: { model: "ESP32" } }]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it("answers 0x99 for a message of which nothing is kept, after the reject is committed, and counts repeats in one row", async () => {
    const one = await device();
    const tickets = ["{", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), "{nope", "[]", "17", '{"a":1e400}'].map((payload) =>
      send(part.ingest, one, payload),
    );
    await part.ingest.drain();
    expect(tickets.map(({ reason, receipt }) => [reason, receipt !== undefined])).toEqual(tickets.map(() => [0x99, true]));
    expect(await rejectsOf(one)).toMatchObject([
      { code: "ingest.bad_value", count: 1 },
      { code: "ingest.malformed", count: 3, excerpt: "{", topic: `devices/${one.id}/telemetry` },
      { code: "ingest.not_a_sample", count: 2 },
    ]);
    expect(await storedValues(db, one)).toEqual([]);
  });

  it("R9, GA-08: stores samples of wrong clocks under the receive time, flagged, and says so in a reject", async () => {
    const one = await device();
    const before = Date.now();
    const stamps = ["0", "4291747200", "1445412480", "2077123200000", '"NaN"', "123456", '"2026-02-30T00:00:00Z"', "[]", "-1", "1e400"];
    for (const [index, stamp] of stamps.entries()) send(part.ingest, one, `{"temperature":${index},"timestamp":${stamp}}`);
    const nanoseconds = `${before}123456`;
    send(part.ingest, one, `{"temperature":99,"timestamp":${nanoseconds}}`);
    await part.ingest.drain();
    const rows = await storedValues(db, one);
    const flagged = rows.filter((row) => row.value !== 99);
    expect(flagged.map((row) => [row.value, row.quality])).toEqual(stamps.map((_, index) => [index, 16]));
    for (const row of flagged) expect(row.us).toBeGreaterThanOrEqual(before * 1_000);
    expect(rows.find((row) => row.value === 99)).toMatchObject({ us: before * 1_000 + 123, quality: 0 });
    expect(await rejectsOf(one)).toMatchObject([{ code: "ingest.bad_clock", count: stamps.length }]);
  });

  it("gives samples without a clock times of their own, however fast they come", async () => {
    const one = await device();
    for (let index = 0; index < 50; index += 1) send(part.ingest, one, { pulse: index });
    await part.ingest.drain();
    const rows = await storedValues(db, one);
    expect(rows.map((row) => row.value)).toEqual(Array.from({ length: 50 }, (_, index) => index));
    expect(new Set(rows.map((row) => row.us)).size).toBe(50);
    expect(rows.every((row) => row.quality === 16)).toBe(true);
    expect(await rejectsOf(one)).toEqual([]);
  });

  it("R9: what a device without a clock sent never takes the place of what it measured at an instant of its own, nor the other way round", async () => {
    const one = await device();
    for (let index = 0; index < 20; index += 1) {
      send(part.ingest, one, { pulse: index });
      await part.ingest.drain();
      const received = (await storedValues(db, one)).find(({ value }) => value === index)?.us ?? 0;
      // As a clock in milliseconds has it, before and after.
      const told = [Math.floor(received / 1_000), Math.ceil(received / 1_000)].map((timestamp, side) =>
        send(part.ingest, one, { pulse: 100 + 2 * index + side, timestamp }),
      );
      await part.ingest.drain();
      for (const ticket of told) expect([ticket.reason, ticket.receipt === undefined]).toEqual([0, false]);
      // The next one has milliseconds of its own.
      while (Date.now() * 1_000 < received + 3_000) await sleep(1);
    }
    expect((await storedValues(db, one)).map(({ value }) => value).toSorted((a, b) => a - b)).toEqual([
      ...Array.from({ length: 20 }, (_, index) => index),
      ...Array.from({ length: 40 }, (_, index) => 100 + index),
    ]);
  });

  it("keeps the quality a device tells, and calls what it does not understand suspect", async () => {
    const one = await device();
    const at = Date.now() - 60_000;
    for (const [index, quality] of ["ok", "suspect", "stale", "estimated", "excellent"].entries()) {
      send(part.ingest, one, { temperature: index, quality, timestamp: at + index });
    }
    await part.ingest.drain();
    expect((await storedValues(db, one)).map((row) => row.quality)).toEqual([0, 1, 2, 3, 1]);
  });

  it("refuses values outside a metric's limits, also after the limits were changed", async () => {
    const one = await device();
    const at = Date.now() - 60_000;
    send(part.ingest, one, { temperature: 20, timestamp: at });
    await part.ingest.drain();
    await part.telemetry.changeSeries({ organisationId: one.organisationId }, one.key, one.id, "temperature", { min: -40, max: 85 });
    for (const [index, temperature] of [85, 85.1, -40, -41, 21].entries())
      send(part.ingest, one, { temperature, timestamp: at + 1 + index });
    await part.ingest.drain();
    expect((await storedValues(db, one)).map((row) => row.value)).toEqual([20, 85, -40, 21]);
    expect(await rejectsOf(one)).toMatchObject([{ code: "ingest.out_of_limits", count: 2 }]);
  });

  it("takes an array of samples under one ticket, in any order", async () => {
    const one = await device();
    const at = Date.now() - 60_000;
    const ticket = send(
      part.ingest,
      one,
      [3, 1, 2, 1].map((n) => ({ n, timestamp: at + n })),
    );
    await part.ingest.drain();
    expect(ticket.receipt).toBeDefined();
    expect((await storedValues(db, one)).map((row) => row.value)).toEqual([1, 2, 3]);
    expect(part.ingest.stats().duplicates).toBeGreaterThanOrEqual(1);
  });

  it("bounds the metrics a device may name", async () => {
    const one = await device();
    for (let part_ = 0; part_ < 6; part_ += 1) {
      send(part.ingest, one, Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`m${part_}_${index}`, index])));
    }
    await part.ingest.drain();
    expect((await storedValues(db, one)).length).toBe(500);
    expect(await rejectsOf(one)).toMatchObject([{ code: "ingest.too_many_metrics", count: 100 }]);
  });

  it("keeps events once each, retained status in the same commit, and refuses what has no form", async () => {
    const one = await device();
    const at = new Date(Date.now() - 5_000).toISOString();
    const event = { type: "door.opened", timestamp: at, data: { by: "light" } };
    const tickets = [
      send(part.ingest, one, event, "event"),
      send(part.ingest, one, event, "event"),
      send(part.ingest, one, { ...event, data: { by: "hand" } }, "event"),
      send(part.ingest, one, { state: "done", result: 7 }, "commands/c-1/ack"),
      send(part.ingest, one, { version: 3 }, "config/reported"),
      send(part.ingest, one, { bytes: 12 }, "clips/k1"),
      send(part.ingest, one, "online", "status", true),
      send(part.ingest, one, { uptime: 12, rssi: -70 }, "heartbeat"),
    ];
    const bad = [
      send(part.ingest, one, { type: "Bad Type" }, "event"),
      send(part.ingest, one, '{"type":"x","data":{"a":"\\u0000"}}', "event"),
      send(part.ingest, one, `{"type":"x","data":{"a":${"[".repeat(60_000)}${"]".repeat(60_000)}}}`, "event"),
      send(part.ingest, one, "{", "heartbeat"),
      send(part.ingest, one, { state: "sleeping" }, "status"),
    ];
    await part.ingest.drain();
    expect(tickets.map(({ reason, receipt }) => [reason, receipt !== undefined])).toEqual(tickets.map(() => [0, true]));
    expect(bad.map(({ reason, receipt }) => [reason, receipt !== undefined])).toEqual(bad.map(() => [0x99, true]));
    const events = await db.query<{ type: string; data: unknown }>(
      sql`select e.type, e.data from device_events e where e.device_id = ${one.id} order by e.type, e.data::text`,
    );
    expect(events).toEqual([
      { type: "clip.notice", data: { clip: "k1", body: { bytes: 12 } } },
      { type: "door.opened", data: { by: "hand" } },
      { type: "door.opened", data: { by: "light" } },
    ]);
    const retained = await db.query<{ topic: string; payload: Buffer }>(
      sql`select r.topic, r.payload from retained_messages r where r.device_id = ${one.id}`,
    );
    expect(retained.map(({ topic, payload }) => [topic, payload.toString()])).toEqual([[`devices/${one.id}/status`, "online"]]);
    send(part.ingest, one, "", "status", true);
    await part.ingest.drain();
    expect(await db.query(sql`select 1 from retained_messages r where r.device_id = ${one.id}`)).toEqual([]);
  });

  it("routes a device to its own topics only", async () => {
    const one = await device();
    const code = (topic: string) => {
      const route = part.ingest.routeFor(one, topic);
      return "refused" in route ? route.code : "ok";
    };
    expect(code(`devices/${one.id}/telemetry`)).toBe("ok");
    expect(code(`devices/${one.id}/nonsense`)).toBe("ingest.unknown_topic");
    expect(code(`devices/${one.id}/config`)).toBe("ingest.not_allowed");
    expect(code(`devices/${one.id}/commands/c1`)).toBe("ingest.not_allowed");
    expect(code("devices/other/telemetry")).toBe("ingest.not_allowed");
    expect(code("$SYS/broker")).toBe("ingest.not_allowed");
  });

  it("answers HTTP with what became of each value, and refuses a body that is no sample with its code", async () => {
    const one = await device();
    const at = Date.now() - 60_000;
    const body = (value: unknown) => Buffer.from(JSON.stringify(value));
    expect(
      await part.ingest.acceptHttp(
        one,
        body([
          { a: 1, timestamp: at },
          { a: 2, b: [], timestamp: at + 1 },
        ]),
      ),
    ).toEqual({
      stored: 2,
      duplicates: 0,
      rejected: [{ code: "ingest.bad_value", message: expect.any(String), count: 1 }],
    });
    expect(
      await part.ingest.acceptHttp(
        one,
        body([
          { a: 1, timestamp: at },
          { a: 3, timestamp: at + 1 },
        ]),
      ),
    ).toEqual({
      stored: 0,
      duplicates: 1,
      rejected: [{ code: "ingest.conflicting_value", message: expect.any(String), count: 1 }],
    });
    await expect(part.ingest.acceptHttp(one, Buffer.from("{nope"))).rejects.toMatchObject({ code: "ingest.malformed", status: 400 });
    expect((await rejectsOf(one)).map((reject) => reject.code)).toEqual([
      "ingest.bad_value",
      "ingest.conflicting_value",
      "ingest.malformed",
    ]);
  });

  it("lists rejects newest first, page by page, and a flood of invented topics as one row", async () => {
    // Within one minute, whenever the test runs.
    const still = await startIngest({ db, clock: { ...systemClock, nowMs: () => 1_780_000_000_000 } });
    const one = await addDevice(db, still, organisationId, "flooding");
    const principal = { kind: "device", id: one.id, organisationId } as never;
    for (let index = 0; index < 100; index += 1) {
      still.ingest.refused(
        { principal, code: "ingest.not_allowed", topic: `devices/x${index}/telemetry`, excerpt: "\u0000\u202e{", remoteAddress: "::1" },
        undefined,
      );
      if (index % 10 === 9) await still.ingest.drain();
    }
    send(still.ingest, one, "{");
    await still.ingest.drain();
    const rows = await rejectsOf(one);
    expect(rows.length).toBeLessThanOrEqual(43);
    expect(rows.reduce((sum, row) => sum + row.count, 0)).toBe(101);
    expect(rows.find((row) => row.topic === "(other topics)")?.count).toBe(60);
    expect(rows.every((row) => !/[\0\u202e]/.test(row.excerpt))).toBe(true);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await part.ingest.listRejects({ organisationId }, { deviceId: one.id, limit: 7, cursor });
      seen.push(...page.items.map((item) => item.id));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(rows.length);
    expect(seen.length).toBe(rows.length);
    expect((await part.ingest.listRejects({ organisationId: newId() }, { limit: 7 })).items).toEqual([]);
    await still.kill();
  });

  it("CO-68: shows what hangs on no device to those alone who see the whole organisation", async () => {
    const principal = { kind: "token", id: newId(), organisationId } as never;
    const topic = "devices/of-the-south/telemetry";
    part.ingest.refused({ principal, code: "ingest.not_allowed", topic, excerpt: "{}", remoteAddress: "::1" }, undefined);
    await part.ingest.drain();
    const seen = async (scope?: Scope) =>
      (await part.ingest.listRejects({ organisationId, scope }, { limit: 500 })).items.filter((item) => item.topic === topic).length;
    const nowhere = { siteIds: [], groupIds: [] };
    expect([await seen(), await seen({ allow: [{ siteIds: [newId()], groupIds: [] }], deny: nowhere })]).toEqual([1, 0]);
  });

  it("gives back every byte it counted at the gate", async () => {
    const one = await device();
    for (let index = 0; index < 20; index += 1) send(part.ingest, one, { a: index });
    expect(part.gate.bytes).toBeGreaterThan(0);
    await part.ingest.drain();
    expect(part.gate.bytes).toBe(0);
  });

  it("tells the newest value after the commit, also when a late one came with it", async () => {
    const one = await device();
    const at = Date.now() - 60_000;
    send(part.ingest, one, { temperature: 1, timestamp: at + 1 });
    await part.ingest.drain();
    // From here on memory tells, not the database.
    expect(await part.telemetry.listSeries(one.key)).toMatchObject([{ latest: { value: 1 } }]);
    send(part.ingest, one, { temperature: 5, timestamp: at + 5 });
    send(part.ingest, one, { temperature: 3, timestamp: at + 3 });
    await part.ingest.drain();
    send(part.ingest, one, { temperature: 4, timestamp: at + 4 });
    await part.ingest.drain();
    expect(await part.telemetry.listSeries(one.key)).toMatchObject([{ latest: { value: 5 } }]);
  });
});
