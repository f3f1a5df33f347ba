import { Button, Select, TextInput } from "@mantine/core";
import { changeFlag, type Flag, type FlagType, type FlagValue } from "@roost/contract/flags";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import type { z } from "zod";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { useApi, useSession } from "../../roost.tsx";
import { sayValue } from "./flag-words.ts";

import styles from "./flags.module.css";

/** What was typed as a value of the flag's type; `undefined` where it is none. */
export function valueOfText(type: FlagType, text: string): FlagValue | undefined {
  if (type === "string") return text;
  if (type === "boolean") return text === "true";
  const number = Number(text.replace(",", "."));
  return text.trim() === "" || !Number.isFinite(number) ? undefined : number;
}

/** A field for a value, as its type wants it. */
export function ValueField({
  label,
  type,
  text,
  onText,
  limits,
}: {
  readonly label: string;
  readonly type: FlagType;
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly limits?: Pick<Flag, "min" | "max">;
}) {
  if (type === "boolean") {
    return (
      <Select
        label={label}
        data={[
          { value: "true", label: "On" },
          { value: "false", label: "Off" },
        ]}
        value={text}
        onChange={(value) => onText(value ?? "false")}
        comboboxProps={{ withinPortal: false }}
      />
    );
  }
  const bounds = limits?.min === undefined || limits.max === undefined ? undefined : `From ${limits.min} to ${limits.max}.`;
  return (
    <TextInput
      label={label}
      {...(bounds === undefined ? {} : { description: bounds })}
      value={text}
      onChange={(event) => onText(event.currentTarget.value)}
      inputMode={type === "number" ? "decimal" : "text"}
      autoComplete="off"
      maxLength={1_000}
    />
  );
}

type Change = z.input<NonNullable<(typeof changeFlag)["body"]>>;

/** Makes a change to a flag, on the version that is on screen. */
function useChange(flag: Flag, onDone: () => void) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (change: Change) => call(changeFlag, { params: { key: flag.key }, body: { ...change, version: flag.version } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["flags"] });
      onDone();
    },
  });
}

function WhyField({ why, onWhy }: { readonly why: string; readonly onWhy: (why: string) => void }) {
  return (
    <TextInput
      label="Why"
      description="For the history; may stay empty."
      value={why}
      onChange={(event) => onWhy(event.currentTarget.value)}
      maxLength={500}
      autoComplete="off"
    />
  );
}

const reasonOf = (why: string) => (why.trim() === "" ? {} : { why: why.trim() });

/** Sets what all get whom no rule is about: one value, or one for a share of the devices. */
export function ChangeForAll({ flag, onClose }: { readonly flag: Flag; readonly onClose: () => void }) {
  const { setting, type } = flag;
  const share = "split" in setting.serve ? setting.serve.split : undefined;
  const now = share?.[0] ?? ("variant" in setting.serve ? { variant: setting.serve.variant, percent: 100 } : undefined);
  const rest = share?.[1]?.variant ?? setting.offVariant;
  const [text, setText] = useState(String(setting.variants[now?.variant ?? ""] ?? ""));
  const [percent, setPercent] = useState(String(now?.percent ?? 100));
  const [others, setOthers] = useState(rest);
  const [why, setWhy] = useState("");
  const change = useChange(flag, onClose);
  const value = valueOfText(type, text);
  const part = Number(percent.replace(",", "."));
  const partFits = percent.trim() !== "" && part >= 0 && part <= 100;
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (value === undefined || !partFits) return;
    if (part === 100) return change.mutate({ serve: { value }, ...reasonOf(why) });
    const found = Object.entries(setting.variants).find(([, one]) => one === value)?.[0];
    const variant = found ?? `value-${Object.keys(setting.variants).length + 1}`;
    const split = [
      { variant, percent: part },
      { variant: others, percent: 100 - part },
    ];
    change.mutate({ variants: { ...setting.variants, [variant]: value }, serve: { split }, ...reasonOf(why) });
  };
  return (
    <Dialog title="What everybody gets" onClose={onClose}>
      <form onSubmit={submit}>
        <ValueField label="Value" type={type} text={text} onText={setText} limits={flag} />
        <TextInput
          label="For so many percent"
          description="Of the devices, always the same ones: raising it adds some and takes it from none."
          value={percent}
          onChange={(event) => setPercent(event.currentTarget.value)}
          inputMode="decimal"
          autoComplete="off"
          error={partFits ? undefined : "A number from 0 to 100."}
        />
        {partFits && part < 100 && (
          <Select
            label="The others get"
            data={Object.entries(setting.variants).map(([name, one]) => ({ value: name, label: sayValue(one) }))}
            value={others}
            onChange={(name) => setOthers(name ?? setting.offVariant)}
            comboboxProps={{ withinPortal: false }}
          />
        )}
        <WhyField why={why} onWhy={setWhy} />
        {change.isError && <Fault error={change.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={change.isPending} disabled={value === undefined || !partFits}>
            Save
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

const listOf = (text: string): string[] => text.split(/[\s,;]+/).filter((one) => one !== "");

/** Adds a rule: some get another value than all. */
export function AddRule({ flag, onClose }: { readonly flag: Flag; readonly onClose: () => void }) {
  const { organisation } = useSession();
  const [organisations, setOrganisations] = useState("");
  const [groups, setGroups] = useState("");
  const [devices, setDevices] = useState("");
  const [kinds, setKinds] = useState("");
  const [environments, setEnvironments] = useState("");
  const [text, setText] = useState(flag.type === "boolean" ? "true" : "");
  const [why, setWhy] = useState("");
  const change = useChange(flag, onClose);
  const value = valueOfText(flag.type, text);
  const when = {
    ...part("organisationIds", organisations),
    ...part("groupIds", groups),
    ...part("deviceIds", devices),
    ...part("kinds", kinds),
    ...part("environments", environments),
  };
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (value === undefined || Object.keys(when).length === 0) return;
    const rules = [...flag.setting.rules, { when, serve: { value } }];
    change.mutate({ rules, ...reasonOf(why) });
  };
  const field = (label: string, description: string, text_: string, onText: (text: string) => void) => (
    <TextInput
      label={label}
      description={description}
      value={text_}
      onChange={(event) => onText(event.currentTarget.value)}
      autoComplete="off"
      spellCheck={false}
    />
  );
  return (
    <Dialog title="Add a rule" onClose={onClose}>
      <form onSubmit={submit}>
        <p>Who fits all that you fill in gets the value. Several ids in one field, apart by spaces: one of them is enough.</p>
        {field("Devices", "By their ids.", devices, setDevices)}
        {field("Kinds", "Of devices, as their page names it.", kinds, setKinds)}
        <div className={styles.withButton}>
          {field("Organisations", "By their ids.", organisations, setOrganisations)}
          <Button
            variant="default"
            disabled={listOf(organisations).includes(organisation.id)}
            onClick={() => setOrganisations((before) => [...listOf(before), organisation.id].join(" "))}
          >
            Add {organisation.name}
          </Button>
        </div>
        {field("Device groups", "By their ids.", groups, setGroups)}
        {field("Environments", "Of installations: production, staging, development.", environments, setEnvironments)}
        <ValueField label="They get" type={flag.type} text={text} onText={setText} limits={flag} />
        <WhyField why={why} onWhy={setWhy} />
        {change.isError && <Fault error={change.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={change.isPending} disabled={value === undefined || Object.keys(when).length === 0}>
            Add rule
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

function part(name: string, text: string): Record<string, string[]> {
  const list = listOf(text);
  return list.length === 0 ? {} : { [name]: list };
}
