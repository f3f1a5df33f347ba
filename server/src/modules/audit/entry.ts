import { isDeepStrictEqual } from "node:util";

import { scrub } from "../../platform/log.ts";
import type { Actor } from "../../platform/tenancy.ts";

/** What somebody tells the audit trail. */
export interface AuditEntry {
  /** Absent: the platform's own. */
  readonly organisationId?: string | undefined;
  readonly by: Actor;
  /** `noun.past`, such as `role.changed`. */
  readonly action: string;
  readonly object: { readonly kind: string; readonly id: string; readonly name?: string | undefined };
  /** The thing before and after. Equal fields are left out by the trail, and so are secrets. */
  readonly before?: object | undefined;
  readonly after?: object | undefined;
  /** `refused`: somebody tried and was not let. Absent: done. */
  readonly outcome?: "done" | "refused" | undefined;
  /** When it happened; absent: now. */
  readonly at?: Date | undefined;
}

/** An entry in the form in which it is stored and MACed: texts to the letter. */
export interface StoredEntry {
  readonly id: string;
  readonly organisationId: string | null;
  /** Epoch microseconds, as text. */
  readonly atUs: string;
  readonly actorKind: string;
  readonly actorId: string;
  readonly actorName: string;
  readonly action: string;
  readonly objectKind: string;
  readonly objectId: string;
  readonly objectName: string | null;
  readonly before: string | null;
  readonly after: string | null;
  readonly outcome: string;
  readonly remoteAddress: string | null;
  readonly userAgent: string | null;
  readonly correlationId: string | null;
}

/** What a name or id may take; what is longer is cut, because people and devices write them. */
const mostNameChars = 200;
const mostAgentChars = 300;
/** What before or after may take. */
const mostFieldsChars = 16_384;

// Beside the names the log knows: in records of changes these hold secrets too.
const secretField = /^(?:key|otp|totp|pin|salt|seed|mac|.*(?:sealed|hash|backup[-_]?codes?|recovery[-_]?codes?))$/i;

/** Brings an entry into its stored form: secrets dropped, equal fields left out, texts cut. */
export function toStored(id: string, nowMs: number, entry: AuditEntry): StoredEntry {
  const { before, after } = changesOf(entry.before, entry.after);
  const { by, object } = entry;
  return {
    id,
    organisationId: entry.organisationId ?? null,
    atUs: String((entry.at?.getTime() ?? nowMs) * 1_000),
    actorKind: by.kind,
    actorId: text(by.id, mostNameChars),
    actorName: text(by.name, mostNameChars),
    action: text(entry.action, mostNameChars),
    objectKind: text(object.kind, mostNameChars),
    objectId: text(object.id, mostNameChars),
    objectName: object.name === undefined ? null : text(object.name, mostNameChars),
    before: fieldsText(before),
    after: fieldsText(after),
    outcome: entry.outcome ?? "done",
    remoteAddress: by.remoteAddress === undefined ? null : text(by.remoteAddress, mostNameChars),
    userAgent: by.userAgent === undefined ? null : text(by.userAgent, mostAgentChars),
    correlationId: by.correlationId === undefined ? null : text(by.correlationId, mostNameChars),
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** Of two states the fields that differ; of one alone all that it has. */
export function changesOf(before: object | undefined, after: object | undefined): { before?: Fields; after?: Fields } {
  if (before === undefined || after === undefined) {
    return { ...(before === undefined ? {} : { before: { ...before } }), ...(after === undefined ? {} : { after: { ...after } }) };
  }
  const was = new Map<string, unknown>(Object.entries(before));
  const is = new Map<string, unknown>(Object.entries(after));
  const changed = [...new Set([...was.keys(), ...is.keys()])].filter((name) => !isDeepStrictEqual(was.get(name), is.get(name)));
  const pick = (from: Map<string, unknown>) =>
    Object.fromEntries(changed.filter((name) => from.has(name)).map((name) => [name, from.get(name)]));
  return { before: pick(was), after: pick(is) };
}

function fieldsText(fields: Fields | undefined): string | null {
  if (fields === undefined) return null;
  const full = storable(
    JSON.stringify(
      scrub(fields, (name) => secretField.test(name)),
      plain,
    ),
  );
  return full.length <= mostFieldsChars ? full : JSON.stringify({ "…": `${full.length} characters, too long to be kept` });
}

// What JSON cannot say must not undo the change that is to be recorded.
function plain(_name: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

/** Cut at a length, secrets masked, in a form that the database takes. */
function text(value: string, most: number): string {
  const clean = (scrub(value) as string).replaceAll("\0", "").toWellFormed();
  return clean.length <= most ? clean : `${clean.slice(0, most - 1).toWellFormed()}…`;
}

// JSON writes NUL and lone surrogates as escapes, which are no text to PostgreSQL once it reads them.
function storable(json: string): string {
  return json.replaceAll(/\\u(?:0000|d[89a-f][0-9a-f]{2})/gi, (escape, at: number) => (isEscaped(json, at) ? escape : "�"));
}

function isEscaped(json: string, at: number): boolean {
  let backslashes = 0;
  while (json[at - 1 - backslashes] === "\\") backslashes += 1;
  return backslashes % 2 === 1;
}
