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
): Promise<HeldCaller | DeviceCaller | undefined> {
  switch (route.access) {
    case "public":
      return undefined;
    case "device": {
      const device = await authentication.device(request);
      if (device === undefined) throw httpErrors.unauthenticated();
      return device;
    }
    default: {
      if (route.openOnLoopback === true && isDirectLoopback()) return undefined;
      const person = await authentication.person(request);
      if (person === undefined) throw httpErrors.unauthenticated();
      if (route.access !== "signedIn" && !person.permissions.has(route.access)) throw httpErrors.forbidden({ permission: route.access });
      return person;
    }
  }
}

const safeMethods = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Refuses a change that another site makes a browser send. Requests that bring their own credential are no browser's doing.
 *
 * @throws {AppError} `http.foreign_origin`
 */
export function refuseForeignOrigin(request: IncomingMessage, forwarded: Forwarded, publicOrigin: string | undefined): void {
  if (safeMethods.has(request.method ?? "") || request.headers.authorization !== undefined) return;
  if (isForeignOrigin(request, forwarded, publicOrigin)) throw httpErrors.foreign_origin();
}

/** Says whether a browser sent this from a page that is not ours. */
export function isForeignOrigin(request: IncomingMessage, forwarded: Forwarded, publicOrigin: string | undefined): boolean {
  const { origin } = request.headers;
  if (origin !== undefined) {
    if (origin === publicOrigin) return false;
    const own = forwarded.originOf(request);
    if (own === undefined || !URL.canParse(origin)) return true;
    // By TLS a page of ours is the same to the letter: one without TLS under our name may be anybody's on the way.
    if (own.startsWith("https:")) return new URL(origin).origin !== own;
    // A proxy that ends TLS and is not named as trusted hides the scheme; the host still has to fit.
    return new URL(origin).host !== new URL(own).host;
  }
  const site = request.headers["sec-fetch-site"];
  return site !== undefined && site !== "same-origin" && site !== "none";
}
