import { Temporal } from "temporal-polyfill";

/** A stretch of each day by the clocks of a zone, on some days of the week; it may cross midnight. From inclusive, to exclusive. */
export interface DailyWindow {
  /** `HH:MM`. */
  readonly from: string;
  readonly to: string;
  /** IANA zone. */
  readonly timeZone: string;
  /** Days on which it begins, 1 is Monday; absent: every day. */
  readonly days?: readonly number[] | undefined;
}

/** Says whether a moment lies in the window by the clock on the wall. */
export function isWithin(window: DailyWindow, atMs: number): boolean {
  const wall = wallOf(window, atMs);
  const time = wall.toPlainTime();
  const afterFrom = Temporal.PlainTime.compare(time, Temporal.PlainTime.from(window.from)) >= 0;
  const beforeTo = Temporal.PlainTime.compare(time, Temporal.PlainTime.from(window.to)) < 0;
  const begins = (day: number) => window.days === undefined || window.days.includes(day);
  const today = wall.dayOfWeek;
  if (window.from < window.to) return afterFrom && beforeTo && begins(today);
  // Over midnight: it began yesterday, or begins today.
  return (afterFrom && begins(today)) || (beforeTo && begins(today === 1 ? 7 : today - 1));
}

/**
 * The first moment after `atMs` at which the window is over; `undefined` outside of it.
 *
 * A time that the change to summer skips is passed the moment the clocks go forward.
 */
export function endOf(window: DailyWindow, atMs: number): number | undefined {
  if (!isWithin(window, atMs)) return undefined;
  const wall = wallOf(window, atMs);
  const to = Temporal.PlainTime.from(window.to);
  let date = wall.toPlainDate();
  for (let tries = 0; tries < 9; tries += 1, date = date.add({ days: 1 })) {
    const plain = date.toPlainDateTime(to);
    for (const disambiguation of ["earlier", "later"] as const) {
      const end = momentOf(plain, window.timeZone, disambiguation);
      if (end > atMs && !isWithin(window, end)) return end;
    }
  }
  // Days joined without a gap, as 00:00 to 00:00 would be; the contract allows none.
  return atMs + 86_400_000;
}

/** The next moment after `afterMs` at which the clocks of a zone show this time; once a day, also where the clocks change. */
export function nextAt(time: string, timeZone: string, afterMs: number): number {
  const plainTime = Temporal.PlainTime.from(time);
  let date = Temporal.Instant.fromEpochMilliseconds(afterMs).toZonedDateTimeISO(timeZone).toPlainDate();
  for (;;) {
    const at = momentOf(date.toPlainDateTime(plainTime), timeZone, "earlier");
    if (at > afterMs) return at;
    date = date.add({ days: 1 });
  }
}

function wallOf({ timeZone }: DailyWindow, atMs: number): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(Math.floor(atMs)).toZonedDateTimeISO(timeZone);
}

function momentOf(plain: Temporal.PlainDateTime, timeZone: string, disambiguation: "earlier" | "later"): number {
  const zoned = plain.toZonedDateTime(timeZone, { disambiguation });
  if (zoned.toPlainDateTime().equals(plain)) return zoned.epochMilliseconds;
  const later = plain.toZonedDateTime(timeZone, { disambiguation: "later" });
  // The first minute that is skipped comes out as the very moment of the change, and only what lies before a moment is its previous one.
  return later.add({ milliseconds: 1 }).getTimeZoneTransition("previous")?.epochMilliseconds ?? later.epochMilliseconds;
}
