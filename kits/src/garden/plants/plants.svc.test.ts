import { listAlarms } from "@roost/contract/alarms";
import type { Alarm } from "@roost/contract/alarms";
import { listAuditEntries } from "@roost/contract/audit";
import { addDevice, getDevice } from "@roost/contract/devices";
import { checkKit, switchKit } from "@roost/contract/kits";
import { listAlarmRules } from "@roost/contract/rules";
import { askDatabase } from "@roost/testbed/database";
import { claim } from "@roost/testbed/device";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { checkHealth } from "../contract/health.ts";
import { listNodes } from "../contract/nodes.ts";
import { oldGetPlant } from "../contract/old-addresses.ts";
import {
  addPlant,
  assignNode,
  changePlant,
  getPlant,
  getPlantHistory,
  listNodeAssignments,
  listPlantAssignments,
  listPlants,
  removePlant,
  unassignNode,
} from "../contract/plants.ts";
import type { Plant } from "../contract/plants.ts";
import { codeOf, eventually, startGarden } from "../test-garden.ts";
import type { TestGarden } from "../test-garden.ts";

let garden: TestGarden;
beforeAll(async () => {
  garden = await startGarden();
});
afterAll(() => garden.stop());

const minuteMs = 60_000;

const addOne = (body: { name: string } & Record<string, unknown>): Promise<Plant> => garden.keeper.call(addPlant, { body });
const rulesOf = async (deviceId: string) => (await garden.keeper.call(listAlarmRules, { query: { deviceId, limit: "200" } })).items;
const alarmsOf = async (deviceId: string, state: "open" | "all" = "all"): Promise<Alarm[]> =>
  (await garden.keeper.call(listAlarms, { query: { deviceId, state } })).items.filter(({ metric }) => metric !== undefined);

describe("a plant", () => {
  it("GA-11: lives its whole life: added with a preset, changed, cleared field by field, removed by its name", async () => {
    const { call } = garden.keeper;
    const added = await addOne({ name: " Basil on the sill ", presetId: "basil", place: "kitchen", notes: "From Ada.\nWater from below." });
    expect(added).toMatchObject({ name: "Basil on the sill", presetId: "basil", place: "kitchen", state: "unknown", why: "no_node" });
    expect(added.species).toBeDefined();
    expect(added.limits.soil_moisture?.min).toBeGreaterThan(0);

    const changed = await call(changePlant, { params: { plantId: added.id }, body: { name: "Basil", position: { x: 0, y: 1 } } });
    expect(changed).toMatchObject({ name: "Basil", place: "kitchen", position: { x: 0, y: 1 }, limits: added.limits });
    const cleared = await call(changePlant, {
      params: { plantId: added.id },
      body: { species: null, place: null, notes: null, position: null, limits: { soil_moisture: { max: null }, temperature: null } },
    });
    expect(cleared).not.toHaveProperty("species");
    expect(cleared).not.toHaveProperty("place");
    expect(cleared).not.toHaveProperty("notes");
    expect(cleared).not.toHaveProperty("position");
    expect(cleared.limits.temperature).toBeUndefined();
    expect(cleared.limits.soil_moisture).toEqual({ min: added.limits.soil_moisture?.min, max: null });
    expect((await call(changePlant, { params: { plantId: added.id }, body: { limits: null } })).limits).toEqual({});

    expect(await codeOf(call(removePlant, { params: { plantId: added.id }, query: { confirm: "Thyme" } }))).toBe("garden.name_mismatch");
    await call(removePlant, { params: { plantId: added.id }, query: { confirm: "Basil" } });
    expect(await codeOf(call(getPlant, { params: { plantId: added.id } }))).toBe("garden.plant_not_found");
    expect(await codeOf(addOne({ name: "X", presetId: "no-such-plant" }))).toBe("garden.unknown_preset");
    expect(await codeOf(addOne({ name: "X", siteId: crypto.randomUUID() }))).toBe("garden.unknown_site");
  });

  it("GA-12: takes 0 for a limit, refuses reversed ones and keeps those there were", async () => {
    const { call } = garden.keeper;
    const { id: plantId } = await addOne({ name: "Hardy", limits: { temperature: { min: 0, max: 30 } } });
    expect((await call(getPlant, { params: { plantId } })).limits).toEqual({ temperature: { min: 0, max: 30 } });
    const reversed = call(changePlant, { params: { plantId }, body: { name: "Other", limits: { temperature: { min: 31 } } } });
    expect(await codeOf(reversed)).toBe("garden.limits_reversed");
    expect(await call(getPlant, { params: { plantId } })).toMatchObject({ name: "Hardy", limits: { temperature: { min: 0, max: 30 } } });
    await garden.addNode("frost-node");
    await call(assignNode, { params: { plantId }, body: { deviceId: "frost-node" } });
    expect((await rulesOf("frost-node")).map(({ condition }) => condition)).toContainEqual(
      expect.objectContaining({ metric: "temperature", below: 0 }),
    );
  });

  it("GA-27: stands where it was put, for whoever looks", async () => {
    const { call } = garden.keeper;
    const { id: plantId } = await addOne({ name: "Monstera" });
    await call(changePlant, { params: { plantId }, body: { position: { x: 0.25, y: 0.75 } } });
    const { items } = await call(listPlants, { query: { q: "monstera" } });
    expect(items.map(({ position }) => position)).toEqual([{ x: 0.25, y: 0.75 }]);
    const outside = call(changePlant, { params: { plantId }, body: { position: { x: 1.01, y: 0 } } });
    expect(await codeOf(outside)).toBe("http.invalid");
  });
});

