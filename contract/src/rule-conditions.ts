import { z } from "zod";

import { alarmRuleId, deviceGroupId, deviceId, metricName, siteId } from "./ids.ts";
import { personal } from "./personal.ts";

/** Which devices a rule is about: one of these, and one only. */
export const ruleScope = z.strictObject({
  deviceId: deviceId.optional(),
  siteId: siteId.optional(),
  groupId: deviceGroupId.optional(),
  /** Every device of a kind, as a kit's manifest names it. */
  kind: z.string().trim().min(1).max(64).optional(),
  everything: z.literal(true).optional(),
});
export type RuleScope = z.output<typeof ruleScope>;

const metric = metricName;
/** A unit of its own for the limits; absent: the metric's. */
const unit = personal("none", z.string().trim().min(1).max(16)).optional();
const limit = z.number().min(-1e15).max(1e15);
const seconds = z
  .number()
  .min(0)
  .max(7 * 86_400);
const count = z.int().min(1).max(1_000);
/** Such as `door_opened`, or `door_*`. */
const eventType = personal(
  "none",
  z
    .string()
    .trim()
    .regex(
      /^[A-Za-z0-9_.*-]{1,64}$/,
      "An event's type has up to 64 letters, digits, dots, hyphens or underscores; * stands for any of them.",
    ),
);

export const thresholdCondition = z.strictObject({
  kind: z.literal("threshold"),
  metric,
  /** Raises when the value is greater than this; equal is not. */
  above: limit.optional(),
  /** Raises when the value is less than this; equal is not. */
  below: limit.optional(),
  unit,
  /** How far back inside the limit the value must come before the alarm clears. */
  hysteresis: limit.nonnegative().default(0),
  /** How long, in measured time, the value must stay outside before the alarm is raised. */
  forSeconds: seconds.default(0),
  /** How many values in a row must be outside before the alarm is raised. */
  count: count.default(1),
});

export const rateCondition = z.strictObject({
  kind: z.literal("rate"),
  metric,
  /** Raises when the value changes faster than this, in its unit. */
  perHour: limit.positive(),
  unit,
  direction: z.enum(["rising", "falling", "either"]).default("either"),
  /** Over which time the change is measured. */
  overSeconds: z.number().min(60).max(86_400).default(1_800),
});

export const noDataCondition = z.strictObject({
  kind: z.literal("no_data"),
  /** Absent: the device as a whole, with any metric. */
  metric: metric.optional(),
  afterSeconds: z
    .number()
    .min(10)
    .max(30 * 86_400),
});

/** How bad it is that devices are offline: the most specific rule for a device says so; without one it is a warning. */
export const offlineCondition = z.strictObject({ kind: z.literal("offline") });

export const stateCondition = z.strictObject({
  kind: z.literal("state"),
  metric,
  /** Raises while the value is this; of a boolean metric true and false are 1 and 0. */
  equals: z.union([limit, z.boolean()]).optional(),
  /** Raises while the value is anything else. */
  notEquals: z.union([limit, z.boolean()]).optional(),
  forSeconds: seconds.default(0),
  count: count.default(1),
});

export const eventCondition = z.strictObject({
  kind: z.literal("event"),
  type: eventType,
  /** The event that ends it; absent: somebody clears it by hand. */
  clearsOn: eventType.optional(),
});

export const trendCondition = z.strictObject({
  kind: z.literal("trend"),
  metric,
  /** The limit that the value is on its way to: one of the two. */
  above: limit.optional(),
  below: limit.optional(),
  unit,
  /** Raises when it will be crossed within this time. */
  withinMinutes: z
    .number()
    .min(1)
    .max(7 * 1_440)
    .default(60),
  /** How certain the forecast must be, from 0 to 1. */
  minConfidence: z.number().min(0).max(1).default(0.7),
  /** Over which time the trend is measured. */
  overSeconds: z.number().min(60).max(86_400).default(1_800),
});

export const anomalyCondition = z.strictObject({
  kind: z.literal("anomaly"),
  metric,
  /** How many usual deviations off the usual value of this hour of the day it must be; lower finds more. */
  sensitivity: z.number().min(1).max(20).default(5),
  /** How many values in a row. */
  count: count.default(3),
});

export const compositeCondition = z.strictObject({
  kind: z.literal("composite"),
  /** Raises for a device when all of these rules, or any of them, have an alarm about it. One of the two. */
  all: z.array(alarmRuleId).min(1).max(16).optional(),
  any: z.array(alarmRuleId).min(1).max(16).optional(),
});

export const ruleCondition = z.discriminatedUnion("kind", [
  thresholdCondition,
  rateCondition,
  noDataCondition,
  offlineCondition,
  stateCondition,
  eventCondition,
  trendCondition,
  anomalyCondition,
  compositeCondition,
]);
export type RuleCondition = z.output<typeof ruleCondition>;
export type RuleKind = RuleCondition["kind"];
export type ConditionOf<Kind extends RuleKind> = Extract<RuleCondition, { kind: Kind }>;
export const ruleKinds = [
  "threshold",
  "rate",
  "no_data",
  "offline",
  "state",
  "event",
  "trend",
  "anomaly",
  "composite",
] as const satisfies readonly RuleKind[];

/** What is different at one site; what is absent is as in the rule. */
export const ruleOverride = z.strictObject({
  siteId,
  enabled: z.boolean().optional(),
  severity: z.enum(["info", "warning", "minor", "major", "critical"]).optional(),
  /** Figures of the condition by their names there; null takes one away. */
  condition: z
    .strictObject({
      above: limit.nullable().optional(),
      below: limit.nullable().optional(),
      hysteresis: limit.nonnegative().optional(),
      forSeconds: seconds.optional(),
      count: count.optional(),
      perHour: limit.positive().optional(),
      overSeconds: z.number().min(60).max(86_400).optional(),
      afterSeconds: z
        .number()
        .min(10)
        .max(30 * 86_400)
        .optional(),
      withinMinutes: z
        .number()
        .min(1)
        .max(7 * 1_440)
        .optional(),
      minConfidence: z.number().min(0).max(1).optional(),
      sensitivity: z.number().min(1).max(20).optional(),
    })
    .optional(),
});
export type RuleOverride = z.output<typeof ruleOverride>;

/** The condition as it is at a site: what the override says stands in place of the rule's; `undefined` where that makes no condition. */
export function overridden(condition: RuleCondition, override: RuleOverride | undefined): RuleCondition | undefined {
  if (override?.condition === undefined) return condition;
  const merged = Object.entries({ ...condition, ...override.condition }).filter(([, value]) => value !== undefined && value !== null);
  const read = ruleCondition.safeParse(Object.fromEntries(merged));
  return read.success ? read.data : undefined;
}

/** The metric that a condition watches, where it watches one. */
export function metricOf(condition: RuleCondition): string | undefined {
  return "metric" in condition ? condition.metric : undefined;
}
