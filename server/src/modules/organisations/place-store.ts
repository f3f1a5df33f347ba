import type { DeviceGroupId, SiteId } from "@roost/contract/ids";
import type { DeviceGroup, Site } from "@roost/contract/organisations";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";

interface SiteRow {
  id: string;
  name: string;
  time_zone: string | null;
  created_at: Date;
  devices: number;
}

type GroupRow = Omit<SiteRow, "time_zone">;

/** Where a list goes on. */
export interface After {
  readonly name: string;
  readonly id: string;
}

/** What a list leaves out: all but those of its own, and those where a device stands that is to be seen. Absent: nothing. */
export type Own = readonly string[] | undefined;

const siteOf = (row: SiteRow): Site => ({
  id: row.id as SiteId,
  name: row.name,
  ...(row.time_zone === null ? {} : { timeZone: row.time_zone }),
  createdAt: row.created_at,
  devices: row.devices,
});
const groupOf = (row: GroupRow): DeviceGroup => ({
  id: row.id as DeviceGroupId,
  name: row.name,
  createdAt: row.created_at,
  devices: row.devices,
});

// Devices are counted under the caller's scope, which row-level security holds.
const siteColumns = sql`s.id, s.name, s.time_zone, s.created_at,
  (select count(*)::int from devices d where d.site_id = s.id and not d.hidden) as devices`;
const groupColumns = sql`g.id, g.name, g.created_at,
  (select count(*)::int from device_group_members m join devices d on d.id = m.device_id where m.group_id = g.id and not d.hidden) as devices`;

/** Sites by name; one more than `limit` where there are more. */
export async function listSites(
  db: Queryable,
  organisationId: string,
  { own, after, limit }: { own: Own; after: After | undefined; limit: number },
): Promise<Site[]> {
  const rows = await db.query<SiteRow>(sql`
    select x.* from (select ${siteColumns} from sites s where s.organisation_id = ${organisationId}) x
    where (${own === undefined} or x.devices > 0 or x.id = any(${own ?? []}::uuid[]))
      ${after === undefined ? sql`` : sql`and (lower(x.name), x.id) > (lower(${after.name}::text), ${after.id}::uuid)`}
    order by lower(x.name), x.id limit ${limit + 1}`);
  return rows.map(siteOf);
}

export async function findSite(db: Queryable, organisationId: string, id: string): Promise<Site | undefined> {
  const [row] = await db.query<SiteRow>(
    sql`select ${siteColumns} from sites s where s.organisation_id = ${organisationId} and s.id = ${id}`,
  );
  return row === undefined ? undefined : siteOf(row);
}

/** `undefined` where the name is taken. */
export async function insertSite(
  tx: Transaction,
  organisationId: string,
  given: { name: string; timeZone?: string | undefined },
): Promise<Site | undefined> {
  const [row] = await tx.query<SiteRow>(sql`
    insert into sites as s (id, organisation_id, name, time_zone) values (${newId()}, ${organisationId}, ${given.name}, ${given.timeZone ?? null})
    on conflict (organisation_id, lower(name)) do nothing returning s.id, s.name, s.time_zone, s.created_at, 0 as devices`);
  return row === undefined ? undefined : siteOf(row);
}

/** False where another one has the name. */
export async function updateSite(
  tx: Transaction,
  organisationId: string,
  id: string,
  to: { name: string; timeZone: string | undefined },
): Promise<boolean> {
  const rows = await tx.query(sql`
    update sites s set name = ${to.name}, time_zone = ${to.timeZone ?? null} where s.id = ${id} and s.organisation_id = ${organisationId}
      and not exists (select from sites o where o.organisation_id = ${organisationId} and o.id <> ${id} and lower(o.name) = lower(${to.name}))
    returning s.id`);
  return rows.length > 0;
}

