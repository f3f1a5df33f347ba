import { isAppError } from "@roost/contract/errors";
import { identifier, sql, trusted } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createDb } from "./db.ts";
import type { Db } from "./db.ts";
import { newId } from "./id.ts";
import { createLog } from "./log.ts";
import { checkRowSecurity } from "./row-security.ts";
import { isInScope } from "./tenancy.ts";
import type { Scope } from "./tenancy.ts";

let database: TestDatabase;
let db: Db;
const [a, b] = [newId(), newId()];
const [north, south] = [newId(), newId()];
const pumps = newId();

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb({ connection: database.connection, log: createLog({ level: "silent", pretty: false }) });
  for (const [id, name] of [
    [a, "a"],
    [b, "b"],
  ]) {
    await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${name}, ${name})`);
  }
  await db.query(sql`insert into sites (id, organisation_id, name) values (${north}, ${a}, 'north'), (${south}, ${a}, 'south')`);
  await db.query(sql`insert into device_groups (id, organisation_id, name) values (${pumps}, ${a}, 'pumps')`);
  await db.query(sql`
    insert into devices (id, organisation_id, site_id, name, kind) values
      ('a-north', ${a}, ${north}, 'n', 'generic'), ('a-south', ${a}, ${south}, 's', 'generic'), ('a-pump', ${a}, null, 'p', 'generic'),
      ('b-one', ${b}, null, 'b', 'generic')`);
  await db.query(sql`insert into device_group_members (group_id, device_id, organisation_id) values (${pumps}, 'a-pump', ${a})`);
  await db.query(sql`
    insert into series (device_key, organisation_id, metric) select d.key, d.organisation_id, 'temperature' from devices d`);
  await db.query(sql`
    insert into telemetry_hours (device_key, series_key, hour_at, n, min, max, sum)
    select s.device_key, s.key, now(), 1, 1, 1, 1 from series s`);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const seen = async (scope?: Scope) =>
  (await db.within({ organisationId: a, scope }).query<{ id: string }>(sql`select d.id from devices d order by d.id`)).map(({ id }) => id);
const only = (parts: { sites?: string[]; groups?: string[] }) => ({ siteIds: parts.sites ?? [], groupIds: parts.groups ?? [] });
const none = only({});

describe("row-level security", () => {
  it("S6: holds when a statement forgets whose rows it asks for, on every table there is", async () => {
    const tables = await db.query<{ name: string; column: string }>(sql`
      select c.relname as name, at.attname as column from pg_class c join pg_attribute at on at.attrelid = c.oid
      where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace
        and (at.attname = 'organisation_id' or (c.relname = 'organisations' and at.attname = 'id'))`);
    expect(tables.length).toBeGreaterThan(15);
    for (const { name, column } of tables) {
      const rows = await db
        .within({ organisationId: a })
        .query<{ owner: string }>(sql`select t.${identifier(column)}::text as owner from ${identifier(name)} t`)
        .catch((error: { code?: string }) => {
          expect(error.code, name).toBe("42501");
          return [];
        });
      expect(
        rows.filter(({ owner }) => owner !== a),
        name,
      ).toEqual([]);
    }
    // The first lock taken away for real: the same statements as the owner find what is there.
    expect(await db.query(sql`select d.id from devices d`)).toHaveLength(4);
    expect(await seen()).toEqual(["a-north", "a-pump", "a-south"]);
  });

  it("S6: lets nothing of another organisation be changed, removed or put there", async () => {
    const mine = db.within({ organisationId: a });
    expect(await mine.query(sql`update devices set name = 'mine' where id = 'b-one' returning id`)).toEqual([]);
    expect(await mine.query(sql`delete from devices where id = 'b-one' returning id`)).toEqual([]);
    await expect(
      mine.query(sql`insert into devices (id, organisation_id, name, kind) values ('a-smuggled', ${b}, 'x', 'generic')`),
    ).rejects.toMatchObject({ code: "http.forbidden" });
    await expect(mine.query(sql`update devices set organisation_id = ${b} where id = 'a-north'`)).rejects.toMatchObject({
      code: "http.forbidden",
    });
    expect(await db.query(sql`select d.name from devices d where d.id = 'b-one'`)).toEqual([{ name: "b" }]);
  });

  it("S6: ties nothing to roles and groups of another organisation", async () => {
    const [role, group, person] = [newId(), newId(), newId()];
    await db.query(sql`insert into roles (id, organisation_id, name, permissions) values (${role}, ${b}, 'all', '{devices:write}')`);
    await db.query(sql`insert into device_groups (id, organisation_id, name) values (${group}, ${b}, 'theirs')`);
    await db.query(sql`insert into people (id, name, email) values (${person}, 'P', 'p@example.org')`);
    const mine = db.within({ organisationId: a });
    for (const statement of [
      sql`insert into memberships (id, organisation_id, person_id, role, role_id) values (${newId()}, ${a}, ${person}, 'custom', ${role})`,
      sql`insert into invitations (id, organisation_id, role, role_id, secret_hash, expires_at)
        values (${newId()}, ${a}, 'custom', ${role}, ${Buffer.from(role)}, now() + interval '1 day')`,
      sql`insert into device_group_members (group_id, device_id, organisation_id) values (${group}, 'a-north', ${a})`,
    ])
      await expect(mine.query(statement), statement.text).rejects.toMatchObject({ code: "23503" });
  });

  it("S6: people's work alters nothing of what it only ever adds or reads, of its own organisation either", async () => {
    const mine = db.within({ organisationId: a });
    for (const [table, change] of [
      ["organisations", sql`update organisations set slug = 'b2'`],
      ["events", sql`update events set type = 'x'`],
      ["events", sql`delete from events`],
      ["api_tokens", sql`update api_tokens set permissions = '{}'`],
      ["audit_entries", sql`delete from audit_entries`],
      ["audit_entries", sql`update audit_entries set actor_name = 'x'`],
      ["ingest_rejects", sql`delete from ingest_rejects`],
      ["retention_marks", sql`delete from retention_marks`],
      ["retained_messages", sql`update retained_messages set payload = ''`],
      ["people", sql`update people set platform_admin = true`],
    ] as const)
      await expect(mine.query(change), table).rejects.toMatchObject({ code: "42501" });
    expect(await mine.query(sql`update organisations set name = 'a' returning id`)).toEqual([{ id: a }]);
  });

  it("S6: shows values of the big tables to the organisation of their device alone", async () => {
    const count = async (organisationId: string) => (await db.within({ organisationId }).query(sql`select from telemetry_hours h`)).length;
    expect([await count(a), await count(b), await count(newId())]).toEqual([3, 1, 0]);
  });

  it("gives no rows where no organisation is named, and no way to the tables of sign-in", async () => {
    const client = await db.connect("test");
    try {
      await client.query("set role roost_tenant");
      expect((await client.query("select from devices")).rowCount).toBe(0);
      for (const table of ["sessions", "accounts", "verifications", "auth_keys", "setup"]) {
        await expect(client.query(`select from ${table}`), table).rejects.toMatchObject({ code: "42501" });
      }
    } finally {
      await client.end();
    }
  });

  it("CO-68: narrows to sites and groups, and denials stand above", async () => {
    const scopes: [Scope, string[]][] = [
      [{ allow: [only({ sites: [north] })], deny: none }, ["a-north"]],
      [{ allow: [only({ sites: [north], groups: [pumps] })], deny: none }, ["a-north", "a-pump"]],
      [{ allow: [], deny: only({ groups: [pumps] }) }, ["a-north", "a-south"]],
      [{ allow: [only({ sites: [north, south] })], deny: only({ sites: [south] }) }, ["a-north"]],
      [{ allow: [only({ sites: [north, south] }), only({ sites: [south] })], deny: none }, ["a-south"]],
      [{ allow: [none], deny: none }, []],
    ];
    const placed = {
      "a-north": { siteId: north, groupIds: new Set<string>() },
      "a-south": { siteId: south, groupIds: new Set<string>() },
      "a-pump": { groupIds: new Set([pumps]) },
    };
    for (const [scope, expected] of scopes) {
      expect(await seen(scope)).toEqual(expected);
      // Memory and database decide alike.
      expect(
        Object.entries(placed)
          .filter(([, place]) => isInScope(scope, place))
          .map(([id]) => id)
          .sort(),
      ).toEqual(expected);
      const hours = await db.within({ organisationId: a, scope }).query(sql`select from telemetry_hours h`);
      expect(hours).toHaveLength(expected.length);
    }
  });

  it("names an organisation by a UUID and nothing else", async () => {
    expect(() => db.within({ organisationId: "'; drop table devices; --" })).toThrow(TypeError);
  });

  it("N-W04: is looked for at the start, and a table without it stops the start", async () => {
    await checkRowSecurity(db);
    await db.query(trusted("create table forgotten (organisation_id uuid); grant select on forgotten to roost_tenant"));
    await expect(checkRowSecurity(db)).rejects.toSatisfy((error) => isAppError(error, "row_security.missing"));
    await db.query(sql`drop table forgotten`);
  });
});
