import { identifier, join, sql, tableName } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

/** A column that keeps sealed secrets, and what each of them is bound to. */
export interface SealedColumn {
  readonly table: string;
  readonly column: string;
  /** Columns that `purpose` needs. */
  readonly key: readonly string[];
  /** The same words its module seals it with. */
  readonly purpose: (row: Readonly<Record<string, unknown>>) => string;
}

/** How many values a column has, and how many are sealed by another key than the current. */
export interface SealedCount {
  readonly total: number;
  readonly remaining: number;
}

export interface StaleValue {
  /** Where it lies, for the transaction that reads it. */
  readonly place: string;
  readonly sealed: Buffer;
  readonly row: Readonly<Record<string, unknown>>;
}

/** A kit that could not start has no tables yet. */
async function isThere(db: Queryable, table: string): Promise<boolean> {
  if (!table.includes(".")) return true;
  const [row] = await db.query<{ found: boolean }>(sql`select to_regclass(${table}) is not null as found`);
  return row?.found === true;
}

// The header of platform/seal.ts: a version byte, and from version 2 on the kid in four bytes.
function kidIn(column: Sql): Sql {
  return sql`case when get_byte(${column}, 0) = 2 and length(${column}) > 5 then ('x' || encode(substring(${column} from 2 for 4), 'hex'))::bit(32)::integer else 0 end`;
}

export async function countSealed(db: Queryable, { table, column }: SealedColumn, kid: number): Promise<SealedCount> {
  if (!(await isThere(db, table))) return { total: 0, remaining: 0 };
  const name = sql`t.${identifier(column)}`;
  const [row] = await db.query<SealedCount>(sql`
    select count(*)::integer as total, count(*) filter (where ${kidIn(name)} <> ${kid})::integer as remaining
    from ${tableName(table)} t where ${name} is not null`);
  return row ?? { total: 0, remaining: 0 };
}

/** Numbers of the keys that something in the column is sealed by. */
export async function selectKidsIn(db: Queryable, { table, column }: SealedColumn): Promise<number[]> {
  if (!(await isThere(db, table))) return [];
  const name = sql`t.${identifier(column)}`;
  const rows = await db.query<{ kid: number }>(sql`
    select distinct ${kidIn(name)} as kid from ${tableName(table)} t where ${name} is not null`);
  return rows.map(({ kid }) => kid);
}

/** Locks some values that another key than `kid` sealed; those that somebody is changing just now come next time. */
export async function lockStale(
  tx: Transaction,
  { table, column, key }: SealedColumn,
  { kid, limit, except }: { kid: number; limit: number; except: readonly string[] },
): Promise<StaleValue[]> {
  if (!(await isThere(tx, table))) return [];
  const name = sql`t.${identifier(column)}`;
  const columns = key.map((one) => sql`t.${identifier(one)}`);
  const rows = await tx.query<{ roost_place: string; roost_sealed: Buffer } & Record<string, unknown>>(sql`
    select t.ctid::text as roost_place, ${name} as roost_sealed${columns.length === 0 ? sql`` : sql`, ${join(columns, sql`, `)}`}
    from ${tableName(table)} t
    where ${name} is not null and ${kidIn(name)} <> ${kid} and not (t.ctid = any (${[...except]}::tid[]))
    limit ${limit} for update skip locked`);
  return rows.map(({ roost_place: place, roost_sealed: sealed, ...row }) => ({ place, sealed, row }));
}

/** Puts values sealed anew in the place of those that were locked. */
export async function replaceSealed(
  tx: Transaction,
  { table, column }: SealedColumn,
  values: readonly { readonly place: string; readonly sealed: Buffer }[],
): Promise<void> {
  await tx.query(sql`
    update ${tableName(table)} t set ${identifier(column)} = n.sealed
    from unnest(${values.map(({ place }) => place)}::tid[], ${values.map(({ sealed }) => sealed)}::bytea[]) as n (place, sealed)
    where t.ctid = n.place`);
}

export async function saveFinding(db: Queryable, { table, column }: SealedColumn, unreadable: number): Promise<void> {
  await db.query(sql`
    insert into reseal_findings as f (table_name, column_name, unreadable, found_at) values (${table}, ${column}, ${unreadable}, clock_timestamp())
    on conflict (table_name, column_name) do update set unreadable = excluded.unreadable, found_at = excluded.found_at`);
}

export async function selectFindings(db: Queryable): Promise<Map<string, number>> {
  const rows = await db.query<{ name: string; unreadable: number }>(
    sql`select f.table_name || '.' || f.column_name as name, f.unreadable from reseal_findings f`,
  );
  return new Map(rows.map(({ name, unreadable }) => [name, unreadable]));
}
