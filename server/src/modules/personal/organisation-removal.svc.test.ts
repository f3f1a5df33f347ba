import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { sql, tableName } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createBlobs } from "../../platform/blobs.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createDispatch } from "../../platform/events.ts";
import type { Dispatch } from "../../platform/events.ts";
import { createLog } from "../../platform/log.ts";
import { migrate, readMigrations } from "../../platform/migrate.ts";
import { createSeal } from "../../platform/seal.ts";
import { createAudit } from "../audit/audit.ts";
import type { Audit } from "../audit/audit.ts";
import { createDevices } from "../devices/devices.ts";
import type { Devices } from "../devices/devices.ts";
import { writeHot } from "../telemetry/telemetry-fixture.ts";
import { staysOfOrganisation } from "./organisation-removal-store.ts";
import { createOrganisationRemoval } from "./organisation-removal.ts";
import { addHousehold, callerOf } from "./test-household.ts";
import type { Household } from "./test-household.ts";
import { fillTables, tablesWithColumn } from "./test-rows.ts";

const log = createLog({ level: "silent", pretty: false });
const dayMs = 86_400_000;
const kits = new URL("../../../../kits/src/", import.meta.url);
const tablesByKey = ["hot_samples", "chunks", "telemetry_hours", "telemetry_days"];

