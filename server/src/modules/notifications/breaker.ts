import type { Breaker } from "@roost/contract/notifications";

/** Failed tries of one target, one after another, after which its breaker opens. */
export const failuresToOpen = 5;

/** Waits before the 1st, 2nd, … probe of an open breaker, in milliseconds; the last one stands for all that follow. */
export const probeWaitsMs: readonly number[] = [60_000, 120_000, 300_000, 600_000, 900_000];

/** What is remembered of a target's tries. */
export interface BreakerMemory {
  /** Failed tries since the last that worked. */
  readonly failures: number;
  readonly openedAt: Date | undefined;
  readonly probeAt: Date | undefined;
}

/**
 * How long a target is left alone after a failed try.
 *
 * @param failures - Failed tries one after another, this one among them.
 * @param random - From 0 up to but not including 1: spreads probes by a fifth either way.
 * @returns `undefined` while the breaker stays closed.
 */
export function pauseAfter(failures: number, random: number, waits: readonly number[] = probeWaitsMs): number | undefined {
  if (failures < failuresToOpen) return undefined;
  const wait = waits[Math.min(failures - failuresToOpen, waits.length - 1)] ?? 0;
  return wait * (0.8 + 0.4 * random);
}

/** The breaker as people see it at this moment. */
export function breakerOf({ failures, openedAt, probeAt }: BreakerMemory, nowMs: number): Breaker {
  if (openedAt === undefined) return { state: "closed", failures };
  const isTime = probeAt === undefined || probeAt.getTime() <= nowMs;
  return { state: isTime ? "half_open" : "open", failures, openedAt, ...(probeAt === undefined ? {} : { probeAt }) };
}
