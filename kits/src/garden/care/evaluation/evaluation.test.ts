import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { careProvider } from "../../contract/care.ts";
import { advise } from "../advise.ts";
import type { CareModel } from "../care-model.ts";
import { createProvider } from "../provider.ts";
import { loopbackEgress, startTestProvider } from "../test-provider.ts";
import type { TestProvider } from "../test-provider.ts";
import { evaluationSet } from "./evaluation-set.ts";

let outside: TestProvider;
beforeAll(async () => {
  outside = await startTestProvider();
});
afterAll(async () => outside.close());

const models: Record<string, string> = { anthropic: "claude-haiku-5-5", openai: "gpt-5.4-mini", compatible: "llama3.2:3b" };

function modelOf(provider: CareModel["provider"]): CareModel {
  return {
    provider,
    model: models[provider] ?? "",
    apiKey: "sk-test-0123456789",
    ...(provider === "compatible" ? { baseUrl: outside.url } : {}),
  };
}

describe("the evaluation set", () => {
  it("holds enough, each case under a name of its own (GA-20)", () => {
    const names = evaluationSet.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(44);
    const kinds = new Set(evaluationSet.map(({ expected }) => ("reason" in expected ? expected.reason : expected.kind)));
    expect(kinds.size).toBeGreaterThan(20);
  });

  for (const provider of careProvider.options) {
    it.each(evaluationSet.map((one) => [one.name, one] as const))(`${provider}: %s (GA-20)`, async (_, { facts, model, expected }) => {
      outside.forget();
      const asked = createProvider({ egress: loopbackEgress(), endpoints: { anthropic: outside.url, openai: outside.url } });
      if (model !== undefined) outside.plan(model);
      const advice = await advise(asked, modelOf(provider), facts);
      expect(outside.asked.length).toBe(model === undefined ? 0 : 1);
      if (expected.kind === "stored") expect(advice).toMatchObject({ kind: "planned" });
      else expect(advice).toMatchObject(expected);
      expect(JSON.stringify(advice)).not.toContain("sk-live");
    });
  }
});
