/**
 * One beat for all ages on the page: a hundred `12 s ago` share one timer and change at the same moment.
 *
 * Beats each second; `now` is in epoch milliseconds and stands still between beats.
 */
export function createTicker(clock: () => number) {
  const listeners = new Set<() => void>();
  let now = clock();
  let timer: ReturnType<typeof setInterval> | undefined;
  const beat = () => {
    now = clock();
    for (const listener of listeners) listener();
  };
  return {
    now: (): number => now,
    subscribe(listener: () => void): () => void {
      listeners.add(listener);
      if (timer === undefined) {
        now = clock();
        timer = setInterval(beat, 1_000);
      }
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
  };
}

export type Ticker = ReturnType<typeof createTicker>;
