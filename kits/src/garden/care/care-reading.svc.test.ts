import { randomUUID } from "node:crypto";

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { careErrors } from "../contract/care.ts";
import { gardenErrors } from "../contract/plants.ts";
import { aReading, goodAnswer, someFacts } from "./evaluation/case.ts";
import { createCareWorld, wordsFor } from "./test-care.ts";
import type { CareWorld } from "./test-care.ts";

let world: CareWorld;
beforeAll(async () => {
  world = await createCareWorld();
});
afterAll(async () => world.close());
afterEach(async () => world.reset());

const { withKey, stateOf, planned, heard } = wordsFor(() => world);

describe("reading", () => {
  it("never asks a model, whatever page is opened (GA-21)", async () => {
    await withKey();
    const plantId = await world.addPlant();
    for (let visits = 0; visits < 3; visits += 1) {
      await world.care.plan(world.keeper, plantId);
      await world.care.plans(world.keeper, plantId);
      await world.care.queue(world.keeper);
      await world.care.usage(world.keeper);
      await world.care.settings.get(world.keeper);
    }
    await world.work();
    expect(world.outside.asked).toEqual([]);
    expect((await stateOf(plantId)).state).toBe("idle");
  });

  it("shows the history with differences, and how far the newest has drifted (GA-21)", async () => {
    await withKey();
    const plantId = await world.addPlant();
    const first = await planned(plantId);
    if (first === undefined) throw new Error("There is a plan.");
    await expect(world.care.differences(world.keeper, { plantId, planId: first.id })).rejects.toThrow(careErrors.nothing_before.message);
    world.clock.forward(60_000);
    world.outside.plan({ says: JSON.stringify(goodAnswer({ watering: { ...goodAnswer().watering, frequency: "Every third day" } })) });
    const second = await planned(plantId);
    const { before, after, items } = await world.care.differences(world.keeper, { plantId, planId: second?.id ?? "" });
    expect([before.id, after.id]).toEqual([first.id, second?.id]);
    expect(items.map(({ field, before, after }) => [field, before, after])).toEqual([
      ["watering.frequency", "About once a week", "Every third day"],
    ]);
    const facts = someFacts({ readings: [aReading("r1", "soil_moisture", 8)] });
    world.facts.set(plantId, { ...facts, plant: { ...facts.plant, id: plantId } });
    const { drift } = await world.care.plan(world.keeper, plantId);
    expect(drift).toMatchObject([{ metric: "soil_moisture", planned: 34.2, now: 8, isFar: true }]);
  });

  it("keeps what was cited with its value and time, as it was (GA-20)", async () => {
    await withKey();
    const plan = await planned(await world.addPlant());
    expect(plan?.body.watering.cites).toEqual([
      { deviceId: "node-a", metric: "soil_moisture", value: 34.2, unit: "%", measuredAt: new Date("2026-11-21T08:58:00Z"), quality: "ok" },
    ]);
  });

  it("forgets the plans of a plant that is gone, and keeps what they cost (GA-21)", async () => {
    await withKey();
    const plantId = await world.addPlant();
    const other = await world.addPlant();
    await planned(plantId);
    await planned(other);
    const { organisationId } = world.keeper;
    const fact = { id: randomUUID(), at: new Date(), organisationId, type: "garden.plant_removed", nounId: plantId, data: { plantId } };
    await heard("forget-care-plans", fact);
    expect(await world.care.plans(world.keeper, plantId)).toEqual([]);
    expect((await stateOf(plantId)).state).toBe("idle");
    expect((await world.care.plans(world.keeper, other)).length).toBe(1);
    expect((await world.care.usage(world.keeper)).months[0]?.calls).toBe(2);
  });

  it("shows nobody the plans, costs or work of another organisation (GA-21)", async () => {
    await withKey();
    const plantId = await world.addPlant();
    await planned(plantId);
    const stranger = await world.addOrganisation();
    expect((await world.care.plan(stranger, plantId)).plan).toBeUndefined();
    expect(await world.care.plans(stranger, plantId)).toEqual([]);
    expect(await world.care.queue(stranger)).toEqual([]);
    expect((await world.care.usage(stranger)).months).toEqual([]);
    expect(await world.care.settings.get(stranger)).toMatchObject({ apiKeySet: false, state: "no_model" });
    await expect(world.care.plan(world.keeper, randomUUID())).rejects.toThrow(gardenErrors.plant_not_found.message);
  });
});
