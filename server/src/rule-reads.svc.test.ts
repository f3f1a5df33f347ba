import type { DeviceId, SiteId } from "@roost/contract/ids";
import { ruleFields } from "@roost/contract/rules";
import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { ruleReads } from "./joins.ts";
import { addDevice, send, startIngest } from "./modules/ingest/test-ingest.ts";
import type { TestIngest } from "./modules/ingest/test-ingest.ts";
import { createDb } from "./platform/db.ts";
import type { Db } from "./platform/db.ts";
import { createDispatch, emit } from "./platform/events.ts";
import type { Dispatch } from "./platform/events.ts";
import { newId } from "./platform/id.ts";
import { createLog } from "./platform/log.ts";
import type { Whose } from "./platform/tenancy.ts";

const log = createLog({ level: "silent", pretty: false });
const minute = 60_000;

/** Rules between real devices, real stored values and real alarms, with a clock that steps. */
describe("rules over what is stored", () => {
  let database: TestDatabase;
  let db: Db;
  let part: TestIngest;
  let dispatch: Dispatch;
  let nowMs = 0;
  let count = 0;
  const organisationId = newId();
  const [north, south] = [newId() as SiteId, newId() as SiteId];
  const whose: Whose = { organisationId, by: { kind: "person", id: "p1", name: "ann" } };
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };

  async function start(): Promise<void> {
    part = await startIngest({ db, clock, ruleReads });
    dispatch = await createDispatch({
      db,
      handlers: [...part.devices.handlers, ...part.alarms.handlers, ...part.rules.handlers],
      observe: async (fact) => {
        await part.devices.learn(fact);
        part.rules.observe(fact);
      },
      log,
    });
  }
  /** All that was said until now has taken effect. */
  async function settled(): Promise<void> {
    await dispatch.settle();
    await part.rules.settled();
  }
  /** As after a kill: nothing that was in memory is written. */
  async function killAndStart(): Promise<void> {
    await dispatch.close();
    const { rules } = part;
    part.ingest.close();
    await part.samples.close();
    await part.devices.stop();
    rules.abandon();
    await start();
  }
  async function stopAndStart(): Promise<void> {
    await dispatch.close();
    await part.stop();
    await start();
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Ours', 'ours')`);
    await db.query(
      sql`insert into sites (id, organisation_id, name) values (${north}, ${organisationId}, 'North'), (${south}, ${organisationId}, 'South')`,
    );
  });
  beforeEach(async () => {
    await db.query(sql`delete from alarm_rules`);
    nowMs = Math.ceil(Date.now() / 1_000) * 1_000 + 1_000;
    await start();
  });
  afterEach(async () => {
    await dispatch.close();
    await part.stop();
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  const device = async () => addDevice(db, part, organisationId, `coop-${(count += 1)}`);
  const rule = (fields: object) => ruleFields.parse({ severity: "major", ...fields });
  async function measure(of: Awaited<ReturnType<typeof device>>, values: object, atMs = nowMs): Promise<void> {
    send(part.ingest, of, { ...values, timestamp: new Date(atMs).toISOString() });
    await part.ingest.drain();
    await part.rules.settle();
  }
  async function alarmsOf(id: string): Promise<string[]> {
    const { items } = await part.alarms.list(whose, { limit: 50, state: "all", deviceId: id as DeviceId });
    return items
      .map(({ kind, metric, threshold, value, severity, state }) => [kind, metric, threshold, value, severity, state].join(" "))
      .sort();
  }

  it("CO-38: each of four limits raises exactly one alarm that says which, and clears; equal raises none, jitter no second", async () => {
    const coop = await device();
    for (const [metric, above, below] of [
      ["temperature", 35, 5],
      ["humidity", 90, 30],
    ] as const) {
      const condition = { kind: "threshold", metric, above, below, hysteresis: 1 };
      await part.rules.add(whose, rule({ scope: { deviceId: coop.id }, condition }));
    }
    for (const [temperature, humidity] of [
      [20, 60],
      [35, 90],
      [5, 30],
      [35.2, 90.5],
      [34.9, 89.9],
      [35.3, 90.1],
      [20, 60],
      [4.8, 29],
      [5.2, 30.4],
      [4.9, 29.9],
      [20, 60],
    ]) {
      nowMs += minute;
      await measure(coop, { temperature, humidity });
    }
    expect(await alarmsOf(coop.id)).toEqual([
      "above humidity 90 90.5 major cleared",
      "above temperature 35 35.2 major cleared",
      "below humidity 30 29 major cleared",
      "below temperature 5 4.8 major cleared",
    ]);
  });

  it("GA-13: a kill in the middle of ten minutes neither resets nor doubles them", async () => {
    const coop = await device();
    await part.rules.add(
      whose,
      rule({ scope: { deviceId: coop.id }, condition: { kind: "threshold", metric: "temperature", above: 30, forSeconds: 600 } }),
    );
    for (let index = 0; index <= 6; index += 1) {
      await measure(coop, { temperature: 31 });
      nowMs += minute;
    }
    await killAndStart();
    expect(await alarmsOf(coop.id)).toEqual([]);
    for (let index = 7; index < 10; index += 1) {
      await measure(coop, { temperature: 31 });
      nowMs += minute;
    }
    expect(await alarmsOf(coop.id)).toEqual([]);
    await measure(coop, { temperature: 31 });
    expect(await alarmsOf(coop.id)).toEqual(["above temperature 30 31 major raised"]);
  });

  it("GA-13: a clean stop keeps count of values in a row, and starting counts none twice", async () => {
    const coop = await device();
    await part.rules.add(
      whose,
      rule({ scope: { deviceId: coop.id }, condition: { kind: "threshold", metric: "temperature", above: 30, count: 3 } }),
    );
    for (const temperature of [20, 31, 32]) await measure(coop, { temperature }, (nowMs += minute));
    await stopAndStart();
    await stopAndStart();
    const kept = await db.query<{ in_a_row: number }>(sql`select m.in_a_row from rule_memory m where m.device_id = ${coop.id}`);
    expect(kept).toEqual([{ in_a_row: 2 }]);
    expect(await alarmsOf(coop.id)).toEqual([]);
    await measure(coop, { temperature: 33 }, (nowMs += minute));
    expect(await alarmsOf(coop.id)).toEqual(["above temperature 30 33 major raised"]);
  });

  it("a count and a rate are known again after a kill, from what is stored", async () => {
    const coop = await device();
    await part.rules.add(
      whose,
      rule({ scope: { deviceId: coop.id }, condition: { kind: "threshold", metric: "temperature", above: 30, count: 4 } }),
    );
    await part.rules.add(
      whose,
      rule({ scope: { deviceId: coop.id }, condition: { kind: "rate", metric: "pressure", perHour: 5, overSeconds: 1_800 } }),
    );
    for (let index = 0; index < 24; index += 1)
      await measure(coop, { temperature: index < 21 ? 20 : 31, pressure: index / 5 }, (nowMs += minute));
    await killAndStart();
    expect(await alarmsOf(coop.id)).toEqual([]);
    await measure(coop, { temperature: 31, pressure: 24 / 5 }, (nowMs += minute));
    expect((await alarmsOf(coop.id)).map((one) => one.split(" ")[0])).toEqual(["above", "rate"]);
  });

  it("a rule about a site takes in who comes and lets go of who leaves, with the exception there is for a site", async () => {
    const [one, other] = [await device(), await device()];
    await part.rules.add(whose, rule({ scope: { siteId: north }, condition: { kind: "threshold", metric: "temperature", above: 30 } }));
    const wide = await part.rules.add(
      whose,
      rule({
        name: "Everywhere",
        scope: { everything: true },
        condition: { kind: "threshold", metric: "temperature", above: 50 },
        overrides: [{ siteId: south, severity: "critical", condition: { above: 25 } }],
      }),
    );
    await measure(one, { temperature: 40 });
    await measure(other, { temperature: 40 });
    expect([await alarmsOf(one.id), await alarmsOf(other.id)]).toEqual([[], []]);
    await part.devices.change(whose, one.id, { siteId: north });
    await expect.poll(() => alarmsOf(one.id)).toEqual(["above temperature 30 40 major raised"]);
    expect(await alarmsOf(other.id)).toEqual([]);
    await part.devices.change(whose, one.id, { siteId: south });
    await expect.poll(() => alarmsOf(one.id)).toEqual(["above temperature 25 40 critical raised", "above temperature 30 40 major cleared"]);
    const { items } = await part.rules.list(whose, { limit: 10, deviceId: other.id });
    expect(items.map(({ id }) => id)).toEqual([wide.id]);
  });

  it("what goes with its site takes its alarms along, and a device that comes back begins anew", async () => {
    const coop = await device();
    const gone = newId() as SiteId;
    await db.query(sql`insert into sites (id, organisation_id, name) values (${gone}, ${organisationId}, 'Gone')`);
    const condition = { kind: "threshold", metric: "temperature", above: 30 };
    await part.rules.add(whose, rule({ scope: { siteId: gone }, condition }));
    await part.rules.add(whose, rule({ scope: { siteId: north }, condition: { ...condition, forSeconds: 600 } }));
    await part.devices.change(whose, coop.id, { siteId: gone });
    await settled();
    await measure(coop, { temperature: 31 }, (nowMs += minute));
    expect(await alarmsOf(coop.id)).toEqual(["above temperature 30 31 major raised"]);
    await db.transaction(async (tx) => {
      await tx.query(sql`delete from sites where id = ${gone}`);
      await emit(tx, { organisationId, type: "site.removed", nounId: gone });
    });
    await expect.poll(() => alarmsOf(coop.id)).toEqual(["above temperature 30 31 major cleared"]);
    await part.devices.change(whose, coop.id, { siteId: north });
    await settled();
    await measure(coop, { temperature: 20 }, (nowMs += minute));
    await measure(coop, { temperature: 31 }, (nowMs += 8 * minute));
    await part.devices.change(whose, coop.id, { siteId: south });
    await part.devices.change(whose, coop.id, { siteId: north });
    await settled();
    await measure(coop, { temperature: 31 }, (nowMs += 4 * minute));
    expect(await alarmsOf(coop.id)).toHaveLength(1);
    await measure(coop, { temperature: 31 }, (nowMs += 6 * minute));
    await expect.poll(() => alarmsOf(coop.id)).toHaveLength(2);
  });

  it("silence is measured from the newest stored value on, also over a restart, and ends with the next value", async () => {
    const coop = await device();
    await part.rules.add(
      whose,
      rule({ scope: { everything: true }, condition: { kind: "no_data", metric: "temperature", afterSeconds: 600 } }),
    );
    await measure(coop, { temperature: 20, humidity: 50 });
    nowMs += 9 * minute;
    await measure(coop, { humidity: 50 });
    part.rules.tick();
    await stopAndStart();
    part.rules.tick();
    expect(await alarmsOf(coop.id)).toEqual([]);
    nowMs += 2 * minute;
    part.rules.tick();
    await part.rules.settle();
    expect(await alarmsOf(coop.id)).toEqual(["no_data temperature   major raised"]);
    await measure(coop, { temperature: 20 }, (nowMs += 1_000));
    part.rules.tick();
    await part.rules.settle();
    expect(await alarmsOf(coop.id)).toEqual(["no_data temperature   major cleared"]);
  });

  it("a device's event raises, its counterpart clears, and both copies of one count once", async () => {
    const coop = await device();
    await part.rules.add(
      whose,
      rule({ name: "Door", scope: { kind: "generic" }, condition: { kind: "event", type: "door_open*", clearsOn: "door_closed" } }),
    );
    const tell = async (type: string) => {
      const payload = { type, timestamp: new Date((nowMs += 1_000)).toISOString(), data: { door: 1 } };
      for (const copy of [payload, payload]) send(part.ingest, coop, copy, "event");
      await part.ingest.drain();
      await settled();
    };
    await tell("door_stuck");
    expect(await alarmsOf(coop.id)).toEqual([]);
    await tell("door_opened");
    const { items } = await part.alarms.list(whose, { limit: 5, state: "all", deviceId: coop.id as DeviceId });
    expect(items).toMatchObject([{ kind: "event", title: "Door", occurrences: 1, state: "raised" }]);
    await tell("door_closed");
    expect((await alarmsOf(coop.id))[0]).toMatch(/cleared$/);
  });

  it("a rule made of others raises when all of them have their alarm, and cannot be made of itself", async () => {
    const coop = await device();
    const part1 = await part.rules.add(
      whose,
      rule({ scope: { everything: true }, condition: { kind: "threshold", metric: "temperature", above: 30 } }),
    );
    const part2 = await part.rules.add(
      whose,
      rule({ scope: { deviceId: coop.id }, condition: { kind: "threshold", metric: "humidity", below: 20 } }),
    );
    const both = await part.rules.add(
      whose,
      rule({
        name: "Hot and dry",
        severity: "critical",
        scope: { everything: true },
        condition: { kind: "composite", all: [part1.id, part2.id] },
      }),
    );
    const composites = async () => (await alarmsOf(coop.id)).filter((one) => one.startsWith("composite"));
    await measure(coop, { temperature: 31, humidity: 50 }, (nowMs += minute));
    await settled();
    expect(await composites()).toEqual([]);
    await measure(coop, { humidity: 10 }, (nowMs += minute));
    await settled();
    expect(await composites()).toEqual(["composite    critical raised"]);
    await measure(coop, { temperature: 20 }, (nowMs += minute));
    await settled();
    expect(await composites()).toEqual(["composite    critical cleared"]);
    const loop = rule({ scope: { everything: true }, condition: { kind: "composite", any: [both.id] } });
    await expect(part.rules.change(whose, both.id, loop)).rejects.toMatchObject({ code: "rules.cycle" });
    await expect(part.rules.remove(whose, part1.id)).rejects.toMatchObject({ code: "rules.in_use" });
  });

  it("how bad offline is says the most specific rule for the device", async () => {
    const coop = await device();
    await part.rules.add(whose, rule({ severity: "minor", scope: { kind: "generic" }, condition: { kind: "offline" } }));
    await part.rules.add(whose, rule({ severity: "critical", scope: { deviceId: coop.id }, condition: { kind: "offline" } }));
    const other = await device();
    const [handler] = part.alarms.handlers;
    for (const { id } of [coop, other])
      await handler?.handle({ id: newId(), organisationId, type: "device.offline", nounId: id, data: {}, at: new Date(nowMs) });
    expect([await alarmsOf(coop.id), await alarmsOf(other.id)]).toEqual([["offline    critical raised"], ["offline    minor raised"]]);
  });

  it("keeps what a rule was, says what changed, and goes back to it as a new version; what is refused leaves the old one in force", async () => {
    const coop = await device();
    const scope = { deviceId: coop.id };
    const condition = { kind: "threshold", metric: "temperature", above: 30 };
    const { id } = await part.rules.add(whose, rule({ scope, condition }));
    await part.rules.change(whose, id, rule({ name: "Warm", scope, condition: { ...condition, above: 40 } }));
    const wrong: readonly [object, string][] = [
      [{ scope, condition: { ...condition, above: 10, below: 20 } }, "rules.without_limit"],
      [{ scope, condition: { ...condition, unit: "furlong" } }, "rules.unknown_unit"],
      [{ scope, condition: { ...condition, unit: "kg" } }, "rules.unit_mismatch"],
      [{ scope: {}, condition }, "rules.empty_scope"],
      [{ scope, condition, title: "{{value" }, "rules.unreadable_template"],
      [{ scope, condition, title: "{{password}}" }, "rules.unreadable_template"],
      [{ scope: { siteId: newId() }, condition }, "rules.unknown_place"],
      [{ scope: { everything: true }, condition, overrides: [{ siteId: north, condition: { above: null } }] }, "rules.without_limit"],
      [{ scope: { everything: true }, condition, overrides: [{ siteId: north, condition: { perHour: 3 } }] }, "rules.override_unfit"],
    ];
    await measure(coop, { temperature: 20 });
    for (const [fields, code] of wrong) await expect(part.rules.change(whose, id, rule(fields)), code).rejects.toMatchObject({ code });
    const back = await part.rules.rollBack(whose, id, 1);
    expect(back).toMatchObject({ version: 3, condition: { above: 30 }, changedBy: "ann" });
    expect(back.name).toBeUndefined();
    const { items } = await part.rules.versions(whose, id, { limit: 10 });
    expect(items.map(({ version, what, changes }) => [version, what, changes])).toEqual([
      [
        3,
        "rolled_back",
        [
          { field: "condition.above", from: 40, to: 30 },
          { field: "name", from: "Warm" },
        ],
      ],
      [
        2,
        "changed",
        [
          { field: "condition.above", from: 30, to: 40 },
          { field: "name", to: "Warm" },
        ],
      ],
      [1, "added", []],
    ]);
    await expect(part.rules.rollBack(whose, id, 9)).rejects.toMatchObject({ code: "rules.no_such_version" });
  });

  it("N-F08: a rule tried on the past finds the alarms it would have raised, the same as the rule itself would", async () => {
    const coop = await device();
    const from = new Date(nowMs);
    const values = [20, 31, 32, 20, 31, 20, 33, 34, 35, 29, 31, 31];
    for (const temperature of values) await measure(coop, { temperature }, (nowMs += minute));
    const wanted = rule({ scope: { deviceId: coop.id }, condition: { kind: "threshold", metric: "temperature", above: 30, count: 2 } });
    const to = new Date(nowMs + minute);
    const trial = await part.rules.test(whose, { rule: wanted, from, to });
    expect(trial).toMatchObject({ count: 3, devicesDone: 1, devicesTotal: 1, valuesRead: values.length });
    expect(trial.alarms.map(({ value, to: end }) => [value, end !== undefined])).toEqual([
      [32, true],
      [34, true],
      [31, false],
    ]);
    const silence = rule({ scope: { deviceId: coop.id }, condition: { kind: "no_data", afterSeconds: 120 } });
    expect(await part.rules.test(whose, { rule: silence, from, to: new Date(nowMs + 10 * minute) })).toMatchObject({ count: 1 });
    const elsewhere = { ...whose, scope: { allow: [{ siteIds: [south], groupIds: [] }], deny: { siteIds: [], groupIds: [] } } };
    await expect(part.rules.test(elsewhere, { rule: wanted, from, to })).rejects.toMatchObject({ code: "devices.not_found" });
  });

  it("says in words why there is an alarm or none, for any moment", async () => {
    const coop = await device();
    const deviceId = coop.id as DeviceId;
    const before = new Date(Date.now() - 60_000);
    const { id } = await part.rules.add(
      whose,
      rule({ scope: { deviceId }, condition: { kind: "threshold", metric: "temperature", above: 30, hysteresis: 2, forSeconds: 600 } }),
    );
    const why = async (at?: Date) =>
      (await part.rules.explain(whose, deviceId, { metric: "temperature", at })).rules.map(
        ({ reason, why: words }) => `${reason}: ${words}`,
      );
    expect(await why()).toEqual(["no_value: The device never sent temperature."]);
    await measure(coop, { temperature: 30 }, (nowMs += minute));
    expect(await why()).toEqual(["inside: 30 is not above 30."]);
    for (let index = 0; index <= 6; index += 1) await measure(coop, { temperature: 31 }, (nowMs += minute));
    const waitedAt = new Date(nowMs);
    expect(await why()).toEqual(["waiting: 31 is outside (above 30), and has not been for long enough: 6 of 10 min."]);
    for (let index = 0; index <= 4; index += 1) await measure(coop, { temperature: 31 }, (nowMs += minute));
    expect((await why())[0]).toMatch(/^alarm: There was an alarm, since /);
    await measure(coop, { temperature: 29 }, (nowMs += minute));
    expect((await why())[0]).toMatch(/^hysteresis: 29 is inside the limit of 30 again/);
    expect(await why(before)).toEqual(["not_yet: The rule was not there yet."]);
    expect((await why(waitedAt))[0]).toMatch(/^waiting/);
    await part.rules.change(
      whose,
      id,
      rule({ enabled: false, scope: { deviceId }, condition: { kind: "threshold", metric: "temperature", above: 30 } }),
    );
    expect((await why())[0]).toMatch(/^switched_off: The rule was switched off, since .* by ann\.$/);
    const { values } = await part.rules.explain(whose, deviceId, { metric: "temperature", at: waitedAt });
    expect(values.length).toBeGreaterThan(6);
  });
});
