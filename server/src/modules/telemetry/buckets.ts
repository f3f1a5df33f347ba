/** Buckets of one length, counted from an origin. Instants in epoch microseconds. */
interface EvenBuckets {
  readonly kind: "even";
  readonly originUs: number;
  readonly stepUs: number;
  /** How many there are, the first and last cut by the range. */
  readonly count: number;
}

/** Buckets that follow a zone's wall clock, so that their lengths differ where it is put forward or back. */
interface ListedBuckets {
  readonly kind: "listed";
  /** Start of each, ascending; the first one at or before the range. */
  readonly startsUs: readonly number[];
  readonly count: number;
}

/** How a range is cut into buckets. */
export type Buckets = EvenBuckets | ListedBuckets;

const hourSeconds = 3_600;
const daySeconds = 86_400;
const dayMs = daySeconds * 1_000;
// 1970-01-01 was a Thursday; weeks begin on Monday.
const mondayMs = 4 * dayMs;

/** The lengths that are chosen from when none is asked for, in seconds. */
// oxfmt-ignore
export const ladderSeconds: readonly number[] = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800,
  hourSeconds, 2 * hourSeconds, 3 * hourSeconds, 6 * hourSeconds, 12 * hourSeconds,
  daySeconds, 2 * daySeconds, 7 * daySeconds, 14 * daySeconds, 28 * daySeconds, 91 * daySeconds, 182 * daySeconds, 364 * daySeconds,
];

/** The shortest length of the ladder, from `atLeastSeconds` on, that cuts the range into no more than `maxPoints` buckets. */
export function fittingResolution(fromMs: number, toMs: number, maxPoints: number, atLeastSeconds = 0): number {
  const rangeSeconds = (toMs - fromMs) / 1_000;
  // A range that does not begin with a bucket touches one more.
  const fits = (seconds: number) => rangeSeconds / seconds + 1 <= maxPoints;
  const found = ladderSeconds.find((seconds) => seconds >= atLeastSeconds && fits(seconds));
  return found ?? Math.ceil(rangeSeconds / Math.max(1, maxPoints - 1) / daySeconds) * daySeconds;
}

/** How many buckets of a length a range touches at most. */
export function countBuckets(fromMs: number, toMs: number, stepSeconds: number): number {
  return Math.ceil((toMs - fromMs) / 1_000 / stepSeconds) + 1;
}

/**
 * Cuts a range into buckets. Lengths of an hour or more that fit a day, and whole days, follow the zone's wall clock
 * (weeks begin on Monday); all others are counted from 1970 in UTC.
 */
export function bucketsOf(fromMs: number, toMs: number, stepSeconds: number, timeZone: string): Buckets {
  const followsClock = stepSeconds >= hourSeconds && (daySeconds % stepSeconds === 0 || stepSeconds % daySeconds === 0);
  const stepMs = stepSeconds * 1_000;
  if (!followsClock || timeZone === "UTC") {
    const shiftMs = stepSeconds % (7 * daySeconds) === 0 && followsClock ? mondayMs : 0;
    const originMs = Math.floor((fromMs - shiftMs) / stepMs) * stepMs + shiftMs;
    return { kind: "even", originUs: originMs * 1_000, stepUs: stepMs * 1_000, count: Math.ceil((toMs - originMs) / stepMs) };
  }
  const startsUs = clockStarts(fromMs, toMs, stepMs, timeZone).map((ms) => ms * 1_000);
  return { kind: "listed", startsUs, count: startsUs.length };
}

/** Start of the bucket of an index, in epoch microseconds. */
export function startOf(buckets: Buckets, index: number): number {
  return buckets.kind === "even" ? buckets.originUs + index * buckets.stepUs : (buckets.startsUs[index] ?? 0);
}

/**
 * Bucket starts by the wall clock, from the last one at or before `fromMs` on.
 *
 * Where the clock is put back, an hour's bucket stands twice (the hour happened twice), but a longer one goes on.
 */
