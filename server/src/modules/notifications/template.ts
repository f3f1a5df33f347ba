import { notificationErrors } from "@roost/contract/notifications";
import mustache from "mustache";

import type { Notice } from "./notice.ts";
import { quantity } from "./notice.ts";
import { headingOf, oneLine } from "./wording.ts";

/** What templates may name; there is nothing else in their reach. */
export const templateFields = [
  "heading",
  "text",
  "type",
  "at",
  "device",
  "deviceId",
  "site",
  "kind",
  "severity",
  "state",
  "metric",
  "value",
  "limit",
  "unit",
  "since",
  "clearedAt",
  "alarmId",
  "link",
] as const;
const fields: ReadonlySet<string> = new Set(templateFields);

const longestTitle = 200;
const longestBody = 4_000;
const deepest = 8;

type Token = [type: string, value: string, start: number, end: number, nested?: Token[], ...rest: unknown[]];

/**
 * Refuses what is more than text and names: partials, other delimiters, unescaped values, names that are not there.
 *
 * @throws {AppError} `notifications.bad_template` with what is wrong and where.
 */
export function checkTemplate(template: string, where: "titleTemplate" | "bodyTemplate"): void {
  let tokens: Token[];
  try {
    tokens = mustache.parse(template) as Token[];
  } catch (cause) {
    throw notificationErrors.bad_template(
      { where, because: cause instanceof Error ? oneLine(cause.message, 200) : "unreadable" },
      { cause },
    );
  }
  const fault = faultIn(tokens, 1);
  if (fault !== undefined) throw notificationErrors.bad_template({ where, ...fault });
  // The library keeps every template it ever read.
  mustache.clearCache();
}

function faultIn(tokens: readonly Token[], depth: number): { because: string; at?: number; known?: readonly string[] } | undefined {
  if (depth > deepest) return { because: `sections nest deeper than ${deepest}` };
  for (const [type, value, start, , nested] of tokens) {
    if (type === "text" || type === "!") continue;
    if (type === ">") return { because: "templates include no others ({{> }})", at: start };
    if (type === "=") return { because: "the braces are always {{ and }}", at: start };
    if (type === "&") return { because: "values are always escaped: write {{name}}, not {{{name}}} or {{&name}}", at: start };
    if (type !== "name" && type !== "#" && type !== "^") return { because: "this is not understood", at: start };
    if (!fields.has(value)) return { because: `there is no ${oneLine(value, 60)}`, at: start, known: templateFields };
    const inside = nested === undefined ? undefined : faultIn(nested, depth + 1);
    if (inside !== undefined) return inside;
  }
  return undefined;
}

/** The same notice in a target's own words; a template that cannot be used any more changes nothing. */
export function inOwnWords(
  told: Notice,
  { titleTemplate, bodyTemplate }: { readonly titleTemplate?: string | undefined; readonly bodyTemplate?: string | undefined },
): Notice {
  if (titleTemplate === undefined && bodyTemplate === undefined) return told;
  const view = viewOf(told);
  const title = titleTemplate === undefined ? "" : oneLine(render(titleTemplate, view, "titleTemplate"), longestTitle).trim();
  const text = bodyTemplate === undefined ? "" : render(bodyTemplate, view, "bodyTemplate").slice(0, longestBody).trim();
  return { ...told, ...(title === "" ? {} : { title }), ...(text === "" ? {} : { text, hasOwnWords: true as const }) };
}

function render(template: string, view: object, where: "titleTemplate" | "bodyTemplate"): string {
  try {
    checkTemplate(template, where);
  } catch {
    return "";
  }
  // Every channel escapes the outcome in its own way: here it is plain text, whose line breaks are the template's alone.
  const text = mustache.render(template, view, undefined, { escape: (value: unknown) => oneLine(String(value), longestBody) });
  mustache.clearCache();
  return text;
}

/** Texts alone, and nothing behind them: no prototype leads further. */
function viewOf(told: Notice): object {
  const { alarm, device } = told;
  const values: Readonly<Record<(typeof templateFields)[number], string | undefined>> = {
    heading: headingOf({ ...told, title: undefined }),
    text: told.text,
    type: told.type,
    at: told.at,
    device: device?.name,
    deviceId: device?.id,
    site: told.site,
    kind: alarm?.kind,
    severity: alarm?.severity,
    state: alarm?.state,
    metric: alarm?.metric,
    value: alarm?.value === undefined ? undefined : quantity(alarm.value, alarm.unit),
    limit: alarm?.threshold === undefined ? undefined : quantity(alarm.threshold, alarm.unit),
    unit: alarm?.unit,
    since: alarm?.raisedAt,
    clearedAt: alarm?.clearedAt,
    alarmId: alarm?.id,
    link: told.link,
  };
  return Object.assign(
    Object.create(null) as object,
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)),
  );
}
