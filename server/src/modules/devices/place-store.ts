import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

/** Which of these sites and groups an organisation has; those it has not are missing. They stay until the transaction ends. */
export async function lockParts(
  tx: Queryable,
  organisationId: string,
  parts: { siteIds: readonly string[]; groupIds: readonly string[] },
): Promise<ReadonlySet<string>> {
  const sites = await tx.query<{ id: string }>(sql`
    select s.id from sites s where s.organisation_id = ${organisationId} and s.id = any(${parts.siteIds}::uuid[]) for key share`);
  const groups = await tx.query<{ id: string }>(sql`
    select g.id from device_groups g where g.organisation_id = ${organisationId} and g.id = any(${parts.groupIds}::uuid[]) for key share`);
  return new Set([...sites, ...groups].map(({ id }) => id));
}

export async function joinGroups(tx: Transaction, organisationId: string, deviceId: string, groupIds: readonly string[]): Promise<void> {
  if (groupIds.length === 0) return;
  await tx.query(sql`
    insert into device_group_members (group_id, device_id, organisation_id)
    select g.id, ${deviceId}, ${organisationId} from unnest(${groupIds}::uuid[]) as g (id) on conflict do nothing`);
}

export async function leaveGroups(tx: Transaction, deviceId: string, groupIds: readonly string[]): Promise<void> {
  if (groupIds.length === 0) return;
  await tx.query(sql`delete from device_group_members where device_id = ${deviceId} and group_id = any(${groupIds}::uuid[])`);
}
