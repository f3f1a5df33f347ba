import { Button, MultiSelect, NumberInput, Select, TextInput } from "@mantine/core";
import { addOnCallSchedule, changeOnCallSchedule, type OnCallSchedule, type OnCallShift } from "@roost/contract/on-call";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { ownZone, zoneChoices } from "../../parts/zones.ts";
import { useApi } from "../../roost.tsx";
import { weekdays } from "./on-call-words.ts";
import { everybody } from "./questions.ts";

import styles from "./on-call.module.css";

const shifts: { value: OnCallShift; label: string }[] = [
  { value: "weekly", label: "Weekly" },
  { value: "daily", label: "Daily" },
  { value: "custom", label: "Every so many hours" },
];
const days = weekdays.map((word, index) => ({ value: String(index + 1), label: word }));

/** Adds a schedule, or changes the one given. */
export function ScheduleForm({ schedule, onClose }: { readonly schedule?: OnCallSchedule; readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const known = useQuery(everybody(call)).data?.items ?? [];
  const [name, setName] = useState(schedule?.name ?? "");
  const [timeZone, setTimeZone] = useState(schedule?.timeZone ?? ownZone());
  const [handOverTime, setTime] = useState(schedule?.handOverTime ?? "08:00");
  const [shift, setShift] = useState<OnCallShift>(schedule?.shift ?? "weekly");
  const [handOverDay, setDay] = useState(String(schedule?.handOverDay ?? 1));
  const [hours, setHours] = useState<number | string>(schedule?.shiftHours ?? 12);
  const [startsOn, setStartsOn] = useState(() => schedule?.startsOn ?? new Date().toISOString().slice(0, 10));
  const [people, setPeople] = useState<string[]>(schedule?.people.filter(({ hasLeft }) => !hasLeft).map(({ personId }) => personId) ?? []);
  const save = useMutation({
    mutationFn: () => {
      const body = {
        name,
        timeZone,
        handOverTime,
        shift,
        startsOn,
        people,
        ...(shift === "weekly" ? { handOverDay: Number(handOverDay) } : {}),
        ...(shift === "custom" ? { shiftHours: Number(hours) } : {}),
      };
      return schedule === undefined
        ? call(addOnCallSchedule, { body })
        : call(changeOnCallSchedule, { params: { scheduleId: schedule.id }, body });
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
    <Dialog title={schedule === undefined ? "Add a schedule" : `Change ${schedule.name}`} onClose={onClose}>
      <form onSubmit={submit} className={styles.fields}>
        <TextInput label="Name" required maxLength={120} value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <MultiSelect
          label="People, in the order of their turns"
          required
          searchable
          data={known.map((one) => ({ value: one.personId, label: one.name === "" ? one.email : one.name }))}
          value={people}
          onChange={setPeople}
          comboboxProps={{ withinPortal: false }}
        />
        <div className={styles.pair}>
          <Select
            label="Shift"
            allowDeselect={false}
            data={shifts}
            value={shift}
            onChange={(value) => setShift(value ?? "weekly")}
            comboboxProps={{ withinPortal: false }}
          />
          {shift === "weekly" && (
            <Select
              label="Hand-over on"
              allowDeselect={false}
              data={days}
              value={handOverDay}
              onChange={(value) => setDay(value ?? "1")}
              comboboxProps={{ withinPortal: false }}
            />
          )}
          {shift === "custom" && <NumberInput label="Hours" min={1} max={720} allowDecimal={false} value={hours} onChange={setHours} />}
          <TextInput
            label="Hand-over at"
            type="time"
            required
            value={handOverTime}
            onChange={(event) => setTime(event.currentTarget.value)}
          />
          <TextInput label="Begins on" type="date" required value={startsOn} onChange={(event) => setStartsOn(event.currentTarget.value)} />
        </div>
        <Select
          label="By the clocks of"
          searchable
          allowDeselect={false}
          data={zoneChoices(ownZone(), Intl.supportedValuesOf("timeZone"))}
          value={timeZone}
          onChange={(value) => setTimeZone(value ?? "UTC")}
          comboboxProps={{ withinPortal: false }}
        />
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
