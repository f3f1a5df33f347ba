import type { ConditionOf } from "@roost/contract/rule-conditions";
import { convert } from "@roost/contract/units";

import type { Judge } from "./judge.ts";
import { looksPerWindow, SlidingFit } from "./sliding-fit.ts";
import { Stay } from "./stay.ts";
import type { Verdict } from "./stay.ts";

/** How much of the window must be behind before it says anything: the first two values of a device are no trend. */
const leastPart = 0.8;
/** The alarm ends when the change is this much slower than the limit, so that it does not flicker there. */
const backPart = 0.8;
const leastValues = 4;

/** How fast a value changes, as the slope of a line through the window: one wild value moves it little. */
class RateJudge implements Judge {
  readonly kind = "rate";
  readonly stay: Stay;
  /** Per hour, in the metric's unit. */
  readonly threshold: number;
  readonly #fit: SlidingFit;
  #lookedUs = Number.NEGATIVE_INFINITY;
  readonly #direction: ConditionOf<"rate">["direction"];
  readonly #overSeconds: number;
  #perHour = Number.NaN;

  constructor(condition: ConditionOf<"rate">, perHour: number, open: boolean) {
    this.stay = new Stay({ open });
    this.threshold = perHour;
    this.#direction = condition.direction;
    this.#overSeconds = condition.overSeconds;
    this.#fit = new SlidingFit(condition.overSeconds);
  }

  observe(value: number, measuredAtUs: number): Verdict {
    this.#fit.add(value, measuredAtUs);
    if (measuredAtUs - this.#lookedUs < (this.#overSeconds * 1e6) / looksPerWindow) return "nothing";
    this.#lookedUs = measuredAtUs;
    if (this.#fit.n < leastValues || this.#fit.spanSeconds < leastPart * this.#overSeconds) return "nothing";
    const line = this.#fit.line();
    if (line === undefined) return "nothing";
    this.#perHour = line.perSecond * 3_600;
    const speed = this.#direction === "either" ? Math.abs(this.#perHour) : this.#direction === "rising" ? this.#perHour : -this.#perHour;
    return this.stay.step(speed > this.threshold, speed <= this.threshold * backPart, measuredAtUs);
  }

  lookbackUs(): number {
    return this.#overSeconds * 1e6;
  }

  words(): string | undefined {
    return Number.isNaN(this.#perHour) ? undefined : `Changes by ${Number(this.#perHour.toPrecision(3))} an hour.`;
  }
}

export function rateJudge(condition: ConditionOf<"rate">, unit: string, open: boolean): Judge[] | undefined {
  const perHour = convert(condition.perHour, condition.unit ?? unit, unit, "span");
  return perHour === undefined ? undefined : [new RateJudge(condition, perHour, open)];
}
