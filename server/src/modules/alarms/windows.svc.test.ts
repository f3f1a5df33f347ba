import { randomBytes } from "node:crypto";

import type { DeviceId, SiteId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";
import type { WindowPlan } from "@roost/contract/windows";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import type { Whose } from "../../platform/tenancy.ts";
import { createAudit } from "../audit/audit.ts";
import { createWindows } from "./windows.ts";
import type { Windows } from "./windows.ts";

const log = createLog({ level: "silent", pretty: false });
const start = Date.parse("2026-03-02T10:00:00Z");
const minute = 60_000;
const hour = 60 * minute;

describe("maintenance windows", () => {
  let database: TestDatabase;
  let db: Db;
  let nowMs = start;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const [a, b] = [newId(), newId()];
  const [north, south] = [newId() as SiteId, newId() as SiteId];
  const devices = new Map([
    ["n-1", { organisationId: a, siteId: north, groupIds: new Set<string>(), hidden: false }],
    ["s-1", { organisationId: a, siteId: south, groupIds: new Set<string>(), hidden: false }],
  ]);
  const by = { kind: "person" as const, id: "p1", name: "keeper@example.org" };
  const whole: Whose = { organisationId: a, by };
  const inNorth: Whose = { ...whole, scope: { allow: [{ siteIds: [north], groupIds: [] }], deny: { siteIds: [], groupIds: [] } } };
  const running: Windows[] = [];
  let windows: Windows;

  /** A server on the database: several are there at once. */
  async function server(): Promise<Windows> {
    const audit = createAudit({ db, clock, log, key: randomBytes(32) });
    const one = createWindows({ db, audit, findDevice: (id) => devices.get(id), clock, log });
    running.push(one);
    await one.start();
    return one;
  }
  const span = (fromMs: number, toMs: number): WindowPlan => ({ kind: "once", from: new Date(fromMs), to: new Date(toMs), zone: "UTC" });
  const plain = { title: "Switch is replaced", record: true, notify: true };
  const told = async () =>
    (
      await db.query<{ type: string }>(
        sql`select e.type from events e where e.type in ('window.began', 'window.ended') order by e.xact_id, e.id`,
      )
    ).map(({ type }) => type.slice("window.".length));
  const covers = (one: Windows, deviceId: string, kind = "offline") => one.coverOf({ deviceId, kind }, a)?.id;
  async function goTo(ms: number, ...servers: Windows[]): Promise<void> {
    nowMs = ms;
    await Promise.all((servers.length === 0 ? [windows] : servers).map((one) => one.look()));
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    for (const id of [a, b]) await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${id}, ${id})`);
    await db.query(sql`insert into sites (id, organisation_id, name) values (${north}, ${a}, 'north'), (${south}, ${a}, 'south')`);
    for (const [id, { siteId }] of devices)
      await db.query(sql`insert into devices (id, organisation_id, site_id, name, kind) values (${id}, ${a}, ${siteId}, ${id}, 'generic')`);
  });
  beforeEach(async () => {
    nowMs = start;
    await db.query(sql`truncate maintenance_windows, events cascade`);
    windows = await server();
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((one) => one.close()));
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("N-F04: goes from scheduled to in progress to ended, and tells both once with several servers and over a restart", async () => {
    const made = await windows.add(whole, {
      ...plain,
      plan: span(start + hour, start + 2 * hour),
      scope: { deviceIds: ["n-1" as DeviceId] },
    });
    const other = await server();
    expect([made.status, covers(windows, "n-1")]).toEqual(["scheduled", undefined]);
    await goTo(start + hour, windows, other);
    expect([(await windows.get(whole, made.id)).status, covers(windows, "n-1"), covers(other, "n-1"), covers(windows, "s-1")]).toEqual([
      "in_progress",
      made.id,
      made.id,
      undefined,
    ]);
    await Promise.all(running.splice(0).map((one) => one.close()));
    const [again, andAgain] = [await server(), await server()];
    expect(covers(again, "n-1")).toBe(made.id);
    expect(await told()).toEqual(["began"]);
    await goTo(start + 2 * hour, again, andAgain);
    expect([(await again.get(whole, made.id)).status, covers(again, "n-1")]).toEqual(["ended", undefined]);
    expect(await told()).toEqual(["began", "ended"]);
  });

  it("N-F04: is not in force while its organisation is closed, and is again when that is kept", async () => {
    const made = await windows.add(whole, { ...plain, plan: span(start, start + 9 * hour), scope: { everything: true } });
    expect(covers(windows, "n-1")).toBe(made.id);
    await db.query(sql`
      insert into organisation_removals (organisation_id, requested_by, requested_by_email, requested_at, ends_at)
      values (${a}, ${newId()}, 'olga@example.org', now(), now())`);
    windows.observe({ type: "organisation.closed", nounId: a });
    await expect.poll(() => covers(windows, "n-1"), { timeout: 60_000 }).toBeUndefined();
    await db.query(sql`delete from organisation_removals`);
    windows.observe({ type: "organisation.kept", nounId: a });
    await expect.poll(() => covers(windows, "n-1"), { timeout: 60_000 }).toBe(made.id);
  });

  it("N-F04: tells the end that came while no server ran, and nothing of what began and ended meanwhile", async () => {
    await windows.add(whole, { ...plain, plan: span(start, start + hour), scope: { everything: true } });
    await windows.add(whole, { ...plain, plan: span(start + 2 * hour, start + 3 * hour), scope: { everything: true } });
    await windows.close();
    nowMs = start + 4 * hour;
    await server();
    expect(await told()).toEqual(["began", "ended"]);
  });

  it("N-F04: goes by sites, devices and kinds of alarms in any combination, and by the organisation always", async () => {
    const plan = span(start, start + hour);
    const site = await windows.add(whole, { ...plain, plan, scope: { siteIds: [north], kinds: ["offline"] } });
    expect([covers(windows, "n-1"), covers(windows, "n-1", "above"), covers(windows, "s-1")]).toEqual([site.id, undefined, undefined]);
    const kinds = await windows.add(whole, { ...plain, plan, scope: { kinds: ["above"] } });
    expect([covers(windows, "s-1", "above"), covers(windows, "s-1")]).toEqual([kinds.id, undefined]);
    const about = (organisationId: string) => windows.coverOf({ kind: "above" }, organisationId)?.id;
    expect([about(a), about(b)]).toEqual([kinds.id, undefined]);
    const longer = await windows.add(whole, { ...plain, plan: span(start, start + 3 * hour), scope: { everything: true } });
    expect(covers(windows, "n-1")).toBe(longer.id);
    await windows.add(whole, { ...plain, record: false, plan: span(start, start + 9 * hour), scope: { everything: true } });
    expect(covers(windows, "n-1")).toBe(longer.id);
  });

  it("ends the occurrence in progress only, or all of it, and tells so at once", async () => {
    const plan: WindowPlan = { kind: "recurring", rrule: "FREQ=DAILY", durationSeconds: 3_600, zone: "UTC", from: new Date(start) };
    const made = await windows.add(whole, { ...plain, plan, scope: { everything: true } });
    const other = await server();
    nowMs = start + 10 * minute;
    const cut = await windows.cancel(whole, made.id, "occurrence");
    expect([cut.status, cut.occurrence?.from]).toEqual(["scheduled", new Date(start + 24 * hour)]);
    expect([covers(windows, "n-1"), await told()]).toEqual([undefined, ["began", "ended"]]);
    other.observe({ type: "window.changed", nounId: made.id });
    await expect.poll(() => covers(other, "n-1")).toBeUndefined();
    await expect(windows.cancel(whole, made.id, "occurrence")).rejects.toMatchObject({ code: "windows.not_in_progress" });
    await goTo(start + 24 * hour + minute);
    expect(covers(windows, "n-1")).toBe(made.id);
    expect((await windows.cancel(whole, made.id)).status).toBe("cancelled");
    expect((await windows.cancel(whole, made.id)).status).toBe("cancelled");
    expect([covers(windows, "n-1"), await told()]).toEqual([undefined, ["began", "ended", "began", "ended"]]);
    await expect(windows.change(whole, made.id, { title: "x" })).rejects.toMatchObject({ code: "windows.already_over_or_cancelled" });
  });

  it("changes what is in progress without telling it anew, and keeps the old setting where the new one is wrong", async () => {
    const made = await windows.add(whole, { ...plain, plan: span(start, start + hour), scope: { deviceIds: ["n-1" as DeviceId] } });
    await expect(windows.change(whole, made.id, { plan: span(start, start - hour) })).rejects.toMatchObject({
      code: "windows.end_before_start",
    });
    await expect(windows.change(whole, made.id, { scope: {} })).rejects.toMatchObject({ code: "windows.empty_scope" });
    expect(covers(windows, "n-1")).toBe(made.id);
    const changed = await windows.change(whole, made.id, {
      plan: span(start - hour, start + 3 * hour),
      scope: { deviceIds: ["s-1" as DeviceId] },
      note: "longer",
    });
    expect([changed.note, changed.createdBy, covers(windows, "n-1"), covers(windows, "s-1")]).toEqual([
      "longer",
      by.name,
      undefined,
      made.id,
    ]);
    await goTo(start + 2 * hour);
    expect(await told()).toEqual(["began"]);
    await goTo(start + 3 * hour);
    expect(await told()).toEqual(["began", "ended"]);
  });

  it("silences from now on for a time; nothing else is a silence, and ending it twice is no error", async () => {
    const silence = await windows.addSilence(whole, { scope: { deviceIds: ["n-1" as DeviceId] }, seconds: 7_200, zone: "UTC" });
    expect([silence.status, silence.silence, covers(windows, "n-1")]).toEqual(["in_progress", true, silence.id]);
    expect((await windows.endSilence(whole, silence.id)).status).toBe("cancelled");
    expect((await windows.endSilence(whole, silence.id)).status).toBe("cancelled");
    expect(covers(windows, "n-1")).toBeUndefined();
    const planned = await windows.add(whole, { ...plain, plan: span(start, start + hour), scope: { everything: true } });
    await expect(windows.endSilence(whole, planned.id)).rejects.toMatchObject({ code: "windows.not_found" });
  });

  it("shows and gives people of a part what is about theirs, and takes nothing from them that is about more", async () => {
    const plan = span(start, start + hour);
    const everywhere = await windows.add(whole, { ...plain, plan, scope: { everything: true } });
    nowMs += 1;
    const both = await windows.add(whole, { ...plain, plan, scope: { siteIds: [north, south] } });
    nowMs += 1;
    const foreign = await windows.add(whole, { ...plain, plan, scope: { siteIds: [south] } });
    const foreignDevice = await windows.add(whole, { ...plain, plan, scope: { deviceIds: ["s-1" as DeviceId] } });
    const own = await windows.add(inNorth, { ...plain, plan, scope: { siteIds: [north], deviceIds: ["n-1" as DeviceId] } });
    const seen = (await windows.list(inNorth, { show: "current", limit: 10 })).items;
    expect(seen.map(({ id }) => id)).toEqual([own.id, both.id, everywhere.id]);
    expect(seen[1]).toMatchObject({ scope: { siteIds: [north] }, scopeIsLarger: true });
    const notSouth: Whose = { ...whole, scope: { allow: [], deny: { siteIds: [south], groupIds: [] } } };
    expect((await windows.list(notSouth, { show: "current", limit: 10 })).items.map(({ id }) => id)).toEqual([
      own.id,
      both.id,
      everywhere.id,
    ]);
    for (const { id } of [foreign, foreignDevice]) {
      await expect(windows.get(inNorth, id)).rejects.toMatchObject({ code: "windows.not_found" });
      await expect(windows.cancel(inNorth, id)).rejects.toMatchObject({ code: "windows.not_found" });
    }
    for (const { id } of [both, everywhere])
      await expect(windows.cancel(inNorth, id)).rejects.toMatchObject({ code: "windows.out_of_reach" });
    for (const [scope, code] of [
      [{ everything: true }, "windows.out_of_reach"],
      [{ kinds: ["offline"] }, "windows.out_of_reach"],
      [{ siteIds: [north, south] }, "windows.out_of_reach"],
      [{ deviceIds: ["s-1"] }, "windows.unknown_place"],
      [{ siteIds: [newId()] }, "windows.unknown_place"],
    ] as const) {
      await expect(windows.add(inNorth, { ...plain, plan, scope: scope as never })).rejects.toMatchObject({ code });
    }
    await expect(windows.get({ organisationId: b }, own.id)).rejects.toMatchObject({ code: "windows.not_found" });
    expect((await windows.cancel(inNorth, own.id)).cancelledBy).toBe(by.name);
  });

  it("lists what is current and what is over, page by page, by device, and as a calendar", async () => {
    const daily: WindowPlan = {
      kind: "recurring",
      cron: "0 1 * * *",
      durationSeconds: 3_600,
      zone: "Europe/Berlin",
      from: new Date(start),
    };
    await windows.add(whole, { ...plain, title: "nightly", plan: daily, scope: { siteIds: [north] } });
    nowMs += 1;
    await windows.add(whole, { ...plain, title: "short", plan: span(start, start + hour), scope: { deviceIds: ["s-1" as DeviceId] } });
    const titles = async (query: object, limit = 10) => {
      const page = await windows.list(whole, { show: "current", limit, ...query });
      return { titles: page.items.map(({ title }) => title), next: page.next };
    };
    const first = await titles({}, 1);
    expect(first.titles).toEqual(["short"]);
    expect((await titles({ cursor: first.next }, 1)).titles).toEqual(["nightly"]);
    expect((await titles({ deviceId: "n-1" })).titles).toEqual(["nightly"]);
    await goTo(start + 2 * hour);
    expect([(await titles({})).titles, (await titles({ show: "over" })).titles]).toEqual([["nightly"], ["short"]]);
    const calendar = await windows.occurrences(whole, { from: new Date(start), to: new Date(start + 3 * 24 * hour) });
    expect(calendar.items.map(({ title, from }) => [title, from.toISOString()])).toEqual([
      ["short", "2026-03-02T10:00:00.000Z"],
      ["nightly", "2026-03-03T00:00:00.000Z"],
      ["nightly", "2026-03-04T00:00:00.000Z"],
      ["nightly", "2026-03-05T00:00:00.000Z"],
    ]);
  });
});
