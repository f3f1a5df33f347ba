import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** What a request brought to say who it is. An Authorization or X-API-Key header stands alone: cookies beside it are not looked at. */
export type Credential =
  | { readonly kind: "token"; readonly secret: string }
  /** A program's session. */
  | { readonly kind: "bearer"; readonly secret: string }
  /** The session cookie's value, signature included, still percent-encoded. `isOld`: the key that signed it is being replaced. */
  | { readonly kind: "session"; readonly cookieValue: string; readonly isOld?: boolean };

const tokenForm = /^roost_pat_[A-Za-z0-9_-]{43}$/;
const bearerForm = /^roost_ses_[A-Za-z0-9_-]{43}$/;
const stepForm = /^roost_step_([A-Za-z0-9_-]{16,400})$/;

/** Reads the credential of a request; what has no form of ours is none. */
export function readCredential(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  cookieName: string,
): Credential | undefined {
  const { authorization, cookie, "x-api-key": apiKey } = headers;
  if (authorization !== undefined) {
    const secret = typeof authorization === "string" ? /^Bearer +(\S+)$/i.exec(authorization)?.[1] : undefined;
    if (secret === undefined) return undefined;
    if (tokenForm.test(secret)) return { kind: "token", secret };
    return bearerForm.test(secret) ? { kind: "bearer", secret } : undefined;
  }
  // As earlier systems' integrations send it.
  if (apiKey !== undefined) return typeof apiKey === "string" && tokenForm.test(apiKey) ? { kind: "token", secret: apiKey } : undefined;
  const cookieValue = typeof cookie === "string" ? readCookie(cookie, cookieName) : undefined;
  return cookieValue === undefined ? undefined : { kind: "session", cookieValue };
}

/** A cookie's value that a step of a sign-in hangs on, in letters that a body carries and the log scrubs. */
export function packStep(cookieValue: string): string {
  return `roost_step_${Buffer.from(decodeURIComponent(cookieValue)).toString("base64url")}`;
}

/** The cookie's value again; `undefined` for what has no form of ours. */
export function unpackStep(step: string): string | undefined {
  const packed = stepForm.exec(step)?.[1];
  if (packed === undefined) return undefined;
  const bytes = Buffer.from(packed, "base64url");
  // One value, one form: the decoder lets more than one pass.
  return bytes.toString("base64url") === packed ? encodeURIComponent(bytes.toString("utf8")) : undefined;
}

/** The value of a cookie among lines of `Set-Cookie`, still percent-encoded; `undefined` where it is not set or taken away. */
export function setCookieValue(lines: readonly string[], name: string): string | undefined {
  const value = lines
    .findLast((line) => line.startsWith(`${name}=`))
    ?.slice(name.length + 1)
    .split(";", 1)[0];
  return value === "" ? undefined : value;
}

/**
 * What a cookie of ours is called in a browser. By TLS it is bound to this very host and to TLS; the names differ, because a browser keeps
 * one jar for all ports of a host and lets no plain page replace a cookie of TLS.
 */
export function cookieNameFor(name: string, isSecure: boolean): string {
  return isSecure ? `__Host-${name}` : name;
}

/** A `Set-Cookie` line of ours for the way the browser came. */
export function cookieLineFor(line: string, isSecure: boolean): string {
  return isSecure ? `__Host-${line}; Secure` : line;
}

/** The value of one cookie, as it stands. */
export function readCookie(header: string, name: string): string | undefined {
  for (const part of header.split(";")) {
    const at = part.indexOf("=");
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

export function makeTokenSecret(): string {
  return `roost_pat_${randomBytes(32).toString("base64url")}`;
}

/** Of a program's session; it ends soon. */
export function makeAccessSecret(): string {
  return `roost_ses_${randomBytes(32).toString("base64url")}`;
}

/** Gets the next pair, once. */
export function makeRefreshSecret(): string {
  return `roost_ref_${randomBytes(32).toString("base64url")}`;
}

export function isTokenSecret(text: string): boolean {
  return tokenForm.test(text);
}

export function hashSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

/** Remembers a browser that signed in to an account before, so that a stranger's guesses do not lock its owner out. */
export function makeKnownBrowser(key: string, email: string): string {
  const id = randomBytes(16).toString("base64url");
  return `${id}.${browserMark(key, id, email)}`;
}

/** The browser's own id, if it is known for this account. */
export function readKnownBrowser(value: string | undefined, key: string, email: string): string | undefined {
  const [id, mark, ...more] = value?.split(".") ?? [];
  if (id === undefined || mark === undefined || more.length > 0) return undefined;
  const wanted = Buffer.from(browserMark(key, id, email));
  const given = Buffer.from(mark);
  return wanted.length === given.length && timingSafeEqual(wanted, given) ? id : undefined;
}

function browserMark(key: string, id: string, email: string): string {
  return createHmac("sha256", key).update(`known browser:${id}:${email}`).digest("base64url");
}
