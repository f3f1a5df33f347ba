import { z } from "zod";

import { AppError, httpErrors } from "./errors.ts";
import { takesIdempotencyKey } from "./route.ts";
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
  /**
   * Makes an `Idempotency-Key` for each request that changes something. With it, one whose connection broke is sent once more: nothing is
   * done twice by that.
   */
  readonly newKey?: () => string;
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
export function createClient({ baseUrl, fetch, token, newKey }: ClientOptions) {
  return async function call<R extends Route>(route: R, parts: PartsOf<R> & { readonly signal?: AbortSignal }): Promise<RouteReply<R>> {
    const headers: Record<string, string> = { accept: "application/json" };
    if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
    const body = parts.body === undefined ? undefined : JSON.stringify(parts.body);
    if (body !== undefined) headers["content-type"] = "application/json";
    const isKeyed = newKey !== undefined && takesIdempotencyKey(route);
    if (isKeyed) headers["idempotency-key"] = newKey();
    const send = async (): Promise<Received> => {
      const told = await fetch(baseUrl + addressOf(route, parts), {
        method: route.method,
        headers,
        ...(body === undefined ? {} : { body }),
        ...(parts.signal === undefined ? {} : { signal: parts.signal }),
      });
      return { status: told.status, text: await told.text(), retryAfter: told.headers.get("retry-after") };
    };
    let answer: Received;
    try {
      answer = await (isKeyed ? sendSafely(send, parts.signal) : send());
    } catch (cause) {
      throw new AppError(
        "client.unreachable",
        0,
        "Roost did not answer. Check that it runs and that the address is right.",
        { baseUrl },
        { cause },
      );
    }
    const { text } = answer;
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

interface Received {
  readonly status: number;
  readonly text: string;
  readonly retryAfter: string | null;
}

// Longer than a server calls it under way: after that it says that nobody knows.
const mostWaits = 90;

/** Sends it once more when the connection broke, and waits for the first one where that is still under way. */
async function sendSafely(send: () => Promise<Received>, signal: AbortSignal | undefined): Promise<Received> {
  const isGivenUp = () => signal?.aborted === true;
  try {
    return await send();
  } catch (error) {
    if (isGivenUp()) throw error;
  }
  const { code, status } = httpErrors.request_under_way;
  for (let waits = 0; ; waits += 1) {
    const answer = await send();
    if (answer.status !== status || !answer.text.includes(`"${code}"`) || waits === mostWaits || isGivenUp()) return answer;
    const seconds = Math.min(5, Math.max(0.1, Number(answer.retryAfter) || 1));
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  }
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
