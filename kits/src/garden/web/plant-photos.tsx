import { Button, FileButton } from "@mantine/core";
import { Confirm } from "@roost/web/parts/confirm.tsx";
import { Fault } from "@roost/web/parts/fault.tsx";
import { formatMinute } from "@roost/web/parts/format.ts";
import { Section } from "@roost/web/parts/page.tsx";
import { useApi, useMay } from "@roost/web/roost.tsx";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { changePlant, type Plant, type PlantPhoto, removePhoto } from "../contract/plants.ts";
import { sendPhoto } from "./shrink-photo.ts";

import styles from "./plant-parts.module.css";

/** How it looked, the newest first; one stands for the plant on its card. */
export function PlantPhotos({ plant, photos }: { readonly plant: Plant; readonly photos: readonly PlantPhoto[] }) {
  const { call } = useApi();
  const may = useMay("garden:write");
  const queryClient = useQueryClient();
  const [asked, setAsked] = useState<PlantPhoto>();
  const onSuccess = async () => {
    setAsked(undefined);
    await queryClient.invalidateQueries({ queryKey: ["garden"] });
  };
  const add = useMutation({ mutationFn: (file: File) => sendPhoto(plant.id, file), onSuccess });
  const cover = useMutation({
    mutationFn: (coverPhotoId: PlantPhoto["id"]) => call(changePlant, { params: { plantId: plant.id }, body: { coverPhotoId } }),
    onSuccess,
  });
  const remove = useMutation({
    mutationFn: (photoId: PlantPhoto["id"]) => call(removePhoto, { params: { plantId: plant.id, photoId } }),
    onSuccess,
  });
  const coverId = plant.coverPhotoId ?? plant.photoIds[0];
  return (
    <Section
      title="Photos"
      about="Shrunk before they are sent; what the camera wrote into them of place and owner does not go along."
      actions={
        may ? (
          <FileButton accept="image/*" onChange={(file) => file !== null && add.mutate(file)}>
            {(props) => (
              <Button {...props} variant="default" loading={add.isPending}>
                Add photo
              </Button>
            )}
          </FileButton>
        ) : undefined
      }
    >
      {add.isError && <Fault error={add.error} />}
      {cover.isError && <Fault error={cover.error} />}
      {photos.length === 0 ? (
        <p className="quiet">No photo yet.</p>
      ) : (
        <ul className={styles.photos} aria-label="Photos">
          {photos.map((photo) => (
            <li key={photo.id}>
              <img
                src={`/api/v1/kits/garden/plants/${plant.id}/photos/${photo.id}`}
                alt={`${plant.name}, ${formatMinute(photo.addedAt)}`}
                loading="lazy"
              />
              <span className="quiet">{formatMinute(photo.addedAt)}</span>
              {may && (
                <span className={styles.actions}>
                  {photo.id === coverId ? (
                    <span className="quiet">On its card</span>
                  ) : (
                    <Button variant="subtle" onClick={() => cover.mutate(photo.id)}>
                      Put on its card
                    </Button>
                  )}
                  <Button variant="subtle" color="red" onClick={() => setAsked(photo)}>
                    Remove
                  </Button>
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
      {asked !== undefined && (
        <Confirm
          title="Remove this photo?"
          verb="Remove"
          name={plant.name}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate(asked.id)}
          onClose={() => setAsked(undefined)}
        >
          <p>The photo of {formatMinute(asked.addedAt)} is gone for good.</p>
        </Confirm>
      )}
    </Section>
  );
}
