import { MultiSelect, NumberInput, Select, Switch, TextInput } from "@mantine/core";
import {
  addServiceLevel,
  changeServiceLevel,
  type ServiceLevel,
  usualTargets,
  weekday,
  weekdays,
  type Weekday,
} from "@roost/contract/service-levels";
import { useState } from "react";

import { ActForm } from "../../parts/act-form.tsx";
import { severityWords } from "../../parts/marks.tsx";
import { ownZone, zoneChoices } from "../../parts/zones.ts";
import { useApi } from "../../roost.tsx";
import { useServiceAct } from "./questions.ts";
import { dayWords } from "./service-words.ts";

import styles from "./services.module.css";

const targetSeverities = ["critical", "major", "minor"] as const;

interface Draft {
  readonly name: string;
  readonly serviceType: string;
  readonly availability: number;
  readonly periodDays: number;
  readonly response: number;
  readonly resolution: number;
  readonly bySeverity: ServiceLevel["bySeverity"];
  readonly hasHours: boolean;
  readonly days: readonly Weekday[];
  readonly from: string;
  readonly to: string;
  readonly timeZone: string;
  readonly excludeMaintenance: boolean;
}

function draftOf(level: ServiceLevel | undefined): Draft {
  const [hours] = level?.businessHours?.hours ?? [];
  return {
    name: level?.name ?? "",
    serviceType: level?.serviceType ?? "",
    availability: level?.availabilityPercent ?? 99.9,
    periodDays: level?.periodDays ?? 30,
    response: level?.responseMinutes ?? 60,
    resolution: level?.resolutionMinutes ?? 240,
    bySeverity: level?.bySeverity ?? usualTargets,
    hasHours: hours !== undefined,
    days: hours?.days ?? weekdays.slice(0, 5),
    from: hours?.from ?? "08:00",
    to: hours?.to ?? "17:00",
    timeZone: level?.businessHours?.timeZone ?? ownZone(),
    excludeMaintenance: level?.excludeMaintenance ?? true,
  };
}

type Change = (some: Partial<Draft>) => void;

/** Adds a service level, or changes one. */
export function LevelForm({ level, onClose }: { readonly level?: ServiceLevel; readonly onClose: () => void }) {
  const { call } = useApi();
  const [draft, setDraft] = useState(() => draftOf(level));
  const change: Change = (some) => setDraft((before) => ({ ...before, ...some }));
  // What this form has one line for may be several, set by a program: it stays as it is unless it is switched off.
  const hasSeveral = (level?.businessHours?.hours.length ?? 0) > 1;
  const act = useServiceAct(() => {
    const { name, serviceType, availability, periodDays, response, resolution, bySeverity, excludeMaintenance } = draft;
    const hours = {
      timeZone: draft.timeZone,
      hours: [{ days: [...draft.days], from: draft.from, to: draft.to === "00:00" ? "24:00" : draft.to }],
    };
    const body = {
      name: name.trim(),
      availabilityPercent: availability,
      periodDays,
      responseMinutes: response,
      resolutionMinutes: resolution,
      bySeverity,
      excludeMaintenance,
    };
    const type = serviceType.trim();
    if (level === undefined)
      return call(addServiceLevel, {
        body: { ...body, ...(type === "" ? {} : { serviceType: type }), ...(draft.hasHours ? { businessHours: hours } : {}) },
      });
    return call(changeServiceLevel, {
      params: { serviceLevelId: level.id },
      body: {
        ...body,
        serviceType: type === "" ? null : type,
        ...(draft.hasHours && hasSeveral ? {} : { businessHours: draft.hasHours ? hours : null }),
      },
    });
  }, onClose);
  const isReady =
    draft.name.trim() !== "" && draft.availability >= 0 && draft.availability <= 100 && (!draft.hasHours || draft.days.length > 0);
  return (
    <ActForm
      title={level === undefined ? "Add a service level" : `Change ${level.name}`}
      verb={level === undefined ? "Add" : "Save"}
      ready={isReady}
      act={act}
      onClose={onClose}
    >
      <div className={styles.fields}>
        <TextInput label="Name" maxLength={100} value={draft.name} onChange={(event) => change({ name: event.currentTarget.value })} />
        <TextInput
          label="Of which kind of service"
          placeholder="Internet access, gold"
          maxLength={100}
          value={draft.serviceType}
          onChange={(event) => change({ serviceType: event.currentTarget.value })}
        />
        <div className={styles.pair}>
          <NumberInput
            label="Available, %"
            value={draft.availability}
            onChange={(value) => change({ availability: Number(value) })}
            min={0}
            max={100}
            decimalScale={4}
            step={0.1}
          />
          <NumberInput
            label="Of the last days"
            value={draft.periodDays}
            onChange={(value) => change({ periodDays: Number(value) })}
            min={1}
            max={365}
            allowDecimal={false}
          />
        </div>
        <Times draft={draft} change={change} />
        <Hours draft={draft} change={change} hasSeveral={hasSeveral} />
        <Switch
          label="Maintenance counts apart"
          description="What is down in a maintenance window is planned, and is held against nobody."
          checked={draft.excludeMaintenance}
          onChange={(event) => change({ excludeMaintenance: event.currentTarget.checked })}
        />
      </div>
    </ActForm>
  );
}