describe("a node", () => {
  it("GA-09: is seen with its live values while it stands nowhere, and no alarm comes of them; once assigned, alarms begin", async () => {
    const { call } = garden.keeper;
    const node = await garden.addNode("wanderer");
    const nowMs = Date.now();
    await garden.send(
      node,
      [0, 1, 2].map((n) => ({ soil_moisture: 3, timestamp: nowMs - (5 - n) * minuteMs })),
    );
    const { items, counts } = await call(listNodes, { query: { assigned: "no", q: "wander" } });
    expect(items).toMatchObject([{ id: "wanderer", latest: [{ metric: "soil_moisture", value: 3 }], openAlarms: 0 }]);
    expect(items[0]).not.toHaveProperty("plant");
    expect(counts).toMatchObject({ all: 1, unassigned: 1 });
    expect(await alarmsOf("wanderer")).toEqual([]);

    const { id: plantId } = await addOne({ name: "Fern", limits: { soil_moisture: { min: 20 } } });
    await call(assignNode, { params: { plantId }, body: { deviceId: "wanderer" } });
    // What it measured before it came says nothing of this plant.
    expect(await call(getPlant, { params: { plantId } })).toMatchObject({ state: "unknown", why: "no_data" });
    expect(await alarmsOf("wanderer")).toEqual([]);
    const arrivedMs = Date.now();
    await garden.send(
      node,
      [0, 1].map((n) => ({ soil_moisture: 3, timestamp: arrivedMs + n * 500 })),
    );
    const [alarm] = await eventually(
      () => alarmsOf("wanderer", "open"),
      (found) => found.length > 0,
    );
    expect(alarm).toMatchObject({ kind: "below", metric: "soil_moisture", threshold: 20, value: 3, title: "Fern: soil too dry" });
  });

  it("GA-05: moves, and what it measured before stays with the old plant", async () => {
    const { call } = garden.keeper;
    const node = await garden.addNode("mover");
    const startMs = Math.floor(Date.now() / minuteMs) * minuteMs - 180 * minuteMs;
    const [rose, mint] = [await addOne({ name: "Rose" }), await addOne({ name: "Mint", limits: { temperature: { max: 30 } } })];
    await call(assignNode, { params: { plantId: rose.id }, body: { deviceId: "mover", since: new Date(startMs).toISOString() } });
    await garden.send(
      node,
      [0, 60, 120].map((n) => ({ temperature: 20 + n / 60, timestamp: startMs + n * minuteMs })),
    );
    const moved = await call(assignNode, { params: { plantId: mint.id }, body: { deviceId: "mover" } });
    expect(moved.nodes).toMatchObject([{ deviceId: "mover" }]);
    await garden.send(node, [{ temperature: 29, timestamp: Date.now() }]);

    const range = { metric: "temperature", from: new Date(startMs).toISOString(), to: new Date(Date.now() + minuteMs).toISOString() };
    const old = await call(getPlantHistory, { params: { plantId: rose.id }, query: range });
    expect(old.avg).toEqual([20, 21, 22]);
    const now = await call(getPlantHistory, { params: { plantId: mint.id }, query: range });
    expect(now).toMatchObject({ avg: [29], limits: { min: null, max: 30 } });

    const stood = await call(listNodeAssignments, { params: { deviceId: "mover" } });
    expect(stood.items.map(({ plantName, to }) => [plantName, to === undefined])).toEqual([
      ["Mint", true],
      ["Rose", false],
    ]);
    expect((await call(getPlant, { params: { plantId: rose.id } })).state).toBe("unknown");

    // The plant goes; the node and its values stay, and what stood where can still be read.
    await call(removePlant, { params: { plantId: mint.id }, query: { confirm: "Mint" } });
    expect(await codeOf(call(unassignNode, { params: { plantId: mint.id, deviceId: "mover" } }))).toBe("garden.plant_not_found");
    expect((await call(listPlantAssignments, { params: { plantId: mint.id } })).items).toMatchObject([
      { isRemoved: true, deviceId: "mover" },
    ]);
    expect((await call(getPlantHistory, { params: { plantId: mint.id }, query: range })).avg).toEqual([29]);
    expect(await rulesOf("mover")).toEqual([]);
    expect(await call(getDevice, { params: { deviceId: "mover" } })).not.toHaveProperty("purpose");
  });

  it("GA-05: cannot have stood there when it stood elsewhere, nor in the future", async () => {
    const { call } = garden.keeper;
    await garden.addNode("elsewhere");
    const [one, two] = [await addOne({ name: "One" }), await addOne({ name: "Two" })];
    const since = (ms: number) => new Date(Date.now() + ms).toISOString();
    const put = (plant: Plant, ms: number) =>
      codeOf(call(assignNode, { params: { plantId: plant.id }, body: { deviceId: "elsewhere", since: since(ms) } }));
    expect(await put(one, minuteMs)).toBe("garden.since_taken");
    expect(await put(one, -minuteMs)).toBe("");
    expect(await put(one, -2 * minuteMs)).toBe("");
    expect(await put(two, -minuteMs)).toBe("garden.since_taken");
    await call(unassignNode, { params: { plantId: one.id, deviceId: "elsewhere" } });
    expect(await put(two, -minuteMs / 2)).toBe("garden.since_taken");
    expect(await codeOf(call(assignNode, { params: { plantId: two.id }, body: { deviceId: "no-such-node" } }))).toBe("devices.not_found");
  });
});

