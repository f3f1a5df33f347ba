import type { RuleCondition, RuleScope } from "@roost/contract/rule-conditions";
import { type AlarmRule, type RuleFields, ruleFields } from "@roost/contract/rules";
import type { Unit } from "@roost/contract/units";

import { formatMetric, formatNumber, formatPlural, formatSpan, formatValue } from "./format.ts";

/** A limit with its unit: the rule's own, else the metric's. */
function limitText(value: number, given: string | undefined, unit: Unit): string {
  return given === undefined ? formatValue(value, unit) : `${formatNumber(value)} ${given}`;
}

function stay({ forSeconds, count }: { readonly forSeconds: number; readonly count: number }): string {
  const span = forSeconds === 0 ? "" : ` for ${formatSpan(forSeconds * 1_000)}`;
  return count > 1 ? `${span}, ${count} times in a row` : span;
}

/** A condition in one sentence, without its metric: `above 35 °C for 10 min, clears 1 °C inside`. */
export function describeCondition(condition: RuleCondition, unit: Unit = "1"): string {
  switch (condition.kind) {
    case "threshold": {
      const { above, below, hysteresis, unit: own } = condition;
      const limits = [
        ...(above === undefined ? [] : [`above ${limitText(above, own, unit)}`]),
        ...(below === undefined ? [] : [`below ${limitText(below, own, unit)}`]),
      ];
      const inside = hysteresis === 0 ? "" : `, clears ${limitText(hysteresis, own, unit)} inside`;
      return `${limits.join(" or ")}${stay(condition)}${inside}`;
    }
    case "rate": {
      const verb = { rising: "rises", falling: "falls", either: "changes" }[condition.direction];
      return `${verb} by more than ${limitText(condition.perHour, condition.unit, unit)} an hour, over ${formatSpan(condition.overSeconds * 1_000)}`;
    }
    case "no_data":
      return `silent for ${formatSpan(condition.afterSeconds * 1_000)}`;
    case "offline":
      return "offline";
    case "state": {
      const [verb, value] = condition.equals === undefined ? ["is not", condition.notEquals] : ["is", condition.equals];
      return `${verb} ${typeof value === "boolean" ? (value ? "on" : "off") : formatNumber(value ?? 0)}${stay(condition)}`;
    }
    case "event":
      return `event ${condition.type}${condition.clearsOn === undefined ? "" : `, until ${condition.clearsOn}`}`;
    case "trend": {
      const [side, limit] = condition.above === undefined ? ["below", condition.below] : ["above", condition.above];
      return `will be ${side} ${limitText(limit ?? 0, condition.unit, unit)} within ${formatSpan(condition.withinMinutes * 60_000)}`;
    }
    case "anomaly":
      return `unusual for the hour of the day (${formatNumber(condition.sensitivity)} deviations, ${formatPlural(condition.count, "value")} in a row)`;
    case "composite":
      return condition.all === undefined
        ? `any of ${formatPlural(condition.any?.length ?? 0, "rule")}`
        : `all of ${formatPlural(condition.all.length, "rule")} at once`;
  }
}

/** What a rule watches, with its metric: `Temperature above 35 °C`. */
export function describeRule(condition: RuleCondition, unit: Unit = "1"): string {
  const metric = "metric" in condition && condition.metric !== undefined ? `${formatMetric(condition.metric)} ` : "";
  return metric === "" && condition.kind === "no_data"
    ? `device ${describeCondition(condition, unit)}`
    : `${metric}${describeCondition(condition, unit)}`;
}

/** Names of places and devices, by id. */
export type PlaceNames = ReadonlyMap<string, string>;

/** Which devices a rule is about, in words. */
export function describeScope(scope: RuleScope, names: PlaceNames = new Map()): string {
  if (scope.deviceId !== undefined) return `device ${names.get(scope.deviceId) ?? scope.deviceId}`;
  if (scope.siteId !== undefined) return `site ${names.get(scope.siteId) ?? scope.siteId}`;
  if (scope.groupId !== undefined) return `group ${names.get(scope.groupId) ?? scope.groupId}`;
  if (scope.kind !== undefined) return `every ${scope.kind}`;
  return "every device";
}

/** What people set of a rule: what is sent when it is changed. */
export function settingsOf(rule: AlarmRule): RuleFields {
  return ruleFields.strip().parse(rule);
}
