import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

/** A row of `session_keys`. */
export interface SessionKeyRow {
  readonly kid: number;
  readonly sealed: Buffer | undefined;
  readonly madeAt: Date;
  readonly retiredAt: Date | undefined;
  /** Its time has come, by the database's clock. */
  readonly isUsable: boolean;
}

/** All there ever were, newest first. */
export async function selectSessionKeys(db: Queryable): Promise<SessionKeyRow[]> {
  const rows = await db.query<{ kid: number; sealed: Buffer | null; made_at: Date; retired_at: Date | null; usable: boolean }>(sql`
    select k.kid, k.sealed, k.made_at, k.retired_at, k.current_at <= clock_timestamp() as usable from session_keys k order by k.kid desc`);
  return rows.map((row) => ({
    kid: row.kid,
    sealed: row.sealed ?? undefined,
    madeAt: row.made_at,
    retiredAt: row.retired_at ?? undefined,
    isUsable: row.usable,
  }));
}

/** Two servers that make keys at once wait for each other. */
export async function lockSessionKeys(tx: Transaction): Promise<void> {
  await tx.query(sql`lock table session_keys in share row exclusive mode`);
}

export async function insertSessionKey(
  tx: Transaction,
  key: { kid: number; sealed: Buffer; madeBy: string; afterMs: number },
): Promise<Date> {
  const [row] = await tx.query<{ current_at: Date }>(sql`
    insert into session_keys (kid, sealed, made_by, current_at)
    values (${key.kid}, ${key.sealed}, ${key.madeBy}, clock_timestamp() + ${key.afterMs} * interval '1 ms')
    returning current_at`);
  if (row === undefined) throw new TypeError("A key that was inserted has a row.");
  return row.current_at;
}

/** Forgets keys whose successor has been in use for longer than a cookie lives without being used. */
export async function retireSessionKeys(db: Queryable, idleHours: number): Promise<void> {
  await db.query(sql`
    update session_keys k set sealed = null, retired_at = clock_timestamp()
    where k.retired_at is null and exists (
      select from session_keys n where n.kid > k.kid and n.current_at < clock_timestamp() - ${idleHours} * interval '1 hour')`);
}
