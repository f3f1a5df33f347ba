import type { Severity } from "@roost/contract/alarms";
import { type RuleKind, ruleKinds } from "@roost/contract/rule-conditions";
import { type AlarmRule, type RuleFields, ruleFields } from "@roost/contract/rules";

import { settingsOf } from "../../parts/rule-words.ts";

/** A field of a condition, as people fill it in. */
export interface ConditionField {
  readonly name: string;
  readonly label: string;
  readonly about?: string;
  /** `minutes`: kept in seconds. `rules`: ids of other rules. `figure?` and `text?` may stay empty. */
  readonly type:
    | "figure"
    | "figure?"
    | "minutes"
    | "text"
    | "text?"
    | "rules"
    | { readonly choices: readonly { value: string; label: string }[] };
  readonly start?: string;
}

const metric: ConditionField = { name: "metric", label: "Metric", about: "As the device sends it, such as temperature", type: "text" };
const unit: ConditionField = { name: "unit", label: "Unit of the limits", about: "Empty: the metric's own", type: "text?" };
const forMinutes: ConditionField = { name: "forSeconds", label: "For minutes", type: "minutes", start: "0" };
const count: ConditionField = { name: "count", label: "Values in a row", type: "figure", start: "1" };
const over: ConditionField = { name: "overSeconds", label: "Measured over minutes", type: "minutes", start: "30" };

/** What each kind of rule is called, and what has to be filled in. */
export const kindForms: Readonly<
  Record<RuleKind, { readonly title: string; readonly about: string; readonly fields: readonly ConditionField[] }>
> = {
  threshold: {
    title: "Threshold",
    about: "A value is above or below a limit. On the limit is still inside.",
    fields: [
      metric,
      { name: "above", label: "Alarm above", type: "figure?" },
      { name: "below", label: "Alarm below", type: "figure?" },
      unit,
      { name: "hysteresis", label: "Clears so far inside", type: "figure", start: "0" },
      forMinutes,
      count,
    ],
  },
  rate: {
    title: "Rate of change",
    about: "A value rises or falls too fast.",
    fields: [
      metric,
      { name: "perHour", label: "More than, an hour", type: "figure" },
      {
        name: "direction",
        label: "Direction",
        type: {
          choices: [
            { value: "either", label: "Rising or falling" },
            { value: "rising", label: "Rising" },
            { value: "falling", label: "Falling" },
          ],
        },
        start: "either",
      },
      over,
      unit,
    ],
  },
  trend: {
    title: "Forecast",
    about: "A value will cross a limit soon if it goes on as it does.",
    fields: [
      metric,
      { name: "above", label: "Will be above", about: "One of the two", type: "figure?" },
      { name: "below", label: "Will be below", type: "figure?" },
      { name: "withinMinutes", label: "Within minutes", type: "figure", start: "60" },
      { name: "minConfidence", label: "Certainty, 0 to 1", type: "figure", start: "0.7" },
      over,
      unit,
    ],
  },
  anomaly: {
    title: "Unusual value",
    about: "A value is not what it uses to be at this hour of the day. Learns from up to 28 days, begins after five.",
    fields: [
      metric,
      { name: "sensitivity", label: "Usual deviations off", about: "Lower finds more", type: "figure", start: "5" },
      { ...count, start: "3" },
    ],
  },
  no_data: {
    title: "Silence",
    about: "A metric, or the whole device, sends nothing any more.",
    fields: [
      { ...metric, type: "text?", about: "Empty: the device with any metric" },
      { name: "afterSeconds", label: "After minutes", type: "minutes", start: "15" },
    ],
  },
  offline: { title: "Offline", about: "How bad it is that a device is offline. The most specific rule for a device says so.", fields: [] },
  state: {
    title: "State",
    about: "A value is, or is not, a certain one. On is 1, off is 0.",
    fields: [
      metric,
      { name: "equals", label: "Alarm while it is", about: "One of the two", type: "figure?" },
      { name: "notEquals", label: "Alarm while it is not", type: "figure?" },
      forMinutes,
      count,
    ],
  },
  event: {
    title: "Event",
    about: "The device tells that something happened. * stands for anything.",
    fields: [
      { name: "type", label: "Event", about: "Such as door_opened, or door_*", type: "text" },
      { name: "clearsOn", label: "Ends with the event", about: "Empty: somebody clears it", type: "text?" },
    ],
  },
  composite: {
    title: "Several rules",
    about: "Other rules have their alarms about one device at once.",
    fields: [
      {
        name: "how",
        label: "Raises when",
        type: {
          choices: [
            { value: "all", label: "All of them have an alarm" },
            { value: "any", label: "Any of them has an alarm" },
          ],
        },
        start: "all",
      },
      { name: "members", label: "Rules", type: "rules" },
    ],
  },
};

export const kindChoicesOfRules = ruleKinds.map((kind) => ({ value: kind, label: kindForms[kind].title }));
export type ScopeKind = "deviceId" | "siteId" | "groupId" | "kind" | "everything";

