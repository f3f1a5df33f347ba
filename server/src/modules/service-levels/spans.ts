/** A stretch of time in epoch milliseconds: from the beginning on, up to the end and no further. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Puts stretches in order and joins those that touch. What is empty or ends before it begins is left out. */
export function merged(spans: readonly Span[]): Span[] {
  const joined: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of spans.toSorted((one, other) => one.fromMs - other.fromMs)) {
    if (!(fromMs < toMs)) continue;
    const last = joined.at(-1);
    if (last !== undefined && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs);
    else joined.push({ fromMs, toMs });
  }
  return joined;
}

/** What lies in both. */
export function both(some: readonly Span[], others: readonly Span[]): Span[] {
  const [left, right] = [merged(some), merged(others)];
  const found: Span[] = [];
  for (let one = 0, other = 0; one < left.length && other < right.length;) {
    const [a, b] = [left[one], right[other]];
    if (a === undefined || b === undefined) break;
    const [fromMs, toMs] = [Math.max(a.fromMs, b.fromMs), Math.min(a.toMs, b.toMs)];
    if (fromMs < toMs) found.push({ fromMs, toMs });
    if (a.toMs < b.toMs) one += 1;
    else other += 1;
  }
  return found;
}

/** What lies in the first and not in the second. */
export function without(some: readonly Span[], others: readonly Span[]): Span[] {
  const holes = merged(others);
  const left: Span[] = [];
  let hole = 0;
  for (const { fromMs, toMs } of merged(some)) {
    let beginMs = fromMs;
    while ((holes[hole]?.toMs ?? Infinity) <= beginMs) hole += 1;
    // A hole may reach into the next stretch: it is looked at again there.
    for (let at = hole; ; at += 1) {
      const next = holes[at];
      if (next === undefined || next.fromMs >= toMs) break;
      if (next.fromMs > beginMs) left.push({ fromMs: beginMs, toMs: next.fromMs });
      beginMs = Math.max(beginMs, next.toMs);
    }
    if (beginMs < toMs) left.push({ fromMs: beginMs, toMs });
  }
  return left;
}

/** How long stretches are together; none of it counts twice. */
export function lengthMs(spans: readonly Span[]): number {
  return merged(spans).reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
}
