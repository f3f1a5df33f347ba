import type { KitQueryable } from "@roost/contract/kit-host";
import { sql } from "@roost/contract/sql";
import type { Points } from "@roost/contract/telemetry";
import type { Unit } from "@roost/contract/units";

export interface KeptHours {
  readonly deviceId: string;
  readonly metric: string;
  readonly unit: Unit;
  readonly at: readonly number[];
  readonly min: readonly number[];
  readonly max: readonly number[];
  readonly avg: readonly number[];
  readonly n: readonly number[];
}

/** Keeps what a node measured at a plant by the hour; what is kept already stays. */
export async function insertKeptHours(
  db: KitQueryable,
  { organisationId, plantId, deviceId }: { organisationId: string; plantId: string; deviceId: string },
  { metric, unit, at, min, max, avg, n }: Points,
): Promise<void> {
  await db.query(sql`
    insert into kit_garden.kept_hours (organisation_id, plant_id, device_id, metric, unit, at, min, max, avg, n)
    select ${organisationId}, ${plantId}, ${deviceId}, ${metric}, ${unit}, to_timestamp(h.at / 1000.0), h.min, h.max, h.avg, h.n
    from unnest(${at}::double precision[], ${min}::double precision[], ${max}::double precision[], ${avg}::double precision[], ${n}::integer[])
      as h (at, min, max, avg, n)
    on conflict do nothing`);
}

/** The hours of a metric of a plant that are kept of nodes which are not there any more, oldest first. */
export async function selectKeptHours(
  db: KitQueryable,
  plantId: string,
  { metric, from, to }: { metric: string; from: Date; to: Date },
): Promise<KeptHours[]> {
  const rows = await db.query<{
    device_id: string;
    unit: Unit;
    at: number[];
    min: number[];
    max: number[];
    avg: number[];
    n: number[];
  }>(sql`
    select k.device_id, k.unit, array_agg((extract(epoch from k.at) * 1000)::double precision order by k.at) as at,
      array_agg(k.min order by k.at) as min, array_agg(k.max order by k.at) as max, array_agg(k.avg order by k.at) as avg,
      array_agg(k.n order by k.at) as n
    from kit_garden.kept_hours k
    where k.plant_id = ${plantId} and k.metric = ${metric} and k.at >= ${from} and k.at < ${to}
    group by k.device_id, k.unit`);
  return rows.map((row) => ({
    deviceId: row.device_id,
    metric,
    unit: row.unit,
    at: row.at,
    min: row.min,
    max: row.max,
    avg: row.avg,
    n: row.n,
  }));
}
