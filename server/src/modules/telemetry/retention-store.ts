import { identifier, sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";
import { readableBelow } from "../../platform/events.ts";

/** What is kept for a while only. */
export type RetainedKind = "samples" | "hours" | "days" | "rejects" | "events";

/** Rows one step deletes at most: well within the time limit of a statement, and no long lock. */
const stepRows = 5_000;

export async function databaseNowMs(db: Queryable): Promise<number> {
  const [row] = await db.query<{ ms: number }>(sql`select floor(date_part('epoch', now()) * 1000)::bigint as ms`);
  return row?.ms ?? 0;
}

/** Every organisation with what its own policy says. */
export async function selectPolicies(db: Queryable): Promise<{ organisationId: string; policy: Partial<Record<RetainedKind, number>> }[]> {
  return db.query(sql`
    select o.id as "organisationId", coalesce((select jsonb_object_agg(p.kind, p.days) from retention_policies p where p.organisation_id = o.id), '{}') as policy
    from organisations o order by o.id`);
}

/** Notes that all before an instant is retired. A mark never goes back: what was retired is gone. */
export async function raiseMark(db: Queryable, organisationId: string, kind: "samples" | "hours" | "days", before: Date): Promise<Date> {
  const [row] = await db.query<{ retired_before: Date }>(sql`
    insert into retention_marks as m (organisation_id, kind, retired_before) values (${organisationId}, ${kind}, ${before})
    on conflict (organisation_id, kind) do update set retired_before = greatest(m.retired_before, excluded.retired_before)
    returning m.retired_before`);
  return row?.retired_before ?? before;
}

const tables = { samples: ["chunks", "hour_at"], hours: ["telemetry_hours", "hour_at"], days: ["telemetry_days", "day_at"] } as const;

/** Deletes some of what lies before the mark; answers how many rows. */
export async function deleteRetired(
  db: Queryable,
  organisationId: string,
  kind: "samples" | "hours" | "days",
  before: Date,
): Promise<number> {
  const [name, column] = tables[kind];
  const table = identifier(name);
  const at = identifier(column);
  // Series by series, because that is how the index is ordered; each gives a few rows a step.
  return count(
    db,
    sql`
    delete from ${table} t
    where t.ctid = any(array(
      select old.ctid
      from series s
      cross join lateral (
        select x.ctid from ${table} x where x.device_key = s.device_key and x.series_key = s.key and x.${at} < ${before} order by x.${at} limit 200
      ) old
      where s.organisation_id = ${organisationId}
      limit ${stepRows}))
    returning 1`,
  );
}

/** @param organisationId - `null`: of nobody known. */
export async function deleteRejects(db: Queryable, organisationId: string | null, before: Date): Promise<number> {
  return count(
    db,
    sql`
    delete from ingest_rejects r
    where r.ctid = any(array(
      select x.ctid from ingest_rejects x
      where x.organisation_id is not distinct from ${organisationId}::uuid and x.last_at < ${before} limit ${stepRows}))
    returning 1`,
  );
}

/** Facts and device events; never a fact that a handler has not read yet. */
export async function deleteEvents(db: Queryable, organisationId: string, before: Date): Promise<number> {
  const readable = await readableBelow(db);
  const facts = await count(
    db,
    sql`
    delete from events e
    where e.ctid = any(array(
      select x.ctid from events x
      where x.organisation_id = ${organisationId} and x.at < ${before}
        and x.xact_id < coalesce((select min(c.xact_id::text::bigint)::text::xid8 from event_cursors c), ${readable}::xid8)
      limit ${stepRows}))
    returning 1`,
  );
  const told = await count(
    db,
    sql`
    delete from device_events e
    where e.ctid = any(array(
      select x.ctid from device_events x where x.organisation_id = ${organisationId} and x.received_at < ${before} limit ${stepRows}))
    returning 1`,
  );
  return facts + told;
}

/** Deletes some of what is left of devices that were removed. */
export async function deleteOfRemovedDevices(db: Queryable): Promise<number> {
  let deleted = 0;
  for (const name of ["chunks", "telemetry_hours", "telemetry_days"]) {
    const table = identifier(name);
    // Hops from device to device in the index instead of reading all of it.
    deleted += await count(
      db,
      sql`
      with recursive known (device_key) as (
        (select x.device_key from ${table} x order by x.device_key limit 1)
        union all
        select (select x.device_key from ${table} x where x.device_key > k.device_key order by x.device_key limit 1) from known k where k.device_key is not null
      )
      delete from ${table} t
      where t.ctid = any(array(
        select old.ctid
        from known k
        cross join lateral (select x.ctid from ${table} x where x.device_key = k.device_key limit ${stepRows}) old
        where k.device_key is not null and not exists (select from devices d where d.key = k.device_key)
        limit ${stepRows}))
      returning 1`,
    );
  }
  return deleted;
}

async function count(db: Queryable, statement: Sql): Promise<number> {
  return (await db.query(statement)).length;
}
