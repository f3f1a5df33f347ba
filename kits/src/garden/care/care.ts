import { setTimeout as sleep } from "node:timers/promises";

import type { KitCheckResult, KitFactHandler, KitHost, KitJob } from "@roost/contract/kit-host";
import type { Whose, Within } from "@roost/contract/tenancy";

import { careReasons } from "../contract/care-reasons.ts";
import { careErrors } from "../contract/care.ts";
import type { CareCause, CareDifference, CareDrift, CareMonth, CarePlan, CarePlanBody, CareWork, Citation } from "../contract/care.ts";
import { gardenErrors } from "../contract/plants.ts";
import type { CarePlant } from "./care-facts.ts";
import type { CareEndpoints } from "./care-model.ts";
import { createCareSettings } from "./care-settings.ts";
import type { GardenSettings } from "./care-settings.ts";
import { differencesBetween } from "./differences.ts";
import { driftOf } from "./drift.ts";
import type { FactsSource } from "./facts-source.ts";
import {
  askForFirstPlan,
  askForOldPlans,
  askForPlan,
  forgetPlant,
  noteStrongChange,
  saveSeen,
  selectJob,
  selectJobs,
  selectSeen,
  wakeAbstained,
  wakeWaiting,
} from "./job-store.ts";
import type { CareJob, JobState } from "./job-store.ts";
import { selectPlans } from "./plan-store.ts";
import { createProvider } from "./provider.ts";
import { createQueue } from "./queue.ts";
import { selectSettings } from "./settings-store.ts";
import { selectMonths } from "./spend-store.ts";
import { isStrongChange, seenOf } from "./strong-change.ts";

export interface CareDeps {
  readonly facts: FactsSource;
  /** Where the providers are; the official addresses unless given. */
  readonly endpoints?: CareEndpoints;
  /** Calls under way at one time; two unless given. */
  readonly parallel?: number;
  readonly random?: () => number;
}

const dayMs = 24 * 3_600_000;
const weekMs = 7 * dayMs;
/** For callers of the earlier address, which answers with the plan itself: a call, and a little for its turn. */
const longestWaitMs = 40_000;
const pollMs = 100;

const words: Readonly<Record<JobState | "idle", string>> = {
  idle: "No plan was asked for yet.",
  queued: "A plan is about to be written.",
  running: "A plan is being written.",
  waiting: "A plan waits.",
  done: "The plan is written.",
  refused: "The model's answer was not taken; the plan before stays.",
  abstained: "There is nothing to rest a plan on.",
  failed: "No plan could be written; the plan before stays.",
};

