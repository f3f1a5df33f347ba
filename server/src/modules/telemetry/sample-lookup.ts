import { identifier, join, sql, trusted } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";
import { segmentTable } from "./segment-store.ts";

/** What tells copies of a sample apart: the device's own instant, or its counter where it has no clock. */
export type SampleKey =
  | { readonly deviceKey: number; readonly measuredUs: number; readonly seq?: undefined }
  | { readonly deviceKey: number; readonly measuredUs?: undefined; readonly seq: number };

/** One value that is stored already. Instants in epoch microseconds. */
export interface StoredSample {
  readonly deviceKey: number;
  readonly seriesKey: number;
  readonly measuredUs: number;
  readonly seq: number | undefined;
  readonly value: number;
}

/** A segment as the look-ups need to know it. */
interface HotSegment {
  readonly id: number;
  readonly indexed: boolean;
}

interface StoredRow {
  device_key: number;
  series_key: number;
  measured_us: number;
  seq: number | null;
  value: number;
}

/**
 * How long a counter's numbers tell copies apart, by the time they were received: a device that counts from 0 again after
 * a restart must not be taken for one that repeats itself.
 */
const seqWindow = "1 day";

// Read in one statement each: compaction moves rows from a segment into chunks in one transaction, so one snapshot sees each row once.
const stillHot = (segment: HotSegment): Sql =>
  sql`exists (select from hot_segments s where s.id = ${segment.id} and s.compacted_at is null)`;

/** Exact look-up: what is stored under each (device, instant) or (device, seq), in hot segments and in chunks. */
export async function findStoredSamples(
  db: Queryable,
  segments: readonly HotSegment[],
  keys: readonly SampleKey[],
): Promise<StoredSample[]> {
  const stamped = keys.filter((key) => key.measuredUs !== undefined);
  const counted = keys.filter((key) => key.seq !== undefined);
  const rows: StoredRow[] = [];
  if (stamped.length > 0) rows.push(...(await findByInstant(db, segments, stamped)));
  if (counted.length > 0) rows.push(...(await findBySeq(db, segments, counted)));
  return rows.map((row) => ({
    deviceKey: row.device_key,
    seriesKey: row.series_key,
    measuredUs: row.measured_us,
    seq: row.seq ?? undefined,
    value: row.value,
  }));
}

async function findByInstant(db: Queryable, segments: readonly HotSegment[], keys: readonly SampleKey[]): Promise<StoredRow[]> {
  const hot = segments.map(
    (segment) => sql`
      select h.device_key, v.series_key, (extract(epoch from h.measured_at) * 1000000)::bigint as measured_us, h.seq, v.value
      from keys k
      join ${identifier(segmentTable(segment.id))} h on h.device_key = k.device_key and h.measured_at = k.measured_at
      cross join lateral unnest(h.series_keys, h.sample_values) as v (series_key, value)
      where ${stillHot(segment)}`,
  );
  const parts = [...hot, chunkedByInstant];
  return db.query<StoredRow>(sql`
    with keys as materialized (
      select distinct k.device_key, timestamptz 'epoch' + k.measured_us * interval '1 microsecond' as measured_at
      from unnest(${keys.map((key) => key.deviceKey)}::integer[], ${keys.map((key) => key.measuredUs)}::bigint[]) as k (device_key, measured_us)
    )
    select f.device_key, f.series_key, f.measured_us, f.seq, f.value
    from (${join(parts, trusted(" union all "))}) f`);
}

async function findBySeq(db: Queryable, segments: readonly HotSegment[], keys: readonly SampleKey[]): Promise<StoredRow[]> {
  const hot = segments.map(
    (segment) => sql`
      select h.device_key, v.series_key, (extract(epoch from h.measured_at) * 1000000)::bigint as measured_us, h.seq, v.value
      from keys k
      join ${identifier(segmentTable(segment.id))} h on h.device_key = k.device_key and h.seq = k.seq
      cross join lateral unnest(h.series_keys, h.sample_values) as v (series_key, value)
      where h.received_at > now() - ${seqWindow}::interval and ${stillHot(segment)}`,
  );
  const parts = [...hot, chunkedBySeq];
  return db.query<StoredRow>(sql`
    with keys as materialized (
      select distinct k.device_key, k.seq
      from unnest(${keys.map((key) => key.deviceKey)}::integer[], ${keys.map((key) => key.seq)}::bigint[]) as k (device_key, seq)
    )
    select f.device_key, f.series_key, f.measured_us, f.seq, f.value
    from (${join(parts, trusted(" union all "))}) f`);
}

