/**
 * Waiting times between tries: 1 s, doubling to 60 s, each with full jitter of its upper half, so that a fleet that lost its server
 * together does not come back together.
 *
 * @param random - 0 ≤ x < 1.
 */
export function createBackoff(random: () => number = Math.random) {
  let nextMs = 1_000;
  return {
    /** Milliseconds to wait before the next try. */
    next(): number {
      const ceilingMs = nextMs;
      nextMs = Math.min(60_000, nextMs * 2);
      return Math.round(ceilingMs / 2 + (ceilingMs / 2) * random());
    },
    /** After something worked. */
    reset(): void {
      nextMs = 1_000;
    },
  };
}
