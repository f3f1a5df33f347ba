import type { Db } from "../../platform/db.ts";
import { isDatabaseAway } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import type { Alarms, Signal } from "../alarms/alarms.ts";
import { holdRules } from "./rule-store.ts";
import type { HeldRule } from "./rule-store.ts";
import type { Transition } from "./watch.ts";

const retryMs = 1_000;
const batchSize = 500;

/**
 * Writes transitions, and runs everything else that must not run beside such a write, one after another.
 *
 * A transition leaves `pending` when its transaction has committed and not before; while the database is away it is tried again.
 */
export function createSettlement({ db, pending, alarms, log }: { db: Db; pending: Transition[]; alarms: Pick<Alarms, "take">; log: Log }) {
  let lane: Promise<unknown> = Promise.resolve();
  let flushing: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  function inLane<Result>(work: () => Promise<Result>): Promise<Result> {
    const run = lane.then(work, work);
    lane = run.catch(() => undefined);
    return run;
  }

  async function write(batch: readonly Transition[]): Promise<void> {
    await db.transaction(async (tx) => {
      const rest = batch.filter(({ source }) => !source.retired);
      // A rule that was removed or switched off meanwhile raises nothing: its removal and this wait for each other.
      const rules = await holdRules(tx, [...new Set(rest.map(({ ruleId }) => ruleId))]);
      await alarms.take(
        tx,
        rest.flatMap((one): Signal[] => {
          const rule = rules.get(one.ruleId);
          return rule === undefined ? [] : [signalOf(one, rule)];
        }),
      );
    });
  }

  async function flush(): Promise<void> {
    while (pending.length > 0) {
      const batch = pending.slice(0, batchSize);
      try {
        await write(batch);
        pending.splice(0, batch.length);
      } catch (error) {
        if (isDatabaseAway(error)) throw error;
        // One that cannot be written must not hold up the others for ever.
        const [first] = batch;
        if (batch.length > 1) {
          for (const one of batch) await write([one]).catch((cause: unknown) => giveUp(one, cause));
          pending.splice(0, batch.length);
        } else if (first !== undefined) {
          giveUp(first, error);
          pending.splice(0, 1);
        }
      }
    }
  }

  function giveUp(one: Transition, error: unknown): void {
    if (isDatabaseAway(error)) throw error;
    log.error({ err: error, ruleId: one.ruleId, kind: one.kind, value: one.value }, "an alarm's transition could not be written");
  }

  function later(): void {
    if (closed || retry !== undefined) return;
    retry = setTimeout(() => {
      retry = undefined;
      void settle();
    }, retryMs);
    retry.unref();
  }

  /** Writes what is pending. Resolves when it is written, or when the database is away and it is left for the next try. */
  function settle(): Promise<void> {
    if (pending.length === 0) return flushing ?? Promise.resolve();
    flushing ??= inLane(async () => {
      try {
        await flush();
      } catch (error) {
        log.warn({ err: error, pending: pending.length }, "alarms could not be written; trying again");
        later();
      } finally {
        flushing = undefined;
      }
    });
    return flushing;
  }

  return {
    inLane,
    flush,
    settle,
    later,
    async close(): Promise<void> {
      closed = true;
      clearTimeout(retry);
      await settle();
    },
  };
}

export type Settlement = ReturnType<typeof createSettlement>;

function signalOf({ signalId, kind, direction, threshold, value, measuredAtUs, ruleId }: Transition, rule: HeldRule): Signal {
  const measuredAtMs = Math.floor(measuredAtUs / 1_000);
  return {
    id: signalId,
    what: kind,
    organisationId: rule.organisationId,
    source: rule.deviceId,
    deviceId: rule.deviceId,
    type: `rule:${ruleId}:${direction}`,
    kind: direction,
    // A value may be older than the rule that it breaks.
    at: new Date(Math.max(measuredAtMs, rule.changedAt.getTime())),
    severity: rule.severity,
    metric: rule.metric,
    threshold,
    value,
    ruleId,
  };
}
