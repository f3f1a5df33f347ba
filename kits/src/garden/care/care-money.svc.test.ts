import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { goodAnswer } from "./evaluation/case.ts";
import { createCareWorld, wordsFor } from "./test-care.ts";
import type { CareWorld } from "./test-care.ts";

let world: CareWorld;
beforeAll(async () => {
  world = await createCareWorld();
});
afterAll(async () => world.close());
afterEach(async () => world.reset());

const { withKey, stateOf, planned } = wordsFor(() => world);

const monthNow = async () => (await world.care.usage(world.keeper)).months[0];

describe("what calls cost", () => {
  it.each([
    ["less than none", -1_000_000_000],
    ["more than any number holds", 1e300],
    ["half a token", 0.5],
  ])("GA-20: a provider that counts %s lowers nothing: the reservation goes on counting", async (_, count) => {
    await withKey();
    const plantId = await world.addPlant();
    await planned(plantId);
    const honest = (await monthNow())?.spentCents ?? 0;
    expect(honest).toBeGreaterThan(0);
    // Of a model of one's own nobody checked the form of what it counts.
    const price = { inputPerMillion: 3, outputPerMillion: 15 };
    await world.care.settings.change(world.keeper, { provider: "compatible", baseUrl: world.outside.url, model: "liar", price });
    const said = liarsAnswer(count);
    world.outside.plan({ raw: said });
    await planned(plantId);
    expect((await stateOf(plantId)).state).toBe("done");
    const month = await monthNow();
    expect(month?.spentCents).toBeGreaterThan(honest);
    expect(month?.reservedCents).toBeGreaterThan(0);
    expect(world.outside.asked).toHaveLength(2);
  });

  it("GA-20: many large counts are added up and shown", async () => {
    const price = { inputPerMillion: 0, outputPerMillion: 0 };
    await world.care.settings.change(world.keeper, { provider: "compatible", baseUrl: world.outside.url, model: "large", price });
    const plantId = await world.addPlant();
    for (let times = 0; times < 2; times += 1) {
      world.outside.plan({ raw: liarsAnswer(2_000_000_000) });
      await planned(plantId);
    }
    expect(await monthNow()).toMatchObject({ calls: 2, outputTokens: 4_000_000_000 });
  });

  it("GA-22: work whose time was over before its call asks nobody: somebody else has asked", async () => {
    await withKey();
    const plantId = await world.addPlant();
    const known = world.facts.get(plantId);
    const slow = world.second({
      facts: {
        plant: async () => known?.plant,
        health: async () => undefined,
        readingsOf: async () => ({ readings: [], missing: [] }),
        // So long that another server takes it for lost, and does it.
        async look() {
          world.clock.forward(91_000);
          await world.work();
          return known;
        },
      },
    });
    await slow.analyze(world.keeper, plantId);
    await slow.settled();
    expect(world.outside.asked).toHaveLength(1);
    expect(await monthNow()).toMatchObject({ calls: 1, reservedCents: 0 });
    expect((await stateOf(plantId)).state).toBe("done");
    await slow.stop();
  });
});

/** A good plan in the form of Chat Completions, with counts of tokens as they are given. */
function liarsAnswer(count: number): string {
  return JSON.stringify({
    id: "x",
    object: "chat.completion",
    created: 1,
    model: "liar",
    choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: JSON.stringify(goodAnswer()) } }],
    usage: { prompt_tokens: count, completion_tokens: count, total_tokens: count },
  });
}