describe("the removal of an organisation", () => {
  let database: TestDatabase;
  let db: Db;
  let dataDir: string;
  let devices: Devices;
  let audit: Audit;
  let dispatch: Dispatch;
  let blobs: ReturnType<typeof createBlobs>;
  let home: Household;
  let aheadMs = 0;

  const clock = { nowMs: () => Date.now() + aheadMs, monotonicMs: () => performance.now() + aheadMs };
  const never = new AbortController().signal;
  const whole = { removeDevice: (id: string) => devices.remove({ organisationId: home.coop }, id, id), removeFiles: blobsOf };

  function blobsOf(organisationId: string, signal: AbortSignal): Promise<void> {
    return blobs.removeAllOf(organisationId, signal);
  }

  /** As a server that has just started has it. */
  function removalWith({ removeDevice, removeFiles } = whole) {
    return createOrganisationRemoval({ db, clock, log, audit, removeDevice: (_whose, id) => removeDevice(id), removeFiles });
  }

  async function prepare(): Promise<void> {
    aheadMs = 0;
    dataDir = await mkdtemp(join(tmpdir(), "roost-removal-"));
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    for (const kit of await readdir(kits)) {
      const files = await readMigrations(fileURLToPath(new URL(`${kit}/migrations`, kits))).catch(() => []);
      if (files.length > 0) await migrate(db, files, log, { schema: `kit_${kit}` });
    }
    dispatch = await createDispatch({
      db,
      handlers: [{ name: "test.devices", types: ["device.removed"], handle: async () => undefined }],
      observe: () => undefined,
      log,
    });
    home = await addHousehold(db, "canary-secret-9c31");
    audit = createAudit({ db, clock, log, key: randomBytes(32) });
    await db.query(sql`delete from audit_entries`);
    for (const organisationId of [home.coop, home.farm, undefined])
      await audit.record(db, {
        ...(organisationId === undefined ? {} : { organisationId }),
        by: callerOf(home.lee, home.coop, "viewer").by,
        action: "device.changed",
        object: { kind: "device", id: home.deviceId, name: "Teddy" },
      });
    const reach = () => {
      throw new Error("Nobody asks for the way here.");
    };
    devices = createDevices({ db, seal: createSeal(randomBytes(32)), clock, log, audit, reach });
    await devices.start();
    const [series] = await db.query<{ key: number }>(sql`select s.key from series s where s.device_key = ${home.deviceKey}`);
    const nowUs = clock.nowMs() * 1_000;
    const values = [{ seriesKey: series?.key ?? 0, value: 21 }];
    await writeHot(db, [{ deviceKey: home.deviceKey, measuredUs: nowUs, receivedUs: nowUs, values }]);
    // Whoever is not there any more left nothing elsewhere.
    for (const table of ["api_tokens", "support_grants"])
      await db.query(sql`delete from ${tableName(table)} where organisation_id = ${home.farm} and person_id = ${home.lee.id}`);
    await db.query(sql`delete from invitations where organisation_id = ${home.farm} and invited_by = ${home.lee.id}`);
    blobs = createBlobs({ db, clock, log, dataDir, maxBytesPerOrganisation: 1_000_000 });
    for (const organisationId of [home.coop, home.farm]) await blobs.put(organisationId, "image/png", randomBytes(100));
    const proof = ["setup", "organisation_removals", "audit_links", "audit_retirements", "audit_entries"];
    await fillTables(db, home.coop, home.kim.id, proof);
    await fillTables(db, home.farm, home.kim.id, [...proof, "audit_archives"]);
    await db.query(sql`
      insert into organisation_removals (organisation_id, requested_by, requested_by_email, requested_at, ends_at)
      values (${home.coop}, ${home.ann.id}, ${home.ann.email}, ${new Date(clock.nowMs())}, ${new Date(clock.nowMs() + 14 * dayMs)})`);
    await settle();
  }

  async function close(): Promise<void> {
    await devices.stop();
    await dispatch.close();
    await audit.close();
    await db.close();
    await database.drop();
    await rm(dataDir, { recursive: true });
  }

  async function settle(): Promise<void> {
    await dispatch.settle();
    await audit.settle();
  }

  const isThere = async () => (await db.query(sql`select 1 from organisations o where o.id = ${home.coop}`)).length > 0;

  /** What the job does by the clock, until nothing is left to do. */
  async function untilGone(removal = removalWith()): Promise<void> {
    for (let times = 0; times < 6 && (await isThere()); times += 1) {
      await removal.run(never);
      await settle();
    }
    expect(await isThere()).toBe(false);
  }

  /** Tables in which something of an organisation is found: by its id, or by the keys that its devices had. */
  async function tablesWithRowsOf(organisationId: string, keys: readonly number[]): Promise<string[]> {
    const found: string[] = [];
    for (const table of await tablesWithColumn(db, "organisation_id")) {
      const rows = await db.query(sql`select 1 from ${tableName(table)} t where t.organisation_id = ${organisationId} limit 1`);
      if (rows.length > 0) found.push(table);
    }
    for (const table of tablesByKey) {
      const rows = await db.query(sql`select 1 from ${tableName(table)} t where t.device_key = any(${keys}::int[]) limit 1`);
      if (rows.length > 0) found.push(table);
    }
    return found.toSorted();
  }

  /** How many rows of an organisation each table has, and what is in them. */
  async function picture(organisationId: string, keys: readonly number[]): Promise<Record<string, unknown>> {
    const tables: Record<string, unknown> = {};
    const look = async (table: string, which: ReturnType<typeof sql>) => {
      const [row] = await db.query(sql`
        select count(*)::int as n, md5(coalesce(string_agg(to_jsonb(t)::text, ',' order by to_jsonb(t)::text), '')) as hash
        from ${tableName(table)} t where ${which}`);
      tables[table] = row;
    };
    for (const table of await tablesWithColumn(db, "organisation_id")) await look(table, sql`t.organisation_id = ${organisationId}`);
    for (const table of tablesByKey) await look(table, sql`t.device_key = any(${keys}::int[])`);
    await look("people", sql`t.id = ${home.kim.id}`);
    for (const table of ["sessions", "accounts", "passkeys"]) await look(table, sql`t.person_id = ${home.kim.id}`);
    return tables;
  }

  async function keysOf(organisationId: string): Promise<number[]> {
    const rows = await db.query<{ key: number }>(sql`select d.key from devices d where d.organisation_id = ${organisationId}`);
    return rows.map(({ key }) => key);
  }

  /** Every table in which a text stands. */
  async function tablesNaming(text: string): Promise<string[]> {
    const rows = await db.query<{ name: string }>(sql`
      select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^(pg_|information_schema|jobs)'`);
    const found: string[] = [];
    for (const { name } of rows) {
      const hits = await db.query(
        sql`select 1 from ${tableName(name)} t where position(lower(${text}::text) in lower(to_jsonb(t)::text)) > 0 limit 1`,
      );
      if (hits.length > 0) found.push(name);
    }
    return found.toSorted();
  }

  async function files(): Promise<number> {
    const all = await readdir(join(dataDir, "blobs"), { recursive: true, withFileTypes: true });
    return all.filter((entry) => entry.isFile()).length;
  }

  async function verdict() {
    const verification = audit.verify();
    let step = await verification.next();
    while (step.done !== true) step = await verification.next();
    return step.value;
  }

  const doesNotStay = (table: string) => !Object.hasOwn(staysOfOrganisation, table);

  describe("whose time is over", () => {
    let keys: number[];
    let farmKeys: number[];
    let everywhere: string[];
    let before: Record<string, unknown>;

    beforeAll(async () => {
      await prepare();
      [keys, farmKeys] = [await keysOf(home.coop), await keysOf(home.farm)];
      everywhere = (await tablesWithRowsOf(home.coop, keys)).filter(doesNotStay);
      before = await picture(home.farm, farmKeys);
    });
    afterAll(close);

    it("S15, T-F12: leaves no row of it in any table, and no other organisation's row changed", async () => {
      expect(everywhere.length).toBeGreaterThan(60);
      expect(await files()).toBe(2);
      await removalWith().run(never);
      aheadMs = 13.9 * dayMs;
      await removalWith().run(never);
      await settle();
      expect((await tablesWithRowsOf(home.coop, keys)).filter(doesNotStay)).toEqual(everywhere);

      aheadMs = 14.1 * dayMs;
      await untilGone();
      expect(await tablesWithRowsOf(home.coop, keys)).toEqual(Object.keys(staysOfOrganisation));
      // Its id stands in what proves the trail, and in the one record that stays.
      expect(await tablesNaming(home.coop)).toEqual(["audit_entries", ...Object.keys(staysOfOrganisation)]);
      expect(await files()).toBe(1);
      expect(await picture(home.farm, farmKeys)).toEqual(before);
    });

    it("T-F12: has erased people who belonged to it alone, as the house erases anybody; those of other organisations stay", async () => {
      const people = await db.query<{ email: string }>(sql`select p.email from people p order by p.email`);
      expect(people.map(({ email }) => email)).toEqual([home.kim.email]);
      const ofOrganisations = await tablesWithColumn(db, "organisation_id");
      for (const { email } of [home.ann, home.lee])
        expect((await tablesNaming(email)).filter((table) => !ofOrganisations.includes(table))).toEqual([]);
      expect(await db.query(sql`select 1 from sessions s where s.person_id = ${home.kim.id}`)).toHaveLength(1);
      expect(
        await db.query(sql`select 1 from audit_entries e where e.organisation_id is null and e.actor_name = ${home.lee.email}`),
      ).toEqual([]);
    });

    it("frees the ids of its devices, as the removal of a device does", async () => {
      expect(devices.exists(home.deviceId)).toBe(false);
      expect(await db.query(sql`select 1 from devices d where d.id = ${home.deviceId}`)).toEqual([]);
    });

    it("N-F34: keeps the audit trail whole, with one record that it happened", async () => {
      const records = await db.query(sql`
        select e.object_id, e.object_name, e.after::jsonb - 'requestedAt' as after from audit_entries e
        where e.organisation_id is null and e.action = 'organisation.removed'`);
      expect(records).toEqual([
        { object_id: home.coop, object_name: "Coop", after: { requestedBy: home.ann.id, devices: keys.length, people: 3 } },
      ]);
      expect(await verdict()).toMatchObject({ isWhole: true, faultCount: 0 });
      // What nobody took out by rule is missed all the same.
      await db.query(sql`delete from audit_entries where organisation_id = ${home.farm}`);
      expect(await verdict()).toMatchObject({ isWhole: false });
    });
  });

  describe("that is cut off", () => {
    beforeAll(prepare);
    afterAll(close);

    it("M10: goes on where it was, wherever that was, and is on record once", async () => {
      const [keys, farmKeys] = [await keysOf(home.coop), await keysOf(home.farm)];
      const before = await picture(home.farm, farmKeys);
      aheadMs = 14.1 * dayMs;
      let removed = 0;
      const dies = async () => {
        throw new Error("The server was killed.");
      };
      const oneDevice = { ...whole, removeDevice: (id: string) => ((removed += 1) > 1 ? dies() : whole.removeDevice(id)) };
      await removalWith(oneDevice).run(never);
      expect(await keysOf(home.coop)).toHaveLength(keys.length - 1);
      // Nobody keeps what is half gone.
      expect(await db.query(sql`select 1 from organisation_removals r where r.begun_at is not null`)).toHaveLength(1);

      await removalWith({ ...whole, removeFiles: dies }).run(never);
      expect(await keysOf(home.coop)).toEqual([]);
      expect((await tablesWithRowsOf(home.coop, keys)).length).toBeGreaterThan(40);
      await settle();

      const stop = new AbortController();
      await removalWith({ ...whole, removeFiles: async () => stop.abort() }).run(stop.signal);
      expect(await isThere()).toBe(true);
      expect(await files()).toBe(2);

      await untilGone();
      expect(await tablesWithRowsOf(home.coop, keys)).toEqual(Object.keys(staysOfOrganisation));
      expect(await picture(home.farm, farmKeys)).toEqual(before);
      expect(await db.query(sql`select 1 from audit_entries e where e.action = 'organisation.removed'`)).toHaveLength(1);
    });
  });
});
