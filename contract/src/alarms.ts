import { z } from "zod";

import { defineErrors } from "./errors.ts";
import { alarmId, alarmRuleId, alarmViewId, deviceGroupId, deviceId, incidentId, metricName, siteId } from "./ids.ts";
import { listOf, page } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";
import { unit } from "./units.ts";

/** Words of X.733 (ITU-T), least first; `info` stands below them for what is merely worth knowing. */
export const severities = ["info", "warning", "minor", "major", "critical"] as const;
export const severity = z.enum(severities);
export type Severity = z.infer<typeof severity>;

/** `raised`: nobody looks after it yet. A cleared one that was never acknowledged has no `acknowledgedAt`. */
export const alarmState = z.enum(["raised", "acknowledged", "cleared"]);
export type AlarmState = z.infer<typeof alarmState>;

/**
 * What made it. `above`, `below`: a value crossed its limit; `rate`: it changes too fast; `trend`: it will cross it soon; `anomaly`: it is not
 * what it uses to be; `state`: it is a value that is not wanted; `no_data`: a metric fell silent; `offline`: the device did; `event`: the device
 * said so; `composite`: several rules at once; `external`: another system said so; `delivery`: people cannot be told;
 * `service_level`: what was promised of a service is not kept.
 */
export const alarmKinds = [
  "above",
  "below",
  "rate",
  "trend",
  "anomaly",
  "state",
  "no_data",
  "offline",
  "event",
  "composite",
  "external",
  "delivery",
  "service_level",
] as const;
export const alarmKind = z.enum(alarmKinds);
export type AlarmKind = z.infer<typeof alarmKind>;

/** Why nobody is told: what it hangs on is down itself; a maintenance window covers it; somebody put it aside for a while. */
export const alarmMute = z.enum(["parent", "window", "snooze"]);
export type AlarmMute = z.infer<typeof alarmMute>;

export const alarm = z.object({
  id: alarmId,
  /** With `type` what makes it one alarm: there is one open alarm for both. The device's id, or the name of what spoke. */
  source: z.string(),
  type: z.string(),
  /** Absent: it is about no device. */
  deviceId: deviceId.optional(),
  deviceName: z.string().optional(),
  /** What the device is there for, as its kit says: the plants it feels for. */
  devicePurpose: z.string().optional(),
  /** Of an offline alarm: when the device was last heard. */
  deviceLastSeenAt: instant.optional(),
  siteId: siteId.optional(),
  siteName: z.string().optional(),
  ruleId: alarmRuleId.optional(),
  kind: alarmKind,
  severity,
  /** The worst it has been since it was raised. */
  worstSeverity: severity,
  state: alarmState,
  /** What raised it still says so; false while an open one waits for somebody, or flaps and is quiet just now. */
  holds: z.boolean(),
  title: z.string().optional(),
  text: z.string().optional(),
  probableCause: z.string().optional(),
  metric: metricName.optional(),
  unit: unit.optional(),
  /** The limit that was crossed, and the value that crossed it. */
  threshold: z.number().optional(),
  value: z.number().optional(),
  /** The first time, the last time, and how often it was raised since the first. */
  raisedAt: instant,
  lastAt: instant,
  occurrences: z.int().min(1),
  flapping: z.boolean(),
  mutedBy: alarmMute.optional(),
  /** The alarm of what it hangs on, or the window. */
  mutedById: z.uuid().optional(),
  snoozedUntil: instant.optional(),
  assignedTo: personal("email", z.string()).optional(),
  incidentId: incidentId.optional(),
  acknowledgedAt: instant.optional(),
  acknowledgedBy: personal("email", z.string()).optional(),
  clearedAt: instant.optional(),
  rootCause: personal("text", z.string()).optional(),
  resolution: personal("text", z.string()).optional(),
});
export type Alarm = z.output<typeof alarm>;

export const alarmEntryKinds = [
  "raised",
  "repeated",
  "worse",
  "flapping",
  "muted",
  "unmuted",
  "acknowledged",
  "unacknowledged",
  "assigned",
  "commented",
  "snoozed",
  "cleared",
  "resolved",
  "ticket",
  "notified",
  "notify_failed",
] as const;

