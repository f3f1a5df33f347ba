import { z } from "zod";

import { deviceErrors } from "./devices.ts";
import { defineErrors } from "./errors.ts";
import { alarmId, alarmRuleId, deviceId, metricName } from "./ids.ts";
import { listOf, page } from "./paging.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";
import { unit } from "./units.ts";

export const severities = ["info", "warning", "critical"] as const;
export const severity = z.enum(severities);
export type Severity = z.infer<typeof severity>;

export const alarmState = z.enum(["raised", "acknowledged", "cleared"]);
export type AlarmState = z.infer<typeof alarmState>;

/** `above` and `below`: a metric crossed its threshold. `offline`: the device fell silent. */
export const alarmKind = z.enum(["above", "below", "offline"]);
export type AlarmKind = z.infer<typeof alarmKind>;

export const alarm = z.object({
  id: alarmId,
  deviceId,
  deviceName: z.string(),
  ruleId: alarmRuleId.optional(),
  kind: alarmKind,
  severity,
  state: alarmState,
  metric: metricName.optional(),
  unit: unit.optional(),
  /** The limit that was crossed, and the value that crossed it. */
  threshold: z.number().optional(),
  value: z.number().optional(),
  raisedAt: instant,
  acknowledgedAt: instant.optional(),
  acknowledgedBy: z.string().optional(),
  clearedAt: instant.optional(),
});
export type Alarm = z.output<typeof alarm>;

/** One transition of an alarm, or one try to deliver it: the record of what happened. */
export const alarmEntry = z.object({
  at: instant,
  what: z.enum(["raised", "acknowledged", "cleared", "notified", "notify_failed"]),
  by: z.string().optional(),
  value: z.number().optional(),
  detail: z.string().optional(),
});

export const alarmRule = z.object({
  id: alarmRuleId,
  deviceId,
  metric: metricName,
  /** Raises when the value is greater than this. */
  above: z.number().optional(),
  /** Raises when the value is less than this. */
  below: z.number().optional(),
  /** How far back inside the limit the value must come before the alarm clears, in the metric's unit. */
  hysteresis: z.number().nonnegative(),
  /** How long, in measured time, the value must stay outside before the alarm is raised. */
  forSeconds: z.number().nonnegative(),
  severity,
  enabled: z.boolean(),
});
export type AlarmRule = z.output<typeof alarmRule>;

export const alarmErrors = defineErrors("alarms", {
  not_found: [404, "There is no such alarm."],
  already_cleared: [409, "This alarm is already cleared."],
  rule_not_found: [404, "There is no such alarm rule."],
  rule_without_limit: [400, "A rule needs a limit above, below, or both, and above must be greater than below."],
  too_many_rules: [409, "This metric has as many rules as one may have. Change or remove one of them instead."],
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

const ruleShape = {
  above: z.number().optional(),
  below: z.number().optional(),
  hysteresis: z.number().nonnegative().default(0),
  forSeconds: z.number().min(0).max(86_400).default(0),
  severity: severity.default("warning"),
  enabled: z.boolean().default(true),
};

export const listAlarmRules = defineRoute({
  operation: "listAlarmRules",
  method: "GET",
  path: "/api/v1/alarm-rules",
  access: "alarms:read",
  summary: "Lists alarm rules by device and metric.",
  query: page.extend({ deviceId: deviceId.optional() }),
  reply: listOf(alarmRule),
});

export const addAlarmRule = defineRoute({
  operation: "addAlarmRule",
  method: "POST",
  path: "/api/v1/alarm-rules",
  access: "alarms:configure",
  summary: "Watches a metric of a device against a limit.",
  body: z.strictObject({ deviceId, metric: metricName, ...ruleShape }),
  reply: alarmRule,
  status: 201,
  errors: [alarmErrors.rule_without_limit, alarmErrors.too_many_rules, deviceErrors.not_found],
});

export const changeAlarmRule = defineRoute({
  operation: "changeAlarmRule",
  method: "PUT",
  path: "/api/v1/alarm-rules/:ruleId",
  access: "alarms:configure",
  summary: "Replaces a rule's limits.",
  params: z.object({ ruleId: alarmRuleId }),
  body: z.strictObject(ruleShape),
  reply: alarmRule,
  errors: [alarmErrors.rule_not_found, alarmErrors.rule_without_limit],
});

export const removeAlarmRule = defineRoute({
  operation: "removeAlarmRule",
  method: "DELETE",
  path: "/api/v1/alarm-rules/:ruleId",
  access: "alarms:configure",
  summary: "Removes a rule; its open alarm is cleared.",
  params: z.object({ ruleId: alarmRuleId }),
  errors: [alarmErrors.rule_not_found],
});
