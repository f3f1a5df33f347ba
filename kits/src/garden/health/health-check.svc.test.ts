import { isAppError } from "@roost/contract/errors";
import type { KitTerminal } from "@roost/contract/kit-cli";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { changePlantAdvice, changeSpeciesAdvice, checkHealth, getPlantAdvice, getSpeciesAdvice } from "../contract/health.ts";
import type { HealthCheck } from "../contract/health.ts";
import { addPlant, assignNode, changePlant } from "../contract/plants.ts";
import { codeOf, startGarden } from "../test-garden.ts";
import type { TestGarden } from "../test-garden.ts";
import { healthCommands } from "./health-cli.ts";

let garden: TestGarden;
beforeAll(async () => {
  garden = await startGarden();
});
afterAll(() => garden.stop());

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

type Sample = Readonly<Record<string, number>>;
const look = (plantId: string): Promise<HealthCheck> => garden.keeper.call(checkHealth, { params: { plantId } });
const since = (hours: number): string => new Date(Date.now() - hours * hourMs).toISOString();
/** One sample every half hour up to now, the newest last. */
const lately = (hours: number, sampleAt: (hoursAgo: number) => Sample): Sample[] =>
  Array.from({ length: hours * 2 }, (_, index) => hours - (index + 1) / 2).map((hoursAgo) => ({
    ...sampleAt(hoursAgo),
    timestamp: Date.now() - hoursAgo * hourMs - 1_000,
  }));

async function plantWith(
  name: string,
  body: Record<string, unknown>,
  ...nodes: { id: string; hours?: number; samples: Sample[] }[]
): Promise<string> {
  const { id: plantId } = await garden.keeper.call(addPlant, { body: { name, ...body } });
  for (const { id, hours, samples } of nodes) {
    const node = await garden.addNode(id);
    if (samples.length > 0) await garden.send(node, samples);
    await garden.keeper.call(assignNode, {
      params: { plantId },
      body: { deviceId: id, ...(hours === undefined ? {} : { since: since(hours) }) },
    });
  }
  return plantId;
}

