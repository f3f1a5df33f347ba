import { randomBytes } from "node:crypto";

import type { Alarm } from "@roost/contract/alarms";
import type { AlarmId, DeviceId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createAudit } from "../audit/audit.ts";
import { createAlarms } from "./alarms.ts";
import type { Alarms, Signal } from "./alarms.ts";
import { LifeModel, nameOf, seenAs, signalOf, steps, subjects, ways } from "./test-life.ts";
import type { Step, Subject } from "./test-life.ts";

const log = createLog({ level: "silent", pretty: false });
const organisationId = newId();
const strangers = newId();
const [north, south] = [newId(), newId()];
const ours = { organisationId };
const startMs = Date.parse("2026-03-02T10:00:00Z");
const ann = { ...ours, by: { kind: "person" as const, id: newId(), name: "ann@example.org" } };
const inSouth = { ...ann, scope: { allow: [{ siteIds: [south], groupIds: [] }], deny: { siteIds: [], groupIds: [] } } };
const everything = { state: "all", limit: 200 } as const;

describe("alarms", () => {
  let database: TestDatabase;
  let db: Db;
  let model = new LifeModel(startMs);
  const clock = { nowMs: () => model.nowMs, monotonicMs: () => model.nowMs };
  let server: Alarms;

  const startServer = (): Alarms =>
    createAlarms({
      db,
      audit: createAudit({ db, clock, log, key: randomBytes(32) }),
      clock,
      log,
      coverOf: ({ deviceId }) => {
        const cover = model.coverOf(deviceId);
        return cover === undefined ? undefined : { ...cover, id: north };
      },
      keepersOf: async () => [
        { email: "ann@example.org", name: "Ann", maySee: () => true },
        { email: "bob@example.org", name: "Bob", maySee: (deviceId) => deviceId === "alone" },
      ],
    });
  const take = (on: Alarms, ...signals: Signal[]) => db.transaction((tx) => on.take(tx, signals));
  const given = () => ({ id: newId(), organisationId, at: new Date(model.nowMs) });
  const raise = (one: Subject, more: Partial<Signal> = {}) => ({ ...signalOf(one, "raise", given()), ...more });
  const clear = (one: Subject) => signalOf(one, "clear", given());
  const offline = (deviceId: string): Subject => ({ deviceId, type: "offline", kind: "offline" });
  const list = async (whose = ours) => (await server.list(whose, everything)).items;
  const find = async (one: Subject): Promise<Alarm> => {
    const found = (await list()).find((alarm) => nameOf(alarm) === nameOf(one) && alarm.state !== "cleared");
    if (found === undefined) throw new Error(`No open alarm ${nameOf(one)}`);
    return found;
  };
  /** What people were told of, as far as this module decides it. */
  const told = async () =>
    (
      await db.query<{ type: string; name: string }>(sql`
        select e.type, e.data ->> 'source' as name from events e
        where e.type in ('alarm.raised', 'alarm.unmuted') and e.data ->> 'mutedBy' is null order by e.xact_id, e.id`)
    ).map(({ type, name }) => `${type} ${name}`);
  const anEvent: Subject = { deviceId: "alone", type: "event:door", kind: "event" };
  const aLimit: Subject = { deviceId: "alone", type: "rule:3:above", kind: "above" };

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    for (const id of [organisationId, strangers])
      await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${id}, ${id})`);
    await db.query(
      sql`insert into sites (id, organisation_id, name) values (${north}, ${organisationId}, 'North'), (${south}, ${organisationId}, 'South')`,
    );
    for (const [id, [parent]] of Object.entries(ways)) {
      await db.query(sql`
        insert into devices (id, organisation_id, name, kind, parent_id, site_id)
        values (${id}, ${organisationId}, ${id}, 'generic', ${parent ?? null}, ${id === "alone" ? south : north})`);
    }
  });
  beforeEach(async () => {
    model = new LifeModel(startMs);
    await db.query(sql`truncate alarms, incidents, events, audit_entries, alarm_views cascade`);
    server = startServer();
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  async function act(on: Alarms, step: Step): Promise<void> {
    if (step.do === "raise" || step.do === "repeat") {
      for (let n = 0; n < (step.do === "raise" ? 1 : 5); n += 1) {
        if (n > 0) {
          model.clear(step.about, false);
          await take(on, clear(step.about));
        }
        model.raise(step.about);
        const signal = raise(step.about);
        // The same signal twice, as after a crash between doing and noting that it was done.
        await take(on, signal);
        await take(on, signal, signal);
      }
    } else if (step.do === "clear" || step.do === "end") {
      model.clear(step.about, step.do === "end");
      await take(on, { ...clear(step.about), ...(step.do === "end" ? { by: "ann" } : {}) });
    } else if (step.do === "wait") {
      model.wait(step.seconds);
      await on.sweep();
    } else if (step.do === "cover" || step.do === "uncover") {
      if (step.do === "cover") model.covers.set(step.device, step.record);
      else model.covers.delete(step.device);
      model.review();
      await db.transaction((tx) => on.review(tx, organisationId));
    } else if (model.isShown(step.about)) {
      const { id } = await find(step.about);
      if (step.do === "acknowledge") {
        model.acknowledge(step.about);
        await on.acknowledge(ann, id, "ann@example.org");
      } else {
        model.snooze(step.about, step.seconds);
        await on.snooze(ann, id, { until: new Date(model.nowMs + step.seconds * 1_000), by: "ann@example.org" });
      }
    }
  }

  it("N-F02, N-F03: on PostgreSQL it goes as a plain model says, with two servers that start anew and signals that come twice", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(steps(1), fc.nat(1)), { minLength: 5, maxLength: 30 }), async (path) => {
        model = new LifeModel(startMs);
        await db.query(sql`truncate alarms, incidents, events, audit_entries cascade`);
        const servers = [startServer(), startServer()];
        for (const [[step], which] of path) {
          if (step === undefined) continue;
          await act(servers[which] ?? server, step);
          if (step.do === "wait") servers[1 - which] = startServer();
        }
        const rows = await db.query<{ id: string; kept_back: boolean }>(
          sql`select a.id, a.kept_back from alarms a where a.state <> 'cleared'`,
        );
        const shown = (await list()).filter(({ state }) => state !== "cleared");
        const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
        const expected = model.expected().sort(byName);
        expect(shown.map((alarm) => seenAs(alarm, false)).sort(byName)).toEqual(expected.filter(({ keptBack }) => !keptBack));
        expect(rows.filter((row) => row.kept_back)).toHaveLength(expected.filter(({ keptBack }) => keptBack).length);
        // Whatever is open and shown stands in an incident that is open, and no incident is open without.
        const wrong = await db.query(sql`
          select i.id from incidents i
          where (i.closed_at is null) <> exists (select from alarms a where a.incident_id = i.id and a.state <> 'cleared')`);
        expect(wrong).toEqual([]);
        expect(shown.every(({ incidentId }) => incidentId !== undefined)).toBe(true);
      }),
      { numRuns: 16 },
    );
  });

  it("N-F02: the same alarm a thousand times from ten senders is one row, counted, its first time kept, told once", async () => {
    const outside: Subject = { deviceId: undefined, type: "external:HighLatency", kind: "external" };
    const servers = [startServer(), startServer()];
    const send = async (sender: number) => {
      for (let n = 0; n < 10; n += 1) {
        const ten = Array.from({ length: 10 }, (_, k) => raise(outside, { at: new Date(startMs + 1_000 + sender * 100 + n * 10 + k) }));
        await take(servers[sender % 2] ?? server, ...ten);
      }
    };
    await take(server, raise(outside));
    await Promise.all(Array.from({ length: 10 }, (_, sender) => send(sender)));
    expect(await list()).toMatchObject([
      { occurrences: 1_001, raisedAt: new Date(startMs), lastAt: new Date(startMs + 1_000 + 999), flapping: false },
    ]);
    expect(await told()).toEqual(["alarm.raised alertmanager"]);
  });

  it("N-F03: thirty behind one that fails are one root cause with its children and one notice, whatever falls silent first; all close with it", async () => {
    const names = Array.from({ length: 30 }, (_, n) => `child-${n}`);
    for (const id of names) {
      await db.query(
        sql`insert into devices (id, organisation_id, name, kind, parent_id) values (${id}, ${organisationId}, ${id}, 'generic', 'alone')`,
      );
    }
    await take(server, ...names.slice(0, 10).map((id) => raise(offline(id))));
    await take(server, raise(offline("alone")));
    await take(startServer(), ...names.slice(10).map((id) => raise(offline(id))));
    const open = await list();
    const root = open.find(({ deviceId }) => deviceId === "alone");
    expect(
      open.filter(
        ({ mutedBy, mutedById, incidentId }) => mutedBy === "parent" && mutedById === root?.id && incidentId === root?.incidentId,
      ),
    ).toHaveLength(30);
    expect((await told()).slice(10)).toEqual(["alarm.raised alone"]);
    const [incident] = (await server.incidents.list(ours, { state: "open", limit: 10 })).items;
    expect(incident).toMatchObject({ alarms: 31, openAlarms: 31, rootAlarmId: root?.id, title: "alone" });
    expect((await server.incidents.get(ours, incident?.id as never)).items[0]?.id).toBe(root?.id);
    model.wait(600);
    await take(server, clear(offline("alone")), ...names.slice(1).map((id) => clear(offline(id))));
    // One does not come back: it is told of after a minute, as itself.
    await server.sweep();
    expect(await told()).toHaveLength(11);
    model.wait(60);
    await server.sweep();
    await server.sweep();
    expect((await told()).slice(11)).toEqual(["alarm.unmuted child-0"]);
    await take(server, clear(offline("child-0")));
    expect((await server.incidents.list(ours, { state: "open", limit: 10 })).items).toEqual([]);
    await db.query(sql`delete from devices d where d.id like 'child-%'`);
  });

  it("N-F05: of two who acknowledge at once one wins and the other sees who; nothing a signal does meanwhile is lost", async () => {
    await take(server, raise(anEvent));
    const { id } = await find(anEvent);
    const other = startServer();
    const answers = await Promise.all([
      server.acknowledge(ann, id, "ann@example.org", "on my way"),
      other.acknowledge(ours, id, "bob@example.org"),
      take(server, raise(anEvent)),
      take(other, raise(anEvent, { severity: "critical" })),
    ]);
    const winner = answers[0].acknowledgedBy;
    expect([winner, answers[1].acknowledgedBy]).toEqual([winner, winner]);
    expect(await find(anEvent)).toMatchObject({ state: "acknowledged", acknowledgedBy: winner, occurrences: 3, severity: "critical" });
    const { history } = await server.get(ours, id);
    expect(history.filter(({ what }) => what === "acknowledged")).toHaveLength(1);
    expect(await db.query(sql`select from audit_entries e where e.action = 'alarm.acknowledged'`)).toHaveLength(1);
  });

  it("N-F05, GA-14: puts whatever people do into the history, the facts and the audit trail, with name and note", async () => {
    await take(server, raise(anEvent), raise(aLimit));
    const { id } = await find(anEvent);
    const by = "ann@example.org";
    await server.acknowledge(ann, id, by);
    await server.unacknowledge(ann, id, by, "wrong one");
    await server.assign(ann, id, { to: "BOB@example.org", by, note: "yours" });
    await server.comment(ann, id, by, "<b>the</b> door");
    await server.snooze(ann, id, { until: new Date(startMs + 60_000), by });
    await server.unsnooze(ann, id, by);
    await server.resolve(ann, id, by, { rootCause: "wind" });
    await expect(server.resolve(ann, id, by, { resolution: "closed" })).rejects.toMatchObject({ code: "alarms.still_open" });
    await server.clear(ann, id, by, "shut it");
    const done = await server.resolve(ann, id, by, { resolution: "closed" });
    expect(done).toMatchObject({ state: "cleared", rootCause: "wind", resolution: "closed", assignedTo: "bob@example.org" });
    const { history } = await server.get(ours, id);
    expect(history.map((entry) => [entry.what, entry.by, entry.detail])).toEqual([
      ["raised", undefined, undefined],
      ["acknowledged", by, undefined],
      ["unacknowledged", by, "wrong one"],
      ["assigned", by, "bob@example.org: yours"],
      ["commented", by, "<b>the</b> door"],
      ["snoozed", by, "2026-03-02T10:01:00.000Z"],
      ["snoozed", by, "ended"],
      ["unmuted", undefined, undefined],
      ["resolved", by, "wind"],
      ["cleared", by, "shut it"],
      ["resolved", by, "closed"],
    ]);
    const actions = await db.query<{ action: string }>(sql`select e.action from audit_entries e order by e.xact_id, e.id`);
    expect(actions.map(({ action }) => action.slice("alarm.".length))).toEqual(
      "acknowledged unacknowledged assigned commented snoozed unsnoozed resolved cleared resolved".split(" "),
    );
    const facts = await db.query<{ type: string }>(sql`select distinct e.type from events e where e.data ->> 'id' = ${id}`);
    expect(facts.map(({ type }) => type).sort()).toEqual(
      ["acknowledged", "assigned", "cleared", "commented", "raised", "resolved", "snoozed", "unacknowledged", "unmuted"].map(
        (what) => `alarm.${what}`,
      ),
    );
    const other = await find(aLimit);
    await expect(server.clear(ann, other.id, by)).rejects.toMatchObject({ code: "alarms.still_holds", status: 409 });
    await expect(server.snooze(ann, id, { until: new Date(startMs + 1), by })).rejects.toMatchObject({ code: "alarms.already_cleared" });
    await expect(server.assign(ann, other.id, { to: "eve@example.org", by })).rejects.toMatchObject({ code: "alarms.not_assignable" });
    expect(await server.assignees(ours, other.id)).toEqual([
      { email: "ann@example.org", name: "Ann" },
      { email: "bob@example.org", name: "Bob" },
    ]);
  });

  it("N-F06: acknowledges many at once and says of each what became of it, another's included", async () => {
    await take(server, ...subjects.map((one) => raise(one)));
    const open = await list();
    const absent = newId() as AlarmId;
    const acted = await server.bulk.acknowledge(inSouth, [...open.map(({ id }) => id), absent], "ann@example.org");
    const refused = acted.filter(({ error }) => error !== undefined);
    expect(acted.map(({ alarmId }) => alarmId)).toEqual([...open.map(({ id }) => id), absent]);
    // Of the three about the device in the South, and no others: the rest is not there for somebody of the South.
    expect(acted.filter(({ alarm }) => alarm?.deviceId === "alone")).toHaveLength(3);
    expect(refused.map(({ error }) => error?.code)).toEqual(refused.map(() => "alarms.not_found"));
    expect(refused).toHaveLength(open.length + 1 - 3);
    const cleared = await server.bulk.clear(
      ann,
      open.map(({ id }) => id),
      { by: "ann@example.org" },
    );
    expect(cleared.filter(({ alarm }) => alarm?.state === "cleared").map(({ alarm }) => alarm?.kind)).toHaveLength(2);
    expect(
      (
        await server.bulk.assign(
          inSouth,
          open.map(({ id }) => id),
          { to: null, by: "ann" },
        )
      ).filter(({ error }) => error === undefined),
    ).toHaveLength(3);
  });

  it("N-F06: counts what the database counts, under any filter, and lists the same", async () => {
    await take(
      server,
      ...subjects.map((one, n) => raise(one, { severity: n % 2 === 0 ? "critical" : "info", title: n === 3 ? "50% of it" : undefined })),
    );
    await server.acknowledge(ann, (await find(anEvent)).id, "ann@example.org");
    await take(server, clear(aLimit));
    const filters = [
      {},
      { severity: "critical" },
      { severity: ["critical", "info"] },
      { kind: ["offline", "event"] },
      { siteId: south },
      { deviceId: "alone" },
      { muted: "true" },
      { muted: "false", flapping: "false" },
      { assignedTo: "nobody" },
      { q: "ONT" },
      { q: "50%" },
      { from: new Date(startMs), to: new Date(startMs + 1) },
      { to: new Date(startMs) },
    ] as const;
    for (const filter of filters) {
      for (const state of ["open", "cleared", "all", "unacknowledged"] as const) {
        const asked = { ...filter, state, siteId: ("siteId" in filter ? filter.siteId : undefined) as never } as never;
        const counts = await server.counts(ours, asked);
        const items: Alarm[] = [];
        let cursor: string | undefined;
        do {
          const page = await server.list(ours, {
            ...(asked as object),
            state,
            sort: "worst",
            limit: 2,
            ...(cursor === undefined ? {} : { cursor }),
          });
          items.push(...page.items);
          cursor = page.next;
        } while (cursor !== undefined);
        expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
        const of = (which: (alarm: Alarm) => boolean) => items.filter(which).length;
        expect(counts).toMatchObject({
          total: items.length,
          bySeverity: { critical: of(({ severity }) => severity === "critical"), info: of(({ severity }) => severity === "info") },
          byState: { raised: of((one) => one.state === "raised"), acknowledged: of((one) => one.state === "acknowledged") },
          byMute: { parent: of(({ mutedBy }) => mutedBy === "parent") },
        });
        const rank = ({ state: is, severity }: Alarm) => (is === "cleared" ? 0 : 10) + (severity === "critical" ? 1 : 0);
        expect(items.map(rank)).toEqual(items.map(rank).sort((a, b) => b - a));
      }
    }
    const [direct] = await db.query<{ n: number }>(
      sql`select count(*)::int as n from alarms a where a.state <> 'cleared' and a.muted_by = 'parent'`,
    );
    expect((await server.counts(ours, { state: "open" })).byMute.parent).toBe(direct?.n);
    expect(direct?.n).toBeGreaterThan(0);
  });

  it("shows nobody of a part what is about no device, or about another part; their incidents neither", async () => {
    await take(server, ...subjects.map((one) => raise(one)));
    expect(new Set((await list(inSouth)).map(({ deviceId }) => deviceId))).toEqual(new Set(["alone"]));
    expect((await server.counts(inSouth, { state: "open" })).total).toBe(3);
    const theirs = (await server.incidents.list(inSouth, { state: "all", limit: 50 })).items;
    const all = (await server.incidents.list(ours, { state: "all", limit: 50 })).items;
    expect(theirs.length).toBeLessThan(all.length);
    const hidden = all.find(({ id }) => !theirs.some((one) => one.id === id));
    await expect(server.incidents.get(inSouth, hidden?.id as never)).rejects.toMatchObject({ code: "incidents.not_found" });
    await expect(server.incidents.comment(inSouth, hidden?.id as never, "ann", "x")).rejects.toMatchObject({ code: "incidents.not_found" });
    expect(await list({ organisationId: strangers })).toEqual([]);
    expect((await server.incidents.list({ organisationId: strangers }, { state: "all", limit: 50 })).items).toEqual([]);
  });

  it("keeps one conversation about an incident, with what was said of its alarms, and its resolution once it is closed", async () => {
    await take(server, raise(anEvent));
    const { id, incidentId } = await find(anEvent);
    const about = incidentId as never;
    await server.comment(ann, id, "ann@example.org", "of the alarm");
    await server.incidents.comment(ann, about, "bob@example.org", "of the incident");
    await expect(server.incidents.resolve(ann, about, "bob", { resolution: "x" })).rejects.toMatchObject({ code: "incidents.still_open" });
    await server.clear(ann, id, "ann@example.org");
    await server.incidents.resolve(ann, about, "bob@example.org", { rootCause: "wind", resolution: "shut" });
    const incident = await server.incidents.get(ours, about);
    expect(incident).toMatchObject({ rootCause: "wind", resolution: "shut", openAlarms: 0, closedAt: expect.any(Date) as Date });
    expect(incident.conversation.map(({ what, by, detail, alarmId }) => [what, by, detail, alarmId])).toEqual([
      ["commented", "ann@example.org", "of the alarm", id],
      ["commented", "bob@example.org", "of the incident", undefined],
      ["resolved", "bob@example.org", "wind; shut", undefined],
    ]);
  });

  it("exports what is filtered, as CSV and as lines of JSON, and puts it on record", async () => {
    await take(server, ...subjects.map((one) => raise(one)));
    const filter = { state: "open", deviceId: "alone" as DeviceId } as const;
    const read = async (format: "csv" | "ndjson") => {
      let text = "";
      for await (const part of await server.export(ann, format, filter)) text += part;
      return text;
    };
    expect((await read("csv")).trim().split("\r\n")).toHaveLength(4);
    const lines = (await read("ndjson"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { deviceId: string; raisedAt: string });
    expect(lines.map(({ deviceId, raisedAt }) => [deviceId, raisedAt])).toEqual(lines.map(() => ["alone", "2026-03-02T10:00:00.000Z"]));
    expect(lines).toHaveLength(3);
    expect(await db.query(sql`select from audit_entries e where e.action = 'alarms.exported'`)).toHaveLength(2);
  });

  it("keeps each person's own views, and none for a token", async () => {
    const person = newId();
    await db.query(sql`insert into people (id, name, email) values (${person}, 'Ann', ${`${person}@example.org`})`);
    const caller = {
      ...ann,
      kind: "person",
      id: person,
      name: "ann",
      permissions: new Set(),
      signal: AbortSignal.abort(),
    } as never as Parameters<Alarms["views"]["save"]>[0];
    await server.views.save(caller, { name: "Mine", search: "severity=critical" });
    const saved = await server.views.save(caller, { name: "Mine", search: "severity=major" });
    expect(await server.views.list(caller)).toEqual([saved]);
    const other = { ...caller, id: newId() };
    expect(await server.views.list(other)).toEqual([]);
    await expect(server.views.remove(other, saved.id)).rejects.toMatchObject({ code: "alarms.view_not_found" });
    await server.views.remove(caller, saved.id);
    expect(await server.views.list(caller)).toEqual([]);
    await expect(server.views.list({ ...caller, kind: "token" })).rejects.toMatchObject({ code: "http.forbidden" });
  });
});
