import { identifier, sql, trusted } from "@roost/contract/sql";

import type { Db, Queryable, Transaction } from "../../platform/db.ts";

/** A partition of hot samples that is being written. */
export interface OpenSegment {
  readonly id: number;
  readonly table: string;
}

/** The table of a segment's rows. */
export function segmentTable(segmentId: number): string {
  return `hot_samples_s${segmentId}`;
}

/** SQLSTATE of a batch that comes for a segment that is closed. */
export const segmentClosedState = "RS001";

/** Marks the advisory locks of segments: "Roos". */
const lockClass = 0x526f6f73;

/**
 * Takes a segment's lock for as long as the connection lives: while somebody holds it the segment has a writer, be it one that outlived its server.
 *
 * @returns False where somebody else holds it.
 */
export async function lockSegment(db: Queryable, segmentId: number): Promise<boolean> {
  const [row] = await db.query<{ locked: boolean }>(sql`select pg_try_advisory_lock(${lockClass}, ${segmentId}) as locked`);
  return row?.locked === true;
}

async function unlockSegment(db: Queryable, segmentId: number): Promise<void> {
  await db.query(sql`select pg_advisory_unlock(${lockClass}, ${segmentId})`);
}

/** Opens a segment and takes its lock. */
export async function openSegment(tx: Transaction): Promise<OpenSegment> {
  const [row] = await tx.query<{ id: number }>(sql`insert into hot_segments default values returning id`);
  if (row === undefined) throw new Error("A segment was inserted but not returned.");
  const table = identifier(segmentTable(row.id));
  // PARTITION OF would lock readers out of the parent; attaching an empty table does not.
  await tx.query(sql`create table ${table} (like hot_samples including defaults including constraints)`);
  await tx.query(sql`alter table ${table} set (autovacuum_enabled = off)`);
  await tx.query(sql`alter table hot_samples attach partition ${table} for values in (${trusted(String(row.id))})`);
  await tx.query(sql`insert into segment_writers (segment_id) values (${row.id})`);
  await lockSegment(tx, row.id);
  return { id: row.id, table: segmentTable(row.id) };
}

/**
 * Closes the segments that nobody writes any more, and the one given, whose lock is ours. What a closed segment holds never changes again.
 *
 * @returns How many others have a writer: another server, or a backend that has not noticed yet that its server is gone.
 */
export async function closeSegments(tx: Transaction, { own, except }: { own: number | undefined; except: number }): Promise<number> {
  const open = await tx.query<{ id: number }>(
    sql`select w.segment_id as id from segment_writers w where not w.closed and w.segment_id <> ${except} order by w.segment_id`,
  );
  let written = 0;
  for (const { id } of open) {
    if (id !== own && !(await lockSegment(tx, id))) {
      written += 1;
      continue;
    }
    await tx.query(sql`update segment_writers set closed = true where segment_id = ${id}`);
    await tx.query(sql`update hot_segments set closed_at = now() where id = ${id} and closed_at is null`);
    await unlockSegment(tx, id);
  }
  return written;
}

/** The number of the last batch committed into a segment, waiting for one that is being committed. */
export async function findLastBatch(db: Queryable, segmentId: number): Promise<number | undefined> {
  const [row] = await db.query<{ last_batch: number }>(
    sql`select w.last_batch from segment_writers w where w.segment_id = ${segmentId} for update`,
  );
  return row?.last_batch;
}

/** Segments whose rows readers still take from their partition, oldest first. */
export async function listHotSegments(db: Queryable): Promise<{ id: number; indexed: boolean; closed: boolean }[]> {
  return db.query(sql`
    select s.id, s.indexed_at is not null as indexed, s.closed_at is not null as closed
    from hot_segments s where s.compacted_at is null order by s.id`);
}

// Any number will do, as long as it stays.
const indexLockSpace = 7_266_780;

/** Gives a closed segment its index; nothing happens where it has one or is gone. */
export async function indexSegment(db: Db, segmentId: number): Promise<void> {
  const client = await db.connect("roost-segment-index");
  try {
    const table = segmentTable(segmentId);
    // "if not exists" does not hold between two who make the same index at once; the lock ends with the connection.
    await client.query("select pg_advisory_lock($1, $2)", [indexLockSpace, segmentId]);
    const { rows } = await client.query<{ there: boolean }>("select to_regclass($1) is not null as there", [table]);
    if (rows[0]?.there !== true) return;
    // One process: the second core belongs to those who send and ask.
    await client.query("set max_parallel_maintenance_workers = 0");
    await client.query(`create index if not exists ${table}_device_idx on ${table} (device_key, measured_at)`);
    // Nearly always empty: few devices count instead of telling the time.
    await client.query(`create index if not exists ${table}_seq_idx on ${table} (device_key, seq) where seq is not null`);
    await client.query(`analyze ${table}`);
    await client.query("update hot_segments s set indexed_at = now() where s.id = $1 and s.indexed_at is null", [segmentId]);
  } finally {
    await client.end();
  }
}
