import { httpErrors, isAppError } from "@roost/contract/errors";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { whileWaitedForMs } from "../../platform/egress.ts";
import { emit } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import { afterAttempt } from "./delivery.ts";
import type { AttemptResult, Next } from "./delivery.ts";
import type { Health } from "./health.ts";
import { claimDue, failWaiting, msUntilNext, saveAttempt } from "./queue-store.ts";
import type { Due } from "./queue-store.ts";
import type { Sender } from "./sender.ts";
import { deleteTarget } from "./target-store.ts";

const atOnce = 8;
const perTarget = 2;
/** Longer than any try may take: a lease that ends early sends twice. */
export const leaseSeconds = 30;
// As long as other tries have, once the program is to end.
const closeMailMs = 5_000;
// Another server's news and run-out leases are found this late.
const idleMs = 2_000;
const retryMs = 1_000;

/** A try that was made. */
interface Tried {
  readonly at: Date;
  readonly durationMs: number;
  readonly result: AttemptResult;
  readonly next: Next;
  readonly isTest: boolean;
}

/** What the ledger needs of others. */
export interface DelivererDeps {
  readonly db: Db;
  readonly send: Sender;
  readonly health: Health;
  /** Puts a try into the history of its alarm. */
  readonly recordNotice: (tx: Transaction, alarmId: string, what: "notified" | "notify_failed", detail: string) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly backOffMs: readonly number[];
  /** Called when the program is to end and what is under way has had its time. */
  readonly giveUp: () => void;
}

/** Sends what is due, as long as the program runs. Rows are the queue: what was not sent is there after a restart. */
export function createDeliverer({ db, send, health, recordNotice, clock, log, backOffMs, giveUp }: DelivererDeps) {
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
    const delivered = next.state === "delivered";
    await db.transaction(async (tx) => record(tx, due, { at, durationMs, result, next, isTest: !retry }));
    const level = delivered ? "debug" : "info";
    log[level]({ deliveryId, targetId: target?.id, state: next.state, status, code, attempts: due.attempts + 1 }, "a notice was tried");
  }

  async function record(tx: Transaction, due: Due, { at, durationMs, result, next, isTest }: Tried): Promise<void> {
    const { id: deliveryId, organisationId, alarmId, target } = due;
    const { status, code } = result;
    const delivered = next.state === "delivered";
    const waitMs = next.state === "waiting" ? next.waitMs : undefined;
    const before = target === undefined ? undefined : await health.lock(tx, target.id);
    await saveAttempt(tx, { deliveryId, organisationId, at, delivered, status, code, durationMs, state: next.state, waitMs });
    if (alarmId !== undefined) {
      const answer = status === undefined ? (code ?? "no answer") : `answered ${status}`;
      const detail = `${target?.name ?? "removed target"}: ${answer}, try ${due.attempts + 1}`;
      await recordNotice(tx, alarmId, delivered ? "notified" : "notify_failed", detail);
    }
    if (target !== undefined && result.isGone === true) {
      await health.forget(tx, { ...target, organisationId });
      await failWaiting(tx, target.id);
      await deleteTarget(tx, target.id);
      await emit(tx, { organisationId, type: "notification_target.gone", nounId: target.id, data: { name: target.name } });
    } else if (target !== undefined && before !== undefined) {
      await health.note(tx, { ...target, organisationId, before }, { result, delivered, isLost: next.state === "failed", isTest });
    }
    if (next.state !== "waiting") {
      await emit(tx, { organisationId, type: "delivery.settled", nounId: deliveryId, data: { state: next.state, alarmId } });
    }
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
