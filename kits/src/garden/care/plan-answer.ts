import { z } from "zod";

import type { RefusalReason } from "../contract/care-reasons.ts";

const citedIds = z.array(z.string().max(8)).max(12);
const text = (most: number) => z.string().trim().min(1).max(most);
const claim = z.strictObject({ text: text(600), cites: citedIds });
const section = z.strictObject({
  current: z.strictObject({ value: z.number(), unit: z.string().max(12) }).nullable(),
  ideal: text(200),
  recommendation: text(400),
  cites: citedIds,
});

/** A plan as a model has to write it: nothing may be missing, nothing more may be there. */
export const planAnswer = z.strictObject({
  summary: claim,
  watering: z.strictObject({ frequency: text(200), amount: text(200), next_date: z.string().max(40), cites: citedIds }),
  light: section,
  humidity: section,
  temperature: section,
  alerts: z.array(claim).max(8),
  tips: z.array(claim).max(8),
});
export type PlanAnswer = z.output<typeof planAnswer>;

// Providers that hold a model to a shape know types and names only: lengths are checked when the answer is here.
const ids = { type: "array", items: { type: "string" } } as const;
const words = { type: "string" } as const;
const objectOf = (properties: Record<string, unknown>) => ({
  type: "object",
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});
const claimForm = objectOf({ text: words, cites: ids });
const sectionForm = objectOf({
  current: { anyOf: [objectOf({ value: { type: "number" }, unit: words }), { type: "null" }] },
  ideal: words,
  recommendation: words,
  cites: ids,
});

/** The same as JSON Schema, for providers that hold a model to it. */
export const planForm = objectOf({
  summary: claimForm,
  watering: objectOf({ frequency: words, amount: words, next_date: words, cites: ids }),
  light: sectionForm,
  humidity: sectionForm,
  temperature: sectionForm,
  alerts: { type: "array", items: claimForm },
  tips: { type: "array", items: claimForm },
});

/** Longest answer that is read at all, in characters; 2,000 tokens are a quarter of it. */
const mostCharacters = 32_000;

/** Reads a model's answer: JSON, bare or in one fence. */
export function readAnswer(answer: string): { plan: PlanAnswer } | { refused: RefusalReason } {
  const trimmed = answer.trim();
  if (trimmed === "") return { refused: "empty" };
  if (trimmed.length > mostCharacters) return { refused: "too_long" };
  let value: unknown;
  try {
    value = JSON.parse(withoutFence(trimmed));
  } catch {
    return { refused: "not_json" };
  }
  const parsed = planAnswer.safeParse(value);
  if (parsed.success) return { plan: parsed.data };
  const isLength = parsed.error.issues.every(({ code }) => code === "too_big");
  return { refused: isLength ? "too_long" : "wrong_shape" };
}

/** What stands in the one fence of an answer; models put a sentence before it now and then. */
function withoutFence(answer: string): string {
  if (answer.startsWith("{")) return answer;
  const fences = [...answer.matchAll(/```(?:json|JSON)?[ \t]*\r?\n([\s\S]*?)\r?\n?```/g)];
  const [only] = fences;
  return fences.length === 1 && only?.[1] !== undefined ? only[1] : answer;
}