/** Alarms that say what happened rather than how things are: nothing ends them but a person, or who raised them. */
export const clearableKinds: ReadonlySet<AlarmKind> = new Set<AlarmKind>(["event", "external", "delivery"]);

/** One transition of an alarm, one word about it, or one try to tell somebody: the record of what happened. Nothing in it is ever changed. */
export const alarmEntry = z.object({
  at: instant,
  what: z.enum(alarmEntryKinds),
  by: personal("email", z.string()).optional(),
  value: z.number().optional(),
  detail: personal("text", z.string()).optional(),
});

export const alarmErrors = defineErrors("alarms", {
  not_found: [404, "There is no such alarm."],
  already_cleared: [409, "This alarm is already cleared."],
  still_holds: [409, "What raised this alarm still says so: it would be raised again. Put it aside for a while, or silence it."],
  still_open: [409, "This alarm is still open. Say how it was resolved once it is cleared; the root cause can be noted now."],
  not_assignable: [422, "This person is no member of the organisation who may see and look after this alarm."],
  end_in_past: [400, "The end must lie ahead, at most a year."],
  view_not_found: [404, "There is no such saved view."],
  too_many_views: [409, "You have as many saved views as one person may have. Remove some."],
});

const note = personal("text", z.string().trim().min(1).max(500));
const text = personal("text", z.string().trim().min(1).max(2_000));
const several = <Item extends z.ZodType>(item: Item) => z.union([item, z.array(item).min(1).max(20)]);
const yesNo = z.enum(["true", "false"]);

/** Which alarms: what the list, the counts and the exports share. Absent parts leave nothing out; `state` is `open` unless said otherwise. */
export const alarmFilter = z.object({
  /** `unacknowledged`: open, and nobody looks after it yet. */
  state: z.enum(["open", "cleared", "all", "unacknowledged"]).default("open"),
  severity: several(severity).optional(),
  kind: several(alarmKind).optional(),
  deviceId: deviceId.optional(),
  siteId: siteId.optional(),
  groupId: deviceGroupId.optional(),
  ruleId: alarmRuleId.optional(),
  incidentId: incidentId.optional(),
  /** An e-mail address, `me`, or `nobody`. */
  assignedTo: personal("email", z.string().min(1).max(254)).optional(),
  muted: yesNo.optional(),
  flapping: yesNo.optional(),
  /** Part of the device's name or id, of the source, type, metric, title or text; in whatever case. */
  q: personal("text", z.string().trim().min(1).max(100)).optional(),
  /** Raised from then on, and before then. */
  from: instant.optional(),
  to: instant.optional(),
});
export type AlarmFilter = z.output<typeof alarmFilter>;

const params = z.object({ alarmId });

export const listAlarms = defineRoute({
  operation: "listAlarms",
  method: "GET",
  path: "/api/v1/alarms",
  access: "alarms:read",
  summary: "Lists alarms, open ones first, then newest or worst first.",
  query: page.extend({ ...alarmFilter.shape, sort: z.enum(["newest", "worst"]).default("newest") }),
  reply: listOf(alarm),
});

const count = z.int().nonnegative();
export const alarmCounts = z.object({
  total: count,
  bySeverity: z.object({ info: count, warning: count, minor: count, major: count, critical: count }),
  byState: z.object({ raised: count, acknowledged: count, cleared: count }),
  byMute: z.object({ parent: count, window: count, snooze: count }),
  flapping: count,
});
export type AlarmCounts = z.output<typeof alarmCounts>;

export const countAlarms = defineRoute({
  operation: "countAlarms",
  method: "GET",
  path: "/api/v1/alarms/counts",
  access: "alarms:read",
  summary: "Counts alarms by severity, state and mute, as the database has them at this moment.",
  query: alarmFilter,
  reply: alarmCounts,
});

