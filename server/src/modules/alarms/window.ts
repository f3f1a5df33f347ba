import { windowErrors } from "@roost/contract/windows";
import type { WindowOccurrence, WindowPlan, WindowStatus } from "@roost/contract/windows";

import { beginningsByCron, beginningsByRrule, checkZone, later } from "./recurrence.ts";
import type { Beginnings } from "./recurrence.ts";

/** A plan whose recurrence, if any, has a beginning: what is kept. */
export type FixedPlan = Extract<WindowPlan, { kind: "once" }> | (Extract<WindowPlan, { kind: "recurring" }> & { readonly from: Date });

/** When a plan is in force, in memory. */
export interface Timetable {
  /** The occurrence under way at an instant: from its beginning on, up to its end and no further. */
  at(atMs: number): WindowOccurrence | undefined;
  /** The first that begins after an instant. */
  after(atMs: number): WindowOccurrence | undefined;
}

const dayMs = 86_400_000;
const longestMs = 366 * dayMs;
/** So many in a row are compared with each other: a daily window meets each change of the clocks. */
const comparedOccurrences = 200;

/** Gives a recurrence its beginning: the minute it was made in, unless it has one. */
export function fixPlan(plan: WindowPlan, nowMs: number): FixedPlan {
  if (plan.kind === "once") return plan;
  return { ...plan, from: plan.from ?? new Date(Math.floor(nowMs / 60_000) * 60_000) };
}

/**
 * Works a plan out.
 *
 * @throws {AppError} `windows.unknown_zone`, `windows.end_before_start`, `windows.one_recurrence`, `windows.unreadable_rrule`,
 *   `windows.unreadable_cron`
 */
export function timetableOf(plan: FixedPlan): Timetable {
  checkZone(plan.zone);
  const fromMs = plan.from.getTime();
  if (plan.kind === "once") {
    const toMs = plan.to.getTime();
    if (toMs <= fromMs) throw windowErrors.end_before_start();
    const only: WindowOccurrence = { from: plan.from, to: plan.to };
    return {
      at: (atMs) => (fromMs <= atMs && atMs < toMs ? only : undefined),
      after: (atMs) => (atMs < fromMs ? only : undefined),
    };
  }
  const untilMs = plan.until?.getTime() ?? Infinity;
  if (untilMs <= fromMs) throw windowErrors.end_before_start();
  const beginnings = beginningsOf(plan, fromMs);
  const occurrence = (beginMs: number): WindowOccurrence => ({
    from: new Date(beginMs),
    to: new Date(later(beginMs, plan.durationSeconds, plan.zone)),
  });
  return {
    at(atMs) {
      const beginMs = beginnings.upTo(Math.min(atMs, untilMs));
      if (beginMs === undefined || beginMs < fromMs) return undefined;
      const found = occurrence(beginMs);
      return atMs < found.to.getTime() ? found : undefined;
    },
    after(atMs) {
      const beginMs = beginnings.after(Math.max(atMs, fromMs - 1));
      return beginMs === undefined || beginMs > untilMs ? undefined : occurrence(beginMs);
    },
  };
}

function beginningsOf(
  { rrule, cron, zone }: { rrule?: string | undefined; cron?: string | undefined; zone: string },
  fromMs: number,
): Beginnings {
  if (rrule !== undefined && cron === undefined) return beginningsByRrule(rrule, { zone, fromMs });
  if (cron !== undefined && rrule === undefined) return beginningsByCron(cron, { zone, fromMs });
  throw windowErrors.one_recurrence();
}

/**
 * Works a plan out and refuses one that cannot be meant.
 *
 * @throws {AppError} as {@link timetableOf}; `windows.too_long`, `windows.never_occurs`, `windows.already_over`
 */
export function checkPlan(plan: FixedPlan, nowMs: number): Timetable {
  const timetable = timetableOf(plan);
  if (plan.kind === "once") {
    if (plan.to.getTime() - plan.from.getTime() > longestMs) throw windowErrors.too_long();
  } else {
    let before = timetable.after(plan.from.getTime() - 1);
    if (before === undefined) throw windowErrors.never_occurs();
    for (let n = 1; n < comparedOccurrences; n += 1) {
      const next = timetable.after(before.from.getTime());
      if (next === undefined) break;
      if (before.to > next.from) throw windowErrors.too_long({ begins: before.from, next: next.from });
      before = next;
    }
  }
  if (timetable.at(nowMs) === undefined && timetable.after(nowMs) === undefined) throw windowErrors.already_over();
  return timetable;
}

/** The occurrence under way and those that follow, so many in all. */
export function upcoming(timetable: Timetable, nowMs: number, count: number): WindowOccurrence[] {
  const found: WindowOccurrence[] = [];
  let next = timetable.at(nowMs) ?? timetable.after(nowMs);
  while (next !== undefined && found.length < count) {
    found.push(next);
    next = timetable.after(next.from.getTime());
  }
  return found;
}

/** What touches a stretch of time, by beginning; `count` at the most. */
export function within(timetable: Timetable, { fromMs, toMs }: { fromMs: number; toMs: number }, count: number): WindowOccurrence[] {
  const found: WindowOccurrence[] = [];
  let next = timetable.at(fromMs) ?? timetable.after(fromMs);
  while (next !== undefined && next.from.getTime() < toMs && found.length < count) {
    found.push(next);
    next = timetable.after(next.from.getTime());
  }
  return found;
}

/** An occurrence that was ended before its time. */
export interface Cut {
  readonly beganAt: Date;
  readonly cutAt: Date;
}

/** The same timetable without what was cut off. */
export function withCuts(timetable: Timetable, cuts: readonly Cut[]): Timetable {
  if (cuts.length === 0) return timetable;
  const cutOf = (occurrence: WindowOccurrence | undefined): WindowOccurrence | undefined => {
    const cut = occurrence === undefined ? undefined : cuts.find(({ beganAt }) => beganAt.getTime() === occurrence.from.getTime());
    if (occurrence === undefined || cut === undefined || cut.cutAt >= occurrence.to) return occurrence;
    return { from: occurrence.from, to: cut.cutAt };
  };
  return {
    at(atMs) {
      const found = cutOf(timetable.at(atMs));
      return found !== undefined && atMs < found.to.getTime() ? found : undefined;
    },
    after: (atMs) => cutOf(timetable.after(atMs)),
  };
}

/** Where a window stands at an instant, and its present or next occurrence. */
export function standingOf(
  timetable: Timetable,
  { nowMs, isCancelled }: { nowMs: number; isCancelled: boolean },
): { status: WindowStatus; occurrence?: WindowOccurrence } {
  if (isCancelled) return { status: "cancelled" };
  const present = timetable.at(nowMs);
  if (present !== undefined) return { status: "in_progress", occurrence: present };
  const next = timetable.after(nowMs);
  return next === undefined ? { status: "ended" } : { status: "scheduled", occurrence: next };
}
