import { createHash, createHmac } from "node:crypto";

import { httpErrors } from "@roost/contract/errors";

import type { Scope } from "../tenancy.ts";

const visible = /^[\x21-\x7e]{1,255}$/;
const quoted = /^"((?:[^"\\]|\\["\\])*)"$/;

/**
 * Reads an `Idempotency-Key`: a string as HTTP's structured fields write it (`"…"`), or the same characters bare, as most clients send them.
 *
 * @throws {AppError} `http.idempotency_key_invalid`
 */
export function readIdempotencyKey(header: string | readonly string[]): string {
  // Node joins the values of several headers by a comma and a space, which is no visible character.
  const text = typeof header === "string" ? header.trim() : "";
  const inner = text.startsWith('"') ? quoted.exec(text)?.[1]?.replaceAll(/\\(.)/g, "$1") : text;
  if (inner === undefined || !visible.test(inner)) throw httpErrors.idempotency_key_invalid();
  return inner;
}

/** SHA-256 of a key: what is kept of it. */
export function digestOfKey(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}

/** What makes a request another one. */
export interface Asked {
  readonly method: string;
  /** Path and query as they came. */
  readonly url: string;
  readonly ifMatch: string | undefined;
  /** Parsed JSON where the route takes JSON, else the bytes. */
  readonly body: unknown;
}

/**
 * HMAC-SHA-256 of a request by its key, which is kept nowhere: who reads digests cannot try bodies on them. The order of names in JSON and the
 * spaces between them make no difference.
 */
export function digestOfRequest(key: string, { method, url, ifMatch, body }: Asked): Buffer {
  const hash = createHmac("sha256", key).update(`${JSON.stringify([method, url, ifMatch ?? null])}\n`);
  return hash.update(Buffer.isBuffer(body) ? body : canonical(body)).digest();
}

/** SHA-256 of what somebody may do and see. */
export function digestOfRights({
  permissions,
  scope,
}: {
  readonly permissions: ReadonlySet<string>;
  readonly scope?: Scope | undefined;
}): Buffer {
  const sorted = (parts: { readonly siteIds: readonly string[]; readonly groupIds: readonly string[] }) =>
    JSON.stringify([parts.siteIds.toSorted(), parts.groupIds.toSorted()]);
  const held = [[...permissions].toSorted(), scope === undefined ? null : [scope.allow.map(sorted).toSorted(), sorted(scope.deny)]];
  return createHash("sha256").update(JSON.stringify(held)).digest();
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "";
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([name, part]) => `${JSON.stringify(name)}:${canonical(part)}`).join(",")}}`;
}
