import { sql } from "@roost/contract/sql";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { newId } from "../../platform/id.ts";
import type { Scope, Whose } from "../../platform/tenancy.ts";
import { startPlanning } from "./test-planner.ts";
import type { Planning } from "./test-planner.ts";

const noon = "2026-06-01T12:00:00Z";

describe("inboxes, over a real database", () => {
  let house: Planning;
  let ana: string;
  let ben: string;
  beforeAll(async () => {
    house = await startPlanning();
  });
  beforeEach(async () => {
    await house.clear(noon);
    await house.db.query(sql`delete from memberships`);
    [ana, ben] = [await house.addPerson("ana"), await house.addPerson("ben")];
  });
  afterAll(async () => house.close());

  const as = (id: string, scope?: Scope): Whose => ({ organisationId: house.organisationId, by: { kind: "person", id, name: "" }, scope });
  const list = async (id: string, { show = "current", scope }: { show?: "current" | "unread" | "archived"; scope?: Scope } = {}) =>
    (await house.it.inbox.list(as(id, scope), { show, limit: 100 })).items;
  const told = async (id: string) => (await list(id)).map(({ what, text }) => `${what} ${text}`);
  const unread = async (id: string, scope?: Scope) => (await house.it.inbox.count(as(id, scope))).unread;
  const raise = (...of: Parameters<Planning["signal"]>[1][number][]) => house.signal("raise", of);
  const prefer = (id: string, given: Partial<Parameters<Planning["it"]["preferences"]["change"]>[1]>) =>
    house.it.preferences.change(as(id), { hears: "all", minSeverity: "info", timeZone: "UTC", ...given });

  it("N-F12: a notice is in the inbox of each who heard it, once, with or without a channel, and a fact that comes twice doubles nothing", async () => {
    await house.addHook("ana", ana);
    await house.addHook("ana-too", ana);
    await house.addDevice("coop");
    await prefer(ben, { minSeverity: "critical" });
    await raise({ device: "coop", severity: "major" });
    expect(await told(ana)).toEqual(["alarm.raised coop: temperature is 35, above the limit of 30."]);
    expect(await told(ben)).toEqual([]);
    const [entry] = await list(ana);
    const [alarm] = await house.db.query<{ id: string; incident_id: string }>(sql`select a.id, a.incident_id from alarms a`);
    expect(entry).toMatchObject({ severity: "major", title: "Alarm", count: 1, deviceId: "coop", deviceName: "coop" });
    expect([entry?.alarmId, entry?.incidentId, entry?.at]).toEqual([alarm?.id, alarm?.incident_id, new Date(noon)]);
    expect((await house.told()).toSorted()).toEqual(["ana alarm.raised", "ana-too alarm.raised"]);

    // All facts come again, as after a crash before the cursor was written.
    await house.stop();
    await house.db.query(sql`update event_cursors set xact_id = '0', event_id = '00000000-0000-0000-0000-000000000000'`);
    await house.start();
    expect(await told(ana)).toHaveLength(1);
    await house.pass(61);
    await house.signal("clear", [{ device: "coop", value: 20 }]);
    await house.pass(61);
    const [end, ...rest] = await list(ana);
    expect([end?.what, end?.severity, rest.length]).toEqual(["alarm.cleared", undefined, 1]);
    expect(await told(ben)).toEqual([]);
  });

  it("N-F12: quiet hours hold what rings and not the inbox; the digests of the inbox are one entry each", async () => {
    await house.addHook("ana", ana);
    await house.addDevice("coop");
    await prefer(ana, { quietHours: { from: "11:00", to: "13:00" }, dailyDigestAt: "13:30" });
    await raise(...Array.from({ length: 9 }, (_, index) => ({ device: "coop", type: `rule:${index}:above` })));
    expect(await house.told()).toEqual([]);
    expect((await list(ana)).map(({ what, count }) => `${what} ${count}`)).toEqual(["alarm.raised 1"]);
    await house.pass(61);
    expect((await list(ana)).map(({ what, count }) => `${what} ${count}`)).toEqual(["digest 8", "alarm.raised 1"]);
    await house.pass(5_400, 900);
    expect((await house.heard()).map(({ title }) => title)).toEqual(["While it was quiet: 9 alarms", "Daily digest: 9 alarms"]);
    expect((await list(ana)).map(({ title }) => title)).toEqual(["Daily digest: 9 alarms", "8 more alarms", "Alarm"]);
    expect((await list(ana))[0]).toMatchObject({ what: "digest", count: 9, deviceId: "coop" });
  });

  it("N-F12: what one wants in the inbox is limited by severity, and a route that names somebody without a channel still falls back for what is critical", async () => {
    await house.addHook("all");
    await house.addDevice("coop");
    await prefer(ana, { inboxMinSeverity: "major" });
    await prefer(ben, { hears: "routed" });
    expect((await house.it.preferences.get(as(ana))).inboxMinSeverity).toBe("major");
    await house.it.routing.addRoute(house.whose, {
      name: "Ben",
      enabled: true,
      match: {},
      to: [{ kind: "person", personId: ben }],
      stop: false,
      remindMinutes: 1,
    });
    await raise({ device: "coop", type: "rule:1:above", severity: "minor" });
    expect([(await told(ana)).length, (await told(ben)).length, await house.told()]).toEqual([0, 1, []]);
    const { hearings, isNobody } = await house.it.routing.preview(house.whose, {
      severity: "minor",
      kind: "above",
      deviceId: "coop",
    });
    expect([hearings.map(({ why }) => why), isNobody]).toEqual([["Route Ben: has no channel of their own"], true]);
    await raise({ device: "coop", type: "rule:2:above", severity: "critical" });
    expect([(await told(ana)).length, (await told(ben)).length, await house.told()]).toEqual([1, 2, ["all alarm.raised"]]);
    // It reminds by being unread.
    await house.pass(300, 61);
    expect((await list(ben)).map(({ what }) => what)).toEqual(["alarm.raised", "alarm.raised"]);
  });

  it("N-F12: what is read on one device is read on the other, what is archived is put away, and mark-all counts what was unread and seen", async () => {
    await house.addDevice("coop");
    for (const index of [1, 2, 3, 4]) {
      await raise({ device: "coop", type: `rule:${index}:above` });
      await house.pass(61);
    }
    const { inbox } = house.it;
    expect([await unread(ana), await unread(ben)]).toEqual([4, 4]);
    const { items, next } = await inbox.list(as(ana), { show: "current", limit: 3 });
    const last = await inbox.list(as(ana), { show: "current", limit: 3, cursor: next });
    expect([items.length, last.items.length, last.next]).toEqual([3, 1, undefined]);
    const [newest, second] = items;
    if (newest === undefined || second === undefined) throw new TypeError("no entries");

    const read = await inbox.read(as(ana), second.id);
    expect(read.readAt).toEqual(new Date(house.nowMs()));
    await house.pass(10);
    expect((await inbox.read(as(ana), second.id)).readAt).toEqual(read.readAt);
    // A fact tells her other devices, and nobody else's.
    const facts = await house.db.query<{ noun_id: string; data: object }>(sql`
      select e.noun_id, e.data from events e where e.type = 'inbox.changed' order by e.id desc limit 1`);
    expect(facts).toEqual([{ noun_id: ana, data: { personId: ana } }]);
    expect((await list(ana, { show: "unread" })).map(({ id }) => id)).not.toContain(second.id);
    await inbox.archive(as(ana), newest.id);
    expect([await unread(ana), (await list(ana)).length, (await list(ana, { show: "archived" })).map(({ id }) => id)]).toEqual([
      2,
      3,
      [newest.id],
    ]);
    await expect(inbox.read(as(ben), second.id)).rejects.toMatchObject({ code: "inbox.entry_not_found" });
    await expect(inbox.count({ organisationId: house.organisationId, by: { kind: "token", id: newId(), name: "" } })).rejects.toMatchObject(
      {
        code: "inbox.person_needed",
      },
    );
    const oldest = last.items[0]?.at;
    expect(await inbox.readAll(as(ana), oldest)).toEqual({ read: 1 });
    expect(await inbox.readAll(as(ana), undefined)).toEqual({ read: 1 });
    expect(await inbox.readAll(as(ana), undefined)).toEqual({ read: 0 });
    expect([await unread(ana), await unread(ben)]).toEqual([0, 4]);
  });

  it("N-F12, S15: who lost access sees nothing of it, in lists, counts and by its id, and sees it again when access is back", async () => {
    const [north, south] = [newId(), newId()];
    for (const [id, name] of [
      [north, "north"],
      [south, "south"],
    ] as const) {
      await house.db.query(sql`insert into sites (id, organisation_id, name) values (${id}, ${house.organisationId}, ${name})`);
      await house.addDevice(name, { siteId: id });
      await house.db.query(sql`update devices set site_id = ${id} where id = ${name}`);
    }
    const only = (siteId: string): Scope => ({ allow: [{ siteIds: [siteId], groupIds: [] }], deny: { siteIds: [], groupIds: [] } });
    await house.db.query(sql`update memberships set site_ids = array[${north}::uuid] where person_id = ${ben}`);
    await raise({ device: "north" });
    await raise({ device: "south" });
    await house.pass(61);
    expect([await unread(ana), await unread(ben)]).toEqual([2, 1]);
    // One entry of two devices is there while both may be seen.
    await raise(
      { device: "north", type: "rule:2:above" },
      { device: "north", type: "rule:3:above" },
      { device: "south", type: "rule:2:above" },
      { device: "south", type: "rule:3:above" },
    );
    await house.pass(61);
    expect((await list(ana)).map(({ count }) => count)).toEqual([2, 1, 1, 1, 1]);
    expect((await list(ana, { scope: only(north) })).map(({ deviceId }) => deviceId)).toEqual(["north", "north"]);
    expect(await unread(ana, only(north))).toBe(2);
    const ofSouth = (await list(ana)).find(({ deviceId }) => deviceId === "south");
    if (ofSouth === undefined) throw new TypeError("no entry");
    await expect(house.it.inbox.read(as(ana, only(north)), ofSouth.id)).rejects.toMatchObject({ code: "inbox.entry_not_found" });
    expect(await house.it.inbox.readAll(as(ana, only(north)), undefined)).toEqual({ read: 2 });
    expect([await unread(ana), (await list(ana)).length]).toEqual([3, 5]);
    // The device is at another place now, then it is gone.
    await house.db.query(sql`update devices set site_id = ${south} where id = 'north'`);
    expect(await list(ben, { scope: only(north) })).toEqual([]);
    await house.db.query(sql`delete from devices where id = 'north'`);
    expect((await list(ana)).map(({ deviceId }) => deviceId)).toEqual(["south", "south"]);
    // Of no device: for those who see everything.
    await house.db.query(sql`update inbox_entries set device_ids = '{}', is_about_all = true where id = ${ofSouth.id}`);
    expect([(await list(ana, { scope: only(south) })).length, (await list(ana)).length]).toEqual([1, 2]);
    await house.db.query(sql`delete from memberships where person_id = ${ana}`);
    expect(await house.db.query(sql`select e.id from inbox_entries e where e.person_id = ${ana}`)).toEqual([]);
  });

  it("N-F12: an inbox is kept 90 days, and 30 where it was archived", async () => {
    await house.addDevice("coop");
    for (const index of [1, 2]) {
      await raise({ device: "coop", type: `rule:${index}:above` });
      await house.pass(61);
    }
    const [, first] = await list(ana);
    if (first === undefined) throw new TypeError("no entry");
    const { inbox } = house.it;
    const [job] = house.it.jobs;
    const forget = () => job?.run({ signal: new AbortController().signal, correlationId: "test" });
    await inbox.archive(as(ana), first.id);
    const day = 86_400_000;
    house.at(new Date(house.nowMs() + 30 * day).toISOString());
    await forget();
    expect((await list(ana, { show: "archived" })).length).toBe(1);
    house.at(new Date(house.nowMs() + 1_000).toISOString());
    await forget();
    expect([(await list(ana, { show: "archived" })).length, (await list(ana)).length, (await list(ben)).length]).toEqual([0, 1, 2]);
    house.at(new Date(house.nowMs() + 60 * day).toISOString());
    await forget();
    expect([(await list(ana)).length, (await list(ben)).length]).toEqual([0, 0]);
  });
});
