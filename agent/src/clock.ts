import { readFileSync } from "node:fs";

/** Time as the agent needs it: wall time for stamps, time since boot for waiting and for mending stamps. */
export interface Clock {
  /** Epoch milliseconds; may be wrong, and may jump. */
  nowMs(): number;
  /** Milliseconds that only grow, at the same pace, also while the machine sleeps where the system tells. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => {
    try {
      return Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]) * 1000;
    } catch {
      return performance.now();
    }
  },
};

/** 2024-01-01: no agent is older than this, so an earlier clock has not been set yet (a board without a battery starts in 1970). */
const earliestPossibleMs = 1_704_067_200_000;

/** Says whether a wall time can be right at all. */
export function isClockSet(nowMs: number): boolean {
  return nowMs >= earliestPossibleMs;
}

/**
 * Watches for the wall clock being put forward, as happens once a board without a battery has reached a time server.
 *
 * @returns A function that answers by how much the clock was put forward since it was last called; 0 below a minute, and when it was
 * put back: stamps made before that were right.
 */
export function createStepWatch(clock: Clock): () => number {
  let [wall, steady] = [clock.nowMs(), clock.monotonicMs()];
  return () => {
    const [wallNow, steadyNow] = [clock.nowMs(), clock.monotonicMs()];
    const stepMs = Math.round(wallNow - wall - (steadyNow - steady));
    [wall, steady] = [wallNow, steadyNow];
    return stepMs >= 60_000 ? stepMs : 0;
  };
}
