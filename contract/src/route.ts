import type { z } from "zod";

import type { Access } from "./permissions.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

type Shape = z.ZodType;

/**
 * A route, said once: the server mounts it, clients are typed by it, OpenAPI is made from it.
 *
 * `path` has `:name` places; `reply` absent means the answer has no JSON body (204, or a stream named by `streams`).
 */
export interface Route<Params extends Shape = Shape, Query extends Shape = Shape, Body extends Shape = Shape, Reply extends Shape = Shape> {
  /** camelCase, unique over all routes: the OpenAPI operation id. */
  readonly operation: string;
  readonly method: Method;
  readonly path: `/${string}`;
  /** Who may: a permission, or one of `public`, `signedIn`, `device`. A route without one does not start. */
  readonly access: Access;
  /** About the organisation as a whole: whoever acts in a part of it only is refused, whatever their role says. */
  readonly wholeOrganisation?: true;
  /** One plain sentence for people. */
  readonly summary: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  readonly reply?: Reply;
  /** Success status; 200, or 204 without a reply, unless said. */
  readonly status?: number;
  /** Media type of an answer that is no JSON: `text/csv`, `text/event-stream`, `image/svg+xml`, … */
  readonly streams?: string;
  /** The errors that belong to this route, beside those every route may answer. */
  readonly errors?: readonly { readonly code: string; readonly status: number; readonly message: string }[];
  /** Largest request body in bytes; 64 KiB unless said. */
  readonly maxBodyBytes?: number;
  /** The handler checks the bytes itself: `body` is for the reference only, and the edge neither reads nor refuses what came. */
  readonly rawBody?: true;
  /** From loopback, and not by way of a proxy, nobody is asked who they are. */
  readonly openOnLoopback?: true;
}

/** Declares a route; see {@link Route}. Who may and what streams stay known to the compiler, so that a handler is typed by them. */
export function defineRoute<
  Params extends Shape = z.ZodUndefined,
  Query extends Shape = z.ZodUndefined,
  Body extends Shape = z.ZodUndefined,
  Reply extends Shape = z.ZodUndefined,
  const Who extends Access = Access,
  const Media extends string | undefined = undefined,
>(
  route: Route<Params, Query, Body, Reply> & { readonly access: Who; readonly streams?: Media },
): Route<Params, Query, Body, Reply> & { readonly access: Who; readonly streams?: Media } {
  return route;
}

/**
 * Says whether a route keeps its promise by `Idempotency-Key`: whatever a signed-in caller changes by JSON. Uploads and streams do not, nor
 * what is open to anybody: there would be nobody whose key it is.
 */
export function takesIdempotencyKey({ method, access, streams, rawBody }: Route): boolean {
  return method !== "GET" && access !== "public" && access !== "device" && streams === undefined && rawBody !== true;
}

/** What a handler gets: each part in the form the code works with. */
export interface RouteInput<R extends Route> {
  readonly params: R extends Route<infer P, Shape, Shape, Shape> ? z.output<P> : never;
  readonly query: R extends Route<Shape, infer Q, Shape, Shape> ? z.output<Q> : never;
  readonly body: R extends Route<Shape, Shape, infer B, Shape> ? z.output<B> : never;
}

/** What a handler answers and a client gets: the reply in the form the code works with. */
export type RouteReply<R extends Route> = R extends Route<Shape, Shape, Shape, infer Reply> ? z.output<Reply> : never;
