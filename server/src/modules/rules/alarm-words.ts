import { ruleErrors } from "@roost/contract/rules";
import mustache from "mustache";

/** The places that the words of an alarm may have. */
export interface AlarmPlaces {
  readonly device: string;
  readonly site: string;
  readonly rule: string;
  readonly metric: string;
  readonly value: string;
  readonly limit: string;
  readonly unit: string;
}

const places: ReadonlySet<string> = new Set(["device", "site", "rule", "metric", "value", "limit", "unit"] satisfies (keyof AlarmPlaces)[]);
const known = new Set(["text", "name", "&", "#", "^"]);

type Token = readonly [kind: string, value: string, from: number, to: number, children?: readonly Token[]];

/** @throws {AppError} `rules.unreadable_template` */
export function checkTemplate(template: string): void {
  const check = (tokens: readonly Token[]): boolean =>
    tokens.every(
      ([kind, value, , , children]) =>
        known.has(kind) && (kind === "text" || places.has(value)) && (!Array.isArray(children) || check(children)),
    );
  let fits = false;
  try {
    fits = check(mustache.parse(template) as unknown as Token[]);
  } catch {
    fits = false;
  }
  if (!fits) throw ruleErrors.unreadable_template({ places: [...places] });
}

/** Fills the places in. What devices and people wrote goes in as it is: whoever shows the words knows how. */
export function fillTemplate(template: string, values: AlarmPlaces, most: number): string {
  return mustache.render(template, values, {}, { escape: String }).slice(0, most);
}

/** A figure as people read it: seven digits at most. */
export function figure(value: number | undefined): string {
  return value === undefined ? "" : String(Number(value.toPrecision(7)));
}
