import { z } from "zod";

import { alarmKind, alarmMute, severity } from "./alarms.ts";
import { deviceErrors } from "./devices.ts";
import { defineErrors } from "./errors.ts";
import { alarmId, alarmRuleId, deviceId, metricName } from "./ids.ts";
import { listOf, page } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { overridden, ruleCondition, ruleOverride, ruleScope } from "./rule-conditions.ts";
import type { RuleCondition } from "./rule-conditions.ts";
import { instant } from "./time.ts";

const words = (most: number) => personal("text", z.string().trim().min(1).max(most));

/** What people set of a rule. */
export const ruleFields = z.strictObject({
  name: words(100).optional(),
  scope: ruleScope,
  condition: ruleCondition,
  severity: severity.default("warning"),
  enabled: z.boolean().default(true),
  /** Words for the alarm, with places such as `{{device}}`, `{{site}}`, `{{metric}}`, `{{value}}`, `{{limit}}`, `{{unit}}` and `{{rule}}`. */
  title: words(200).optional(),
  text: words(2_000).optional(),
  /** X.733, such as `powerProblem`. */
  probableCause: words(100).optional(),
  /** What is different at some sites, each named once. */
  overrides: z.array(ruleOverride).max(200).default([]),
});
export type RuleFields = z.output<typeof ruleFields>;

export const alarmRule = ruleFields.extend({
  id: alarmRuleId,
  /** Counts its changes, from 1. */
  version: z.int().min(1),
  changedAt: instant,
  changedBy: personal("name", z.string()),
  /** The kit that keeps it: it is changed where the kit lets people, not here. */
  keptBy: z.string().optional(),
});
export type AlarmRule = z.output<typeof alarmRule>;

/** What a rule comes to for a device at a site: with the override for it, if there is one; `undefined` while it is switched off there. */
export function ruleAt(
  rule: RuleFields,
  siteId: string | undefined,
): { condition: RuleCondition; severity: RuleFields["severity"] } | undefined {
  const override = siteId === undefined ? undefined : rule.overrides.find((one) => one.siteId === siteId);
  const condition = overridden(rule.condition, override);
  if (condition === undefined || !rule.enabled || override?.enabled === false) return undefined;
  return { condition, severity: override?.severity ?? rule.severity };
}

export const ruleErrors = defineErrors("rules", {
  not_found: [404, "There is no such alarm rule."],
  empty_scope: [400, "Say what the rule is about: a device, a site, a group, a kind of devices, or everything. One of them."],
  without_limit: [400, "A rule needs a limit above, below, or both, and above must be greater than below."],
  two_limits: [400, "A trend leads to one limit: give one above or one below."],
  without_state: [400, "Say which value raises the alarm: one it equals, or one it does not."],
  without_members: [400, "A rule over other rules names all of them, or any of them: one of the two lists."],
  unknown_member: [422, "A rule that this one is made of does not exist."],
  cycle: [409, "The rule would be made of itself. Take out the rule that leads back to it."],
  in_use: [409, "Another rule is made of this one. Change that one first."],
  unknown_unit: [400, "There is no such unit."],
  unit_mismatch: [400, "The limits are in a unit that does not measure what the metric does."],
  unreadable_template: [
    400,
    "The words of the alarm cannot be read: a place such as {{value}} is not closed, or is not one of those there are.",
  ],
  override_twice: [400, "There are two exceptions for one site. Put them into one."],
  override_unfit: [
    400,
    "An exception for a site changes a figure that this condition does not have, or makes a condition of it that is none.",
  ],
  override_place: [400, "A rule about a device or a site has no exceptions for sites. Change the rule itself."],
  unknown_place: [422, "There is no such site or device group here."],
  out_of_reach: [403, "The rule is about more than the part of the organisation you act in. Ask somebody who acts in all of it."],
  kept: [409, "A kit keeps this rule. Change what it follows from: for the limits of a plant, the plant."],
  too_many: [409, "There are as many rules as there may be. Change or remove one of them instead."],
  no_such_version: [404, "The rule never had such a version."],
  not_testable: [400, "What this rule looks at is not kept, so it cannot be tried on the past."],
  range_reversed: [400, "The range ends before it begins."],
  range_too_long: [400, "A rule can be tried on up to 400 days at once."],
});

