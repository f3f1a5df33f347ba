import type { IncomingHttpHeaders } from "node:http";

/** What the scripted provider does with one request. */
export interface Scripted {
  /** The model's words; a function is given what it was asked. */
  readonly says?: string | ((asked: Asked) => string);
  /** Why the model stopped; `stop` unless said. */
  readonly ends?: "stop" | "length" | "refusal";
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  /** An error instead, in the provider's own form. */
  readonly status?: number;
  readonly retryAfterSeconds?: number;
  /** The error's words; hostile ones show whether they are passed on. */
  readonly errorText?: string;
  /** The body as it is, instead of the provider's form. */
  readonly raw?: string;
  readonly delayMs?: number;
  /** Answers when this is over. */
  readonly after?: Promise<void>;
  /** Hangs up without an answer. */
  readonly drop?: true;
}

/** A request as a provider gets it. */
export interface Asked {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly json: Readonly<Record<string, unknown>>;
  readonly instructions: string;
  readonly data: string;
}
