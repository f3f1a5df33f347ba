import { join, prepared, sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";
import { cutHours, followsDays } from "./buckets.ts";
import type { Buckets } from "./buckets.ts";
import { sumLimit } from "./chunk-encoding.ts";
import { hotRows, instantOf } from "./sample-store.ts";

/** What lies in one bucket. */
export interface BucketStats {
  readonly index: number;
  readonly n: number;
  readonly min: number;
  readonly max: number;
  readonly avg: number;
}

export interface BucketQuery {
  readonly deviceKey: number;
  /** Of `selectHotSegments`. */
  readonly segmentIds: readonly number[];
  readonly seriesKey: number;
  readonly fromUs: number;
  readonly toUs: number;
  readonly buckets: Buckets;
}

const hourOf = (instant: Sql): Sql => sql`date_bin('1 hour', ${instant}, '2000-01-01 00:00:00+00')`;
const microseconds = (instant: Sql): Sql => sql`round(date_part('epoch', ${instant}) * 1000000)::bigint`;

/** Instants of a list, on whole seconds, as SQL. */
const instants = (us: readonly number[]): Sql => sql`${us.map((one) => new Date(one / 1_000).toISOString())}::timestamptz[]`;
const hourUs = 3_600_000_000;
const dayUs = 24 * hourUs;
const longUs = 180 * dayUs;

/**
 * Statistics of each bucket that has values, oldest first.
 *
 * Hours and days that lie in one bucket come from their statistics, all others from the samples; hours in which there are rows
 * that are not compacted yet come from the samples too, because a copy of a stored sample may be among them.
 */
export async function selectBuckets(db: Queryable, query: BucketQuery): Promise<BucketStats[]> {
  const { seriesKey, fromUs, toUs, buckets } = query;
  const cut = cutHours(buckets, fromUs, toUs);
  const indexOf = (us: Sql): Sql =>
    buckets.kind === "even"
      ? sql`((${us} - ${buckets.originUs}::bigint) / ${buckets.stepUs}::bigint)`
      : sql`(width_bucket(${us}, ${buckets.startsUs}::bigint[]) - 1)`;
  const parts = [...fromSamples(query, cut, indexOf), ...(cut === undefined ? [] : fromStatistics(query, cut, indexOf))];
  const split = cut === undefined ? [] : [fromUs, toUs, ...cut].map((us) => Math.floor(us / dayUs) * dayUs);
  const statement = sql`
    with hot as materialized (
      select ${microseconds(sql`r.measured_at`)} as measured_us, ${microseconds(sql`r.received_at`)} as received_us, ${hourOf(sql`r.measured_at`)} as hour_at,
        r.seq, r.quality, r.sample_values[array_position(r.series_keys, ${seriesKey}::integer)] as value
      from (${hotRows(query, instantOf(fromUs), instantOf(toUs))}) r
      where ${seriesKey}::integer = any(r.series_keys)
    ), touched as materialized (
      select distinct h.hour_at from hot h
    ), split as materialized (
      -- Days that something new is known about, or that a bucket or the range cuts.
      select date_bin('24 hours', t.hour_at, '2000-01-01 00:00:00+00') as day_at from touched t
      union
      select d.at from unnest(${instants(split)}) as d (at)
    )
    select p.index::integer as index, sum(p.n)::bigint as n, min(p.min) as min, max(p.max) as max, sum(p.sum) as sum
    from (${join(parts, sql` union all `)}) p
    group by p.index
    order by p.index`;
  // Planning anew takes as long as a year takes to add up. Of a shorter range a plan that knows its ends is worth its time.
  const isLong = cut !== undefined && toUs - fromUs > longUs;
  // Which parts there are decides the text.
  const shape = `${cut?.length === 0 ? "whole" : "cut"}-${followsDays(buckets) ? "days" : "hours"}`;
  const rows = await db.query<{ index: number; n: number; min: number; max: number; sum: number }>(
    isLong ? prepared(`points-${buckets.kind}-${shape}`, statement) : statement,
  );
  return rows.map(({ index, n, min, max, sum }) => ({ index, n, min, max, avg: averageOf(sum, n, min, max) }));
}

/** An average in 15 digits: the last one of a double depends on the order of adding up, and that on what is compacted already. */
function averageOf(sum: number, n: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, Number((sum / n).toPrecision(15))));
}

const isTouched = sql`any(array(select t.hour_at from touched t))`;
const isSplit = sql`any(array(select s.day_at from split s))`;

