import type { AuditArchive, AuditRetention } from "@roost/contract/audit";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { entryColumns } from "./chain-store.ts";
import type { SealedEntry } from "./chain-store.ts";

/** Every organisation that has entries or archives, and the platform (`null`), with what its policy says. */
export async function selectOwners(
  db: Queryable,
): Promise<{ organisationId: string | null; days: number | null; archiveDays: number | null }[]> {
  // Hops from owner to owner in the indexes instead of reading all of them.
  return db.query(sql`
    with recursive owners (organisation_id) as (
      (select e.organisation_id from audit_entries e where e.organisation_id is not null order by e.organisation_id limit 1)
      union all
      select (select e.organisation_id from audit_entries e where e.organisation_id > o.organisation_id order by e.organisation_id limit 1)
      from owners o where o.organisation_id is not null
    ), everybody as (
      select o.organisation_id from owners o union select a.organisation_id from audit_archives a union select null
    )
    select e.organisation_id as "organisationId",
      (select p.days from retention_policies p where p.organisation_id = e.organisation_id and p.kind = 'audit') as days,
      (select p.days from retention_policies p where p.organisation_id = e.organisation_id and p.kind = 'audit_archive') as "archiveDays"
    from everybody e order by e.organisation_id nulls first`);
}

/** Some entries of one owner whose time is over, oldest first, with their place in the chain; locked. */
export async function lockDue(
  tx: Transaction,
  { organisationId, before, limit, skip }: { organisationId: string | null; before: Date; limit: number; skip: readonly string[] },
): Promise<(SealedEntry & { position: number; linkedMac: Buffer })[]> {
  return tx.query(sql`
    select ${entryColumns}, l.position, l.entry_mac as "linkedMac"
    from audit_entries e join audit_links l on l.entry_id = e.id
    where e.organisation_id is not distinct from ${organisationId}::uuid and e.at < ${before} and not e.id = any(${skip}::uuid[])
    order by e.at, e.id limit ${limit} for update of e skip locked`);
}

/** Positions of an owner's links in a span of time whose entries are not there; the first hundred. */
export async function selectVanished(
  db: Queryable,
  organisationId: string | null,
  { from, before }: { from: Date; before: Date },
): Promise<number[]> {
  const rows = await db.query<{ position: number }>(sql`
    select l.position from audit_links l
    where l.organisation_id is not distinct from ${organisationId}::uuid and l.at < ${before} and l.at >= ${from}
      and not exists (select from audit_entries e where e.id = l.entry_id)
    order by l.position limit 100`);
  return rows.map(({ position }) => position);
}

export async function insertRetirement(
  tx: Transaction,
  row: { id: string; organisationId: string | null; before: Date; at: Date; mac: Buffer },
): Promise<void> {
  await tx.query(sql`
    insert into audit_retirements (id, organisation_id, retired_before, at, mac)
    values (${row.id}, ${row.organisationId}, ${row.before}, ${row.at}, ${row.mac})`);
  // The furthest one says all.
  await tx.query(sql`
    delete from audit_retirements r where r.organisation_id is not distinct from ${row.organisationId}::uuid and r.id <> ${row.id}
      and r.retired_before <= ${row.before}`);
}

export async function insertArchive(
  tx: Transaction,
  row: { id: string; organisationId: string | null; from: Date; to: Date; entries: number; content: Buffer; mac: Buffer; madeAt: Date },
): Promise<void> {
  await tx.query(sql`
    insert into audit_archives (id, organisation_id, from_at, to_at, entries, content, mac, made_at)
    values (${row.id}, ${row.organisationId}, ${row.from}, ${row.to}, ${row.entries}, ${row.content}, ${row.mac}, ${row.madeAt})`);
}

export async function deleteEntries(tx: Transaction, ids: readonly string[]): Promise<void> {
  await tx.query(sql`delete from audit_entries e where e.id = any(${ids}::uuid[])`);
}

/** Deletes archives whose time is over; answers what they held. */
export async function deleteArchives(
  tx: Transaction,
  organisationId: string | null,
  before: Date,
): Promise<{ id: string; entries: number }[]> {
  return tx.query(sql`
    delete from audit_archives a where a.organisation_id is not distinct from ${organisationId}::uuid and a.to_at < ${before}
    returning a.id, a.entries`);
}

export async function deleteLinksUpTo(tx: Transaction, position: number): Promise<void> {
  await tx.query(sql`delete from audit_links l where l.position <= ${position}`);
  await tx.query(sql`delete from audit_checkpoints c where c.position < ${position} or (c.position = ${position} and c.kind = 'head')`);
}

export async function selectArchives(
  db: Queryable,
  organisationId: string,
  { after, limit }: { after: { from: string; id: string } | undefined; limit: number },
): Promise<AuditArchive[]> {
  const beyond = after === undefined ? sql`true` : sql`(a.from_at, a.id) < (${after.from}::timestamptz, ${after.id}::uuid)`;
  return db.query(sql`
    select a.id, a.from_at as "from", a.to_at as "to", a.entries, octet_length(a.content) as bytes, a.made_at as "madeAt"
    from audit_archives a where a.organisation_id = ${organisationId} and ${beyond} order by a.from_at desc, a.id desc limit ${limit}`);
}

/** An archive with its content and the hash it was made with. */
export interface SealedArchive {
  readonly id: string;
  readonly organisationId: string | null;
  readonly content: Buffer;
  readonly mac: Buffer;
}

export async function selectArchive(db: Queryable, organisationId: string, id: string): Promise<SealedArchive | undefined> {
  const [row] = await db.query<SealedArchive>(sql`
    select a.id, a.organisation_id as "organisationId", a.content, a.mac from audit_archives a
    where a.organisation_id = ${organisationId} and a.id = ${id}`);
  return row;
}

/** The next archive by id, of anybody: one at a time, since each may be large. */
export async function selectNextArchive(db: Queryable, afterId: string): Promise<SealedArchive | undefined> {
  const [row] = await db.query<SealedArchive>(sql`
    select a.id, a.organisation_id as "organisationId", a.content, a.mac from audit_archives a where a.id > ${afterId}::uuid order by a.id limit 1`);
  return row;
}

export async function selectPolicy(db: Queryable, organisationId: string): Promise<Partial<AuditRetention>> {
  const rows = await db.query<{ kind: string; days: number }>(sql`
    select p.kind, p.days from retention_policies p where p.organisation_id = ${organisationId} and p.kind in ('audit', 'audit_archive')`);
  const days = new Map(rows.map((row) => [row.kind, row.days]));
  const [kept, archived] = [days.get("audit"), days.get("audit_archive")];
  return { ...(kept === undefined ? {} : { days: kept }), ...(archived === undefined ? {} : { archiveDays: archived }) };
}

export async function upsertPolicy(tx: Queryable, organisationId: string, { days, archiveDays }: AuditRetention): Promise<void> {
  await tx.query(sql`
    insert into retention_policies (organisation_id, kind, days)
    values (${organisationId}, 'audit', ${days}), (${organisationId}, 'audit_archive', ${archiveDays})
    on conflict (organisation_id, kind) do update set days = excluded.days`);
}
