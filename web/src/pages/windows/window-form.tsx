import { Button, MultiSelect, NumberInput, Select, Switch, Textarea, TextInput } from "@mantine/core";
import { addMaintenanceWindow, changeMaintenanceWindow, type MaintenanceWindow } from "@roost/contract/windows";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { DevicesChoice } from "../../parts/device-choice.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Chips } from "../../parts/filters.tsx";
import { ownZone, zoneChoices } from "../../parts/zones.ts";
import { useApi } from "../../roost.tsx";
import { deviceGroups, sites } from "../people/questions.ts";
import { draftOf, kindChoices, newDraft, planOf, scopeOf, type WindowDraft } from "./window-draft.ts";
import { Preview } from "./window-preview.tsx";
import { weekdays, weekdayWords } from "./window-words.ts";

import styles from "./windows.module.css";

const repeats = [
  { value: "once", label: "Once" },
  { value: "daily", label: "Every day" },
  { value: "weekly", label: "Every week" },
  { value: "monthly", label: "Every month" },
  { value: "rule", label: "By a rule" },
] as const;

type Change = (change: Partial<WindowDraft>) => void;

/** Plans a window, or changes one. */
export function WindowForm({ window, onClose }: { readonly window?: MaintenanceWindow; readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [draft, setDraft] = useState(() => (window === undefined ? newDraft(new Date(), ownZone()) : draftOf(window)));
  const change: Change = (some) => setDraft((before) => ({ ...before, ...some }));
  const plan = planOf(draft);
  const save = useMutation({
    mutationFn: () => {
      if (plan === undefined) throw new TypeError("There is no plan to save.");
      const { title, note, record, notify } = draft;
      const body = { title: title.trim(), plan, scope: scopeOf(draft), record, notify };
      return window === undefined
        ? call(addMaintenanceWindow, { body: { ...body, ...(note.trim() === "" ? {} : { note: note.trim() }) } })
        : call(changeMaintenanceWindow, {
            params: { windowId: window.id },
            body: { ...body, note: note.trim() === "" ? null : note.trim() },
          });
    },
    onSuccess: async () => {
      await Promise.all(["windows", "alarms"].map((noun) => queryClient.invalidateQueries({ queryKey: [noun] })));
      onClose();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog title={window === undefined ? "Plan maintenance" : `Change ${window.title}`} onClose={onClose}>
      <form className={styles.fields} onSubmit={submit}>
        <TextInput
          label="Title"
          value={draft.title}
          onChange={(event) => change({ title: event.currentTarget.value })}
          maxLength={200}
          required
          withAsterisk={false}
        />
        <When draft={draft} change={change} />
        <Preview plan={plan} zone={draft.zone} />
        <About draft={draft} change={change} />
        <Switch
          label="Record alarms inside, muted"
          description="Otherwise they are kept back, and raised at the end if they still hold."
          checked={draft.record}
          onChange={(event) => change({ record: event.currentTarget.checked })}
        />
        <Switch
          label="Tell when it begins and ends"
          checked={draft.notify}
          onChange={(event) => change({ notify: event.currentTarget.checked })}
        />
        <Textarea
          label="Note"
          value={draft.note}
          onChange={(event) => change({ note: event.currentTarget.value })}
          maxLength={2_000}
          autosize
          minRows={2}
        />
        {save.isError && <Fault error={save.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" disabled={plan === undefined || draft.title.trim() === ""} loading={save.isPending}>
            {window === undefined ? "Plan it" : "Save"}
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

function When({ draft, change }: { readonly draft: WindowDraft; readonly change: Change }) {
  return (
    <>
      <Chips label="How often" choices={repeats} value={draft.repeats} onChange={(next) => change({ repeats: next })} />
      <div className={styles.pair}>
        <TextInput
          type="datetime-local"
          label={draft.repeats === "once" ? "Begins" : "First time"}
          value={draft.from}
          onChange={(event) => change({ from: event.currentTarget.value })}
          required
          withAsterisk={false}
        />
        {draft.repeats === "once" ? (
          <TextInput
            type="datetime-local"
            label="Ends"
            value={draft.to}
            onChange={(event) => change({ to: event.currentTarget.value })}
            required
            withAsterisk={false}
          />
        ) : (
          <NumberInput
            label="Lasts, in minutes"
            value={draft.minutes}
            onChange={(value) => change({ minutes: Number(value) })}
            min={1}
            max={44_640}
            allowDecimal={false}
          />
        )}
      </div>
      {draft.repeats === "weekly" && (
        <MultiSelect
          label="On"
          placeholder={draft.days.length === 0 ? "The day of the first time" : ""}
          data={weekdays.map((day) => ({ value: day, label: weekdayWords[day] }))}
          value={[...draft.days]}
          onChange={(days) => change({ days: weekdays.filter((day) => days.includes(day)) })}
          comboboxProps={{ withinPortal: false }}
        />
      )}
      {draft.repeats === "rule" && (
        <TextInput
          label="Rule"
          description="An RRULE such as FREQ=MONTHLY;BYDAY=1SU, or a cron expression such as 0 2 * * 6."
          value={draft.rule}
          onChange={(event) => change({ rule: event.currentTarget.value })}
          maxLength={300}
          className="mono"
        />
      )}
      <Select
        label="Time zone"
        description={draft.repeats === "once" ? "Of the times above." : "The wall clock it goes by, in summer and winter."}
        data={zoneChoices(ownZone(), Intl.supportedValuesOf("timeZone"))}
        value={draft.zone}
        onChange={(zone) => zone !== null && change({ zone })}
        searchable
        allowDeselect={false}
        comboboxProps={{ withinPortal: false }}
      />
    </>
  );
}

function About({ draft, change }: { readonly draft: WindowDraft; readonly change: Change }) {
  const { call } = useApi();
  const siteItems = useQuery(sites(call)).data?.items ?? [];
  const groupItems = useQuery(deviceGroups(call)).data?.items ?? [];
  const pick = (label: string, items: readonly { id: string; name: string }[], value: readonly string[], key: "siteIds" | "groupIds") =>
    items.length > 0 && (
      <MultiSelect
        label={label}
        placeholder={value.length === 0 ? "None" : ""}
        data={items.map(({ id, name }) => ({ value: id, label: name }))}
        value={[...value]}
        onChange={(ids) => change({ [key]: ids })}
        searchable
        comboboxProps={{ withinPortal: false }}
      />
    );
  return (
    <>
      <Switch
        label="About everything"
        description="All alarms of the organisation. Otherwise name places, devices or kinds of alarms."
        checked={draft.everything}
        onChange={(event) => change({ everything: event.currentTarget.checked })}
      />
      {!draft.everything && (
        <>
          <div className={styles.pair}>
            {pick("Sites", siteItems, draft.siteIds, "siteIds")}
            {pick("Groups", groupItems, draft.groupIds, "groupIds")}
          </div>
          <DevicesChoice label="Devices" value={draft.deviceIds} onChange={(deviceIds) => change({ deviceIds })} />
          <MultiSelect
            label="Kinds of alarms"
            placeholder={draft.kinds.length === 0 ? "All kinds" : ""}
            data={[...kindChoices]}
            value={[...draft.kinds]}
            onChange={(kinds) => change({ kinds })}
            comboboxProps={{ withinPortal: false }}
          />
        </>
      )}
    </>
  );
}
