import { sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";
import type { RetainedKind } from "./retention-store.ts";

/** What an organisation set of its own. */
export async function selectPolicy(db: Queryable, organisationId: string): Promise<Partial<Record<RetainedKind, number>>> {
  const rows = await db.query<{ kind: RetainedKind; days: number }>(sql`
    select p.kind, p.days from retention_policies p
    where p.organisation_id = ${organisationId} and p.kind in ('samples', 'hours', 'days', 'rejects', 'events')`);
  return Object.fromEntries(rows.map(({ kind, days }) => [kind, days]));
}

export async function upsertDays(tx: Queryable, organisationId: string, kind: RetainedKind, days: number): Promise<void> {
  await tx.query(sql`
    insert into retention_policies (organisation_id, kind, days) values (${organisationId}, ${kind}, ${days})
    on conflict (organisation_id, kind) do update set days = excluded.days`);
}

/** From here on the default holds. */
export async function deleteDays(tx: Queryable, organisationId: string, kind: RetainedKind): Promise<void> {
  await tx.query(sql`delete from retention_policies where organisation_id = ${organisationId} and kind = ${kind}`);
}

/** Until when each kind was retired already. */
export async function selectMarks(db: Queryable, organisationId: string): Promise<Partial<Record<RetainedKind, Date>>> {
  const rows = await db.query<{ kind: RetainedKind; before: Date }>(sql`
    select m.kind, m.retired_before as before from retention_marks m where m.organisation_id = ${organisationId}`);
  return Object.fromEntries(rows.map(({ kind, before }) => [kind, before]));
}

/** The oldest of a kind from an instant on. */
export async function selectOldest(db: Queryable, organisationId: string, kind: RetainedKind, from: Date): Promise<Date | undefined> {
  const [row] = await db.query<{ at: Date | null }>(oldestOf[kind](organisationId, from));
  return row?.at ?? undefined;
}

// Series by series, because that is how the index is ordered: one step in it each.
const oldestOf: Readonly<Record<RetainedKind, (organisationId: string, from: Date) => Sql>> = {
  samples: (organisationId, from) => sql`
    select min(o.at) as at from series s cross join lateral (
      select c.hour_at as at from chunks c
      where c.device_key = s.device_key and c.series_key = s.key and c.hour_at >= ${from} order by c.hour_at limit 1
    ) o where s.organisation_id = ${organisationId}`,
  hours: (organisationId, from) => sql`
    select min(o.at) as at from series s cross join lateral (
      select h.hour_at as at from telemetry_hours h
      where h.device_key = s.device_key and h.series_key = s.key and h.hour_at >= ${from} order by h.hour_at limit 1
    ) o where s.organisation_id = ${organisationId}`,
  days: (organisationId, from) => sql`
    select min(o.at) as at from series s cross join lateral (
      select d.day_at as at from telemetry_days d
      where d.device_key = s.device_key and d.series_key = s.key and d.day_at >= ${from} order by d.day_at limit 1
    ) o where s.organisation_id = ${organisationId}`,
  rejects: (organisationId, from) =>
    sql`select min(r.last_at) as at from ingest_rejects r where r.organisation_id = ${organisationId} and r.last_at >= ${from}`,
  events: (organisationId, from) => sql`
    select least(
      (select min(e.at) from events e where e.organisation_id = ${organisationId} and e.at >= ${from}),
      (select min(d.received_at) from device_events d where d.organisation_id = ${organisationId} and d.received_at >= ${from})
    ) as at`,
};

/** A stretch of time: `from` belongs to it, `before` does not. */
export interface Stretch {
  readonly from: Date;
  readonly before: Date;
}

/**
 * How much of a kind lies in a stretch of whole days.
 *
 * @param mostRows - Rows that are looked at; where there are more, `isMore`.
 */
export async function countWithin(
  db: Queryable,
  organisationId: string,
  kind: RetainedKind,
  stretch: Stretch,
  mostRows: number,
): Promise<{ count: number; isMore: boolean }> {
  const [row] = await db.query<{ count: number; rows: number }>(sql`
    select coalesce(sum(x.n), 0)::bigint as count, count(*) as rows from (${countedOf[kind](organisationId, stretch)} limit ${mostRows + 1}) x`);
  return { count: row?.count ?? 0, isMore: (row?.rows ?? 0) > mostRows };
}

const countedOf: Readonly<Record<RetainedKind, (organisationId: string, stretch: Stretch) => Sql>> = {
  // A day's statistics know how many values it has, and they are kept for as long at least.
  samples: (organisationId, { from, before }) => sql`
    select d.n from series s join telemetry_days d on d.device_key = s.device_key and d.series_key = s.key
    where s.organisation_id = ${organisationId} and d.day_at >= ${from} and d.day_at < ${before}`,
  hours: (organisationId, { from, before }) => sql`
    select 1 as n from series s join telemetry_hours h on h.device_key = s.device_key and h.series_key = s.key
    where s.organisation_id = ${organisationId} and h.hour_at >= ${from} and h.hour_at < ${before}`,
  days: (organisationId, { from, before }) => sql`
    select 1 as n from series s join telemetry_days d on d.device_key = s.device_key and d.series_key = s.key
    where s.organisation_id = ${organisationId} and d.day_at >= ${from} and d.day_at < ${before}`,
  rejects: (organisationId, { from, before }) =>
    sql`select 1 as n from ingest_rejects r where r.organisation_id = ${organisationId} and r.last_at >= ${from} and r.last_at < ${before}`,
  events: (organisationId, { from, before }) => sql`
    (select 1 as n from events e where e.organisation_id = ${organisationId} and e.at >= ${from} and e.at < ${before}
    union all
    select 1 from device_events d where d.organisation_id = ${organisationId} and d.received_at >= ${from} and d.received_at < ${before})`,
};
