import type { Flag, FlagAnswer, FlagAudience, FlagChange, FlagServe, FlagSetting, FlagValue } from "@roost/contract/flags";
import type { PlanGate, PlanState, PlanStep, RolloutPlan } from "@roost/contract/rollout-plans";

/** A value as people say it: on, off, a number, a text in quotes. */
export function sayValue(value: FlagValue | undefined): string {
  if (value === undefined) return "nothing";
  if (typeof value === "boolean") return value ? "on" : "off";
  return typeof value === "number" ? String(value) : `“${value}”`;
}

/** What somebody gets: `on`, or `on for 10 %, off for 90 %`. */
export function sayServe(serve: FlagServe, { variants }: Pick<FlagSetting, "variants">): string {
  if ("variant" in serve) return sayValue(variants[serve.variant]);
  return serve.split.map(({ variant, percent }) => `${sayValue(variants[variant])} for ${percent} %`).join(", ");
}

/** What everybody gets whom no rule is about. */
export function sayForAll({ setting, override }: Pick<Flag, "setting" | "override">): string {
  if (override !== undefined) return sayValue(override.value);
  return setting.enabled ? sayServe(setting.serve, setting) : sayValue(setting.variants[setting.offVariant]);
}

/**
 * Whom a rule is about, in words.
 *
 * @param names - Names of ids that are known here, such as the organisation's one is in.
 */
export function sayAudience(when: FlagAudience, names: ReadonlyMap<string, string> = new Map()): string {
  const say = (one: string, many: string, list: readonly string[] | undefined) => {
    if (list === undefined) return [];
    const shown = list.slice(0, 3).map((id) => names.get(id) ?? id);
    const more = list.length > shown.length ? ` and ${list.length - shown.length} more` : "";
    return [`${list.length === 1 ? one : many} ${shown.join(", ")}${more}`];
  };
  return [
    ...say("environment", "environments", when.environments),
    ...say("organisation", "organisations", when.organisationIds),
    ...say("device group", "device groups", when.groupIds),
    ...say("kind", "kinds", when.kinds),
    ...say("device", "devices", when.deviceIds),
  ].join(" · ");
}

export const staleWords: Readonly<Record<NonNullable<Flag["stale"]>, string>> = {
  never_asked: "Nobody has ever asked for it. Perhaps it can go.",
  not_asked_for_long: "Nobody has asked for it in 30 days. Perhaps it can go.",
  same_for_all_for_long: "Everybody has got the same for 90 days. Perhaps it can become fixed.",
};

export const changeWords: Readonly<Record<FlagChange["what"], string>> = {
  added: "Added",
  changed: "Changed",
  killed: "Killed",
  switched_on: "Switched on again",
  reverted: "Put back",
  archived: "Archived",
  brought_back: "Brought back",
  plan_step: "Changed by a rollout plan",
  plan_rollback: "Put back by a rollout plan",
};

/** Why somebody gets what they get. */
export function sayReason({ reason, rule, errorCode, setBy }: FlagAnswer): string {
  if (setBy === "environment") return "the environment sets it, for everybody";
  const byRule = rule === undefined ? "" : ` of rule ${rule}`;
  switch (reason) {
    case "STATIC":
      return "everybody gets the same";
    case "DEFAULT":
      return "no rule is about them";
    case "TARGETING_MATCH":
      return `rule ${rule ?? "?"} is about them`;
    case "SPLIT":
      return `by the shares${byRule}, always the same for the same device`;
    case "DISABLED":
      return "the kill switch was pressed";
    case "ERROR":
      return errorCode === "TARGETING_KEY_MISSING"
        ? "a share can only be drawn for a device or an organisation"
        : (errorCode ?? "an error");
  }
}

export const planStateWords: Readonly<Record<PlanState, string>> = {
  draft: "Not started",
  running: "Running",
  waiting: "Waiting for a person",
  paused: "Paused",
  done: "Done",
  rolled_back: "Rolled back",
};

