import { identifier, sql, tableName } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { factWasRead } from "./personal-store.ts";

/** What of an organisation stays when it is removed, each with the reason. */
export const staysOfOrganisation: Readonly<Record<string, string>> = {
  audit_links: "Hashes and times that bind the audit trail of the whole installation together; without them it could not be verified.",
  audit_retirements: "The statement, under the trail's own key, that the organisation's entries were taken out by rule.",
};

/** What goes at the end, in an order of its own. */
const goesLast: readonly string[] = ["organisation_removals", "erasures", "events", "audit_entries", "audit_archives"];

/** Tables of values, which name devices by their short keys. */
export const tablesByKey = ["hot_samples", "chunks", "telemetry_hours", "telemetry_days"] as const;

export interface DueRemoval {
  readonly organisationId: string;
  readonly name: string;
  readonly requestedBy: string;
  readonly requestedAt: Date;
  readonly hasBegun: boolean;
}

/** Organisations whose time is over, the longest overdue first. */
export async function selectDue(db: Queryable, now: Date): Promise<DueRemoval[]> {
  const rows = await db.query<{ id: string; name: string; requested_by: string; requested_at: Date; begun: boolean }>(sql`
    select o.id, o.name, r.requested_by, r.requested_at, r.begun_at is not null as begun
    from organisation_removals r join organisations o on o.id = r.organisation_id
    where r.ends_at <= ${now} order by r.ends_at, o.id`);
  return rows.map((row) => ({
    organisationId: row.id,
    name: row.name,
    requestedBy: row.requested_by,
    requestedAt: row.requested_at,
    hasBegun: row.begun,
  }));
}

/** Says that nothing brings it back, and remembers whose traces are to be looked for. Once: what was said before stands. */
export async function begin(tx: Transaction, organisationId: string, now: Date): Promise<void> {
  await tx.query(sql`
    update organisation_removals r set begun_at = ${now},
      device_keys = (select coalesce(array_agg(d.key order by d.key), '{}') from devices d where d.organisation_id = r.organisation_id),
      person_ids = (select coalesce(array_agg(m.person_id order by m.id), '{}') from memberships m where m.organisation_id = r.organisation_id)
    where r.organisation_id = ${organisationId} and r.begun_at is null`);
}

/** Whether a handler of facts has yet to hear something of the organisation. */
export async function hasUnreadFacts(db: Queryable, organisationId: string): Promise<boolean> {
  const rows = await db.query(sql`select from events t where t.organisation_id = ${organisationId} and not (${factWasRead}) limit 1`);
  return rows.length > 0;
}

export async function nextDevices(db: Queryable, organisationId: string, limit: number): Promise<string[]> {
  const rows = await db.query<{ id: string }>(sql`
    select d.id from devices d where d.organisation_id = ${organisationId} and not d.hidden order by d.id limit ${limit}`);
  return rows.map(({ id }) => id);
}

export async function deviceKeys(db: Queryable, organisationId: string): Promise<number[]> {
  const [row] = await db.query<{ keys: number[] }>(sql`
    select coalesce(r.device_keys, '{}') as keys from organisation_removals r where r.organisation_id = ${organisationId}`);
  return row?.keys ?? [];
}

/**
 * Deletes some rows of a table. They are looked for first, in a statement that writes nothing: a transaction that writes and
 * is open for long holds back whoever reads facts in order.
 *
 * @param which - Rows of the organisation's alone: what has moved meanwhile is found next time.
 * @returns How many were found.
 */
export async function deleteSome(db: Queryable, { table, which, limit }: { table: string; which: Sql; limit: number }): Promise<number> {
  const found = await db.query<{ at: string }>(sql`select t.ctid::text as at from ${tableName(table)} t where ${which} limit ${limit}`);
  if (found.length === 0) return 0;
  await db.query(sql`delete from ${tableName(table)} t where ${which} and t.ctid = any(${found.map(({ at }) => at)}::tid[])`);
  return found.length;
}

export const ofOrganisation = (organisationId: string): Sql => sql`t.organisation_id = ${organisationId}`;
export const ofDevices = (keys: readonly number[]): Sql => sql`t.device_key = any(${keys}::int[])`;
/** Messages that were refused before anybody knew whose devices they came from. */
export const strayRejectsOf = (deviceIds: readonly string[]): Sql =>
  sql`t.organisation_id is null and t.topic like 'devices/%' and split_part(t.topic, '/', 2) = any(${deviceIds}::text[])`;

