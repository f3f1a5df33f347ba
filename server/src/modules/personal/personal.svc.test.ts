import { randomBytes } from "node:crypto";

import { peopleErrors } from "@roost/contract/people";
import { identifier, sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { unzip } from "@roost/testbed/unzip";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createDispatch } from "../../platform/events.ts";
import type { Dispatch, Fact } from "../../platform/events.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createSeal } from "../../platform/seal.ts";
import { createAudit } from "../audit/audit.ts";
import type { Audit } from "../audit/audit.ts";
import { createDevices } from "../devices/devices.ts";
import type { Devices } from "../devices/devices.ts";
import { writeHot } from "../telemetry/telemetry-fixture.ts";
import { createTelemetry } from "../telemetry/telemetry.ts";
import { platformShares as shares } from "./personal-map.ts";
import { createPersonal } from "./personal.ts";
import type { Personal } from "./personal.ts";
import { addHousehold, callerOf } from "./test-household.ts";
import type { Household } from "./test-household.ts";

const log = createLog({ level: "silent", pretty: false });
const secret = "canary-secret-9c31";

describe("personal data", () => {
  let database: TestDatabase;
  let db: Db;
  let devices: Devices;
  let personal: Personal;
  let audit: Audit;
  let dispatch: Dispatch;
  let home: Household;
  let heard: Fact[];

  beforeEach(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    heard = [];
    dispatch = await createDispatch({
      db,
      handlers: [{ name: "test.devices", types: ["device.removed"], handle: async (fact) => void heard.push(fact) }],
      observe: () => undefined,
      log,
    });
    home = await addHousehold(db, secret);
    audit = createAudit({ db, clock: systemClock, log, key: randomBytes(32) });
    const reach = () => {
      throw new Error("Nobody asks for the way here.");
    };
    for (const person of [home.lee, home.kim]) {
      const { by } = callerOf(person, home.coop, "viewer");
      const object = { kind: "device", id: home.deviceId, name: "Teddy" };
      await audit.record(db, {
        organisationId: home.coop,
        by,
        action: "device.changed",
        object,
        after: { name: "Teddy", contact: person.email },
      });
    }
    await db.query(sql`delete from audit_entries where mac = '\\x00'`);
    devices = createDevices({ db, seal: createSeal(randomBytes(32)), clock: systemClock, log, audit, reach });
    await devices.start();
    const telemetry = createTelemetry({ db, clock: systemClock, log, audit });
    personal = createPersonal({
      db,
      clock: systemClock,
      log,
      audit,
      removeMember: endMembership,
      removeDevice: (whose, id) => devices.remove(whose, id, id),
      samplesCsv: (within, deviceKey) =>
        telemetry.exportCsv({ within, deviceKey, from: new Date(0), to: new Date(systemClock.nowMs() + 86_400_000), timeZone: "UTC" }),
    });
    const [series] = await db.query<{ key: number }>(sql`select s.key from series s where s.device_key = ${home.deviceKey}`);
    const nowUs = systemClock.nowMs() * 1_000;
    await writeHot(
      db,
      [1, 2, 3].map((value) => ({
        deviceKey: home.deviceKey,
        measuredUs: nowUs - value * 1_000_000,
        receivedUs: nowUs,
        values: [{ seriesKey: series?.key ?? 0, value }],
      })),
    );
    // A chunk of no values stands for those of the past; it cannot be read as one.
    await dispatch.settle();
  });
  afterEach(async () => {
    await personal.close();
    await devices.stop();
    await dispatch.close();
    await db.close();
    await database.drop();
  });

  /** The least that ends a membership; the rules of people are tested where they are. */
  async function endMembership(caller: PersonCaller, personId: string): Promise<void> {
    const owners = await db.query<{ person_id: string }>(
      sql`select m.person_id from memberships m where m.organisation_id = ${caller.organisationId} and m.role = 'owner'`,
    );
    if (owners.length === 1 && owners[0]?.person_id === personId) throw peopleErrors.last_owner();
    await db.query(sql`delete from memberships where organisation_id = ${caller.organisationId} and person_id = ${personId}`);
  }

  /** Every table with rows in which a text stands, whatever the column. */
  async function tablesWith(text: string): Promise<string[]> {
    const tables = await db.query<{ name: string }>(sql`
      select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and not c.relispartition and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'`);
    expect(tables.length).toBeGreaterThan(30);
    const found: string[] = [];
    for (const { name } of tables) {
      const [schema, table] = name.includes(".") ? name.split(".") : ["public", name];
      const [row] = await db.query<{ n: number }>(sql`
        select count(*)::int as n from ${identifier(schema ?? "")}.${identifier(table ?? "")} t where position(lower(${text}::text) in lower(to_jsonb(t)::text)) > 0`);
      if ((row?.n ?? 0) > 0) found.push(name);
    }
    return found.toSorted();
  }

  async function filesOf(archive: AsyncIterable<Uint8Array>): Promise<Map<string, string>> {
    const parts: Uint8Array[] = [];
    for await (const part of archive) parts.push(part);
    return unzip(Buffer.concat(parts));
  }
  const never = new AbortController().signal;
  const rowsIn = (files: Map<string, string>, name: string) => JSON.parse(files.get(name) ?? "null") as Record<string, unknown>[] | null;

  it("T-F12: hands out everything about a person to themselves, organisation by organisation, without a secret", async () => {
    const files = await filesOf(await personal.exportMyself(callerOf(home.kim, home.coop, "operator"), never));
    expect([...files.keys()].at(0)).toBe("README.txt");
    expect([...files.keys()].at(-1)).toBe("manifest.json");
    for (const share of shares) {
      if (share.account !== undefined) expect(files.has(`account/${share.table}.json`)).toBe(true);
      for (const organisation of [home.coop, home.farm]) {
        if (share.person !== undefined) expect(files.has(`organisation-${organisation}/${share.table}.json`)).toBe(true);
      }
    }
    expect(rowsIn(files, "account/people.json")).toMatchObject([{ email: home.kim.email, name: home.kim.name }]);
    expect(rowsIn(files, "account/sessions.json")).toMatchObject([{ ip_address: "203.0.113.77" }]);
    for (const table of ["api_tokens", "memberships", "alarms", "alarm_entries", "tickets", "ticket_entries"]) {
      expect(rowsIn(files, `organisation-${home.farm}/${table}.json`)).toHaveLength(1);
    }
    const manifest = JSON.parse(files.get("manifest.json") ?? "") as { files: { file: string; rows: number; about: string }[] };
    for (const { file, rows, about } of manifest.files) {
      expect(rowsIn(files, file)).toHaveLength(rows);
      expect(about.length).toBeGreaterThan(10);
    }
    const text = [...files.values()].join("\n");
    expect(text).not.toContain(secret);
    expect(text).not.toContain(Buffer.from(secret).toString("hex"));
    // Of others nothing.
    expect(text).not.toMatch(/lee@example\.org|Leandra|ann@example\.org/i);
  });

  it("S6: hands an organisation its own part of a person and nothing of another one's", async () => {
    const files = await filesOf(await personal.exportPerson(callerOf(home.ann, home.coop, "owner"), home.kim.id, never));
    const text = [...files.values()].join("\n");
    expect(text).toContain(home.kim.email);
    expect(text).not.toContain(home.farm);
    // No session that acts in this organisation: where somebody was signed in is theirs.
    expect(rowsIn(files, "account/sessions.json")).toEqual([]);
    for (const table of ["accounts", "second_factors", "passkeys"]) expect(files.has(`account/${table}.json`)).toBe(false);
    expect(rowsIn(files, "memberships.json")).toHaveLength(1);
    // Whoever never had anything to do with the organisation does not exist in it.
    await expect(personal.exportPerson(callerOf(home.kim, home.farm, "owner"), home.lee.id, never)).rejects.toMatchObject({
      code: "personal_data.person_not_found",
    });
    const [exported] = await db.query(sql`
      select 1 from audit_entries e where e.action = 'personal_data.exported' and e.object_id = ${home.kim.id} and e.actor_id = ${home.ann.id}`);
    expect(exported).toBeDefined();
  });

  it("T-F12: hands out everything about a device, its values as CSV", async () => {
    await db.query(sql`delete from chunks`);
    const files = await filesOf(await personal.exportDevice(callerOf(home.ann, home.coop, "owner"), home.deviceId, never));
    for (const share of shares) {
      if (share.device === undefined || share.device.notExported !== undefined) continue;
      if (share.device.erase !== "keep") expect(rowsIn(files, `${share.table}.json`)?.length, share.table).toBeGreaterThan(0);
    }
    expect(files.get("samples.csv")?.split("\r\n")).toHaveLength(5);
    expect(files.get("samples.csv")).toMatch(/^measured_at,.*\r\n.*,temperature,3,/);
    const text = [...files.values()].join("\n");
    expect(text).not.toContain(secret);
    expect(text).not.toContain(Buffer.from(secret).toString("hex"));
    await expect(personal.exportDevice(callerOf(home.kim, home.farm, "owner"), home.deviceId, never)).rejects.toMatchObject({
      code: "devices.not_found",
    });
  });

  it("makes two archives at a time, and gives the place and the connection up when somebody goes away in the middle", async () => {
    const caller = callerOf(home.ann, home.coop, "owner");
    const open = await Promise.all([1, 2].map(() => personal.exportPerson(caller, home.kim.id, never)));
    const readers = open.map((archive) => archive[Symbol.asyncIterator]());
    for (const reader of readers) expect((await reader.next()).done).toBe(false);
    await expect(personal.exportMyself(caller, never)).rejects.toMatchObject({ code: "personal_data.too_many_exports", status: 429 });
    for (const reader of readers) await reader.return?.();
    const [left] = await db.query<{ n: number }>(
      sql`select count(*)::int as n from pg_stat_activity a where a.application_name = 'roost personal data' and a.datname = current_database()`,
    );
    expect(left?.n).toBe(0);
    expect((await filesOf(await personal.exportMyself(caller, never))).has("manifest.json")).toBe(true);
    // Cut off by the caller's own end: the archive has no end either.
    const gone = new AbortController();
    const cut = (await personal.exportPerson(caller, home.kim.id, gone.signal))[Symbol.asyncIterator]();
    await cut.next();
    gone.abort();
    await expect(
      (async () => {
        while ((await cut.next()).done !== true);
      })(),
    ).rejects.toThrow();
  });

  it("T-F12, S19: erases a device so that no row with its id or key is left in any table but the trail's", async () => {
    const caller = callerOf(home.ann, home.coop, "owner");
    const before = await tablesWith(home.deviceId);
    // The test sees what it is about.
    for (const table of ["devices", "claims", "retained_messages", "events", "deliveries", "ingest_rejects", "claim_tries", "alarms"]) {
      expect(before).toContain(table);
    }
    await expect(personal.eraseDevice(caller, home.deviceId, "another")).rejects.toMatchObject({
      code: "personal_data.confirmation_mismatch",
    });
    const { id } = await personal.eraseDevice(caller, home.deviceId, home.deviceId);
    await personal.settle();
    await dispatch.settle();
    // Facts go when all have heard them.
    await personal.job.run();
    const done = await personal.get(caller, id);
    expect(done.state).toBe("done");
    expect(heard.map((fact) => fact.nounId)).toEqual([home.deviceId]);
    expect(await tablesWith(home.deviceId)).toEqual(["audit_entries", "erasures"]);
    const keyed = await db.query<{ table: string }>(sql`
      select c.relname as "table" from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relkind in ('r', 'p') and not c.relispartition and a.attname = 'device_key' and c.relnamespace = 'public'::regnamespace`);
    expect(keyed.length).toBeGreaterThan(5);
    for (const { table } of keyed) {
      expect(await db.query(sql`select 1 from ${identifier(table)} t where t.device_key = ${home.deviceKey}`), table).toEqual([]);
    }
    const places = new Map(done.places.map(({ place, rows }) => [place, rows]));
    expect(places.get("hot_samples")).toBe(3);
    expect(places.get("chunks")).toBe(1);
    expect(places.get("ingest_rejects")).toBe(1);
    expect(done.kept.join(" ")).toContain("audit_entries");
    // Other devices lost nothing.
    const [left] = await db.query<{ n: number }>(sql`select count(*)::int as n from devices`);
    expect(left?.n).toBe(4);
    const actions = await db.query<{ action: string }>(
      sql`select e.action from audit_entries e where e.object_id = ${home.deviceId} order by e.id`,
    );
    expect(actions.map(({ action }) => action)).toEqual(expect.arrayContaining(["device.erasure_requested", "device.erased"]));
  });

  it("T-F12: erases a person of one organisation whole: the account too, and what stays names nobody", async () => {
    const caller = callerOf(home.ann, home.coop, "owner");
    // What is left of an organisation they do not belong to is that one's to erase.
    await db.query(sql`delete from organisations where id = ${home.farm}`).catch(() => undefined);
    expect(await tablesWith(home.lee.email)).toEqual(
      expect.arrayContaining(["people", "alarms", "alarm_entries", "events", "flags", "verifications"]),
    );
    await expect(personal.erasePerson(caller, home.lee.id, "somebody else")).rejects.toMatchObject({
      code: "personal_data.confirmation_mismatch",
    });
    await expect(personal.erasePerson(caller, home.ann.id, home.ann.email)).rejects.toMatchObject({ code: "people.last_owner" });
    const { id } = await personal.erasePerson(caller, home.lee.id, home.lee.email);
    await personal.settle();
    const done = await personal.get(caller, id);
    expect(done).toMatchObject({ state: "done", subject: "person", subjectId: home.lee.id });
    const gone = await db.query(sql`select 1 from people p where p.id = ${home.lee.id}`);
    expect(gone).toEqual([]);
    const [entry] = await db.query<{ by: string; detail: string }>(sql`
      select e.by, e.detail from alarm_entries e where e.organisation_id = ${home.coop} and e.by like 'erased person %'`);
    expect(entry?.by).toBe(`erased person ${home.lee.id.slice(-8)}`);
    expect(entry?.detail).toBe(`${entry?.by} looks after it, ask ${entry?.by}`);
    for (const place of ["memberships", "api_tokens", "sessions", "accounts", "passkeys", "second_factors", "people"]) {
      // The membership ended first, by the rules of people.
      if (place !== "memberships") expect(done.places.map((one) => one.place)).toContain(place);
    }
    // In other organisations' records and in the trail only.
    const inCoop = await db.query<{ table: string }>(sql`
      select 'alarms' as "table" from alarms a where a.organisation_id = ${home.coop} and lower(to_jsonb(a)::text) like '%lee@example.org%'
      union all select 'entries' from alarm_entries a where a.organisation_id = ${home.coop} and lower(to_jsonb(a)::text) like '%lee@example.org%'
      union all select 'events' from events a where a.organisation_id = ${home.coop} and lower(to_jsonb(a)::text) like '%lee@example.org%'
      union all select 'deliveries' from deliveries a where a.organisation_id = ${home.coop} and lower(to_jsonb(a)::text) like '%lee@example.org%'
      union all select 'invitations' from invitations a where a.organisation_id = ${home.coop} and lower(to_jsonb(a)::text) like '%lee@example.org%'`);
    expect(inCoop).toEqual([]);
    const trail = await db.query<{ actor_id: string; actor_name: string; remote_address: string | null; after: object }>(sql`
      select e.actor_id, e.actor_name, e.remote_address, e.after from audit_entries e where e.action = 'device.changed' and e.actor_id = ${home.lee.id}`);
    expect(trail).toEqual([
      { actor_id: home.lee.id, actor_name: entry?.by, remote_address: null, after: { name: "Teddy", contact: entry?.by } },
    ]);
    expect(await tablesWith("Leandra Lee")).toEqual(["alarm_entries", "ticket_entries"]);
    // Kim's words stand as they were.
    expect(await tablesWith(home.kim.email)).toEqual(expect.arrayContaining(["people", "alarms", "alarm_entries", "events"]));
  });

  it("T-F12: erases somebody's part of one organisation and leaves the account that another one needs", async () => {
    const caller = callerOf(home.ann, home.coop, "owner");
    const { id } = await personal.erasePerson(caller, home.kim.id, home.kim.email.toUpperCase());
    await personal.settle();
    const done = await personal.get(caller, id);
    expect(done.state).toBe("done");
    expect(done.kept.join(" ")).toContain("other organisations");
    expect(await db.query(sql`select 1 from people p where p.id = ${home.kim.id}`)).toHaveLength(1);
    expect(await db.query(sql`select 1 from sessions s where s.person_id = ${home.kim.id}`)).toHaveLength(1);
    expect(
      await db.query(sql`select 1 from api_tokens t where t.person_id = ${home.kim.id} and t.organisation_id = ${home.farm}`),
    ).toHaveLength(1);
    expect(
      await db.query(sql`select 1 from alarms a where a.organisation_id = ${home.coop} and a.acknowledged_by = ${home.kim.email}`),
    ).toEqual([]);
    expect(
      await db.query(sql`select 1 from alarms a where a.organisation_id = ${home.farm} and a.acknowledged_by = ${home.kim.email}`),
    ).toHaveLength(1);
    // Nobody outside the organisation sees the record.
    await expect(personal.get(callerOf(home.kim, home.farm, "owner"), id)).rejects.toMatchObject({
      code: "personal_data.erasure_not_found",
    });
  });

  it("S6: erases whoever calls themselves by keys and brackets, and breaks nothing that others wrote", async () => {
    const caller = callerOf(home.ann, home.coop, "owner");
    const data = { by: "Kim", deviceId: home.deviceId, isOpen: true };
    const factId = newId();
    await db.query(sql`
      insert into events (id, organisation_id, type, noun_id, data) values (${factId}, ${home.coop}, 'note.made', 'n', ${JSON.stringify(data)})`);
    await audit.record(db, {
      organisationId: home.coop,
      by: { kind: "system", id: "x", name: "X" },
      action: "note.made",
      object: { kind: "note", id: factId },
      after: data,
    });
    // As PostgreSQL writes a document, as we do, and a key alone.
    for (const [index, name] of ['", "deviceId": "', '","deviceId":"', ": true", "deviceId"].entries()) {
      const [id, address] = [newId(), `mal${index}@example.org`];
      await db.query(sql`insert into people (id, name, email) values (${id}, ${name}, ${address})`);
      await db.query(
        sql`insert into memberships (id, organisation_id, person_id, role) values (${newId()}, ${home.coop}, ${id}, 'viewer')`,
      );
      const erasure = await personal.erasePerson(caller, id, address);
      await personal.settle();
      expect([name, (await personal.get(caller, erasure.id)).state]).toEqual([name, "done"]);
    }
    expect(await db.query(sql`select e.data from events e where e.id = ${factId}`)).toEqual([{ data }]);
    expect(await db.query(sql`select a.after from audit_entries a where a.object_id = ${factId}`)).toEqual([{ after: data }]);
  });

  it("goes on with an erasure that was cut off after any of its steps, and counts nothing twice", async () => {
    const caller = callerOf(home.ann, home.coop, "owner");
    // As a crash leaves it: taken up and never begun, then cut off after each step.
    await db.query(sql`create function cut_off() returns trigger language plpgsql as $$
      begin if new.step > 0 and new.step = old.step + 1 and not coalesce(current_setting('test.go', true) = new.step::text, false)
        then raise exception 'cut off'; end if; return new; end $$`);
    await db.query(sql`create trigger cut before update on erasures for each row execute function cut_off()`);
    const { id } = await personal.eraseDevice(caller, home.deviceId, home.deviceId);
    await personal.settle();
    expect(await personal.get(caller, id)).toMatchObject({ state: "running", places: [] });
    await expect(personal.job.run()).rejects.toThrow("cut off");
    expect(await db.query(sql`select 1 from hot_samples s where s.device_key = ${home.deviceKey}`)).toHaveLength(3);
    await db.query(sql`drop trigger cut on erasures`);
    await dispatch.settle();
    await Promise.all([personal.job.run(), personal.job.run()]);
    const done = await personal.get(caller, id);
    expect(done.state).toBe("done");
    expect(done.places.filter(({ place }) => place === "hot_samples")).toEqual([{ place: "hot_samples", how: "deleted", rows: 3 }]);
  });

  it("lists erasures of the organisation, newest first, page by page", async () => {
    const caller = callerOf(home.ann, home.coop, "owner");
    await personal.eraseDevice(caller, home.deviceId, home.deviceId);
    await personal.erasePerson(caller, home.lee.id, home.lee.email);
    await personal.settle();
    const first = await personal.list(caller, { limit: 1 });
    expect(first.items.map(({ subject }) => subject)).toEqual(["person"]);
    const second = await personal.list(caller, { limit: 1, cursor: first.next });
    expect(second.items.map(({ subject }) => subject)).toEqual(["device"]);
    expect(second.next).toBeUndefined();
    expect((await personal.list(callerOf(home.kim, home.farm, "owner"), { limit: 10 })).items).toEqual([]);
  });
});
