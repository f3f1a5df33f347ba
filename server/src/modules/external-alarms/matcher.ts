import { externalAlarmErrors } from "@roost/contract/external-alarms";

/** Says whether a set of labels is meant. A label that is not there is the empty text. */
export type Matcher = (labels: Readonly<Record<string, string>>) => boolean;

/**
 * Reads a filter as amtool sends it: `name="value"`, `!=`, `=~`, `!~`.
 *
 * What anybody may ask must not keep the server busy, so of regular expressions words, `|`, `.*` and `.+` are taken and nothing else.
 *
 * @throws {AppError} `external_alarms.unreadable_filter`
 */
export function readMatcher(filter: string): Matcher {
  const [, name = "", operator = "", given = ""] = /^\s*([^\s=!~"{}]{1,128})\s*(=~|!~|!=|=)\s*([\s\S]*?)\s*$/.exec(filter) ?? [];
  if (name === "") throw externalAlarmErrors.unreadable_filter({ filter });
  const wanted = unquote(given, filter);
  const fits = operator.includes("~") ? readPattern(wanted) : (value: string) => value === wanted;
  const isNot = operator.startsWith("!");
  return (labels) => fits(Object.hasOwn(labels, name) ? (labels[name] ?? "") : "") !== isNot;
}

function unquote(text: string, filter: string): string {
  if (!text.startsWith('"')) return text;
  try {
    const read: unknown = JSON.parse(text);
    if (typeof read === "string") return read;
  } catch {
    // Told below.
  }
  throw externalAlarmErrors.unreadable_filter({ filter });
}

/**
 * A pattern over the whole text, as Prometheus anchors them.
 *
 * @throws {AppError} `external_alarms.unreadable_filter`
 */
export function readPattern(pattern: string): (value: string) => boolean {
  const choices = pattern.replace(/^\^?\(?(?:\?:)?((?:[^()])*)\)?\$?$/, "$1").split("|");
  const read = choices.map((choice) => readChoice(choice, pattern));
  return (value) => read.some((fits) => fits(value));
}

function readChoice(choice: string, pattern: string): (value: string) => boolean {
  const parts = choice.split(/(\.\*|\.\+)/);
  const texts = parts.map((part) => {
    if (part === ".*" || part === ".+") return part;
    // What is escaped is itself; every other sign that means something in a regular expression is refused.
    if (/[\\^$*+?()[\]{}]/.test(part.replaceAll(/\\[^A-Za-z0-9]/g, ""))) throw externalAlarmErrors.unreadable_filter({ filter: pattern });
    return part.replaceAll(/\\([^A-Za-z0-9])/g, "$1");
  });
  return (value) => fitsFrom(texts, value);
}

/** Goes over the text once: between two wild cards the first place that fits is as good as any later one. */
function fitsFrom(texts: readonly string[], value: string): boolean {
  let at = 0;
  let isWild = false;
  let least = 0;
  for (const [index, text] of texts.entries()) {
    if (index % 2 === 1) {
      isWild = true;
      least += text === ".+" ? 1 : 0;
      continue;
    }
    const isLast = index === texts.length - 1;
    if (isLast) return isWild ? value.length - text.length >= at + least && value.endsWith(text) : value.slice(at) === text;
    if (text === "") continue;
    const found = isWild ? value.indexOf(text, at + least) : value.startsWith(text, at) ? at : -1;
    if (found < 0) return false;
    at = found + text.length;
    isWild = false;
    least = 0;
  }
  return false;
}
