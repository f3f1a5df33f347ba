import type { KitEgress } from "@roost/contract/kit-host";

import { officialEndpoints, testOutputTokens, testPrompt } from "./care-model.ts";
import type { CareAnswer, CareEndpoints, CareModel } from "./care-model.ts";
import type { ModelQuestion } from "./model-call.ts";
import { maxOutputTokens } from "./prices.ts";
import type { CarePrompt } from "./prompt.ts";

const planTimeoutMs = 30_000;
const testTimeoutMs = 10_000;

/** Asks models, through the one door to the outside, once: whether and when again is for the queue to say. */
export function createProvider({ egress, endpoints = officialEndpoints }: { egress: KitEgress; endpoints?: CareEndpoints }) {
  const ask = async (question: Omit<ModelQuestion, "egress" | "endpoints">): Promise<CareAnswer> => {
    // The SDK costs every start time and memory, and most never ask a model.
    const { callModel } = await import("./model-call.ts");
    return callModel({ egress, endpoints, ...question });
  };

  return {
    /** Asks for a plan. */
    async askForPlan(model: CareModel, prompt: CarePrompt, signal?: AbortSignal): Promise<CareAnswer> {
      return ask({ model, prompt, timeoutMs: planTimeoutMs, outputTokens: maxOutputTokens, isPlan: true, signal });
    },

    /** Asks for one word, to see whether the model answers at all. */
    async tryOut(model: CareModel): Promise<CareAnswer> {
      return ask({ model, prompt: testPrompt, timeoutMs: testTimeoutMs, outputTokens: testOutputTokens, isPlan: false });
    },
  };
}

export type Provider = ReturnType<typeof createProvider>;
