import type { CallReason, RefusalReason } from "../contract/care-reasons.ts";
import type { CareProvider } from "../contract/care.ts";
import type { CarePrompt } from "./prompt.ts";

/** Which model is asked, and where. */
export interface CareModel {
  readonly provider: CareProvider;
  readonly model: string;
  /** Of a compatible one. */
  readonly baseUrl?: string | undefined;
  /** A model of one's own may want none. */
  readonly apiKey?: string | undefined;
}

/** Where the providers are; tests put their own there. */
export interface CareEndpoints {
  readonly anthropic: string;
  readonly openai: string;
}

export const officialEndpoints: CareEndpoints = { anthropic: "https://api.anthropic.com/v1", openai: "https://api.openai.com/v1" };

export interface CareTokens {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** How a call went. `mayCost`: nobody knows whether the provider counts it, so it has to be counted. */
export type CareAnswer =
  | { readonly kind: "answered"; readonly text: string; readonly tokens: CareTokens | undefined }
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly tokens: CareTokens | undefined }
  | {
      readonly kind: "failed";
      readonly reason: CallReason | "bad_key";
      readonly retryAfterMs?: number | undefined;
      readonly mayCost: boolean;
    };

/** Enough for a word, and for what some models think aloud before it; less than 16 is refused by some. */
export const testOutputTokens = 64;
export const testPrompt: CarePrompt = { instructions: "Answer with the one word OK.", data: '{"question":"Are you there?"}' };
