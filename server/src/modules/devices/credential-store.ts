import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";

/** Stores a credential by the hash of its secret and answers its id. */
export async function insertCredential(
  tx: Transaction,
  { deviceId, organisationId, secretHash }: { deviceId: string; organisationId: string; secretHash: Buffer },
): Promise<string> {
  const id = newId();
  await tx.query(sql`
    insert into device_credentials (id, device_id, organisation_id, secret_hash) values (${id}, ${deviceId}, ${organisationId}, ${secretHash})`);
  return id;
}

/** Ends every credential that works now, at once. */
export async function endCredentials(tx: Transaction, deviceId: string): Promise<void> {
  await tx.query(sql`
    update device_credentials set revoked_at = now() where device_id = ${deviceId} and revoked_at is null`);
}

/**
 * Lets every credential that works now end after the overlap; one that ends earlier anyway keeps its end.
 *
 * @returns When the last of them ends; `undefined` when there was none.
 */
export async function expireCredentials(tx: Transaction, deviceId: string, overlapSeconds: number): Promise<Date | undefined> {
  const [row] = await tx.query<{ until: Date | null }>(sql`
    with ended as (
      update device_credentials c set expires_at = least(coalesce(c.expires_at, 'infinity'), now() + make_interval(secs => ${overlapSeconds}))
      where c.device_id = ${deviceId} and c.revoked_at is null and (c.expires_at is null or c.expires_at > now())
      returning c.expires_at)
    select max(ended.expires_at) as until from ended`);
  return row?.until ?? undefined;
}

/** The device a secret belongs to, if it works now: for what another server has just made. */
export async function findCredentialDevice(db: Queryable, secretHash: Buffer): Promise<string | undefined> {
  const [row] = await db.query<{ device_id: string }>(sql`
    select c.device_id from device_credentials c
    where c.secret_hash = ${secretHash} and c.revoked_at is null and (c.expires_at is null or c.expires_at > now())`);
  return row?.device_id;
}

/** Deletes credentials that ended longer ago than anyone asks about. */
export async function pruneCredentials(db: Queryable): Promise<void> {
  await db.query(sql`
    delete from device_credentials c
    where c.revoked_at < now() - interval '30 days' or c.expires_at < now() - interval '30 days'`);
}
