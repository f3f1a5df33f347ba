import { sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";

/** One stored value. Instants in epoch microseconds. */
export interface Sample {
  readonly seriesKey: number;
  readonly measuredUs: number;
  readonly receivedUs: number;
  readonly value: number;
  readonly quality: number;
  readonly seq: number | null;
}

const hourOf = (instant: Sql): Sql => sql`date_bin('1 hour', ${instant}, '2000-01-01 00:00:00+00')`;

/**
 * Rows of one device that are not in the chunks yet, of all that the partition holds.
 *
 * Compaction moves rows in one transaction, so a statement that reads these and the chunks sees each row once. A row for an
 * hour whose samples were retired is passed over, as compaction will.
 *
 * @param segmentIds - Of {@link selectHotSegments}, read before: known when the statement is planned, they spare the planner all
 *   other partitions. A segment opened since holds nothing that was committed when the ids were read.
 */
export function hotRows(
  { deviceKey, segmentIds }: { readonly deviceKey: number; readonly segmentIds: readonly number[] },
  from: Sql,
  to: Sql,
): Sql {
  return sql`
  select h.measured_at, h.received_at, h.quality, h.seq, h.series_keys, h.sample_values
  from hot_segments sg
  cross join lateral (
    select p.measured_at, p.received_at, p.quality, p.seq, p.series_keys, p.sample_values
    from hot_samples p
    where p.device_key = ${deviceKey} and p.segment_id = sg.id and p.segment_id = ${paddedList(segmentIds)}
    -- Keeps this a loop over segments, so that partitions which are in the chunks meanwhile are not looked at; and the open
    -- one, which has no index, is read by the device alone, because whatever else is compared costs for every row.
    offset 0
  ) h
  where sg.compacted_at is null and ${deviceKey} >= sg.compacted_below and h.measured_at >= ${from} and h.measured_at < ${to}
    and h.measured_at >= coalesce((
      select m.retired_before from devices d join retention_marks m on m.organisation_id = d.organisation_id and m.kind = 'samples'
      where d.key = ${deviceKey}), '-infinity')`;
}

/** The segments whose rows are not all in the chunks. */
export async function selectHotSegments(db: Queryable): Promise<number[]> {
  return (await db.query<{ id: number }>(sql`select s.id from hot_segments s where s.compacted_at is null`)).map(({ id }) => id);
}

/**
 * The list as it stands in a condition. The planner holds a look into a short list for cheaper than a comparison, and would
 * do it for every row before it compares the device; with some that do not exist it comes second.
 */
const paddedList = (segmentIds: readonly number[]): Sql => sql`any(${[...segmentIds, -1, -2, -3, -4]}::integer[])`;

/** An instant of epoch microseconds as SQL; a constant to the planner, which an addition of intervals is not. */
export const instantOf = (us: number): Sql => {
  const ms = Math.floor(us / 1_000);
  return sql`${`${new Date(ms).toISOString().slice(0, -1)}${String(us - ms * 1_000).padStart(3, "0")}Z`}::timestamptz`;
};

/** What of a range lies where: asked once, before the resolution is chosen. */
export interface RangeFacts {
  /** Values in closed hours that touch the range. */
  readonly n: number;
  /** Hours with statistics whose samples were retired. */
  readonly retiredHours: number;
  /** As {@link selectHotSegments} gives them. */
  readonly segmentIds: readonly number[];
}

/** Counts the values of a series around a range, from statistics alone. */
export async function countRange(
  db: Queryable,
  range: { deviceKey: number; seriesKey: number; fromUs: number; toUs: number },
): Promise<RangeFacts> {
  const [row] = await db.query<RangeFacts>(sql`
    select coalesce(sum(h.n), 0)::bigint as n,
      count(*) filter (where h.hour_at < (
        select m.retired_before from devices d join retention_marks m on m.organisation_id = d.organisation_id and m.kind = 'samples'
        where d.key = ${range.deviceKey}))::integer as "retiredHours",
      array(select s.id from hot_segments s where s.compacted_at is null) as "segmentIds"
    from telemetry_hours h
    where h.device_key = ${range.deviceKey} and h.series_key = ${range.seriesKey}
      and h.hour_at >= ${hourOf(instantOf(range.fromUs))} and h.hour_at < ${instantOf(range.toUs)}`);
  return row ?? { n: 0, retiredHours: 0, segmentIds: [] };
}

/**
 * The end of the hour, in epoch microseconds, up to which closed hours hold more than `n` values of the range for certain;
 * `undefined` where they do not.
 */
export async function findHourAfter(
  db: Queryable,
  range: { deviceKey: number; seriesKey: number; fromUs: number; toUs: number },
  n: number,
): Promise<number | undefined> {
  // The first hour may lie before the range with all its values.
  const [row] = await db.query<{ us: number }>(sql`
    select ((date_part('epoch', x.hour_at) + 3600) * 1000000)::bigint as us
    from (
      select h.hour_at, sum(h.n) over (order by h.hour_at) as before
      from telemetry_hours h
      where h.device_key = ${range.deviceKey} and h.series_key = ${range.seriesKey}
        and h.hour_at >= ${instantOf(range.fromUs)} and h.hour_at < ${instantOf(range.toUs)}
      order by h.hour_at
      limit ${n + 1}
    ) x
    where x.before > ${n}
    order by x.hour_at
    limit 1`);
  return row?.us;
}

/**
 * Samples of a device in order of (instant, series, seq), each once: the copy received first stands.
 *
 * @param range.after - Begins behind this sample.
 */
export async function selectSamples(
  db: Queryable,
  range: {
    readonly deviceKey: number;
    readonly segmentIds: readonly number[];
    readonly seriesKeys: readonly number[];
    readonly fromUs: number;
    readonly toUs: number;
    readonly limit: number;
    readonly after?: Pick<Sample, "measuredUs" | "seriesKey" | "seq"> | undefined;
  },
): Promise<Sample[]> {
  const { deviceKey, seriesKeys, fromUs, toUs, limit, after } = range;
  const from = instantOf(fromUs);
  const to = instantOf(toUs);
  const behind =
    after === undefined
      ? sql`true`
      : sql`(x."measuredUs", x."seriesKey", coalesce(x.seq, -1)) > (${after.measuredUs}::bigint, ${after.seriesKey}::integer, ${after.seq ?? -1}::bigint)`;
  return db.query<Sample>(sql`
    with hot as (${hotRows(range, from, to)})
    select distinct on (x."measuredUs", x."seriesKey", coalesce(x.seq, -1)) x."seriesKey", x."measuredUs", x."receivedUs", x.value, x.quality, x.seq
    from (
      select v.series_key as "seriesKey", round(date_part('epoch', h.measured_at) * 1000000)::bigint as "measuredUs",
        round(date_part('epoch', h.received_at) * 1000000)::bigint as "receivedUs", v.value, h.quality, h.seq
      from hot h
      cross join lateral unnest(h.series_keys, h.sample_values) as v (series_key, value)
      where v.series_key = any(${seriesKeys}::integer[])
      union all
      select c.series_key, s.measured_us, s.received_us, s.value, s.quality, s.seq
      from chunks c
      cross join lateral chunk_samples(c) s
      where c.device_key = ${deviceKey} and c.series_key = any(${seriesKeys}::integer[])
        and c.hour_at >= ${hourOf(from)} and c.hour_at < ${to}
        and s.measured_us >= ${fromUs}::bigint and s.measured_us < ${toUs}::bigint
    ) x
    where ${behind}
    order by x."measuredUs", x."seriesKey", coalesce(x.seq, -1), x."receivedUs", x.value, x.quality
    limit ${limit}`);
}

/** The first hour from `fromUs` on that holds samples of the series, in epoch microseconds; `undefined` where there is none before `toUs`. */
export async function findNextHour(
  db: Queryable,
  range: {
    readonly deviceKey: number;
    readonly segmentIds: readonly number[];
    readonly seriesKeys: readonly number[];
    readonly fromUs: number;
    readonly toUs: number;
  },
): Promise<number | undefined> {
  const from = instantOf(range.fromUs);
  const to = instantOf(range.toUs);
  const [row] = await db.query<{ us: number | null }>(sql`
    select (date_part('epoch', min(x.hour_at)) * 1000000)::bigint as us
    from (
      select ${hourOf(sql`min(h.measured_at)`)} as hour_at from (${hotRows(range, from, to)}) h
      union all
      select (
        select c.hour_at from chunks c
        where c.device_key = ${range.deviceKey} and c.series_key = k.key and c.hour_at >= ${hourOf(from)} and c.hour_at < ${to}
        order by c.hour_at limit 1)
      from unnest(${range.seriesKeys}::integer[]) as k (key)
    ) x`);
  return row?.us ?? undefined;
}

/** The newest sample of each series that has one. */
export async function selectLatest(
  db: Queryable,
  series: readonly { readonly key: number; readonly deviceKey: number }[],
): Promise<Sample[]> {
  const segmentIds = await selectHotSegments(db);
  return db.query<Sample>(sql`
    with wanted as materialized (
      select w.device_key, w.series_key
      from unnest(${series.map((one) => one.deviceKey)}::integer[], ${series.map((one) => one.key)}::integer[]) as w (device_key, series_key)
    ), hot as (
      select distinct on (v.series_key) v.series_key, h.measured_at, h.received_at, v.value, h.quality, h.seq
      from hot_segments sg
      cross join lateral (
        select p.device_key, p.measured_at, p.received_at, p.series_keys, p.sample_values, p.quality, p.seq
        from hot_samples p
        where p.device_key = any(${[...new Set(series.map((one) => one.deviceKey))]}::integer[]) and p.segment_id = sg.id and p.segment_id = ${paddedList(segmentIds)}
        offset 0
      ) h
      cross join lateral unnest(h.series_keys, h.sample_values) as v (series_key, value)
      where sg.compacted_at is null and h.device_key >= sg.compacted_below
      order by v.series_key, h.measured_at desc, h.received_at
    )
    select distinct on (x."seriesKey") x.*
    from (
      select h.series_key as "seriesKey", round(date_part('epoch', h.measured_at) * 1000000)::bigint as "measuredUs",
        round(date_part('epoch', h.received_at) * 1000000)::bigint as "receivedUs", h.value, h.quality, h.seq
      from hot h
      join wanted w on w.series_key = h.series_key
      union all
      select w.series_key, s.measured_us, s.received_us, s.value, s.quality, s.seq
      from wanted w
      cross join lateral (
        select n.measured_us, n.received_us, n.value, n.quality, n.seq
        from (
          select c from chunks c where c.device_key = w.device_key and c.series_key = w.series_key order by c.hour_at desc limit 1
        ) newest
        cross join lateral chunk_samples(newest.c) n
        order by n.measured_us desc, n.received_us limit 1
      ) s
    ) x
    order by x."seriesKey", x."measuredUs" desc, x."receivedUs"`);
}

/** Whether a value of the series is stored for exactly this instant. */
export async function existsSample(db: Queryable, at: { deviceKey: number; seriesKey: number; measuredUs: number }): Promise<boolean> {
  const rows = await selectSamples(db, {
    deviceKey: at.deviceKey,
    segmentIds: await selectHotSegments(db),
    seriesKeys: [at.seriesKey],
    fromUs: at.measuredUs,
    toUs: at.measuredUs + 1,
    limit: 1,
  });
  return rows.length > 0;
}
