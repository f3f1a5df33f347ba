import { Button, Checkbox, MultiSelect, NumberInput, TextInput } from "@mantine/core";
import { addChain, changeChain, type EscalationChain } from "@roost/contract/routing";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { useApi } from "../../roost.tsx";
import type { Choices } from "./choices.ts";
import { destinationOf, keyOf } from "./routing-words.ts";

import styles from "../on-call/on-call.module.css";

interface StepDraft {
  readonly key: number;
  readonly after: number | string;
  readonly to: readonly string[];
}

/** Adds a chain, or changes the one given. */
export function ChainForm({
  chain,
  choices,
  onClose,
}: {
  readonly chain?: EscalationChain;
  readonly choices: Choices;
  readonly onClose: () => void;
}) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [name, setName] = useState(chain?.name ?? "");
  const [steps, setSteps] = useState<readonly StepDraft[]>(
    () =>
      chain?.steps.map(({ afterMinutes, to }, key) => ({ key, after: afterMinutes, to: to.map(keyOf) })) ?? [
        { key: 0, after: 0, to: [] },
        { key: 1, after: 5, to: [] },
      ],
  );
  const [repeats, setRepeats] = useState(chain?.repeat !== undefined);
  const [times, setTimes] = useState<number | string>(chain?.repeat?.times ?? 3);
  const [wait, setWait] = useState<number | string>(chain?.repeat?.afterMinutes ?? 15);
  const set = (key: number, change: Partial<StepDraft>) =>
    setSteps((before) => before.map((one) => (one.key === key ? { ...one, ...change } : one)));
  const save = useMutation({
    mutationFn: () => {
      const body = {
        name,
        steps: steps.map(({ after, to }) => ({ afterMinutes: Number(after), to: to.map(destinationOf) })),
        ...(repeats ? { repeat: { times: Number(times), afterMinutes: Number(wait) } } : {}),
      };
      return chain === undefined ? call(addChain, { body }) : call(changeChain, { params: { chainId: chain.id }, body });
    },
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["routing"] });
      onClose();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog title={chain === undefined ? "Add a chain" : `Change ${chain.name}`} onClose={onClose}>
      <form onSubmit={submit} className={styles.fields}>
        <TextInput label="Name" required maxLength={120} value={name} onChange={(event) => setName(event.currentTarget.value)} />
        {steps.map((step, index) => (
          <fieldset key={step.key} className={styles.fields}>
            <legend>Step {index + 1}</legend>
            <NumberInput
              label={index === 0 ? "Minutes after the alarm" : "Minutes after the step before"}
              min={0}
              max={10_080}
              allowDecimal={false}
              required
              value={step.after}
              onChange={(after) => set(step.key, { after })}
            />
            <MultiSelect
              label="Tells"
              searchable
              data={choices.steps}
              value={[...step.to]}
              onChange={(to) => set(step.key, { to })}
              comboboxProps={{ withinPortal: false }}
            />
            {steps.length > 1 && (
              <Button variant="subtle" color="red" onClick={() => setSteps(steps.filter((one) => one.key !== step.key))}>
                Leave step {index + 1} out
              </Button>
            )}
          </fieldset>
        ))}
        <Button
          variant="default"
          onClick={() => setSteps([...steps, { key: Math.max(...steps.map(({ key }) => key)) + 1, after: 15, to: [] }])}
          disabled={steps.length >= 20}
        >
          Add a step
        </Button>
        <Checkbox label="Goes round again" checked={repeats} onChange={(event) => setRepeats(event.currentTarget.checked)} />
        {repeats && (
          <div className={styles.pair}>
            <NumberInput label="Times" min={1} max={20} allowDecimal={false} value={times} onChange={setTimes} />
            <NumberInput label="Minutes after the last step" min={1} max={10_080} allowDecimal={false} value={wait} onChange={setWait} />
          </div>
        )}
        {save.isError && <Fault error={save.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending}>
            Save
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
