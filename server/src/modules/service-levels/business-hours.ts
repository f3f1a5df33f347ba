import { serviceLevelErrors, weekdays } from "@roost/contract/service-levels";
import type { BusinessHours } from "@roost/contract/service-levels";
import { isTimeZone } from "@roost/contract/time";
import { Temporal } from "temporal-polyfill";

import { merged } from "./spans.ts";
import type { Span } from "./spans.ts";

/** @throws {AppError} `service_levels.unknown_zone`, `service_levels.end_before_start` */
export function checkBusinessHours({ timeZone, hours }: BusinessHours): void {
  // An offset is no zone: it knows nothing of summer.
  if (!/^[A-Za-z]/.test(timeZone) || !isTimeZone(timeZone)) throw serviceLevelErrors.unknown_zone({ timeZone });
  for (const { from, to } of hours) if (from >= to) throw serviceLevelErrors.end_before_start({ from, to });
}

/** The hours of business within a stretch of time. A day may be of 23 or 25 hours; its hours are those the clock on the wall shows. */
export function businessSpans({ timeZone, hours }: BusinessHours, { fromMs, toMs }: Span): Span[] {
  const spans: Span[] = [];
  for (let day = dayOf(fromMs, timeZone); instantOf(day, "00:00", timeZone) < toMs; day = day.add({ days: 1 })) {
    const weekday = weekdays[day.dayOfWeek - 1];
    for (const { days, from, to } of hours) {
      if (weekday === undefined || !days.includes(weekday)) continue;
      const span = { fromMs: instantOf(day, from, timeZone), toMs: instantOf(day, to, timeZone) };
      spans.push({ fromMs: Math.max(span.fromMs, fromMs), toMs: Math.min(span.toMs, toMs) });
    }
  }
  return merged(spans);
}

/** A day of the calendar. */
export interface Day extends Span {
  /** `YYYY-MM-DD`. */
  readonly day: string;
}

/** The last so many days of the calendar of a zone, the one of `nowMs` the last. */
export function lastDays(count: number, nowMs: number, timeZone: string): Day[] {
  const today = dayOf(nowMs, timeZone);
  return Array.from({ length: count }, (_, index) => {
    const day = today.subtract({ days: count - 1 - index });
    return {
      day: day.toString(),
      fromMs: instantOf(day, "00:00", timeZone),
      toMs: instantOf(day, "24:00", timeZone),
    };
  });
}

function dayOf(atMs: number, timeZone: string): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timeZone).toPlainDate();
}

/**
 * When the clock on the wall shows a time. One that is skipped in spring is when the clock jumps, so that what ends then and what begins then
 * meet; of one that comes twice in autumn it is the first.
 */
function instantOf(day: Temporal.PlainDate, time: string, timeZone: string): number {
  const wall = (time === "24:00" ? day.add({ days: 1 }) : day).toPlainDateTime(Temporal.PlainTime.from(time === "24:00" ? "00:00" : time));
  const zoned = wall.toZonedDateTime(timeZone, { disambiguation: "compatible" });
  if (zoned.toPlainDateTime().equals(wall)) return zoned.epochMilliseconds;
  return zoned.getTimeZoneTransition("previous")?.epochMilliseconds ?? zoned.epochMilliseconds;
}