describe("a health check", () => {
  it("GA-16: says unknown, and why, until there is a node, a value and a limit", async () => {
    const plantId = await plantWith("Bare", { limits: { soil_moisture: { min: 20, max: 80 } } });
    expect(await look(plantId)).toMatchObject({
      status: "unknown",
      issues: [],
      trends: [],
      hasCarePlan: false,
      text: expect.stringContaining("No node"),
    });
    const node = await garden.addNode("bare-node");
    await garden.keeper.call(assignNode, { params: { plantId }, body: { deviceId: "bare-node" } });
    expect(await look(plantId)).toMatchObject({ status: "unknown", text: expect.stringContaining("not sent a value") });
    await garden.send(node, [{ soil_moisture: 50, timestamp: Date.now() }]);
    const well = await look(plantId);
    expect(well).toMatchObject({ status: "optimal", recommendations: [{ rule: "set_up_model", priority: "note" }] });
    expect(well).not.toHaveProperty("carePlanAgeHours");
    await garden.keeper.call(changePlant, { params: { plantId }, body: { limits: null } });
    expect(await look(plantId)).toMatchObject({ status: "unknown", text: expect.stringContaining("No limits") });
  });

  it("GA-16: soil between 20 and 80 % is optimal, warning, critical as its values come, each by the reading it names", async () => {
    const plantId = await plantWith("Soil", { limits: { soil_moisture: { min: 20, max: 80 } } });
    const node = await garden.addNode("soil-node");
    await garden.keeper.call(assignNode, { params: { plantId }, body: { deviceId: "soil-node", since: since(1) } });
    const nowMs = Date.now();
    for (const [index, [soil_moisture, status]] of (
      [
        [50, "optimal"],
        [22, "warning"],
        [15, "warning"],
        [1, "critical"],
      ] as const
    ).entries()) {
      const timestamp = nowMs - (10 - index) * 1_000;
      await garden.send(node, [{ soil_moisture, timestamp }]);
      const found = await look(plantId);
      expect(found.status, String(soil_moisture)).toBe(status);
      const measuredAt = new Date(timestamp);
      const issue = {
        metric: "soil_moisture",
        severity: status,
        value: soil_moisture,
        limit: 20,
        direction: "min",
        deviceId: "soil-node",
        measuredAt,
      };
      expect(found.issues).toMatchObject(status === "optimal" ? [] : [issue]);
    }
  });

  it("GA-17, GA-18: a pot that dried for two days is falling, with the day it runs dry and the advice to water", async () => {
    const samples = lately(48, (hoursAgo) => ({
      soil_moisture: 35 + hoursAgo / 3,
      temperature: 21 + 3 * Math.sin((hoursAgo * Math.PI) / 12),
    }));
    const plantId = await plantWith("Drying", { limits: { soil_moisture: { min: 25, max: 80 } } }, { id: "drying", hours: 72, samples });
    const found = await look(plantId);
    expect(found.trends).toMatchObject([
      { metric: "soil_moisture", direction: "falling", slopePerDay: expect.closeTo(-8, 0) },
      { metric: "temperature", direction: "stable" },
    ]);
    expect(found.dryForecast).toMatchObject({ limit: 25, inDays: expect.closeTo(1.25, 1) });
    expect(found.recommendations).toMatchObject([
      { rule: "water_soon", priority: "soon", reading: { metric: "soil_moisture", value: samples.at(-1)?.soil_moisture } },
    ]);
  });

  it("GA-05, GA-16: what a node measured elsewhere is not this plant's, neither as a value nor in a trend", async () => {
    const samples = lately(30, (hoursAgo) => ({ soil_moisture: 3 + hoursAgo }));
    const first = await plantWith("First", { limits: { soil_moisture: { min: 20, max: null } } }, { id: "traveller", hours: 40, samples });
    expect(await look(first)).toMatchObject({ status: "critical", trends: [{ direction: "falling" }] });
    const { id: second } = await garden.keeper.call(addPlant, {
      body: { name: "Second", limits: { soil_moisture: { min: 20, max: null } } },
    });
    await garden.keeper.call(assignNode, { params: { plantId: second }, body: { deviceId: "traveller" } });
    expect(await look(second)).toMatchObject({
      status: "unknown",
      issues: [],
      trends: [],
      text: expect.stringContaining("not sent a value"),
    });
    expect(await look(first)).toMatchObject({ status: "unknown", issues: [], text: expect.stringContaining("No node") });
  });

  it("GA-16: of several nodes the newest value of each metric counts", async () => {
    const now = Date.now();
    const plantId = await plantWith(
      "Shared",
      { limits: { soil_moisture: { min: 20, max: 80 }, temperature: { min: 10, max: 30 } } },
      { id: "shared-a", hours: 2, samples: [{ soil_moisture: 50, temperature: 50, timestamp: now - 2 * minuteMs }] },
      { id: "shared-b", hours: 2, samples: [{ temperature: 20, timestamp: now - minuteMs }] },
    );
    expect(await look(plantId)).toMatchObject({ status: "optimal", issues: [], unjudged: [] });
  });

  it("GA-16, GA-18: a node that fell silent is not taken for well, and said", async () => {
    const plantId = await plantWith(
      "Silent",
      { limits: { soil_moisture: { min: 20, max: 80 } } },
      { id: "silent", hours: 30, samples: [{ soil_moisture: 50, timestamp: Date.now() - 5 * hourMs }] },
    );
    expect(await look(plantId)).toMatchObject({
      status: "unknown",
      unjudged: [{ metric: "soil_moisture", because: "stale" }],
      trends: [{ direction: "unknown" }],
      recommendations: [{ rule: "node_silent", reading: { value: 50 } }],
    });
  });

  it("GA-18: advises by the plant's own limits first, then by its species'", async () => {
    const samples = [{ temperature: 12, soil_moisture: 60, timestamp: Date.now() }];
    const plantId = await plantWith("Own", { presetId: "basil" }, { id: "own", hours: 1, samples });
    await garden.keeper.call(changePlant, { params: { plantId }, body: { limits: null } });
    // Basil's species bears 10 °C; without it 12 would be too cold.
    expect((await look(plantId)).recommendations).toMatchObject([{ rule: "set_up_model" }]);
    await garden.keeper.call(changePlant, { params: { plantId }, body: { limits: { temperature: { min: 14 } } } });
    expect((await look(plantId)).recommendations).toMatchObject([{ rule: "too_cold", reading: { value: 12 } }]);
  });

  it("GA-18: goes by numbers that people set for a species, or for one plant of it, and back again", async () => {
    const { call } = garden.keeper;
    const samples = [{ humidity: 45, temperature: 21, timestamp: Date.now() }];
    const plantId = await plantWith("Numbered", { presetId: "lemon" }, { id: "numbered", hours: 1, samples });
    const [plant, species] = [{ params: { plantId } }, { params: { presetId: "lemon" } }];
    const rules = async () => (await look(plantId)).recommendations.map(({ rule }) => rule);

    expect((await call(getSpeciesAdvice, species)).from).toMatchObject({ coldBelow: "limits", swingAbove: "usual" });
    expect(await rules()).toEqual(["set_up_model"]);
    await call(changeSpeciesAdvice, { ...species, body: { dryAirBelow: 50, coldBelow: 18 } });
    expect(await rules()).toEqual(["dry_air"]);
    expect(await call(changePlantAdvice, { ...plant, body: { dryAirBelow: 0, coldBelow: 22 } })).toMatchObject({
      numbers: { dryAirBelow: 0, coldBelow: 22 },
      from: { dryAirBelow: "plant", coldBelow: "plant", hotAbove: "limits" },
    });
    expect(await rules()).toEqual(["too_cold"]);

    // What is refused leaves what there was.
    expect(await codeOf(call(changePlantAdvice, { ...plant, body: { coldBelow: 36 } }))).toBe("garden_advice.numbers_reversed");
    expect(await codeOf(call(changePlantAdvice, { ...plant, body: { coldBelow: -41 } }))).toBe("http.invalid");
    expect(await codeOf(call(changeSpeciesAdvice, { params: { presetId: "no-such" }, body: {} }))).toBe("garden.unknown_preset");
    expect(await codeOf(call(getPlantAdvice, { params: { plantId: crypto.randomUUID() } }))).toBe("garden.plant_not_found");
    expect(await rules()).toEqual(["too_cold"]);

    await call(changePlantAdvice, { ...plant, body: { dryAirBelow: null, coldBelow: null } });
    expect((await call(getPlantAdvice, plant)).from).toMatchObject({ dryAirBelow: "species", coldBelow: "species" });
    await call(changeSpeciesAdvice, { ...species, body: { dryAirBelow: null, coldBelow: null } });
    expect(await rules()).toEqual(["set_up_model"]);
  });

  it("GA-12, GA-16: the command line tells of a plant by its name or id, and lists species", async () => {
    const printed: (readonly Readonly<Record<string, unknown>>[])[] = [];
    const terminal = { call: garden.keeper.call, printRows: (_: unknown, rows: (typeof printed)[number]) => printed.push(rows) };
    const run = async (command: string, ...args: string[]) => {
      const found = healthCommands.find(({ usage }) => usage.startsWith(command));
      return found?.run(terminal as unknown as KitTerminal, { args, options: {} });
    };
    const samples = [{ soil_moisture: 12, timestamp: Date.now() }];
    const plantId = await plantWith("Palm", { limits: { soil_moisture: { min: 20 } } }, { id: "palm", hours: 1, samples });
    await run("health", "pALM");
    await run("health", plantId);
    await run("species", "sansev");
    expect(printed[0]).toEqual(printed[1]);
    expect(printed[0]?.map(({ kind, level }) => [kind, level])).toEqual([
      ["status", "critical"],
      ["issue", "critical"],
      ["trend", "unknown"],
      ["advice", "urgent"],
    ]);
    expect(printed[2]).toMatchObject([
      { id: "snake-plant", latin: "Dracaena trifasciata", soil_moisture: "20 to 60 %", temperature: "15 to 30 °C" },
    ]);
    await garden.keeper.call(addPlant, { body: { name: "palm" } });
    const codes = await Promise.all(
      ["Palm", "Oak"].map((name) => run("health", name).catch((error: unknown) => isAppError(error) && error.code)),
    );
    expect(codes).toEqual(["garden_advice.ambiguous_plant", "garden.plant_not_found"]);
  });

  it("GA-16: there is none of a plant that is not there", async () => {
    const missing = look(crypto.randomUUID()).catch((error: unknown) => error);
    expect(isAppError(await missing, "garden.plant_not_found")).toBe(true);
  });
});