/** The care advisor: plans by a model of the organisation's own choice, that rest on readings and are proposals. */
export function createCare(host: KitHost<GardenSettings>, { facts, endpoints, parallel = 2, random = Math.random }: CareDeps) {
  const { db } = host;
  const now = () => new Date(host.clock.nowMs());
  const provider = createProvider({ egress: host.egress, ...(endpoints === undefined ? {} : { endpoints }) });
  const settings = createCareSettings(host, provider);
  const look = async (organisationId: string, plantId: string) => facts.look({ organisationId }, plantId);
  const queue = createQueue(host, { provider, settings, look, parallel, random });

  /** @throws {AppError} `garden.plant_not_found` */
  async function seenPlant(within: Within, plantId: string): Promise<CarePlant> {
    const plant = await facts.plant(within, plantId);
    if (plant === undefined) throw gardenErrors.plant_not_found({ plantId });
    return plant;
  }

  /**
   * Plans as far as the caller may know what they rest on, the newest first. A plan is written with the eyes of the whole organisation: figures of a node
   * that stands in another part of it are not told here either.
   */
  async function plansOf(within: Within, plantId: string, limit?: number): Promise<CarePlan[]> {
    const plans = await selectPlans(db.within(within), plantId, limit);
    if (within.scope === undefined) return plans;
    const isHidden = ({ deviceId }: Citation) =>
      host.devices.find(deviceId)?.organisationId === within.organisationId && host.devices.findSeen(within, deviceId) === undefined;
    return plans.filter(({ body }) => !citationsIn(body).some(isHidden));
  }

  async function ask(organisationId: string, plantId: string, cause: CareCause): Promise<void> {
    await askForPlan(db, { plantId, organisationId, cause, at: now() });
  }

  /** Somebody's own wish: it may cost money, so it is on record. @throws {AppError} `garden.plant_not_found` */
  async function wish(whose: Whose, plantId: string): Promise<void> {
    const { organisationId } = whose;
    const { name } = await seenPlant(whose, plantId);
    await db.within(whose).transaction(async (tx) => {
      await askForPlan(tx, { plantId, organisationId, cause: "on_demand", at: now() });
      await host.audit.record(tx, whose, { action: "care_plan_asked", object: { kind: "plant", id: plantId, name } });
    });
  }

  /** Looks at every plant of an organisation for what has changed since it was last looked at. */
  async function lookForChanges(organisationId: string, signal: AbortSignal): Promise<void> {
    for (const [plantId, before] of await selectSeen(db, organisationId)) {
      if (signal.aborted) return;
      const health = await facts.health({ organisationId }, plantId);
      if (health === undefined) continue;
      const seen = seenOf(health);
      if (isStrongChange(before, seen)) {
        const at = now();
        const isFirst = await noteStrongChange(db, { plantId, organisationId, at, dayBefore: new Date(at.getTime() - dayMs) });
        if (isFirst) await ask(organisationId, plantId, "strong_change");
      }
      await saveSeen(db, plantId, seen);
    }
  }

  return {
    settings,

    /** The newest plan, how the next one stands, and how far the plan has drifted. Reads only. @throws {AppError} `garden.plant_not_found` */
    async plan(within: Within, plantId: string): Promise<{ plan?: CarePlan; work: CareWork; drift: CareDrift[] }> {
      const plant = await seenPlant(within, plantId);
      const rows = db.within(within);
      // In this order: what is done by now has its plan by then.
      const work = workOf(await selectJob(rows, plantId));
      const [plan] = await plansOf(within, plantId, 1);
      if (plan === undefined) return { work, drift: [] };
      const { readings } = await facts.readingsOf(plant);
      return { plan, work, drift: driftOf(plan.body, readings) };
    },

    /** The newest plan of a plant that the caller sees, for its health check; `undefined` where there is none. */
    async newestPlan(within: Within, plantId: string): Promise<{ generatedAt: Date; tips: string[] } | undefined> {
      const [plan] = await plansOf(within, plantId, 1);
      return plan === undefined ? undefined : { generatedAt: plan.generatedAt, tips: plan.body.tips.map(({ text }) => text) };
    },

    /** Whether a model is set up that could write one; money aside. */
    async hasModel({ organisationId }: Within): Promise<boolean> {
      const verdict = await settings.modelFor(db, organisationId);
      return !("missing" in verdict) || !["no_model", "key_unreadable", "switched_off"].includes(verdict.missing);
    },

    /** The newest first. @throws {AppError} `garden.plant_not_found` */
    async plans(within: Within, plantId: string): Promise<CarePlan[]> {
      await seenPlant(within, plantId);
      return plansOf(within, plantId);
    },

    /** @throws {AppError} `garden.plant_not_found`, `garden_care.plan_not_found`, `garden_care.nothing_before` */
    async differences(
      within: Within,
      { plantId, planId, againstId }: { plantId: string; planId: string; againstId?: string | undefined },
    ): Promise<{ before: CarePlan; after: CarePlan; items: CareDifference[] }> {
      await seenPlant(within, plantId);
      const plans = await plansOf(within, plantId);
      const index = plans.findIndex(({ id }) => id === planId);
      const after = plans[index];
      if (after === undefined) throw careErrors.plan_not_found({ planId });
      const before = againstId === undefined ? plans[index + 1] : plans.find(({ id }) => id === againstId);
      if (before === undefined)
        throw againstId === undefined ? careErrors.nothing_before() : careErrors.plan_not_found({ planId: againstId });
      return { before, after, items: differencesBetween(before.body, after.body) };
    },

    /** Asks for a new plan, and begins with it where a hand is free. @throws {AppError} `garden.plant_not_found` */
    async analyze(whose: Whose, plantId: string): Promise<CareWork> {
      await wish(whose, plantId);
      const job = await selectJob(db, plantId);
      queue.kick();
      return workOf(job);
    },

    /**
     * The same, and the plan once it is written.
     *
     * @throws {AppError} `garden.plant_not_found`; `garden_care.not_now` with the reason where none is written in time.
     */
    async analyzeAndWait(whose: Whose, plantId: string, signal: AbortSignal): Promise<CarePlan> {
      await wish(whose, plantId);
      const overMs = performance.now() + longestWaitMs;
      for (;;) {
        queue.kick();
        await sleep(pollMs, undefined, { signal });
        const job = await selectJob(db, plantId);
        const isUnderWay = job?.state === "queued" || job?.state === "running";
        if (isUnderWay && performance.now() < overMs) continue;
        const [plan] = job?.state === "done" ? await plansOf(whose, plantId, 1) : [];
        if (plan === undefined) throw careErrors.not_now({ reason: job?.reason ?? "too_slow", message: workOf(job).message });
        return plan;
      }
    },

    async usage(within: Within): Promise<{ capCents: number; months: CareMonth[] }> {
      const rows = db.within(within);
      const { monthlyCapCents } = await selectSettings(rows, within.organisationId);
      return { capCents: monthlyCapCents, months: await selectMonths(rows, within.organisationId) };
    },

    /** Work on the plans of plants that the caller sees, the newest first. */
    async queue(within: Within): Promise<{ job: CareJob; work: CareWork; plantName: string }[]> {
      const jobs = await selectJobs(db.within(within), within.organisationId);
      return jobs.map(({ job, plantName }) => ({ job, plantName, work: workOf(job) }));
    },

    /** For the kit's checks: whether plans can be written. Nothing to judge where nobody set up a model. */
    async check(organisationId: string): Promise<KitCheckResult> {
      const state = await settings.readinessOf(db, organisationId);
      if (state === "ready") return { state: "ok", evidence: "Plans can be written." };
      return { state: state === "no_model" || state === "switched_off" ? "unknown" : "failed", evidence: careReasons[state] };
    },

    /** Takes up what is due; returns at once. */
    kick: queue.kick,
    settled: queue.settled,
    stop: queue.stop,

    handlers: [
      {
        name: "ask-for-first-plan",
        types: ["garden.plant_changed"],
        async handle({ organisationId, nounId }) {
          // Also a change of a plant from before there was an advisor.
          await askForFirstPlan(db, { plantId: nounId, organisationId, at: now() });
          queue.kick();
        },
      },
      {
        name: "look-again-for-plan",
        types: ["garden.node_assigned"],
        async handle({ data }) {
          if (typeof data["plantId"] === "string") await wakeAbstained(db, data["plantId"], now());
          queue.kick();
        },
      },
      {
        name: "look-again-at-what-waits",
        types: ["kit.settings_changed", "kit.switched_on"],
        async handle({ organisationId, nounId }) {
          if (nounId !== "garden") return;
          await wakeWaiting(db, organisationId, now());
          queue.kick();
        },
      },
      {
        name: "forget-care-plans",
        types: ["garden.plant_removed"],
        handle: async ({ nounId }) => db.transaction((tx) => forgetPlant(tx, nounId)),
      },
    ] satisfies KitFactHandler[],

    jobs: [
      // What an on-demand wish begins at once, this begins for all others, and after a restart.
      { name: "write-care-plans", everySeconds: 15, run: async () => queue.kick() },
      {
        name: "refresh-care-plans",
        everySeconds: 900,
        async run({ signal }) {
          for (const organisationId of await host.settings.organisations()) {
            if (signal.aborted) return;
            const { weekly, onStrongChange } = await selectSettings(db, organisationId);
            const at = now();
            if (weekly) await askForOldPlans(db, { organisationId, endedBefore: new Date(at.getTime() - weekMs), at });
            // Without a model nobody asks why a plan is old.
            if (onStrongChange && !("missing" in (await settings.modelFor(db, organisationId))))
              await lookForChanges(organisationId, signal);
          }
          queue.kick();
        },
      },
    ] satisfies KitJob[],
  };
}

export type Care = ReturnType<typeof createCare>;

function citationsIn({ summary, watering, light, humidity, temperature, alerts, tips }: CarePlanBody): Citation[] {
  return [summary, watering, light, humidity, temperature, ...alerts, ...tips].flatMap(({ cites }) => cites);
}

function workOf(job: CareJob | undefined): CareWork {
  if (job === undefined) return { state: "idle", message: words.idle, attempts: 0 };
  const { state, cause, reason, runAfter, attempts, askedAt, finishedAt } = job;
  const isToCome = state === "queued" || state === "waiting" || state === "abstained";
  return {
    state,
    cause,
    ...(reason === undefined ? {} : { reason }),
    message: reason === undefined ? words[state] : `${words[state]} ${careReasons[reason]}`,
    askedAt,
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(isToCome && runAfter !== undefined ? { nextTryAt: runAfter } : {}),
    attempts,
  };
}
