import { Button, Checkbox, Select, TextInput } from "@mantine/core";
import { type FoundDevice, takeFoundDevice } from "@roost/contract/home-assistant";
import { type Unit, units } from "@roost/contract/units";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { kindChoices } from "../../parts/kinds.ts";
import { useApi } from "../../roost.tsx";
import { isTakeable } from "./takeable.ts";

import styles from "./home-assistant-page.module.css";

interface Choice {
  readonly isWanted: boolean;
  readonly metric: string;
  readonly unit: Unit | undefined;
}

/** Which values of a found device become which metrics, and what it is called here. */
export function TakeForm({ found, onClose }: { readonly found: FoundDevice; readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState(found.name);
  const [kind, setKind] = useState("generic");
  const [choices, setChoices] = useState<Readonly<Record<string, Choice>>>(() =>
    Object.fromEntries(
      found.components
        .filter(isTakeable)
        .map(({ component, metric, unit, problem }) => [component, { isWanted: problem === undefined, metric, unit }]),
    ),
  );
  const choose = (component: string, change: Partial<Choice>) =>
    setChoices((before) => {
      const one = before[component];
      return one === undefined ? before : { ...before, [component]: { ...one, ...change } };
    });
  const wanted = Object.entries(choices).filter(([, { isWanted }]) => isWanted);
  const take = useMutation({
    mutationFn: () =>
      call(takeFoundDevice, {
        params: { foundId: found.foundId },
        body: {
          name: name.trim(),
          kind,
          metrics: wanted.map(([component, { metric, unit }]) => ({ component, metric, ...(unit === undefined ? {} : { unit }) })),
        },
      }),
    onSuccess: async ({ device }) => {
      await Promise.all([
        queryClient.invalidateQueries({ queryKey: ["home-assistant"] }),
        queryClient.invalidateQueries({ queryKey: ["devices"] }),
      ]);
      await navigate({ to: "/devices/$deviceId", params: { deviceId: device.id } });
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    take.mutate();
  };
  return (
    <Dialog title={`Take ${found.name} in`} onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <TextInput label="Name" value={name} onChange={({ currentTarget }) => setName(currentTarget.value)} maxLength={120} />
        <Select
          label="Kind"
          description="A kit that knows the kind expects certain names of values."
          data={kindChoices()}
          comboboxProps={{ withinPortal: false }}
          value={kind}
          onChange={(chosen) => setKind(chosen ?? "generic")}
        />
        <fieldset className={styles.values}>
          <legend>Values</legend>
          <ul>
            {found.components.map(({ component, name: called, announcedUnit, problem, because }) => {
              const choice = choices[component];
              return (
                <li key={component}>
                  <Checkbox
                    label={called}
                    description={because ?? (announcedUnit === undefined ? undefined : `announced in ${announcedUnit}`)}
                    checked={choice?.isWanted ?? false}
                    disabled={choice === undefined}
                    onChange={({ currentTarget }) => choose(component, { isWanted: currentTarget.checked })}
                  />
                  {choice?.isWanted === true && (
                    <div className={styles.line}>
                      <TextInput
                        aria-label={`Metric of ${called}`}
                        value={choice.metric}
                        onChange={({ currentTarget }) => choose(component, { metric: currentTarget.value })}
                        maxLength={64}
                        spellCheck={false}
                        classNames={{ input: "mono" }}
                      />
                      {problem === "unit" ? (
                        <Select
                          aria-label={`Unit of ${called}`}
                          placeholder="Unit"
                          data={units.map((one) => ({ value: one, label: one === "1" ? "none" : one }))}
                          value={choice.unit ?? null}
                          onChange={(chosen) => choose(component, { unit: units.find((one) => one === chosen) })}
                          comboboxProps={{ withinPortal: false }}
                          searchable
                        />
                      ) : (
                        <span className={styles.unit}>{choice.unit === "1" ? "" : choice.unit}</span>
                      )}
                    </div>
                  )}
                </li>
              );
            })}
          </ul>
        </fieldset>
        {take.isError && <Fault error={take.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={take.isPending} disabled={wanted.length === 0 || name.trim() === ""}>
            Take in
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
