import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { isAppError } from "@roost/contract/errors";
import type { KitEgress } from "@roost/contract/kit-host";
import { APICallError, generateText, jsonSchema, NoOutputGeneratedError, Output, wrapLanguageModel } from "ai";
import type { LanguageModel } from "ai";

import type { CareAnswer, CareEndpoints, CareModel } from "./care-model.ts";
import { fetchOver } from "./egress-fetch.ts";
import { planForm } from "./plan-answer.ts";
import type { CarePrompt } from "./prompt.ts";

/** One question, and how far it may go. */
export interface ModelQuestion {
  readonly egress: KitEgress;
  readonly endpoints: CareEndpoints;
  readonly model: CareModel;
  readonly prompt: CarePrompt;
  readonly timeoutMs: number;
  readonly outputTokens: number;
  readonly isPlan: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Asks a model once, by the AI SDK. This file alone loads it. */
export async function callModel(question: ModelQuestion): Promise<CareAnswer> {
  const { egress, endpoints, model, prompt, timeoutMs, outputTokens, isPlan, signal } = question;
  let status = 0;
  // Of a well-meant answer that it cannot read the SDK makes an error with a status of its own.
  const seen: KitEgress = {
    async request(request) {
      const answer = await egress.request(request);
      status = answer.status;
      return answer;
    },
  };
  try {
    const result = await generateText({
      model: quiet(languageModel(model, endpoints, fetchOver(seen, timeoutMs))),
      instructions: prompt.instructions,
      prompt: prompt.data,
      maxOutputTokens: outputTokens,
      maxRetries: 0,
      telemetry: { isEnabled: false },
      // What a model thinks aloud is paid for and eats the room of the answer. Compatible servers often do not know the word.
      ...(model.provider === "compatible" ? {} : { reasoning: "none" as const }),
      ...(isPlan && model.provider !== "compatible" ? { output: planOutput } : {}),
      ...(model.provider === "openai" ? { providerOptions: { openai: { store: false } } } : {}),
      ...(signal === undefined ? {} : { abortSignal: signal }),
    });
    const tokens = countedTokens(result.totalUsage);
    if (result.finishReason === "content-filter") return { kind: "refused", reason: "declined", tokens };
    if (result.finishReason === "length") return { kind: "refused", reason: "truncated", tokens };
    return { kind: "answered", text: result.text, tokens };
  } catch (error) {
    return failureOf(error, status);
  }
}

/** No call has more, and the columns hold it. */
const mostTokens = 2_000_000_000;

/** What a provider says it counted, where that can be: anybody may run one, and what is less than none would raise the cap. */
function countedTokens(usage: { readonly inputTokens?: number | undefined; readonly outputTokens?: number | undefined }) {
  const { inputTokens = Number.NaN, outputTokens = Number.NaN } = usage;
  const isCount = (n: number) => Number.isSafeInteger(n) && n >= 0 && n <= mostTokens;
  return isCount(inputTokens) && isCount(outputTokens) ? { inputTokens, outputTokens } : undefined;
}

// The SDK would throw at fences and at faults in the form; the text is read by our own reader.
const planOutput = {
  ...Output.object({ schema: jsonSchema<unknown>(planForm as Parameters<typeof jsonSchema>[0]), name: "care_plan" }),
  parseCompleteOutput: async ({ text }: { text: string }) => text as unknown,
};

function languageModel(
  { provider, model, baseUrl, apiKey }: CareModel,
  endpoints: CareEndpoints,
  fetch: typeof globalThis.fetch,
): Exclude<LanguageModel, string> {
  // An empty key keeps the SDK from looking for one in the environment; it is never sent, the callers see to it.
  switch (provider) {
    case "anthropic":
      return createAnthropic({ baseURL: endpoints.anthropic, apiKey: apiKey ?? "none", fetch })(model);
    case "openai":
      return createOpenAI({ baseURL: endpoints.openai, apiKey: apiKey ?? "none", fetch })(model);
    case "compatible":
      return createOpenAICompatible({ name: "compatible", baseURL: baseUrl ?? "", fetch, ...(apiKey === undefined ? {} : { apiKey }) })(
        model,
      );
  }
}

/** Warnings are of no use to anybody here, and the SDK's own switch for them is one for the whole process. */
function quiet(model: Exclude<LanguageModel, string>) {
  return wrapLanguageModel({
    model,
    middleware: { wrapGenerate: async ({ doGenerate }) => ({ ...(await doGenerate()), warnings: [] }) },
  });
}

function failureOf(error: unknown, status: number): CareAnswer {
  const causes: Error[] = [];
  for (let cause: unknown = error; cause instanceof Error && causes.length < 8; cause = cause.cause) causes.push(cause);
  const refused = causes.find((cause) => isAppError(cause));
  if (refused !== undefined) return egressFailure(refused.code);
  const failed = causes.find((cause) => APICallError.isInstance(cause));
  if (failed !== undefined && status >= 400) return callFailure(status, failed);
  if (failed !== undefined) return { kind: "failed", reason: "unreadable", mayCost: true };
  if (causes.some((cause) => NoOutputGeneratedError.isInstance(cause))) return { kind: "refused", reason: "empty", tokens: undefined };
  const isTooSlow = causes.some(({ name }) => name === "AbortError" || name === "TimeoutError");
  return { kind: "failed", reason: isTooSlow ? "too_slow" : "unreadable", mayCost: true };
}

function egressFailure(code: string): CareAnswer {
  switch (code) {
    case "egress.too_slow":
      return { kind: "failed", reason: "too_slow", mayCost: true };
    case "egress.refused_address":
      return { kind: "failed", reason: "address_refused", mayCost: false };
    case "egress.bad_certificate":
      return { kind: "failed", reason: "bad_certificate", mayCost: false };
    default:
      // A connection can break after the question went out.
      return { kind: "failed", reason: "unreachable", mayCost: true };
  }
}

/** What the provider says in words stays with the provider: it may repeat the key or the prompt. */
function callFailure(status: number, { responseHeaders }: APICallError): CareAnswer {
  if (status === 401) return { kind: "failed", reason: "bad_key", mayCost: false };
  if (status === 402 || status === 403) return { kind: "failed", reason: "no_credit", mayCost: false };
  if (status === 429 || status === 529) {
    const seconds = Number(responseHeaders?.["retry-after"]);
    const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : undefined;
    return { kind: "failed", reason: "rate_limited", retryAfterMs, mayCost: false };
  }
  if (status === 408 || status === 504) return { kind: "failed", reason: "too_slow", mayCost: true };
  if (status >= 500) return { kind: "failed", reason: "provider_down", mayCost: false };
  return { kind: "failed", reason: "bad_request", mayCost: false };
}