const fieldErrors = [
  ruleErrors.empty_scope,
  ruleErrors.without_limit,
  ruleErrors.two_limits,
  ruleErrors.without_state,
  ruleErrors.without_members,
  ruleErrors.unknown_member,
  ruleErrors.cycle,
  ruleErrors.unknown_unit,
  ruleErrors.unit_mismatch,
  ruleErrors.unreadable_template,
  ruleErrors.override_twice,
  ruleErrors.override_unfit,
  ruleErrors.override_place,
  ruleErrors.unknown_place,
  ruleErrors.out_of_reach,
  deviceErrors.not_found,
] as const;
const params = z.object({ ruleId: alarmRuleId });

export const listAlarmRules = defineRoute({
  operation: "listAlarmRules",
  method: "GET",
  path: "/api/v1/alarm-rules",
  access: "alarms:read",
  summary: "Lists alarm rules, oldest first; of a device, all that are about it, whatever their scope.",
  query: page.extend({ deviceId: deviceId.optional() }),
  reply: listOf(alarmRule),
});

export const getAlarmRule = defineRoute({
  operation: "getAlarmRule",
  method: "GET",
  path: "/api/v1/alarm-rules/:ruleId",
  access: "alarms:read",
  summary: "Shows one alarm rule.",
  params,
  reply: alarmRule,
  errors: [ruleErrors.not_found],
});

export const addAlarmRule = defineRoute({
  operation: "addAlarmRule",
  method: "POST",
  path: "/api/v1/alarm-rules",
  access: "alarms:configure",
  summary: "Adds a rule: which devices, what condition, how bad.",
  body: ruleFields,
  reply: alarmRule,
  status: 201,
  errors: [...fieldErrors, ruleErrors.too_many],
});

export const changeAlarmRule = defineRoute({
  operation: "changeAlarmRule",
  method: "PUT",
  path: "/api/v1/alarm-rules/:ruleId",
  access: "alarms:configure",
  summary: "Replaces a rule; what it was is kept as a version. Refused, the old one stays in force.",
  params,
  body: ruleFields,
  reply: alarmRule,
  errors: [ruleErrors.not_found, ruleErrors.kept, ...fieldErrors],
});

export const removeAlarmRule = defineRoute({
  operation: "removeAlarmRule",
  method: "DELETE",
  path: "/api/v1/alarm-rules/:ruleId",
  access: "alarms:configure",
  summary: "Removes a rule; its open alarms are cleared.",
  params,
  errors: [ruleErrors.not_found, ruleErrors.in_use, ruleErrors.kept, ruleErrors.out_of_reach],
});

/** A change of one field, as its path reads: `condition.above`. */
const ruleDifference = z.object({
  field: personal("none", z.string()),
  from: personal("text", z.unknown()).optional(),
  to: personal("text", z.unknown()).optional(),
});
export type RuleDifference = z.output<typeof ruleDifference>;

export const ruleVersion = z.object({
  version: z.int().min(1),
  at: instant,
  by: personal("name", z.string()),
  what: z.enum(["added", "changed", "rolled_back"]),
  rule: ruleFields,
  /** Against the version before; none of the first. */
  changes: z.array(ruleDifference),
});
export type RuleVersion = z.output<typeof ruleVersion>;

export const listAlarmRuleVersions = defineRoute({
  operation: "listAlarmRuleVersions",
  method: "GET",
  path: "/api/v1/alarm-rules/:ruleId/versions",
  access: "alarms:read",
  summary: "Lists what a rule was, newest first, with what each change changed.",
  params,
  query: page,
  reply: listOf(ruleVersion),
  errors: [ruleErrors.not_found],
});

