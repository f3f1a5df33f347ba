import { Button, Checkbox, NumberInput } from "@mantine/core";
import { changeNotificationSettings, type NotificationSettings } from "@roost/contract/routing";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { useApi } from "../../roost.tsx";

import styles from "../on-call/on-call.module.css";

/** How many words are made of many alarms. */
export function SettingsForm({ given, mayChange }: { readonly given: NotificationSettings; readonly mayChange: boolean }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [debounce, setDebounce] = useState<number | string>(given.debounceSeconds);
  const [cooldown, setCooldown] = useState<number | string>(given.cooldownMinutes);
  const [parent, setParent] = useState<number | string>(given.parentWaitSeconds);
  const [late, setLate] = useState<number | string>(Math.round(given.lateAfterSeconds / 60));
  const [ring, setRing] = useState(given.ringForPast);
  const save = useMutation({
    mutationFn: () =>
      call(changeNotificationSettings, {
        body: {
          debounceSeconds: Number(debounce),
          cooldownMinutes: Number(cooldown),
          parentWaitSeconds: Number(parent),
          lateAfterSeconds: Number(late) * 60,
          ringForPast: ring,
        },
      }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["routing"] }),
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const number = { allowDecimal: false, disabled: !mayChange } as const;
  return (
    <form onSubmit={submit} className={styles.fields}>
      <div className={styles.pair}>
        <NumberInput
          {...number}
          label="Sum up what follows within (seconds)"
          description="0: each alarm by itself"
          min={0}
          max={3_600}
          value={debounce}
          onChange={setDebounce}
        />
        <NumberInput
          {...number}
          label="Tell again what still lasts after (minutes)"
          description="0: never"
          min={0}
          max={10_080}
          value={cooldown}
          onChange={setCooldown}
        />
        <NumberInput
          {...number}
          label="Wait for the device in between (seconds)"
          description="Before a silent device behind it is told"
          min={0}
          max={600}
          value={parent}
          onChange={setParent}
        />
        <NumberInput
          {...number}
          label="Past after (minutes)"
          description="What arrives later is told as past"
          min={1}
          max={1_440}
          value={late}
          onChange={setLate}
        />
      </div>
      <Checkbox
        label="Ring for what is over already, too"
        disabled={!mayChange}
        checked={ring}
        onChange={(event) => setRing(event.currentTarget.checked)}
      />
      {save.isError && <Fault error={save.error} />}
      {mayChange && (
        <FormEnd>
          {save.isSuccess && <output>Saved.</output>}
          <Button type="submit" loading={save.isPending}>
            Save
          </Button>
        </FormEnd>
      )}
    </form>
  );
}