/** A span to the minute, or to the second where it is short: `24 h`, `1 h 5 min`, `45 s`. */
export function saySpan(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  const days = Math.floor(whole / 86_400);
  const hours = Math.floor((whole % 86_400) / 3_600);
  const minutes = Math.floor((whole % 3_600) / 60);
  if (days >= 2) return hours === 0 ? `${days} d` : `${days} d ${hours} h`;
  if (days * 24 + hours > 0) return minutes === 0 ? `${days * 24 + hours} h` : `${days * 24 + hours} h ${minutes} min`;
  return whole % 60 === 0 || minutes >= 10 ? `${minutes} min` : `${minutes} min ${whole % 60} s`;
}

/** What a step does to a flag. */
export function sayStepChange({ flag, enabled, serve, rules }: PlanStep["changes"][number]): string {
  const parts: string[] = [];
  if (enabled !== undefined) parts.push(enabled ? "switched on" : "killed");
  if (rules !== undefined) {
    for (const rule of rules) parts.push(`${sayServeInput(rule.serve)} for ${sayAudience(rule.when)}`);
    if (rules.length === 0 && serve === undefined) parts.push("no rules any more");
  }
  if (serve !== undefined) parts.push(`${sayServeInput(serve)} for ${(rules?.length ?? 0) > 0 ? "all others" : "everybody"}`);
  return `${flag}: ${parts.length === 0 ? "unchanged" : parts.join(", ")}`;
}

function sayServeInput(serve: NonNullable<PlanStep["changes"][number]["serve"]>): string {
  if ("value" in serve) return sayValue(serve.value);
  if ("variant" in serve) return serve.variant;
  return serve.split.map(({ variant, percent }) => `${variant} ${percent} %`).join(", ");
}

/** What a gate asks for, in words. */
export function sayGate(gate: PlanGate): string {
  switch (gate.kind) {
    case "readiness":
      return "No readiness check is red";
    case "alarms": {
      const what = gate.severity === "critical" ? "critical alarm" : gate.severity === "warning" ? "alarm of warning or worse" : "alarm";
      const where =
        gate.deviceIds !== undefined
          ? ` of ${gate.deviceIds.length === 1 ? gate.deviceIds[0] : `${gate.deviceIds.length} devices`}`
          : gate.groupId !== undefined
            ? " of a device group"
            : gate.organisationId !== undefined
              ? " of one organisation"
              : "";
      return `No new ${what}${where}`;
    }
    case "metric":
      return sayMetricGate(gate);
  }
}

function sayMetricGate(gate: Extract<PlanGate, { kind: "metric" }>): string {
  const status = gate.metric === "roost_http_requests_total" ? gate.labels?.["status"] : undefined;
  const labels = Object.entries(gate.labels ?? {}).map(([name, value]) => `${name} ${value}`);
  const what = status === undefined ? [gate.metric, ...labels].join(", ") : `Answers ${status.replace("*", "xx")}`;
  const unit = gate.reading === "share" ? " %" : gate.reading === "rate" ? " a minute" : "";
  const limits = [
    gate.above === undefined ? [] : [`at most ${gate.above}${unit}`],
    gate.below === undefined ? [] : [`at least ${gate.below}${unit}`],
  ].flat();
  return `${what}: ${limits.join(" and ")}${gate.reading === "value" ? "" : ` in ${saySpan(gate.windowSeconds)}`}`;
}

/** How far the present step has come, 0 to 1. */
export function progressOf({
  steps,
  step,
  watchedSeconds,
  state,
}: Pick<RolloutPlan, "steps" | "step" | "watchedSeconds" | "state">): number {
  if (state === "draft") return 0;
  if (state === "done" || state === "waiting") return 1;
  const wait = steps[step]?.waitSeconds ?? 0;
  return wait === 0 ? 1 : Math.min(1, watchedSeconds / wait);
}
