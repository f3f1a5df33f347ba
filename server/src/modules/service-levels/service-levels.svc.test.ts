import { randomBytes } from "node:crypto";

import type { Alarm, Severity } from "@roost/contract/alarms";
import type { AlarmId, DeviceId, ServiceId, ServiceLevelId, SiteId } from "@roost/contract/ids";
import { usualTargets } from "@roost/contract/service-levels";
import type { BusinessHours, ServiceLevel } from "@roost/contract/service-levels";
import type { Service } from "@roost/contract/services";
import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createAlarms } from "../alarms/alarms.ts";
import type { Alarms } from "../alarms/alarms.ts";
import { createWindows } from "../alarms/windows.ts";
import { createAudit } from "../audit/audit.ts";
import { createServiceLevels } from "./service-levels.ts";
import type { ServiceLevels } from "./service-levels.ts";

const log = createLog({ level: "silent", pretty: false });
const organisationId = newId();
const strangers = newId();
const [north, south] = [newId(), newId()];
const email = "ann@example.org";
const ann = { organisationId, by: { kind: "person" as const, id: newId(), name: email } };
const at = (siteId: string) => ({ ...ann, scope: { allow: [{ siteIds: [siteId], groupIds: [] }], deny: { siteIds: [], groupIds: [] } } });
const startMs = Date.parse("2026-03-02T10:00:00Z");
const [minuteMs, dayMs] = [60_000, 86_400_000];
const ago = (days: number) => new Date(startMs - days * dayMs);

