import { ruleErrors } from "@roost/contract/rules";

export type Direction = "above" | "below";

/** One side of a rule, ready for the hot path. */
export interface Limit {
  readonly direction: Direction;
  /** Crossed when the value lies beyond it; on it is still inside. */
  readonly threshold: number;
  /** The alarm clears when the value is here or further inside: the threshold less the hysteresis. */
  readonly clearAt: number;
  /** How long, in measured time, the value must stay outside. */
  readonly forUs: number;
}

/** What is remembered of a limit between two samples. */
export interface Memory {
  open: boolean;
  /** Measured instant of the first sample of the present stay outside, in epoch microseconds; NaN while inside. */
  outsideSinceUs: number;
}

export type Verdict = "nothing" | "raise" | "clear";

export interface RuleLimits {
  readonly above?: number | undefined;
  readonly below?: number | undefined;
  readonly hysteresis: number;
  readonly forSeconds: number;
}

/** A memory that knows nothing but whether its alarm is open. */
export function freshMemory(open: boolean): Memory {
  return { open, outsideSinceUs: Number.NaN };
}

/** The sides of a rule: one or two. */
export function limitsOf(rule: RuleLimits): Limit[] {
  const forUs = rule.forSeconds * 1e6;
  const limits: Limit[] = [];
  if (rule.above !== undefined) {
    limits.push({ direction: "above", threshold: rule.above, clearAt: rule.above - rule.hysteresis, forUs });
  }
  if (rule.below !== undefined) {
    limits.push({ direction: "below", threshold: rule.below, clearAt: rule.below + rule.hysteresis, forUs });
  }
  return limits;
}

/** @throws {AppError} `rules.without_limit` */
export function checkLimits({ above, below }: Pick<RuleLimits, "above" | "below">): void {
  if (above === undefined && below === undefined) throw ruleErrors.without_limit();
  if (above !== undefined && below !== undefined && above <= below) throw ruleErrors.without_limit({ above, below });
}

/**
 * What one sample means for one limit. Samples come in the order of their measured instants; the caller leaves out what is not newer
 * than the last one judged. `memory` is moved on in place: this runs for every sample, so nothing is allocated.
 */
export function judge(limit: Limit, memory: Memory, value: number, measuredAtUs: number): Verdict {
  const above = limit.direction === "above";
  if (memory.open) {
    if (above ? value > limit.clearAt : value < limit.clearAt) return "nothing";
    memory.open = false;
    memory.outsideSinceUs = Number.NaN;
    return "clear";
  }
  if (!(above ? value > limit.threshold : value < limit.threshold)) {
    memory.outsideSinceUs = Number.NaN;
    return "nothing";
  }
  if (Number.isNaN(memory.outsideSinceUs)) memory.outsideSinceUs = measuredAtUs;
  if (measuredAtUs - memory.outsideSinceUs < limit.forUs) return "nothing";
  memory.open = true;
  return "raise";
}
