import { randomBytes } from "node:crypto";

import type { Alarm } from "@roost/contract/alarms";
import type { AlarmId, TicketId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createDispatch } from "../../platform/events.ts";
import type { Dispatch, Fact } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createAlarms } from "../alarms/alarms.ts";
import type { Alarms } from "../alarms/alarms.ts";
import { createAudit } from "../audit/audit.ts";
import { createTickets } from "./tickets.ts";
import type { Tickets } from "./tickets.ts";

const log = createLog({ level: "silent", pretty: false });
const organisationId = newId();
const strangers = newId();
const [north, south] = [newId(), newId()];
const email = "ann@example.org";
const ann = { organisationId, by: { kind: "person" as const, id: newId(), name: email } };
const at = (siteId: string) => ({ ...ann, scope: { allow: [{ siteIds: [siteId], groupIds: [] }], deny: { siteIds: [], groupIds: [] } } });
const everything = { state: "all", sort: "newest", limit: 200 } as const;
const startMs = Date.parse("2026-03-02T10:00:00Z");

describe("tickets", () => {
  let database: TestDatabase;
  let db: Db;
  let alarms: Alarms;
  let tickets: Tickets;
  let dispatch: Dispatch;
  let nowMs = startMs;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const wait = (minutes: number) => {
    nowMs += minutes * 60_000;
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    const audit = createAudit({ db, clock, log, key: randomBytes(32) });
    alarms = createAlarms({ db, audit, clock, log });
    tickets = createTickets({
      db,
      audit,
      alarms,
      clock,
      keepersOf: async () => [
        { email, name: "Ann", maySee: () => true },
        { email: "bob@example.org", name: "Bob", maySee: (deviceId) => deviceId === "coop-south" },
      ],
    });
    for (const id of [organisationId, strangers])
      await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${id}, ${id})`);
    await db.query(
      sql`insert into sites (id, organisation_id, name) values (${north}, ${organisationId}, 'North'), (${south}, ${organisationId}, 'South')`,
    );
    for (const [id, siteId] of [
      ["coop-north", north],
      ["coop-south", south],
    ])
      await db.query(
        sql`insert into devices (id, organisation_id, name, kind, site_id) values (${id}, ${organisationId}, ${id}, 'generic', ${siteId})`,
      );
    dispatch = await createDispatch({ db, handlers: tickets.handlers, observe: () => undefined, log });
  });
  beforeEach(async () => {
    nowMs = startMs;
    await dispatch.settle();
    await db.query(sql`truncate alarms, incidents, audit_entries cascade`);
  });
  afterAll(async () => {
    await dispatch.close();
    await alarms.close();
    await db.close();
    await database.drop();
  });

  async function turn(what: "raise" | "clear", deviceId: string | undefined, more: { severity?: Alarm["severity"] } = {}): Promise<Alarm> {
    const source = deviceId ?? "elsewhere";
    const { severity = "critical" } = more;
    const signal = { id: newId(), what, organisationId, source, type: "event:door", deviceId, kind: "event", severity } as const;
    await db.transaction((tx) => alarms.take(tx, [{ ...signal, at: new Date(nowMs), title: "Door open" }]));
    const [alarm] = (await alarms.list(ann, { state: "all", limit: 200, sort: "newest" })).items.filter((one) => one.source === source);
    if (alarm === undefined) throw new Error("No alarm");
    return alarm;
  }
  const raise = async (deviceId?: string, more: { severity?: Alarm["severity"] } = {}) => turn("raise", deviceId, more);
  const make = async (deviceId = "coop-north") => tickets.create(ann, (await raise(deviceId)).id, email, {});
  const steps = async (id: TicketId) =>
    (await tickets.get(ann, id)).history.map(({ what, status, detail, by }) => [what, status ?? detail, by].join(" ").trim());
  const factsOf = async (id: string) =>
    (await db.query<{ type: string }>(sql`select e.type from events e where e.noun_id = ${id} order by e.xact_id, e.id`)).map(
      ({ type }) => type,
    );
  const refused = async (code: string, doing: Promise<unknown>, details: object = {}) =>
    expect(doing).rejects.toMatchObject({ code, details });

  it("N-F07: is made from an alarm, worked on and closed; alarm and ticket tell each other, and closing clears nothing", async () => {
    const alarm = await raise("coop-north");
    const made = await tickets.create(ann, alarm.id, email, { note: "Look at the hinge", assignTo: email });
    expect(made).toMatchObject({
      title: "coop-north: Door open",
      kind: "fault",
      priority: "urgent",
      status: "open",
      assignedTo: email,
      createdBy: email,
      respondBy: new Date(startMs + 15 * 60_000),
      resolveBy: new Date(startMs + 240 * 60_000),
      alarm: { id: alarm.id, state: "raised", deviceName: "coop-north", siteName: "North" },
    });
    wait(5);
    await tickets.message(ann, made.id, email, { text: "<script>alert(1)</script> is on the sign" });
    wait(5);
    await tickets.move(ann, made.id, email, { status: "in_progress" });
    await alarms.acknowledge(ann, alarm.id, email);
    await dispatch.settle();
    wait(30);
    await tickets.move(ann, made.id, email, { status: "resolved", note: "New hinge" });
    const closed = await tickets.move(ann, made.id, email, { status: "closed" });
    expect(closed).toMatchObject({
      status: "closed",
      firstResponseAt: new Date(startMs + 5 * 60_000),
      resolvedAt: new Date(startMs + 40 * 60_000),
      responseLate: false,
      resolutionLate: false,
      alarm: { state: "acknowledged", acknowledgedBy: email },
    });
    const seen = await alarms.get(ann, alarm.id);
    expect(seen.state).toBe("acknowledged");
    expect(seen.history.filter(({ what }) => what === "ticket").map(({ detail, by }) => `${by}: ${detail}`)).toEqual([
      `${email}: made, urgent`,
      `${email}: in progress`,
      `${email}: resolved`,
      `${email}: closed`,
    ]);
    await alarms.clear(ann, alarm.id, email);
    await dispatch.settle();
    const after = await tickets.get(ann, made.id);
    expect(after).toMatchObject({ status: "closed", alarm: { state: "cleared" } });
    expect(await steps(made.id)).toEqual([
      `created open ${email}`,
      `message <script>alert(1)</script> is on the sign ${email}`,
      `moved in_progress ${email}`,
      `alarm acknowledged ${email}`,
      `moved resolved ${email}`,
      `moved closed ${email}`,
      "alarm cleared",
    ]);
    expect(after.history[0]?.detail).toBe("Look at the hinge");
    const trail = await db.query<{ action: string }>(
      sql`select a.action from audit_entries a where a.object_id = ${made.id} order by a.at, a.id`,
    );
    expect(trail.map(({ action }) => action).sort()).toEqual(
      ["ticket.created", "ticket.messaged", "ticket.moved", "ticket.moved", "ticket.moved"].sort(),
    );
    expect(await factsOf(made.id)).toEqual([
      "ticket.created",
      "ticket.messaged",
      "ticket.moved",
      "ticket.alarm_turned",
      "ticket.moved",
      "ticket.moved",
      "ticket.alarm_turned",
    ]);
  });

  it("N-F07: refuses a second ticket of the same alarm and names the first, however many ask at once", async () => {
    const { id: alarmId } = await raise("coop-north");
    const answers = await Promise.allSettled([1, 2, 3, 4].map(() => tickets.create(ann, alarmId, email, {})));
    const made = answers.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    expect(made).toHaveLength(1);
    const first = made[0]?.id;
    for (const one of answers)
      if (one.status === "rejected")
        expect(one.reason).toMatchObject({ code: "tickets.already_there", details: { alarmId, ticketId: first } });
    const other = await raise("coop-south");
    const gone = newId() as AlarmId;
    expect(await tickets.createMany(ann, [alarmId, other.id, gone, alarmId], email, {})).toEqual([
      { alarmId, ticketId: first, error: expect.objectContaining({ code: "tickets.already_there" }) },
      { alarmId: other.id, ticketId: expect.any(String) },
      { alarmId: gone, ticketId: undefined, error: expect.objectContaining({ code: "alarms.not_found" }) },
    ]);
    expect((await tickets.list(ann, everything)).items).toHaveLength(2);
  });

  it("N-F07: refuses a step that is not allowed and leaves all as it was; the same step twice is one", async () => {
    const { id } = await make();
    await refused("tickets.illegal_step", tickets.move(ann, id, email, { status: "closed" }), { from: "open", to: "closed" });
    await tickets.move(ann, id, email, { status: "waiting" });
    await tickets.move(ann, id, email, { status: "waiting" });
    await Promise.all([1, 2].map(() => tickets.move(ann, id, email, { status: "resolved" })));
    await refused("tickets.over", tickets.assign(ann, id, { to: email, by: email }));
    await refused("tickets.illegal_step", tickets.move(ann, id, email, { status: "waiting" }));
    expect(await steps(id)).toEqual([`created open ${email}`, `moved waiting ${email}`, `moved resolved ${email}`]);
  });

  it("N-F07: writes a message with a key once, and what stands in the history stays as it is", async () => {
    const { id } = await make();
    const other = await make("coop-south");
    for (const text of ["Parts ordered", "Parts ordered, said again"]) await tickets.message(ann, id, "jira", { text, key: "comment-7" });
    await tickets.message(ann, other.id, "jira", { text: "Another ticket", key: "comment-7" });
    expect(await steps(id)).toEqual([`created open ${email}`, "message Parts ordered jira"]);
    const tries = [sql`update ticket_entries set detail = 'x'`, sql`delete from ticket_entries`];
    for (const statement of tries) await expect(db.within(ann).query(statement)).rejects.toThrow(/permission denied/);
  });

  it("N-F07, S12: is seen, worked on and listed by those whose scope has the alarm's device, and by nobody else", async () => {
    const there = await make("coop-south");
    const here = await make("coop-north");
    const nowhere = await tickets.create(ann, (await raise()).id, email, {});
    const ids = async (whose: Parameters<Tickets["list"]>[0]) => (await tickets.list(whose, everything)).items.map(({ id }) => id).sort();
    expect(await ids(ann)).toEqual([here.id, there.id, nowhere.id].sort());
    expect(await ids(at(south))).toEqual([there.id]);
    expect(await ids({ organisationId: strangers })).toEqual([]);
    const blind = [at(north), { ...ann, organisationId: strangers }];
    for (const whose of blind) {
      await refused("tickets.not_found", tickets.get(whose, there.id));
      await refused("tickets.not_found", tickets.move(whose, there.id, email, { status: "waiting" }));
      await refused("tickets.not_found", tickets.message(whose, there.id, email, { text: "Hello" }));
      await refused("tickets.not_found", tickets.change(whose, there.id, email, { priority: "low" }));
      await refused("tickets.not_found", tickets.assign(whose, there.id, { to: email, by: email }));
      await refused("tickets.not_found", tickets.assignees(whose, there.id));
      await refused("alarms.not_found", tickets.create(whose, there.alarm.id, email, {}));
    }
    expect(await steps(there.id)).toEqual([`created open ${email}`]);
    await tickets.message(at(south), there.id, email, { text: "Seen" });
  });

  it("N-F07: goes with its device to another organisation, where nobody has it yet", async () => {
    await db.query(sql`insert into devices (id, organisation_id, name, kind) values ('rover', ${organisationId}, 'Rover', 'generic')`);
    const { id } = await make("rover");
    await tickets.change(ann, id, email, { externalReference: "NOC-17" });
    await tickets.assign(ann, id, { to: email, by: email });
    await db.query(sql`update devices set organisation_id = ${strangers} where id = 'rover'`);
    await db.query(sql`select roost_move_device('rover', ${strangers})`);
    await refused("tickets.not_found", tickets.get(ann, id));
    const moved = await tickets.get({ organisationId: strangers }, id);
    expect([moved.assignedTo, moved.externalReference, moved.history.length]).toEqual([undefined, undefined, 3]);
  });

  it("N-F07: goes to members who may see it and work on it, and to nobody else", async () => {
    const here = await make("coop-north");
    expect(await tickets.assignees(ann, here.id)).toEqual([{ email, name: "Ann" }]);
    await refused("tickets.not_assignable", tickets.assign(ann, here.id, { to: "bob@example.org", by: email }));
    await refused("tickets.not_assignable", tickets.assign(ann, here.id, { to: "stranger@example.org", by: email }));
    expect(await tickets.assign(ann, here.id, { to: "ANN@example.org", by: email })).toMatchObject({ assignedTo: email });
    expect((await tickets.assign(ann, here.id, { to: null, by: email, note: "On holiday" })).assignedTo).toBeUndefined();
    const there = await make("coop-south");
    await tickets.assign(ann, there.id, { to: "bob@example.org", by: email });
    const found = await tickets.list(ann, { ...everything, assignedTo: "BOB@example.org" });
    expect(found.items.map(({ id }) => id)).toEqual([there.id]);
    expect((await tickets.list(ann, { ...everything, assignedTo: "nobody" })).items.map(({ id }) => id)).toEqual([here.id]);
    await refused("tickets.not_assignable", tickets.create(ann, (await raise()).id, email, { assignTo: "bob@example.org" }));
  });

  it("N-F07: is late when nobody answered or resolved it in time, notes it once, and counts as late until it is over", async () => {
    const { id } = await make();
    wait(15);
    await tickets.noteLate();
    expect(await tickets.get(ann, id)).toMatchObject({ responseLate: false });
    wait(1);
    expect(await tickets.get(ann, id)).toMatchObject({ responseLate: true, resolutionLate: false });
    expect((await tickets.list(ann, { ...everything, late: "true" })).items).toHaveLength(1);
    await Promise.all([tickets.noteLate(), tickets.noteLate()]);
    await tickets.noteLate();
    expect(await tickets.activeEverywhere()).toEqual([{ priority: "urgent", active: 1, late: 1 }]);
    wait(240);
    await tickets.noteLate();
    await tickets.noteLate();
    const late = ["late no response in time", "late not resolved in time"];
    expect(await steps(id)).toEqual([`created open ${email}`, ...late]);
    // More time is given, and missed too.
    await tickets.change(ann, id, email, { resolveBy: new Date(nowMs + 60_000) });
    wait(2);
    await tickets.noteLate();
    expect((await steps(id)).at(-1)).toBe(late[1]);
    expect(await steps(id)).toHaveLength(5);
    await refused("tickets.due_before_made", tickets.change(ann, id, email, { resolveBy: new Date(startMs) }));
    await tickets.move(ann, id, email, { status: "resolved" });
    expect(await tickets.get(ann, id)).toMatchObject({ responseLate: true, resolutionLate: true });
    expect(await tickets.activeEverywhere()).toEqual([]);
  });

  it("N-F07: hears that its alarm grew worse and ended, and a fact that comes twice once", async () => {
    const { id: alarmId } = await raise("coop-north", { severity: "minor" });
    const { id, alarm } = await tickets.create(ann, alarmId, email, {});
    await raise("coop-north", { severity: "critical" });
    await turn("clear", "coop-north");
    await dispatch.settle();
    const [row] = await db.query<{ id: string; type: string; noun_id: string; data: Fact["data"]; at: Date }>(
      sql`select e.id, e.type, e.noun_id, e.data, e.at from events e where e.noun_id = ${alarm.id} and e.type = 'alarm.cleared'`,
    );
    if (row === undefined) throw new Error("No fact");
    const fact: Fact = { ...row, nounId: row.noun_id, organisationId };
    for (const handler of tickets.handlers) {
      await handler.handle(fact);
      await handler.handleMany([fact, fact]);
    }
    expect(await steps(id)).toEqual([`created open ${email}`, "alarm now critical", "alarm cleared"]);
    expect((await factsOf(id)).filter((type) => type === "ticket.alarm_turned")).toHaveLength(2);
  });

  it("N-F07: lists page by page, by what is due or newest, and by what is asked for", async () => {
    const made = [];
    for (const severity of ["minor", "critical", "major"] as const) {
      const alarm = await raise(severity === "minor" ? "coop-north" : severity === "major" ? "coop-south" : undefined, { severity });
      made.push(await tickets.create(ann, alarm.id, email, {}));
      wait(1);
    }
    const [minor, critical, major] = made.map(({ id }) => id);
    const walk = async (sort: "newest" | "due") => {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const one = await tickets.list(ann, { state: "active", sort, limit: 1, cursor });
        seen.push(...one.items.map(({ id }) => id));
        cursor = one.next;
      } while (cursor !== undefined);
      return seen;
    };
    expect(await walk("newest")).toEqual([major, critical, minor]);
    expect(await walk("due")).toEqual([critical, major, minor]);
    const list = async (more: object) => (await tickets.list(ann, { ...everything, ...more })).items.map(({ id }) => id);
    expect(await list({ priority: ["urgent", "high"] })).toEqual([major, critical]);
    expect(await list({ siteId: north })).toEqual([minor]);
    expect(await list({ deviceId: "coop-south" })).toEqual([major]);
    expect(await list({ q: "DOOR OPEN" })).toHaveLength(3);
    expect(await list({ q: "50%" })).toEqual([]);
    await tickets.change(ann, minor as TicketId, email, { externalReference: "NOC-17" });
    expect(await list({ q: "noc-17" })).toEqual([minor]);
    await tickets.move(ann, minor as TicketId, email, { status: "resolved" });
    expect(await list({ state: "done" })).toEqual([minor]);
    expect(await list({ status: "resolved" })).toEqual([minor]);
    expect(await list({ state: "active" })).toHaveLength(2);
  });
});
