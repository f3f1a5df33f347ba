import type { PlanEntry, PlanState } from "@roost/contract/rollout-plans";

/** What of a plan decides how it goes. */
export interface PlanShape {
  readonly steps: readonly { readonly waitSeconds: number; readonly asks: boolean }[];
  readonly rollBackOnFailure: boolean;
}

/** How far a plan has come. */
export interface PlanProgress {
  readonly state: PlanState;
  /** Counted from 0. */
  readonly step: number;
  /** How much of the step's wait was watched with its gates open. */
  readonly watchedMs: number;
  readonly pausedFrom?: "running" | "waiting" | undefined;
  /** It is paused because a gate failed: whoever resumes begins the wait anew. */
  readonly gateFailed: boolean;
  readonly why?: string | undefined;
}

export type PlanEvent =
  | { readonly kind: "start"; readonly why?: string | undefined }
  | { readonly kind: "watched"; readonly elapsedMs: number }
  | { readonly kind: "gate_failed"; readonly why: string }
  | { readonly kind: "pause"; readonly why?: string | undefined }
  | { readonly kind: "resume"; readonly why?: string | undefined }
  /** A person decides about this step. */
  | { readonly kind: "advance"; readonly step: number; readonly why?: string | undefined }
  | { readonly kind: "roll_back"; readonly why?: string | undefined };

export type PlanAct =
  | { readonly kind: "apply"; readonly step: number }
  | { readonly kind: "restore" }
  | { readonly kind: "note"; readonly what: PlanEntry["what"]; readonly step: number; readonly why?: string | undefined };

export interface PlanTurn {
  readonly progress: PlanProgress;
  /** What has to be done in the transaction that stores the progress, in this order. */
  readonly acts: readonly PlanAct[];
}

export const draftProgress: PlanProgress = { state: "draft", step: 0, watchedMs: 0, gateFailed: false };

/** States in which a plan holds its flags. */
export const underWay: ReadonlySet<PlanState> = new Set(["running", "waiting", "paused"]);

/**
 * What becomes of a plan by what happens to it.
 *
 * Time comes in as spans that were watched, never as an instant: a clock that jumps, or a server that was down, moves no plan.
 *
 * @returns `undefined` where the event has no place in this state.
 */
export function turnPlan(shape: PlanShape, now: PlanProgress, event: PlanEvent): PlanTurn | undefined {
  switch (event.kind) {
    case "start":
      return now.state === "draft" ? begin(0, [note("started", 0, event.why)]) : undefined;
    case "watched":
      return watched(shape, now, event.elapsedMs);
    case "gate_failed":
      return gateFailed(shape, now, event.why);
    case "pause":
      if (now.state !== "running" && now.state !== "waiting") return undefined;
      return {
        progress: { ...now, state: "paused", pausedFrom: now.state, gateFailed: false, why: event.why },
        acts: [note("paused", now.step, event.why)],
      };
    case "resume":
      if (now.state !== "paused") return undefined;
      return {
        progress: {
          state: now.gateFailed ? "running" : (now.pausedFrom ?? "running"),
          step: now.step,
          // What was watched before a gate failed proves nothing any more.
          watchedMs: now.gateFailed ? 0 : now.watchedMs,
          gateFailed: false,
        },
        acts: [note("resumed", now.step, event.why)],
      };
    case "advance":
      if ((now.state !== "running" && now.state !== "waiting") || event.step !== now.step) return undefined;
      return next(shape, now, [note("advanced", now.step, event.why)]);
    case "roll_back":
      return now.state === "draft" || now.state === "rolled_back" ? undefined : rollBack(now, event.why);
  }
}

function watched(shape: PlanShape, now: PlanProgress, elapsedMs: number): PlanTurn | undefined {
  if (now.state === "waiting") return { progress: now, acts: [] };
  const step = shape.steps[now.step];
  if (now.state !== "running" || step === undefined) return undefined;
  const waitMs = step.waitSeconds * 1_000;
  const watchedMs = Math.min(now.watchedMs + Math.max(0, elapsedMs), waitMs);
  if (watchedMs < waitMs) return { progress: { ...now, watchedMs }, acts: [] };
  if (!step.asks) return next(shape, now, []);
  return { progress: { ...now, state: "waiting", watchedMs }, acts: [note("waits_for_a_person", now.step)] };
}

function gateFailed(shape: PlanShape, now: PlanProgress, why: string): PlanTurn | undefined {
  if (now.state !== "running" && now.state !== "waiting") return undefined;
  const failed = note("gate_failed", now.step, why);
  if (shape.rollBackOnFailure) {
    const back = rollBack(now, why);
    return { progress: back.progress, acts: [failed, ...back.acts] };
  }
  return { progress: { ...now, state: "paused", pausedFrom: now.state, gateFailed: true, why }, acts: [failed] };
}

function next(shape: PlanShape, now: PlanProgress, acts: readonly PlanAct[]): PlanTurn {
  if (now.step + 1 < shape.steps.length) return begin(now.step + 1, acts);
  const waitMs = (shape.steps[now.step]?.waitSeconds ?? 0) * 1_000;
  return {
    progress: { state: "done", step: now.step, watchedMs: Math.min(now.watchedMs, waitMs), gateFailed: false },
    acts: [...acts, note("done", now.step)],
  };
}

function begin(step: number, acts: readonly PlanAct[]): PlanTurn {
  return {
    progress: { state: "running", step, watchedMs: 0, gateFailed: false },
    acts: [...acts, note("step_began", step), { kind: "apply", step }],
  };
}

function rollBack(now: PlanProgress, why: string | undefined): PlanTurn {
  return {
    progress: { state: "rolled_back", step: now.step, watchedMs: now.watchedMs, gateFailed: false, why },
    acts: [note("rolled_back", now.step, why), { kind: "restore" }],
  };
}

function note(what: PlanEntry["what"], step: number, why?: string): PlanAct {
  return { kind: "note", what, step, ...(why === undefined ? {} : { why }) };
}
