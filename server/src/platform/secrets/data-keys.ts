import { sql } from "@roost/contract/sql";

import type { Db, Queryable, Transaction } from "../db.ts";

/** A row of `data_keys`. */
export interface DataKeyRow {
  readonly kid: number;
  readonly wrapped: Buffer | undefined;
  readonly envelope: string;
  readonly madeAt: Date;
  readonly currentAt: Date;
  readonly resealedAt: Date | undefined;
  readonly retiredAt: Date | undefined;
  /** Its time has come, by the database's clock. */
  readonly isUsable: boolean;
  /** Seconds until then; 0 or less where it has come. */
  readonly dueInSeconds: number;
}

interface Row {
  kid: number;
  wrapped: Buffer | null;
  envelope: string;
  made_at: Date;
  current_at: Date;
  resealed_at: Date | null;
  retired_at: Date | null;
  due_in: number;
}

/** All keys there ever were, newest first. */
export async function selectDataKeys(db: Queryable): Promise<DataKeyRow[]> {
  const rows = await db.query<Row>(sql`
    select k.kid, k.wrapped, k.envelope, k.made_at, k.current_at, k.resealed_at, k.retired_at,
      extract(epoch from k.current_at - clock_timestamp())::double precision as due_in
    from data_keys k order by k.kid desc`);
  return rows.map((row) => ({
    kid: row.kid,
    wrapped: row.wrapped ?? undefined,
    envelope: row.envelope,
    madeAt: row.made_at,
    currentAt: row.current_at,
    resealedAt: row.resealed_at ?? undefined,
    retiredAt: row.retired_at ?? undefined,
    isUsable: row.due_in <= 0,
    dueInSeconds: row.due_in,
  }));
}

/** Two servers that make keys at once wait for each other. */
export async function lockDataKeys(tx: Transaction): Promise<void> {
  await tx.query(sql`lock table data_keys in share row exclusive mode`);
}

export async function insertDataKey(
  tx: Transaction,
  key: { kid: number; wrapped: Buffer; envelope: string; madeBy: string; afterMs: number },
): Promise<Date> {
  const [row] = await tx.query<{ current_at: Date }>(sql`
    insert into data_keys (kid, wrapped, envelope, made_by, current_at)
    values (${key.kid}, ${key.wrapped}, ${key.envelope}, ${key.madeBy}, clock_timestamp() + ${key.afterMs} * interval '1 ms')
    returning current_at`);
  if (row === undefined) throw new TypeError("A key that was inserted has a row.");
  return row.current_at;
}

/** Another envelope around the same key. */
export async function rewrapDataKey(tx: Transaction, kid: number, wrapped: Buffer, envelope: string): Promise<void> {
  await tx.query(sql`update data_keys set wrapped = ${wrapped}, envelope = ${envelope} where kid = ${kid} and wrapped is not null`);
}

export async function markResealed(db: Queryable, kid: number): Promise<void> {
  await db.query(sql`update data_keys set resealed_at = clock_timestamp() where kid = ${kid} and resealed_at is null`);
}

/** Forgets a key for good. */
export async function retireDataKey(db: Db | Transaction, kid: number): Promise<boolean> {
  const rows = await db.query(
    sql`update data_keys set wrapped = null, retired_at = clock_timestamp() where kid = ${kid} and retired_at is null returning kid`,
  );
  return rows.length > 0;
}