function clockStarts(fromMs: number, toMs: number, stepMs: number, timeZone: string): number[] {
  const shiftMs = stepMs % (7 * dayMs) === 0 ? mondayMs : 0;
  const floor = (localMs: number) => Math.floor((localMs - shiftMs) / stepMs) * stepMs + shiftMs;
  const starts: number[] = [];
  let lastFloor = -Infinity;
  for (const piece of offsetPieces(fromMs - stepMs - dayMs, toMs, timeZone)) {
    const beginFloor = floor(piece.fromMs + piece.offsetMs);
    // The clock was put forward over a start, or back into the middle of an hour: the bucket begins where time went on.
    const beginsHere = beginFloor > lastFloor || stepMs === hourSeconds * 1_000;
    if (beginsHere && beginFloor !== piece.fromMs + piece.offsetMs) {
      starts.push(piece.fromMs);
      lastFloor = beginFloor;
    }
    for (let local = beginFloor; local - piece.offsetMs < piece.toMs; local += stepMs) {
      const at = local - piece.offsetMs;
      if (at < piece.fromMs || (local <= lastFloor && stepMs > hourSeconds * 1_000)) continue;
      starts.push(at);
      lastFloor = local;
    }
  }
  const first = starts.findLastIndex((start) => start <= fromMs);
  return starts.slice(Math.max(0, first)).filter((start) => start < toMs);
}

interface OffsetPiece {
  readonly fromMs: number;
  readonly toMs: number;
  readonly offsetMs: number;
}

/** Spans of one offset from UTC. No zone changes twice within a week of the same offset, so days are looked at and changes bisected. */
function offsetPieces(fromMs: number, toMs: number, timeZone: string): OffsetPiece[] {
  const offsetAt = offsetReader(timeZone);
  const pieces: OffsetPiece[] = [];
  let begin = fromMs;
  let offsetMs = offsetAt(begin);
  let at = begin;
  while (at < toMs) {
    const next = Math.min(at + 2 * dayMs, toMs);
    if (offsetAt(next) !== offsetMs) {
      let low = at;
      let high = next;
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        if (offsetAt(middle) === offsetMs) low = middle;
        else high = middle;
      }
      pieces.push({ fromMs: begin, toMs: high, offsetMs });
      begin = high;
      offsetMs = offsetAt(high);
      at = high;
    } else at = next;
  }
  pieces.push({ fromMs: begin, toMs, offsetMs });
  return pieces;
}

/** Reads a zone's offset from UTC in milliseconds at instants. */
export function offsetReader(timeZone: string): (ms: number) => number {
  const format = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset", hourCycle: "h23", year: "numeric" });
  return (ms) => {
    const name = format.formatToParts(ms).find((part) => part.type === "timeZoneName")?.value ?? "";
    const match = /GMT([+-])(\d{2}):(\d{2})(?::(\d{2}))?/.exec(name);
    if (match === null) return 0;
    const size = Number(match[2]) * 3_600 + Number(match[3]) * 60 + Number(match[4] ?? 0);
    return (match[1] === "-" ? -size : size) * 1_000;
  };
}

const hourUs = hourSeconds * 1_000_000;

/**
 * The hours of UTC, in epoch microseconds, that one bucket or the range cuts: their statistics say too little.
 *
 * `undefined` where that is every hour, because buckets are shorter.
 */
export function cutHours(buckets: Buckets, fromUs: number, toUs: number): number[] | undefined {
  const cut = new Set<number>();
  const note = (us: number) => {
    if (us % hourUs !== 0) cut.add(Math.floor(us / hourUs) * hourUs);
  };
  if (buckets.kind === "even") {
    if (buckets.stepUs < hourUs) return undefined;
    if (buckets.stepUs % hourUs !== 0 || buckets.originUs % hourUs !== 0) {
      for (let index = 0; index < buckets.count; index++) note(startOf(buckets, index));
    }
  } else {
    const everyHour =
      buckets.startsUs.length > 1 && (toUs - fromUs) / buckets.count <= hourUs * 1.01 && (buckets.startsUs[1] ?? 0) % hourUs !== 0;
    if (everyHour) return undefined;
    for (const start of buckets.startsUs) note(start);
  }
  note(fromUs);
  note(toUs);
  return [...cut].filter((hour) => hour + hourUs > fromUs && hour < toUs).sort((a, b) => a - b);
}

/** Whether every bucket begins with a day of UTC, so that a day's statistics serve. */
export function followsDays(buckets: Buckets): boolean {
  const dayUs = dayMs * 1_000;
  return buckets.kind === "even" && buckets.stepUs % dayUs === 0 && buckets.originUs % dayUs === 0;
}
