import type { Severity } from "@roost/contract/alarms";
import type { ConditionOf } from "@roost/contract/rule-conditions";
import { ruleErrors } from "@roost/contract/rules";

/** A rule as it is typed: figures are texts, so that a half-written one is not torn away. */
export interface RuleTexts {
  readonly metric: string;
  readonly above: string;
  readonly below: string;
  readonly hysteresis: string;
  readonly forSeconds: string;
  readonly severity: Severity;
  readonly enabled: boolean;
}

interface Limits {
  readonly above?: number;
  readonly below?: number;
  readonly hysteresis: number;
  readonly forSeconds: number;
}

/** A threshold as it is typed; of a new one, with the metric it begins with. */
export function ruleTexts(
  rule: { readonly condition: ConditionOf<"threshold">; readonly severity: Severity; readonly enabled: boolean } | undefined,
  metric: string,
): RuleTexts {
  const condition = rule?.condition;
  return {
    metric: condition?.metric ?? metric,
    above: condition?.above === undefined ? "" : String(condition.above),
    below: condition?.below === undefined ? "" : String(condition.below),
    hysteresis: condition === undefined || condition.hysteresis === 0 ? "" : String(condition.hysteresis),
    forSeconds: String(condition?.forSeconds ?? 0),
    severity: rule?.severity ?? "warning",
    enabled: rule?.enabled ?? true,
  };
}

/** Reads a figure as people type it: a comma is a point, a real minus a hyphen; empty is `undefined`, nonsense is `NaN`. */
export function parseFigure(text: string): number | undefined {
  const plain = text.trim().replace(",", ".").replace("−", "-");
  if (plain === "") return undefined;
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain) ? Number(plain) : Number.NaN;
}

/** Checks what was typed: faults by field, and the limits they stand for. */
export function checkRule(texts: RuleTexts): { faults: Partial<Record<keyof RuleTexts, string>>; limits: Limits } {
  const faults: Partial<Record<keyof RuleTexts, string>> = {};
  const [above, below, hysteresis] = (["above", "below", "hysteresis"] as const).map((field) => {
    const figure = parseFigure(texts[field]);
    if (figure !== undefined && !Number.isFinite(figure)) faults[field] = "Write a number, such as 21.5.";
    return figure;
  });
  if (texts.metric === "") faults.metric = "Choose a metric.";
  if ((hysteresis ?? 0) < 0) faults.hysteresis = "This cannot be negative.";
  if (above === undefined && below === undefined) faults.above = ruleErrors.without_limit.message;
  else if (above !== undefined && below !== undefined && above <= below) faults.below = "This must be less than the upper limit.";
  return {
    faults,
    limits: {
      ...(above === undefined ? {} : { above }),
      ...(below === undefined ? {} : { below }),
      hysteresis: hysteresis ?? 0,
      forSeconds: Number(texts.forSeconds),
    },
  };
}
