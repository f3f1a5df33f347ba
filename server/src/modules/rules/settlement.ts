import type { Db } from "../../platform/db.ts";
import { isDatabaseAway } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import type { Alarms } from "../alarms/alarms.ts";
import { dropStays, saveStays } from "./memory-store.ts";
import type { KeptStay } from "./memory-store.ts";
import { holdRules } from "./rule-store.ts";
import { wordSignals } from "./signals.ts";
import type { Transition, Watched } from "./watch.ts";

const retryMs = 1_000;
const batchSize = 500;
/** Stays that begin and end are written together this often: jitter at a limit is not a write for every value. */
const memoryDelayMs = 1_000;

export interface SettlementDeps {
  readonly db: Db;
  readonly pending: Transition[];
  readonly turned: Set<Watched>;
  readonly alarms: Pick<Alarms, "take">;
  readonly unitOf: (deviceId: string, metric: string) => string | undefined;
  readonly log: Log;
}

/**
 * Writes transitions, and runs everything else that must not run beside such a write, one after another.
 *
 * A transition leaves `pending` when its transaction has committed and not before; while the database is away it is tried again.
 */
export function createSettlement({ db, pending, turned, alarms, unitOf, log }: SettlementDeps) {
  let lane: Promise<unknown> = Promise.resolve();
  let flushing: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let memoryTimer: NodeJS.Timeout | undefined;
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
      const held = await holdRules(tx, [...new Set(rest.map(({ rule }) => rule.id))]);
      await alarms.take(
        tx,
        await wordSignals(
          tx,
          rest.filter(({ rule }) => held.has(rule.id)),
          unitOf,
        ),
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
          for (const one of batch) {
            await write([one]).catch((cause: unknown) => giveUp(one, cause));
            // Each by itself: were the database away by the next, what is written would be written again.
            pending.splice(0, 1);
          }
        } else if (first !== undefined) {
          giveUp(first, error);
          pending.splice(0, 1);
        }
      }
    }
  }

  function giveUp(one: Transition, error: unknown): void {
    if (isDatabaseAway(error)) throw error;
    log.error({ err: error, ruleId: one.rule.id, what: one.what, value: one.value }, "an alarm's transition could not be written");
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

  /** Writes which stays began, went on or ended: of those that turned, or of others too. */
  async function remember(also: Iterable<Watched> = []): Promise<void> {
    const those = new Set([...turned, ...also]);
    turned.clear();
    if (those.size === 0) return;
    const all = [...those].map(({ rule, watch, judge }): KeptStay => {
      const { outsideSinceUs, inARow } = judge.stay;
      return {
        ruleId: rule.id,
        version: rule.version,
        deviceId: watch.deviceId,
        kind: judge.kind,
        outsideSinceUs,
        inARow,
        judgedUs: watch.lastUs,
      };
    });
    try {
      for (let at = 0; at < all.length; at += 5_000) {
        const some = all.slice(at, at + 5_000);
        await saveStays(
          db,
          some.filter(({ inARow }) => inARow > 0),
        );
        await dropStays(
          db,
          some.filter(({ inARow }) => inARow === 0),
        );
      }
    } catch (error) {
      log.warn({ err: error }, "timers of rules could not be written; trying again");
      for (const one of those) if (!one.retired) turned.add(one);
    }
  }

  return {
    inLane,
    flush,
    settle,
    later,
    remember,
    start(): void {
      memoryTimer ??= setInterval(() => void inLane(() => remember()), memoryDelayMs);
      memoryTimer.unref();
    },
    abandon(): void {
      closed = true;
      clearTimeout(retry);
      clearInterval(memoryTimer);
    },
    async close(also: Iterable<Watched>): Promise<void> {
      closed = true;
      clearTimeout(retry);
      clearInterval(memoryTimer);
      await settle();
      await inLane(() => remember(also));
    },
  };
}

export type Settlement = ReturnType<typeof createSettlement>;