describe("limits", () => {
  it("GA-13, GA-14: too dry and then too wet are two alarms with their limits; each ends when the value is well again", async () => {
    const { call } = garden.keeper;
    const node = await garden.addNode("feeler");
    const { id: plantId } = await addOne({ name: "Calathea {{device}}", limits: { soil_moisture: { min: 20, max: 80 } } });
    await call(assignNode, { params: { plantId }, body: { deviceId: "feeler" } });
    let atMs = Date.now() - 30 * minuteMs;
    const feel = (...values: number[]) =>
      garden.send(
        node,
        values.map((soil_moisture) => ({ soil_moisture, timestamp: (atMs += minuteMs) })),
      );
    const kinds = async () =>
      (await alarmsOf("feeler")).map(({ kind, state }) => `${kind} ${state}`).sort((one, other) => (one < other ? -1 : 1));

    // One value alone may be a spike of the probe.
    await feel(50, 5, 50, 20, 20);
    await feel(12, 11);
    const [dry] = await eventually(
      () => alarmsOf("feeler", "open"),
      (found) => found.length === 1,
    );
    expect(dry).toMatchObject({ kind: "below", threshold: 20, value: 11, metric: "soil_moisture", deviceId: "feeler" });
    expect(dry?.title).toContain("soil too dry");
    await feel(90, 91);
    await eventually(kinds, (found) => found.join() === "above raised,below cleared");
    await feel(50);
    expect(await eventually(kinds, (found) => !found.join().includes("raised"))).toEqual(["above cleared", "below cleared"]);
  });

  it("GA-12, GA-13: follow the plant when they or its name change, and end with the assignment", async () => {
    const { call } = garden.keeper;
    await garden.addNode("follower");
    const look = () => call(getDevice, { params: { deviceId: "follower" } });
    const { id: plantId } = await addOne({ name: "Ivy", limits: { soil_moisture: { min: 20, max: 80 }, humidity: { min: 0 } } });
    await call(assignNode, { params: { plantId }, body: { deviceId: "follower" } });
    const names = async () => (await rulesOf("follower")).map(({ name = "" }) => name).sort((one, other) => (one < other ? -1 : 1));
    expect(await names()).toEqual(["Ivy: soil too dry", "Ivy: soil too wet"]);
    // It was never heard: to be assigned says nothing else.
    expect(await look()).toMatchObject({ state: "waiting", purpose: "Ivy" });
    await call(changePlant, {
      params: { plantId },
      body: { name: "Old ivy", limits: { soil_moisture: { max: null, min: 25 }, light_level: { min: 200 } } },
    });
    expect(await names()).toEqual(["Old ivy: soil too dry", "Old ivy: too dark"]);
    expect(await look()).toMatchObject({ purpose: "Old ivy" });
    await call(unassignNode, { params: { plantId, deviceId: "follower" } });
    expect(await names()).toEqual([]);
  });

  it("GA-24: are judged by fresh values: healthy inside, a warning near the edge, critical outside, stale when they are old", async () => {
    const { call } = garden.keeper;
    const node = await garden.addNode("judge");
    const { id: plantId } = await addOne({ name: "Judged", limits: { temperature: { min: 10, max: 30 } } });
    const since = new Date(Date.now() - 30 * minuteMs).toISOString();
    await call(assignNode, { params: { plantId }, body: { deviceId: "judge", since } });
    const look = () => call(getPlant, { params: { plantId } });
    expect(await look()).toMatchObject({ state: "unknown", why: "no_data" });
    await garden.send(node, [{ temperature: 20, timestamp: Date.now() - 10 * minuteMs }]);
    expect(await look()).toMatchObject({ state: "stale", latest: [{ isStale: true }] });
    const nowMs = Date.now() - 10_000;
    await garden.send(node, [{ temperature: 20, timestamp: nowMs }]);
    expect(await look()).toMatchObject({ state: "healthy", latest: [{ standing: "inside", isStale: false }] });
    await garden.send(node, [{ temperature: 29, timestamp: nowMs + 1_000 }]);
    expect(await look()).toMatchObject({ state: "warning", latest: [{ standing: "near_max" }] });
    await garden.send(node, [{ temperature: 31, timestamp: nowMs + 2_000 }]);
    expect(await look()).toMatchObject({ state: "critical", latest: [{ standing: "above" }] });
    // Back inside, but not by enough: the alarm holds, and so does the state.
    await garden.send(node, [{ temperature: 31, timestamp: nowMs + 3_000 }]);
    await eventually(look, ({ openAlarms }) => openAlarms === 1);
    await garden.send(node, [{ temperature: 29.8, timestamp: nowMs + 4_000 }]);
    expect(await look()).toMatchObject({ state: "critical", openAlarms: 1, latest: [{ standing: "near_max" }] });
    const { items, counts } = await call(listPlants, { query: { state: "critical", q: "judged" } });
    expect(items.map(({ name }) => name)).toEqual(["Judged"]);
    expect(counts).toMatchObject({ critical: 1, healthy: 0 });
  });

  it("GA-13: are in force again after a server that ended between a change and its rules, and not while the kit is off", async () => {
    const { call } = garden.keeper;
    await garden.addNode("survivor");
    const { id: plantId } = await addOne({ name: "Yucca", limits: { soil_moisture: { min: 20 } } });
    await call(assignNode, { params: { plantId }, body: { deviceId: "survivor" } });
    const limits = async () => (await rulesOf("survivor")).map(({ condition }) => "below" in condition && condition.below);
    expect(await limits()).toEqual([20]);
    // As if the server had stored it and got no further.
    const change = `update kit_garden.plants set limits = '{"soil_moisture": {"min": 35, "max": null}}' where id = '${plantId}'`;
    await askDatabase(garden.server.ready, change);
    await garden.crash();
    expect(await eventually(limits, ([first]) => first === 35)).toEqual([35]);
    const [check] = (await call(checkKit, { params: { kitId: "garden" } })).items.filter(({ name }) => name === "limits");
    expect(check).toMatchObject({ state: "ok" });

    await call(switchKit, { params: { kitId: "garden" }, body: { on: false } });
    expect(await limits()).toEqual([]);
    await call(switchKit, { params: { kitId: "garden" }, body: { on: true } });
    expect(await eventually(limits, ({ length }) => length > 0)).toEqual([35]);
  });
});

