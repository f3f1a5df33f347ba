import { identifier, join, sql, tableName } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";

interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly isGenerated: boolean;
}

interface Key {
  readonly table: string;
  readonly columns: readonly string[];
  readonly parent: string;
  readonly parentColumns: readonly string[];
}

type Row = Readonly<Record<string, unknown>>;

interface Schema {
  readonly columns: readonly Column[];
  readonly keys: readonly Key[];
}

/** Every table of the platform and of kits that has a column. */
export async function tablesWithColumn(db: Db, column: string): Promise<string[]> {
  const rows = await db.query<{ name: string }>(sql`
    select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attname = ${column} and not a.attisdropped
    where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^(pg_|information_schema|jobs)' order by 1`);
  return rows.map(({ name }) => name);
}

/**
 * Puts a row into every table of organisations that has none of this one yet, by what the schema says of its columns: a table made tomorrow has
 * one too. What a row hangs on is there; checks of single columns are taken away, since no word or number made up here would pass them.
 *
 * @param personId - Somebody who belongs to it.
 */
export async function fillTables(db: Db, organisationId: string, personId: string, leaveOut: readonly string[]): Promise<void> {
  const tables = (await tablesWithColumn(db, "organisation_id")).filter((table) => !leaveOut.includes(table));
  const schema = await readSchema(db);
  await dropChecks(db, tables);
  const left = new Set(tables);
  for (let before = -1; left.size !== before;) {
    before = left.size;
    for (const table of left) {
      const keys = schema.keys.filter((key) => key.table === table);
      if (keys.some(({ parent }) => left.has(parent) && parent !== table)) continue;
      await fill(db, table, { schema, keys, organisationId, personId });
      left.delete(table);
    }
  }
  if (left.size > 0) throw new Error(`No row could be made for ${[...left].join(", ")}.`);
}

interface Whose {
  readonly schema: Schema;
  readonly keys: readonly Key[];
  readonly organisationId: string;
  readonly personId: string;
}

async function fill(db: Db, table: string, whose: Whose): Promise<void> {
  const { schema, keys, organisationId } = whose;
  const [there] = await db.query(sql`select 1 from ${tableName(table)} t where t.organisation_id = ${organisationId} limit 1`);
  if (there !== undefined) return;
  const values = new Map<string, unknown>();
  for (const { columns, parent, parentColumns } of keys) {
    const row = parent === table ? undefined : await oneOf(db, parent, whose);
    for (const [index, column] of columns.entries()) values.set(column, row?.[parentColumns[index] ?? ""] ?? values.get(column) ?? null);
  }
  values.set("organisation_id", organisationId);
  const columns = schema.columns.filter((column) => column.table === table && !column.isGenerated);
  const given = columns.map(({ name, type }) => (values.has(name) ? sql`${values.get(name)}` : madeUp(name, type)));
  const names = columns.map(({ name }) => identifier(name));
  await db.query(sql`insert into ${tableName(table)} (${join(names, sql`, `)}) values (${join(given, sql`, `)})`);
}

/** A row of the organisation, or of what is nobody's. */
async function oneOf(db: Db, table: string, { schema, organisationId, personId }: Whose): Promise<Row | undefined> {
  if (table === "people") return { id: personId };
  if (table === "organisations") return { id: organisationId };
  const isOurs = schema.columns.some((column) => column.table === table && column.name === "organisation_id");
  const which = isOurs ? sql`t.organisation_id = ${organisationId}` : sql`true`;
  return (await db.query<Row>(sql`select t.* from ${tableName(table)} t where ${which} limit 1`))[0];
}

async function readSchema(db: Db): Promise<Schema> {
  const names = (relation: Sql, numbers: Sql) => sql`(
    select array_agg(a.attname::text order by k.place) from unnest(${numbers}) with ordinality as k (number, place)
    join pg_attribute a on a.attrelid = ${relation} and a.attnum = k.number)`;
  const columns = await db.query<Column>(sql`
    select a.attrelid::regclass::text as "table", a.attname as name, format_type(a.atttypid, null) as type,
      a.attidentity <> '' or a.attgenerated <> '' as "isGenerated"
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_schema)' and a.attnum > 0 and not a.attisdropped order by 1, a.attnum`);
  const keys = await db.query<Key>(sql`
    select f.conrelid::regclass::text as "table", f.confrelid::regclass::text as parent, ${names(sql`f.conrelid`, sql`f.conkey`)} as columns,
      ${names(sql`f.confrelid`, sql`f.confkey`)} as "parentColumns"
    from pg_constraint f where f.contype = 'f' order by cardinality(f.conkey), f.conname`);
  return { columns, keys };
}

async function dropChecks(db: Db, tables: readonly string[]): Promise<void> {
  const checks = await db.query<{ table: string; name: string }>(sql`
    select c.conrelid::regclass::text as "table", c.conname as name from pg_constraint c
    where c.contype = 'c' and c.conrelid::regclass::text = any(${tables}::text[])`);
  for (const { table, name } of checks) await db.query(sql`alter table ${tableName(table)} drop constraint ${identifier(name)}`);
}

function madeUp(name: string, type: string): Sql {
  if (type.endsWith("[]")) return sql`'{}'`;
  switch (type) {
    case "uuid":
      return sql`${newId()}::uuid`;
    case "jsonb":
    case "json":
      return sql`'{}'`;
    case "bytea":
      return sql`sha256(${Buffer.from(newId())})`;
    case "boolean":
      return sql`false`;
    case "timestamp with time zone":
      return sql`now()`;
    case "date":
      return sql`current_date`;
    case "xid8":
      return sql`'3'`;
    case "text":
      return sql`${`${name} ${newId()}`}::text`;
    default:
      return sql`1`;
  }
}
