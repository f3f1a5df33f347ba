import { Button } from "@mantine/core";
import { Fault } from "@roost/web/parts/fault.tsx";
import { Section } from "@roost/web/parts/page.tsx";
import { useApi, useMay } from "@roost/web/roost.tsx";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { limitedMetrics } from "../contract/limits.ts";
import { changePlant, type Plant } from "../contract/plants.ts";
import { changeOf, draftOf, isReversed, LimitsEditor } from "./limits-editor.tsx";
import { bandWords, metricUnits, metricWords } from "./plant-words.ts";

import styles from "./plant-parts.module.css";

/** What is outside raises an alarm: the limits, to be changed by who may. */
export function PlantLimits({ plant }: { readonly plant: Plant }) {
  const { call } = useApi();
  const may = useMay("garden:write");
  const queryClient = useQueryClient();
  const [draft, setDraft] = useState(() => draftOf(plant.limits));
  const save = useMutation({
    mutationFn: () => call(changePlant, { params: { plantId: plant.id }, body: { limits: changeOf(draft) } }),
    onSuccess: async (changed) => {
      setDraft(draftOf(changed.limits));
      await queryClient.invalidateQueries({ queryKey: ["garden"] });
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const isSame = JSON.stringify(draft) === JSON.stringify(draftOf(plant.limits));
  return (
    <Section title="Limits" about="What is outside raises an alarm. An empty field is no limit; 0 is one.">
      {may ? (
        <form onSubmit={submit} className={styles.form}>
          <LimitsEditor draft={draft} onChange={setDraft} />
          {save.isError && <Fault error={save.error} />}
          <div className={styles.actions}>
            <Button type="submit" loading={save.isPending} disabled={isSame || limitedMetrics.some((metric) => isReversed(draft, metric))}>
              Save limits
            </Button>
            {!isSame && (
              <Button variant="subtle" onClick={() => setDraft(draftOf(plant.limits))}>
                Undo
              </Button>
            )}
          </div>
        </form>
      ) : (
        <ul className={styles.plain}>
          {limitedMetrics.map((metric) => (
            <li key={metric}>
              {metricWords[metric]}: {bandWords(plant.limits[metric], metricUnits[metric])}
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
