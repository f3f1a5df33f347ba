import { Button, MultiSelect, Select, Switch, TextInput } from "@mantine/core";
import { severities, type Severity } from "@roost/contract/alarms";
import type { RuleKind } from "@roost/contract/rule-conditions";
import { addAlarmRule, type AlarmRule, changeAlarmRule, type RuleFields } from "@roost/contract/rules";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { kindChoices } from "../../parts/kinds.ts";
import { severityWords } from "../../parts/marks.tsx";
import { describeRule } from "../../parts/rule-words.ts";
import { useApi } from "../../roost.tsx";
import { deviceGroups, sites } from "../people/questions.ts";
import { allRules, deviceChoices } from "./questions.ts";
import {
  type ConditionField,
  draftOf,
  emptyDraft,
  fieldsOf,
  kindChoicesOfRules,
  kindForms,
  type RuleDraft,
  type ScopeKind,
  withKind,
} from "./rule-draft.ts";

import styles from "./rules.module.css";

const scopes: readonly { value: ScopeKind; label: string }[] = [
  { value: "everything", label: "Every device" },
  { value: "siteId", label: "A site" },
  { value: "groupId", label: "A device group" },
  { value: "kind", label: "A kind of devices" },
  { value: "deviceId", label: "One device" },
];
const here = { withinPortal: false } as const;

