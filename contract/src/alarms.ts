import { z } from "zod";

import { defineErrors } from "./errors.ts";
import { alarmId, alarmRuleId, deviceId, incidentId, metricName, siteId } from "./ids.ts";
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
 * said so; `composite`: several rules at once; `external`: another system said so; `delivery`: people cannot be told.
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
  "notified",
  "notify_failed",
] as const;

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
});

export const listAlarms = defineRoute({
  operation: "listAlarms",
  method: "GET",
  path: "/api/v1/alarms",
  access: "alarms:read",
  summary: "Lists alarms, open ones first, then newest first.",
  query: page.extend({
    state: z.enum(["open", "cleared", "all"]).default("open"),
    deviceId: deviceId.optional(),
    severity: severity.optional(),
  }),
  reply: listOf(alarm),
});

export const getAlarm = defineRoute({
  operation: "getAlarm",
  method: "GET",
  path: "/api/v1/alarms/:alarmId",
  access: "alarms:read",
  summary: "Shows one alarm with all that happened to it, oldest first.",
  params: z.object({ alarmId }),
  reply: alarm.extend({ history: z.array(alarmEntry) }),
  errors: [alarmErrors.not_found],
});

export const acknowledgeAlarm = defineRoute({
  operation: "acknowledgeAlarm",
  method: "POST",
  path: "/api/v1/alarms/:alarmId/acknowledge",
  access: "alarms:acknowledge",
  summary: "Says: somebody looks after it. Twice is not an error.",
  params: z.object({ alarmId }),
  body: z.strictObject({ note: z.string().max(500).optional() }),
  reply: alarm,
  errors: [alarmErrors.not_found, alarmErrors.already_cleared],
});
