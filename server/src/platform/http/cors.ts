import type { IncomingHttpHeaders } from "node:http";

/** Which pages of other origins may read answers. Closed, unless an administrator lists them. */
export interface Cors {
  /** Listed by its full name: it may bring the browser's cookies and change what its person may change. `*` lists nobody. */
  isListed(origin: string): boolean;
  /** For every answer; nothing for an origin that is not listed. */
  fieldsFor(headers: IncomingHttpHeaders): Readonly<Record<string, string>>;
  /** The answer to a browser that asks before it sends; `undefined` where it was no such question, or not one to say yes to. */
  preflight(headers: IncomingHttpHeaders, methods: readonly string[]): Readonly<Record<string, string>> | undefined;
}

const readable = [
  "content-disposition",
  "etag",
  "location",
  "ratelimit",
  "ratelimit-policy",
  "retry-after",
  "x-correlation-id",
  "x-idempotent-request",
  "x-ratelimit-limit",
  "x-ratelimit-remaining",
  "x-ratelimit-reset",
  "x-request-id",
].join(", ");
const sendable = "accept, authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, x-correlation-id";
const preflightSeconds = "3600";

/** @param origins - As in `Origin`, or `*` for any page: to look only, and without the browser's cookies. */
export function createCors(origins: readonly string[]): Cors {
  const listed = new Set(origins.filter((origin) => origin !== "*"));
  const anybody = origins.includes("*");
  // What depends on the origin must not be kept for another one.
  const always = origins.length > 0 ? { vary: "origin" } : {};

  function allow(origin: string): Readonly<Record<string, string>> | undefined {
    if (listed.has(origin)) return { "access-control-allow-origin": origin, "access-control-allow-credentials": "true" };
    return anybody ? { "access-control-allow-origin": "*" } : undefined;
  }

  return {
    isListed: (origin) => listed.has(origin),
    fieldsFor({ origin }) {
      const allowed = origin === undefined ? undefined : allow(origin);
      return allowed === undefined ? always : { ...always, ...allowed, "access-control-expose-headers": readable };
    },
    preflight(headers, methods) {
      const { origin, "access-control-request-method": wanted } = headers;
      if (origin === undefined || wanted === undefined) return undefined;
      const allowed = allow(origin);
      const open = listed.has(origin) ? methods : methods.filter((method) => method === "GET");
      if (allowed === undefined || !open.includes(wanted)) return undefined;
      return {
        ...always,
        ...allowed,
        "access-control-allow-methods": open.join(", "),
        "access-control-allow-headers": sendable,
        "access-control-max-age": preflightSeconds,
      };
    },
  };
}

/** Says whether this is an origin as browsers write it, or `*`. */
export function isOrigin(text: string): boolean {
  return text === "*" || (/^https?:\/\/[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text);
}
