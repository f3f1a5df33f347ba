/** Time, passed in wherever it matters: wall time for people and stamps, monotonic time for timers. */
export interface Clock {
  /** Epoch milliseconds. */
  nowMs(): number;
  /** Milliseconds that only ever grow, whatever happens to the wall clock. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
