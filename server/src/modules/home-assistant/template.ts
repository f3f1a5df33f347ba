/** How a value is got out of a message: as it is, or along a path of its JSON; then what is done with it. */
export interface Template {
  /** Absent: the message itself is the value. */
  readonly path?: readonly (string | number)[];
  readonly filters: readonly Filter[];
}

type Filter = { readonly name: "number" } | { readonly name: "whole" } | { readonly name: "round"; readonly digits: number };

/** A value as it was sent; `undefined`: the message does not have it. */
export type RawValue = string | number | boolean | undefined;

const longestTemplate = 500;
const deepestPath = 8;

/**
 * Reads a template of the common, safe subset: `value` or a path of `value_json`, then `float`, `int`, `round`, `is_defined`, `default`.
 *
 * Nothing is ever run: what is none of these is not read. A fallback (`float(0)`, `default(0)`) is read over, for a missing value is missing
 * and not 0.
 *
 * @returns `undefined` for a template that computes in another way.
 */
export function readTemplate(text: string | undefined): Template | undefined {
  if (text === undefined || text.trim() === "") return { filters: [] };
  if (text.length > longestTemplate) return undefined;
  const inner = /^\s*\{\{-?([^{}]*?)-?\}\}\s*$/.exec(text)?.[1];
  if (inner === undefined) return undefined;
  const [source = "", ...rest] = splitFilters(inner);
  const filters: Filter[] = [];
  for (const one of rest) {
    const filter = readFilter(one);
    if (filter === undefined) return undefined;
    filters.push(...filter);
  }
  if (source === "value") return { filters };
  const path = readPath(source);
  return path === undefined ? undefined : { path, filters };
}

/** The value of a message by a template. */
export function valueBy({ path, filters }: Template, payload: string): RawValue {
  let value: unknown = payload;
  if (path !== undefined) {
    value = parseJson(payload);
    for (const step of path) value = partOf(value, step);
  }
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return undefined;
  let raw: RawValue = value;
  for (const filter of filters) raw = apply(filter, raw);
  return raw;
}

/** A number written in text the way devices write them; `undefined` for all else. */
export function numberOf(raw: RawValue): number | undefined {
  if (typeof raw === "number") return Number.isFinite(raw) ? raw : undefined;
  if (typeof raw !== "string" || !/^\s*[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?\s*$/.test(raw)) return undefined;
  const number = Number(raw);
  return Number.isFinite(number) ? number : undefined;
}

function splitFilters(text: string): string[] {
  const parts: string[] = [];
  let part = "";
  let quote = "";
  for (const character of text) {
    if (quote !== "") quote = character === quote ? "" : quote;
    else if (character === "'" || character === '"') quote = character;
    else if (character === "|") {
      parts.push(part.trim());
      part = "";
      continue;
    }
    part += character;
  }
  return [...parts, part.trim()];
}

function readFilter(text: string): Filter[] | undefined {
  const [, name, given] = /^([a-z_]+)(?:\(\s*([^()]*?)\s*\))?$/.exec(text) ?? [];
  const isLiteral =
    given === undefined || /^(?:(?:default\s*=\s*)?(?:[+-]?\d{1,15}(?:\.\d{1,15})?|none|None|'[^']*'|"[^"]*"))?$/.test(given);
  switch (name) {
    case "float":
      return isLiteral ? [{ name: "number" }] : undefined;
    case "int":
      return isLiteral ? [{ name: "whole" }] : undefined;
    case "round": {
      const digits = given === undefined || given === "" ? "0" : given;
      return /^\d$/.test(digits) ? [{ name: "round", digits: Number(digits) }] : undefined;
    }
    case "is_defined":
      return given === undefined ? [] : undefined;
    case "default":
    case "d":
      return isLiteral ? [] : undefined;
    default:
      return undefined;
  }
}

function readPath(source: string): (string | number)[] | undefined {
  const rest = /^value_json((?:\.[A-Za-z_]\w*|\[\s*(?:\d{1,6}|'[^'\\]*'|"[^"\\]*")\s*\])*)$/.exec(source)?.[1];
  if (rest === undefined) return undefined;
  const path = [...rest.matchAll(/\.([A-Za-z_]\w*)|\[\s*(?:(\d{1,6})|'([^'\\]*)'|"([^"\\]*)")\s*\]/g)].map(
    ([, dotted, index, single, double]) => (index === undefined ? (dotted ?? single ?? double ?? "") : Number(index)),
  );
  return path.length <= deepestPath ? path : undefined;
}

function parseJson(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
}

function partOf(value: unknown, step: string | number): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) return typeof step === "number" ? (value as unknown[])[step] : undefined;
  return Object.hasOwn(value, step) ? (value as Record<string, unknown>)[step] : undefined;
}

function apply(filter: Filter, raw: RawValue): RawValue {
  const number = typeof raw === "boolean" ? Number(raw) : numberOf(raw);
  if (number === undefined) return undefined;
  switch (filter.name) {
    case "number":
      return number;
    case "whole":
      return Math.trunc(number);
    case "round":
      return Number(`${Math.round(Number(`${number}e${filter.digits}`))}e-${filter.digits}`);
  }
}
