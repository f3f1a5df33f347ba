import type { GateReading, PlanGate, PlanState, PlanStep, RolloutPlan } from "@roost/contract/rollout-plans";

import { progressOf, sayGate, saySpan, sayStepChange } from "./flag-words.ts";

import styles from "./plan.module.css";

type Phase = "past" | "present" | "future";

const phaseWords: Readonly<Record<Phase, string>> = { past: "Done", present: "Now", future: "To come" };

function phaseOf(plan: Pick<RolloutPlan, "state" | "step">, index: number): Phase {
  if (plan.state === "draft") return "future";
  if (plan.state === "done") return "past";
  if (index === plan.step) return "present";
  return index < plan.step ? "past" : "future";
}

/** The whole plan in one bar: each step as long as it waits, filled as far as it has come. */
export function PlanBar({ plan }: { readonly plan: RolloutPlan }) {
  // A step without a wait is seen as well, and a day does not hide an hour.
  const widths = plan.steps.map(({ waitSeconds }) => 1 + Math.sqrt(waitSeconds / 60));
  const whole = widths.reduce((all, one) => all + one, 0);
  const scale = 1_000 / whole;
  const begins = widths.map((_, index) => widths.slice(0, index).reduce((all, one) => all + one, 0) * scale);
  const here = (begins[plan.step] ?? 0) + (widths[plan.step] ?? 0) * scale * progressOf(plan);
  return (
    <>
      <p className="unseen">{describe(plan)}</p>
      <svg className={styles.bar} data-plan={plan.state} viewBox="0 0 1000 16" preserveAspectRatio="none" aria-hidden="true">
        {widths.map((width, index) => {
          const begin = begins[index] ?? 0;
          const end = begin + width * scale;
          const filled = phaseOf(plan, index) === "past" ? end : phaseOf(plan, index) === "present" ? here : begin;
          return (
            // oxlint-disable-next-line react/no-array-index-key -- a step is its place
            <g key={index}>
              <rect
                x={begin + (index === 0 ? 0 : 2)}
                width={end - begin - (index === 0 ? 0 : 2)}
                y="4"
                height="8"
                className={styles.track}
              />
              {filled > begin && (
                <rect x={begin + (index === 0 ? 0 : 2)} width={Math.max(0, filled - begin - 2)} y="4" height="8" className={styles.fill} />
              )}
            </g>
          );
        })}
        {plan.state !== "draft" && plan.state !== "done" && (
          <rect x={Math.min(995, Math.max(0, here - 2))} width="5" height="16" className={styles.here} />
        )}
      </svg>
    </>
  );
}

function describe({ state, step, steps, watchedSeconds }: RolloutPlan): string {
  const { name = "", waitSeconds = 0 } = steps[step] ?? {};
  if (state === "draft") return `${steps.length} steps, not started`;
  if (state === "done") return `All ${steps.length} steps done`;
  return `Step ${step + 1} of ${steps.length}, ${name}: ${saySpan(watchedSeconds)} of ${saySpan(waitSeconds)}`;
}

/** The plan step by step: what was, where we are with its gates and the time left, what is to come. */
export function PlanTimeline({ plan, gates }: { readonly plan: RolloutPlan; readonly gates: readonly GateReading[] }) {
  return (
    <ol className={styles.timeline} data-plan={plan.state} aria-label="Steps">
      {plan.steps.map((step, index) => {
        const phase = phaseOf(plan, index);
        return (
          // oxlint-disable-next-line react/no-array-index-key -- a step is its place
          <li key={index} className={styles.step} data-phase={phase} aria-current={phase === "present" ? "step" : undefined}>
            <Node phase={phase} state={plan.state} />
            <div className={styles.body}>
              <div className={styles.head}>
                <h3>
                  {index + 1}. {step.name}
                </h3>
                {step.stage !== undefined && <span className={styles.stage}>{step.stage}</span>}
                <span className="unseen">{phaseWords[phase]}</span>
                <span className={styles.wait}>{phase === "present" ? <TimeLeft plan={plan} step={step} /> : waitOf(step)}</span>
              </div>
              {step.changes.length > 0 && (
                <ul className={styles.changes}>
                  {step.changes.map((change) => (
                    <li key={change.flag}>{sayStepChange(change)}</li>
                  ))}
                </ul>
              )}
              {step.gates.length > 0 && (
                <ul className={styles.gates} aria-label="Gates">
                  {step.gates.map((gate, at) => (
                    // oxlint-disable-next-line react/no-array-index-key -- a gate is its place
                    <Gate key={at} gate={gate} reading={phase === "present" ? gates[at] : undefined} />
                  ))}
                </ul>
              )}
              {step.asks && <p className="quiet">Then a person decides.</p>}
            </div>
          </li>
        );
      })}
    </ol>
  );
}

function waitOf({ waitSeconds }: PlanStep): string {
  return waitSeconds === 0 ? "at once" : saySpan(waitSeconds);
}

function TimeLeft({ plan, step }: { readonly plan: RolloutPlan; readonly step: PlanStep }) {
  switch (plan.state) {
    case "waiting":
      return "the wait is over";
    case "rolled_back":
      return `left after ${saySpan(plan.watchedSeconds)}`;
    case "paused":
      return `stands at ${saySpan(plan.watchedSeconds)} of ${saySpan(step.waitSeconds)}`;
    default:
      return `${saySpan(step.waitSeconds - plan.watchedSeconds)} left of ${saySpan(step.waitSeconds)}`;
  }
}

function Node({ phase, state }: { readonly phase: Phase; readonly state: PlanState }) {
  const stopped = state === "paused" || state === "rolled_back";
  return (
    <svg className={styles.node} width="24" height="24" viewBox="0 0 24 24" aria-hidden="true">
      <circle cx="12" cy="12" r="9" className={styles.disc} />
      {phase === "past" && <path d="m7.5 12.5 3 3 6-7" className={styles.sign} />}
      {phase === "present" && !stopped && <circle cx="12" cy="12" r="4" className={styles.dot} />}
      {phase === "present" && stopped && <path d="M9.5 8.5v7M14.5 8.5v7" className={styles.sign} />}
    </svg>
  );
}

const gateWords: Readonly<Record<GateReading["state"], string>> = {
  open: "Open",
  closed: "Closed, the wait stands still",
  failed: "Failed",
  unknown: "Not to be read, the wait stands still",
};

function Gate({ gate, reading }: { readonly gate: PlanGate; readonly reading: GateReading | undefined }) {
  return (
    <li className={styles.gate} data-gate={reading?.state}>
      <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
        {reading === undefined && <circle cx="8" cy="8" r="5.5" strokeDasharray="2.8 2.8" className={styles.sign} />}
        {reading?.state === "open" && <path d="m3 8.5 3.5 3.5L13 4.5" className={styles.sign} />}
        {reading?.state === "closed" && <path d="M8 2 15 14H1zM8 6.5v3.4M8 11.8v.1" className={styles.sign} />}
        {reading?.state === "failed" && <path d="m4 4 8 8M12 4l-8 8" className={styles.sign} />}
        {reading?.state === "unknown" && <path d="M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.8-1.1 1.6M8 12.3v.1" className={styles.sign} />}
      </svg>
      <span>
        {sayGate(gate)}
        {reading !== undefined && (
          <span className={styles.seen}>
            <strong>{gateWords[reading.state]}</strong> · {reading.seen}
          </span>
        )}
      </span>
    </li>
  );
}