/** Adds a rule, or changes one. `onTry`: try what is typed on the past. */
export function RuleEditor({
  rule,
  onClose,
  onTry,
}: {
  readonly rule?: AlarmRule;
  readonly onClose: () => void;
  readonly onTry: (fields: RuleFields) => void;
}) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [draft, setDraft] = useState<RuleDraft>(() => (rule === undefined ? emptyDraft : draftOf(rule)));
  const [seen, setSeen] = useState(false);
  const read = fieldsOf(draft);
  const faults = seen ? read.faults : {};
  const save = useMutation({
    mutationFn: (fields: RuleFields) =>
      rule === undefined ? call(addAlarmRule, { body: fields }) : call(changeAlarmRule, { params: { ruleId: rule.id }, body: fields }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["alarm-rules"] });
      onClose();
    },
  });
  const send = (event: SyntheticEvent) => {
    event.preventDefault();
    setSeen(true);
    if (read.fields !== undefined) save.mutate(read.fields);
  };
  const form = kindForms[draft.kind];
  return (
    <Dialog title={rule === undefined ? "Add a rule" : "Change the rule"} onClose={onClose}>
      <form onSubmit={send} noValidate className={styles.form}>
        <TextInput
          label="Name"
          value={draft.name}
          maxLength={100}
          autoComplete="off"
          onChange={(event) => setDraft({ ...draft, name: event.currentTarget.value })}
        />
        <ScopeFields draft={draft} fault={faults["place"]} onDraft={setDraft} />
        <Select
          label="What raises the alarm"
          description={form.about}
          data={kindChoicesOfRules}
          value={draft.kind}
          allowDeselect={false}
          onChange={(kind) => setDraft(withKind(draft, kind as RuleKind))}
          comboboxProps={here}
        />
        <div className={styles.pair}>
          {form.fields.map((field) => (
            <FieldOf key={field.name} field={field} draft={draft} fault={faults[field.name]} ownId={rule?.id} onDraft={setDraft} />
          ))}
        </div>
        <div className={styles.pair}>
          <Select
            label="Severity"
            data={severities.toReversed().map((severity) => ({ value: severity, label: severityWords[severity] }))}
            value={draft.severity}
            allowDeselect={false}
            onChange={(severity) => setDraft({ ...draft, severity: severity as Severity })}
            comboboxProps={here}
          />
          <TextInput
            label="Words of the alarm"
            description="Such as {{device}}: {{value}} {{unit}}"
            value={draft.title}
            maxLength={200}
            autoComplete="off"
            onChange={(event) => setDraft({ ...draft, title: event.currentTarget.value })}
          />
        </div>
        <Switch
          label="Switched on"
          size="md"
          checked={draft.enabled}
          onChange={(event) => setDraft({ ...draft, enabled: event.currentTarget.checked })}
        />
        {draft.overrides.length > 0 && <p className="quiet">Exceptions for {draft.overrides.length} sites stay as they are.</p>}
        {faults["form"] !== undefined && <p role="alert">{faults["form"]}</p>}
        {save.isError && <Fault error={save.error} />}
        <FormEnd>
          <Button
            variant="default"
            onClick={() => {
              setSeen(true);
              if (read.fields !== undefined) onTry(read.fields);
            }}
          >
            Try on the past
          </Button>
          <Button type="submit" loading={save.isPending}>
            {rule === undefined ? "Add rule" : "Save"}
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

interface PartProps {
  readonly draft: RuleDraft;
  readonly fault: string | undefined;
  readonly onDraft: (draft: RuleDraft) => void;
}

function ScopeFields({ draft, fault, onDraft }: PartProps) {
  const { call } = useApi();
  const siteList = useQuery(sites(call));
  const groupList = useQuery(deviceGroups(call));
  const devices = useQuery(deviceChoices(call));
  const choices = {
    everything: [],
    siteId: (siteList.data?.items ?? []).map(({ id, name }) => ({ value: id as string, label: name })),
    groupId: (groupList.data?.items ?? []).map(({ id, name }) => ({ value: id as string, label: name })),
    kind: kindChoices(),
    deviceId: (devices.data?.items ?? []).map(({ id, name }) => ({ value: id as string, label: name })),
  }[draft.scopeKind];
  const known = draft.place === "" || choices.some(({ value }) => value === draft.place);
  return (
    <div className={styles.pair}>
      <Select
        label="About"
        data={scopes}
        value={draft.scopeKind}
        allowDeselect={false}
        onChange={(scopeKind) => onDraft({ ...draft, scopeKind: scopeKind as ScopeKind, place: "" })}
        comboboxProps={here}
      />
      {draft.scopeKind !== "everything" && (
        <Select
          label="Which"
          data={known ? choices : [...choices, { value: draft.place, label: draft.place }]}
          value={draft.place === "" ? null : draft.place}
          error={fault}
          searchable
          nothingFoundMessage="None"
          onChange={(place) => onDraft({ ...draft, place: place ?? "" })}
          comboboxProps={here}
        />
      )}
    </div>
  );
}

function FieldOf({
  field,
  draft,
  fault,
  ownId,
  onDraft,
}: PartProps & { readonly field: ConditionField; readonly ownId: string | undefined }) {
  const { name, label, about, type } = field;
  const value = draft.texts[name] ?? "";
  const put = (text: string) => onDraft({ ...draft, texts: { ...draft.texts, [name]: text } });
  const described = about === undefined ? {} : { description: about };
  if (type === "rules") return <Members draft={draft} fault={fault} ownId={ownId} onDraft={onDraft} />;
  if (typeof type === "object") {
    return (
      <Select
        label={label}
        {...described}
        data={type.choices}
        value={value}
        allowDeselect={false}
        onChange={(chosen) => put(chosen ?? "")}
        comboboxProps={here}
      />
    );
  }
  return (
    <TextInput
      label={label}
      {...described}
      value={value}
      error={fault}
      inputMode={type.startsWith("text") ? "text" : "decimal"}
      autoComplete="off"
      maxLength={64}
      onChange={(event) => put(event.currentTarget.value)}
    />
  );
}

function Members({ draft, fault, ownId, onDraft }: PartProps & { readonly ownId: string | undefined }) {
  const { call } = useApi();
  const rules = useQuery(allRules(call));
  const data = (rules.data?.items ?? [])
    .filter(({ id }) => id !== ownId)
    .map(({ id, name, condition }) => ({ value: id as string, label: name ?? describeRule(condition) }));
  return (
    <MultiSelect
      label="Rules"
      data={data}
      value={[...draft.members]}
      error={fault}
      searchable
      maxValues={16}
      onChange={(members) => onDraft({ ...draft, members })}
      comboboxProps={here}
    />
  );
}
