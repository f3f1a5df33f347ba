import { flagErrors } from "@roost/contract/flags";
import { planErrors } from "@roost/contract/rollout-plans";
import type { GateReading, PlanEntry, PlanGate, PlanStep, RolloutPlan } from "@roost/contract/rollout-plans";

import type { Clock } from "../../platform/clock.ts";
import { isDatabaseAway } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import type { Actor } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { findFlag } from "./flag-store.ts";
import { createFlagWriting } from "./flag-writing.ts";
import type { Flags } from "./flags.ts";
import { createGates } from "./gates.ts";
import type { GateReads } from "./gates.ts";
import { limitsOf } from "./limits.ts";
import * as store from "./plan-store.ts";
import type { StoredPlan } from "./plan-store.ts";
import { createPlanTurns } from "./plan-turns.ts";
import type { PlanEvent } from "./plan.ts";
import { changeSetting } from "./setting.ts";

export type { GateReads } from "./gates.ts";

export interface RolloutPlansDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Pick<Audit, "record">;
  readonly flags: Pick<Flags, "refresh">;
  readonly reads: GateReads;
}

const plansAtMost = 500;
const tickMs = 1_000;
/** A span between two looks counts for no more than this: while Roost was down nobody watched. */
const spanAtMostMs = 5_000;

/** Rollout plans: changes to flags by the clock, with gates that stop them. Call `start` once; every server watches, and each turn is made once. */
export function createRolloutPlans({ db, clock, log, audit, flags, reads }: RolloutPlansDeps) {
  const turns = createPlanTurns({ write: createFlagWriting({ audit }), audit });
  const gates = createGates({ reads, clock });
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  let closed = false;
  let away = false;

  async function readGates({ shown, watchingSince }: StoredPlan): Promise<GateReading[]> {
    const step = shown.steps[shown.step];
    if (step === undefined || watchingSince === undefined) return [];
    const key = `${shown.id}/${shown.step}/${watchingSince.getTime()}`;
    return Promise.all(step.gates.map((gate, index) => gates.read(`${key}/${index}`, gate, watchingSince)));
  }

  async function watch(seen: StoredPlan): Promise<void> {
    const readings = await readGates(seen);
    const turned = await db.transaction(async (tx) => {
      const plan = await store.tryLockPlan(tx, seen.shown.id);
      // What was read was about another moment of the plan: a person or another server has turned it.
      if (plan === undefined || plan.progress.state !== seen.progress.state || plan.progress.step !== seen.progress.step) return false;
      if (plan.watchingSince?.getTime() !== seen.watchingSince?.getTime()) return false;
      const failed = readings.findIndex(({ state }) => state === "failed");
      const event: PlanEvent =
        failed === -1
          ? { kind: "watched", elapsedMs: readings.every(({ state }) => state === "open") ? countedMs(plan) : 0 }
          : { kind: "gate_failed", why: describeFailure(plan, failed, readings) };
      const after = await turns.turn(tx, plan, event, actorOf(plan));
      return after.state !== plan.progress.state || after.step !== plan.progress.step;
    });
    if (turned) await flags.refresh();
  }

  async function lookOnce(): Promise<void> {
    for (const plan of await store.selectWatched(db)) {
      await watch(plan).catch((error: unknown) => {
        if (isDatabaseAway(error)) throw error;
        log.error({ err: error, planId: plan.shown.id }, "a rollout plan could not be turned; it is tried again");
      });
    }
    gates.tidy();
  }

  function lookLater(): void {
    if (closed) return;
    timer = setTimeout(() => {
      looking = lookOnce().then(
        () => {
          away = false;
        },
        (error: unknown) => {
          // Once, not every second.
          if (!away) log.warn({ err: error }, "rollout plans cannot be looked at for now, and stand still");
          away = true;
        },
      );
      void looking.finally(lookLater);
    }, tickMs).unref();
  }

  async function turn(planId: string, event: PlanEvent, by: Actor): Promise<RolloutPlan> {
    await db.transaction(async (tx) => {
      const plan = await store.lockPlan(tx, planId);
      if (plan === undefined) throw planErrors.not_found({ planId });
      await turns.turn(tx, plan, event, by);
    });
    await flags.refresh();
    return shownOf(planId);
  }

  async function shownOf(planId: string): Promise<RolloutPlan> {
    const plan = await store.findPlan(db, planId);
    if (plan === undefined) throw planErrors.not_found({ planId });
    return plan.shown;
  }

  /** What a plan will do must be doable today; it is looked at again when it is done. */
  async function check(steps: readonly PlanStep[]): Promise<void> {
    for (const { changes, gates: ofStep } of steps) {
      for (const { flag: key, ...change } of changes) {
        const flag = await findFlag(db, key);
        if (flag === undefined || flag.archivedAt !== undefined) throw flagErrors.not_found({ key });
        changeSetting(limitsOf(flag), flag.setting, change);
      }
      for (const gate of ofStep) {
        if (gate.kind !== "metric") continue;
        if (gate.above === undefined && gate.below === undefined) throw planErrors.gate_without_limit({ metric: gate.metric });
        if (!(await gates.hasMetric(gate.metric))) throw planErrors.unknown_metric({ metric: gate.metric });
      }
    }
  }

  return {
    start: lookLater,

    async list(): Promise<RolloutPlan[]> {
      return (await store.selectPlans(db, plansAtMost)).map(({ shown }) => shown);
    },

    /** @throws {AppError} `rollout_plans.not_found` */
    async get(planId: string): Promise<RolloutPlan & { history: PlanEntry[]; gates: GateReading[] }> {
      const plan = await store.findPlan(db, planId);
      if (plan === undefined) throw planErrors.not_found({ planId });
      const isWatched = plan.progress.state === "running" || plan.progress.state === "waiting" || plan.progress.state === "paused";
      const [history, readings] = await Promise.all([store.selectPlanEntries(db, planId), isWatched ? readGates(plan) : []]);
      return { ...plan.shown, history, gates: readings };
    },

    async add(
      plan: { name: string; about: string; rollBackOnFailure: boolean; steps: readonly PlanStep[] },
      by: Actor,
    ): Promise<RolloutPlan> {
      await check(plan.steps);
      const planId = await db.transaction(async (tx) => {
        if ((await store.countPlans(tx)) >= plansAtMost) throw planErrors.too_many({ limit: plansAtMost });
        const id = await store.insertPlan(tx, { ...plan, by: by.name });
        await store.insertPlanEntry(tx, id, { what: "added", by: by.name, step: 0 });
        const { name, rollBackOnFailure, steps } = plan;
        await audit.record(tx, {
          by,
          action: "rollout_plan.added",
          object: { kind: "rollout_plan", id, name },
          after: { rollBackOnFailure, steps },
        });
        return id;
      });
      return shownOf(planId);
    },

    /** @throws {AppError} `rollout_plans.not_found`, `rollout_plans.under_way` */
    async remove(planId: string, by: Actor): Promise<void> {
      await db.transaction(async (tx) => {
        const plan = await store.lockPlan(tx, planId);
        if (plan === undefined) throw planErrors.not_found({ planId });
        const { state, name } = plan.shown;
        if (state === "running" || state === "waiting" || state === "paused") throw planErrors.under_way({ state });
        await audit.record(tx, {
          by,
          action: "rollout_plan.removed",
          object: { kind: "rollout_plan", id: planId, name },
          before: { state },
        });
        await store.deletePlan(tx, planId);
      });
    },

    /** Each throws `rollout_plans.not_found`, and `rollout_plans.not_now` where the state does not allow it. */
    begin: (planId: string, why: string | undefined, by: Actor): Promise<RolloutPlan> => turn(planId, { kind: "start", why }, by),
    pause: (planId: string, why: string | undefined, by: Actor): Promise<RolloutPlan> => turn(planId, { kind: "pause", why }, by),
    resume: (planId: string, why: string | undefined, by: Actor): Promise<RolloutPlan> => turn(planId, { kind: "resume", why }, by),
    advance: (planId: string, step: number, why: string | undefined, by: Actor): Promise<RolloutPlan> =>
      turn(planId, { kind: "advance", step, why }, by),
    rollBack: (planId: string, why: string | undefined, by: Actor): Promise<RolloutPlan> => turn(planId, { kind: "roll_back", why }, by),

    /** Looks at all plans now, beside the clock. */
    look: lookOnce,

    async close(): Promise<void> {
      closed = true;
      clearTimeout(timer);
      await looking;
    },
  };
}

