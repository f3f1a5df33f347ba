/** Waits before the 2nd, 3rd, … try, in milliseconds; the last one stands for all that follow. */
export const backOffMs: readonly number[] = [5_000, 30_000, 120_000, 600_000, 1_800_000];

/** Tries of one delivery: with the waits above, something over three and a half hours. */
export const maxAttempts = 12;

// A target that understands us and says no will say so again: a few tries are for proxies that restart.
const maxRefusals = 3;

export interface AttemptResult {
  /** HTTP status, where there was an answer. */
  readonly status?: number | undefined;
  /** Why there was none, or why the one there was is no success. */
  readonly code?: string | undefined;
  /** What the other side asked for by `Retry-After`. */
  readonly retryAfterMs?: number | undefined;
  /** The other side said no in its own words: the answer will be the same tomorrow. */
  readonly isFinal?: boolean | undefined;
  /** There is nobody there any more and never will be: the target is removed. */
  readonly isGone?: boolean | undefined;
}

export type Next = { readonly state: "delivered" | "failed" } | { readonly state: "waiting"; readonly waitMs: number };

/**
 * What becomes of a delivery after a try.
 *
 * @param attempts - Tries made so far, this one among them.
 * @param random - From 0 up to but not including 1: spreads retries by a fifth either way.
 */
export function afterAttempt(result: AttemptResult, attempts: number, random: number, waits: readonly number[] = backOffMs): Next {
  const { status } = result;
  if (status !== undefined && status >= 200 && status < 300 && result.code === undefined) return { state: "delivered" };
  if (result.isFinal === true) return { state: "failed" };
  const refused = status !== undefined && status >= 400 && status < 500 && ![408, 425, 429].includes(status);
  if (attempts >= (refused ? maxRefusals : maxAttempts)) return { state: "failed" };
  const wait = waits[Math.min(attempts, waits.length) - 1] ?? 0;
  return { state: "waiting", waitMs: Math.max(wait * (0.8 + 0.4 * random), result.retryAfterMs ?? 0) };
}
