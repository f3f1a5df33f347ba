/** Waits. For the pace of a load, never for a fact: use {@link until} for those. */
export const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Waits until something holds.
 *
 * @returns Milliseconds it took.
 * @throws when it does not hold in time.
 */
export async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs: number): Promise<number> {
  const startedMs = performance.now();
  while (performance.now() - startedMs < withinMs) {
    if (await holds()) return performance.now() - startedMs;
    await pause(20);
  }
  throw new Error(`${what}: not within ${withinMs} ms`);
}
