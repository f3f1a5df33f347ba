import type { Clock } from "../../platform/clock.ts";

/** How a kit is. */
export interface KitHealth {
  readonly state: "well" | "unhealthy";
  /** What it was doing when it failed. */
  readonly doing?: string;
  readonly since?: Date;
}

// A request that failed is past when this has gone by without another; jobs and handlers are well again when they succeed.
const forgetMs = 10 * 60_000;

/** Remembers what of a kit fails, and forgets it when the same thing works again or long enough went by. */
export function createKitHealth(clock: Clock) {
  const faults = new Map<string, { readonly sinceMs: number; readonly lastMs: number; readonly lasts: boolean }>();

  return {
    /** @param lasts - It stays so until the same thing succeeds. */
    failed(doing: string, lasts: boolean): void {
      const nowMs = clock.nowMs();
      faults.set(doing, { sinceMs: faults.get(doing)?.sinceMs ?? nowMs, lastMs: nowMs, lasts });
    },
    succeeded(doing: string): void {
      faults.delete(doing);
    },
    now(): KitHealth {
      for (const [doing, { lastMs, lasts }] of faults) if (!lasts && clock.nowMs() - lastMs > forgetMs) faults.delete(doing);
      const [oldest] = [...faults].sort(([, one], [, other]) => one.sinceMs - other.sinceMs);
      return oldest === undefined ? { state: "well" } : { state: "unhealthy", doing: oldest[0], since: new Date(oldest[1].sinceMs) };
    },
  };
}

export type KitHealthBook = ReturnType<typeof createKitHealth>;
