import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import type { AlarmId, AlarmRuleId, DeviceId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";
import { connectionTo, createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createDispatch } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createAlarms } from "../alarms/alarms.ts";
import { createAudit } from "../audit/audit.ts";
import { createRules } from "./rules.ts";
import type { StoredHistory } from "./rules.ts";
import { thresholdRule, unstoredReads } from "./test-rule.ts";

const log = createLog({ level: "silent", pretty: false });
const organisationId = newId();
const strangers = newId();
const device = "coop-1" as DeviceId;
type Limits = Partial<Parameters<typeof thresholdRule>[0]>;
const rule = (limits: Limits) => thresholdRule({ deviceId: device, metric: "temperature", hysteresis: 2, severity: "critical", ...limits });
const all = { limit: 50, state: "all" } as const;

/** A server's rules with its alarms. */
function partsOn(db: Db, latest: StoredHistory["latest"]) {
  const audit = createAudit({ db, clock: systemClock, log, key: randomBytes(32) });
  const alarms = createAlarms({ db, audit, clock: systemClock, log });
  const reads = unstoredReads((id) => ({
    organisationId: id === "theirs" ? strangers : organisationId,
    kind: "generic",
    siteId: undefined,
    groupIds: new Set(),
    hidden: false,
  }));
  const rules = createRules({ db, audit, alarms, clock: systemClock, log, ...reads, history: { ...reads.history, latest } });
  return {
    ...alarms,
    watchFor: rules.watchFor,
    settle: rules.settle,
    catchUp: rules.catchUp,
    observe: rules.observe,
    settled: rules.settled,
    addRule: rules.add,
    changeRule: rules.change,
    removeRule: rules.remove,
    keep: rules.keep,
    listRules: rules.list,
    async close() {
      await rules.close();
      await alarms.close();
    },
  };
}
type Parts = ReturnType<typeof partsOn>;