/** Takes a site away, and out of what people were given: who had nothing else sees nothing. */
export async function deleteSite(tx: Transaction, organisationId: string, id: string): Promise<void> {
  for (const table of [sql`memberships`, sql`invitations`]) {
    await tx.query(sql`
      update ${table} set site_ids = array_remove(site_ids, ${id}::uuid), denied_site_ids = array_remove(denied_site_ids, ${id}::uuid)
      where organisation_id = ${organisationId} and (${id}::uuid = any(site_ids) or ${id}::uuid = any(denied_site_ids))`);
  }
  await tx.query(sql`delete from sites where id = ${id} and organisation_id = ${organisationId}`);
}

/** Device groups by name; one more than `limit` where there are more. */
export async function listGroups(
  db: Queryable,
  organisationId: string,
  { own, after, limit }: { own: Own; after: After | undefined; limit: number },
): Promise<DeviceGroup[]> {
  const rows = await db.query<GroupRow>(sql`
    select x.* from (select ${groupColumns} from device_groups g where g.organisation_id = ${organisationId}) x
    where (${own === undefined} or x.devices > 0 or x.id = any(${own ?? []}::uuid[]))
      ${after === undefined ? sql`` : sql`and (lower(x.name), x.id) > (lower(${after.name}::text), ${after.id}::uuid)`}
    order by lower(x.name), x.id limit ${limit + 1}`);
  return rows.map(groupOf);
}

export async function findGroup(db: Queryable, organisationId: string, id: string): Promise<DeviceGroup | undefined> {
  const [row] = await db.query<GroupRow>(
    sql`select ${groupColumns} from device_groups g where g.organisation_id = ${organisationId} and g.id = ${id}`,
  );
  return row === undefined ? undefined : groupOf(row);
}

/** `undefined` where the name is taken. */
export async function insertGroup(tx: Transaction, organisationId: string, name: string): Promise<DeviceGroup | undefined> {
  const [row] = await tx.query<GroupRow>(sql`
    insert into device_groups as g (id, organisation_id, name) values (${newId()}, ${organisationId}, ${name})
    on conflict (organisation_id, lower(name)) do nothing returning g.id, g.name, g.created_at, 0 as devices`);
  return row === undefined ? undefined : groupOf(row);
}

/** False where another one has the name. */
export async function updateGroup(tx: Transaction, organisationId: string, id: string, name: string): Promise<boolean> {
  const rows = await tx.query(sql`
    update device_groups g set name = ${name} where g.id = ${id} and g.organisation_id = ${organisationId}
      and not exists (select from device_groups o where o.organisation_id = ${organisationId} and o.id <> ${id} and lower(o.name) = lower(${name}))
    returning g.id`);
  return rows.length > 0;
}

/** The same as {@link deleteSite} for a group. */
export async function deleteGroup(tx: Transaction, organisationId: string, id: string): Promise<void> {
  for (const table of [sql`memberships`, sql`invitations`]) {
    await tx.query(sql`
      update ${table} set group_ids = array_remove(group_ids, ${id}::uuid), denied_group_ids = array_remove(denied_group_ids, ${id}::uuid)
      where organisation_id = ${organisationId} and (${id}::uuid = any(group_ids) or ${id}::uuid = any(denied_group_ids))`);
  }
  await tx.query(sql`delete from device_groups where id = ${id} and organisation_id = ${organisationId}`);
}

/** Which of these sites and groups the organisation has; those it has not are missing. */
export async function listKnownParts(
  db: Queryable,
  organisationId: string,
  parts: { siteIds: readonly string[]; groupIds: readonly string[] },
): Promise<ReadonlySet<string>> {
  const rows = await db.query<{ id: string }>(sql`
    select s.id from sites s where s.organisation_id = ${organisationId} and s.id = any(${parts.siteIds}::uuid[])
    union all
    select g.id from device_groups g where g.organisation_id = ${organisationId} and g.id = any(${parts.groupIds}::uuid[])`);
  return new Set(rows.map(({ id }) => id));
}
