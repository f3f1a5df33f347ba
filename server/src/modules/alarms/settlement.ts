import type { Db, Transaction } from "../../platform/db.ts";
import { isDatabaseAway } from "../../platform/db.ts";
import { emitAll } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import { insertEntries } from "./alarm-entry-store.ts";
import { clearAlarms, raiseAlarms } from "./alarm-store.ts";
import type { Turned } from "./alarm-store.ts";
import type { Transition } from "./watch.ts";

const retryMs = 1_000;
const batchSize = 500;

/** An alarm that turned, and what is told of it. */
export interface Turn {
  readonly what: "raised" | "cleared";
  readonly turned: Turned;
  /** The value that turned it, where one did. */
  readonly value?: number | undefined;
  readonly detail?: string | undefined;
  readonly by?: string | undefined;
}

/** Tells that alarms were raised or cleared, in this order: their entries and their facts, in the transaction that turned them. */
export async function tell(tx: Transaction, turns: readonly Turn[], origin: string): Promise<void> {
  await insertEntries(
    tx,
    turns.map(({ what, turned, value, detail, by }) => ({ alarmId: turned.alarm.id, what, value, detail, by })),
  );
  await emitAll(
    tx,
    turns.map(({ what, turned: { alarm, organisationId }, value, detail }) => ({
      organisationId,
      type: `alarm.${what}`,
      nounId: alarm.id,
      data: { ...alarm, ...(value === undefined ? {} : { currentValue: value }), ...(detail === undefined ? {} : { detail }), origin },
    })),
  );
}

/**
 * Writes transitions, and runs everything else that must not run beside such a write, one after another.
 *
 * A transition leaves `pending` when its transaction has committed and not before; while the database is away it is tried again.
 */
export function createSettlement({ db, pending, origin, log }: { db: Db; pending: Transition[]; origin: string; log: Log }) {
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
      const turns: Turn[] = [];
      let rest = batch.filter(({ source }) => !source.retired);
      // A limit may have turned more than once since the last time: its turns are written one after another.
      while (rest.length > 0) {
        const seen = new Set<unknown>();
        const round = rest.filter(({ source }) => !seen.has(source) && seen.add(source));
        rest = rest.filter((one) => !round.includes(one));
        const raises = round.filter(({ kind }) => kind === "raise");
        const clears = round.filter(({ kind }) => kind === "clear");
        if (raises.length > 0) {
          for (const turned of await raiseAlarms(tx, raises)) turns.push({ what: "raised", turned, value: turned.alarm.value });
        }
        if (clears.length > 0) {
          for (const { value, ...turned } of await clearAlarms(tx, clears)) turns.push({ what: "cleared", turned, value });
        }
      }
      await tell(tx, turns, origin);
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
