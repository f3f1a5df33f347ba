import { Buffer } from "node:buffer";
import { setTimeout as sleep } from "node:timers/promises";

import type { KitHost } from "@roost/contract/kit-host";

import type { CareReason } from "../contract/care-reasons.ts";
import { carePlan } from "../contract/care.ts";
import type { CarePlanBody } from "../contract/care.ts";
import { advise } from "./advise.ts";
import type { Advice } from "./advise.ts";
import { abstainOf } from "./care-facts.ts";
import type { CareFacts } from "./care-facts.ts";
import type { CareModel } from "./care-model.ts";
import type { GardenSettings, ModelVerdict } from "./care-settings.ts";
import type { CareSettingsFace } from "./care-settings.ts";
import { claimJob, deleteJob, finishJob, holdJob } from "./job-store.ts";
import type { JobEnd, LeasedJob } from "./job-store.ts";
import { insertPlan } from "./plan-store.ts";
import { costOf, mostCost } from "./prices.ts";
import { carePrompt } from "./prompt.ts";
import type { Provider } from "./provider.ts";
import { blockCalls, lockSettings } from "./settings-store.ts";
import { insertCall, microPerCent, monthOf, nextMonth, settleCall, spentIn } from "./spend-store.ts";

export interface QueueDeps {
  readonly provider: Provider;
  readonly settings: CareSettingsFace;
  /** Everything a plan may rest on; `undefined` for a plant that is gone. */
  look(organisationId: string, plantId: string): Promise<CareFacts | undefined>;
  /** Calls under way at one time, in the whole installation. */
  readonly parallel: number;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** A call takes 30 s at most; who holds work longer than this went away. */
const leaseMs = 90_000;
const hourMs = 3_600_000;
/** What waits for somebody to change something is looked at again; settings wake it sooner. */
const waitMs = 10 * 60_000;
const mostAttempts = 5;
const firstBackoffMs = 30_000;

/** Work on care plans: taken up from the database, by as many hands as may call at once. */
export function createQueue(host: KitHost<GardenSettings>, { provider, settings, look, parallel, random }: QueueDeps) {
  const { db } = host;
  const now = () => new Date(host.clock.nowMs());
  const later = (ms: number) => new Date(host.clock.nowMs() + ms);
  const ending = new AbortController();
  const hands = new Set<Promise<void>>();

  async function claim(): Promise<LeasedJob | undefined> {
    const orgsOn = await host.settings.organisations();
    return db.transaction((tx) => claimJob(tx, { lease: host.newId(), at: now(), leaseUntil: later(leaseMs), parallel, orgsOn }));
  }

  /** Works until nothing is due or others do. */
  async function work(): Promise<void> {
    while (!ending.signal.aborted) {
      const job = await claim();
      if (job === undefined) return;
      try {
        await run(job);
      } catch (error) {
        host.log.error({ err: error, plantId: job.plantId }, "work on a care plan failed");
        await fail(job);
      }
    }
  }

  /** A fault of our own: visible, and not for ever. What may have been paid for is on record. */
  async function fail(job: LeasedJob): Promise<void> {
    const isLast = job.attempts >= mostAttempts;
    const end: JobEnd = isLast
      ? { state: "failed", reason: "internal" }
      : { state: "waiting", reason: "internal", runAfter: later(backoff(job.attempts, random())) };
    await finishJob(db, job, end, now());
  }

  async function run(job: LeasedJob): Promise<void> {
    const { organisationId, plantId } = job;
    const verdict = await settings.modelFor(db, organisationId);
    if ("missing" in verdict) return wait(job, verdict.missing, verdict.until);
    if (verdict.price === undefined) return wait(job, "price_unknown");
    const facts = await look(organisationId, plantId);
    if (facts === undefined) return deleteJob(db, plantId);
    const nothing = abstainOf(facts);
    if (nothing !== undefined) {
      // A person's wish is answered at once; for the others data may come.
      const runAfter = job.cause === "on_demand" ? undefined : later(waitMs);
      return void (await finishJob(db, job, { state: "abstained", reason: nothing, runAfter, uncounted: true }, now()));
    }
    const callId = await reserve(job, verdict, facts);
    if (callId === "lost") return;
    if (callId === undefined) return wait(job, "cap_reached", nextMonth(now()));
    const advice = await advise(provider, verdict.model, facts, ending.signal);
    await settle(job, { callId, advice, verdict });
  }

  async function wait(job: LeasedJob, reason: CareReason, until?: Date): Promise<void> {
    await finishJob(db, job, { state: "waiting", reason, runAfter: until ?? later(waitMs), uncounted: true }, now());
  }

  /** @returns The call's id; `undefined` where the cap does not allow it; `lost` where looking took so long that somebody else is at it. */
  async function reserve(job: LeasedJob, verdict: Callable, facts: CareFacts): Promise<string | undefined> {
    const { organisationId, plantId } = job;
    const { instructions, data } = carePrompt(facts);
    const { model, price } = verdict;
    return db.transaction(async (tx) => {
      if (!(await holdJob(tx, job, later(leaseMs)))) return "lost";
      const { monthlyCapCents } = await lockSettings(tx, organisationId);
      const most = price === undefined ? 0 : mostCost(price, Buffer.byteLength(instructions + data));
      const spent = await spentIn(tx, organisationId, monthOf(now()));
      if (spent + most > monthlyCapCents * microPerCent) return undefined;
      const id = host.newId();
      await insertCall(tx, { id, organisationId, plantId, provider: model.provider, model: model.model, at: now(), most });
      return id;
    });
  }

  async function settle(job: LeasedJob, { callId, advice, verdict }: { callId: string; advice: Advice; verdict: Callable }): Promise<void> {
    const { organisationId } = job;
    await db.transaction(async (tx) => {
      await settleCall(tx, { id: callId, at: now(), ...callEnd(advice, verdict) });
      if (advice.kind === "failed") {
        const blocked = blockFor(advice, now());
        if (blocked !== undefined) await blockCalls(tx, organisationId, blocked);
      }
      const isOurs = await finishJob(tx, job, endOf(advice, job), now());
      if (!isOurs || advice.kind !== "planned") return;
      const plan = planFrom(advice.body, job, verdict.model);
      await insertPlan(tx, organisationId, plan);
      await host.emit(tx, { organisationId, type: "garden.care_plan_written", nounId: job.plantId, data: { plantId: job.plantId } });
    });
  }

  function planFrom(body: CarePlanBody, { plantId, cause }: LeasedJob, { provider, model }: CareModel) {
    const { shape } = carePlan;
    return { id: shape.id.parse(host.newId()), plantId: shape.plantId.parse(plantId), generatedAt: now(), cause, provider, model, body };
  }

  function endOf(advice: Advice, { attempts, cause }: LeasedJob): JobEnd {
    switch (advice.kind) {
      case "planned":
        return { state: "done" };
      case "refused":
        return { state: "refused", reason: advice.reason };
      case "abstained":
        return { state: "abstained", reason: advice.reason };
      case "failed": {
        const { reason, retryAfterMs = 0 } = advice;
        if (ending.signal.aborted) return { state: "queued", runAfter: now(), uncounted: true };
        const blocked = blockFor(advice, now());
        if (blocked !== undefined && reason !== "rate_limited")
          return { state: "waiting", reason, runAfter: blocked.until, uncounted: true };
        if (attempts >= mostAttempts) return { state: "failed", reason };
        // A person waits for this one: they see the reason at once, and it goes on by itself.
        const backoffMs = Math.max(retryAfterMs, backoff(cause === "on_demand" ? attempts - 1 : attempts, random()));
        return { state: "waiting", reason, runAfter: later(backoffMs) };
      }
    }
  }

  return {
    /** Takes up what is due, as far as hands are free; returns at once. */
    kick(): void {
      while (!ending.signal.aborted && hands.size < parallel) {
        const hand = work()
          .catch((error: unknown) => host.log.error({ err: error }, "work on care plans broke off"))
          .finally(() => hands.delete(hand));
        hands.add(hand);
      }
    },

    /** Waits until nothing is under way here. */
    async settled(): Promise<void> {
      while (hands.size > 0) await Promise.race([Promise.all(hands), sleep(1_000, undefined, { ref: false })]);
    },

    /** Calls under way are called off; what they were for comes again. */
    async stop(): Promise<void> {
      ending.abort();
      await Promise.all(hands);
    },
  };
}

type Callable = Exclude<ModelVerdict, { missing: CareReason }>;

/** What is known of a call's cost when it has ended. */
function callEnd(advice: Advice, { price }: Callable) {
  const tokens = advice.kind === "planned" || advice.kind === "refused" ? advice.tokens : undefined;
  const isFree = advice.kind === "failed" && !advice.mayCost;
  const cost = isFree
    ? 0
    : tokens === undefined || price === undefined
      ? undefined
      : costOf(price, tokens.inputTokens, tokens.outputTokens);
  return { outcome: advice.kind === "planned" ? "answered" : advice.reason, tokens, cost };
}

/** What every other call would meet as well: nobody calls until then. */
function blockFor({ reason, retryAfterMs }: Extract<Advice, { kind: "failed" }>, now: Date): { reason: string; until: Date } | undefined {
  switch (reason) {
    case "bad_key":
    case "no_credit":
    case "bad_request":
    case "address_refused":
    case "bad_certificate":
      return { reason, until: new Date(now.getTime() + hourMs) };
    case "rate_limited":
      return { reason, until: new Date(now.getTime() + (retryAfterMs ?? firstBackoffMs)) };
    default:
      return undefined;
  }
}

/** Doubles from half a minute, at most an hour, half as much more or less by chance: many that failed together do not come together. */
export function backoff(attempts: number, random: number): number {
  return Math.round(Math.min(hourMs, firstBackoffMs * 2 ** Math.max(0, attempts - 1)) * (0.5 + random));
}