const chunkedByInstant = sql`
  select ch.device_key, ch.series_key, s.measured_us, s.seq, s.value
  from (select distinct k.device_key, date_trunc('hour', k.measured_at, 'UTC') as hour_at from keys k) kh
  join series se on se.device_key = kh.device_key
  join chunks ch on ch.device_key = kh.device_key and ch.series_key = se.key and ch.hour_at = kh.hour_at
  cross join lateral chunk_samples(ch) s
  join keys k on k.device_key = ch.device_key and k.measured_at = s.measured_at`;

const chunkedBySeq = sql`
  select ch.device_key, ch.series_key, s.measured_us, s.seq, s.value
  from (select distinct k.device_key from keys k) kd
  join series se on se.device_key = kd.device_key
  join chunks ch on ch.device_key = kd.device_key and ch.series_key = se.key and ch.has_seqs
    and ch.hour_at > now() - ${seqWindow}::interval - interval '1 hour'
  cross join lateral chunk_samples(ch) s
  join keys k on k.device_key = ch.device_key and k.seq = s.seq`;

/** The newest instant of a device, in epoch microseconds, and the highest counter where it sends one without a clock. */
export interface NewestSample {
  readonly measuredUs: number;
  readonly seq: number | undefined;
}

/**
 * For each device the newest of what is stored; devices without samples are absent.
 *
 * A segment without an index is read once for all devices, one with an index once per device.
 */
export async function findNewestInstants(
  db: Queryable,
  segments: readonly HotSegment[],
  deviceKeys: readonly number[],
): Promise<Map<number, NewestSample>> {
  const hot = segments.map((segment) =>
    segment.indexed
      ? sql`
        select k.device_key, (select max(h.measured_at) from ${identifier(segmentTable(segment.id))} h where h.device_key = k.device_key) as measured_at,
          (select max(h.seq) from ${identifier(segmentTable(segment.id))} h where h.device_key = k.device_key and h.seq is not null) as seq
        from keys k where ${stillHot(segment)}`
      : sql`
        select h.device_key, max(h.measured_at) as measured_at, max(h.seq) as seq
        from ${identifier(segmentTable(segment.id))} h
        where h.device_key = any(${deviceKeys}::integer[]) and ${stillHot(segment)}
        group by h.device_key`,
  );
  const rows = await db.query<{ device_key: number; measured_us: number; seq: number | null }>(sql`
    with keys as materialized (select k.device_key from unnest(${deviceKeys}::integer[]) as k (device_key))
    select f.device_key, (extract(epoch from max(f.measured_at)) * 1000000)::bigint as measured_us, max(f.seq) as seq
    from (${join([...hot, newestChunked], trusted(" union all "))}) f
    where f.measured_at is not null
    group by f.device_key`);
  return new Map(rows.map((row) => [row.device_key, { measuredUs: row.measured_us, seq: row.seq ?? undefined }]));
}

const newestChunked = sql`
  select ax.device_key, timestamptz 'epoch' + chunk_newest_us(ax) * interval '1 microsecond' as measured_at,
    case when ax.has_seqs then (select max(s.seq) from chunk_samples(ax) s) end as seq
  from (
    select k.device_key, max(last.hour_at) as hour_at
    from keys k
    join series se on se.device_key = k.device_key
    cross join lateral (
      select c.hour_at from chunks c where c.device_key = k.device_key and c.series_key = se.key order by c.hour_at desc limit 1
    ) last
    group by k.device_key
  ) newest
  join series se on se.device_key = newest.device_key
  join chunks ax on ax.device_key = newest.device_key and ax.series_key = se.key and ax.hour_at = newest.hour_at and ax.axis_key = ax.series_key`;