interface Edge {
  readonly child: string;
  readonly parent: string;
  /** What hangs on the row goes with it. */
  readonly cascades: boolean;
}

/**
 * Every table with rows of organisations, those of kits too, in an order in which they can be emptied: the schema itself is asked, so that a
 * table made tomorrow is not forgotten. What cascades goes with its parent, by its index; what does not goes before it.
 */
export async function tablesInOrder(db: Queryable): Promise<string[]> {
  const tables = await tablesOfOrganisations(db);
  const edges = await db.query<Edge>(sql`
    select f.conrelid::regclass::text as child, f.confrelid::regclass::text as parent, f.confdeltype <> 'a' and f.confdeltype <> 'r' as cascades
    from pg_constraint f where f.contype = 'f' and f.conrelid <> f.confrelid`);
  const before = new Map<string, Set<string>>(tables.map((table) => [table, new Set()]));
  for (const { child, parent, cascades } of edges) {
    if (before.has(child) && before.has(parent)) before.get(cascades ? child : parent)?.add(cascades ? parent : child);
  }
  const ordered: string[] = [];
  const left = new Set(tables);
  while (left.size > 0) {
    const free = [...left].filter((table) => [...(before.get(table) ?? [])].every((one) => !left.has(one)));
    // Two that want to go before each other: the database says no to one of them, and the next run empties it.
    for (const table of free.length > 0 ? free : [...left]) {
      ordered.push(table);
      left.delete(table);
    }
  }
  return ordered.filter((table) => !goesLast.includes(table));
}

/** All that names an organisation and does not stay. */
async function tablesOfOrganisations(db: Queryable): Promise<string[]> {
  const rows = await db.query<{ name: string }>(sql`
    select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not c.relispartition and (n.nspname = 'public' or n.nspname like 'kit\\_%')
      and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'organisation_id' and not a.attisdropped)
      and c.oid <> 'setup'::regclass
    order by 1`);
  return rows.map(({ name }) => name).filter((name) => !Object.hasOwn(staysOfOrganisation, name));
}

/** People who belonged to it, belong nowhere else and look after nothing: the house erases those. */
export async function peopleToErase(db: Queryable, organisationId: string): Promise<{ id: string; email: string; name: string }[]> {
  return db.query(sql`
    select p.id, p.email, p.name from organisation_removals r join people p on p.id = any(r.person_ids)
    where r.organisation_id = ${organisationId} and not p.platform_admin
      and not exists (select from memberships m where m.person_id = p.id)
    order by p.id`);
}

/** Where something of it is left. @param isEvidence - Entries of the audit trail that were altered stay, whoever's they are. */
export async function whereLeft(tx: Queryable, organisationId: string, isEvidence: boolean): Promise<string[]> {
  const left: string[] = [];
  for (const table of await tablesOfOrganisations(tx)) {
    if (table === "organisation_removals" || table === "erasures" || (table === "audit_entries" && isEvidence)) continue;
    const rows = await tx.query(sql`select from ${tableName(table)} t where t.organisation_id = ${organisationId} limit 1`);
    if (rows.length > 0) left.push(table);
  }
  const keys = await deviceKeys(tx, organisationId);
  for (const table of tablesByKey) {
    const rows = await tx.query(sql`select from ${identifier(table)} t where t.device_key = any(${keys}::int[]) limit 1`);
    if (rows.length > 0) left.push(table);
  }
  return left;
}

/** Locks it against whoever else removes it; `undefined` when it is gone, or another server is at it. */
export async function lockBegun(tx: Transaction, organisationId: string): Promise<{ devices: number; people: number } | undefined> {
  const [row] = await tx.query<{ devices: number; people: number }>(sql`
    select cardinality(r.device_keys) as devices, cardinality(r.person_ids) as people
    from organisation_removals r where r.organisation_id = ${organisationId} and r.begun_at is not null for update skip locked`);
  return row;
}

/** The organisation itself, and what hangs on it by a foreign key: its removal, sessions that acted in it. */
export async function deleteOrganisation(tx: Transaction, organisationId: string): Promise<void> {
  await tx.query(sql`
    update sign_in_providers set speaks_for = array_remove(speaks_for, ${organisationId}::uuid) where ${organisationId}::uuid = any(speaks_for)`);
  await tx.query(sql`delete from organisations where id = ${organisationId}`);
}
