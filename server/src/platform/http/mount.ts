import type { Access, Permission } from "@roost/contract/permissions";
import type { Route, RouteInput, RouteReply } from "@roost/contract/route";

import type { Actor, Within } from "../tenancy.ts";

/** A person or an API token, already authorised for the route at hand, acting in one organisation and on what of it is in scope. */
export interface PersonCaller extends Within {
  readonly kind: "person" | "token";
  readonly id: string;
  /** For records: e-mail of the person, or name of the token. */
  readonly name: string;
  readonly permissions: ReadonlySet<Permission>;
  /** The same for records, with where this request came from. */
  readonly by: Actor;
  /** Aborts within 5 s when the right to be here ends: sign-out, revocation, removal. Streams end with it. */
  readonly signal: AbortSignal;
}

/** A device with its own token. */
export interface DeviceCaller {
  readonly kind: "device";
  readonly id: string;
  readonly deviceKey: number;
  readonly organisationId: string;
}

export type CallerOf<A extends Access> = A extends "public" ? undefined : A extends "device" ? DeviceCaller : PersonCaller;

/** What a handler may need of the request besides its checked parts. */
export interface RequestFacts {
  readonly requestId: string;
  readonly correlationId: string;
  /** Taken from forwarded headers only where a trusted proxy sent them. */
  readonly remoteAddress: string;
  /** Came by TLS: here, at a trusted proxy, or at whatever serves the public address. */
  readonly isSecure: boolean;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body as it came, for routes that check it themselves; up to the route's `maxBodyBytes`. */
  readonly rawBody: Buffer;
  /** Aborts when the client has gone, or the caller's right has ended. */
  readonly signal: AbortSignal;
  setHeader(name: string, value: string): void;
  /** Answers with another status than the route's, its body as ever: 503 of `/ready`. */
  setStatus(status: number): void;
}

/** The answer of a route that declares `streams`. */
export interface StreamReply {
  readonly body: string | Uint8Array | AsyncIterable<string | Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a handler answers: the reply's shape, a stream where the route names a media type, else nothing. */
export type Answer<R extends Route> = [Extract<R["streams"], string>] extends [never]
  ? RouteReply<R> extends undefined
    ? void
    : RouteReply<R>
  : StreamReply;

export type Handler<R extends Route> = (
  input: RouteInput<R> & { readonly caller: CallerOf<R["access"]>; readonly request: RequestFacts },
) => Promise<Answer<R>>;

/** Ties a route of the contract to its handler. The parts were checked and the caller authorised before the handler runs. */
export type Mount = <R extends Route>(route: R, handler: Handler<R>) => void;