describe("rules and their alarms", () => {
  let database: TestDatabase;
  let db: Db;
  let alarms: Parts;
  let stored: Map<string, { value: number; measuredAtUs: number }>;
  const alarmsOf = (on: Db) => partsOn(on, async (wanted) => wanted.map(({ deviceId, metric }) => stored.get(`${deviceId}/${metric}`)));
  let tick = 0;
  const next = () => (Date.now() + (tick += 1000)) * 1000;
  const facts = async () =>
    (await db.query<{ type: string }>(sql`select e.type from events e where e.type not like 'incident.%' order by e.xact_id, e.id`)).map(
      ({ type }) => type,
    );

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    for (const [id, name] of [
      [organisationId, "Ours"],
      [strangers, "Strangers"],
    ]) {
      await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${name}, ${name})`);
    }
  });
  beforeEach(async () => {
    await db.query(sql`truncate devices, alarms, alarm_rules, events, event_cursors cascade`);
    await db.query(
      sql`insert into devices (id, organisation_id, name, kind) values ('coop-1', ${organisationId}, 'Coop', 'generic'), ('coop-2', ${organisationId}, 'Other', 'generic'), ('theirs', ${strangers}, 'Theirs', 'generic')`,
    );
    stored = new Map();
    alarms = alarmsOf(db);
  });
  afterEach(async () => alarms.close());
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("rests while its organisation is closed, leaves its alarms as they are, and judges again when it is kept", async () => {
    const about = (type: string) => ({ id: newId(), organisationId, type, nounId: organisationId, data: {}, at: new Date() });
    const states = async () => (await alarms.list({ organisationId }, all)).items.map(({ state, kind }) => `${kind} ${state}`).toSorted();
    const watch = alarms.watchFor(device, "temperature");
    await alarms.addRule({ organisationId }, rule({ above: 30 }));
    await alarms.addRule({ organisationId }, rule({ below: 5 }));
    expect(watch.observe(31, next())).toBe(true);
    await alarms.settle();
    alarms.observe(about("organisation.closed"));
    await alarms.settled();
    expect(watch.observe(1, next())).toBe(false);
    await alarms.settle();
    expect(await states()).toEqual(["above raised"]);
    alarms.observe(about("organisation.kept"));
    await alarms.settled();
    watch.observe(2, next());
    await alarms.settle();
    expect(await states()).toEqual(["above cleared", "below raised"]);
  });

  it("raises once, keeps it open inside the hysteresis, clears, and puts each turn on record", async () => {
    const watch = alarms.watchFor(device, "temperature");
    const { id: ruleId } = await alarms.addRule({ organisationId }, rule({ above: 30 }));
    expect(watch.observe(29, next())).toBe(false);
    expect(watch.observe(31, next())).toBe(true);
    await alarms.settle();
    expect(watch.observe(35, next())).toBe(false);
    expect(watch.observe(29, next())).toBe(false);
    const open = await alarms.list({ organisationId }, { limit: 50, state: "open" });
    expect(open.items).toMatchObject([
      { deviceId: device, deviceName: "Coop", ruleId, kind: "above", severity: "critical", state: "raised", threshold: 30, value: 31 },
    ]);
    expect(watch.observe(28, next())).toBe(true);
    await alarms.settle();
    const [alarm] = (await alarms.list({ organisationId }, all)).items;
    expect(alarm).toMatchObject({ state: "cleared", value: 31 });
    const { history } = await alarms.get({ organisationId }, alarm?.id as AlarmId);
    expect(history.map(({ what, value }) => [what, value])).toEqual([
      ["raised", 31],
      ["cleared", 28],
    ]);
    expect(await facts()).toEqual(["alarm_rule.changed", "alarm.raised", "alarm.cleared"]);
  });

  it("writes every turn of a flapping value in order, as alarms of their own", async () => {
    await alarms.addRule({ organisationId }, rule({ above: 30 }));
    const watch = alarms.watchFor(device, "temperature");
    for (const value of [40, 10, 41, 11, 42]) watch.observe(value, next());
    await alarms.settle();
    const { items } = await alarms.list({ organisationId }, all);
    expect(items.map(({ state, value }) => [state, value])).toEqual([
      ["raised", 42],
      ["cleared", 41],
      ["cleared", 40],
    ]);
  });

  it("R8: keeps one open alarm when two servers judge the same values, and either of them clears it", async () => {
    const other = alarmsOf(db);
    await alarms.addRule({ organisationId }, rule({ above: 30 }));
    const dispatches = await Promise.all(
      [alarms, other].map((one) => createDispatch({ db, handlers: [], observe: (fact) => one.observe(fact), log })),
    );
    await Promise.all([alarms.catchUp(), other.catchUp()]);
    const [ours, theirs] = [alarms, other].map((one) => one.watchFor(device, "temperature"));
    expect([ours?.observe(35, next()), theirs?.observe(35, next())]).toEqual([true, true]);
    await Promise.all([alarms.settle(), other.settle()]);
    expect(await alarms.openCount({ organisationId })).toBe(1);
    // Only one of them raised it; both must be able to clear it, whoever hears the value that does.
    expect(ours?.observe(20, next())).toBe(true);
    await alarms.settle();
    expect(await alarms.openCount({ organisationId })).toBe(0);
    await Promise.all(dispatches.map((one) => one.settle()));
    expect(theirs?.observe(36, next())).toBe(true);
    await other.settle();
    expect((await facts()).slice(1)).toEqual(["alarm.raised", "alarm.cleared", "alarm.raised"]);
    for (const one of dispatches) await one.close();
    await other.close();
  });

  it("takes a rule that another server added, and its change, in the watch that ingest holds already", async () => {
    const other = alarmsOf(db);
    const dispatch = await createDispatch({ db, handlers: [], observe: (fact) => other.observe(fact), log });
    await other.catchUp();
    const theirs = other.watchFor(device, "temperature");
    expect(theirs.observe(35, next())).toBe(false);
    const { id } = await alarms.addRule({ organisationId }, rule({ above: 30 }));
    await expect.poll(() => other.openCount({ organisationId })).toBe(1);
    await alarms.changeRule({ organisationId }, id, rule({ above: 40 }));
    await expect.poll(() => other.openCount({ organisationId })).toBe(0);
    await dispatch.close();
    await other.close();
  });

  it("compares rules with stored values and open alarms at the start, so that a turn nobody wrote is not lost", async () => {
    const { id } = await alarms.addRule({ organisationId }, rule({ above: 30 }));
    stored.set("coop-1/temperature", { value: 33, measuredAtUs: next() });
    const second = alarmsOf(db);
    await second.catchUp();
    expect(await second.openCount({ organisationId })).toBe(1);
    stored.set("coop-1/temperature", { value: 12, measuredAtUs: next() });
    const third = alarmsOf(db);
    await third.catchUp();
    await third.catchUp();
    expect((await third.list({ organisationId }, all)).items).toMatchObject([{ ruleId: id, state: "cleared" }]);
    expect((await facts()).filter((type) => type !== "alarm_rule.changed")).toEqual(["alarm.raised", "alarm.cleared"]);
    await Promise.all([second.close(), third.close()]);
  });

  it("R8: starts without waiting for slow storage, and compares once it answers", async () => {
    const { id } = await alarms.addRule({ organisationId }, rule({ above: 30 }));
    let failures = 0;
    const answer = Promise.withResolvers<readonly [{ value: number; measuredAtUs: number }]>();
    const second = partsOn(db, async () => {
      if ((failures += 1) < 2) throw new Error("canceling statement due to statement timeout");
      return answer.promise;
    });
    await second.catchUp();
    const newestUs = next();
    // Older than what is stored: it says nothing of how things are.
    expect(second.watchFor(device, "temperature").observe(99, newestUs - 1)).toBe(false);
    answer.resolve([{ value: 33, measuredAtUs: newestUs }]);
    await expect.poll(async () => (await second.list({ organisationId }, all)).items).toHaveLength(1);
    expect((await second.list({ organisationId }, all)).items).toMatchObject([{ ruleId: id, value: 33, state: "raised" }]);
    await second.close();
  });

  it("keeps what it could not write while the database is away, and writes it once it is back", async () => {
    const name = database.connection.database ?? new URL(database.connection.connectionString ?? "").pathname.slice(1);
    await alarms.addRule({ organisationId }, rule({ above: 30 }));
    const admin = new pg.Client(connectionTo("postgres"));
    await admin.connect();
    await admin.query(`alter database ${name} allow_connections false`);
    await admin.query("select pg_terminate_backend(a.pid) from pg_stat_activity a where a.datname = $1", [name]);
    // The pool has noticed: what is tried next is a new connection.
    await expect.poll(() => db.pool.totalCount).toBe(0);
    const watch = alarms.watchFor(device, "temperature");
    expect(watch.observe(35, next())).toBe(true);
    await alarms.settle();
    expect(watch.observe(10, next())).toBe(true);
    await sleep(10);
    await admin.query(`alter database ${name} allow_connections true`);
    await admin.end();
    await expect.poll(async () => (await alarms.list({ organisationId }, all)).items.length).toBe(1);
    await alarms.settle();
    expect((await alarms.list({ organisationId }, all)).items).toMatchObject([{ state: "cleared", value: 35 }]);
    expect((await facts()).slice(1)).toEqual(["alarm.raised", "alarm.cleared"]);
  });

  it("clears the open alarm when its rule is changed, switched off or removed", async () => {
    const watch = alarms.watchFor(device, "temperature");
    const { id } = await alarms.addRule({ organisationId }, rule({ above: 30, below: 0 }));
    const open = async () => (await alarms.list({ organisationId }, { limit: 50, state: "open" })).items.map(({ kind }) => kind);
    watch.observe(35, next());
    await alarms.settle();
    expect(await open()).toEqual(["above"]);
    await alarms.changeRule({ organisationId }, id, rule({ above: 50 }));
    expect(await open()).toEqual([]);
    await alarms.changeRule({ organisationId }, id, rule({ above: 31 }));
    expect(await open()).toEqual(["above"]);
    await alarms.changeRule({ organisationId }, id, rule({ above: 31, enabled: false }));
    expect(await open()).toEqual([]);
    expect(watch.observe(60, next())).toBe(false);
    await alarms.changeRule({ organisationId }, id, rule({ above: 31 }));
    expect(await open()).toEqual(["above"]);
    await alarms.removeRule({ organisationId, by: { kind: "person", id: "p1", name: "ann" } }, id);
    expect(await open()).toEqual([]);
    const [last] = (await alarms.list({ organisationId }, all)).items;
    const { history } = await alarms.get({ organisationId }, last?.id as AlarmId);
    expect(history.at(-1)).toMatchObject({ what: "cleared", detail: "rule removed", by: "ann" });
    await expect(alarms.removeRule({ organisationId }, id)).rejects.toMatchObject({ code: "rules.not_found" });
  });

  it("does not raise for a rule that another server removed a moment ago", async () => {
    const { id } = await alarms.addRule({ organisationId }, rule({ above: 30 }));
    await db.query(sql`delete from alarm_rules where id = ${id}`);
    alarms.watchFor(device, "temperature").observe(35, next());
    await alarms.settle();
    expect((await alarms.list({ organisationId }, all)).items).toEqual([]);
  });

  it("raises offline and clears it on return, once per fact, also when a fact comes twice", async () => {
    const [handler] = alarms.handlers;
    const fact = (type: string, id: string, at: string) =>
      handler?.handle({ id, organisationId, type, nounId: device, data: {}, at: new Date(at) });
    const [lost, back, lostAgain] = [newId(), newId(), newId()];
    await fact("device.offline", lost, "2025-01-01T10:00:00.000Z");
    await fact("device.offline", lost, "2025-01-01T10:00:00.000Z");
    expect((await alarms.list({ organisationId }, all)).items).toMatchObject([{ kind: "offline", severity: "warning", state: "raised" }]);
    await fact("device.online", back, "2025-01-01T10:05:00.000Z");
    await fact("device.offline", lost, "2025-01-01T10:00:00.000Z");
    expect(await alarms.openCount({ organisationId })).toBe(0);
    await fact("device.offline", lostAgain, "2025-01-01T11:00:00.000Z");
    await fact("device.online", back, "2025-01-01T10:05:00.000Z");
    expect(await alarms.openCount({ organisationId })).toBe(1);
    expect(await facts()).toEqual(["alarm.raised", "alarm.cleared", "alarm.raised"]);
  });

  it("shows and changes nothing of another organisation", async () => {
    const { id: ruleId } = await alarms.addRule({ organisationId }, rule({ above: 30 }));
    alarms.watchFor(device, "temperature").observe(35, next());
    await alarms.settle();
    const [alarm] = (await alarms.list({ organisationId }, all)).items;
    const id = alarm?.id as AlarmId;
    expect((await alarms.list({ organisationId: strangers }, all)).items).toEqual([]);
    expect((await alarms.listRules({ organisationId: strangers }, { limit: 50 })).items).toEqual([]);
    await expect(alarms.get({ organisationId: strangers }, id)).rejects.toMatchObject({ code: "alarms.not_found" });
    await expect(alarms.acknowledge({ organisationId: strangers }, id, "eve")).rejects.toMatchObject({ code: "alarms.not_found" });
    await expect(alarms.removeRule({ organisationId: strangers }, ruleId)).rejects.toMatchObject({ code: "rules.not_found" });
    await expect(alarms.changeRule({ organisationId: strangers }, ruleId, rule({ above: 1 }))).rejects.toMatchObject({
      code: "rules.not_found",
    });
    await expect(alarms.addRule({ organisationId: strangers }, rule({ above: 30 }))).rejects.toMatchObject({
      code: "devices.not_found",
    });
    expect(await alarms.openCount({ organisationId: strangers })).toBe(0);
  });

  it("pages through alarms and rules without loss or repeat, open alarms first", async () => {
    for (let index = 0; index < 8; index += 1) {
      await alarms.addRule({ organisationId }, rule({ metric: `m${index}`, above: 30 }));
      const watch = alarms.watchFor(device, `m${index}`);
      watch.observe(35, next());
      if (index % 2 === 0) watch.observe(1, next());
    }
    await alarms.settle();
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await alarms.list({ organisationId }, { limit: 3, state: "all", ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.items.map(({ metric, state }) => `${metric} ${state}`));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(seen).toEqual(
      ["m7", "m5", "m3", "m1"].map((metric) => `${metric} raised`).concat(["m6", "m4", "m2", "m0"].map((metric) => `${metric} cleared`)),
    );
    const rulesSeen: AlarmRuleId[] = [];
    cursor = undefined;
    do {
      const page: Awaited<ReturnType<Parts["listRules"]>> = await alarms.listRules(
        { organisationId },
        {
          limit: 3,
          ...(cursor === undefined ? {} : { cursor }),
        },
      );
      rulesSeen.push(...page.items.map(({ id }) => id));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(new Set(rulesSeen).size).toBe(8);
    await expect(alarms.list({ organisationId }, { ...all, cursor: "W10" })).rejects.toMatchObject({ code: "http.invalid" });
    expect(await alarms.openCounts(["coop-1", "coop-2"])).toEqual(new Map([["coop-1", 4]]));
    expect((await alarms.list({ organisationId }, { ...all, severity: "info" })).items).toEqual([]);
    expect((await alarms.list({ organisationId }, { ...all, deviceId: "coop-2" as DeviceId })).items).toEqual([]);
  });

  it("bounds the rules of one metric", async () => {
    for (let index = 0; index < 16; index += 1) await alarms.addRule({ organisationId }, rule({ above: index }));
    await expect(alarms.addRule({ organisationId }, rule({ above: 99 }))).rejects.toMatchObject({ code: "rules.too_many" });
  });

  it("keeps what it can of a kit's rules when one of them is refused, and says which way it was", async () => {
    const wanted = new Map([
      ["a", rule({ above: 30 })],
      ["b", rule({ above: 10, below: 20 })],
      ["c", rule({ below: 5 })],
    ]);
    const kept = async () => (await alarms.listRules({ organisationId }, { limit: 50 })).items.map(({ condition }) => condition);
    await expect(alarms.keep({ organisationId }, "garden", "", wanted)).rejects.toMatchObject({ code: "rules.without_limit" });
    expect(await kept()).toMatchObject([{ above: 30 }, { below: 5 }]);
    // What was right stays right when it is changed to what is refused.
    wanted.set("a", rule({ above: 10, below: 20 })).set("b", rule({ above: 40 }));
    await expect(alarms.keep({ organisationId }, "garden", "", wanted)).rejects.toMatchObject({ code: "rules.without_limit" });
    expect((await kept()).length).toBe(3);
  });
});