/** A rule as it is typed: figures are texts, so that a half-written one is not torn away. */
export interface RuleDraft {
  readonly name: string;
  readonly scopeKind: ScopeKind;
  readonly place: string;
  readonly kind: RuleKind;
  readonly texts: Readonly<Record<string, string>>;
  readonly members: readonly string[];
  readonly severity: Severity;
  readonly title: string;
  readonly enabled: boolean;
  readonly overrides: RuleFields["overrides"];
  /** What the form does not show goes back as it came. */
  readonly rest: Pick<RuleFields, "text" | "probableCause">;
}

function startTexts(kind: RuleKind): Record<string, string> {
  return Object.fromEntries(kindForms[kind].fields.map(({ name, start }) => [name, start ?? ""]));
}

export const emptyDraft: RuleDraft = {
  name: "",
  scopeKind: "everything",
  place: "",
  kind: "threshold",
  texts: startTexts("threshold"),
  members: [],
  severity: "warning",
  title: "",
  enabled: true,
  overrides: [],
  rest: {},
};

/** The same rule with another kind of condition: what both have stays. */
export function withKind(draft: RuleDraft, kind: RuleKind): RuleDraft {
  const start = startTexts(kind);
  const kept = Object.keys(start).flatMap((name) =>
    name === "metric" || name === "unit" ? [[name, draft.texts[name] ?? start[name] ?? ""]] : [],
  );
  return { ...draft, kind, texts: { ...start, ...(Object.fromEntries(kept) as Record<string, string>) }, overrides: [] };
}

export function draftOf(rule: AlarmRule): RuleDraft {
  const { name = "", scope, condition, severity, enabled, title = "", text, probableCause, overrides } = settingsOf(rule);
  const [scopeKind, place] = (Object.entries(scope) as [ScopeKind, string | true][]).find(([, value]) => value !== undefined) ?? [
    "everything",
    true,
  ];
  const given = new Map<string, unknown>(Object.entries(condition));
  const texts = kindForms[condition.kind].fields.map(({ name: field, type }) => {
    const value = given.get(field);
    if (value === undefined) return [field, ""];
    return [field, type === "minutes" ? String(Number(value) / 60) : typeof value === "string" ? value : String(Number(value))];
  });
  const members = condition.kind === "composite" ? (condition.all ?? condition.any ?? []) : [];
  return {
    name,
    scopeKind,
    place: place === true ? "" : place,
    kind: condition.kind,
    texts: {
      ...(Object.fromEntries(texts) as Record<string, string>),
      ...(condition.kind === "composite" ? { how: condition.all === undefined ? "any" : "all" } : {}),
    },
    members,
    severity,
    title,
    enabled,
    overrides,
    rest: { ...(text === undefined ? {} : { text }), ...(probableCause === undefined ? {} : { probableCause }) },
  };
}

/** Reads a figure as people type it: a comma is a point, a real minus a hyphen. */
function figureOf(text: string): number {
  const plain = text.trim().replace(",", ".").replace("−", "-");
  return plain === "" ? Number.NaN : Number(plain);
}

/** What a draft stands for; `fault` says what is missing, by field. */
export function fieldsOf(draft: RuleDraft): { fields?: RuleFields; faults: Readonly<Record<string, string>> } {
  const faults: Record<string, string> = {};
  const condition: Record<string, unknown> = { kind: draft.kind };
  for (const { name, type } of kindForms[draft.kind].fields) {
    const text = (draft.texts[name] ?? "").trim();
    if (typeof type === "object") {
      if (name !== "how") condition[name] = text;
    } else if (type === "rules") {
      if (draft.members.length === 0) faults[name] = "Choose the rules.";
      condition[draft.texts["how"] === "any" ? "any" : "all"] = draft.members;
    } else if (text === "" && type.endsWith("?")) continue;
    else if (type === "text" || type === "text?") {
      if (text === "") faults[name] = "Fill this in.";
      condition[name] = text;
    } else {
      const figure = figureOf(text);
      if (!Number.isFinite(figure)) faults[name] = "Write a number, such as 21.5.";
      condition[name] = type === "minutes" ? figure * 60 : figure;
    }
  }
  if (draft.scopeKind !== "everything" && draft.place === "") faults["place"] = "Choose which.";
  if (Object.keys(faults).length > 0) return { faults };
  const read = ruleFields.safeParse({
    ...(draft.name.trim() === "" ? {} : { name: draft.name }),
    scope: draft.scopeKind === "everything" ? { everything: true } : { [draft.scopeKind]: draft.place },
    condition,
    severity: draft.severity,
    enabled: draft.enabled,
    ...(draft.title.trim() === "" ? {} : { title: draft.title }),
    ...draft.rest,
    overrides: draft.overrides,
  });
  if (read.success) return { fields: read.data, faults: {} };
  for (const { path, message } of read.error.issues) faults[String(path.at(-1) ?? "form")] = message;
  return { faults };
}
