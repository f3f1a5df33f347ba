import { addressOf, readError } from "@roost/contract/client";
import { AppError } from "@roost/contract/errors";
import type { Route } from "@roost/contract/route";

import type { Bench } from "./command.ts";

/**
 * Reads the stream of a route part by part, without keeping it.
 *
 * @throws {AppError} what the platform refuses; `client.unreachable` where there is no answer or it breaks off.
 */
export async function* download(
  { terminal, url, token }: Bench,
  route: Route,
  parts: { readonly query?: unknown; readonly params?: unknown; readonly body?: unknown } = {},
): AsyncGenerator<Uint8Array> {
  const unreachable = (cause: unknown) =>
    new AppError("client.unreachable", 0, "Roost did not answer, or its answer broke off.", { url }, { cause });
  const answer = await terminal
    .fetch(url + addressOf(route, parts), {
      method: route.method,
      headers: { authorization: `Bearer ${token}`, ...(parts.body === undefined ? {} : { "content-type": "application/json" }) },
      ...(parts.body === undefined ? {} : { body: JSON.stringify(parts.body) }),
      signal: terminal.signal,
    })
    .catch((cause: unknown) => {
      throw unreachable(cause);
    });
  if (answer.status >= 400) throw readError(answer.status, await answer.text());
  try {
    for await (const part of answer.body ?? []) yield part as Uint8Array;
  } catch (cause) {
    throw unreachable(cause);
  }
}

/** The same as lines of text. */
export async function* downloadLines(...args: Parameters<typeof download>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of download(...args)) {
    rest += decoder.decode(part, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}
