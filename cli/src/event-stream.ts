import { setTimeout as sleep } from "node:timers/promises";

import { AppError, httpErrors } from "@roost/contract/errors";

/** One server-sent event. */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string | undefined;
}

/** Takes a stream of server-sent events apart, however its bytes are cut. */
export function createEventParser() {
  let rest = "";
  let event = "";
  let data: string[] = [];
  let id: string | undefined;
  return function* parse(chunk: string): Generator<StreamEvent> {
    rest += chunk;
    // A lone CR at the end may be half of a CRLF.
    const ready = rest.endsWith("\r") ? rest.slice(0, -1) : rest;
    const lines = ready.split(/\r\n|\n|\r/);
    rest = (lines.pop() ?? "") + rest.slice(ready.length);
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield { event: event === "" ? "message" : event, data: data.join("\n"), id };
        event = "";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") event = value;
      else if (field === "data") data.push(value);
      else if (field === "id" && !value.includes("\0")) id = value;
    }
  };
}

const firstWaitMs = 500;
const longestWaitMs = 15_000;

/**
 * Follows a stream until the signal aborts; after a cut it comes back and goes on behind the last event it got.
 *
 * @param onCut - Told with the wait before the next try, in milliseconds.
 * @throws {AppError} what the platform refuses; a cut is no error.
 */
export async function* follow({
  url,
  token,
  fetch,
  signal,
  onCut,
}: {
  url: string;
  token: string;
  fetch: typeof globalThis.fetch;
  signal: AbortSignal;
  onCut: (waitMs: number) => void;
}): AsyncGenerator<StreamEvent> {
  let lastEventId: string | undefined;
  let waitMs = firstWaitMs;
  while (!signal.aborted) {
    try {
      const headers: Record<string, string> = { accept: "text/event-stream", authorization: `Bearer ${token}` };
      if (lastEventId !== undefined) headers["last-event-id"] = lastEventId;
      const answer = await fetch(url, { headers, signal });
      if (!answer.ok || answer.body === null) {
        const error = await refusalOf(answer);
        if (error.status < 500 && error.status !== 429) throw error;
        throw new Error("The stream is not available just now.", { cause: error });
      }
      const parse = createEventParser();
      for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
        waitMs = firstWaitMs;
        for (const event of parse(chunk)) {
          lastEventId = event.id ?? lastEventId;
          yield event;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof AppError) throw error;
    }
    if (signal.aborted) return;
    onCut(waitMs);
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    waitMs = Math.min(longestWaitMs, waitMs * 2);
  }
}

async function refusalOf(answer: Response): Promise<AppError> {
  const text = await answer.text();
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; details?: Record<string, unknown> } };
    return new AppError(error.code, answer.status, error.message, error.details);
  } catch (cause) {
    return answer.status === 401
      ? httpErrors.unauthenticated()
      : new AppError("client.unreadable", answer.status, "The answer is not one of Roost's.", {}, { cause });
  }
}
