import { MultiSelect, NumberInput, Select, TextInput } from "@mantine/core";
import { alarmKind, type AlarmKind, severities, type Severity } from "@roost/contract/alarms";
import { addService, changeService, type Service } from "@roost/contract/services";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { ActForm } from "../../parts/act-form.tsx";
import { kindChoices, severityChoices } from "../../parts/alarm-words.ts";
import { DevicesChoice } from "../../parts/device-choice.tsx";
import { useApi } from "../../roost.tsx";
import { deviceGroups, sites } from "../people/questions.ts";
import { serviceLevels, useServiceAct } from "./questions.ts";

import styles from "./services.module.css";

interface Draft {
  readonly name: string;
  readonly customer: string;
  readonly levelId: string | null;
  readonly deviceIds: readonly string[];
  readonly groupIds: readonly string[];
  readonly siteIds: readonly string[];
  readonly severities: readonly Severity[];
  readonly kinds: readonly AlarmKind[];
  readonly breached: number;
  readonly critical: number;
}

function draftOf(service: Service | undefined): Draft {
  return {
    name: service?.name ?? "",
    customer: service?.customer ?? "",
    levelId: service?.serviceLevelId ?? null,
    deviceIds: service?.carriedBy.deviceIds ?? [],
    groupIds: service?.carriedBy.groupIds ?? [],
    siteIds: service?.carriedBy.siteIds ?? [],
    severities: service?.outages.severities ?? ["critical"],
    kinds: service?.outages.kinds ?? ["offline"],
    breached: service?.credits.breached ?? 0,
    critical: service?.credits.critical ?? 0,
  };
}

/** Adds a service, or changes one. */
export function ServiceForm({ service, onClose }: { readonly service?: Service; readonly onClose: () => void }) {
  const { call } = useApi();
  const levels = useQuery(serviceLevels(call));
  const [draft, setDraft] = useState(() => draftOf(service));
  const change = (some: Partial<Draft>) => setDraft((before) => ({ ...before, ...some }));
  const { name, customer, deviceIds, groupIds, siteIds } = draft;
  // Whoever has one level means that one.
  const levelId = draft.levelId ?? (levels.data?.items.length === 1 ? (levels.data.items[0]?.id ?? null) : null);
  const act = useServiceAct(() => {
    const body = {
      name: name.trim(),
      serviceLevelId: levelId ?? "",
      carriedBy: { deviceIds: [...deviceIds], groupIds: [...groupIds], siteIds: [...siteIds] },
      outages: { severities: [...draft.severities], kinds: [...draft.kinds] },
      credits: { breached: draft.breached, critical: draft.critical },
    };
    return service === undefined
      ? call(addService, { body: { ...body, ...(customer.trim() === "" ? {} : { customer: customer.trim() }) } })
      : call(changeService, {
          params: { serviceId: service.id },
          body: { ...body, customer: customer.trim() === "" ? null : customer.trim() },
        });
  }, onClose);
  const isReady =
    name.trim() !== "" &&
    levelId !== null &&
    deviceIds.length + groupIds.length + siteIds.length > 0 &&
    draft.severities.length + draft.kinds.length > 0;
  return (
    <ActForm
      title={service === undefined ? "Add a service" : `Change ${service.name}`}
      verb={service === undefined ? "Add" : "Save"}
      ready={isReady}
      act={act}
      onClose={onClose}
    >
      <div className={styles.fields}>
        <TextInput label="Name" maxLength={100} value={name} onChange={(event) => change({ name: event.currentTarget.value })} />
        <TextInput
          label="Customer"
          maxLength={200}
          value={customer}
          onChange={(event) => change({ customer: event.currentTarget.value })}
        />
        <Select
          label="What is promised"
          data={levels.data?.items.map((one) => ({ value: one.id, label: `${one.name} (${one.availabilityPercent} %)` })) ?? []}
          value={levelId}
          onChange={(next) => change({ levelId: next })}
          allowDeselect={false}
          comboboxProps={{ withinPortal: false }}
        />
        <CarriedBy draft={draft} change={change} />
        <div className={styles.pair}>
          <MultiSelect
            label="An outage is an alarm of"
            data={severityChoices.toReversed()}
            value={[...draft.severities]}
            onChange={(values) => change({ severities: severities.filter((one) => values.includes(one)) })}
            comboboxProps={{ withinPortal: false }}
          />
          <MultiSelect
            label="or of the kind"
            data={kindChoices}
            value={[...draft.kinds]}
            onChange={(values) => change({ kinds: alarmKind.options.filter((one) => values.includes(one)) })}
            comboboxProps={{ withinPortal: false }}
          />
        </div>
        <div className={styles.pair}>
          <NumberInput
            label="Credit when broken, %"
            value={draft.breached}
            onChange={(value) => change({ breached: Number(value) })}
            min={0}
            max={100}
          />
          <NumberInput
            label="Credit when badly broken, %"
            value={draft.critical}
            onChange={(value) => change({ critical: Number(value) })}
            min={0}
            max={100}
          />
        </div>
      </div>
    </ActForm>
  );
}

function CarriedBy({ draft, change }: { readonly draft: Draft; readonly change: (some: Partial<Draft>) => void }) {
  const { call } = useApi();
  const siteItems = useQuery(sites(call)).data?.items ?? [];
  const groupItems = useQuery(deviceGroups(call)).data?.items ?? [];
  const pick = (label: string, items: readonly { id: string; name: string }[], key: "siteIds" | "groupIds") =>
    items.length > 0 && (
      <MultiSelect
        label={label}
        placeholder={draft[key].length === 0 ? "None" : ""}
        data={items.map(({ id, name }) => ({ value: id, label: name }))}
        value={[...draft[key]]}
        onChange={(ids) => change({ [key]: ids })}
        searchable
        comboboxProps={{ withinPortal: false }}
      />
    );
  return (
    <>
      <DevicesChoice label="Carried by these devices" value={draft.deviceIds} onChange={(deviceIds) => change({ deviceIds })} />
      {siteItems.length + groupItems.length > 0 && (
        <div className={styles.pair}>
          {pick("By all devices of these sites", siteItems, "siteIds")}
          {pick("By all devices of these groups", groupItems, "groupIds")}
        </div>
      )}
    </>
  );
}
