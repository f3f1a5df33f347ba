import { Button, TextInput } from "@mantine/core";
import { isAppError } from "@roost/contract/errors";
import {
  advanceRolloutPlan,
  type getRolloutPlan,
  pauseRolloutPlan,
  type PlanEntry,
  removeRolloutPlan,
  resumeRolloutPlan,
  rollBackRolloutPlan,
  startRolloutPlan,
} from "@roost/contract/rollout-plans";
import type { RouteReply } from "@roost/contract/route";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatExact } from "../../parts/format.ts";
import { Page, Section } from "../../parts/page.tsx";
import { PageWaiting } from "../../parts/waiting.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { saySpan } from "./flag-words.ts";
import { NotYours } from "./flags-page.tsx";
import { PlanStateMark } from "./plan-state.tsx";
import { PlanBar, PlanTimeline } from "./plan-timeline.tsx";
import { onePlan } from "./questions.ts";

import styles from "./plan.module.css";

const route = getRouteApi("/signed-in/rollouts/$planId");

type PlanWhole = RouteReply<typeof getRolloutPlan>;

/** One rollout plan: where it is, what holds it, what a person can do now. */
export function PlanPage() {
  return useMay("platform:flags") ? <Loaded /> : <NotYours />;
}

function Loaded() {
  const { planId } = route.useParams();
  const plan = useQuery(onePlan(useApi().call, planId));
  if (plan.data !== undefined) return <PlanView plan={plan.data} stale={plan.isError} />;
  if (!plan.isError) return <PageWaiting />;
  return (
    <Page title="Rollout plan">
      {isAppError(plan.error, "rollout_plans.not_found") || isAppError(plan.error, "http.invalid") ? (
        <Empty title="There is no such rollout plan.">
          <Link to="/flags">See flags and plans</Link>
        </Empty>
      ) : (
        <Fault title="The plan could not be loaded" error={plan.error} onRetry={() => void plan.refetch()} />
      )}
    </Page>
  );
}

function PlanView({ plan, stale }: { readonly plan: PlanWhole; readonly stale: boolean }) {
  return (
    <Page title={plan.name} actions={<Turns plan={plan} />}>
      <div className={styles.lead}>
        <p className={styles.now}>
          <PlanStateMark state={plan.state} />
          {plan.state === "running" && (
            <span>
              Step {plan.step + 1} of {plan.steps.length},{" "}
              <strong>{saySpan((plan.steps[plan.step]?.waitSeconds ?? 0) - plan.watchedSeconds)} left</strong>
            </span>
          )}
          {plan.state === "waiting" && <span>The wait of step {plan.step + 1} is over. Look at the gates, then decide.</span>}
          {plan.why !== undefined && <span className={styles.why}>{plan.why}</span>}
          {stale && <span className="quiet">What you see may be old: Roost does not answer.</span>}
        </p>
        {plan.about !== "" && <p className="quiet">{plan.about}</p>}
        <p className="quiet">
          {plan.rollBackOnFailure
            ? "A gate that fails puts everything back by itself."
            : "A gate that fails pauses the plan; a person goes on or rolls back."}
        </p>
      </div>
      <Section title="Timeline" about="Only time in which the gates were watched and open counts.">
        <PlanBar plan={plan} />
        <PlanTimeline plan={plan} gates={plan.gates} />
      </Section>
      <Section title="What happened">
        <ol className={styles.history}>
          {plan.history.toReversed().map((entry, index) => (
            // oxlint-disable-next-line react/no-array-index-key -- a record only grows, and is drawn whole
            <li key={index} className={styles.entry}>
              <span className="quiet" title={formatExact(entry.at)}>
                <Age at={entry.at} />
              </span>
              <span>
                <strong>{entryWords[entry.what]}</strong>
                {named.has(entry.what) && `: ${plan.steps[entry.step]?.name ?? ""}`} by {entry.by}
                {entry.why !== undefined && <span className={styles.because}>{entry.why}</span>}
              </span>
            </li>
          ))}
        </ol>
      </Section>
    </Page>
  );
}

const entryWords: Readonly<Record<PlanEntry["what"], string>> = {
  added: "Written",
  started: "Started",
  step_began: "Step began",
  waits_for_a_person: "Waits for a person",
  gate_failed: "A gate failed",
  paused: "Paused",
  resumed: "Resumed",
  advanced: "Decided to go on",
  rolled_back: "Rolled back",
  done: "Done",
};
/** Where the step's name says more. */
const named: ReadonlySet<PlanEntry["what"]> = new Set(["step_began", "waits_for_a_person", "gate_failed", "advanced"]);

