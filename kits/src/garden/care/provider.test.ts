import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { CareModel } from "./care-model.ts";
import { someFacts } from "./evaluation/case.ts";
import { carePrompt } from "./prompt.ts";
import { createProvider } from "./provider.ts";
import { loopbackEgress, startTestProvider } from "./test-provider.ts";
import type { TestProvider } from "./test-provider.ts";

let outside: TestProvider;
beforeAll(async () => {
  outside = await startTestProvider();
});
afterAll(async () => outside.close());

const prompt = carePrompt(someFacts());
const apiKey = "sk-test-0123456789";

async function askedOf(model: CareModel) {
  outside.forget();
  const provider = createProvider({ egress: loopbackEgress(), endpoints: { anthropic: outside.url, openai: outside.url } });
  await provider.askForPlan(model, prompt);
  const [asked] = outside.asked;
  if (asked === undefined) throw new Error("Nobody was asked.");
  return asked;
}

describe("a question to a provider", () => {
  it("is asked of Anthropic as a message held to the plan's form, without thinking aloud (GA-19, GA-20)", async () => {
    const { path, headers, json, ...asked } = await askedOf({ provider: "anthropic", model: "claude-haiku-5-5", apiKey });
    expect([path, headers["x-api-key"]]).toEqual(["/v1/messages", apiKey]);
    expect(json).toMatchObject({
      model: "claude-haiku-5-5",
      max_tokens: 2_000,
      thinking: { type: "disabled" },
      output_config: { format: { type: "json_schema" } },
    });
    expect(asked).toMatchObject(prompt);
  });

  it("is asked of OpenAI as a response held to the plan's form, that OpenAI does not keep (GA-19, GA-20)", async () => {
    const { path, headers, json, ...asked } = await askedOf({ provider: "openai", model: "gpt-5.4-mini", apiKey });
    expect([path, headers.authorization]).toEqual(["/v1/responses", `Bearer ${apiKey}`]);
    expect(json).toMatchObject({
      max_output_tokens: 2_000,
      store: false,
      reasoning: { effort: "none" },
      text: { format: { type: "json_schema", strict: true } },
    });
    expect(asked).toMatchObject(prompt);
  });

  it("is asked of a model of one's own in the plainest form, with a key or without (GA-19, GA-20)", async () => {
    const own = { provider: "compatible", model: "llama3.2:3b", baseUrl: outside.url } as const;
    const { path, headers, json, ...asked } = await askedOf(own);
    expect([path, headers.authorization]).toEqual(["/v1/chat/completions", undefined]);
    expect(Object.keys(json).sort()).toEqual(["max_tokens", "messages", "model"]);
    expect(json["max_tokens"]).toBe(2_000);
    expect(asked).toMatchObject(prompt);
    expect((await askedOf({ ...own, apiKey })).headers.authorization).toBe(`Bearer ${apiKey}`);
  });

  it.each([
    ["anthropic", "claude-sonnet-4-20250514"],
    ["anthropic", "claude-sonnet-5-5"],
    ["openai", "gpt-4o"],
  ] as const)("is asked of %s's %s without a warning on the console (GA-19)", async (provider, model) => {
    const warnings: unknown[] = [];
    const note = (warning: Error) => void warnings.push(warning.message);
    process.on("warning", note);
    const { json } = await askedOf({ provider, model, apiKey });
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", note);
    expect(json["model"]).toBe(model);
    expect(warnings).toEqual([]);
  });

  it("tells how long to wait, as the provider asked (GA-20)", async () => {
    outside.forget();
    outside.plan({ status: 429, retryAfterSeconds: 17 });
    const provider = createProvider({ egress: loopbackEgress(), endpoints: { anthropic: outside.url, openai: outside.url } });
    const answer = await provider.askForPlan({ provider: "anthropic", model: "claude-haiku-5-5", apiKey }, prompt);
    expect(answer).toEqual({ kind: "failed", reason: "rate_limited", retryAfterMs: 17_000, mayCost: false });
    expect(outside.asked).toHaveLength(1);
  });
});
