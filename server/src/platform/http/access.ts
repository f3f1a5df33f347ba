import type { IncomingMessage } from "node:http";

import { httpErrors } from "@roost/contract/errors";
import type { Route } from "@roost/contract/route";

import type { Forwarded } from "./forwarded.ts";
import type { DeviceCaller, PersonCaller } from "./mount.ts";

/** What tells who is asking. */
export interface CredentialRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly remoteAddress: string;
  /** Came by TLS: here, at a trusted proxy, or at whatever serves the public address. */
  readonly isSecure: boolean;
  /** For the renewal of a cookie. May be called more than once with the same name. */
  addHeader(name: string, value: string): void;
}

/** A caller whose right is watched while it is held; where they came from is the request's matter. */
export type HeldCaller = Omit<PersonCaller, "by"> & {
  /** Says that a stream is open on this right: its `signal` is kept up to date until the hold is let go. */
  hold(): () => void;
};

/**
 * Finds out who is asking. `undefined` where there is no valid credential; throws only when it cannot tell (`http.unavailable`).
 * An `Authorization` header stands alone: with it, cookies are not looked at.
 */
export interface Authentication {
  person(request: CredentialRequest): Promise<HeldCaller | undefined>;
  device(request: CredentialRequest): Promise<DeviceCaller | undefined>;
}

/**
 * The one place that decides who may call a route. What is not allowed in words is refused.
 *
 * @throws {AppError} `http.unauthenticated`, `http.forbidden`
 */
export async function authorise(
  route: Route,
  authentication: Authentication,
  request: CredentialRequest,
  isDirectLoopback: () => boolean,
  /** Told who asks, `undefined` where nobody knows, before anything is decided. */
  count: (caller: HeldCaller | DeviceCaller | undefined) => void = () => undefined,
): Promise<HeldCaller | DeviceCaller | undefined> {
  switch (route.access) {
    case "public":
      count(undefined);
      return undefined;
    case "device": {
      const device = await authentication.device(request);
      count(device);
      if (device === undefined) throw httpErrors.unauthenticated();
      return device;
    }
    default: {
      if (route.openOnLoopback === true && isDirectLoopback()) {
        count(undefined);
        return undefined;
      }
      const person = await authentication.person(request);
      count(person);
      if (person === undefined) throw httpErrors.unauthenticated();
      if (route.access !== "signedIn" && !person.permissions.has(route.access)) throw httpErrors.forbidden({ permission: route.access });
      if (route.wholeOrganisation === true && person.scope !== undefined) throw httpErrors.forbidden({ needs: "the whole organisation" });
      return person;
    }
  }
}

/** Where requests may come from. */
export interface Origins {
  readonly forwarded: Forwarded;
  readonly publicOrigin: string | undefined;
  /** Of another origin, and let in by name. */
  readonly isListed: (origin: string) => boolean;
}

const safeMethods = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Refuses what another site makes a browser send with the browser's cookies: every change, streams, and what a page would take in as its
 * own picture or script. Requests that bring their own credential are no browser's doing.
 *
 * @throws {AppError} `http.foreign_origin`
 */
export function refuseForeignOrigin(request: IncomingMessage, route: Pick<Route, "streams" | "access">, origins: Origins): void {
  const { headers } = request;
  if (headers.authorization !== undefined) return;
  if (safeMethods.has(request.method ?? "")) {
    // Somebody may follow a link to us; what a page loads by itself is another thing, and public things are there to be loaded.
    const isLink = headers["sec-fetch-mode"] === "navigate" || route.access === "public";
    if (route.streams !== "text/event-stream" && (isLink || headers["sec-fetch-site"] === undefined)) return;
    if (isForeignOrigin(request, origins)) throw httpErrors.foreign_origin();
  } else if (isForeignOrigin(request, origins) || mayBeForm(request)) throw httpErrors.foreign_origin();
}

/** Says whether a browser sent this from a page that is neither ours nor listed. */
export function isForeignOrigin(request: IncomingMessage, { forwarded, publicOrigin, isListed }: Origins): boolean {
  const { origin, "sec-fetch-site": site } = request.headers;
  if (origin !== undefined) return !isListed(origin) && !isOwn(origin, forwarded.originOf(request), publicOrigin);
  return site !== undefined && site !== "same-origin" && site !== "none";
}

function isOwn(origin: string, own: string | undefined, publicOrigin: string | undefined): boolean {
  if (origin === publicOrigin) return true;
  if (own === undefined || !URL.canParse(origin)) return false;
  // By TLS a page of ours is the same to the letter: one without TLS under our name may be anybody's on the way.
  if (own.startsWith("https:")) return new URL(origin).origin === own;
  // A proxy that ends TLS and is not named as trusted hides the scheme; the host still has to fit.
  return new URL(origin).host === new URL(own).host;
}

/**
 * A change with cookies and no word about where it comes from. Browsers of today say so, and what older ones send from a form of another site
 * is a POST without a type, or with one of three: JSON and the other methods they ask about before, and get no answer.
 */
function mayBeForm({ method, headers }: IncomingMessage): boolean {
  if (headers.cookie === undefined || headers.origin !== undefined || headers["sec-fetch-site"] !== undefined) return false;
  return method === "POST" && !/^application\/json\s*(?:;|$)/i.test(headers["content-type"] ?? "");
}
