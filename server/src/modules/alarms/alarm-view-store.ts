import type { AlarmView } from "@roost/contract/alarms";
import type { AlarmViewId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";

/** Whose views. */
export interface ViewOwner {
  readonly organisationId: string;
  readonly personId: string;
}

export async function selectViews(db: Queryable, { organisationId, personId }: ViewOwner): Promise<AlarmView[]> {
  const rows = await db.query<{ id: string; name: string; search: string }>(sql`
    select v.id, v.name, v.search from alarm_views v
    where v.organisation_id = ${organisationId} and v.person_id::text = ${personId} order by lower(v.name), v.id`);
  return rows.map(({ id, ...rest }) => ({ id: id as AlarmViewId, ...rest }));
}

/** Adds a view, or replaces the one of the same name. */
export async function upsertView(
  tx: Transaction,
  { organisationId, personId }: ViewOwner,
  { name, search }: Omit<AlarmView, "id">,
): Promise<AlarmView> {
  const [row] = await tx.query<{ id: string }>(sql`
    insert into alarm_views (id, organisation_id, person_id, name, search)
    values (${newId()}, ${organisationId}, ${personId}, ${name}, ${search})
    on conflict (organisation_id, person_id, name) do update set search = excluded.search returning id`);
  return { id: (row?.id ?? "") as AlarmViewId, name, search };
}

/** @returns Whether it was there. */
export async function deleteView(db: Queryable, { organisationId, personId }: ViewOwner, viewId: string): Promise<boolean> {
  const rows = await db.query(sql`
    delete from alarm_views v where v.id = ${viewId} and v.organisation_id = ${organisationId} and v.person_id::text = ${personId}
    returning v.id`);
  return rows.length > 0;
}
