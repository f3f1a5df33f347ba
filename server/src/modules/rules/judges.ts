import type { AlarmKind } from "@roost/contract/alarms";
import type { RuleCondition } from "@roost/contract/rule-conditions";

import { AnomalyJudge } from "./anomaly.ts";
import type { Judge } from "./judge.ts";
import { limitJudges, stateJudge } from "./limit.ts";
import { rateJudge } from "./rate.ts";
import { trendJudge } from "./trend.ts";

/**
 * What judges a metric by a condition; none for conditions that are no metric's; `undefined` where the limits are in a unit that does not
 * measure what the metric does.
 *
 * @param unit - Of the metric.
 */
export function judgesOf(condition: RuleCondition, unit: string, isOpen: (kind: AlarmKind) => boolean): readonly Judge[] | undefined {
  switch (condition.kind) {
    case "threshold":
      return limitJudges(condition, unit, isOpen);
    case "state":
      return [stateJudge(condition, isOpen("state"))];
    case "rate":
      return rateJudge(condition, unit, isOpen("rate"));
    case "trend":
      return trendJudge(condition, unit, isOpen("trend"));
    case "anomaly":
      return [new AnomalyJudge(condition, isOpen("anomaly"))];
    default:
      return [];
  }
}

/** The kinds of alarms that a condition can make. */
export function kindsOf(condition: RuleCondition): readonly AlarmKind[] {
  if (condition.kind !== "threshold") return [condition.kind];
  return (["above", "below"] as const).filter((side) => condition[side] !== undefined);
}
