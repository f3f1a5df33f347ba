import type { AbstainReason, CallReason, RefusalReason } from "../contract/care-reasons.ts";
import type { CarePlanBody } from "../contract/care.ts";
import { abstainOf } from "./care-facts.ts";
import type { CareFacts } from "./care-facts.ts";
import type { CareModel, CareTokens } from "./care-model.ts";
import { checkPlan } from "./plan-check.ts";
import { carePrompt } from "./prompt.ts";
import type { Provider } from "./provider.ts";

/** What came of asking for a plan. */
export type Advice =
  | { readonly kind: "planned"; readonly body: CarePlanBody; readonly tokens: CareTokens | undefined }
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly tokens: CareTokens | undefined }
  | { readonly kind: "abstained"; readonly reason: AbstainReason }
  | {
      readonly kind: "failed";
      readonly reason: CallReason | "bad_key";
      readonly retryAfterMs?: number | undefined;
      readonly mayCost: boolean;
    };

/** Asks a model for a plan and checks what it says; without data to rest it on nobody is asked. */
export async function advise(provider: Provider, model: CareModel, facts: CareFacts, signal?: AbortSignal): Promise<Advice> {
  const reason = abstainOf(facts);
  if (reason !== undefined) return { kind: "abstained", reason };
  const answer = await provider.askForPlan(model, carePrompt(facts), signal);
  if (answer.kind !== "answered") return answer;
  const verdict = checkPlan(answer.text, facts);
  if ("refused" in verdict) return { kind: "refused", reason: verdict.refused, tokens: answer.tokens };
  return { kind: "planned", body: verdict.body, tokens: answer.tokens };
}
