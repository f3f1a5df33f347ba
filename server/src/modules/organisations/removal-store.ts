import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

/** That an organisation is to be removed. */
export interface StoredRemoval {
  readonly requestedBy: string;
  readonly requestedAt: Date;
  readonly endsAt: Date;
  readonly hasBegun: boolean;
}

/** One closing at a time: of the last two organisations one stays, whoever asks at once. */
export async function lockClosings(tx: Transaction): Promise<void> {
  await tx.query(sql`select pg_advisory_xact_lock(hashtext('organisation_removals'))`);
}

export async function isClosed(db: Queryable, organisationId: string): Promise<boolean> {
  const [row] = await db.query<{ closed: boolean }>(sql`select not roost_is_open(${organisationId}::uuid) as closed`);
  return row?.closed === true;
}

/** Locked until the transaction ends: it does not begin meanwhile. */
export async function lockRemoval(tx: Transaction, organisationId: string): Promise<StoredRemoval | undefined> {
  const [row] = await tx.query<{ requested_by_email: string; requested_at: Date; ends_at: Date; begun: boolean }>(sql`
    select r.requested_by_email, r.requested_at, r.ends_at, r.begun_at is not null as begun
    from organisation_removals r where r.organisation_id = ${organisationId} for update`);
  if (row === undefined) return undefined;
  return { requestedBy: row.requested_by_email, requestedAt: row.requested_at, endsAt: row.ends_at, hasBegun: row.begun };
}

export async function hasOtherOpen(tx: Queryable, organisationId: string): Promise<boolean> {
  const rows = await tx.query(sql`select from organisations o where o.id <> ${organisationId} and roost_is_open(o.id) limit 1`);
  return rows.length > 0;
}

export async function insertRemoval(
  tx: Transaction,
  given: { organisationId: string; personId: string; email: string; requestedAt: Date; endsAt: Date },
): Promise<void> {
  await tx.query(sql`
    insert into organisation_removals (organisation_id, requested_by, requested_by_email, requested_at, ends_at)
    values (${given.organisationId}, ${given.personId}, ${given.email}, ${given.requestedAt}, ${given.endsAt})`);
}

export async function deleteRemoval(tx: Transaction, organisationId: string): Promise<void> {
  await tx.query(sql`delete from organisation_removals where organisation_id = ${organisationId}`);
}

/**
 * The installation's own things (the canary's device, messages of syslog) belong to one organisation, at first the first one: where that one
 * goes, they go on in the oldest other.
 *
 * @returns The other one, where it was this one.
 */
export async function moveHome(tx: Transaction, organisationId: string): Promise<string | undefined> {
  const [row] = await tx.query<{ organisation_id: string }>(sql`
    update setup set organisation_id = (
      select o.id from organisations o where o.id <> ${organisationId} and roost_is_open(o.id) order by o.created_at, o.id limit 1)
    where organisation_id = ${organisationId} returning organisation_id`);
  return row?.organisation_id;
}
