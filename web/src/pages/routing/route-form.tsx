import { Button, Checkbox, MultiSelect, NumberInput, Select, TextInput } from "@mantine/core";
import type { AlarmKind, Severity } from "@roost/contract/alarms";
import { addRoute, changeRoute, type NotificationRoute } from "@roost/contract/routing";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { kindChoices, severityChoices } from "../../parts/alarm-words.ts";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { ownZone, zoneChoices } from "../../parts/zones.ts";
import { useApi } from "../../roost.tsx";
import { weekdays } from "../on-call/on-call-words.ts";
import type { Choices } from "./choices.ts";
import { destinationOf, keyOf } from "./routing-words.ts";

import styles from "../on-call/on-call.module.css";

const inside = { withinPortal: false } as const;
const anySeverity = [{ value: "", label: "Any" }, ...severityChoices];
const dayChoices = weekdays.map((word, index) => ({ value: String(index + 1), label: word }));

interface Draft {
  readonly name: string;
  readonly min: string;
  readonly max: string;
  readonly kinds: readonly string[];
  readonly type: string;
  readonly siteIds: readonly string[];
  readonly groupIds: readonly string[];
  readonly atTimes: boolean;
  readonly from: string;
  readonly until: string;
  readonly days: readonly string[];
  readonly timeZone: string;
  readonly to: readonly string[];
  readonly stop: boolean;
  readonly remind: number | string;
}

function draftOf(route: NotificationRoute | undefined): Draft {
  const { minSeverity, maxSeverity, kinds = [], type = "", siteIds = [], groupIds = [], window } = route?.match ?? {};
  return {
    name: route?.name ?? "",
    min: minSeverity ?? "",
    max: maxSeverity ?? "",
    kinds,
    type,
    siteIds,
    groupIds,
    atTimes: window !== undefined,
    from: window?.from ?? "22:00",
    until: window?.to ?? "06:00",
    days: (window?.days ?? []).map(String),
    timeZone: window?.timeZone ?? ownZone(),
    to: route?.to.map(keyOf) ?? [],
    stop: route?.stop ?? false,
    remind: route?.remindMinutes ?? "",
  };
}

function bodyOf(draft: Draft, route: NotificationRoute | undefined) {
  const { min, max, kinds, type, siteIds, groupIds, atTimes, from, until, days, timeZone } = draft;
  return {
    name: draft.name,
    enabled: route?.enabled ?? true,
    match: {
      ...(min === "" ? {} : { minSeverity: min as Severity }),
      ...(max === "" ? {} : { maxSeverity: max as Severity }),
      ...(kinds.length === 0 ? {} : { kinds: kinds as AlarmKind[] }),
      ...(type === "" ? {} : { type }),
      ...(siteIds.length === 0 ? {} : { siteIds: [...siteIds] }),
      ...(groupIds.length === 0 ? {} : { groupIds: [...groupIds] }),
      ...(route?.match.deviceIds === undefined ? {} : { deviceIds: [...route.match.deviceIds] }),
      ...(atTimes ? { window: { from, to: until, timeZone, ...(days.length === 0 ? {} : { days: days.map(Number) }) } } : {}),
    },
    to: draft.to.map(destinationOf),
    stop: draft.stop,
    ...(draft.remind === "" ? {} : { remindMinutes: Number(draft.remind) }),
  };
}

