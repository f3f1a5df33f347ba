import type { AlarmKind, Severity } from "@roost/contract/alarms";
import { breachedFromPoints, criticalFromPoints } from "@roost/contract/service-levels";
import type { ComplianceState, ServiceLevel, SeverityTargets } from "@roost/contract/service-levels";
import type { OutageSigns } from "@roost/contract/services";

import { both, lengthMs, without } from "./spans.ts";
import type { Span } from "./spans.ts";

/** What is promised, as far as it is judged. */
export type Promised = Pick<
  ServiceLevel,
  "availabilityPercent" | "responseMinutes" | "resolutionMinutes" | "bySeverity" | "excludeMaintenance"
>;

/** An alarm that was an outage: its own stretch of time, whoever was told of it. */
export interface Down {
  readonly severity: Severity;
  readonly raisedMs: number;
  /** Absent: it goes on. */
  readonly clearedMs?: number | undefined;
  readonly acknowledgedMs?: number | undefined;
  /** Maintenance windows that cover it, whenever. */
  readonly windows: readonly Span[];
}

/** Says whether an alarm is an outage. */
export function isOutage({ severities, kinds }: OutageSigns, alarm: { readonly severity: Severity; readonly kind: AlarmKind }): boolean {
  return severities.includes(alarm.severity) || kinds.includes(alarm.kind);
}

/** When something was down, and when nothing is known. No two of them overlap; what is in none was up. */
export interface Course {
  readonly unplanned: readonly Span[];
  readonly planned: readonly Span[];
  readonly unknown: readonly Span[];
}

/** What can be known of a service. */
export interface Sight {
  /** When the promise began: what was down before is nobody's matter. */
  readonly sinceMs: number;
  /** When somebody watched, and there was something to watch. */
  readonly known: readonly Span[];
}

/** What became of a service in a stretch of time. That something is down is known even where nobody watched; that it is up is not. */
export function courseOf(downs: readonly Down[], { sinceMs, known }: Sight, period: Span): Course {
  const agreed = { fromMs: Math.max(period.fromMs, sinceMs), toMs: period.toMs };
  const all = both(downs.map(downSpan), [agreed]);
  const unplanned = both(
    downs.flatMap((one) => without([downSpan(one)], one.windows)),
    [agreed],
  );
  return { unplanned, planned: without(all, unplanned), unknown: without(without([period], both(known, [agreed])), all) };
}

/** From when it was raised until it was over; what goes on has no end. */
export function downSpan({ raisedMs, clearedMs = Infinity }: Pick<Down, "raisedMs" | "clearedMs">): Span {
  return { fromMs: raisedMs, toMs: clearedMs };
}

/** What was measured over a stretch of time. */
export interface Measured {
  readonly unplannedMs: number;
  readonly plannedMs: number;
  /** Against the promise. */
  readonly countedMs: number;
  readonly unknownMs: number;
  /** What could have been up or down, as far as it is known, and in all. */
  readonly judgedMs: number;
  readonly agreedMs: number;
}

/** Sums up a course over the whole of a period. */
export function measure(course: Course, period: Span, { excludeMaintenance }: Pick<Promised, "excludeMaintenance">): Measured {
  const [unplannedMs, plannedMs, unknownMs] = [lengthMs(course.unplanned), lengthMs(course.planned), lengthMs(course.unknown)];
  const agreedMs = Math.max(0, period.toMs - period.fromMs) - (excludeMaintenance ? plannedMs : 0);
  return {
    unplannedMs,
    plannedMs,
    countedMs: unplannedMs + (excludeMaintenance ? 0 : plannedMs),
    unknownMs,
    judgedMs: Math.max(0, agreedMs - unknownMs),
    agreedMs: Math.max(0, agreedMs),
  };
}

/** Of the time that is known, in percent; `undefined` where none is. */
export function availabilityOf({ countedMs, judgedMs }: Pick<Measured, "countedMs" | "judgedMs">): number | undefined {
  return judgedMs > 0 ? 100 - (countedMs / judgedMs) * 100 : undefined;
}

/** Far below a millisecond of a year: hides what floating point adds, so that exactly on target is on target. */
const digits = 1e9;
const rounded = (points: number): number => Math.round(points * digits) / digits;

/** Points of availability that a stretch of time lacks. */
export function shortfallOf(countedMs: number, ofMs: number, targetPercent: number): number {
  if (ofMs <= 0) return 0;
  return Math.max(0, rounded((countedMs / ofMs) * 100 - (100 - targetPercent)));
}

/** How long a promise lets something be down. */
export function allowedMs(ofMs: number, targetPercent: number): number {
  return Math.round((ofMs * rounded(100 - targetPercent)) / 100);
}

/** @param isKnown - Something of the time is. */
export function stateOf(shortfallPoints: number, isKnown: boolean): ComplianceState {
  if (!isKnown) return "unknown";
  if (shortfallPoints === 0) return "compliant";
  if (shortfallPoints < breachedFromPoints) return "at_risk";
  return shortfallPoints < criticalFromPoints ? "breached" : "critical";
}

/** What holds for outages of a severity. */
export function targetsOf({ bySeverity, responseMinutes, resolutionMinutes }: Promised, severity: Severity): SeverityTargets {
  return bySeverity[severity] ?? { responseMinutes, resolutionMinutes };
}

/** How long something took or takes, and whether that is too long. In time is until the instant itself. */
export interface Taken {
  readonly ms: number;
  readonly targetMs: number;
  readonly isLate: boolean;
  /** When it was done; absent: it is not. */
  readonly doneMs?: number | undefined;
}

const minuteMs = 60_000;

/**
 * How long an outage took to be answered and to be over. What ends by itself needs no answer any more.
 *
 * @param business - The hours that count, over all of the outage; absent: all do.
 */
export function timesOf(
  down: Down,
  promised: Promised,
  { nowMs, business }: { nowMs: number; business?: readonly Span[] | undefined },
): { response: Taken; resolution: Taken } {
  const { responseMinutes, resolutionMinutes } = targetsOf(promised, down.severity);
  const taken = (doneMs: number | undefined, targetMinutes: number): Taken => {
    const whole = [{ fromMs: down.raisedMs, toMs: Math.min(doneMs ?? nowMs, nowMs) }];
    const counted = promised.excludeMaintenance ? without(whole, down.windows) : whole;
    const ms = lengthMs(business === undefined ? counted : both(counted, business));
    const targetMs = targetMinutes * minuteMs;
    return { ms, targetMs, isLate: ms > targetMs, doneMs };
  };
  const answeredMs = Math.min(down.acknowledgedMs ?? Infinity, down.clearedMs ?? Infinity);
  return {
    response: taken(answeredMs === Infinity ? undefined : answeredMs, responseMinutes),
    resolution: taken(down.clearedMs, resolutionMinutes),
  };
}
