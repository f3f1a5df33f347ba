import type { EgressAnswer } from "../../platform/egress.ts";
import type { AttemptResult } from "./delivery.ts";

/** A POST to one of the services, ready to go out. */
export interface Outgoing {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A POST of JSON. */
export function postJson(url: string, body: object, headers: Readonly<Record<string, string>> = {}): Outgoing {
  return { url, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
}

/** An address below a server's own, which may have a path: `https://example.org/push` and `message` give `https://example.org/push/message`. */
export function below(server: string, path: string): string {
  const url = new URL(server);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/${path}`;
  url.search = "";
  url.hash = "";
  return url.href;
}

/** The status and how long to wait; what every service has in common. */
export function plainResult({ status, retryAfterMs }: EgressAnswer): AttemptResult {
  return { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** The service took the request and would not pass the message on: asking again changes nothing. */
export function refusal(answer: EgressAnswer): AttemptResult {
  return { ...plainResult(answer), code: "notifications.not_taken", isFinal: true };
}

/** Success in HTTP alone: not the service that should be there, or one that is not well. */
export function strange(answer: EgressAnswer): AttemptResult {
  return { ...plainResult(answer), code: "notifications.strange_answer" };
}

export function isSuccess({ status }: { readonly status: number }): boolean {
  return status >= 200 && status < 300;
}

/** A no that stays a no, unlike those that tell of haste or of a slow hour. */
export function isRefusal({ status }: { readonly status: number }): boolean {
  return status >= 400 && status < 500 && ![408, 421, 424, 425, 429].includes(status);
}

/** An answer read as a JSON object; `undefined` where it is none. */
export function readObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