describe("a device that is no node of the garden", () => {
  it("GA-12, GA-16: whose values are in no unit that limits are in is not judged by them, and raises no alarm", async () => {
    const { call } = garden.keeper;
    const { ticket } = await call(addDevice, { body: { id: "stranger", kind: "generic" } });
    const stranger = await claim(garden.server.ready.url, "stranger", ticket.claimSecret);
    const { id: plantId } = await addOne({ name: "Shared pot", limits: { soil_moisture: { min: 20 } } });
    const params = { plantId };
    await call(assignNode, { params, body: { deviceId: "stranger" } });
    const nowMs = Date.now();
    await garden.send(stranger, [
      { soil_moisture: 0.4, timestamp: nowMs + 1_000 },
      { soil_moisture: 0.4, timestamp: nowMs + 2_000 },
    ]);
    const seen = await eventually(
      () => call(getPlant, { params }),
      ({ why }) => why === "other_unit",
    );
    expect(seen).toMatchObject({ state: "unknown", why: "other_unit", latest: [{ value: 0.4, unit: "1" }] });
    expect(seen.latest[0]).not.toHaveProperty("standing");
    expect((await call(checkHealth, { params })).issues).toEqual([]);
    expect((await call(oldGetPlant, { params })).latest_telemetry).toBeNull();
    const check = async () => (await call(checkKit, { params: { kitId: "garden" } })).items.find(({ name }) => name === "limits");
    expect(await eventually(check, (found) => found?.state === "failed")).toMatchObject({
      state: "failed",
      evidence: expect.stringContaining("unit_mismatch"),
    });
    expect([await rulesOf("stranger"), await alarmsOf("stranger")]).toEqual([[], []]);

    // Beside a node of the garden it is the node's values that count.
    const node = await garden.addNode("beside-stranger");
    await call(assignNode, { params, body: { deviceId: "beside-stranger" } });
    await garden.send(node, [{ soil_moisture: 50, timestamp: Date.now() }]);
    expect(await call(getPlant, { params })).toMatchObject({ state: "healthy", latest: [{ value: 50, unit: "%" }] });
    const range = { metric: "soil_moisture", from: new Date(nowMs - minuteMs).toISOString(), to: new Date(nowMs + minuteMs).toISOString() };
    expect(await call(getPlantHistory, { params, query: range })).toMatchObject({ unit: "%", avg: [50] });
    expect(await rulesOf("beside-stranger")).toHaveLength(1);
    await call(removePlant, { params, query: { confirm: "Shared pot" } });
  });
});

describe("a stay that is put back in time", () => {
  it("GA-04: is on record with from when, also where the node stood there already", async () => {
    const { call } = garden.keeper;
    await garden.addNode("backdated");
    const { id: plantId } = await addOne({ name: "Always there" });
    const assign = (since?: string) =>
      call(assignNode, { params: { plantId }, body: { deviceId: "backdated", ...(since === undefined ? {} : { since }) } });
    await assign("2026-03-01T00:00:00Z");
    await assign("2026-02-01T00:00:00Z");
    // Later than it stands there already: nothing is changed, and nothing said.
    await assign("2026-02-15T00:00:00Z");
    const { items } = await call(listAuditEntries, { query: { limit: "10" } });
    const told = items.filter(({ action, object }) => action === "garden.node_assigned" && object.id === plantId);
    expect(told.map(({ after }) => after)).toMatchObject([{ since: "2026-02-01T00:00:00.000Z" }, { since: "2026-03-01T00:00:00.000Z" }]);
  });
});
