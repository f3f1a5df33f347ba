import { Button, Select, TextInput } from "@mantine/core";
import { addFlag, type Flag, type FlagType, flagTypes, type FlagValue } from "@roost/contract/flags";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Chips, Filters, SearchField } from "../../parts/filters.tsx";
import { PlusIcon } from "../../parts/icons.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { RowsOf } from "../../parts/rows.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { ValueField, valueOfText } from "./flag-dialogs.tsx";
import { sayForAll, saySpan, staleWords } from "./flag-words.ts";
import { AddPlan } from "./plan-dialogs.tsx";
import { PlanStateMark } from "./plan-state.tsx";
import { flagList, planList } from "./questions.ts";

import styles from "./flags.module.css";

const route = getRouteApi("/signed-in/flags");

/** The feature flags of the installation, and the plans that roll them out. */
export function FlagsPage() {
  return useMay("platform:flags") ? <Flags /> : <NotYours />;
}

/** What is shown to those who do not look after the installation. */
export function NotYours() {
  return (
    <Page title="Feature flags">
      <Empty title="Feature flags belong to the installation.">
        <p>
          Only a platform administrator sees and changes them. Which values your devices get, and why, says{" "}
          <code>roost flag evaluate --device …</code>.
        </p>
      </Empty>
    </Page>
  );
}

function Flags() {
  const { call } = useApi();
  const { q = "", archived = "no" } = route.useSearch();
  const navigate = route.useNavigate();
  const flags = useQuery(flagList(call, archived));
  const plans = useQuery(planList(call));
  const [adding, setAdding] = useState<"flag" | "plan">();
  const words = q.toLowerCase();
  return (
    <Page title="Feature flags">
      <Section
        title="Rollout plans"
        about="Flags changed by the clock, step by step. A gate that fails stops the plan; one action puts everything back."
        actions={
          <Button variant="default" leftSection={<PlusIcon size={18} />} onClick={() => setAdding("plan")}>
            New plan
          </Button>
        }
      >
        <RowsOf
          query={plans}
          noun="rollout plans"
          items={(answer) => answer.items}
          empty={
            <Empty title="No rollout plans yet.">
              <p>A plan changes flags in steps and watches readiness, alarms and error rates in between. One for claims comes along.</p>
            </Empty>
          }
        >
          {(plan) => (
            <li key={plan.id} className={styles.row}>
              <div className={styles.what}>
                <Link to="/rollouts/$planId" params={{ planId: plan.id }}>
                  <strong>{plan.name}</strong>
                </Link>
                <span className="quiet">
                  Step {plan.step + 1} of {plan.steps.length}
                  {plan.state === "running" && `, ${saySpan((plan.steps[plan.step]?.waitSeconds ?? 0) - plan.watchedSeconds)} left`}
                  {plan.why !== undefined && `: ${plan.why}`}
                </span>
              </div>
              <PlanStateMark state={plan.state} />
            </li>
          )}
        </RowsOf>
      </Section>
      <Section
        title="Flags"
        about="Who gets what, changed while everything runs. In force on every server within two seconds."
        actions={
          <Button variant="default" leftSection={<PlusIcon size={18} />} onClick={() => setAdding("flag")}>
            Add flag
          </Button>
        }
      >
        <Filters>
          <SearchField label="Find a flag" value={q} onChange={(text) => void navigate({ search: (before) => ({ ...before, q: text }) })} />
          <Chips
            label="Which flags"
            value={archived}
            choices={[
              { value: "no", label: "In use" },
              { value: "yes", label: "Archived" },
            ]}
            onChange={(value) => void navigate({ search: (before) => ({ ...before, archived: value === "no" ? undefined : value }) })}
          />
        </Filters>
        <RowsOf
          query={flags}
          noun="flags"
          items={(answer) => answer.items.filter(({ key, about }) => `${key} ${about}`.toLowerCase().includes(words))}
          empty={<Empty title={q === "" ? (archived === "yes" ? "No archived flags." : "No flags.") : "No flag fits this search."} />}
        >
          {(flag) => <FlagRow key={flag.key} flag={flag} />}
        </RowsOf>
      </Section>
      {adding === "flag" && <AddFlag onClose={() => setAdding(undefined)} />}
      {adding === "plan" && <AddPlan onClose={() => setAdding(undefined)} />}
    </Page>
  );
}

