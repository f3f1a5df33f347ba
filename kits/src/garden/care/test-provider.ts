import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import type { KitEgress } from "@roost/contract/kit-host";
import { egressErrors } from "@roost/contract/notifications";

import type { Asked, Scripted } from "./evaluation/scripted.ts";

/** Stands in for the providers: a web server on loopback that speaks their real forms. */
export interface TestProvider {
  /** `/v1`, for all three. */
  readonly url: string;
  readonly port: number;
  readonly asked: readonly Asked[];
  /** Most requests that were under way at one time. */
  readonly mostAtOnce: () => number;
  plan(...scripted: readonly Scripted[]): void;
  otherwise(scripted: Scripted): void;
  forget(): void;
  close(): Promise<void>;
}

/** Starts one: Anthropic's Messages, OpenAI's Responses and Chat Completions, told apart by their paths. */
export async function startTestProvider(port = 0): Promise<TestProvider> {
  const asked: Asked[] = [];
  const planned: Scripted[] = [];
  let fallback: Scripted = { says: "{}" };
  let under = 0;
  let most = 0;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const one = askedOf(request, Buffer.concat(parts).toString("utf8"));
    asked.push(one);
    const scripted = planned.shift() ?? fallback;
    if (scripted.delayMs !== undefined) await sleep(scripted.delayMs, undefined, { ref: false });
    await scripted.after;
    if (scripted.drop === true) return void request.socket.destroy();
    const form = one.path.endsWith("/messages") ? anthropic : one.path.endsWith("/responses") ? responses : chat;
    const status = scripted.status ?? 200;
    const retryAfter = scripted.retryAfterSeconds === undefined ? {} : { "retry-after": String(scripted.retryAfterSeconds) };
    response.writeHead(status, { "content-type": "application/json", ...retryAfter });
    if (scripted.raw !== undefined) return void response.end(scripted.raw);
    if (status >= 400) return void response.end(JSON.stringify(form.error(status, scripted.errorText ?? "It went wrong.")));
    const says = typeof scripted.says === "function" ? scripted.says(one) : (scripted.says ?? "");
    response.end(JSON.stringify(form.answer({ ...scripted, says, model: String(one.json["model"]) })));
  }

  const server = createServer((request, response) => {
    under += 1;
    most = Math.max(most, under);
    response.once("close", () => (under -= 1));
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${bound}/v1`,
    port: bound,
    asked,
    mostAtOnce: () => most,
    plan: (...scripted) => void planned.push(...scripted),
    otherwise(scripted) {
      fallback = scripted;
    },
    forget() {
      asked.length = 0;
      planned.length = 0;
      most = 0;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function askedOf(request: IncomingMessage, body: string): Asked {
  const json = (body === "" ? {} : JSON.parse(body)) as Record<string, unknown>;
  const turns = (json["messages"] ?? json["input"] ?? []) as readonly { role: string; content: unknown }[];
  const told = turns.filter(({ role }) => role === "system" || role === "developer").map(({ content }) => wordsIn(content));
  const data = turns.filter(({ role }) => role === "user").map(({ content }) => wordsIn(content));
  return {
    path: request.url ?? "",
    headers: request.headers,
    body,
    json,
    instructions: [wordsIn(json["system"]), wordsIn(json["instructions"]), ...told].join(""),
    data: data.join(""),
  };
}

function wordsIn(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part: { text?: unknown }) => (typeof part.text === "string" ? part.text : "")).join("");
}

interface Form {
  error(status: number, text: string): object;
  answer(answer: Scripted & { says: string; model: string }): object;
}

/** @see https://platform.claude.com/docs/en/api/messages */
const anthropic: Form = {
  error: (status, message) => ({
    type: "error",
    error: { type: status === 401 ? "authentication_error" : status === 429 ? "rate_limit_error" : "api_error", message },
    request_id: "req_011",
  }),
  answer: ({ says, ends, model, inputTokens = 900, outputTokens = 400 }) => ({
    id: "msg_013Zva2CMHLNnXjNJJKqJ2EF",
    type: "message",
    role: "assistant",
    model,
    content: says === "" ? [] : [{ type: "text", text: says }],
    stop_reason: ends === "length" ? "max_tokens" : ends === "refusal" ? "refusal" : "end_turn",
    stop_sequence: null,
    usage: { input_tokens: inputTokens, output_tokens: outputTokens, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
  }),
};

/** @see https://developers.openai.com/api/reference/resources/responses */
const responses: Form = {
  error: (status, message) => ({
    error: { message, type: "invalid_request_error", param: null, code: status === 401 ? "invalid_api_key" : "error" },
  }),
  answer: ({ says, ends, model, inputTokens = 900, outputTokens = 400 }) => ({
    id: "resp_67ccd2bed1ec8190b14f964abc054267",
    object: "response",
    created_at: 1_795_000_000,
    status: ends === "length" ? "incomplete" : "completed",
    error: null,
    incomplete_details: ends === "length" ? { reason: "max_output_tokens" } : null,
    model,
    output: [
      {
        type: "message",
        id: "msg_67ccd2bf17f0819081ff3bb2cf6508e6",
        status: "completed",
        role: "assistant",
        content: [ends === "refusal" ? { type: "refusal", refusal: says } : { type: "output_text", text: says, annotations: [] }],
      },
    ],
    usage: {
      input_tokens: inputTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: outputTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: inputTokens + outputTokens,
    },
  }),
};

/** @see https://developers.openai.com/api/reference/resources/chat */
const chat: Form = {
  error: responses.error,
  answer: ({ says, ends, model, inputTokens = 900, outputTokens = 400 }) => ({
    id: "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
    object: "chat.completion",
    created: 1_795_000_000,
    model,
    choices: [
      {
        index: 0,
        message: ends === "refusal" ? { role: "assistant", content: null, refusal: says } : { role: "assistant", content: says },
        logprobs: null,
        finish_reason: ends === "length" ? "length" : ends === "refusal" ? "content_filter" : "stop",
      },
    ],
    usage: { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens },
  }),
};

/** The door to the outside, as far as a test on loopback needs one: bounded and in time as the real one; `longestMs` makes it impatient. */
export function loopbackEgress({ longestMs = 30_000 }: { longestMs?: number } = {}): KitEgress {
  return {
    async request({ url, method = "GET", headers = {}, body, signal, timeoutMs = 5_000 }) {
      const limit = AbortSignal.timeout(Math.min(timeoutMs, longestMs));
      try {
        const answer = await fetch(url, {
          method,
          headers,
          signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
          ...(body === undefined ? {} : { body: String(body) }),
        });
        const seconds = Number(answer.headers.get("retry-after") ?? "0");
        const text = (await answer.text()).slice(0, 64 * 1_024);
        return { status: answer.status, text, ...(seconds > 0 ? { retryAfterMs: seconds * 1_000 } : {}) };
      } catch (cause) {
        const isLate = cause instanceof Error && (cause.name === "TimeoutError" || cause.name === "AbortError");
        throw isLate ? egressErrors.too_slow({}, { cause }) : egressErrors.unreachable({}, { cause });
      }
    },
  };
}
