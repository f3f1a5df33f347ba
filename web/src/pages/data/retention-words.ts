import type { RetainedKind, RetentionEffect } from "@roost/contract/retention";

import { formatCount, formatPlural } from "../../parts/format.ts";

const dayMs = 86_400_000;

/** A number of days as people say it: `30 days`, `about 13 months`, `about 5 years`. */
export function spanWords(days: number): string {
  if (days < 60) return formatPlural(days, "day");
  const exactly = days % 365 === 0 ? "" : "about ";
  if (days < 700 && days % 365 !== 0) return `about ${formatPlural(Math.round(days / 30.44), "month")}`;
  return `${exactly}${formatPlural(Math.round(days / 365.25), "year")}`;
}

/** What each kind is, and what it is for. */
export const kindWords: Readonly<Record<RetainedKind, { readonly title: string; readonly about: string }>> = {
  samples: { title: "Every value", about: "as it was measured, with its times and quality" },
  hourly: { title: "Hourly statistics", about: "least, greatest, mean and count of each hour" },
  daily: { title: "Daily statistics", about: "the same of each day" },
  rejects: { title: "What was refused", about: "messages that Roost did not take, and why" },
  events: { title: "What happened", about: "online, offline, changes, and what devices told" },
};

const counted: Readonly<Record<RetainedKind, readonly [one: string, many: string]>> = {
  samples: ["value", "values"],
  hourly: ["hour of statistics", "hours of statistics"],
  daily: ["day of statistics", "days of statistics"],
  rejects: ["record", "records"],
  events: ["record", "records"],
};

/** `4 320 values, back to 2025-01-02`, or that nothing goes. */
export function effectWords({ kind, deletes, deletesMore, oldestAt }: RetentionEffect): string {
  if (deletes === 0) return "deletes nothing";
  const count = `${deletesMore ? "more than " : ""}${formatCount(deletes)} ${counted[kind][deletes === 1 ? 0 : 1]}`;
  return oldestAt === undefined ? `deletes ${count}` : `deletes ${count}, back to ${dateWords(oldestAt)}`;
}

/** The day of UTC, since retention goes by those. */
export function dateWords(at: Date): string {
  return at.toISOString().slice(0, 10);
}

/** What stands where nothing is known to be: values rest elsewhere for an hour or so before they are looked at here. */
export function noneWords(kind: RetainedKind): string {
  return kind === "rejects" || kind === "events" ? "nothing there yet" : "the last hour at most";
}

/** How many days back something lies, at least a part of one. */
export function daysBack(at: Date, nowMs: number): number {
  return Math.max(0, (nowMs - at.getTime()) / dayMs);
}

/** Marks of the scale, as far as it goes. */
export function ticksOf(mostDays: number): { readonly days: number; readonly word: string }[] {
  const all = [
    { days: 7, word: "1 week" },
    { days: 30.44, word: "1 month" },
    { days: 365.25, word: "1 year" },
    { days: 3_652.5, word: "10 years" },
    { days: 36_525, word: "100 years" },
  ];
  return all.filter(({ days }) => days <= mostDays);
}

/** Where a number of days lies on a scale from one day to the most there are, in percent: each step up is as wide as the one before, a week to a month as ten years to forty. */
export function placeOf(days: number, mostDays: number): number {
  if (days <= 0) return 0;
  // Half a day is something to be seen.
  return Math.min(100, Math.max(1, (Math.log(1 + days) / Math.log(1 + mostDays)) * 100));
}

/** What somebody typed into the field of each kind. */
export type Draft = Readonly<Record<RetainedKind, string | number>>;

/** What is wrong with a field, if anything: what statistics are made of must not outlive them. */
export function faultOf(kind: RetainedKind, draft: Draft): string | undefined {
  const days = draft[kind];
  if (typeof days !== "number" || !Number.isInteger(days) || days < 1 || days > 36_500) return "A whole number of days, 1 to 36 500.";
  const madeOf = kind === "hourly" ? (["samples"] as const) : kind === "daily" ? (["hourly", "samples"] as const) : [];
  const longer = madeOf.find((one) => Number(draft[one]) > days);
  return longer === undefined ? undefined : `At least as long as ${kindWords[longer].title.toLowerCase()}: ${draft[longer]} days.`;
}
