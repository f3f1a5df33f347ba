import type { KitHost } from "@roost/contract/kit-host";
import type { Whose, Within } from "@roost/contract/tenancy";

import { gardenErrors, maxPhotoBytes } from "../contract/plants.ts";
import type { PhotoId, PlantPhoto } from "../contract/plants.ts";
import { cleanPhoto } from "./photo-bytes.ts";
import { deletePhoto, findPhoto, insertPhoto, selectPhotos } from "./photo-store.ts";
import { findPlant, lockPlant } from "./plant-store.ts";

const photosPerPlant = 50;

/** Photos of plants: their bytes are kept by the platform, without what a camera wrote into them of place and owner. */
export function createPhotos(host: Pick<KitHost, "db" | "blobs" | "audit" | "emit" | "newId" | "clock" | "log">) {
  const { db, blobs, audit, log } = host;

  /** Removes bytes that no photo needs any more. Never rejects: what stays behind costs space alone. */
  async function forget(organisationId: string, blobIds: readonly string[]): Promise<void> {
    for (const blobId of blobIds) {
      await blobs
        .remove(organisationId, blobId)
        .catch((error: unknown) => log.warn({ err: error, organisationId, blobId }, "the bytes of a photo could not be removed"));
    }
  }

  const emitChanged = (tx: Parameters<KitHost["emit"]>[0], { organisationId }: Within, plantId: string) =>
    host.emit(tx, { organisationId, type: "garden.plant_changed", nounId: plantId, data: { plantId } });

  return {
    forget,

    /**
     * Adds a photo.
     *
     * @throws {AppError} `garden.plant_not_found`, `garden.too_many_photos`, `garden.photo_too_large`, `garden.photo_unreadable`
     */
    async add(whose: Whose, plantId: string, given: Uint8Array): Promise<PlantPhoto> {
      if (given.length > maxPhotoBytes) throw gardenErrors.photo_too_large({ limitBytes: maxPhotoBytes });
      const clean = cleanPhoto(given);
      if (clean === undefined) throw gardenErrors.photo_unreadable();
      const { organisationId } = whose;
      if ((await findPlant(db.within(whose), organisationId, plantId)) === undefined) throw gardenErrors.plant_not_found({ plantId });
      // The bytes first: a row says that they are there.
      const blob = await blobs.put(organisationId, clean.mediaType, clean.bytes);
      const photo: PlantPhoto = {
        id: host.newId() as PhotoId,
        mediaType: clean.mediaType,
        sizeBytes: blob.sizeBytes,
        addedAt: new Date(host.clock.nowMs()),
        addedBy: whose.by?.name ?? "Roost",
      };
      try {
        await db.within(whose).transaction(async (tx) => {
          const plant = await lockPlant(tx, organisationId, plantId);
          if (plant === undefined) throw gardenErrors.plant_not_found({ plantId });
          if ((await selectPhotos(tx, plantId)).length >= photosPerPlant) throw gardenErrors.too_many_photos({ limit: photosPerPlant });
          await insertPhoto(tx, organisationId, { ...photo, plantId, blobId: blob.id });
          await emitChanged(tx, whose, plantId);
          await audit.record(tx, whose, {
            action: "photo_added",
            object: { kind: "plant", id: plantId, name: plant.name },
            after: { photoId: photo.id },
          });
        });
      } catch (error) {
        await forget(organisationId, [blob.id]);
        throw error;
      }
      return photo;
    },

    /** @throws {AppError} `garden.plant_not_found`, `garden.photo_not_found` */
    async read(whose: Within, plantId: string, photoId: string): Promise<{ mediaType: string; bytes: Uint8Array }> {
      const rows = db.within(whose);
      if ((await findPlant(rows, whose.organisationId, plantId)) === undefined) throw gardenErrors.plant_not_found({ plantId });
      const photo = await findPhoto(rows, plantId, photoId);
      const found = photo === undefined ? undefined : await blobs.read(whose.organisationId, photo.blobId);
      if (photo === undefined || found === undefined) throw gardenErrors.photo_not_found({ photoId });
      return { mediaType: photo.mediaType, bytes: found.bytes };
    },

    /** @throws {AppError} `garden.plant_not_found`, `garden.photo_not_found` */
    async remove(whose: Whose, plantId: string, photoId: string): Promise<void> {
      const blobId = await db.within(whose).transaction(async (tx) => {
        const plant = await lockPlant(tx, whose.organisationId, plantId);
        if (plant === undefined) throw gardenErrors.plant_not_found({ plantId });
        const photo = await findPhoto(tx, plantId, photoId);
        if (photo === undefined) throw gardenErrors.photo_not_found({ photoId });
        await deletePhoto(tx, photoId);
        await emitChanged(tx, whose, plantId);
        await audit.record(tx, whose, {
          action: "photo_removed",
          object: { kind: "plant", id: plantId, name: plant.name },
          before: { photoId },
        });
        return photo.blobId;
      });
      await forget(whose.organisationId, [blobId]);
    },
  };
}
