import { z } from "zod";

import { alarmKind } from "./alarms.ts";
import { defineErrors } from "./errors.ts";
import { deviceGroupId, deviceId, maintenanceWindowId, siteId } from "./ids.ts";
import { listOf, page } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

/**
 * What a window is about: alarms of these kinds, of devices in any of the places named. No place means all of them and no kind means every
 * kind; all alarms of the organisation are meant by `everything` alone, so that nobody says so by leaving something out.
 */
export const windowScope = z.strictObject({
  everything: z.literal(true).optional(),
  siteIds: z.array(siteId).min(1).max(200).optional(),
  groupIds: z.array(deviceGroupId).min(1).max(200).optional(),
  deviceIds: z.array(deviceId).min(1).max(1_000).optional(),
  kinds: z.array(alarmKind).min(1).max(20).optional(),
});
export type WindowScope = z.output<typeof windowScope>;

/** An IANA time zone; a name that nobody knows has a code of its own: `windows.unknown_zone`. */
const zone = personal("none", z.string().trim().min(1).max(64));

/** One stretch of time. The zone is the one people read it in. */
const oncePlan = z.strictObject({ kind: z.literal("once"), from: instant, to: instant, zone: zone.default("UTC") });
/**
 * Again and again, by the clock on the wall of the zone: beginnings by an RRULE of RFC 5545 or a cron expression of five parts, each lasting
 * `durationSeconds` (whole days are days of the calendar, be they of 23 or 25 hours). Nothing begins before `from` or after `until`.
 */
const recurringPlan = z.strictObject({
  kind: z.literal("recurring"),
  rrule: personal("none", z.string().trim().min(1).max(300)).optional(),
  cron: personal("none", z.string().trim().min(1).max(120)).optional(),
  durationSeconds: z
    .number()
    .int()
    .min(60)
    .max(31 * 86_400),
  zone,
  /** Of an RRULE it is DTSTART: its time of day is that of each occurrence. */
  from: instant.optional(),
  until: instant.optional(),
});
export const windowPlan = z.discriminatedUnion("kind", [oncePlan, recurringPlan]);
export type WindowPlan = z.output<typeof windowPlan>;

/** From the beginning on, up to the end and no further. */
export const windowOccurrence = z.object({ from: instant, to: instant });
export type WindowOccurrence = z.output<typeof windowOccurrence>;

export const windowStatus = z.enum(["scheduled", "in_progress", "ended", "cancelled"]);
export type WindowStatus = z.infer<typeof windowStatus>;

const title = personal("text", z.string().trim().min(1).max(200));
const note = z.string().trim().max(2_000);

export const maintenanceWindow = z.object({
  id: maintenanceWindowId,
  title,
  note: z.string().optional(),
  plan: windowPlan,
  scope: windowScope,
  /** It names more than the reader may see; what they may see stands in `scope`. */
  scopeIsLarger: z.boolean().optional(),
  /** Alarms inside are on record and told to nobody. Otherwise they are raised at its end, if they still hold then. */
  record: z.boolean(),
  /** Its beginning and end are told. */
  notify: z.boolean(),
  /** Made with one press: begins at once and ends by itself. */
  silence: z.boolean(),
  status: windowStatus,
  /** The one in progress, or else the next. */
  occurrence: windowOccurrence.optional(),
  createdBy: z.string(),
  createdAt: instant,
  changedAt: instant,
  cancelledAt: instant.optional(),
  cancelledBy: personal("name", z.string()).optional(),
});
export type MaintenanceWindow = z.output<typeof maintenanceWindow>;

export const windowErrors = defineErrors("windows", {
  not_found: [404, "There is no such maintenance window."],
  end_before_start: [400, "The end must lie after the start."],
  already_over: [400, "The window would be over before it begins. Choose an end that lies ahead."],
  unknown_zone: [400, "There is no such time zone. Name one of the IANA list, such as Europe/Berlin."],
  unreadable_rrule: [400, "The recurrence rule cannot be read. It is one line such as FREQ=WEEKLY;BYDAY=SA, hourly at the most."],
  unreadable_cron: [400, "The cron expression cannot be read. It has five parts: minute, hour, day, month and weekday."],
  one_recurrence: [400, "Say how it recurs by an RRULE or by a cron expression: one of the two."],
  never_occurs: [400, "By this plan the window would never begin."],
  too_long: [400, "The window lasts longer than the time until it begins again, or longer than a year. Make it shorter."],
  empty_scope: [400, "Say what the window is about: sites, groups, devices, kinds of alarms, or everything."],
  unknown_place: [422, "There is no such site, device group or device here."],
  out_of_reach: [403, "The window is about more than the part of the organisation you act in. Ask somebody who acts in all of it."],
  already_over_or_cancelled: [409, "The window is over or cancelled already. Make a new one."],
  not_in_progress: [409, "The window is not in progress now."],
  too_many: [409, "There are as many windows ahead as one organisation may have. Cancel some that are no longer needed."],
});

