import { Button, FileInput, Select, TextInput } from "@mantine/core";
import { listSites } from "@roost/contract/organisations";
import { Fault } from "@roost/web/parts/fault.tsx";
import { KitLink, useKitNavigate, useKitSearch } from "@roost/web/parts/kit-link.tsx";
import { Page, Section } from "@roost/web/parts/page.tsx";
import { useApi } from "@roost/web/roost.tsx";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { limitedMetrics } from "../contract/limits.ts";
import { addPlant, assignNode } from "../contract/plants.ts";
import type { Preset } from "../contract/presets.ts";
import { useNodes } from "./garden-api.ts";
import { changeOf, draftOf, isReversed, LimitsEditor } from "./limits-editor.tsx";
import { sendPhoto } from "./shrink-photo.ts";
import { SpeciesPicker } from "./species-picker.tsx";

import styles from "./plant-parts.module.css";

/** A new plant: its species brings limits, a node that measures already may be put beside it at once. */
export function AddPlantPage() {
  const { call } = useApi();
  const go = useKitNavigate();
  const queryClient = useQueryClient();
  const { node: nodeAsked } = useKitSearch();
  const [name, setName] = useState("");
  const [species, setSpecies] = useState("");
  const [preset, setPreset] = useState<Preset>();
  const [place, setPlace] = useState("");
  const [siteId, setSiteId] = useState<string | null>(null);
  const [nodeId, setNodeId] = useState<string | null>(nodeAsked ?? null);
  const [photo, setPhoto] = useState<File | null>(null);
  const [draft, setDraft] = useState(draftOf({}));
  const nodes = useNodes({ assigned: "no" }).data?.pages.flatMap(({ items }) => items) ?? [];
  const sites =
    useQuery({ queryKey: ["sites", "of-garden"], queryFn: ({ signal }) => call(listSites, { query: { limit: 200 }, signal }) }).data
      ?.items ?? [];
  const save = useMutation({
    mutationFn: async () => {
      const plant = await call(addPlant, {
        body: {
          name: name.trim(),
          limits: changeOf(draft),
          ...(species.trim() === "" ? {} : { species: species.trim() }),
          ...(preset === undefined ? {} : { presetId: preset.id }),
          ...(place.trim() === "" ? {} : { place: place.trim() }),
          ...(siteId === null ? {} : { siteId }),
        },
      });
      if (nodeId !== null) await call(assignNode, { params: { plantId: plant.id }, body: { deviceId: nodeId } });
      if (photo !== null) await sendPhoto(plant.id, photo);
      return plant;
    },
    onSuccess: async ({ id }) => {
      await queryClient.invalidateQueries({ queryKey: ["garden"] });
      go(`plants/${id}`, { replace: true });
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const isBad = limitedMetrics.some((metric) => isReversed(draft, metric));
  return (
    <Page title="Add plant">
      <form onSubmit={submit} className={styles.form}>
        <Section title="The plant">
          <div className={styles.fields}>
            <TextInput
              label="Name"
              description="What you call it."
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              maxLength={80}
              required
              withAsterisk={false}
              data-autofocus
            />
            <SpeciesPicker
              value={species}
              onChange={(text, chosen) => {
                setSpecies(text);
                setPreset(chosen);
                if (chosen !== undefined) setDraft(draftOf(chosen.limits));
                if (chosen !== undefined && name.trim() === "") setName(chosen.name);
              }}
            />
            <TextInput
              label="Place"
              description="In words, such as kitchen window."
              value={place}
              onChange={(event) => setPlace(event.currentTarget.value)}
              maxLength={120}
            />
            {sites.length > 0 && (
              <Select
                label="Site"
                data={sites.map(({ id, name: label }) => ({ value: id, label }))}
                value={siteId}
                onChange={setSiteId}
                clearable
                placeholder="none"
              />
            )}
            <FileInput label="Photo" accept="image/*" value={photo} onChange={setPhoto} clearable placeholder="Choose or take one" />
          </div>
        </Section>
        <Section
          title="Limits"
          about={
            preset === undefined
              ? "What is outside raises an alarm. Choose a species to begin with its limits; leave a field empty for no limit."
              : `As ${preset.name} likes it, by ${preset.sources.join("; ")}. Change what you know better.`
          }
        >
          <LimitsEditor draft={draft} onChange={setDraft} />
        </Section>
        <Section title="Node" about="What feels for it. You can do this later.">
          {nodes.length === 0 ? (
            <p className="quiet">
              No node is free. <KitLink to="nodes">Add one</KitLink> when you like.
            </p>
          ) : (
            <Select
              label="A node without a plant"
              data={nodes.map((node) => ({ value: node.id, label: `${node.name} (${node.state})` }))}
              value={nodeId}
              onChange={setNodeId}
              clearable
              placeholder="none yet"
            />
          )}
        </Section>
        {save.isError && <Fault error={save.error} />}
        <div className={styles.actions}>
          <Button type="submit" loading={save.isPending} disabled={name.trim() === "" || isBad}>
            Add plant
          </Button>
          <KitLink to="">Cancel</KitLink>
        </div>
      </form>
    </Page>
  );
}
