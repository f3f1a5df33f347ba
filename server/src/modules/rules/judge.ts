import type { AlarmKind } from "@roost/contract/alarms";
import type { RuleCondition } from "@roost/contract/rule-conditions";

import { AnomalyJudge } from "./anomaly.ts";
import { limitJudges, stateJudge } from "./limit.ts";
import { rateJudge } from "./rate.ts";
import type { Stay, Verdict } from "./stay.ts";
import { trendJudge } from "./trend.ts";

/** Something that judges the values of one metric of one device, in the order in which they were measured. */
export interface Judge {
  /** Of the alarm it makes. */
  readonly kind: AlarmKind;
  readonly stay: Stay;
  /** The limit as it stands at the alarm. */
  readonly threshold: number | undefined;
  /** The caller leaves out what is not newer than the last one. */
  observe(value: number, measuredAtUs: number): Verdict;
  /** How far back from the newest value it has to look to know what one knows that heard everything; 0: nowhere. */
  lookbackUs(newest: number): number;
  /** What the value and the limit alone do not say, of the moment it raised. */
  words(): string | undefined;
}

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