export const exportAlarmsCsv = defineRoute({
  operation: "exportAlarmsCsv",
  method: "GET",
  path: "/api/v1/alarms/export.csv",
  access: "alarms:read",
  summary: "Streams alarms as CSV, open ones first, then newest first.",
  query: alarmFilter,
  streams: "text/csv",
});

export const exportAlarmsLines = defineRoute({
  operation: "exportAlarmsLines",
  method: "GET",
  path: "/api/v1/alarms/export.ndjson",
  access: "alarms:read",
  summary: "Streams alarms as lines of JSON, open ones first, then newest first.",
  query: alarmFilter,
  streams: "application/x-ndjson",
});

export const getAlarm = defineRoute({
  operation: "getAlarm",
  method: "GET",
  path: "/api/v1/alarms/:alarmId",
  access: "alarms:read",
  summary: "Shows one alarm with all that happened to it, oldest first.",
  params,
  reply: alarm.extend({ history: z.array(alarmEntry) }),
  errors: [alarmErrors.not_found],
});

export const acknowledgeAlarm = defineRoute({
  operation: "acknowledgeAlarm",
  method: "POST",
  path: "/api/v1/alarms/:alarmId/acknowledge",
  access: "alarms:acknowledge",
  summary:
    "Says: somebody looks after it, or saw that it was there. The first one stays on record; twice is not an error and answers who was first.",
  params,
  body: z.strictObject({ note: note.optional() }),
  reply: alarm,
  errors: [alarmErrors.not_found],
});

export const unacknowledgeAlarm = defineRoute({
  operation: "unacknowledgeAlarm",
  method: "POST",
  path: "/api/v1/alarms/:alarmId/unacknowledge",
  access: "alarms:acknowledge",
  summary: "Says: nobody looks after it any more. Twice is not an error.",
  params,
  body: z.strictObject({ note: note.optional() }),
  reply: alarm,
  errors: [alarmErrors.not_found, alarmErrors.already_cleared],
});

export const listAlarmAssignees = defineRoute({
  operation: "listAlarmAssignees",
  method: "GET",
  path: "/api/v1/alarms/:alarmId/assignees",
  access: "alarms:acknowledge",
  summary: "Lists the members who may see and look after this alarm, by name.",
  params,
  reply: z.object({ items: z.array(z.object({ email: personal("email", z.string()), name: personal("name", z.string()) })) }),
  errors: [alarmErrors.not_found],
});

/** An e-mail address of a member, or `me`; null: nobody any more. */
const assignee = personal("email", z.string().trim().min(1).max(254)).nullable();

export const assignAlarm = defineRoute({
  operation: "assignAlarm",
  method: "POST",
  path: "/api/v1/alarms/:alarmId/assign",
  access: "alarms:acknowledge",
  summary: "Gives an alarm to a member who may see and look after it, to the caller by `me`, or by null to nobody.",
  params,
  body: z.strictObject({ to: assignee, note: note.optional() }),
  reply: alarm,
  errors: [alarmErrors.not_found, alarmErrors.not_assignable],
});

export const commentOnAlarm = defineRoute({
  operation: "commentOnAlarm",
  method: "POST",
  path: "/api/v1/alarms/:alarmId/comments",
  access: "alarms:acknowledge",
  summary: "Writes a comment into an alarm's history, for good.",
  params,
  body: z.strictObject({ text }),
  reply: alarm,
  status: 201,
  errors: [alarmErrors.not_found],
});

export const snoozeAlarm = defineRoute({
  operation: "snoozeAlarm",
  method: "POST",
  path: "/api/v1/alarms/:alarmId/snooze",
  access: "alarms:acknowledge",
  summary: "Puts an open alarm aside until then: nobody is told of it; if it is open still, people are told again.",
  params,
  body: z.strictObject({ until: instant, note: note.optional() }),
  reply: alarm,
  errors: [alarmErrors.not_found, alarmErrors.already_cleared, alarmErrors.end_in_past],
});

