/** A list as somebody reads it: rows keep their places, and what is new waits to be let in. */
export interface Steady<Item> {
  readonly items: readonly Item[];
  /** Of these, the ones that no longer belong here: they stay where they are until the list is let move. */
  readonly gone: ReadonlySet<string>;
  /** How many came meanwhile and are not shown yet. */
  readonly waiting: number;
}

/**
 * Puts what is known now into the places it had before.
 *
 * @param before - What was shown last; absent where the list may move.
 */
export function keepSteady<Item extends { readonly id: string }>(now: readonly Item[], before: readonly Item[] | undefined): Steady<Item> {
  if (before === undefined || before.length === 0) return { items: now, gone: new Set(), waiting: 0 };
  const byId = new Map(now.map((item) => [item.id, item]));
  const gone = new Set(before.filter(({ id }) => !byId.has(id)).map(({ id }) => id));
  const shown = new Set(before.map(({ id }) => id));
  const kept = before.map((item) => byId.get(item.id) ?? item);
  // What stands below the last that was shown is more of the list; what stands above is news.
  const last = now.findLastIndex(({ id }) => shown.has(id));
  const more = last === -1 ? [] : now.slice(last + 1);
  const news = last === -1 ? now : now.slice(0, last).filter(({ id }) => !shown.has(id));
  return { items: [...kept, ...more], gone, waiting: news.length };
}
