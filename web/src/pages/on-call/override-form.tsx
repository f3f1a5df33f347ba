import { Button, Select, TextInput } from "@mantine/core";
import { addOnCallOverride, type OnCallSchedule } from "@roost/contract/on-call";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { ownZone } from "../../parts/zones.ts";
import { useApi } from "../../roost.tsx";
import { instantOf } from "../windows/window-times.ts";

import styles from "./on-call.module.css";

/** Puts somebody on call for a while; begins on the day that was pressed. */
export function OverrideForm({
  schedules,
  day,
  onClose,
}: {
  readonly schedules: readonly OnCallSchedule[];
  readonly day: string;
  readonly onClose: () => void;
}) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const zone = ownZone();
  const [scheduleId, setSchedule] = useState(schedules[0]?.id ?? "");
  const [personId, setPerson] = useState<string | null>(null);
  const [from, setFrom] = useState(`${day}T18:00`);
  const [to, setTo] = useState(`${new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10)}T08:00`);
  const [reason, setReason] = useState("");
  const people = schedules.find((one) => one.id === scheduleId)?.people.filter(({ hasLeft }) => !hasLeft) ?? [];
  const save = useMutation({
    mutationFn: () => {
      const body = {
        personId: personId ?? "",
        from: (instantOf(from, zone) ?? new Date(Number.NaN)).toISOString(),
        to: (instantOf(to, zone) ?? new Date(Number.NaN)).toISOString(),
        reason,
      };
      return call(addOnCallOverride, { params: { scheduleId }, body });
    },
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["on-call"] });
      onClose();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog title="Somebody else is on call" onClose={onClose}>
      <form onSubmit={submit} className={styles.fields}>
        {schedules.length > 1 && (
          <Select
            label="Schedule"
            allowDeselect={false}
            data={schedules.map(({ id, name }) => ({ value: id, label: name }))}
            value={scheduleId}
            onChange={(value) => {
              setSchedule(value ?? "");
              setPerson(null);
            }}
            comboboxProps={{ withinPortal: false }}
          />
        )}
        <Select
          label="On call"
          required
          data={people.map((one) => ({ value: one.personId, label: one.name }))}
          value={personId}
          onChange={setPerson}
          comboboxProps={{ withinPortal: false }}
        />
        <div className={styles.pair}>
          <TextInput label="From" type="datetime-local" required value={from} onChange={(event) => setFrom(event.currentTarget.value)} />
          <TextInput label="To" type="datetime-local" required value={to} onChange={(event) => setTo(event.currentTarget.value)} />
        </div>
        <p className="quiet">By your clock, {zone}.</p>
        <TextInput label="Why" maxLength={200} value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
        {save.isError && <Fault error={save.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending} disabled={personId === null}>
            Save
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
