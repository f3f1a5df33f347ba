import type { KitQueryable } from "@roost/contract/kit-host";
import { sql } from "@roost/contract/sql";

import type { PlantLimits } from "../contract/limits.ts";
import type { PhotoId, PlantId } from "../contract/plants.ts";

/** A plant as it is stored. */
export interface PlantRow {
  readonly id: PlantId;
  readonly organisationId: string;
  readonly name: string;
  readonly species: string | undefined;
  readonly presetId: string | undefined;
  readonly place: string | undefined;
  readonly siteId: string | undefined;
  readonly notes: string | undefined;
  readonly limits: PlantLimits;
  readonly position: { readonly x: number; readonly y: number } | undefined;
  readonly coverPhotoId: PhotoId | undefined;
  readonly createdAt: Date;
  readonly changedAt: Date;
  readonly isRemoved: boolean;
}

/** What people set of a plant. */
export type PlantFields = Pick<
  PlantRow,
  "name" | "species" | "presetId" | "place" | "siteId" | "notes" | "limits" | "position" | "coverPhotoId"
>;

interface StoredPlant {
  id: PlantId;
  organisation_id: string;
  name: string;
  species: string | null;
  preset_id: string | null;
  place: string | null;
  site_id: string | null;
  notes: string | null;
  limits: PlantLimits;
  x: number | null;
  y: number | null;
  cover_photo_id: PhotoId | null;
  created_at: Date;
  changed_at: Date;
  removed_at: Date | null;
}

const columns = sql`p.id, p.organisation_id, p.name, p.species, p.preset_id, p.place, p.site_id, p.notes, p.limits, p.x, p.y, p.cover_photo_id,
  p.created_at, p.changed_at, p.removed_at`;

function fromStored(row: StoredPlant): PlantRow {
  return {
    id: row.id,
    organisationId: row.organisation_id,
    name: row.name,
    species: row.species ?? undefined,
    presetId: row.preset_id ?? undefined,
    place: row.place ?? undefined,
    siteId: row.site_id ?? undefined,
    notes: row.notes ?? undefined,
    limits: row.limits,
    position: row.x === null || row.y === null ? undefined : { x: row.x, y: row.y },
    coverPhotoId: row.cover_photo_id ?? undefined,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    isRemoved: row.removed_at !== null,
  };
}

export interface PlantQuestion {
  readonly organisationId: string;
  /** Part of the name, species or place; in whatever case. */
  readonly q?: string | undefined;
  readonly siteId?: string | undefined;
}

/** Plants by name, case aside; removed ones are not among them. */
export async function selectPlants(db: KitQueryable, { organisationId, q, siteId }: PlantQuestion): Promise<PlantRow[]> {
  const part = q === undefined || q.trim() === "" ? null : q.trim().toLowerCase();
  const rows = await db.query<StoredPlant>(sql`
    select ${columns} from kit_garden.plants p
    where p.organisation_id = ${organisationId} and p.removed_at is null
      and (${part}::text is null or position(${part} in lower(p.name)) > 0 or position(${part} in lower(p.species)) > 0
        or position(${part} in lower(p.place)) > 0)
      and (${siteId ?? null}::uuid is null or p.site_id = ${siteId ?? null})
    order by lower(p.name), p.id`);
  return rows.map(fromStored);
}

/** One plant; removed ones only where they are asked for too. */
export async function findPlant(
  db: KitQueryable,
  organisationId: string,
  id: string,
  { removedToo = false }: { removedToo?: boolean } = {},
): Promise<PlantRow | undefined> {
  const rows = await db.query<StoredPlant>(sql`
    select ${columns} from kit_garden.plants p
    where p.organisation_id = ${organisationId} and p.id = ${id} and (${removedToo} or p.removed_at is null)`);
  return rows[0] === undefined ? undefined : fromStored(rows[0]);
}

/** The same, locked: changes of one plant wait for each other. */
export async function lockPlant(db: KitQueryable, organisationId: string, id: string): Promise<PlantRow | undefined> {
  const rows = await db.query<StoredPlant>(sql`
    select ${columns} from kit_garden.plants p
    where p.organisation_id = ${organisationId} and p.id = ${id} and p.removed_at is null for update`);
  return rows[0] === undefined ? undefined : fromStored(rows[0]);
}

/** Nodes that stand at a plant, also those that the caller does not see. */
export async function countNodes(db: KitQueryable, plantId: string): Promise<number> {
  const [row] = await db.query<{ n: number }>(sql`select kit_garden.count_nodes(${plantId}) as n`);
  return row?.n ?? 0;
}

export async function countPlants(db: KitQueryable, organisationId: string): Promise<number> {
  const rows = await db.query<{ n: number }>(
    sql`select count(*)::int as n from kit_garden.plants p where p.organisation_id = ${organisationId} and p.removed_at is null`,
  );
  return rows[0]?.n ?? 0;
}

export async function insertPlant(db: KitQueryable, organisationId: string, id: string, fields: PlantFields): Promise<PlantRow> {
  const rows = await db.query<StoredPlant>(sql`
    insert into kit_garden.plants as p (id, organisation_id, name, species, preset_id, place, site_id, notes, limits, x, y)
    values (${id}, ${organisationId}, ${fields.name}, ${fields.species ?? null}, ${fields.presetId ?? null}, ${fields.place ?? null},
      ${fields.siteId ?? null}, ${fields.notes ?? null}, ${JSON.stringify(fields.limits)}, ${fields.position?.x ?? null}, ${fields.position?.y ?? null})
    returning ${columns}`);
  return fromStored(rows[0] as StoredPlant);
}

/** Sets all fields: what is `undefined` is cleared. */
export async function updatePlant(db: KitQueryable, id: string, fields: PlantFields): Promise<PlantRow> {
  const rows = await db.query<StoredPlant>(sql`
    update kit_garden.plants as p set name = ${fields.name}, species = ${fields.species ?? null}, preset_id = ${fields.presetId ?? null},
      place = ${fields.place ?? null}, site_id = ${fields.siteId ?? null}, notes = ${fields.notes ?? null},
      limits = ${JSON.stringify(fields.limits)}, x = ${fields.position?.x ?? null}, y = ${fields.position?.y ?? null},
      cover_photo_id = ${fields.coverPhotoId ?? null}, changed_at = now()
    where p.id = ${id}
    returning ${columns}`);
  return fromStored(rows[0] as StoredPlant);
}

/** Takes a plant out of use; what people wrote about it goes. */
export async function retirePlant(db: KitQueryable, id: string): Promise<void> {
  await db.query(sql`
    update kit_garden.plants set removed_at = now(), changed_at = now(), species = null, preset_id = null, place = null, notes = null,
      limits = '{}', x = null, y = null, cover_photo_id = null
    where id = ${id}`);
}

/** Whether there is such a site in the caller's organisation. */
export async function existsSite(db: KitQueryable, organisationId: string, siteId: string): Promise<boolean> {
  const rows = await db.query(sql`select from sites s where s.id = ${siteId} and s.organisation_id = ${organisationId}`);
  return rows.length > 0;
}

/** All plants that ever were, removed ones too. */
export async function selectPlantIds(db: KitQueryable, organisationId: string): Promise<PlantId[]> {
  const rows = await db.query<{ id: PlantId }>(
    sql`select p.id from kit_garden.plants p where p.organisation_id = ${organisationId} order by p.id`,
  );
  return rows.map(({ id }) => id);
}
