import type { KitQueryable } from "@roost/contract/kit-host";
import { sql } from "@roost/contract/sql";

import type { PhotoId, PlantPhoto } from "../contract/plants.ts";

/** A photo as it is stored, with where its bytes are. */
export interface PhotoRow extends PlantPhoto {
  readonly plantId: string;
  readonly blobId: string;
}

interface StoredPhoto {
  id: PhotoId;
  plant_id: string;
  blob_id: string;
  media_type: PlantPhoto["mediaType"];
  size_bytes: number;
  added_at: Date;
  added_by: string;
}

const columns = sql`f.id, f.plant_id, f.blob_id, f.media_type, f.size_bytes, f.added_at, f.added_by`;

function fromStored(row: StoredPhoto): PhotoRow {
  return {
    id: row.id,
    plantId: row.plant_id,
    blobId: row.blob_id,
    mediaType: row.media_type,
    sizeBytes: row.size_bytes,
    addedAt: row.added_at,
    addedBy: row.added_by,
  };
}

/** Ids of photos by plant, the newest first. */
export async function selectPhotoIds(db: KitQueryable, plantIds: readonly string[]): Promise<Map<string, PhotoId[]>> {
  if (plantIds.length === 0) return new Map();
  const rows = await db.query<{ plant_id: string; ids: PhotoId[] }>(sql`
    select f.plant_id, array_agg(f.id order by f.added_at desc, f.id desc) as ids from kit_garden.photos f
    where f.plant_id = any(${plantIds}::uuid[]) group by f.plant_id`);
  return new Map(rows.map((row) => [row.plant_id, row.ids]));
}

/** The newest first. */
export async function selectPhotos(db: KitQueryable, plantId: string): Promise<PhotoRow[]> {
  const rows = await db.query<StoredPhoto>(
    sql`select ${columns} from kit_garden.photos f where f.plant_id = ${plantId} order by f.added_at desc, f.id desc`,
  );
  return rows.map(fromStored);
}

export async function findPhoto(db: KitQueryable, plantId: string, id: string): Promise<PhotoRow | undefined> {
  const rows = await db.query<StoredPhoto>(sql`select ${columns} from kit_garden.photos f where f.plant_id = ${plantId} and f.id = ${id}`);
  return rows[0] === undefined ? undefined : fromStored(rows[0]);
}

export async function insertPhoto(
  db: KitQueryable,
  organisationId: string,
  { id, plantId, blobId, mediaType, sizeBytes, addedAt, addedBy }: PhotoRow,
): Promise<void> {
  await db.query(sql`
    insert into kit_garden.photos (id, organisation_id, plant_id, blob_id, media_type, size_bytes, added_at, added_by)
    values (${id}, ${organisationId}, ${plantId}, ${blobId}, ${mediaType}, ${sizeBytes}, ${addedAt}, ${addedBy})`);
}

export async function deletePhoto(db: KitQueryable, id: string): Promise<void> {
  await db.query(sql`update kit_garden.plants set cover_photo_id = null where cover_photo_id = ${id}`);
  await db.query(sql`delete from kit_garden.photos where id = ${id}`);
}

/** @returns Where the bytes are that nobody needs any more. */
export async function deletePhotosOf(db: KitQueryable, plantId: string): Promise<string[]> {
  const rows = await db.query<{ blob_id: string }>(sql`delete from kit_garden.photos where plant_id = ${plantId} returning blob_id`);
  return rows.map((row) => row.blob_id);
}
