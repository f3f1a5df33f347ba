import type { KitQueryable } from "@roost/contract/kit-host";
import { sql } from "@roost/contract/sql";

import type { PlantId } from "../contract/plants.ts";

/** A time during which a node stood at a plant. */
export interface AssignmentRow {
  readonly id: string;
  readonly organisationId: string;
  readonly plantId: PlantId;
  readonly plantName: string;
  readonly isRemoved: boolean;
  readonly deviceId: string;
  readonly deviceName: string;
  readonly from: Date;
  readonly to: Date | undefined;
  readonly by: string;
  readonly endedBy: string | undefined;
}

interface StoredAssignment {
  id: string;
  organisation_id: string;
  plant_id: PlantId;
  plant_name: string;
  is_removed: boolean;
  device_id: string;
  device_name: string;
  assigned_at: Date;
  assigned_by: string;
  ended_at: Date | null;
  ended_by: string | null;
}

const columns = sql`a.id, a.organisation_id, a.plant_id, p.name as plant_name, p.removed_at is not null as is_removed, a.device_id, a.device_name,
  a.assigned_at, a.assigned_by, a.ended_at, a.ended_by`;

function fromStored(row: StoredAssignment): AssignmentRow {
  return {
    id: row.id,
    organisationId: row.organisation_id,
    plantId: row.plant_id,
    plantName: row.plant_name,
    isRemoved: row.is_removed,
    deviceId: row.device_id,
    deviceName: row.device_name,
    from: row.assigned_at,
    to: row.ended_at ?? undefined,
    by: row.assigned_by,
    endedBy: row.ended_by ?? undefined,
  };
}

/** Those of today of an organisation, or of one of its plants or devices. */
export async function selectOpen(
  db: KitQueryable,
  organisationId: string,
  { plantId, deviceId }: { plantId?: string; deviceId?: string } = {},
): Promise<AssignmentRow[]> {
  const rows = await db.query<StoredAssignment>(sql`
    select ${columns} from kit_garden.assignments a join kit_garden.plants p on p.id = a.plant_id
    where a.organisation_id = ${organisationId} and a.ended_at is null
      and (${plantId ?? null}::uuid is null or a.plant_id = ${plantId ?? null})
      and (${deviceId ?? null}::text is null or a.device_id = ${deviceId ?? null})
    order by a.assigned_at, a.id`);
  return rows.map(fromStored);
}

/** All of a plant or a device, the newest first. */
export async function selectAll(
  db: KitQueryable,
  organisationId: string,
  { plantId, deviceId }: { plantId?: string; deviceId?: string },
): Promise<AssignmentRow[]> {
  const rows = await db.query<StoredAssignment>(sql`
    select ${columns} from kit_garden.assignments a join kit_garden.plants p on p.id = a.plant_id
    where a.organisation_id = ${organisationId}
      and (${plantId ?? null}::uuid is null or a.plant_id = ${plantId ?? null})
      and (${deviceId ?? null}::text is null or a.device_id = ${deviceId ?? null})
    order by a.assigned_at desc, a.id desc`);
  return rows.map(fromStored);
}

/** Other organisations that have a node down as standing at one of their plants: it was theirs once. */
export async function selectElsewhere(db: KitQueryable, organisationId: string, deviceId: string): Promise<string[]> {
  const rows = await db.query<{ organisation_id: string }>(sql`
    select a.organisation_id from kit_garden.assignments a
    where a.device_id = ${deviceId} and a.ended_at is null and a.organisation_id <> ${organisationId}`);
  return rows.map((row) => row.organisation_id);
}

/** Until the end of the transaction nobody else moves this node. */
export async function lockNode(db: KitQueryable, deviceId: string): Promise<void> {
  await db.query(sql`select pg_advisory_xact_lock(hashtextextended(${`kit_garden.node ${deviceId}`}, 0))`);
}

export interface NewAssignment {
  readonly id: string;
  readonly organisationId: string;
  readonly plantId: string;
  readonly deviceId: string;
  readonly deviceName: string;
  readonly from: Date;
  readonly by: string;
}

export async function insertAssignment(db: KitQueryable, row: NewAssignment): Promise<void> {
  await db.query(sql`
    insert into kit_garden.assignments (id, organisation_id, plant_id, device_id, device_name, assigned_at, assigned_by)
    values (${row.id}, ${row.organisationId}, ${row.plantId}, ${row.deviceId}, ${row.deviceName}, ${row.from}, ${row.by})`);
}

export async function endAssignment(db: KitQueryable, id: string, at: Date, by: string): Promise<void> {
  await db.query(
    sql`update kit_garden.assignments set ended_at = greatest(${at}, assigned_at), ended_by = ${by} where id = ${id} and ended_at is null`,
  );
}

export async function beginEarlier(db: KitQueryable, id: string, from: Date): Promise<void> {
  await db.query(sql`update kit_garden.assignments set assigned_at = ${from} where id = ${id}`);
}

/** When a node last left a plant, other than by this row; `undefined` where it never did. */
export async function lastLeft(db: KitQueryable, deviceId: string, exceptId: string | undefined): Promise<Date | undefined> {
  const rows = await db.query<{ at: Date | null }>(sql`
    select max(a.ended_at) as at from kit_garden.assignments a
    where a.device_id = ${deviceId} and a.id is distinct from ${exceptId ?? null}::uuid`);
  return rows[0]?.at ?? undefined;
}
