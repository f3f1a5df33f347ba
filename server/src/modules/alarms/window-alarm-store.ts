import { sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";
import type { WindowScope } from "@roost/contract/windows";

import type { Queryable } from "../../platform/db.ts";

function isAbout({ siteIds = [], groupIds = [], deviceIds = [], kinds }: WindowScope): Sql {
  const places =
    siteIds.length + groupIds.length + deviceIds.length === 0
      ? sql`true`
      : sql`exists (select from devices d where d.id = a.device_id and (d.id = any(${deviceIds}::text[]) or d.site_id = any(${siteIds}::uuid[])
          or exists (select from device_group_members m where m.device_id = d.id and m.group_id = any(${groupIds}::uuid[]))))`;
  return kinds === undefined ? places : sql`${places} and a.kind = any(${kinds}::text[])`;
}

/** Open alarms that a window mutes, and those it would mute by what it is about; without a scope only the former. */
export async function selectAlarmsOfWindow(
  db: Queryable,
  { organisationId, windowId, scope }: { organisationId: string; windowId: string; scope: WindowScope | undefined },
): Promise<string[]> {
  const rows = await db.query<{ id: string }>(sql`
    select a.id from alarms a where a.organisation_id = ${organisationId} and a.state <> 'cleared' and a.muted_by_id = ${windowId}
    ${
      scope === undefined
        ? sql``
        : sql`union
          select a.id from alarms a
          where a.organisation_id = ${organisationId} and a.state <> 'cleared' and a.muted_by is null and ${isAbout(scope)}`
    }`);
  return rows.map(({ id }) => id);
}

/** Open alarms of a device, and those that say something is silent behind it. */
export async function selectAlarmsAround(db: Queryable, deviceId: string, behind: readonly string[]): Promise<string[]> {
  const rows = await db.query<{ id: string }>(sql`
    select a.id from alarms a where a.device_id = ${deviceId} and a.state <> 'cleared'
    union
    select a.id from alarms a where a.device_id = any(${behind}::text[]) and a.state <> 'cleared' and a.kind in ('offline', 'no_data')`);
  return rows.map(({ id }) => id);
}

/** Open alarms that are muted by a window which is not on record as under way. */
export async function selectLeftMuted(db: Queryable, limit: number): Promise<{ id: string; organisationId: string }[]> {
  const rows = await db.query<{ id: string; organisation_id: string }>(sql`
    select a.id, a.organisation_id from alarms a
    where a.muted_by = 'window' and a.state <> 'cleared'
      and not exists (select from window_occurrences o where o.window_id = a.muted_by_id and o.ended_at is null)
    limit ${limit}`);
  return rows.map((row) => ({ id: row.id, organisationId: row.organisation_id }));
}
