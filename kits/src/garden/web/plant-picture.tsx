import type { Plant } from "../contract/plants.ts";

import styles from "./plant-picture.module.css";

/** The plant's photo; without one a quiet drawing, told apart from others by its name's own lean. */
export function PlantPicture({
  plant,
  large = false,
}: {
  readonly plant: Pick<Plant, "id" | "name" | "coverPhotoId" | "photoIds">;
  readonly large?: boolean;
}) {
  const photoId = plant.coverPhotoId ?? plant.photoIds[0];
  if (photoId !== undefined) {
    return (
      <img
        className={styles.photo}
        data-large={large || undefined}
        src={`/api/v1/kits/garden/plants/${plant.id}/photos/${photoId}`}
        alt={plant.name}
        loading="lazy"
        decoding="async"
      />
    );
  }
  // 0 to 2, the same for the same plant: a pot with leaves, with blades, with a round top.
  const form = Number.parseInt(plant.id.slice(-4), 16) % 3;
  return (
    <span className={styles.drawing} data-large={large || undefined} aria-hidden="true">
      <svg viewBox="0 0 64 64" fill="none" stroke="currentColor" strokeWidth="2.2" strokeLinecap="round" strokeLinejoin="round">
        <path d="M20 42h24l-3 14H23zM18 42h28" />
        {form === 0 && <path d="M32 42V26M32 30c-8 1-13-3-14-11 8-1 13 3 14 11zM32 26c0-8 5-13 14-14 0 9-5 13-14 14zM32 38c5-5 9-6 13-5" />}
        {form === 1 && (
          <path d="M32 42c-1-12-6-21-13-25M32 42c0-15 0-24 2-31M32 42c2-11 7-18 15-21M32 42c-3-7-9-10-15-10M32 42c3-6 8-9 13-8" />
        )}
        {form === 2 && <path d="M32 42V32M19 24a13 11 0 1 1 26 0c0 6-6 9-13 9s-13-3-13-9zM27 22l5 6 6-8" />}
      </svg>
    </span>
  );
}
