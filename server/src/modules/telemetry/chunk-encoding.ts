import { sql, trusted } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

const keyColumns = ["device_key", "series_key", "hour_at"];
// oxfmt-ignore
const dataColumns = [
  "axis_key", "n", "time_base", "time_step", "lag_base", "seq_base", "value_base", "time_unit", "lag_unit", "quality", "value_scale",
  "has_seqs", "time_r1", "time_r2", "time_r4", "time_r8", "lag_r1", "lag_r2", "lag_r4", "lag_r8", "qualities", "seq_r4", "seqs",
  "value_r1", "value_r2", "value_r4", "value_raw",
];
const listed = (columns: readonly string[], prefix = ""): Sql => trusted(columns.map((column) => prefix + column).join(", "));

/** Writes what {@link encodedChunks} made; a chunk that exists is replaced as a whole. */
export const putChunks = sql`
  insert into chunks (${listed([...keyColumns, ...dataColumns])})
  select ${listed([...keyColumns, ...dataColumns], "e.")} from encoded e
  on conflict (device_key, series_key, hour_at) do update set (${listed(dataColumns)}) = row(${listed(dataColumns, "excluded.")})`;

const powersOfTen = sql`array[1, 10, 100, 1000, 10000, 100000, 1000000]`;

/** Bytes an offset takes: none where all are 0. */
const width = sql`case
  when z.low = 0 and z.high = 0 then 0
  when z.low >= -128 and z.high <= 127 then 1
  when z.low >= -32768 and z.high <= 32767 then 2
  when z.low >= -2147483648 and z.high <= 2147483647 then 4
  else 8 end`;

/** Offsets as an array, with the width they take. */
const measured = (offsets: Sql): Sql => sql`
  select z.r, ${width} as width
  from (select array_agg(y.r) as r, min(y.r) as low, max(y.r) as high from (${offsets}) y) z`;

/** The same, counted from the middle of their range: where samples are missing, offsets lie all on one side. */
const centred = (offsets: Sql): Sql => sql`
  select z.r, ${width} as width, z.middle
  from (
    select array_agg(y.r - y.middle) as r, min(y.r - y.middle) as low, max(y.r - y.middle) as high, min(y.middle) as middle
    from (select x.r, (min(x.r) over () + max(x.r) over () + 1) / 2 as middle from (${offsets}) x) y
  ) z`;

/**
 * The largest magnitude that counts in a sum as it is. A day of the largest doubles would overflow the sum, and an
 * overflow is an error that would hold up the whole store for one absurd device.
 */
export const sumLimit = sql`1e290`;

/**
 * Common table expressions that end in `encoded`: one row per series and hour, with the columns of `chunks` and `min`, `max`, `sum`.
 *
 * Copies are told apart by (series, instant, seq). The copy received first stands; what decides beyond that is the content,
 * so that the outcome never depends on which rows were compacted when.
 *
 * @param source - Rows of (device_key, series_key, hour_at, t, l, value, quality, seq), in any order, with copies. `t` is the
 *   instant as microseconds of its hour, `l` the microseconds from then until it was received.
 * @see docs/decisions for why the encoding is as it is; `chunk_samples` in the migration is its inverse.
 */
