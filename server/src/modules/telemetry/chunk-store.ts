import { sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";
import { encodedChunks, putChunks } from "./chunk-encoding.ts";
import { segmentTable } from "./segment-store.ts";

/** A closed segment whose rows are not all in the chunks yet. */
export interface WaitingSegment {
  readonly id: number;
  readonly indexed: boolean;
  /** Rows of devices below this key are in the chunks. */
  readonly compactedBelow: number;
  /** As the database estimates them. */
  readonly rows: number;
  /**
   * Whether the hour in which it was opened is over, and with it the segment that was open when it ended: so an hour is
   * written once, and once more for the few minutes of it that came with the hour before. Waited for ten minutes at most.
   */
  readonly hourOver: boolean;
}

/** Closed segments that wait for compaction, oldest first. */
export async function selectWaitingSegments(db: Queryable): Promise<WaitingSegment[]> {
  return db.query<WaitingSegment>(sql`
    select s.id, s.indexed_at is not null as indexed, s.compacted_below as "compactedBelow",
      coalesce((select greatest(c.reltuples, 0)::bigint from pg_class c where c.oid = to_regclass(${segmentTable(0).slice(0, -1)} || s.id)), 0) as rows,
      s.opened_at < h.begin and (
        now() >= h.begin + interval '10 minutes' or not exists (select from hot_segments o where o.closed_at is null and o.opened_at < h.begin)
      ) as "hourOver"
    from hot_segments s
    cross join (select date_trunc('hour', now(), 'UTC') as begin) h
    where s.closed_at is not null and s.compacted_at is null
    order by s.id`);
}

/** How many values of each device wait in the segments, by device key. */
export async function countValuesByDevice(
  db: Queryable,
  segmentIds: readonly number[],
  fromDeviceKey: number,
): Promise<{ deviceKey: number; n: number }[]> {
  return db.query(sql`
    select h.device_key as "deviceKey", sum(cardinality(h.series_keys))::bigint as n
    from hot_samples h
    where h.segment_id = any(${segmentIds}::integer[]) and h.device_key >= ${fromDeviceKey}
    group by h.device_key
    order by h.device_key`);
}

/** A slice of compaction: all rows of the segments for devices from `fromDeviceKey` up to but not including `toDeviceKey`. */
export interface Slice {
  readonly segmentIds: readonly number[];
  readonly fromDeviceKey: number;
  /** Absent: to the end, which makes the segments compacted. */
  readonly toDeviceKey: number | undefined;
}

/**
 * Moves a slice into the chunks and its hours and days; to be called in a transaction, which makes all of it true at once.
 *
 * @returns False where somebody else was there first; nothing was done then.
 */
export async function compactSlice(tx: Queryable, { segmentIds, fromDeviceKey, toDeviceKey }: Slice): Promise<boolean> {
  const held = await tx.query(sql`
    select s.id from hot_segments s
    where s.id = any(${segmentIds}::integer[]) and s.compacted_at is null and s.compacted_below = ${fromDeviceKey}
    order by s.id for update`);
  if (held.length !== segmentIds.length) return false;
  // Sorted aggregation keeps the order of samples within an array. One process only: the other core is for those who send and ask.
  await tx.query(sql`
    select set_config('enable_hashagg', 'off', true), set_config('work_mem', '48MB', true),
      set_config('max_parallel_workers_per_gather', '0', true), set_config('jit', 'off', true)`);
  await tx.query(compaction(segmentIds, fromDeviceKey, toDeviceKey ?? 2_147_483_647));
  await tx.query(
    toDeviceKey === undefined
      ? sql`update hot_segments s set compacted_at = now() where s.id = any(${segmentIds}::integer[])`
      : sql`update hot_segments s set compacted_below = ${toDeviceKey} where s.id = any(${segmentIds}::integer[])`,
  );
  return true;
}

// A late value for an hour whose samples were retired is retired itself: added to the statistics it could count twice,
// and stored as a chunk it would stand for all the hour ever had.
function compaction(segmentIds: readonly number[], fromDeviceKey: number, toDeviceKey: number): Sql {
  return sql`
  with hot as materialized (
    select r.device_key, r.hour_at, r.quality, r.seq, r.series_keys, r.sample_values,
      round(date_part('epoch', r.measured_at - r.hour_at) * 1000000)::bigint as t,
      round(date_part('epoch', r.received_at - r.measured_at) * 1000000)::bigint as l
    from (
      select h.*, date_bin('1 hour', h.measured_at, '2000-01-01 00:00:00+00') as hour_at
      from hot_samples h
      join devices d on d.key = h.device_key
      left join retention_marks m on m.organisation_id = d.organisation_id and m.kind = 'samples'
      where h.segment_id = any(${segmentIds}::integer[]) and h.device_key >= ${fromDeviceKey} and h.device_key < ${toDeviceKey}
        and (m.retired_before is null or h.measured_at >= m.retired_before)
    ) r
  ), touched as (
    select distinct h.device_key, h.hour_at, (date_part('epoch', h.hour_at) * 1000000)::bigint as hour_us from hot h
  ), ${encodedChunks(sql`
      select h.device_key, unnest(h.series_keys) as series_key, h.hour_at, h.t, h.l, unnest(h.sample_values) as value, h.quality, h.seq
      from hot h
      union all
      -- All series of a touched hour, not only those with new values: the axis they share may change.
      select c.device_key, c.series_key, c.hour_at, s.measured_us - t.hour_us, s.received_us - s.measured_us, s.value, s.quality, s.seq
      from touched t
      join series se on se.device_key = t.device_key
      join chunks c on c.device_key = t.device_key and c.series_key = se.key and c.hour_at = t.hour_at
      cross join lateral chunk_samples(c) s`)},
  stored as (${putChunks}),
  stored_hours as (
    insert into telemetry_hours (device_key, series_key, hour_at, n, min, max, sum)
    select e.device_key, e.series_key, e.hour_at, e.n, e.min, e.max, e.sum from encoded e
    on conflict (device_key, series_key, hour_at) do update set (n, min, max, sum) = row(excluded.n, excluded.min, excluded.max, excluded.sum)
  ), days as (
    select distinct e.device_key, e.series_key, date_bin('24 hours', e.hour_at, '2000-01-01 00:00:00+00') as day_at from encoded e
  ), hours_of_days as (
    select e.device_key, e.series_key, date_bin('24 hours', e.hour_at, '2000-01-01 00:00:00+00') as day_at, e.n, e.min, e.max, e.sum
    from encoded e
    union all
    -- As they were before this statement.
    select h.device_key, h.series_key, d.day_at, h.n, h.min, h.max, h.sum
    from days d
    join telemetry_hours h on h.device_key = d.device_key and h.series_key = d.series_key
      and h.hour_at >= d.day_at and h.hour_at < d.day_at + interval '24 hours'
    left join encoded e on e.device_key = h.device_key and e.series_key = h.series_key and e.hour_at = h.hour_at
    where e.series_key is null
  )
  insert into telemetry_days (device_key, series_key, day_at, n, min, max, sum)
  select o.device_key, o.series_key, o.day_at, sum(o.n), min(o.min), max(o.max), sum(o.sum)
  from hours_of_days o
  group by o.device_key, o.series_key, o.day_at
  on conflict (device_key, series_key, day_at) do update set (n, min, max, sum) = row(excluded.n, excluded.min, excluded.max, excluded.sum)`;
}

/** A segment whose partition can go. */
export interface SpentSegment {
  readonly id: number;
  readonly attached: boolean;
  /** Detaching was begun and cut off. */
  readonly detaching: boolean;
}

/** Segments whose rows have been in the chunks for a while, so that nobody reads the partition any more. */
export async function selectSpentSegments(db: Queryable, afterSeconds: number): Promise<SpentSegment[]> {
  return db.query(sql`
    select s.id, i.inhrelid is not null and not i.inhdetachpending as attached, coalesce(i.inhdetachpending, false) as detaching
    from hot_segments s
    left join pg_inherits i on i.inhrelid = to_regclass(${segmentTable(0).slice(0, -1)} || s.id) and i.inhparent = 'hot_samples'::regclass
    where s.compacted_at < now() - make_interval(secs => ${afterSeconds})
    order by s.id`);
}
