import { isDeepStrictEqual } from "node:util";

import { flagErrors } from "@roost/contract/flags";
import { planErrors } from "@roost/contract/rollout-plans";
import type { PlanStep } from "@roost/contract/rollout-plans";

import type { Transaction } from "../../platform/db.ts";
import type { Actor } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { lockFlag } from "./flag-store.ts";
import type { StoredFlag } from "./flag-store.ts";
import type { WriteFlag } from "./flag-writing.ts";
import { limitsOf } from "./limits.ts";
import * as store from "./plan-store.ts";
import type { BeforePlan, StoredPlan } from "./plan-store.ts";
import { turnPlan, underWay } from "./plan.ts";
import type { PlanAct, PlanEvent, PlanProgress } from "./plan.ts";
import { changeSetting } from "./setting.ts";

/**
 * Turns plans: what the pure rules say is stored in one transaction with the changes to the flags, under the plan's lock. So a step is
 * made once or not at all, whatever dies in between and however many servers watch.
 */
export function createPlanTurns({ write, audit }: { write: WriteFlag; audit: Pick<Audit, "record"> }) {
  async function lockFlags(tx: Transaction, keys: readonly string[]): Promise<Map<string, StoredFlag>> {
    const flags = new Map<string, StoredFlag>();
    for (const key of keys.toSorted()) {
      const flag = await lockFlag(tx, key);
      if (flag === undefined) throw flagErrors.not_found({ key });
      flags.set(key, flag);
    }
    return flags;
  }

  async function apply(tx: Transaction, plan: StoredPlan, step: PlanStep, by: Actor): Promise<void> {
    const flags = await lockFlags(tx, [...new Set(step.changes.map(({ flag }) => flag))]);
    for (const { flag: key, ...change } of step.changes) {
      const flag = flags.get(key);
      if (flag === undefined) continue;
      const changed = changeSetting(limitsOf(flag), flag.setting, change);
      // Whoever pressed the kill switch switches it on again, and nothing else does.
      const setting = flag.killedByPerson ? { ...changed, enabled: false } : changed;
      if (isDeepStrictEqual(setting, flag.setting)) continue;
      flags.set(
        key,
        await write(tx, flag, {
          what: "plan_step",
          by,
          setting,
          why: by.kind === "system" ? step.name : `${plan.shown.name}: ${step.name}`,
          planId: plan.shown.id,
        }),
      );
    }
  }

  async function restore(tx: Transaction, plan: StoredPlan, by: Actor, why: string | undefined): Promise<void> {
    const before = plan.before ?? {};
    const flags = await lockFlags(tx, Object.keys(before));
    for (const [key, flag] of flags) {
      const was = before[key];
      if (was === undefined) continue;
      const setting = flag.killedByPerson ? { ...was.setting, enabled: false } : was.setting;
      if (isDeepStrictEqual(setting, flag.setting)) continue;
      await write(tx, flag, { what: "plan_rollback", by, setting, why: why ?? plan.shown.name, planId: plan.shown.id });
    }
  }

  /** Holds the plan's flags, and keeps what they are: the one moment that a rollback goes back to. */
  async function hold(tx: Transaction, plan: StoredPlan): Promise<StoredPlan> {
    const foreign = await store.findForeignHold(tx, plan.shown.id);
    if (foreign !== undefined) throw planErrors.flag_in_use(foreign);
    if (!(await store.holdFlags(tx, plan.shown.id, true))) throw planErrors.flag_in_use();
    const flags = await lockFlags(tx, store.keysOf(plan.shown.steps));
    const before: Record<string, BeforePlan[string]> = {};
    for (const [key, flag] of flags) {
      if (flag.archivedAt !== undefined) throw flagErrors.archived({ key });
      before[key] = { setting: flag.setting, killedByPerson: flag.killedByPerson };
    }
    await store.saveBefore(tx, plan.shown.id, before);
    return { ...plan, before };
  }

  async function note(tx: Transaction, plan: StoredPlan, act: Extract<PlanAct, { kind: "note" }>, by: Actor): Promise<void> {
    const { what, step, why } = act;
    const { id, name } = plan.shown;
    await store.insertPlanEntry(tx, id, { what, step, by: by.name, ...(why === undefined ? {} : { why }) });
    await audit.record(tx, {
      by,
      action: `rollout_plan.${what}`,
      object: { kind: "rollout_plan", id, name },
      after: { step: step + 1, stepName: plan.shown.steps[step]?.name, ...(why === undefined ? {} : { why }) },
    });
  }

  return {
    /**
     * Turns a plan that the caller has locked.
     *
     * @throws {AppError} `rollout_plans.not_now` where the event has no place, `rollout_plans.flag_in_use`, `flags.archived`
     */
    async turn(tx: Transaction, locked: StoredPlan, event: PlanEvent, by: Actor): Promise<PlanProgress> {
      const { shown, progress } = locked;
      const turned = turnPlan(shown, progress, event);
      if (turned === undefined) throw planErrors.not_now({ state: progress.state, step: progress.step });
      // A person is waited for, and the gates are open: nothing to write, second after second.
      if (turned.acts.length === 0 && turned.progress.state === "waiting") return turned.progress;
      const plan = event.kind === "start" ? await hold(tx, locked) : locked;
      for (const act of turned.acts) {
        const step = act.kind === "apply" ? shown.steps[act.step] : undefined;
        if (step !== undefined) await apply(tx, plan, step, by);
        else if (act.kind === "restore") {
          const foreign = await store.findForeignHold(tx, shown.id);
          if (foreign !== undefined) throw planErrors.flag_in_use(foreign);
          await restore(tx, plan, by, turned.progress.why);
        } else if (act.kind === "note") await note(tx, plan, act, by);
      }
      const began = turned.acts.some(({ kind }) => kind === "apply");
      const isOver = !underWay.has(turned.progress.state);
      if (isOver && underWay.has(progress.state)) await store.holdFlags(tx, shown.id, false);
      await store.savePlan(tx, shown.id, turned.progress, {
        counting: turned.progress.state === "running",
        began,
        watchAnew: began || event.kind === "resume",
        started: event.kind === "start",
        ended: isOver,
      });
      return turned.progress;
    },
  };
}