type Turn = "start" | "pause" | "resume" | "advance" | "roll_back" | "remove";

/** What a person can do in the plan's state; each asks once. */
function Turns({ plan }: { readonly plan: PlanWhole }) {
  const [asking, setAsking] = useState<Turn>();
  const { state } = plan;
  const isUnderWay = state === "running" || state === "waiting" || state === "paused";
  return (
    <>
      {!isUnderWay && (
        <Button variant="subtle" color="gray" onClick={() => setAsking("remove")}>
          Remove
        </Button>
      )}
      {(state === "running" || state === "waiting") && (
        <Button variant="default" onClick={() => setAsking("pause")}>
          Pause
        </Button>
      )}
      {state === "running" && (
        <Button variant="default" onClick={() => setAsking("advance")}>
          Go on now
        </Button>
      )}
      {(isUnderWay || state === "done") && (
        <Button variant={state === "paused" ? "filled" : "outline"} color="red" onClick={() => setAsking("roll_back")}>
          Roll back
        </Button>
      )}
      {state === "paused" && <Button onClick={() => setAsking("resume")}>Resume</Button>}
      {state === "waiting" && <Button onClick={() => setAsking("advance")}>Decide: go on</Button>}
      {state === "draft" && <Button onClick={() => setAsking("start")}>Start</Button>}
      {asking !== undefined && <AskTurn plan={plan} turn={asking} onClose={() => setAsking(undefined)} />}
    </>
  );
}

const verbs: Readonly<Record<Turn, string>> = {
  start: "Start plan",
  pause: "Pause plan",
  resume: "Resume plan",
  advance: "Go on",
  roll_back: "Roll back",
  remove: "Remove plan",
};

function consequenceOf({ steps, step, state }: PlanWhole, turn: Turn): string {
  const next = steps[step + 1];
  switch (turn) {
    case "start":
      return `The first step is made at once: ${steps[0]?.name ?? ""}. The plan's flags can be changed by nobody else until it ends.`;
    case "pause":
      return "The flags stay as they are now, and the wait stands still.";
    case "resume":
      return "The plan goes on where it stands. Where a gate had failed, the step's wait begins anew.";
    case "advance":
      return `${state === "running" ? "The rest of the wait is left out. " : ""}${next === undefined ? "This was the last step: the plan is done." : `The next step is made at once: ${next.name}.`}`;
    case "roll_back":
      return "Every flag of the plan becomes what it was before the start, on every server within two seconds. A flag that a person killed stays killed.";
    case "remove":
      return "The plan and its record are removed; the flags stay as they are, and their history too.";
  }
}

function AskTurn({ plan, turn, onClose }: { readonly plan: PlanWhole; readonly turn: Turn; readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const [why, setWhy] = useState("");
  const params = { planId: plan.id };
  const body = why.trim() === "" ? {} : { why: why.trim() };
  const make = useMutation({
    mutationFn: async () => {
      if (turn === "remove") await call(removeRolloutPlan, { params });
      else if (turn === "advance") await call(advanceRolloutPlan, { params, body: { ...body, step: plan.step } });
      else if (turn === "start") await call(startRolloutPlan, { params, body });
      else if (turn === "pause") await call(pauseRolloutPlan, { params, body });
      else if (turn === "resume") await call(resumeRolloutPlan, { params, body });
      else await call(rollBackRolloutPlan, { params, body });
    },
    onSuccess: async () => {
      if (turn === "remove") await navigate({ to: "/flags", search: {} });
      await Promise.all([
        queryClient.invalidateQueries({ queryKey: ["rollout-plans"] }),
        queryClient.invalidateQueries({ queryKey: ["flags"] }),
      ]);
      onClose();
    },
  });
  return (
    <Confirm
      title={`${verbs[turn]}?`}
      verb={verbs[turn]}
      calm={turn !== "roll_back" && turn !== "remove"}
      busy={make.isPending}
      error={make.error}
      onConfirm={() => make.mutate()}
      onClose={onClose}
    >
      <p>{consequenceOf(plan, turn)}</p>
      {turn !== "remove" && (
        <TextInput
          label={turn === "advance" ? "What you decided, and why" : "Why"}
          description="For the record; may stay empty."
          value={why}
          onChange={(event) => setWhy(event.currentTarget.value)}
          maxLength={500}
          autoComplete="off"
        />
      )}
    </Confirm>
  );
}
