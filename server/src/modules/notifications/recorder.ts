import type { Db, Transaction } from "../../platform/db.ts";
import { emit, emitAll } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import type { AttemptResult, Next } from "./delivery.ts";
import type { Health } from "./health.ts";
import { failWaiting, saveArrived, saveAttempt } from "./queue-store.ts";
import type { Due } from "./queue-store.ts";
import { deleteTarget } from "./target-store.ts";

/** A try that was made. */
export interface Tried {
  readonly at: Date;
  readonly durationMs: number;
  readonly result: AttemptResult;
  readonly next: Next;
  readonly isTest: boolean;
}

export interface RecorderDeps {
  readonly db: Db;
  readonly health: Health;
  /** Puts tries into the history of their alarms. */
  readonly recordNotices: (
    tx: Transaction,
    notices: readonly { readonly alarmId: string; readonly what: "notified" | "notify_failed"; readonly detail: string }[],
  ) => Promise<void>;
  readonly log: Log;
}

type Target = NonNullable<Due["target"]>;

interface Arrived {
  readonly due: Due & { readonly target: Target };
  readonly tried: Tried;
  readonly done: (outcome: Promise<void>) => void;
}

const mostTogether = 100;

/**
 * Puts tries on record, each with what follows from it. What arrived while one transaction is under way is recorded by the next one together:
 * a target is one row, and whoever notes something of it waits for whoever does.
 */
export function createRecorder({ db, health, recordNotices, log }: RecorderDeps) {
  const arrived: Arrived[] = [];
  let isBusy = false;

  function noticesOf({ alarmId, target, attempts }: Due, { result: { status, code }, next }: Tried) {
    if (alarmId === undefined) return [];
    const answer = status === undefined ? (code ?? "no answer") : `answered ${status}`;
    const detail = `${target?.name ?? "removed target"}: ${answer}, try ${attempts + 1}`;
    return [{ alarmId, what: next.state === "delivered" ? ("notified" as const) : ("notify_failed" as const), detail }];
  }

  const settled = ({ id, organisationId, alarmId }: Due, { next }: Tried) => ({
    organisationId,
    type: "delivery.settled",
    nounId: id,
    data: { state: next.state, alarmId },
  });

  async function recordOne(tx: Transaction, due: Due, tried: Tried): Promise<void> {
    const { at, durationMs, result, next, isTest } = tried;
    const { id: deliveryId, organisationId, target } = due;
    const delivered = next.state === "delivered";
    const waitMs = next.state === "waiting" ? next.waitMs : undefined;
    const before = target === undefined ? undefined : await health.lock(tx, target.id);
    const { status, code } = result;
    await saveAttempt(tx, { deliveryId, organisationId, at, delivered, status, code, durationMs, state: next.state, waitMs });
    await recordNotices(tx, noticesOf(due, tried));
    if (target !== undefined && result.isGone === true) {
      await health.forget(tx, { ...target, organisationId });
      await failWaiting(tx, target.id);
      await deleteTarget(tx, target.id);
      await emit(tx, { organisationId, type: "notification_target.gone", nounId: target.id, data: { name: target.name } });
    } else if (target !== undefined && before !== undefined) {
      await health.note(tx, { ...target, organisationId, before }, { result, delivered, isLost: next.state === "failed", isTest });
    }
    if (next.state !== "waiting") await emit(tx, settled(due, tried));
  }

  async function recordArrived(tx: Transaction, some: readonly Arrived[]): Promise<void> {
    const byTarget = new Map(some.map((one) => [one.due.target.id, one]));
    const noted: (() => Promise<void>)[] = [];
    // In one order, so that two servers do not wait for each other in a circle.
    for (const id of [...byTarget.keys()].sort()) {
      const before = await health.lock(tx, id);
      const one = byTarget.get(id);
      if (before === undefined || one === undefined) continue;
      const { due, tried } = one;
      const said = { result: tried.result, delivered: true, isLost: false, isTest: tried.isTest };
      noted.push(() => health.note(tx, { ...due.target, organisationId: due.organisationId, before }, said));
    }
    await saveArrived(
      tx,
      some.map(({ due, tried: { at, durationMs, result } }) => ({ deliveryId: due.id, at, status: result.status, durationMs })),
    );
    await recordNotices(
      tx,
      some.flatMap(({ due, tried }) => noticesOf(due, tried)),
    );
    for (const note of noted) await note();
    await emitAll(
      tx,
      some.map(({ due, tried }) => settled(due, tried)),
    );
  }

  const alone = (due: Due, tried: Tried): Promise<void> => db.transaction(async (tx) => recordOne(tx, due, tried));

  async function run(): Promise<void> {
    isBusy = true;
    while (arrived.length > 0) {
      const some = arrived.splice(0, mostTogether);
      const [first] = some;
      if (some.length === 1 && first !== undefined) {
        const outcome = alone(first.due, first.tried);
        first.done(outcome);
        await outcome.catch(() => undefined);
        continue;
      }
      try {
        await db.transaction(async (tx) => recordArrived(tx, some));
        for (const { done } of some) done(Promise.resolve());
      } catch (error) {
        log.warn({ err: error, count: some.length }, "tries could not be recorded together; each is recorded alone");
        for (const { due, tried, done } of some) {
          const outcome = alone(due, tried);
          done(outcome);
          await outcome.catch(() => undefined);
        }
      }
    }
    isBusy = false;
  }

  /** Resolves when the try is on record. */
  return function record(due: Due, tried: Tried): Promise<void> {
    const { target } = due;
    if (tried.next.state !== "delivered" || target === undefined) return alone(due, tried);
    return new Promise<void>((resolve) => {
      arrived.push({ due: { ...due, target }, tried, done: resolve });
      if (!isBusy) void run();
    });
  };
}

export type Recorder = ReturnType<typeof createRecorder>;
