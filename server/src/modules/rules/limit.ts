import type { ConditionOf } from "@roost/contract/rule-conditions";
import { convert } from "@roost/contract/units";

import type { Judge } from "./judge.ts";
import { Stay } from "./stay.ts";
import type { Verdict } from "./stay.ts";

type Side = "above" | "below" | "equals" | "notEquals";

/** A day of values is enough to count those in a row again. */
const countLookbackUs = 86_400e6;

/** One side of a threshold, or a state: compared with each value by itself. */
export class LimitJudge implements Judge {
  readonly kind: "above" | "below" | "state";
  readonly stay: Stay;
  readonly threshold: number;
  readonly #side: Side;
  /** The alarm clears when the value is here or further inside: the threshold less the hysteresis. */
  readonly #clearAt: number;

  constructor(side: Side, threshold: number, stay: Stay, hysteresis = 0) {
    this.kind = side === "above" || side === "below" ? side : "state";
    this.#side = side;
    this.threshold = threshold;
    this.#clearAt = side === "above" ? threshold - hysteresis : threshold + hysteresis;
    this.stay = stay;
  }

  /** Beyond the limit; on it is still inside. */
  isOutside(value: number): boolean {
    if (this.#side === "above") return value > this.threshold;
    if (this.#side === "below") return value < this.threshold;
    return (value === this.threshold) === (this.#side === "equals");
  }

  observe(value: number, measuredAtUs: number): Verdict {
    if (this.#side === "above") return this.stay.step(value > this.threshold, value <= this.#clearAt, measuredAtUs);
    if (this.#side === "below") return this.stay.step(value < this.threshold, value >= this.#clearAt, measuredAtUs);
    const outside = this.isOutside(value);
    return this.stay.step(outside, !outside, measuredAtUs);
  }

  /** Outside the limit's hysteresis, where an open alarm stays open. */
  isBack(value: number): boolean {
    if (this.#side === "above") return value <= this.#clearAt;
    if (this.#side === "below") return value >= this.#clearAt;
    return !this.isOutside(value);
  }

  lookbackUs(newest: number): number {
    if (!this.stay.lasts || this.stay.open || !this.isOutside(newest)) return 0;
    return this.stay.forUs + (this.stay.count > 1 ? countLookbackUs : this.stay.forUs);
  }

  words(): undefined {
    return undefined;
  }
}

/** The sides of a threshold for a metric in a unit; `undefined` where its limits are in a unit that measures something else. */
export function limitJudges(
  condition: ConditionOf<"threshold">,
  unit: string,
  isOpen: (kind: "above" | "below") => boolean,
): LimitJudge[] | undefined {
  const from = condition.unit ?? unit;
  const hysteresis = convert(condition.hysteresis, from, unit, "span");
  if (hysteresis === undefined) return undefined;
  return (["above", "below"] as const).flatMap((side) => {
    const limit = condition[side];
    const threshold = limit === undefined ? undefined : convert(limit, from, unit);
    return threshold === undefined ? [] : [new LimitJudge(side, threshold, new Stay({ ...condition, open: isOpen(side) }), hysteresis)];
  });
}

export function stateJudge(condition: ConditionOf<"state">, isOpen: boolean): LimitJudge {
  const side = condition.equals === undefined ? "notEquals" : "equals";
  return new LimitJudge(side, Number(condition[side]), new Stay({ ...condition, open: isOpen }));
}
