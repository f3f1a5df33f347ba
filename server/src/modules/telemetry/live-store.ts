import { sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";

/** A moment of the database: which commits had been made. */
export interface Moment {
  /** As `pg_current_snapshot()` writes it. */
  readonly snapshot: string;
  /** Epoch seconds of the database's clock. */
  readonly atSeconds: number;
}

/** A message as it lies in the hot rows. */
export interface StoredMessage {
  readonly measuredUs: number;
  readonly receivedUs: number;
  readonly quality: number;
  readonly seriesKeys: readonly number[];
  readonly values: readonly number[];
}

/** What was committed between two moments. */
export interface Committed {
  readonly now: Moment;
  /** Oldest first. `undefined`: too long ago, or too many, to tell one by one. */
  readonly messages: readonly StoredMessage[] | undefined;
}

const snapshotForm = /^\d{1,20}:\d{1,20}:(?:\d{1,20}(?:,\d{1,20}){0,200})?$/;

/** Says whether a text that came from outside can be a snapshot. */
export function isSnapshot(text: string): boolean {
  return snapshotForm.test(text);
}

export async function currentMoment(db: Queryable): Promise<Moment> {
  const [row] = await db.query<Moment>(
    sql`select pg_current_snapshot()::text as snapshot, floor(date_part('epoch', now()))::bigint as "atSeconds"`,
  );
  if (row === undefined) throw new Error("The database gave no snapshot.");
  return row;
}

/**
 * The messages of a device that were committed since a moment.
 *
 * Partitions outlive their compaction for a while, and a row keeps the number of the transaction that wrote it; so what
 * a snapshot did not see yet can be told exactly, in whatever order the commits came.
 *
 * @param replaySeconds - Longer ago than that, partitions may have been dropped.
 */
export async function committedSince(
  db: Queryable,
  { deviceKey, since, replaySeconds, limit }: { deviceKey: number; since: Moment; replaySeconds: number; limit: number },
): Promise<Committed> {
  const rows = await db.query<Moment & { messages: StoredMessage[] | null; n: number }>(sql`
    with here as materialized (
      select pg_current_snapshot() as snapshot, now() as at, pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next
    ), found as (
      select h.measured_at, h.received_at, h.quality, h.series_keys, h.sample_values
      from here, hot_samples h
      -- A row has the low half of its transaction's number; it cannot be a later one than the next to come.
      cross join lateral (select ((here.next >> 32) << 32) + h.xmin::text::bigint as guess) g
      where h.device_key = ${deviceKey} and ${since.atSeconds} > date_part('epoch', here.at) - ${replaySeconds}
        and not pg_visible_in_snapshot((case when g.guess >= here.next then g.guess - 4294967296 else g.guess end)::text::xid8, ${since.snapshot}::pg_snapshot)
      limit ${limit + 1}
    )
    select here.snapshot::text as snapshot, floor(date_part('epoch', here.at))::bigint as "atSeconds",
      (select count(*)::integer from found) as n,
      (select json_agg(json_build_object(
          'measuredUs', round(date_part('epoch', f.measured_at) * 1000000)::bigint, 'receivedUs', round(date_part('epoch', f.received_at) * 1000000)::bigint,
          'quality', f.quality, 'seriesKeys', f.series_keys, 'values', f.sample_values) order by f.measured_at, f.received_at)
        from found f) as messages
    from here`);
  const [row] = rows;
  if (row === undefined) throw new Error("The database gave no snapshot.");
  const now = { snapshot: row.snapshot, atSeconds: row.atSeconds };
  const tooOld = since.atSeconds <= now.atSeconds - replaySeconds;
  return { now, messages: tooOld || row.n > limit ? undefined : (row.messages ?? []) };
}
