import { alarmKind } from "@roost/contract/alarms";
import type { MaintenanceWindow, windowPlan, windowScope } from "@roost/contract/windows";
import type { z } from "zod";

import { instantOf, wallOf } from "./window-times.ts";
import { type Weekday, weekdays } from "./window-words.ts";

export type WirePlan = z.input<typeof windowPlan>;

/** A window as its form has it. */
export interface WindowDraft {
  readonly title: string;
  readonly note: string;
  readonly repeats: "once" | "daily" | "weekly" | "monthly" | "rule";
  /** As fields for date and time have them, on the wall of the zone. */
  readonly from: string;
  readonly to: string;
  readonly minutes: number;
  readonly days: readonly Weekday[];
  /** RRULE or cron. */
  readonly rule: string;
  readonly until: Date | undefined;
  readonly zone: string;
  readonly everything: boolean;
  readonly siteIds: readonly string[];
  readonly groupIds: readonly string[];
  readonly deviceIds: readonly string[];
  readonly kinds: readonly string[];
  readonly record: boolean;
  readonly notify: boolean;
}

export const kindChoices: readonly { readonly value: string; readonly label: string }[] = alarmKind.options.map((kind) => ({
  value: kind,
  label: kind.replaceAll("_", " "),
}));

/** From the next full hour on, for two hours. */
export function newDraft(now: Date, zone: string): WindowDraft {
  const from = new Date(Math.ceil((now.getTime() + 1) / 3_600_000) * 3_600_000);
  return {
    title: "",
    note: "",
    repeats: "once",
    from: wallOf(from, zone),
    to: wallOf(new Date(from.getTime() + 7_200_000), zone),
    minutes: 120,
    days: [],
    rule: "",
    until: undefined,
    zone,
    everything: false,
    siteIds: [],
    groupIds: [],
    deviceIds: [],
    kinds: [],
    record: true,
    notify: false,
  };
}

/** What a window says, in the form's fields. */
export function draftOf({ title, note = "", plan, scope, record, notify }: MaintenanceWindow): WindowDraft {
  const { zone } = plan;
  const common = {
    ...newDraft(new Date(), zone),
    title,
    note,
    record,
    notify,
    everything: scope.everything ?? false,
    siteIds: scope.siteIds ?? [],
    groupIds: scope.groupIds ?? [],
    deviceIds: scope.deviceIds ?? [],
    kinds: scope.kinds ?? [],
  };
  if (plan.kind === "once") return { ...common, from: wallOf(plan.from, zone), to: wallOf(plan.to, zone) };
  const from = plan.from === undefined ? common.from : wallOf(plan.from, zone);
  const recurring = { ...common, from, minutes: plan.durationSeconds / 60, until: plan.until };
  const rule = plan.rrule ?? plan.cron ?? "";
  if (rule === "FREQ=DAILY") return { ...recurring, repeats: "daily" };
  if (rule === "FREQ=MONTHLY") return { ...recurring, repeats: "monthly" };
  const weekly = /^FREQ=WEEKLY(?:;BYDAY=((?:MO|TU|WE|TH|FR|SA|SU)(?:,(?:MO|TU|WE|TH|FR|SA|SU))*))?$/.exec(rule);
  if (weekly !== null) return { ...recurring, repeats: "weekly", days: weekdays.filter((day) => (weekly[1] ?? "").includes(day)) };
  return { ...recurring, repeats: "rule", rule };
}

/** The plan a draft makes; `undefined` while something is missing. */
export function planOf({ repeats, from, to, minutes, days, rule, until, zone }: WindowDraft): WirePlan | undefined {
  const begin = instantOf(from, zone)?.toISOString();
  if (begin === undefined) return undefined;
  if (repeats === "once") {
    const end = instantOf(to, zone)?.toISOString();
    return end === undefined ? undefined : { kind: "once", from: begin, to: end, zone };
  }
  if (!Number.isInteger(minutes) || minutes < 1) return undefined;
  const how = recurrenceOf(repeats, days, rule.trim());
  if (how === undefined) return undefined;
  const ends = until === undefined ? {} : { until: until.toISOString() };
  return { kind: "recurring", ...how, durationSeconds: minutes * 60, zone, from: begin, ...ends };
}

function recurrenceOf(
  repeats: Exclude<WindowDraft["repeats"], "once">,
  days: readonly Weekday[],
  rule: string,
): { readonly rrule: string } | { readonly cron: string } | undefined {
  if (repeats === "daily") return { rrule: "FREQ=DAILY" };
  if (repeats === "monthly") return { rrule: "FREQ=MONTHLY" };
  if (repeats === "weekly") return { rrule: days.length === 0 ? "FREQ=WEEKLY" : `FREQ=WEEKLY;BYDAY=${days.join(",")}` };
  if (rule === "") return undefined;
  return /FREQ=/i.test(rule) ? { rrule: rule } : { cron: rule };
}

/** What it is about; what is empty is not named. */
export function scopeOf({ everything, siteIds, groupIds, deviceIds, kinds }: WindowDraft): z.input<typeof windowScope> {
  if (everything) return { everything: true };
  return {
    ...(siteIds.length === 0 ? {} : { siteIds: [...siteIds] }),
    ...(groupIds.length === 0 ? {} : { groupIds: [...groupIds] }),
    ...(deviceIds.length === 0 ? {} : { deviceIds: [...deviceIds] }),
    ...(kinds.length === 0 ? {} : { kinds: alarmKind.options.filter((kind) => kinds.includes(kind)) }),
  };
}
