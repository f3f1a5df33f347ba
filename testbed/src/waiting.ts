/** Waits. For the pace of a load, never for a fact: use {@link until} for those. */
export const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Waits until something holds.
 *
 * @param withinMs - An end for what never comes, and no measure: a machine that is busy with other things is slow and not wrong.
 * @returns Milliseconds it took.
 * @throws when it does not hold in time.
 */
export async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<number> {
  const startedMs = performance.now();
  while (performance.now() - startedMs < withinMs) {
    if (await holds()) return performance.now() - startedMs;
    await pause(20);
  }
  throw new Error(`${what}: not within ${withinMs} ms`);
}
