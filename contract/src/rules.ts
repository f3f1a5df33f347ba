import { z } from "zod";

import { severity } from "./alarms.ts";
import { deviceErrors } from "./devices.ts";
import { defineErrors } from "./errors.ts";
import { alarmRuleId, deviceId, metricName } from "./ids.ts";
import { listOf, page } from "./paging.ts";
import { defineRoute } from "./route.ts";

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

export const ruleErrors = defineErrors("rules", {
  not_found: [404, "There is no such alarm rule."],
  without_limit: [400, "A rule needs a limit above, below, or both, and above must be greater than below."],
  too_many: [409, "This metric has as many rules as one may have. Change or remove one of them instead."],
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
  errors: [ruleErrors.without_limit, ruleErrors.too_many, deviceErrors.not_found],
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
  errors: [ruleErrors.not_found, ruleErrors.without_limit],
});

export const removeAlarmRule = defineRoute({
  operation: "removeAlarmRule",
  method: "DELETE",
  path: "/api/v1/alarm-rules/:ruleId",
  access: "alarms:configure",
  summary: "Removes a rule; its open alarm is cleared.",
  params: z.object({ ruleId: alarmRuleId }),
  errors: [ruleErrors.not_found],
});
