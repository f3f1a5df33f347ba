/**
 * The new answer, with every part that says the same as before replaced by the part from before: what did not change keeps its identity,
 * and is not drawn again. Knows what answers are made of: plain objects, arrays, dates and plain values.
 */
export function keepSame<T>(before: unknown, after: T): T {
  if (Object.is(before, after)) return after;
  if (after instanceof Date) return before instanceof Date && before.getTime() === after.getTime() ? (before as T) : after;
  if (Array.isArray(after)) return keepSameArray(before, after) as T;
  if (isPlain(after)) return keepSameObject(before, after) as T;
  return after;
}

function keepSameArray(before: unknown, after: readonly unknown[]): readonly unknown[] {
  if (!Array.isArray(before)) return after;
  const old: readonly unknown[] = before;
  const kept = after.map((item, index) => keepSame(old[index], item));
  return old.length === kept.length && kept.every((item, index) => Object.is(item, old[index])) ? old : kept;
}

function keepSameObject(before: unknown, after: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (!isPlain(before)) return after;
  const names = Object.keys(after);
  const kept = Object.fromEntries(names.map((name) => [name, keepSame(before[name], after[name])]));
  const same =
    names.length === Object.keys(before).length &&
    names.every((name) => Object.hasOwn(before, name) && Object.is(kept[name], before[name]));
  return same ? before : kept;
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