export const rollBackAlarmRule = defineRoute({
  operation: "rollBackAlarmRule",
  method: "POST",
  path: "/api/v1/alarm-rules/:ruleId/roll-back",
  access: "alarms:configure",
  summary: "Makes a rule what it was in an earlier version; that is a new version.",
  params,
  body: z.strictObject({ version: z.int().min(1).max(1_000_000_000) }),
  reply: alarmRule,
  errors: [ruleErrors.not_found, ruleErrors.no_such_version, ruleErrors.kept, ...fieldErrors],
});

/** An alarm that a rule would have raised. */
export const wouldBeAlarm = z.object({
  deviceId,
  deviceName: z.string(),
  kind: alarmKind,
  severity,
  from: instant,
  /** Absent: it would still be open at the end of the range. */
  to: instant.optional(),
  value: z.number().optional(),
  threshold: z.number().optional(),
});
export type WouldBeAlarm = z.output<typeof wouldBeAlarm>;

export const testAlarmRule = defineRoute({
  operation: "testAlarmRule",
  method: "POST",
  path: "/api/v1/alarm-rules/test",
  access: "alarms:read",
  summary: "Tries a rule on what is stored: the alarms it would have raised. A dozen devices or a few seconds at a time; go on at `next`.",
  body: z.strictObject({
    rule: z.strictObject({
      scope: ruleScope,
      condition: ruleCondition,
      severity: severity.default("warning"),
      overrides: ruleFields.shape.overrides,
    }),
    from: instant,
    to: instant,
    cursor: z.string().max(256).optional(),
  }),
  reply: z.object({
    alarms: z.array(wouldBeAlarm),
    /** Alarms of this part; more than `alarms` shows where there are very many. */
    count: z.int(),
    devicesDone: z.int(),
    devicesTotal: z.int(),
    /** Of this part: what it cost. */
    valuesRead: z.int(),
    next: z.string().optional(),
  }),
  errors: [...fieldErrors, ruleErrors.not_testable, ruleErrors.range_reversed, ruleErrors.range_too_long],
});

/** Why a rule has, or has not, an alarm about a device at a moment. */
export const ruleReasons = [
  "alarm",
  "muted",
  "inside",
  "waiting",
  "hysteresis",
  "no_value",
  "switched_off",
  "not_yet",
  "unit_mismatch",
  "learning",
  "elsewhere",
] as const;

export const ruleTrace = z.object({
  rule: alarmRule,
  /** As it was at the moment. */
  version: z.int().min(1).optional(),
  /** What it came to for this device, with the exception for its site. */
  condition: ruleCondition.optional(),
  severity: severity.optional(),
  overridden: z.boolean(),
  reason: z.enum(ruleReasons),
  /** The same in plain words. */
  why: z.string(),
  /** What the rule remembered at that moment. */
  outsideSince: instant.optional(),
  inARow: z.int().optional(),
  alarm: z
    .object({
      id: alarmId,
      raisedAt: instant,
      clearedAt: instant.optional(),
      mutedBy: alarmMute.optional(),
      mutedById: z.uuid().optional(),
    })
    .optional(),
});
export type RuleTrace = z.output<typeof ruleTrace>;

export const explainRules = defineRoute({
  operation: "explainRules",
  method: "GET",
  path: "/api/v1/devices/:deviceId/why",
  access: "alarms:read",
  summary: "Says why there was, or was not, an alarm about a device at a moment: every rule about it, its limits, the values around.",
  params: z.object({ deviceId }),
  query: z.object({ metric: metricName.optional(), at: instant.optional(), ruleId: alarmRuleId.optional() }),
  reply: z.object({
    deviceId,
    metric: metricName.optional(),
    at: instant,
    /** Those before and after the moment, oldest first; where a metric is asked for. */
    values: z.array(z.object({ at: instant, value: z.number() })),
    rules: z.array(ruleTrace),
  }),
  errors: [deviceErrors.not_found],
});