/** Adds a route, or changes the one given. */
export function RouteForm({
  route,
  choices,
  onClose,
}: {
  readonly route?: NotificationRoute;
  readonly choices: Choices;
  readonly onClose: () => void;
}) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [draft, setDraft] = useState(() => draftOf(route));
  const set = (change: Partial<Draft>) => setDraft((before) => ({ ...before, ...change }));
  const save = useMutation({
    mutationFn: () => {
      const body = bodyOf(draft, route);
      return route === undefined ? call(addRoute, { body }) : call(changeRoute, { params: { routeId: route.id }, body });
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
    <Dialog title={route === undefined ? "Add a route" : `Change ${route.name}`} onClose={onClose}>
      <form onSubmit={submit} className={styles.fields}>
        <TextInput
          label="Name"
          required
          maxLength={120}
          value={draft.name}
          onChange={(event) => set({ name: event.currentTarget.value })}
        />
        <MatchFields draft={draft} set={set} choices={choices} />
        <MultiSelect
          label="Tells"
          placeholder={draft.to.length === 0 ? "Nobody" : ""}
          searchable
          data={choices.all}
          value={[...draft.to]}
          onChange={(to) => set({ to })}
          comboboxProps={inside}
        />
        <NumberInput
          label="Reminds every so many minutes until somebody acknowledges"
          placeholder="As the organisation’s cool-down says"
          min={1}
          max={10_080}
          allowDecimal={false}
          value={draft.remind}
          onChange={(remind) => set({ remind })}
        />
        <Checkbox
          label="What matched goes to no later route"
          checked={draft.stop}
          onChange={(event) => set({ stop: event.currentTarget.checked })}
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

function MatchFields({
  draft,
  set,
  choices,
}: {
  readonly draft: Draft;
  readonly set: (change: Partial<Draft>) => void;
  readonly choices: Choices;
}) {
  return (
    <>
      <div className={styles.pair}>
        <Select
          label="From severity"
          allowDeselect={false}
          data={anySeverity}
          value={draft.min}
          onChange={(min) => set({ min: min ?? "" })}
          comboboxProps={inside}
        />
        <Select
          label="Up to severity"
          allowDeselect={false}
          data={anySeverity}
          value={draft.max}
          onChange={(max) => set({ max: max ?? "" })}
          comboboxProps={inside}
        />
      </div>
      <div className={styles.pair}>
        <MultiSelect
          label="Sites"
          placeholder={draft.siteIds.length === 0 ? "Any" : ""}
          data={choices.sites}
          value={[...draft.siteIds]}
          onChange={(siteIds) => set({ siteIds })}
          comboboxProps={inside}
        />
        <MultiSelect
          label="Device groups"
          placeholder={draft.groupIds.length === 0 ? "Any" : ""}
          data={choices.groups}
          value={[...draft.groupIds]}
          onChange={(groupIds) => set({ groupIds })}
          comboboxProps={inside}
        />
        <MultiSelect
          label="Kinds"
          placeholder={draft.kinds.length === 0 ? "Any" : ""}
          data={kindChoices}
          value={[...draft.kinds]}
          onChange={(kinds) => set({ kinds })}
          comboboxProps={inside}
        />
        <TextInput
          label="Type"
          placeholder="external:*"
          maxLength={200}
          value={draft.type}
          onChange={(event) => set({ type: event.currentTarget.value })}
        />
      </div>
      <Checkbox label="Only at some times" checked={draft.atTimes} onChange={(event) => set({ atTimes: event.currentTarget.checked })} />
      {draft.atTimes && (
        <>
          <div className={styles.pair}>
            <TextInput
              label="From"
              type="time"
              required
              value={draft.from}
              onChange={(event) => set({ from: event.currentTarget.value })}
            />
            <TextInput
              label="To"
              type="time"
              required
              value={draft.until}
              onChange={(event) => set({ until: event.currentTarget.value })}
            />
          </div>
          <div className={styles.pair}>
            <MultiSelect
              label="Begins on"
              placeholder={draft.days.length === 0 ? "Every day" : ""}
              data={dayChoices}
              value={[...draft.days]}
              onChange={(days) => set({ days })}
              comboboxProps={inside}
            />
            <Select
              label="By the clocks of"
              searchable
              allowDeselect={false}
              data={zoneChoices(ownZone(), Intl.supportedValuesOf("timeZone"))}
              value={draft.timeZone}
              onChange={(timeZone) => set({ timeZone: timeZone ?? "UTC" })}
              comboboxProps={inside}
            />
          </div>
        </>
      )}
    </>
  );
}