describe("service levels", () => {
  let database: TestDatabase;
  let db: Db;
  let alarms: Alarms;
  let levels: ServiceLevels;
  let nowMs = startMs;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const build = () => {
    const audit = createAudit({ db, clock, log, key: randomBytes(32) });
    alarms = createAlarms({ db, audit, clock, log });
    levels = createServiceLevels({ db, audit, alarms, clock, log });
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    build();
    for (const id of [organisationId, strangers])
      await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${id}, ${id})`);
    await db.query(
      sql`insert into sites (id, organisation_id, name) values (${north}, ${organisationId}, 'North'), (${south}, ${organisationId}, 'South')`,
    );
    for (const [id, siteId, state] of [
      ["olt-north", north, "online"],
      ["onu-north", north, "online"],
      ["olt-south", south, "online"],
      ["never-heard", south, "waiting"],
    ])
      await db.query(sql`
        insert into devices (id, organisation_id, name, kind, site_id, state, created_at, state_since)
        values (${id}, ${organisationId}, ${id}, 'generic', ${siteId}, ${state}, ${ago(400)}, ${ago(400)})`);
  });
  beforeEach(async () => {
    nowMs = startMs;
    await db.query(sql`truncate alarms, incidents, events, services, service_levels, watched_spans, maintenance_windows cascade`);
    // Somebody watched for all of the last year, and will for the next months.
    await db.query(sql`insert into watched_spans (began_at, until_at) values (${ago(400)}, ${ago(-200)})`);
  });
  afterAll(async () => {
    await alarms.close();
    await db.close();
    await database.drop();
  });

  const level = async (more: Partial<ServiceLevel> = {}): Promise<ServiceLevel> =>
    levels.levels.add(ann, {
      name: "Gold",
      availabilityPercent: 99.9,
      periodDays: 30,
      responseMinutes: 60,
      resolutionMinutes: 240,
      bySeverity: usualTargets,
      excludeMaintenance: true,
      ...more,
    });
  const service = async (one: ServiceLevel, more: Partial<Parameters<ServiceLevels["add"]>[1]> = {}): Promise<Service> =>
    levels.add(ann, {
      name: "Fibre for Hansa",
      serviceLevelId: one.id,
      carriedBy: { deviceIds: ["olt-north" as DeviceId], groupIds: [], siteIds: [] },
      outages: { severities: ["critical"], kinds: ["offline"] },
      credits: { breached: 10, critical: 25 },
      since: ago(200),
      ...more,
    });

  /** Something is down from one instant to another, both as minutes from the beginning; absent: it goes on. */
  async function down(
    deviceId: string,
    fromMinutes: number,
    toMinutes?: number,
    severity: Severity = "major",
    kind: Alarm["kind"] = "offline",
  ) {
    const type = `${kind}:${newId()}`;
    const signal = { organisationId, source: deviceId, type, deviceId, kind, severity } as const;
    const instant = (minutes: number) => new Date(startMs + minutes * minuteMs);
    const id = newId();
    await db.transaction((tx) => alarms.take(tx, [{ ...signal, id, what: "raise", at: instant(fromMinutes) }]));
    if (toMinutes !== undefined)
      await db.transaction((tx) => alarms.take(tx, [{ ...signal, id: newId(), what: "clear", at: instant(toMinutes) }]));
    return id;
  }
  const found = async () => (await levels.breaches(ann, { limit: 200, state: "all" })).items;
  const openAlarms = async () =>
    (await alarms.list(ann, { state: "open", limit: 200 })).items.filter(({ kind }) => kind === "service_level");
  const facts = async () =>
    (await db.query<{ type: string }>(sql`select e.type from events e where e.type like 'service_breach.%' order by e.xact_id, e.id`)).map(
      ({ type }) => type,
    );

  it("N-F09: an outage of 43 minutes keeps 99.9 % of 30 days; a further 4 h 30 min break it once, and replaying the month says the same", async () => {
    const gold = await level();
    const fibre = await service(gold);
    await down("olt-north", -43, 0);
    await levels.look();
    const first = await levels.report(ann, fibre.id, {});
    expect(first.standing).toMatchObject({ state: "compliant", unplannedSeconds: 43 * 60, unknownSeconds: 0, allowedSeconds: 2_592 });
    expect(first.standing.availabilityPercent?.toFixed(2)).toBe("99.90");
    expect((await levels.reportCsv(ann, fibre.id, {})).split("\r\n")[1]).toContain(",compliant,99.9,99.90,43,0,43,0,0,");
    expect([await found(), await openAlarms(), first.breaches]).toEqual([[], [], []]);

    nowMs = startMs + 5 * 60 * minuteMs;
    await down("olt-north", 30, 300);
    await levels.look();
    const second = await levels.report(ann, fibre.id, {});
    expect(second.standing).toMatchObject({ state: "breached", unplannedSeconds: 313 * 60, countedSeconds: 313 * 60 });
    expect(second.standing.availabilityPercent?.toFixed(2)).toBe("99.28");
    expect(second).toMatchObject({ creditPercent: 10, outages: [{ unplannedSeconds: 43 * 60 }, { unplannedSeconds: 270 * 60 }] });
    const broken = (await found()).filter(({ type }) => type === "availability");
    expect(broken).toEqual([
      expect.objectContaining({ severity: "breached", target: 99.9, foundAt: new Date(nowMs), serviceId: fibre.id }),
    ]);
    expect(broken[0]?.actual.toFixed(2)).toBe("99.28");

    // The month once more, by another server that starts on the same database: nothing is found twice, and every number stays.
    const before = { found: await found(), facts: await facts(), open: await openAlarms() };
    build();
    await levels.look();
    await levels.look();
    expect({ found: await found(), facts: await facts(), open: await openAlarms() }).toEqual(before);
    expect(await levels.report(ann, fibre.id, {})).toEqual(second);
    expect(await levels.report(ann, fibre.id, { to: new Date(startMs) })).toEqual(first);
  });

  it("N-F09: several devices of a site are one service; what one of them hides of another counts by its own time", async () => {
    const one = await service(await level(), { carriedBy: { deviceIds: [], groupIds: [], siteIds: [north as SiteId] } });
    await down("olt-north", -100, -60);
    const child = await down("onu-north", -80, -50);
    await db.query(sql`update alarms set muted_by = 'parent' where id = ${child}`);
    // Not an outage: neither critical nor offline.
    await down("olt-north", -500, -400, "major", "above");
    await down("olt-south", -500, -400);
    const report = await levels.report(ann, one.id, {});
    expect(report.standing).toMatchObject({ unplannedSeconds: 50 * 60, state: "at_risk" });
    expect(report.outages.map(({ deviceName, unplannedSeconds }) => [deviceName, unplannedSeconds])).toEqual([
      ["olt-north", 40 * 60],
      ["onu-north", 30 * 60],
    ]);
    expect(await levels.get(ann, one.id)).toMatchObject({ devices: 2, isDown: false });
    await down("onu-north", 0);
    nowMs += minuteMs;
    expect(await levels.get(ann, one.id)).toMatchObject({ isDown: true, standing: { unplannedSeconds: 51 * 60 } });
  });

  it("N-F09, N-F04: a maintenance window that was planned takes out exactly itself; a silence, and one that was planned afterwards, do not", async () => {
    const windows = createWindows({
      db,
      audit: createAudit({ db, clock, log, key: randomBytes(32) }),
      findDevice: () => undefined,
      clock,
      log,
    });
    const plan = async (from: number, to: number) =>
      windows.add(ann, {
        title: "New line card",
        plan: { kind: "once", from: new Date(startMs + from * minuteMs), to: new Date(startMs + to * minuteMs), zone: "UTC" },
        scope: { deviceIds: ["olt-north" as DeviceId] },
        record: true,
        notify: false,
      });
    try {
      const strict = await service(await level({ name: "Strict", excludeMaintenance: false }), { name: "Strict" });
      const fibre = await service(await level());
      await plan(10, 70);
      const minute = async (minutes: number) => {
        nowMs = startMs + minutes * minuteMs;
        await windows.look();
      };
      await minute(10);
      await windows.addSilence(ann, { scope: { deviceIds: ["olt-north" as DeviceId] }, seconds: 7_200, zone: "UTC" });
      await minute(70);
      await down("olt-north", 0, 100);
      await minute(200);
      await plan(90, 300);
      await minute(300);
      expect((await levels.get(ann, fibre.id)).standing).toMatchObject({
        unplannedSeconds: 40 * 60,
        plannedSeconds: 60 * 60,
        countedSeconds: 40 * 60,
      });
      expect((await levels.get(ann, strict.id)).standing).toMatchObject({
        unplannedSeconds: 40 * 60,
        plannedSeconds: 60 * 60,
        countedSeconds: 100 * 60,
      });
      const [{ response, resolution } = { response: undefined, resolution: undefined }] = (await levels.report(ann, fibre.id, {})).outages;
      expect([response?.seconds, resolution?.seconds]).toEqual([40 * 60, 40 * 60]);
    } finally {
      await windows.close();
    }
  });

  it("N-F09: time in which nobody watched, and before the service and its devices were there, is unknown and never up", async () => {
    await db.query(sql`truncate watched_spans`);
    const one = await service(await level({ periodDays: 1 }), { since: ago(300) });
    const begins = startMs;
    // It runs for half an hour, is away for two hours, and runs again.
    for (let minute = 0; minute <= 30; minute += 5) {
      nowMs = begins + minute * minuteMs;
      await levels.look();
    }
    for (let minute = 150; minute <= 180; minute += 5) {
      nowMs = begins + minute * minuteMs;
      await levels.look();
    }
    const report = await levels.report(ann, one.id, { from: new Date(begins - 60 * minuteMs) });
    expect(report.standing).toMatchObject({
      unknownSeconds: (60 + 120) * 60,
      unplannedSeconds: 0,
      availabilityPercent: 100,
      knownSince: new Date(begins),
    });
    // What was down is known, whoever watched.
    await down("olt-north", 60, 90);
    expect((await levels.report(ann, one.id, { from: new Date(begins) })).standing).toMatchObject({
      unknownSeconds: 90 * 60,
      unplannedSeconds: 30 * 60,
    });
    const days = (await levels.days(ann, one.id, { days: 3, timeZone: "UTC" })).items;
    expect(days.map(({ state }) => state)).toEqual(["unknown", "unknown", "critical"]);
    expect(days[0]).not.toHaveProperty("availabilityPercent");
    const fresh = await service(await level(), { name: "Fresh", since: new Date(nowMs - 60 * minuteMs) });
    expect((await levels.get(ann, fresh.id)).standing).toMatchObject({
      availabilityPercent: 100,
      knownSince: new Date(begins + 150 * minuteMs),
    });
    const silent = await service(await level(), {
      name: "Silent",
      carriedBy: { deviceIds: ["never-heard" as DeviceId], groupIds: [], siteIds: [] },
    });
    expect((await levels.get(ann, silent.id)).standing).toMatchObject({ state: "unknown", unknownSeconds: 30 * 86_400 });
    expect((await levels.get(ann, silent.id)).standing).not.toHaveProperty("availabilityPercent");
    expect(await levels.summary(ann, 1)).toMatchObject({ services: { unknown: 1, compliant: 1, at_risk: 0, breached: 1, critical: 0 } });
  });

  it("N-F09: nobody who acts in a part of the organisation meets a service that stands elsewhere too, and no stranger meets any", async () => {
    const gold = await level();
    const sites = (...siteIds: string[]) => ({ deviceIds: [], groupIds: [], siteIds: siteIds as SiteId[] });
    const here = await service(gold, { name: "Here", carriedBy: sites(north) });
    const wide = await service(gold, { name: "Wide", carriedBy: sites(north, south) });
    await down("olt-north", -400, 0);
    await levels.look();
    const inNorth = at(north);
    expect((await levels.list(inNorth, { limit: 50 })).items.map(({ name }) => name)).toEqual(["Here"]);
    expect((await levels.list(ann, { limit: 1 })).next).toBeDefined();
    expect((await levels.breaches(inNorth, { limit: 50, state: "all" })).items.every(({ serviceId }) => serviceId === here.id)).toBe(true);
    expect((await levels.summary(inNorth, 30)).services).toMatchObject({ breached: 1, compliant: 0 });
    const notThere = { code: "service_levels.service_not_found" };
    await expect(levels.get(inNorth, wide.id)).rejects.toMatchObject(notThere);
    await expect(levels.report({ organisationId: strangers }, here.id, {})).rejects.toMatchObject(notThere);
    expect(await levels.levels.list({ organisationId: strangers })).toEqual([]);
    expect((await levels.breaches({ organisationId: strangers }, { limit: 50, state: "all" })).items).toEqual([]);
  });

  it("N-F09: outages that are not answered or not over in time are found once, raise one alarm, and it ends when they are over", async () => {
    const office: BusinessHours = { timeZone: "Europe/Berlin", hours: [{ days: ["mon", "tue"], from: "08:00", to: "17:00" }] };
    const one = await service(await level({ availabilityPercent: 50, businessHours: office }));
    // Monday, 11:00 in Berlin: six hours of business are left.
    const first = await down("olt-north", 0, undefined, "critical");
    const second = await down("olt-north", 1, undefined, "critical");
    nowMs = startMs + 15 * minuteMs;
    await levels.look();
    expect(await found()).toEqual([]);
    nowMs = startMs + 20 * minuteMs;
    await levels.look();
    expect(new Map((await found()).map(({ type, alarmId }) => [alarmId as string, type]))).toEqual(
      new Map([
        [first, "response_time"],
        [second, "response_time"],
      ]),
    );
    expect((await openAlarms()).map(({ type, severity, source }) => [type, severity, source])).toEqual([
      [`service_level:response_time:${one.id}`, "minor", "Fibre for Hansa"],
    ]);
    await alarms.acknowledge(ann, first as AlarmId, email);
    await levels.look();
    expect(await openAlarms()).toHaveLength(1);
    await alarms.acknowledge(ann, second as AlarmId, email);
    await levels.look();
    expect(await openAlarms()).toEqual([]);
    expect(new Map((await found()).map(({ actual, target, endedAt }) => [actual, [target, endedAt]]))).toEqual(
      new Map([
        [19, [15, new Date(nowMs)]],
        [20, [15, new Date(nowMs)]],
      ]),
    );
    // Four hours of business are over at 15:00 in Berlin.
    nowMs = startMs + 241 * minuteMs;
    await levels.look();
    expect((await levels.breaches(ann, { limit: 50, state: "open", type: "resolution_time" })).items).toEqual([
      expect.objectContaining({ alarmId: first, target: 240, actual: 241, serviceId: one.id }),
    ]);
    expect((await facts()).filter((type) => type === "service_breach.found")).toHaveLength(3);
    const report = await levels.report(ann, one.id, {});
    expect(report).toMatchObject({ lateResponses: 2, lateResolutions: 1 });
    expect(report.breaches).toHaveLength(3);
    // Under another name there is another alarm, and the old one ends.
    await levels.change(ann, one.id, { name: "Fibre for Lübeck" });
    await levels.look();
    await levels.look();
    expect(await openAlarms()).toMatchObject([
      { source: "Fibre for Lübeck", type: `service_level:resolution_time:${one.id}`, occurrences: 1 },
    ]);
    await levels.remove(ann, one.id);
    expect([await openAlarms(), await found()]).toEqual([[], []]);
  });

  it("N-F09: a broken availability grows worse, ends when its outage is out of the period, and the next time is another", async () => {
    const one = await service(await level({ periodDays: 1, availabilityPercent: 99 }));
    await down("olt-north", -30, 0);
    await levels.look();
    expect((await found()).filter(({ type }) => type === "availability")).toMatchObject([{ severity: "breached" }]);
    expect(await openAlarms()).toMatchObject([
      { severity: "major", source: "Fibre for Hansa", title: "availability is below what was promised" },
    ]);
    nowMs = startMs + 60 * minuteMs;
    await down("olt-north", 10, 60);
    await levels.look();
    expect((await found()).filter(({ type }) => type === "availability")).toMatchObject([{ severity: "critical" }]);
    expect(await openAlarms()).toMatchObject([{ severity: "critical" }]);
    expect(await levels.report(ann, one.id, {})).toMatchObject({ creditPercent: 25, standing: { state: "critical" } });
    nowMs = startMs + 2 * dayMs;
    await levels.look();
    expect(await openAlarms()).toEqual([]);
    expect((await found()).filter(({ endedAt }) => endedAt === undefined)).toEqual([]);
    await down("olt-north", 2 * 1_440 - 40, 2 * 1_440);
    await levels.look();
    expect((await found()).filter(({ type }) => type === "availability").map(({ severity, endedAt }) => [severity, endedAt])).toEqual([
      ["breached", undefined],
      ["critical", new Date(nowMs)],
    ]);
    expect((await facts()).filter((type) => !type.endsWith("found"))).toEqual(["service_breach.worsened", "service_breach.ended"]);
  });

  it("N-F09: days go by the calendar of a zone, also where a day has 23 hours, and no more than were asked for", async () => {
    const one = await service(await level());
    nowMs = Date.parse("2026-03-30T10:00:00Z");
    const sunday = Date.parse("2026-03-29T00:30:00Z");
    await down("olt-north", (sunday - startMs) / minuteMs, (sunday - startMs) / minuteMs + 1);
    const { items, targetPercent } = await levels.days(ann, one.id, { days: 90, timeZone: "Europe/Berlin" });
    expect([items.length, targetPercent]).toEqual([90, 99.9]);
    expect(
      items
        .slice(-3)
        .map(({ day, state, countedSeconds, from, to }) => [day, state, countedSeconds, (to.getTime() - from.getTime()) / 3_600_000]),
    ).toEqual([
      ["2026-03-28", "compliant", 0, 24],
      ["2026-03-29", "compliant", 60, 23],
      ["2026-03-30", "compliant", 0, 12],
    ]);
    await down("olt-north", (sunday - startMs) / minuteMs + 10, (sunday - startMs) / minuteMs + 14);
    expect((await levels.days(ann, one.id, { days: 2, timeZone: "Europe/Berlin" })).items[0]).toMatchObject({
      state: "at_risk",
      countedSeconds: 300,
    });
  });

  it("N-F09: refuses what makes no sense with a code, and the old setting stays in force", async () => {
    const gold = await level();
    const one = await service(gold);
    const refused = async (code: string, doing: Promise<unknown>) =>
      expect(doing).rejects.toMatchObject({ code: `service_levels.${code}` });
    const change = (more: Parameters<ServiceLevels["levels"]["change"]>[2]) => levels.levels.change(ann, gold.id, more);
    const hours = [{ days: ["mon" as const], from: "17:00", to: "08:00" }];
    await refused("response_after_resolution", change({ responseMinutes: 241 }));
    await refused("response_after_resolution", change({ bySeverity: { major: { responseMinutes: 61, resolutionMinutes: 60 } } }));
    await refused("unknown_zone", change({ businessHours: { timeZone: "Mars/Olympus", hours } }));
    await refused("end_before_start", change({ businessHours: { timeZone: "UTC", hours } }));
    await refused("not_found", levels.levels.change(ann, newId() as ServiceLevelId, { name: "Silver" }));
    await refused("in_use", levels.levels.remove(ann, gold.id));
    expect(await levels.levels.list(ann)).toEqual([{ ...gold, services: 1 }]);
    const carriedBy = { deviceIds: [] as DeviceId[], groupIds: [], siteIds: [] };
    await refused("no_carrier", levels.change(ann, one.id, { carriedBy }));
    await refused("unknown_place", levels.change(ann, one.id, { carriedBy: { ...carriedBy, deviceIds: ["nowhere" as DeviceId] } }));
    await refused("no_outage", levels.change(ann, one.id, { outages: { severities: [], kinds: [] } }));
    await refused("unknown_level", levels.change(ann, one.id, { serviceLevelId: newId() as ServiceLevelId }));
    await refused("since_in_future", service(gold, { since: ago(-1) }));
    await refused("end_before_start", levels.report(ann, one.id, { from: ago(0) }));
    await refused("end_before_start", levels.report(ann, one.id, { to: new Date("0000-01-01T00:00:00Z") }));
    await refused("too_long", levels.report(ann, one.id, { from: ago(367) }));
    await refused("service_not_found", levels.report(ann, newId() as ServiceId, {}));
    const { devices: _devices, isDown: _isDown, standing: _standing, ...kept } = await levels.get(ann, one.id);
    expect(kept).toEqual(one);
    // What carried it and is gone keeps nobody from changing the rest.
    await levels.change(ann, one.id, { carriedBy: { ...carriedBy, deviceIds: ["olt-north", "olt-south"] as DeviceId[] } });
    await db.query(sql`update devices set hidden = true where id = 'olt-south'`);
    await levels.change(ann, one.id, { customer: "Hansa" });
    expect(await levels.change(ann, one.id, { customer: null })).not.toHaveProperty("customer");
    await db.query(sql`update devices set hidden = false where id = 'olt-south'`);
    await levels.remove(ann, one.id);
    await levels.levels.remove(ann, gold.id);
    const actions = await db.query<{ action: string }>(sql`
      select distinct e.action from audit_entries e where e.object_id in (${one.id}, ${gold.id})`);
    expect(actions.map(({ action }) => action).toSorted()).toEqual([
      "service.added",
      "service.changed",
      "service.removed",
      "service_level.added",
      "service_level.removed",
    ]);
  });

  it("N-F09: the report as CSV has a line for the period and one for each outage, and no cell that a spreadsheet would run", async () => {
    const one = await service(await level({ name: "=1+1" }), { name: "@SUM(A1)", customer: "-2+3, Hansa" });
    await db.query(sql`update devices set name = '=HYPERLINK("x")' where id = 'olt-north'`);
    await down("olt-north", -60, -30);
    const lines = (await levels.reportCsv(ann, one.id, {})).split("\r\n");
    await db.query(sql`update devices set name = 'olt-north' where id = 'olt-north'`);
    expect(lines).toHaveLength(4);
    expect(lines[1]).toMatch(/^period,'@SUM\(A1\),"'-2\+3, Hansa",'=1\+1,/);
    expect(lines[2]).toContain(`"'=HYPERLINK(""x"")",offline,major,,30,false,30,false`);
  });
});