export const unsnoozeAlarm = defineRoute({
  operation: "unsnoozeAlarm",
  method: "DELETE",
  path: "/api/v1/alarms/:alarmId/snooze",
  access: "alarms:acknowledge",
  summary: "Takes an alarm up again that was put aside. Twice is not an error.",
  params,
  reply: alarm,
  errors: [alarmErrors.not_found, alarmErrors.already_cleared],
});

export const clearAlarm = defineRoute({
  operation: "clearAlarm",
  method: "POST",
  path: "/api/v1/alarms/:alarmId/clear",
  access: "alarms:acknowledge",
  summary: "Clears an alarm that nothing else would: one of an event or of another system, or one that flaps.",
  params,
  body: z.strictObject({ note: note.optional() }),
  reply: alarm,
  errors: [alarmErrors.not_found, alarmErrors.already_cleared, alarmErrors.still_holds],
});

export const resolveAlarm = defineRoute({
  operation: "resolveAlarm",
  method: "POST",
  path: "/api/v1/alarms/:alarmId/resolve",
  access: "alarms:acknowledge",
  summary: "Notes what the cause was and, once it is cleared, how it was resolved; absent stays, null takes it away.",
  params,
  body: z.strictObject({ rootCause: text.nullable().optional(), resolution: text.nullable().optional() }),
  reply: alarm,
  errors: [alarmErrors.not_found, alarmErrors.still_open],
});

const some = z.array(alarmId).min(1).max(1_000);
/** What became of each, in the order asked. */
const bulkReply = z.object({
  items: z.array(
    z.object({
      alarmId,
      done: z.boolean(),
      code: personal("none", z.string()).optional(),
      message: personal("none", z.string()).optional(),
    }),
  ),
});

export const acknowledgeAlarms = defineRoute({
  operation: "acknowledgeAlarms",
  method: "POST",
  path: "/api/v1/alarms/acknowledge",
  access: "alarms:acknowledge",
  summary: "Acknowledges up to 1,000 alarms and says of each what became of it.",
  body: z.strictObject({ alarmIds: some, note: note.optional() }),
  reply: bulkReply,
});

export const assignAlarms = defineRoute({
  operation: "assignAlarms",
  method: "POST",
  path: "/api/v1/alarms/assign",
  access: "alarms:acknowledge",
  summary: "Assigns up to 1,000 alarms and says of each what became of it.",
  body: z.strictObject({ alarmIds: some, to: assignee, note: note.optional() }),
  reply: bulkReply,
});

export const clearAlarms = defineRoute({
  operation: "clearAlarms",
  method: "POST",
  path: "/api/v1/alarms/clear",
  access: "alarms:acknowledge",
  summary: "Clears up to 1,000 alarms that may be cleared by hand and says of each what became of it.",
  body: z.strictObject({ alarmIds: some, note: note.optional() }),
  reply: bulkReply,
});

/** A filter of the console that somebody gave a name: its address behind the question mark. */
export const alarmView = z.object({
  id: alarmViewId,
  name: personal("text", z.string().trim().min(1).max(60)),
  search: personal("text", z.string().max(1_000)),
});
export type AlarmView = z.output<typeof alarmView>;

export const listAlarmViews = defineRoute({
  operation: "listAlarmViews",
  method: "GET",
  path: "/api/v1/alarm-views",
  access: "alarms:read",
  summary: "Lists the caller's own saved views of alarms, by name.",
  reply: z.object({ items: z.array(alarmView) }),
});

export const saveAlarmView = defineRoute({
  operation: "saveAlarmView",
  method: "POST",
  path: "/api/v1/alarm-views",
  access: "alarms:read",
  summary: "Saves a view for the caller alone; one of the same name is replaced.",
  body: alarmView.omit({ id: true }).strict(),
  reply: alarmView,
  status: 201,
  errors: [alarmErrors.too_many_views],
});

export const removeAlarmView = defineRoute({
  operation: "removeAlarmView",
  method: "DELETE",
  path: "/api/v1/alarm-views/:viewId",
  access: "alarms:read",
  summary: "Removes a saved view of the caller.",
  params: z.object({ viewId: alarmViewId }),
  errors: [alarmErrors.view_not_found],
});