const planErrors = [
  windowErrors.end_before_start,
  windowErrors.already_over,
  windowErrors.unknown_zone,
  windowErrors.unreadable_rrule,
  windowErrors.unreadable_cron,
  windowErrors.one_recurrence,
  windowErrors.never_occurs,
  windowErrors.too_long,
] as const;
const scopeErrors = [windowErrors.empty_scope, windowErrors.unknown_place, windowErrors.out_of_reach] as const;
const params = z.object({ windowId: maintenanceWindowId });

export const listMaintenanceWindows = defineRoute({
  operation: "listMaintenanceWindows",
  method: "GET",
  path: "/api/v1/maintenance-windows",
  access: "alarms:read",
  summary: "Lists maintenance windows and silences, newest first. `current`: in progress or ahead.",
  query: page.extend({ show: z.enum(["current", "over", "all"]).default("current"), deviceId: deviceId.optional() }),
  reply: listOf(maintenanceWindow),
});

export const listWindowOccurrences = defineRoute({
  operation: "listWindowOccurrences",
  method: "GET",
  path: "/api/v1/maintenance-windows/occurrences",
  access: "alarms:read",
  summary: "Shows a calendar: what touches a stretch of up to 100 days, by beginning. `more` says that there is more than fits.",
  query: z.object({ from: instant, to: instant }),
  reply: z.object({
    items: z.array(windowOccurrence.extend({ windowId: maintenanceWindowId, title, silence: z.boolean() })),
    more: z.boolean(),
  }),
  errors: [windowErrors.end_before_start, windowErrors.too_long],
});

export const previewMaintenanceWindow = defineRoute({
  operation: "previewMaintenanceWindow",
  method: "POST",
  path: "/api/v1/maintenance-windows/preview",
  access: "alarms:read",
  summary: "Says when a plan would be in force: the present occurrence and those that follow, five in all.",
  body: z.strictObject({ plan: windowPlan }),
  reply: z.object({ occurrences: z.array(windowOccurrence) }),
  errors: [...planErrors],
});

export const addMaintenanceWindow = defineRoute({
  operation: "addMaintenanceWindow",
  method: "POST",
  path: "/api/v1/maintenance-windows",
  access: "alarms:configure",
  summary: "Plans a maintenance window: its alarms are told to nobody while it lasts, and what still holds then is told at its end.",
  body: z.strictObject({
    title,
    note: note.optional(),
    plan: windowPlan,
    scope: windowScope,
    record: z.boolean().default(true),
    notify: z.boolean().default(false),
  }),
  reply: maintenanceWindow,
  status: 201,
  errors: [...planErrors, ...scopeErrors, windowErrors.too_many],
});

export const getMaintenanceWindow = defineRoute({
  operation: "getMaintenanceWindow",
  method: "GET",
  path: "/api/v1/maintenance-windows/:windowId",
  access: "alarms:read",
  summary: "Shows one maintenance window.",
  params,
  reply: maintenanceWindow,
  errors: [windowErrors.not_found],
});

export const changeMaintenanceWindow = defineRoute({
  operation: "changeMaintenanceWindow",
  method: "PATCH",
  path: "/api/v1/maintenance-windows/:windowId",
  access: "alarms:configure",
  summary: "Changes a window that is not over; absent fields stay as they are, null takes the note away. In force at once.",
  params,
  body: z.strictObject({
    title: title.optional(),
    note: note.nullable().optional(),
    plan: windowPlan.optional(),
    scope: windowScope.optional(),
    record: z.boolean().optional(),
    notify: z.boolean().optional(),
  }),
  reply: maintenanceWindow,
  errors: [windowErrors.not_found, windowErrors.already_over_or_cancelled, ...planErrors, ...scopeErrors],
});

export const cancelMaintenanceWindow = defineRoute({
  operation: "cancelMaintenanceWindow",
  method: "POST",
  path: "/api/v1/maintenance-windows/:windowId/cancel",
  access: "alarms:configure",
  summary: "Cancels a window for good, or ends only the occurrence in progress; what still holds is told. Cancelled twice is not an error.",
  params,
  body: z.strictObject({ only: z.literal("occurrence").optional() }),
  reply: maintenanceWindow,
  errors: [windowErrors.not_found, windowErrors.out_of_reach, windowErrors.not_in_progress, windowErrors.already_over_or_cancelled],
});

export const addSilence = defineRoute({
  operation: "addSilence",
  method: "POST",
  path: "/api/v1/silences",
  access: "alarms:acknowledge",
  summary: "Silences alarms from now on for a time: a window that begins at once. What still holds at its end is told then.",
  body: z.strictObject({
    title: title.optional(),
    note: note.optional(),
    scope: windowScope,
    seconds: z
      .number()
      .int()
      .min(60)
      .max(31 * 86_400),
    zone: zone.default("UTC"),
  }),
  reply: maintenanceWindow,
  status: 201,
  errors: [windowErrors.unknown_zone, ...scopeErrors, windowErrors.too_many],
});

export const endSilence = defineRoute({
  operation: "endSilence",
  method: "POST",
  path: "/api/v1/silences/:windowId/end",
  access: "alarms:acknowledge",
  summary: "Ends a silence early; what still holds is told. Ended twice is not an error.",
  params,
  reply: maintenanceWindow,
  errors: [windowErrors.not_found, windowErrors.out_of_reach, windowErrors.already_over_or_cancelled],
});
