import { Button, Textarea, TextInput } from "@mantine/core";
import { Confirm } from "@roost/web/parts/confirm.tsx";
import { Fault } from "@roost/web/parts/fault.tsx";
import { useKitNavigate } from "@roost/web/parts/kit-link.tsx";
import { Section } from "@roost/web/parts/page.tsx";
import { useApi, useMay } from "@roost/web/roost.tsx";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { changePlant, type Plant, removePlant } from "../contract/plants.ts";
import { SpeciesPicker } from "./species-picker.tsx";

import styles from "./plant-parts.module.css";

/** Name, species, place and notes, and the way to remove the plant. */
export function PlantRecord({ plant }: { readonly plant: Plant }) {
  const { call } = useApi();
  const may = useMay("garden:write");
  const go = useKitNavigate();
  const queryClient = useQueryClient();
  const [name, setName] = useState(plant.name);
  const [species, setSpecies] = useState(plant.species ?? "");
  const [place, setPlace] = useState(plant.place ?? "");
  const [notes, setNotes] = useState(plant.notes ?? "");
  const [asked, setAsked] = useState(false);
  const params = { plantId: plant.id };
  const orNull = (text: string) => (text.trim() === "" ? null : text.trim());
  const save = useMutation({
    mutationFn: () =>
      call(changePlant, { params, body: { name: name.trim(), species: orNull(species), place: orNull(place), notes: orNull(notes) } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["garden"] }),
  });
  const remove = useMutation({
    mutationFn: () => call(removePlant, { params, query: { confirm: plant.name } }),
    onSuccess: async () => {
      go("", { replace: true });
      // Nothing is asked about the plant any more; the page one comes to asks for itself.
      await queryClient.invalidateQueries({ queryKey: ["garden"], refetchType: "none" });
    },
  });
  if (!may) return null;
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const isSame =
    name.trim() === plant.name &&
    orNull(species) === (plant.species ?? null) &&
    orNull(place) === (plant.place ?? null) &&
    orNull(notes) === (plant.notes ?? null);
  return (
    <Section
      title="Record"
      actions={
        <Button variant="subtle" color="red" onClick={() => setAsked(true)}>
          Remove plant
        </Button>
      }
    >
      <form onSubmit={submit} className={styles.form}>
        <div className={styles.fields}>
          <TextInput
            label="Name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            maxLength={80}
            required
            withAsterisk={false}
          />
          <SpeciesPicker value={species} onChange={setSpecies} />
          <TextInput label="Place" value={place} onChange={(event) => setPlace(event.currentTarget.value)} maxLength={120} />
          <Textarea
            label="Notes"
            value={notes}
            onChange={(event) => setNotes(event.currentTarget.value)}
            maxLength={4_000}
            autosize
            minRows={2}
          />
        </div>
        {save.isError && <Fault error={save.error} />}
        <div className={styles.actions}>
          <Button type="submit" loading={save.isPending} disabled={isSame || name.trim() === ""}>
            Save
          </Button>
        </div>
      </form>
      {asked && (
        <Confirm
          title={`Remove ${plant.name}?`}
          verb="Remove"
          name={plant.name}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsked(false)}
        >
          <p>Its photos and care plans go with it. Its nodes stay, free for another plant, with all they measured.</p>
        </Confirm>
      )}
    </Section>
  );
}
