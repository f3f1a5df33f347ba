import type { Severity } from "@roost/contract/alarms";
import { type AlarmRule, ruleErrors } from "@roost/contract/rules";

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
  readonly severity: Severity;
  readonly enabled: boolean;
}

export function ruleTexts(rule: AlarmRule | undefined, metric: string): RuleTexts {
  return {
    metric: rule?.metric ?? metric,
    above: rule?.above === undefined ? "" : String(rule.above),
    below: rule?.below === undefined ? "" : String(rule.below),
    hysteresis: rule === undefined || rule.hysteresis === 0 ? "" : String(rule.hysteresis),
    forSeconds: String(rule?.forSeconds ?? 0),
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
      severity: texts.severity,
      enabled: texts.enabled,
    },
  };
}