function FlagRow({ flag }: { readonly flag: Flag }) {
  const rules = flag.setting.rules.length;
  return (
    <li className={styles.row}>
      <div className={styles.what}>
        <Link to="/flag" search={{ key: flag.key }} className="mono">
          <strong>{flag.key}</strong>
        </Link>
        <span>{flag.about}</span>
        {flag.stale !== undefined && <span className="quiet">{staleWords[flag.stale]}</span>}
      </div>
      <div className={styles.marks}>
        <FlagTags flag={flag} />
        <span className={styles.value}>{sayForAll(flag)}</span>
        <span className="quiet">
          {rules > 0 && `${rules === 1 ? "1 rule" : `${rules} rules`} · `}
          <Age at={flag.changedAt} />
        </span>
      </div>
    </li>
  );
}

/** What must be known of a flag at first sight, each in a word. */
export function FlagTags({ flag }: { readonly flag: Flag }) {
  return (
    <>
      {!flag.setting.enabled && flag.override === undefined && <span className={styles.killed}>Killed</span>}
      {flag.override !== undefined && <span className={styles.tag}>Set by the environment</span>}
      {!flag.effect.active && <span className={styles.tag}>{flag.shipped ? "No effect" : "Your own"}</span>}
      {flag.plans.some(({ state }) => state !== "draft") && <span className={styles.tag}>In a plan</span>}
      {flag.archivedAt !== undefined && <span className={styles.tag}>Archived</span>}
    </>
  );
}

const typeWords: Readonly<Record<FlagType, string>> = { boolean: "On or off", string: "Text", number: "Number" };
const firstValues: Readonly<Record<FlagType, string>> = { boolean: "false", string: "", number: "0" };

function AddFlag({ onClose }: { readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const [key, setKey] = useState("");
  const [about, setAbout] = useState("");
  const [type, setType] = useState<FlagType>("boolean");
  const [value, setValue] = useState(firstValues.boolean);
  const read: FlagValue | undefined = valueOfText(type, value);
  const add = useMutation({
    mutationFn: (body: { key: string; type: FlagType; about: string; value: FlagValue }) => call(addFlag, { body }),
    onSuccess: async (flag) => {
      await queryClient.invalidateQueries({ queryKey: ["flags"] });
      await navigate({ to: "/flag", search: { key: flag.key } });
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (read !== undefined) add.mutate({ key: key.trim(), type, about: about.trim(), value: read });
  };
  return (
    <Dialog title="Add a flag" onClose={onClose}>
      <form onSubmit={submit}>
        <p>For programs of your own: they ask for it by the API. Nothing in Roost itself will read it.</p>
        <TextInput
          label="Key"
          description="Small letters, digits, dots, hyphens, underscores."
          value={key}
          onChange={(event) => setKey(event.currentTarget.value)}
          pattern="[a-z][a-z0-9_.\-]{0,63}"
          autoComplete="off"
          spellCheck={false}
          required
        />
        <TextInput
          label="What it is for"
          value={about}
          onChange={(event) => setAbout(event.currentTarget.value)}
          maxLength={500}
          required
        />
        <Select
          label="Kind"
          data={flagTypes.map((one) => ({ value: one, label: typeWords[one] }))}
          value={type}
          onChange={(chosen) => {
            const next = flagTypes.find((one) => one === chosen) ?? "boolean";
            setType(next);
            setValue(firstValues[next]);
          }}
          comboboxProps={{ withinPortal: false }}
        />
        <ValueField label="Everybody gets" type={type} text={value} onText={setValue} />
        {add.isError && <Fault error={add.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={add.isPending} disabled={key.trim() === "" || about.trim() === "" || read === undefined}>
            Add flag
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
