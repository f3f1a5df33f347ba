import type { ConditionOf } from "@roost/contract/rule-conditions";
import { convert } from "@roost/contract/units";

import type { Judge } from "./judge.ts";
import { looksPerWindow, SlidingFit } from "./sliding-fit.ts";
import type { Line } from "./sliding-fit.ts";
import { Stay } from "./stay.ts";
import type { Verdict } from "./stay.ts";

/** A line through fewer is a guess: with n values certainty is n tenths at most. */
const certainValues = 10;
/** How much of the window must be behind before it says anything. */
const leastPart = 0.4;
/** An open alarm ends when the crossing is this much further away than the limit, or its certainty this much lower. */
const backTime = 1.25;
const backConfidence = 0.7;

/** When a limit will be crossed if all goes on as it does, and how certain that is. */
export interface Forecast {
  readonly inSeconds: number;
  /** 0 to 1: how well a line explains the values, and how many there are. */
  readonly confidence: number;
}

/** @param side - Where the limit's far side is. `undefined`: by this line it is never crossed. */
export function forecast(line: Line, side: "above" | "below", limit: number): Forecast | undefined {
  const way = side === "above" ? limit - line.now : line.now - limit;
  const speed = side === "above" ? line.perSecond : -line.perSecond;
  if (way < 0) return { inSeconds: 0, confidence: 1 };
  if (speed <= 0) return undefined;
  return { inSeconds: way / speed, confidence: line.r2 * Math.min(1, line.n / certainValues) };
}

/** Warns before a limit is crossed. */
class TrendJudge implements Judge {
  readonly kind = "trend";
  readonly stay: Stay;
  readonly threshold: number;
  readonly #side: "above" | "below";
  readonly #fit: SlidingFit;
  #lookedUs = Number.NEGATIVE_INFINITY;
  readonly #condition: ConditionOf<"trend">;
  #last: Forecast | undefined;

  constructor(condition: ConditionOf<"trend">, limit: number, open: boolean) {
    this.stay = new Stay({ open });
    this.threshold = limit;
    this.#side = condition.above === undefined ? "below" : "above";
    this.#condition = condition;
    this.#fit = new SlidingFit(condition.overSeconds);
  }

  observe(value: number, measuredAtUs: number): Verdict {
    this.#fit.add(value, measuredAtUs);
    if (measuredAtUs - this.#lookedUs < (this.#condition.overSeconds * 1e6) / looksPerWindow) return "nothing";
    this.#lookedUs = measuredAtUs;
    const { withinMinutes, minConfidence, overSeconds } = this.#condition;
    const isBeyond = this.#side === "above" ? value > this.threshold : value < this.threshold;
    // What it warned of has come; it is over when that is over.
    if (isBeyond && this.stay.open) return "nothing";
    if (this.#fit.spanSeconds < leastPart * overSeconds) return "nothing";
    const line = this.#fit.line();
    if (line === undefined) return "nothing";
    const found = forecast(line, this.#side, this.threshold);
    const within = withinMinutes * 60;
    const warns = !isBeyond && found !== undefined && found.inSeconds <= within && found.confidence >= minConfidence;
    const back = found === undefined || found.inSeconds > within * backTime || found.confidence < minConfidence * backConfidence;
    if (warns) this.#last = found;
    return this.stay.step(warns, back, measuredAtUs);
  }

  lookbackUs(): number {
    return this.#condition.overSeconds * 1e6;
  }

  words(): string | undefined {
    if (this.#last === undefined) return undefined;
    const minutes = Math.max(1, Math.round(this.#last.inSeconds / 60));
    return `Will be ${this.#side} ${this.threshold} in about ${minutes} min (confidence ${Math.round(this.#last.confidence * 100)} %).`;
  }
}

export function trendJudge(condition: ConditionOf<"trend">, unit: string, open: boolean): Judge[] | undefined {
  const given = condition.above ?? condition.below;
  const limit = given === undefined ? undefined : convert(given, condition.unit ?? unit, unit);
  return limit === undefined ? undefined : [new TrendJudge(condition, limit, open)];
}
