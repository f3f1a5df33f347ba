import type { MaintenanceWindow, WindowStatus } from "@roost/contract/windows";

import { formatSpan } from "../../parts/format.ts";

export const statusWords: Readonly<Record<WindowStatus, string>> = {
  scheduled: "Ahead",
  in_progress: "In progress",
  ended: "Over",
  cancelled: "Cancelled",
};

export const weekdays = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"] as const;
export type Weekday = (typeof weekdays)[number];
export const weekdayWords: Readonly<Record<Weekday, string>> = {
  MO: "Mon",
  TU: "Tue",
  WE: "Wed",
  TH: "Thu",
  FR: "Fri",
  SA: "Sat",
  SU: "Sun",
};

/** What the names of places are, by id. */
export type Names = ReadonlyMap<string, string>;

/** What a window is about, in words: `Offline alarms of Cellar and pump-1`. */
export function aboutWords({ scope, scopeIsLarger }: Pick<MaintenanceWindow, "scope" | "scopeIsLarger">, names: Names): string {
  if (scope.everything === true) return "All alarms";
  const kinds = scope.kinds === undefined ? "Alarms" : `Alarms of kind ${list(scope.kinds.map((kind) => kind.replaceAll("_", " ")))}`;
  const places = [...(scope.siteIds ?? []), ...(scope.groupIds ?? []), ...(scope.deviceIds ?? [])].map((id) => names.get(id) ?? id);
  const shown = places.length > 4 ? [...places.slice(0, 3), `${places.length - 3} more`] : places;
  const more = scopeIsLarger === true ? [...shown, "more than you see"] : shown;
  return more.length === 0 ? `${kinds}, everywhere` : `${kinds} of ${list(more)}`;
}

/** How often and how long, in words: `Every week on Sat and Sun, 2 h, by the clock of Europe/Berlin`. */
export function planWords(plan: MaintenanceWindow["plan"]): string {
  if (plan.kind === "once") return `Once, ${formatSpan(plan.to.getTime() - plan.from.getTime())}`;
  const span = formatSpan(plan.durationSeconds * 1_000);
  return `${recurrenceWords(plan)}, ${span}, by the clock of ${plan.zone}`;
}

function recurrenceWords({ rrule, cron }: { readonly rrule?: string | undefined; readonly cron?: string | undefined }): string {
  if (rrule === undefined) return `By cron ${cron ?? ""}`;
  const parts = new Map(rrule.split(";").map((part) => part.split("=", 2) as [string, string]));
  const [freq, days] = [parts.get("FREQ"), parts.get("BYDAY")];
  if (freq === "DAILY" && parts.size === 1) return "Every day";
  if (freq === "MONTHLY" && parts.size === 1) return "Every month";
  if (freq === "WEEKLY" && parts.size <= 2 && (days === undefined) === (parts.size === 1)) {
    if (days === undefined) return "Every week";
    const known = days.split(",").filter((day): day is Weekday => weekdays.some((one) => one === day));
    if (known.length === days.split(",").length) return `Every week on ${list(known.map((day) => weekdayWords[day]))}`;
  }
  return `By the rule ${rrule}`;
}

function list(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}
