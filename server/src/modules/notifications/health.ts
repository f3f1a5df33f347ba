import type { Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { Signal } from "../alarms/alarms.ts";
import { pauseAfter } from "./breaker.ts";
import type { AttemptResult } from "./delivery.ts";
import { holdBack, lockHealth, markFailed, markWorking, resetHealth } from "./target-store.ts";
import type { TargetHealth } from "./target-store.ts";

/** A target whose tries are remembered. */
export interface WatchedTarget {
  readonly id: string;
  readonly name: string;
  readonly organisationId: string;
}

/** What a try says of its target. */
export interface Tried {
  readonly result: AttemptResult;
  readonly delivered: boolean;
  /** No try of this delivery follows, and it did not arrive. */
  readonly isLost: boolean;
  /** A person's test: that it failed is no news to anybody. */
  readonly isTest: boolean;
}

export interface Health {
  /** Locks a target before the delivery is touched, in the order in which removing it does; how it is until then. */
  lock(tx: Transaction, targetId: string): Promise<TargetHealth | undefined>;
  /** Remembers how a try went: opens and closes the breaker, and tells when a target, locked as it was before, begins or ends to fail. */
  note(tx: Transaction, target: WatchedTarget & { readonly before: TargetHealth }, tried: Tried): Promise<void>;
  /** A target goes away or is switched off: what was said of it is over, and it begins anew. */
  forget(tx: Transaction, target: WatchedTarget): Promise<void>;
}

/** Type of the alarm of a target that fails; its source is `channel:<id>`. */
const channelFailed = "channel_failed";

/**
 * Keeps the health of targets in their rows, so that a restart forgets nothing and all servers know the same.
 *
 * @param raise - Takes what is wrong to the alarms, in the transaction that makes it true.
 */
export function createHealth({
  raise,
  nowMs,
  probeWaitsMs,
}: {
  raise: (tx: Transaction, signals: readonly Signal[]) => Promise<unknown>;
  nowMs: () => number;
  probeWaitsMs: readonly number[];
}): Health {
  async function tell(tx: Transaction, what: Signal["what"], { id, name, organisationId }: WatchedTarget, because?: string): Promise<void> {
    const type = what === "raise" ? "notification_target.failing" : "notification_target.recovered";
    await emit(tx, { organisationId, type, nounId: id, data: { name, ...(because === undefined ? {} : { because }) } });
    await raise(tx, [
      {
        id: newId(),
        what,
        organisationId,
        source: `channel:${id}`,
        type: channelFailed,
        kind: "delivery",
        severity: "major",
        at: new Date(nowMs()),
        title: `Notices do not arrive at ${name}`.slice(0, 200),
        ...(because === undefined ? {} : { text: `The last try: ${because}.`, probableCause: "communications subsystem failure" }),
      },
    ]);
  }

  return {
    lock: lockHealth,

    async note(tx, { before, ...target }, { result, delivered, isLost, isTest }) {
      if (delivered) {
        await markWorking(tx, target.id);
        if (before.isFailing) await tell(tx, "clear", target);
        return;
      }
      // Haste is no fault: it is there, and says when to come back.
      const isHasty = result.status === 429;
      if (isHasty && result.retryAfterMs !== undefined) await holdBack(tx, target.id, result.retryAfterMs);
      if (isTest || (isHasty && !isLost)) return;
      const pauseMs = isHasty ? undefined : pauseAfter(before.failures + 1, Math.random(), probeWaitsMs);
      const isFailing = isLost || (pauseMs !== undefined && !before.isOpen);
      await markFailed(tx, target.id, { pauseMs, isFailing });
      if (isFailing && !before.isFailing)
        await tell(tx, "raise", target, result.status === undefined ? (result.code ?? "no answer") : `answered ${result.status}`);
    },

    async forget(tx, target) {
      const before = await lockHealth(tx, target.id);
      if (before?.isFailing === true) await tell(tx, "clear", target);
      if (before !== undefined) await resetHealth(tx, target.id);
    },
  };
}
