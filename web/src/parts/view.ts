/** Ranges that move with the present, and their length. */
export const ranges = {
  "1h": 3_600_000,
  "24h": 86_400_000,
  "7d": 7 * 86_400_000,
  "30d": 30 * 86_400_000,
  "1y": 365 * 86_400_000,
} as const;
export type Range = keyof typeof ranges;
export const rangeNames = Object.keys(ranges) as Range[];
export const rangeWords: Readonly<Record<Range, string>> = { "1h": "1 h", "24h": "24 h", "7d": "7 d", "30d": "30 d", "1y": "1 y" };

/** What stretch of time is looked at: one that moves with the present, or one held still. */
export interface View {
  readonly range: Range;
  /** Ends of a stretch held still, in epoch milliseconds. */
  readonly still?: { readonly from: number; readonly to: number } | undefined;
}

export const defaultRange: Range = "24h";
const shortestMs = 10_000;
const longestMs = 10 * 365 * 86_400_000;

/** The view an address asks for; ends that make no sense are passed over. */
export function viewOf({
  range,
  from,
  to,
}: {
  readonly range?: Range | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}): View {
  const still = from !== undefined && to !== undefined && to - from >= shortestMs && to - from <= longestMs ? { from, to } : undefined;
  return { range: range ?? defaultRange, still };
}

/** The ends of a view at this moment, in epoch milliseconds. */
export function endsOf(view: View, nowMs: number): { from: number; to: number } {
  return view.still ?? { from: nowMs - ranges[view.range], to: nowMs };
}

/** A name for the view under which its answers are kept. */
export function keyOf(view: View): string {
  return view.still === undefined ? view.range : `${view.still.from}-${view.still.to}`;
}

/** Holds a stretch still, kept within sensible lengths and not beyond the present. */
export function hold(from: number, to: number, nowMs: number): { from: number; to: number } {
  const length = Math.min(Math.max(to - from, shortestMs), longestMs);
  const middle = (from + to) / 2;
  const end = Math.min(Math.round(middle + length / 2), nowMs);
  return { from: Math.max(0, end - Math.round(length)), to: end };
}

/** Nearer or farther around the middle: factor below 1 shows less. */
export function zoom(view: View, factor: number, nowMs: number): { from: number; to: number } {
  const { from, to } = endsOf(view, nowMs);
  const middle = (from + to) / 2;
  const half = ((to - from) / 2) * factor;
  return hold(middle - half, middle + half, nowMs);
}

/** Earlier or later by a share of what is seen: -0.5 goes back half a screen. */
export function pan(view: View, share: number, nowMs: number): { from: number; to: number } {
  const { from, to } = endsOf(view, nowMs);
  const step = (to - from) * share;
  return hold(from + step, to + step, nowMs);
}

/** How often a moving view must be drawn again to move by about a pixel, in milliseconds. */
export function stepOf(view: View): number {
  return Math.min(60_000, Math.max(1_000, Math.round(ranges[view.range] / 1_000)));
}

/** Says whether something read from outside names a range. */
export function isRange(name: unknown): name is Range {
  return typeof name === "string" && Object.hasOwn(ranges, name);
}
