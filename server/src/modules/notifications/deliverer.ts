import { httpErrors, isAppError } from "@roost/contract/errors";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import { whileWaitedForMs } from "../../platform/egress.ts";
import type { Log } from "../../platform/log.ts";
import { afterAttempt } from "./delivery.ts";
import type { AttemptResult } from "./delivery.ts";
import { claimDue, msUntilNext } from "./queue-store.ts";
import type { Due } from "./queue-store.ts";
import type { Recorder } from "./recorder.ts";
import type { Sender } from "./sender.ts";

const atOnce = 16;
/** One that answers gets more at once than one of which nothing is known, or nothing good. */
const perTarget = { working: 6, other: 2 };
/** Longer than any try may take: a lease that ends early sends twice. */
export const leaseSeconds = 30;
// As long as other tries have, once the program is to end.
const closeMailMs = 5_000;
// Another server's news and run-out leases are found this late.
const idleMs = 2_000;
const retryMs = 1_000;

/** What the ledger needs of others. */
export interface DelivererDeps {
  readonly db: Db;
  readonly send: Sender;
  readonly record: Recorder;
  readonly clock: Clock;
  readonly log: Log;
  readonly backOffMs: readonly number[];
  /** Called when the program is to end and what is under way has had its time. */
  readonly giveUp: () => void;
}

/** Sends what is due, as long as the program runs. Rows are the queue: what was not sent is there after a restart. */
export function createDeliverer({ db, send, record, clock, log, backOffMs, giveUp }: DelivererDeps) {
  let closed = false;
  let wakeUp: () => void = () => undefined;
  let woken = false;
  const underWay = new Set<Promise<void>>();

  function wake(): void {
    woken = true;
    wakeUp();
  }

  async function pause(ms: number): Promise<void> {
    if (!woken && !closed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        wakeUp = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    woken = false;
  }

  /** Makes one try and records it. @param retry - Whether a failed try is followed by others. */
  async function attempt(due: Due, { retry }: { retry: boolean }): Promise<void> {
    const at = new Date(clock.nowMs());
    const startedMs = clock.monotonicMs();
    // A try without others after it is one that a person waits for.
    const result = await send(due, retry ? undefined : AbortSignal.timeout(whileWaitedForMs)).catch((error: unknown): AttemptResult => {
      // Not the target's fault: while secrets or the database are out of reach a notice waits, and no try of it is used up.
      if (isAppError(error, httpErrors.unavailable.code)) throw error;
      if (isAppError(error) && error.status === 503 && error.code.startsWith("secrets.")) throw error;
      if (isAppError(error)) return { code: error.code };
      log.error({ err: error, deliveryId: due.id }, "a notice could not be made");
      return { code: "http.internal" };
    });
    const durationMs = Math.round((clock.monotonicMs() - startedMs) * 10) / 10;
    const next = afterAttempt(
      result,
      retry && due.target !== undefined ? due.attempts + 1 : Number.POSITIVE_INFINITY,
      Math.random(),
      backOffMs,
    );
    const { id: deliveryId, target } = due;
    const { status, code } = result;
    await record(due, { at, durationMs, result, next, isTest: !retry });
    const level = next.state === "delivered" ? "debug" : "info";
    log[level]({ deliveryId, targetId: target?.id, state: next.state, status, code, attempts: due.attempts + 1 }, "a notice was tried");
  }

  function begin(due: Due): void {
    const run = attempt(due, { retry: true })
      // Its lease runs out and it is tried again.
      .catch((error: unknown) => log.warn({ err: error, deliveryId: due.id }, "a try could not be recorded"))
      .finally(() => {
        underWay.delete(run);
        wake();
      });
    underWay.add(run);
  }

  async function loop(): Promise<void> {
    while (!closed) {
      let waitMs = idleMs;
      try {
        const free = atOnce - underWay.size;
        const due = free === 0 ? [] : await claimDue(db, { limit: free, perTarget, leaseSeconds });
        for (const one of due) begin(one);
        if (due.length === 0 && free > 0) waitMs = Math.min(idleMs, Math.max(10, (await msUntilNext(db)) ?? idleMs));
      } catch (error) {
        log.warn({ err: error }, "the queue of notices could not be read; trying again");
        waitMs = retryMs;
      }
      await pause(waitMs);
    }
  }

  const running = loop();

  return {
    wake,
    attempt,
    /** Takes nothing new and lets what is under way end. */
    async close(): Promise<void> {
      closed = true;
      wake();
      await running;
      const timer = setTimeout(() => giveUp(), closeMailMs);
      await Promise.all(underWay);
      clearTimeout(timer);
    },
  };
}

export type Deliverer = ReturnType<typeof createDeliverer>;
