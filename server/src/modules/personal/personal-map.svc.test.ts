import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createLog } from "../../platform/log.ts";
import { impersonal, platformShares as shares } from "./personal-map.ts";

interface Column {
  table: string;
  column: string;
  type: string;
  /** The table its foreign key leads to. */
  leadsTo: string | null;
}

// The queue's own tables hold the names of jobs and nothing else.
const otherSchemas = ["jobs"];

describe("what is kept of people and devices", () => {
  let database: TestDatabase;
  let db: Db;
  let columns: Column[];

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log: createLog({ level: "silent", pretty: false }) });
    columns = await db.query<Column>(sql`
      select case when n.nspname = 'public' then c.relname else n.nspname || '.' || c.relname end as "table", a.attname as "column",
        format_type(a.atttypid, null) as type,
        (select k.confrelid::regclass::text from pg_constraint k where k.conrelid = c.oid and k.contype = 'f' and a.attnum = any(k.conkey)
          and cardinality(k.conkey) = 1 limit 1) as "leadsTo"
      from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
      where c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0 and not a.attisdropped
        and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_' and n.nspname <> all(${otherSchemas}::text[])
      order by 1, a.attnum`);
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  const share = (table: string) => shares.find((one) => one.table === table);
  const named = (found: readonly Column[]) => found.map(({ table, column }) => `${table}.${column}`);

  it("S15, T-F12: decides for every table whether it is in exports and erasures, or why not", () => {
    const tables = new Set(columns.map(({ table }) => table));
    expect(tables.size).toBeGreaterThan(30);
    const decided = new Set([...shares.map(({ table }) => table), ...Object.keys(impersonal)]);
    expect(
      [...tables].filter((table) => !decided.has(table)),
      "Add each of these to personal-map.ts.",
    ).toEqual([]);
    expect([...decided].filter((table) => !tables.has(table))).toEqual([]);
    expect(shares.filter(({ table }) => Object.hasOwn(impersonal, table))).toEqual([]);
    expect(new Set(shares.map(({ table }) => table)).size).toBe(shares.length);
  });

  it("knows every column that leads to a person or a device", () => {
    const toPeople = columns.filter(({ leadsTo, column }) => leadsTo === "people" || /^(?:person_id|actor_id)$/.test(column));
    expect(toPeople.length).toBeGreaterThan(8);
    const ofNobody = new Set(["setup.person_id"]);
    expect(
      named(toPeople.filter(({ table }) => share(table)?.person === undefined && share(table)?.account === undefined)).filter(
        (name) => !ofNobody.has(name),
      ),
    ).toEqual([]);
    const toDevices = columns.filter(({ leadsTo, column }) => leadsTo === "devices" || /^device_(?:id|key)$/.test(column));
    expect(toDevices.length).toBeGreaterThan(12);
    expect(named(toDevices.filter(({ table }) => share(table)?.device === undefined))).toEqual([]);
  });

  it("knows every column in which an e-mail address, a name or an address of a person may stand", () => {
    const words = columns.filter(
      ({ column, type }) => type === "text" && /(?:^|_)(?:by|by_name|email|actor_name|ip_address|remote_address|user_agent)$/.test(column),
    );
    expect(words.length).toBeGreaterThan(5);
    const open = words.filter(
      ({ table, column }) =>
        share(table)?.person?.erase !== "delete" &&
        share(table)?.account?.erase !== "delete" &&
        share(table)?.words?.includes(column) !== true &&
        ![share(table)?.person, share(table)?.account].some((part) => part?.erase === "keep"),
    );
    // Who asked for an erasure or made a key stands there by id; what mutes an alarm, and the kit that keeps a rule, is nobody.
    const byId = new Set(["erasures.requested_by", "alarms.muted_by", "alarm_rules.kept_by"]);
    expect(named(open).filter((name) => !byId.has(name))).toEqual([]);
  });

  it("S15: hands out no column that holds a secret or what proves one", () => {
    const secrets = columns.filter(
      ({ column, type }) =>
        type === "bytea" || /secret|token|password|recovery|sealed|hash|nonce|verifier|(?:^|_)value$|_key$/.test(column),
    );
    // What is no secret although it is called like one, or holds bytes.
    const open = new Set([
      "retained_messages.payload",
      "claims.nonce",
      "devices.key",
      "flag_changes.flag_key",
      "alarm_rules.kept_key",
      ...columns.filter(({ column }) => /^(?:device|series|axis)_key$/.test(column)).map(({ table, column }) => `${table}.${column}`),
    ]);
    const shown = secrets.filter(
      ({ table, column, type }) =>
        share(table) !== undefined &&
        share(table)?.device?.notExported === undefined &&
        share(table)?.withheld?.includes(column) !== true &&
        !/timestamp|double|\[\]$/.test(type) &&
        !open.has(`${table}.${column}`),
    );
    expect(named(shown)).toEqual([]);
    const known = new Set(named(columns));
    expect(
      shares
        .flatMap(({ table, withheld = [], words = [] }) => [...withheld, ...words].map((column) => `${table}.${column}`))
        .filter((name) => !known.has(name)),
    ).toEqual([]);
  });

  it("says why, wherever something stays", () => {
    const unsaid = shares.flatMap(({ table, account, person, device }) =>
      [account, person, device]
        .filter((part) => part !== undefined && (part.erase === "keep" || part.erase === "with") && (part.why ?? "").length < 15)
        .map(() => table),
    );
    expect(unsaid).toEqual([]);
    expect(Object.entries(impersonal).filter(([, why]) => why.length < 15)).toEqual([]);
  });
});
