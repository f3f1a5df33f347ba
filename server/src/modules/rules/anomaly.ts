import type { ConditionOf } from "@roost/contract/rule-conditions";

import type { Judge } from "./judge.ts";
import type { AnomalyModel } from "./seasonal.ts";
import { Stay } from "./stay.ts";
import type { Verdict } from "./stay.ts";

/** Of the limit: closer than this to what is usual, and an open alarm ends. */
const backPart = 0.7;
const countLookbackUs = 6 * 3_600e6;

/** Compares each value with what is usual at its hour of the day. Says nothing until somebody told it what that is. */
export class AnomalyJudge implements Judge {
  readonly kind = "anomaly";
  readonly stay: Stay;
  model: AnomalyModel | undefined;
  readonly #sensitivity: number;
  #threshold: number | undefined;
  #centre = Number.NaN;

  constructor({ sensitivity, count }: ConditionOf<"anomaly">, open: boolean) {
    this.#sensitivity = sensitivity;
    this.stay = new Stay({ open, count });
  }

  /** The edge of what is usual that the last value was judged by. */
  get threshold(): number | undefined {
    return this.#threshold;
  }

  observe(value: number, measuredAtUs: number): Verdict {
    const usual = this.model?.usualAt(measuredAtUs);
    if (usual === undefined) return "nothing";
    const reach = this.#sensitivity * usual.scale;
    const off = Math.abs(value - usual.centre);
    this.#centre = usual.centre;
    this.#threshold = value < usual.centre ? usual.centre - reach : usual.centre + reach;
    return this.stay.step(off > reach, off <= reach * backPart, measuredAtUs);
  }

  lookbackUs(): number {
    return this.stay.lasts && !this.stay.open ? countLookbackUs : 0;
  }

  words(): string | undefined {
    return Number.isNaN(this.#centre) ? undefined : `Usual at this hour of the day: about ${Number(this.#centre.toPrecision(4))}.`;
  }
}
