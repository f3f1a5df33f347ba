import { randomBytes } from "node:crypto";

import type { Alarm } from "@roost/contract/alarms";
import type { DeviceId, SiteId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import type { Whose } from "../../platform/tenancy.ts";
import { createAlarms } from "../alarms/alarms.ts";
import { createAudit } from "../audit/audit.ts";
import { fingerprintOf } from "./alertmanager.ts";
import { createExternalAlarms } from "./external-alarms.ts";
import type { ExternalAlarms } from "./external-alarms.ts";

const log = createLog({ level: "silent", pretty: false });
const start = Date.parse("2026-03-02T10:00:00Z");
const minute = 60_000;

describe("alarms of other systems", () => {
  let database: TestDatabase;
  let db: Db;
  let nowMs = start;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const [a, b] = [newId(), newId()];
  const north = newId() as SiteId;
  const devices = new Map([
    ["coop-1", { organisationId: a, siteId: north, groupIds: new Set<string>(), hidden: false }],
    ["theirs", { organisationId: b, siteId: undefined, groupIds: new Set<string>(), hidden: false }],
  ]);
  const by = { kind: "token" as const, id: "t1", name: "prometheus" };
  const whole: Whose = { organisationId: a, by };
  const inNorth: Whose = { ...whole, scope: { allow: [{ siteIds: [north], groupIds: [] }], deny: { siteIds: [], groupIds: [] } } };
  const running: { close(): Promise<void> }[] = [];
  let alarms: ReturnType<typeof createAlarms>;
  let external: ExternalAlarms;

  /** A server on the database: several may be there at once. */
  function server(mostOpen?: number): ExternalAlarms {
    const audit = createAudit({ db, clock, log, key: randomBytes(32) });
    alarms = createAlarms({ db, audit, clock, log });
    const one = createExternalAlarms({
      db,
      alarms,
      findDevice: (id) => devices.get(id),
      clock,
      log,
      publicUrl: "https://roost.example.org",
      ...(mostOpen === undefined ? {} : { mostOpen }),
    });
    running.push(one, alarms);
    return one;
  }
  const labels = { alertname: "HighLatency", instance: "node-7:9100", job: "node", severity: "critical" };
  const annotations = { summary: "Latency is high", description: "p99 is 2.1 s" };
  const at = (minutes: number) => new Date(start + minutes * minute);
  /** As Prometheus posts: over four evaluations after now, unless it is over. */
  const post = (more: object = {}, one = external) =>
    one.postAlerts(whole, "post", [{ labels, annotations, startsAt: at(-1), endsAt: new Date(nowMs + 4 * minute), ...more }]);
  const list = async (state: "open" | "all" = "all"): Promise<Alarm[]> => (await alarms.list(whole, { limit: 50, state })).items;
  const turns = async () => {
    const [alarm] = await list();
    return alarm === undefined
      ? []
      : (await alarms.get(whole, alarm.id)).history.map(({ what, detail }) => (detail === undefined ? what : `${what}: ${detail}`));
  };
  async function goTo(minutes: number, ...servers: ExternalAlarms[]): Promise<void> {
    nowMs = start + minutes * minute;
    await Promise.all((servers.length === 0 ? [external] : servers).map((one) => one.runOnce()));
  }
  /** Servers look every few seconds; so does this, or time in which nobody listened would pass. */
  async function liveTo(minutes: number): Promise<void> {
    while (nowMs < start + minutes * minute) await goTo(Math.min(minutes, (nowMs - start) / minute + 0.4));
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    for (const id of [a, b]) await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${id}, ${id})`);
    await db.query(sql`insert into sites (id, organisation_id, name) values (${north}, ${a}, 'north')`);
  });
  beforeEach(async () => {
    nowMs = start;
    await db.query(sql`truncate external_alarms, external_alarm_watch, devices, alarms, incidents, events cascade`);
    for (const [id, { siteId, organisationId }] of devices)
      await db.query(sql`
        insert into devices (id, organisation_id, site_id, name, kind) values (${id}, ${organisationId}, ${siteId ?? null}, ${id}, 'generic')`);
    external = server();
    await external.runOnce();
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((one) => one.close()));
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("N-F33, N-F01: raises what Prometheus posts with its words, and clears it when it is resolved", async () => {
    await post();
    expect(await list("open")).toMatchObject([
      {
        source: "alertmanager:node-7:9100",
        type: `external:HighLatency:${fingerprintOf(labels)}`,
        kind: "external",
        severity: "critical",
        title: "Latency is high",
        occurrences: 1,
        raisedAt: at(-1),
      },
    ]);
    nowMs += minute;
    await post({ endsAt: at(0.5) });
    expect(await list()).toMatchObject([{ state: "cleared", clearedAt: at(0.5) }]);
    expect(await turns()).toEqual(["raised", "cleared: resolved"]);
  });

  it("N-F02: is one occurrence when it is sent again each minute, from several senders at once, and another one when it begins anew", async () => {
    const other = server();
    for (let sent = 0; sent < 20; sent += 1) {
      nowMs = start + sent * minute;
      await Promise.all([post(), post({}, other)]);
      await external.runOnce();
    }
    expect(await list()).toMatchObject([{ state: "raised", occurrences: 1 }]);
    expect(await turns()).toEqual(["raised"]);
    await post({ startsAt: at(18) });
    expect(await list()).toMatchObject([{ state: "raised", occurrences: 2 }]);
  });

  it("ends what is not sent any more at the moment it was said to hold until, once with several servers and over a restart", async () => {
    await post({ endsAt: at(4) });
    await liveTo(3.9);
    expect(await list("open")).toHaveLength(1);
    await Promise.all(running.splice(0).map((one) => one.close()));
    const [one, other] = [server(), server()];
    await goTo(4.1, one, other);
    expect(await list()).toMatchObject([{ state: "cleared", clearedAt: at(4) }]);
    expect(await turns()).toEqual(["raised", "cleared: not sent any more"]);
    // Five minutes where nothing is said of an end.
    await post({ startsAt: at(4.1), endsAt: undefined }, one);
    external = one;
    await liveTo(9);
    expect(await list("open")).toHaveLength(1);
    await liveTo(9.6);
    expect(await list("open")).toHaveLength(0);
  });

  it("ends nothing because nobody was there to be told: that time is added once, whatever the number of servers", async () => {
    await post({ endsAt: at(4) });
    await goTo(0.4);
    await Promise.all(running.splice(0).map((one) => one.close()));
    const [one, other] = [server(), server()];
    await goTo(30.4, one, other);
    expect(await list("open")).toHaveLength(1);
    external = one;
    await liveTo(33.9);
    expect(await list("open")).toHaveLength(1);
    await liveTo(34.5);
    expect(await list("open")).toHaveLength(0);
  });

  it("takes the webhook of Alertmanager: the same alarm as if it was posted, open until it is resolved", async () => {
    const firing = { labels, annotations, startsAt: at(-1), endsAt: new Date("0001-01-01T00:00:00Z"), isResolved: false };
    await external.postAlerts(whole, "webhook", [firing]);
    await post();
    await liveTo(20);
    expect(await list()).toMatchObject([{ state: "cleared", occurrences: 1 }]);
    await external.postAlerts(whole, "webhook", [{ ...firing, startsAt: at(19) }]);
    await liveTo(40);
    expect(await list("open")).toHaveLength(1);
    await external.postAlerts(whole, "webhook", [{ ...firing, startsAt: at(19), endsAt: at(39), isResolved: true }]);
    expect(await list("open")).toHaveLength(0);
    // The message that it began comes a second time, late.
    await external.postAlerts(whole, "webhook", [{ ...firing, startsAt: at(19) }]);
    expect(await list("open")).toHaveLength(0);
  });

  it("hangs alarms on devices of their own organisation alone, and forgets them with the device", async () => {
    const about = (device: string) => ({ labels: { alertname: "Hot", device } });
    await external.postAlerts(whole, "post", [about("coop-1"), about("theirs"), about("eth0")]);
    expect((await list("open")).map(({ source, deviceId, siteId }) => `${source} ${deviceId} ${siteId}`).toSorted()).toEqual([
      "alertmanager:Hot undefined undefined",
      "alertmanager:Hot undefined undefined",
      `coop-1 coop-1 ${north}`,
    ]);
    await db.query(sql`delete from devices where id = 'coop-1'`);
    const [left] = await db.query<{ n: number }>(sql`select count(*) as n from external_alarms`);
    expect(left?.n).toBe(2);
  });

  it("goes with a device to another organisation, and ends there by itself", async () => {
    await post({ labels: { alertname: "Hot", device: "coop-1" }, endsAt: at(60) });
    await db.query(sql`insert into external_alarms (id, organisation_id, channel, key, source, type, severity, title, starts_at, updated_at)
      select gen_random_uuid(), ${b}, channel, key, source, type, severity, title, starts_at, updated_at from external_alarms`);
    await db.query(sql`select roost_move_device('coop-1', ${b})`);
    const [moved] = await db.query<{ key: string; organisation_id: string }>(
      sql`select e.key, e.organisation_id from external_alarms e where e.device_id = 'coop-1'`,
    );
    expect([moved?.organisation_id, moved?.key.startsWith("moved:")]).toEqual([b, true]);
  });

  it("N-F01: takes an alarm by its id: twice is one, a later one another occurrence, worse is worse, and cleared ends it", async () => {
    const report = {
      id: "T-1",
      type: "door",
      severity: "minor",
      title: "Door open",
      deviceId: "coop-1" as DeviceId,
      state: "raised",
    } as const;
    await external.report(whole, { ...report, at: at(-2) });
    await external.report(whole, { ...report, at: at(-2) });
    await external.report(whole, report);
    expect(await list()).toMatchObject([
      { deviceId: "coop-1", type: "external:door:T-1", severity: "minor", occurrences: 1, raisedAt: at(-2) },
    ]);
    await external.report(whole, { ...report, severity: "critical", at: at(-1) });
    expect(await list()).toMatchObject([{ severity: "critical", occurrences: 2 }]);
    const cleared = await external.report(whole, { ...report, state: "cleared" });
    expect([cleared.state, cleared.at]).toEqual(["cleared", at(0)]);
    // Late: it was cleared after this.
    await external.report(whole, { ...report, at: at(-1) });
    expect(await list("open")).toHaveLength(0);
    nowMs += minute;
    await external.report(whole, report);
    expect(await list("open")).toMatchObject([{ occurrences: 1, raisedAt: at(1) }]);
  });

  it("N-F02: counts the occurrences of one alarm from ten senders as one alarm, with its first time", async () => {
    const sender = async (number: number) => {
      for (let sent = 0; sent < 4; sent += 1)
        await external.report(whole, {
          id: "storm",
          type: "t",
          severity: "info",
          title: "Storm",
          state: "raised",
          at: new Date(start - 1_000_000 + sent * 10 + number),
        });
    };
    await Promise.all(Array.from({ length: 10 }, (_, number) => sender(number)));
    const [storm, ...others] = await list();
    expect(others).toEqual([]);
    // What overtook another on its way is not newer than it.
    expect(storm?.occurrences).toBeGreaterThan(3);
    expect(storm?.lastAt).toEqual(new Date(start - 1_000_000 + 39));
  });

  it("lets who acts in a part name a device of that part, and nothing else", async () => {
    const report = { id: "x", type: "t", severity: "info", title: "T", state: "raised" } as const;
    await external.report(inNorth, { ...report, deviceId: "coop-1" as DeviceId });
    await expect(external.report(inNorth, report)).rejects.toMatchObject({ code: "external_alarms.out_of_reach" });
    // By the id of an alarm that is not about their device.
    await external.report(whole, { ...report, id: "of the whole" });
    const ends = { ...report, id: "of the whole", state: "cleared", deviceId: "coop-1" as DeviceId } as const;
    await expect(external.report(inNorth, ends)).rejects.toMatchObject({ code: "external_alarms.out_of_reach" });
    expect(await list("open")).toHaveLength(2);
    await expect(external.report(inNorth, { ...report, deviceId: "theirs" as DeviceId })).rejects.toMatchObject({
      code: "devices.not_found",
    });
    await expect(external.report(whole, { ...report, deviceId: "gone" as DeviceId })).rejects.toMatchObject({ code: "devices.not_found" });
  });

  it("bounds how many are open, all or nothing of a post", async () => {
    const one = server(2);
    const many = (count: number) => Array.from({ length: count }, (_, index) => ({ labels: { alertname: "N", index: String(index) } }));
    await expect(one.postAlerts(whole, "post", many(3))).rejects.toMatchObject({ code: "external_alarms.too_many" });
    expect(await list()).toEqual([]);
    await one.postAlerts(whole, "post", many(2));
    await one.postAlerts(whole, "post", many(2));
    expect(await list()).toHaveLength(2);
  });

  it("shows open alarms as Alertmanager does: with the labels they came with, or with ours", async () => {
    await post();
    await db.transaction(async (tx) =>
      alarms.take(tx, [
        {
          id: newId(),
          what: "raise",
          organisationId: a,
          source: "coop-1",
          deviceId: "coop-1",
          type: "offline",
          kind: "offline",
          severity: "warning",
          at: at(0),
        },
      ]),
    );
    const query = { active: true, silenced: true, inhibited: true, filters: [] };
    const shown = await external.alerts(whole, query);
    expect(shown).toMatchObject([
      { labels: { alertname: "offline", severity: "warning", device: "coop-1", site: "north" }, status: { state: "active" } },
      { labels, annotations, fingerprint: fingerprintOf(labels), startsAt: at(-1), endsAt: at(4) },
    ]);
    expect(shown[0]?.generatorURL).toMatch(/^https:\/\/roost\.example\.org\/alarms\//);
    const found = await external.alerts(whole, { ...query, filters: ['alertname=~"High.*"', "severity=critical"] });
    expect(found).toHaveLength(1);
    expect(await external.alerts(whole, { ...query, receiver: "other" })).toEqual([]);
    expect(await external.alerts({ organisationId: b }, query)).toEqual([]);
    expect(await external.alerts(whole, { ...query, active: false })).toEqual([]);
  });
});
