import { randomUUID } from "node:crypto";

import { egressErrors } from "@roost/contract/notifications";
import { sql } from "@roost/contract/sql";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { careErrors } from "../contract/care.ts";
import { createCareWorld, testKey, wordsFor } from "./test-care.ts";
import type { CareWorld } from "./test-care.ts";
import { loopbackEgress } from "./test-provider.ts";

let world: CareWorld;
beforeAll(async () => {
  world = await createCareWorld();
});
afterAll(async () => world.close());
afterEach(async () => world.reset());

const { withKey, stateOf, planned } = wordsFor(() => world);

describe("the settings of the care advisor", () => {
  it("keep the key sealed: it is not in the database, not in the records, and four characters are shown (GA-19)", async () => {
    const settings = await withKey();
    expect(settings).toMatchObject({ apiKeySet: true, apiKeyMasked: "...7Q2x", provider: "anthropic", state: "ready" });
    await planned(await world.addPlant());
    expect(world.outside.asked[0]?.headers["x-api-key"]).toBe(testKey);
    const dump = await world.db.dump();
    expect(dump).toContain("Half a litre");
    for (const form of [testKey, testKey.slice(0, 12), Buffer.from(testKey).toString("hex"), Buffer.from(testKey).toString("base64")]) {
      expect(dump).not.toContain(form);
    }
    expect(JSON.stringify([settings, world.audits])).not.toContain("very-secret");
  });

  it("show nothing of a short key (GA-19)", async () => {
    const settings = await world.care.settings.change(world.keeper, { apiKey: "short-key-1" });
    expect(settings.apiKeySet).toBe(true);
    expect(settings.apiKeyMasked).toBeUndefined();
  });

  it("forget the key with another provider or address, so that nobody else gets to see it (GA-19)", async () => {
    await withKey();
    expect(await world.care.settings.change(world.keeper, { provider: "openai" })).toMatchObject({
      apiKeySet: false,
      model: "gpt-5.4-mini",
    });
    await world.care.settings.change(world.keeper, { provider: "compatible", baseUrl: "https://models.example.org/v1", apiKey: testKey });
    expect(await world.care.settings.change(world.keeper, { baseUrl: "https://models.example.org/v2/" })).toMatchObject({
      apiKeySet: true,
      baseUrl: "https://models.example.org/v2",
    });
    expect((await world.care.settings.change(world.keeper, { baseUrl: "https://elsewhere.example.org/v1" })).apiKeySet).toBe(false);
    await withKey();
    await world.care.settings.removeKey(world.keeper);
    expect(await world.care.settings.get(world.keeper)).toMatchObject({ apiKeySet: false, state: "no_model" });
  });

  it.each(["ftp://models.example.org", "https://user:word@models.example.org/v1", "https://models.example.org/v1?key=1", "models", "//x"])(
    "refuse the address %s and stay as they were (GA-19)",
    async (baseUrl) => {
      await withKey();
      await expect(world.care.settings.change(world.keeper, { provider: "compatible", baseUrl })).rejects.toThrow(
        careErrors.bad_base_url.message,
      );
      expect(await world.care.settings.get(world.keeper)).toMatchObject({ provider: "anthropic", apiKeySet: true });
      await expect(world.care.settings.change(world.keeper, { provider: "compatible" })).rejects.toThrow(
        careErrors.base_url_needed.message,
      );
    },
  );

  it("ask for the key again where it cannot be opened, and all else is answered (GA-19)", async () => {
    await withKey();
    await world.db.query(
      sql`update kit_garden.care_settings set key_sealed = '\\x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20'`,
    );
    expect(await world.care.settings.get(world.keeper)).toMatchObject({ apiKeySet: true, state: "key_unreadable" });
    expect(await world.care.settings.test(world.keeper)).toMatchObject({ ok: false, reason: "key_unreadable" });
    const plantId = await world.addPlant();
    expect(await planned(plantId)).toBeUndefined();
    expect(await stateOf(plantId)).toMatchObject({ state: "waiting", reason: "key_unreadable" });
    expect(world.outside.asked).toEqual([]);
    await withKey();
    await world.work();
    expect((await stateOf(plantId)).state).toBe("done");
  });

  it("say in words how a try went, and nothing of what the provider said (GA-19)", async () => {
    await withKey();
    const said = "your key sk-ant-api03-very-secret-key-7Q2x <script>";
    world.outside.plan({ says: "OK" });
    expect(await world.care.settings.test(world.keeper)).toMatchObject({ ok: true, message: expect.stringContaining("claude-haiku-5-5") });
    const expected = [
      [401, "bad_key"],
      [403, "no_credit"],
      [404, "bad_request"],
      [429, "rate_limited"],
      [500, "provider_down"],
    ] as const;
    for (const [status, reason] of expected) {
      world.outside.plan({ status, errorText: said });
      const test = await world.care.settings.test(world.keeper);
      expect(test).toMatchObject({ ok: false, reason });
      expect(JSON.stringify(test)).not.toContain("secret");
    }
    world.egress = loopbackEgress({ longestMs: 200 });
    world.outside.plan({ delayMs: 5_000 });
    expect(await world.care.settings.test(world.keeper)).toMatchObject({ ok: false, reason: "too_slow" });
    const { months } = await world.care.usage(world.keeper);
    expect(months[0]).toMatchObject({ calls: 7, failedCalls: 6 });
  });

  it("tell in words that a private address is not allowed here (GA-19)", async () => {
    world.egress = {
      request: async () => {
        throw egressErrors.refused_address();
      },
    };
    await world.care.settings.change(world.keeper, {
      provider: "compatible",
      baseUrl: "http://192.168.1.20:11434/v1",
      price: { inputPerMillion: 0, outputPerMillion: 0 },
    });
    const test = await world.care.settings.test(world.keeper);
    expect(test).toMatchObject({ ok: false, reason: "address_refused", message: expect.stringContaining("ROOST_EGRESS_ALLOW") });
  });

  it("switch all plans off at one place (GA-22)", async () => {
    await withKey();
    world.garden.plansByModel = false;
    const plantId = await world.addPlant();
    expect(await planned(plantId)).toBeUndefined();
    expect(await stateOf(plantId)).toMatchObject({ state: "waiting", reason: "switched_off" });
    expect((await world.care.settings.test(world.keeper)).reason).toBe("switched_off");
    expect(world.outside.asked).toEqual([]);
    world.garden.plansByModel = true;
    const { organisationId } = world.keeper;
    const told = world.care.handlers.find(({ name }) => name === "look-again-at-what-waits");
    const fact = { id: randomUUID(), at: new Date(), organisationId, type: "kit.settings_changed", data: {} };
    await told?.handle({ ...fact, nounId: "another" });
    await world.care.settled();
    expect((await stateOf(plantId)).state).toBe("waiting");
    await told?.handle({ ...fact, nounId: "garden" });
    await world.care.settled();
    expect((await stateOf(plantId)).state).toBe("done");
  });

  it("are looked at by a check that fails when something is in the way, and has nothing to judge without a model (GA-22)", async () => {
    const { organisationId } = world.keeper;
    expect((await world.care.check(organisationId)).state).toBe("unknown");
    await withKey();
    expect((await world.care.check(organisationId)).state).toBe("ok");
    await world.care.settings.change(world.keeper, { monthlyCapCents: 0 });
    expect(await world.care.check(organisationId)).toMatchObject({ state: "failed", evidence: expect.stringContaining("cap") });
  });

  it("take the model names of earlier days and know their prices (GA-19)", async () => {
    expect(await world.care.settings.change(world.keeper, { model: "claude-sonnet-4-20250514" })).toMatchObject({
      priceFrom: "table",
      price: { inputPerMillion: 3, outputPerMillion: 15 },
    });
    expect(await world.care.settings.change(world.keeper, { provider: "openai", model: "gpt-4o" })).toMatchObject({ priceFrom: "table" });
    const own = { inputPerMillion: 1, outputPerMillion: 2 };
    expect(await world.care.settings.change(world.keeper, { price: own })).toMatchObject({ priceFrom: "own", price: own });
    expect(await world.care.settings.change(world.keeper, { model: null })).toMatchObject({ priceFrom: "table", model: "gpt-5.4-mini" });
  });
});