export function encodedChunks(source: Sql): Sql {
  return sql`
  sorted as (
    select distinct on (x.device_key, x.series_key, x.hour_at, x.t, coalesce(x.seq, -1))
      x.device_key, x.series_key, x.hour_at, x.t, x.l, x.value, x.quality, x.seq
    from (${source}) x
    order by x.device_key, x.series_key, x.hour_at, x.t, coalesce(x.seq, -1), x.l, x.value, x.quality
  ), framed as (
    select s.device_key, s.series_key, s.hour_at, s.t, s.l, s.value as v, s.quality as q, s.seq as s,
      -- Decimal places that give back every bit; 9 = none do. Minus zero has the text of zero but not its bits.
      case
        when s.value = round(s.value) then case when s.value = 0 and float8send(s.value) <> '\\x0000000000000000' then 9 else 0 end
        when abs(s.value) > 1e9 then 9
        when round(s.value * 10) / 10 = s.value then 1
        when round(s.value * 100) / 100 = s.value then 2
        when round(s.value * 1000) / 1000 = s.value then 3
        when round(s.value * 10000) / 10000 = s.value then 4
        when round(s.value * 100000) / 100000 = s.value then 5
        when round(s.value * 1000000) / 1000000 = s.value then 6
        else 9 end as places
    from sorted s
  ), grouped as (
    -- The arrays keep the order of their input, which is sorted; that holds for sorted aggregation, see compaction's settings.
    select f.device_key, f.series_key, f.hour_at, count(*)::integer as n,
      array_agg(f.t) as t, array_agg(f.l) as l, array_agg(f.v) as v, array_agg(f.q) as q, array_agg(f.s) as s,
      min(f.t) as t_min, max(f.t) as t_max, min(f.l) as l_min, max(f.l) as l_max,
      min(f.v) as v_min, max(f.v) as v_max, sum(greatest(least(f.v, ${sumLimit}), -${sumLimit})) as v_sum, max(f.places) as places,
      case when bool_and(f.t % 1000000 = 0) then 6 when bool_and(f.t % 1000 = 0) then 3 else 0 end as t_unit,
      case when bool_and(f.l % 1000000 = 0) then 6 when bool_and(f.l % 1000 = 0) then 3 else 0 end as l_unit,
      min(f.q) as q_min, max(f.q) as q_max, count(f.s) as s_n, min(f.s) as s_min
    from framed f
    group by f.device_key, f.series_key, f.hour_at
  ), planned as (
    select g.*,
      first_value(g.series_key) over (partition by g.device_key, g.hour_at, g.t, g.l, g.q, g.s order by g.series_key) as axis_key,
      (${powersOfTen}::bigint[])[g.t_unit + 1] as t_scale,
      (${powersOfTen}::bigint[])[g.l_unit + 1] as l_scale,
      -- Whole numbers up to 2^53 are exact in a double; with decimals the scaled value must stay below that as well.
      case when greatest(abs(g.v_min), abs(g.v_max)) < case g.places when 0 then 9e15 else 1e9 end
        then (${powersOfTen}::double precision[])[g.places + 1] end as v_scale
    from grouped g
  ), stepped as (
    select p.*, p.axis_key = p.series_key as own_axis,
      p.t_min / p.t_scale as t_base,
      case when p.n = 1 then 0 else (p.t_max - p.t_min) / p.t_scale / (p.n - 1) end as t_step,
      -- The middle of the range, so that the offsets fit the narrowest signed type.
      p.l_min / p.l_scale + ((p.l_max - p.l_min) / p.l_scale + 1) / 2 as l_base,
      round(p.v_min * p.v_scale)::bigint + (round(p.v_max * p.v_scale)::bigint - round(p.v_min * p.v_scale)::bigint + 1) / 2 as v_base
    from planned p
  ), encoded as materialized (
    select p.device_key, p.series_key, p.hour_at, p.axis_key, p.n,
      case when p.own_axis then p.t_base + tr.middle end as time_base,
      case when p.own_axis then p.t_step end as time_step,
      case when p.own_axis then p.l_base end as lag_base,
      case when sr.width < 8 then p.s[1] end as seq_base,
      p.v_base as value_base,
      case when p.own_axis then p.t_unit end as time_unit,
      case when p.own_axis then p.l_unit end as lag_unit,
      case when p.own_axis and p.q_min = p.q_max then p.q_min end as quality,
      case when p.v_scale is not null then p.places end as value_scale,
      p.s_n > 0 as has_seqs,
      case tr.width when 1 then tr.r::integer[]::"char"[] end as time_r1,
      case tr.width when 2 then tr.r::smallint[] end as time_r2,
      case tr.width when 4 then tr.r::integer[] end as time_r4,
      case tr.width when 8 then tr.r end as time_r8,
      case lr.width when 1 then lr.r::integer[]::"char"[] end as lag_r1,
      case lr.width when 2 then lr.r::smallint[] end as lag_r2,
      case lr.width when 4 then lr.r::integer[] end as lag_r4,
      case lr.width when 8 then lr.r end as lag_r8,
      case when p.own_axis and p.q_min <> p.q_max then p.q end as qualities,
      case when sr.width in (1, 2, 4) then sr.r::integer[] end as seq_r4,
      case when p.own_axis and p.s_n > 0 and coalesce(sr.width, 8) = 8 then p.s end as seqs,
      case vr.width when 1 then vr.r::integer[]::"char"[] end as value_r1,
      case vr.width when 2 then vr.r::smallint[] end as value_r2,
      case vr.width when 4 then vr.r::integer[] end as value_r4,
      case when coalesce(vr.width, 8) = 8 then p.v end as value_raw,
      p.v_min as min, p.v_max as max, p.v_sum as sum
    from stepped p
    left join lateral (${centred(sql`select u.x / p.t_scale - p.t_base - (u.i - 1) * p.t_step as r from unnest(p.t) with ordinality u (x, i)`)}) tr
      on p.own_axis
    left join lateral (${measured(sql`select u.x / p.l_scale - p.l_base as r from unnest(p.l) u (x)`)}) lr on p.own_axis
    left join lateral (${measured(sql`select u.x - p.s[1] - (u.i - 1) as r from unnest(p.s) with ordinality u (x, i)`)}) sr
      on p.own_axis and p.s_n = p.n
    left join lateral (${measured(sql`select round(u.x * p.v_scale)::bigint - p.v_base as r from unnest(p.v) u (x)`)}) vr
      on p.v_scale is not null
  )`;
}