export type RolloutPlans = ReturnType<typeof createRolloutPlans>;

function countedMs({ sinceCountedMs = 0 }: StoredPlan): number {
  return Math.min(Math.max(0, sinceCountedMs), spanAtMostMs);
}

function actorOf({ shown }: StoredPlan): Actor {
  return { kind: "system", id: "rollout-plans", name: `Plan ${shown.name}` };
}

function describeFailure({ shown }: StoredPlan, index: number, readings: readonly GateReading[]): string {
  const gate = shown.steps[shown.step]?.gates[index];
  return `${gate === undefined ? "A gate" : nameOf(gate)}: ${readings[index]?.seen ?? ""}`;
}

function nameOf(gate: PlanGate): string {
  switch (gate.kind) {
    case "readiness":
      return "Readiness";
    case "alarms":
      return "Alarms";
    case "metric": {
      const labels = Object.entries(gate.labels ?? {}).map(([name, value]) => `${name}=${value}`);
      const limits = [
        gate.above === undefined ? [] : [`above ${gate.above}`],
        gate.below === undefined ? [] : [`below ${gate.below}`],
      ].flat();
      return `${gate.metric}${labels.length === 0 ? "" : `{${labels.join(",")}}`} (${gate.reading}, fails ${limits.join(" or ")})`;
    }
  }
}