function Times({ draft, change }: { readonly draft: Draft; readonly change: Change }) {
  const minutes = (label: string, value: number, onChange: (minutes: number) => void) => (
    <NumberInput label={label} value={value} onChange={(next) => onChange(Number(next))} min={1} max={525_600} allowDecimal={false} />
  );
  return (
    <>
      {targetSeverities.map((severity) => {
        const targets = draft.bySeverity[severity] ?? { responseMinutes: draft.response, resolutionMinutes: draft.resolution };
        const set = (some: Partial<typeof targets>) => change({ bySeverity: { ...draft.bySeverity, [severity]: { ...targets, ...some } } });
        const word = severityWords[severity];
        return (
          <div key={severity} className={styles.pair}>
            {minutes(`${word}: answered in, minutes`, targets.responseMinutes, (responseMinutes) => set({ responseMinutes }))}
            {minutes(`${word}: over in, minutes`, targets.resolutionMinutes, (resolutionMinutes) => set({ resolutionMinutes }))}
          </div>
        );
      })}
      <div className={styles.pair}>
        {minutes("Others: answered in, minutes", draft.response, (response) => change({ response }))}
        {minutes("Others: over in, minutes", draft.resolution, (resolution) => change({ resolution }))}
      </div>
    </>
  );
}

function Hours({ draft, change, hasSeveral }: { readonly draft: Draft; readonly change: Change; readonly hasSeveral: boolean }) {
  return (
    <>
      <Switch
        label="These times run in hours of business only"
        description="Availability is judged day and night."
        checked={draft.hasHours}
        onChange={(event) => change({ hasHours: event.currentTarget.checked })}
      />
      {draft.hasHours && hasSeveral && <p className="quiet">There are several stretches of hours. They stay as they are.</p>}
      {draft.hasHours && !hasSeveral && (
        <>
          <MultiSelect
            label="On"
            data={weekdays.map((value) => ({ value, label: dayWords[value] }))}
            value={[...draft.days]}
            onChange={(days) => change({ days: weekday.options.filter((one) => days.includes(one)) })}
            comboboxProps={{ withinPortal: false }}
          />
          <div className={styles.pair}>
            <TextInput type="time" label="From" value={draft.from} onChange={(event) => change({ from: event.currentTarget.value })} />
            <TextInput type="time" label="To" value={draft.to} onChange={(event) => change({ to: event.currentTarget.value })} />
          </div>
          <Select
            label="Time zone"
            data={zoneChoices(ownZone(), Intl.supportedValuesOf("timeZone"))}
            value={draft.timeZone}
            onChange={(timeZone) => timeZone !== null && change({ timeZone })}
            searchable
            allowDeselect={false}
            comboboxProps={{ withinPortal: false }}
          />
        </>
      )}
    </>
  );
}
