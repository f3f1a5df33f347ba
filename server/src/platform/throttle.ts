import type { Clock } from "./clock.ts";

export interface ThrottleOptions {
  readonly clock: Clock;
  /** Tries at once. */
  readonly burst: number;
  /** Tries that come back within the window, evenly. In any window of that length at most `burst + refill` pass. */
  readonly refill: number;
  readonly windowMs: number;
  /** Keys remembered at once; the one that was quiet for longest is forgotten first. */
  readonly maxKeys: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Bounds how often something happens per key, in bounded memory and on monotonic time. */
export interface Throttle {
  /** Takes one try. @returns 0 when it passes, else seconds to wait, at least 1. */
  take(key: string): number;
  /** Gives a try back: it was no guess after all. */
  giveBack(key: string): void;
}

/** A token bucket per key. */
export function createThrottle({ clock, burst, refill, windowMs, maxKeys }: ThrottleOptions): Throttle {
  const buckets = new Map<string, Bucket>();
  const perMs = refill / windowMs;
  return {
    take(key) {
      const nowMs = clock.monotonicMs();
      const known = buckets.get(key);
      const tokens = known === undefined ? burst : Math.min(burst, known.tokens + (nowMs - known.atMs) * perMs);
      // Deleting first moves the key to the end: a Map keeps the order of insertion, so its first key is the quietest.
      buckets.delete(key);
      const passes = tokens >= 1;
      buckets.set(key, { tokens: passes ? tokens - 1 : tokens, atMs: nowMs });
      if (buckets.size > maxKeys) {
        for (const quietest of buckets.keys()) {
          buckets.delete(quietest);
          break;
        }
      }
      return passes ? 0 : Math.max(1, Math.ceil((1 - tokens) / perMs / 1_000));
    },
    giveBack(key) {
      const bucket = buckets.get(key);
      if (bucket !== undefined) bucket.tokens = Math.min(burst, bucket.tokens + 1);
    },
  };
}
