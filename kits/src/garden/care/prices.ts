import type { CarePrice, CareProvider, CareSettings } from "../contract/care.ts";

type KnownModel = CareSettings["knownModels"][number];

/** Tokens that a plan's answer may have. */
export const maxOutputTokens = 2_000;

const price = (inputPerMillion: number, outputPerMillion: number): CarePrice => ({ inputPerMillion, outputPerMillion });

/**
 * List prices in US dollars for a million tokens of short prompts, as ours are, the default of each provider first; they change, and people may enter
 * their own. A model whose price was found told differently is not in it.
 *
 * @see https://platform.claude.com/docs/en/about-claude/pricing and https://developers.openai.com/api/docs/pricing, as of November 2026.
 */
const table: readonly (readonly [provider: CareProvider, model: string, price: CarePrice])[] = [
  ["anthropic", "claude-haiku-5-5", price(0.1, 0.5)],
  ["anthropic", "claude-sonnet-5-5", price(2, 10)],
  ["anthropic", "claude-sonnet-5", price(2, 10)],
  ["anthropic", "claude-opus-5-5", price(4, 20)],
  ["anthropic", "claude-haiku-4-5", price(1, 5)],
  ["anthropic", "claude-sonnet-4-5", price(3, 15)],
  ["anthropic", "claude-sonnet-4-20250514", price(3, 15)],
  ["openai", "gpt-5.4-mini", price(0.75, 4.5)],
  ["openai", "gpt-5.4-nano", price(0.2, 1.25)],
  ["openai", "gpt-5-mini", price(0.25, 2)],
  ["openai", "gpt-4.1", price(2, 8)],
  ["openai", "gpt-4.1-mini", price(0.4, 1.6)],
  ["openai", "gpt-4o", price(2.5, 10)],
  ["openai", "gpt-4o-mini", price(0.15, 0.6)],
];

export const knownModels: readonly KnownModel[] = table.map(([provider, model, price], index) => ({
  provider,
  model,
  price,
  isDefault: table.findIndex(([other]) => other === provider) === index,
}));

/** The model of a provider that nobody chose one for; a compatible one serves what its owner put there, under any name. */
export function defaultModel(provider: CareProvider): string {
  return knownModels.find((known) => known.provider === provider && known.isDefault)?.model ?? "default";
}

/** Of the table; `undefined` while nobody knows it. */
export function listPrice(provider: CareProvider, model: string): CarePrice | undefined {
  return knownModels.find((known) => known.provider === provider && known.model === model)?.price;
}

/** Millionths of a dollar. */
export function costOf({ inputPerMillion, outputPerMillion }: CarePrice, inputTokens: number, outputTokens: number): number {
  return Math.ceil(inputTokens * inputPerMillion + outputTokens * outputPerMillion);
}

/**
 * The most a call can cost, in millionths of a dollar: a token is never less than a byte of text.
 *
 * @param bytes - Of everything that is sent.
 */
export function mostCost(price: CarePrice, bytes: number, outputTokens = maxOutputTokens): number {
  return costOf(price, bytes + promptOverheadTokens, outputTokens);
}

/** What providers put around a prompt: roles, the form they hold a model to. */
const promptOverheadTokens = 3_000;