/** @param cut - Hours that are read from their samples; `undefined`: all. */
function fromSamples(query: BucketQuery, cut: readonly number[] | undefined, indexOf: (us: Sql) => Sql): Sql[] {
  const { deviceKey, seriesKey, fromUs, toUs } = query;
  const own = sql`c.device_key = ${deviceKey} and c.series_key = ${seriesKey}`;
  // Whole hours are not looked at sample by sample.
  const [wholeFrom, wholeTo] = [Math.ceil(fromUs / hourUs) * hourUs, Math.floor(toUs / hourUs) * hourUs];
  const inRange = sql`(c.hour_at >= ${instantOf(wholeFrom)} and c.hour_at < ${instantOf(wholeTo)} or (s.measured_us >= ${fromUs}::bigint and s.measured_us < ${toUs}::bigint))`;
  const stats = (us: Sql, value: Sql): Sql =>
    sql`${indexOf(us)} as index, 1::bigint as n, ${value} as min, ${value} as max, greatest(least(${value}, ${sumLimit}), -${sumLimit}) as sum`;
  const untouched = sql`
    select ${stats(sql`s.measured_us`, sql`s.value`)}
    from chunks c
    cross join lateral chunk_samples(c) s
    where ${own} and c.hour_at >= ${hourOf(instantOf(fromUs))} and c.hour_at < ${instantOf(toUs)}
      and ${cut === undefined ? sql`true` : sql`c.hour_at = any(${instants(cut)})`}
      and not c.hour_at = ${isTouched} and ${inRange}`;
  const touched = sql`
    select ${stats(sql`f.measured_us`, sql`f.value`)}
    from (
      select distinct on (x.measured_us, x.seq) x.measured_us, x.value
      from (
        select h.measured_us, h.received_us, coalesce(h.seq, -1) as seq, h.value, h.quality from hot h
        union all
        select s.measured_us, s.received_us, coalesce(s.seq, -1), s.value, s.quality
        from chunks c
        cross join lateral chunk_samples(c) s
        where ${own} and c.hour_at = ${isTouched} and ${inRange}
      ) x
      order by x.measured_us, x.seq, x.received_us, x.value, x.quality
    ) f`;
  // Parts that cannot have rows are left out: planning them takes as long as running the rest.
  return cut?.length === 0 ? [touched] : [untouched, touched];
}

/** Of whole hours; listed buckets are compared with them as they are, which spares turning each into microseconds. */
function indexOfHour(buckets: Buckets, indexOf: (us: Sql) => Sql): Sql {
  if (buckets.kind === "even") return indexOf(microseconds(sql`h.hour_at`));
  return sql`(width_bucket(h.hour_at, ${buckets.startsUs.map((us) => new Date(us / 1_000).toISOString())}::timestamptz[]) - 1)::bigint`;
}

/** Hours and days that lie in one bucket; and those that do not, but of which nothing finer is left: they count where they begin. */
function fromStatistics(query: BucketQuery, cut: readonly number[], indexOf: (us: Sql) => Sql): Sql[] {
  const { deviceKey, seriesKey, fromUs, toUs, buckets } = query;
  const from = instantOf(fromUs);
  const to = instantOf(toUs);
  const ownHours = sql`h.device_key = ${deviceKey} and h.series_key = ${seriesKey} and h.hour_at >= ${hourOf(from)} and h.hour_at < ${to}`;
  const hour = sql`${indexOf(microseconds(sql`h.hour_at`))}, h.n::bigint, h.min, h.max, h.sum`;
  const isCut = sql`any(${instants(cut)})`;
  // A year has 8,760 of them: added up where they are read, nothing but a row for each bucket goes on from there.
  const hours = sql`
    select ${indexOfHour(buckets, indexOf)}, sum(h.n)::bigint, min(h.min), max(h.max), sum(h.sum)
    from telemetry_hours h
    where ${ownHours} and not h.hour_at = ${isCut} and not h.hour_at = ${isTouched}
    group by 1`;
  const retiredHours = sql`
    select ${hour} from telemetry_hours h
    where ${ownHours} and h.hour_at = ${isCut} and h.hour_at >= ${from} and not h.hour_at = ${isTouched}
      and not exists (select from chunks c where c.device_key = ${deviceKey} and c.series_key = ${seriesKey} and c.hour_at = h.hour_at)`;
  const ofCut = cut.length === 0 ? [] : [retiredHours];
  if (!followsDays(buckets)) return [hours, ...ofCut];
  const ownDays = sql`d.device_key = ${deviceKey} and d.series_key = ${seriesKey} and d.day_at >= ${from} and d.day_at < ${to}`;
  const day = sql`${indexOf(microseconds(sql`d.day_at`))}, d.n::bigint, d.min, d.max, d.sum`;
  return [
    sql`select ${day} from telemetry_days d where ${ownDays} and not d.day_at = ${isSplit}`,
    sql`
    select ${hour}
    from split s
    join telemetry_hours h on ${ownHours} and h.hour_at >= s.day_at and h.hour_at < s.day_at + interval '24 hours'
    where not h.hour_at = ${isCut} and not h.hour_at = ${isTouched}`,
    ...ofCut,
    sql`
    select ${day} from telemetry_days d
    where ${ownDays} and d.day_at = ${isSplit} and not exists (
      select from telemetry_hours h
      where h.device_key = ${deviceKey} and h.series_key = ${seriesKey} and h.hour_at >= d.day_at and h.hour_at < d.day_at + interval '24 hours')`,
  ];
}
