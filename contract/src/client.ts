import { z } from "zod";

import { AppError } from "./errors.ts";
import type { Route, RouteReply } from "./route.ts";

type In<S> = S extends z.ZodType ? z.input<S> : undefined;
type PartsOf<R extends Route> =
  R extends Route<infer P, infer Q, infer B, z.ZodType>
    ? ([P] extends [z.ZodUndefined] ? { readonly params?: undefined } : { readonly params: In<P> }) &
        ([Q] extends [z.ZodUndefined] ? { readonly query?: undefined } : { readonly query?: In<Q> }) &
        ([B] extends [z.ZodUndefined] ? { readonly body?: undefined } : { readonly body: In<B> })
    : never;

export interface ClientOptions {
  /** Where Roost is, without a slash at the end; empty in the browser. */
  readonly baseUrl: string;
  readonly fetch: (
    url: string,
    init: { method: string; headers: Record<string, string>; body?: string; signal?: AbortSignal },
  ) => Promise<FetchAnswer>;
  /** Bearer token, where no cookie is at hand. */
  readonly token?: string;
}

interface FetchAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}

const wireError = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    details: z.record(z.string(), z.unknown()).default({}),
    requestId: z.string().optional(),
  }),
});

/** The address of a route with its places and query filled in; parts are given in their wire form. */
export function addressOf(route: Route, parts: { readonly params?: unknown; readonly query?: unknown } = {}): string {
  const params = (parts.params ?? {}) as Record<string, unknown>;
  const path = route.path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries((parts.query ?? {}) as Record<string, unknown>)) {
    if (value === undefined || value === null) continue;
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, one instanceof Date ? one.toISOString() : String(one));
  }
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

/**
 * A typed caller of routes over any `fetch`.
 *
 * @throws {AppError} with the platform's own code, or `client.unreachable` / `client.unreadable`.
 */
export function createClient({ baseUrl, fetch, token }: ClientOptions) {
  return async function call<R extends Route>(route: R, parts: PartsOf<R> & { readonly signal?: AbortSignal }): Promise<RouteReply<R>> {
    const headers: Record<string, string> = { accept: "application/json" };
    if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
    const body = parts.body === undefined ? undefined : JSON.stringify(parts.body);
    if (body !== undefined) headers["content-type"] = "application/json";
    let answer: FetchAnswer;
    let text: string;
    try {
      answer = await fetch(baseUrl + addressOf(route, parts), {
        method: route.method,
        headers,
        ...(body === undefined ? {} : { body }),
        ...(parts.signal === undefined ? {} : { signal: parts.signal }),
      });
      text = await answer.text();
    } catch (cause) {
      throw new AppError(
        "client.unreachable",
        0,
        "Roost did not answer. Check that it runs and that the address is right.",
        { baseUrl },
        { cause },
      );
    }
    if (answer.status >= 400) throw readError(answer.status, text);
    if (route.reply === undefined) return undefined as RouteReply<R>;
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (cause) {
      throw unreadable(answer.status, cause);
    }
    const read = z.safeDecode(route.reply, json);
    if (!read.success) throw unreadable(answer.status, read.error);
    return read.data as RouteReply<R>;
  };
}

export type Call = ReturnType<typeof createClient>;

/** What the platform refused, out of the body of its answer. */
export function readError(status: number, text: string): AppError {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    return unreadable(status, cause);
  }
  const read = wireError.safeParse(json);
  if (!read.success) return unreadable(status, read.error);
  const { code, message, details, requestId } = read.data.error;
  return new AppError(code, status, message, requestId === undefined ? details : { ...details, requestId });
}

function unreadable(status: number, cause: unknown): AppError {
  return new AppError(
    "client.unreadable",
    status,
    "The answer is not one of Roost's. Is a proxy in between, or another program at this address?",
    { status },
    { cause },
  );
}
