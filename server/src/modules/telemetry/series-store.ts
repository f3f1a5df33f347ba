import { sql } from "@roost/contract/sql";
import type { Unit } from "@roost/contract/units";

import type { Queryable } from "../../platform/db.ts";
import type { SeriesEntry, WantedSeries } from "./series.ts";

interface SeriesRow {
  key: number;
  device_key: number;
  organisation_id: string;
  metric: string;
  kind: "number" | "boolean";
  unit: Unit;
  min: number | null;
  max: number | null;
  created_at: Date;
}

function fromRow(row: SeriesRow): SeriesEntry {
  return {
    key: row.key,
    deviceKey: row.device_key,
    organisationId: row.organisation_id,
    metric: row.metric,
    kind: row.kind,
    unit: row.unit,
    min: row.min ?? undefined,
    max: row.max ?? undefined,
    createdAtMs: row.created_at.getTime(),
  };
}

const columns = sql`s.key, s.device_key, s.organisation_id, s.metric, s.kind, s.unit, s.min, s.max, s.created_at`;

/** The series of devices, by device and name. */
export async function selectSeries(db: Queryable, deviceKeys: readonly number[]): Promise<SeriesEntry[]> {
  const rows = await db.query<SeriesRow>(
    sql`select ${columns} from series s where s.device_key = any(${deviceKeys}::integer[]) order by s.device_key, s.metric`,
  );
  return rows.map(fromRow);
}

/** Adds the series that are missing and answers their metrics; those that exist stay as they are. */
export async function insertSeries(
  db: Queryable,
  deviceKey: number,
  organisationId: string,
  wanted: readonly WantedSeries[],
): Promise<string[]> {
  const added = await db.query<{ metric: string }>(sql`
    insert into series (device_key, organisation_id, metric, kind, unit, min, max)
    select ${deviceKey}, coalesce((select d.organisation_id from devices d where d.key = ${deviceKey}), ${organisationId}), w.metric, w.kind, w.unit, w.min, w.max
    from unnest(${wanted.map((one) => one.metric)}::text[], ${wanted.map((one) => one.kind)}::text[], ${wanted.map((one) => one.unit ?? "1")}::text[],
      ${wanted.map((one) => one.min ?? null)}::double precision[], ${wanted.map((one) => one.max ?? null)}::double precision[]) as w (metric, kind, unit, min, max)
    on conflict (device_key, metric) do nothing returning metric`);
  return added.map(({ metric }) => metric);
}

/** Sets what is given: absent stays, null removes. */
export async function updateSeries(
  db: Queryable,
  deviceKey: number,
  metric: string,
  change: { unit?: Unit | undefined; min?: number | null | undefined; max?: number | null | undefined },
): Promise<SeriesEntry | undefined> {
  const rows = await db.query<SeriesRow>(sql`
    update series s set
      unit = coalesce(${change.unit ?? null}, s.unit),
      min = case when ${change.min !== undefined} then ${change.min ?? null}::double precision else s.min end,
      max = case when ${change.max !== undefined} then ${change.max ?? null}::double precision else s.max end
    where s.device_key = ${deviceKey} and s.metric = ${metric}
    returning ${columns}`);
  return rows[0] === undefined ? undefined : fromRow(rows[0]);
}
