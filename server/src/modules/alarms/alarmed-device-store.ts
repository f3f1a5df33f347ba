import { prepared, sql } from "@roost/contract/sql";
import type { Unit } from "@roost/contract/units";

import type { Transaction } from "../../platform/db.ts";
import type { AlarmedDevice } from "./kept.ts";

/** A way longer than this is none: it would go in a circle. */
const longestWay = 16;

/** What alarms tell of devices, by id; the platform's own and those that are gone are absent, and so is who has moved to somebody else. */
export async function selectAlarmedDevices(
  tx: Transaction,
  wanted: readonly { readonly deviceId: string; readonly organisationId: string }[],
): Promise<Map<string, AlarmedDevice>> {
  const ids = wanted.map(({ deviceId }) => deviceId);
  const rows = await tx.query<{
    id: string;
    name: string;
    purpose: string | null;
    last_seen_at: Date | null;
    site_id: string | null;
    site_name: string | null;
    units: Record<string, Unit> | null;
    ancestors: string[];
  }>(
    prepared(
      "alarmed_devices",
      sql`
    select d.id, d.name, d.purpose, d.last_seen_at, d.site_id, p.name as site_name,
      (select jsonb_object_agg(s.metric, s.unit) from series s where s.device_key = d.key and s.unit is not null) as units,
      case when d.parent_id is null then '{}' else (
        with recursive way as (
          select d.parent_id as id, 1 as step
          union all
          select u.parent_id, w.step + 1 from way w join devices u on u.id = w.id where u.parent_id is not null and w.step < ${longestWay}
        ) select array_agg(w.id order by w.step) from way w) end as ancestors
    from unnest(${ids}::text[], ${wanted.map(({ organisationId }) => organisationId)}::uuid[]) as n (id, organisation_id)
    join devices d on d.id = n.id and d.organisation_id = n.organisation_id and not d.hidden
    left join sites p on p.id = d.site_id`,
    ),
  );
  return new Map(
    rows.map((row) => [
      row.id,
      {
        name: row.name,
        purpose: row.purpose ?? undefined,
        lastSeenAt: row.last_seen_at ?? undefined,
        siteId: row.site_id ?? undefined,
        siteName: row.site_name ?? undefined,
        units: new Map(Object.entries(row.units ?? {})),
        ancestors: row.ancestors,
      },
    ]),
  );
}

/** Everything that is reached through these devices. */
export async function selectDescendants(tx: Transaction, deviceIds: readonly string[]): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(sql`
    with recursive below as (
      select d.id, 1 as step from devices d where d.parent_id = any(${deviceIds})
      union all
      select d.id, b.step + 1 from below b join devices d on d.parent_id = b.id where b.step < ${longestWay}
    ) select distinct b.id from below b`);
  return rows.map(({ id }) => id);
}
