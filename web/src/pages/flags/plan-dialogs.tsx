import { Button, Checkbox, Select, Textarea, TextInput } from "@mantine/core";
import { AppError } from "@roost/contract/errors";
import { addRolloutPlan } from "@roost/contract/rollout-plans";
import { claimRollout } from "@roost/contract/rollout-template";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { z } from "zod";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Chips } from "../../parts/filters.tsx";
import { useApi } from "../../roost.tsx";
import { sayValue, saySpan } from "./flag-words.ts";
import { type PlanInput, rampPlan, readPercents, type Watched, watchedWords } from "./plan-ramp.ts";
import { flagList } from "./questions.ts";

import styles from "./plan.module.css";

const planShape = addRolloutPlan.body ?? z.never();

/** Reads a plan that was typed, and tells every fault with its place. */
function readPlan(text: string): PlanInput {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const faults = [error instanceof Error ? error.message : "It is no JSON."];
    throw new AppError("web.no_json", 0, "This is no JSON. A comma or a bracket may be missing.", { faults }, { cause: error });
  }
  const read = planShape.safeParse(json);
  if (!read.success) throw new AppError("http.invalid", 400, "The plan does not have the form of one.", { issues: read.error.issues });
  return json as PlanInput;
}

const ways = [
  { value: "ramp", label: "Ramp up" },
  { value: "claims", label: "Claims" },
  { value: "own", label: "Your own" },
] as const;
type Way = (typeof ways)[number]["value"];

/** Writes a plan, in one of three ways. Nothing happens until it is started. */
export function AddPlan({ onClose }: { readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const [way, setWay] = useState<Way>("ramp");
  const add = useMutation({
    mutationFn: async (read: () => PlanInput) => call(addRolloutPlan, { body: read() }),
    onSuccess: async (plan) => {
      await queryClient.invalidateQueries({ queryKey: ["rollout-plans"] });
      await navigate({ to: "/rollouts/$planId", params: { planId: plan.id } });
    },
  });
  const end = (ready: boolean) => (
    <>
      {add.isError && <Fault error={add.error} />}
      <FormEnd>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" loading={add.isPending} disabled={!ready}>
          Write plan
        </Button>
      </FormEnd>
    </>
  );
  return (
    <Dialog title="New rollout plan" onClose={onClose}>
      <div className={styles.ways}>
        <Chips
          label="Which plan"
          choices={ways}
          value={way}
          onChange={(chosen) => {
            add.reset();
            setWay(chosen);
          }}
        />
        {way === "ramp" && <RampForm end={end} onPlan={add.mutate} />}
        {way === "claims" && <ClaimsForm end={end} onPlan={add.mutate} />}
        {way === "own" && <OwnForm end={end} onPlan={add.mutate} />}
      </div>
    </Dialog>
  );
}

interface FormProps {
  /** The end of the form: its fault and its buttons. */
  readonly end: (ready: boolean) => ReactNode;
  readonly onPlan: (read: () => PlanInput) => void;
}

const waits = [
  { value: "600", label: "10 minutes" },
  { value: "3600", label: "1 hour" },
  { value: "86400", label: "24 hours" },
  { value: "604800", label: "7 days" },
];
const watchedKinds = Object.keys(watchedWords) as readonly Watched[];

function RampForm({ end, onPlan }: FormProps) {
  const flags = useQuery(flagList(useApi().call, "no"));
  const [key, setKey] = useState<string>();
  const [variant, setVariant] = useState<string>();
  const [percents, setPercents] = useState("1, 10, 50, 100");
  const [wait, setWait] = useState("3600");
  const [watched, setWatched] = useState<readonly Watched[]>(watchedKinds);
  const [failing, setFailing] = useState("pause");
  const [asks, setAsks] = useState(true);
  const flag = flags.data?.items.find((one) => one.key === key);
  const shares = readPercents(percents);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (flag === undefined || variant === undefined || shares === undefined) return;
    const ramp = { flag, variant, percents: shares, waitSeconds: Number(wait), watched, rollBackOnFailure: failing === "back", asks };
    onPlan(() => rampPlan(ramp));
  };
  return (
    <form onSubmit={submit}>
      <Select
        label="Flag"
        data={(flags.data?.items ?? []).map((one) => ({ value: one.key, label: one.key }))}
        value={key ?? null}
        onChange={(chosen) => {
          const next = flags.data?.items.find((one) => one.key === chosen);
          setKey(next?.key);
          setVariant(next?.type === "boolean" ? "on" : undefined);
        }}
        searchable
        comboboxProps={{ withinPortal: false }}
      />
      <Select
        label="Value to bring in"
        data={Object.entries(flag?.setting.variants ?? {}).map(([name, value]) => ({ value: name, label: `${sayValue(value)} (${name})` }))}
        value={variant ?? null}
        onChange={(chosen) => setVariant(chosen ?? undefined)}
        disabled={flag === undefined}
        comboboxProps={{ withinPortal: false }}
      />
      <TextInput
        label="To so many percent of the devices"
        description="A step for each, growing."
        value={percents}
        onChange={(event) => setPercents(event.currentTarget.value)}
        error={shares === undefined ? "Numbers that grow, up to 100, such as 1, 10, 50, 100." : undefined}
        inputMode="decimal"
        autoComplete="off"
      />
      <Select
        label="Each step waits"
        data={waits}
        value={wait}
        onChange={(chosen) => setWait(chosen ?? "3600")}
        comboboxProps={{ withinPortal: false }}
      />
      <Checkbox.Group
        label="And goes on only while"
        value={[...watched]}
        onChange={(values) => setWatched(watchedKinds.filter((one) => values.includes(one)))}
      >
        {watchedKinds.map((one) => (
          <Checkbox key={one} value={one} label={watchedWords[one]} className={styles.choice ?? ""} />
        ))}
      </Checkbox.Group>
      <Select
        label="When one of these fails"
        data={[
          { value: "pause", label: "Pause, and a person decides" },
          { value: "back", label: "Put everything back at once" },
        ]}
        value={failing}
        onChange={(chosen) => setFailing(chosen ?? "pause")}
        comboboxProps={{ withinPortal: false }}
      />
      <Checkbox
        label="Ask a person before the last step"
        checked={asks}
        onChange={(event) => setAsks(event.currentTarget.checked)}
        className={styles.choice ?? ""}
      />
      {end(flag !== undefined && variant !== undefined && shares !== undefined)}
    </form>
  );
}

function ClaimsForm({ end, onPlan }: FormProps) {
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    onPlan(() => claimRollout);
  };
  return (
    <form onSubmit={submit}>
      <p>The careful way to bring repeated claims into production. It comes along with Roost.</p>
      <ol className={styles.outline}>
        {claimRollout.steps.map((step) => (
          <li key={step.name}>
            <strong>{step.name}</strong>
            <span className="quiet"> · {saySpan(step.waitSeconds)}</span>
          </li>
        ))}
      </ol>
      {end(true)}
    </form>
  );
}

function OwnForm({ end, onPlan }: FormProps) {
  const [text, setText] = useState(() => JSON.stringify(claimRollout, undefined, 2));
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    onPlan(() => readPlan(text));
  };
  return (
    <form onSubmit={submit}>
      <Textarea
        label="Plan"
        description="As JSON; begin with the plan for claims and make it yours. The guide to flags has every field."
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        rows={14}
        spellCheck={false}
        autoComplete="off"
        classNames={{ input: styles.json ?? "" }}
      />
      {end(true)}
    </form>
  );
}
