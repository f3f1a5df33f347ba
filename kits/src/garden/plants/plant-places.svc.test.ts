import { addApiToken, chooseOrganisation } from "@roost/contract/auth";
import { createClient } from "@roost/contract/client";
import { addDevice, changeDevice, getDevice } from "@roost/contract/devices";
import type { KitCell, KitTerminal } from "@roost/contract/kit-cli";
import { switchKit } from "@roost/contract/kits";
import { addSite, getOrganisation } from "@roost/contract/organisations";
import type { Permission } from "@roost/contract/permissions";
import { listAlarmRules } from "@roost/contract/rules";
import { offerDevice } from "@roost/contract/transfers";
import { askDatabase } from "@roost/testbed/database";
import { claim } from "@roost/testbed/device";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { getCarePlan, listCarePlans } from "../contract/care.ts";
import { checkHealth } from "../contract/health.ts";
import { listNodes, removeNode } from "../contract/nodes.ts";
import { oldAssignDevice, oldGetLatest } from "../contract/old-addresses.ts";
import {
  addPlant,
  assignNode,
  changePlant,
  getPlant,
  getPlantHistory,
  listNodeAssignments,
  listPlantAssignments,
  listPlants,
  maxPhotoBytes,
  plantPhoto,
  removePhoto,
  removePlant,
  unassignNode,
} from "../contract/plants.ts";
import type { Plant } from "../contract/plants.ts";
import { codeOf, eventually, startGarden } from "../test-garden.ts";
import type { TestGarden } from "../test-garden.ts";
import { plantCommands } from "./plant-cli.ts";
import { jpegWith } from "./test-photos.ts";

let garden: TestGarden;
beforeAll(async () => {
  garden = await startGarden();
});
afterAll(() => garden.stop());

const hourMs = 3_600_000;

const addOne = (body: { name: string } & Record<string, unknown>): Promise<Plant> => garden.keeper.call(addPlant, { body });

/** Somebody who acts at these sites alone. */
async function actingAt(siteIds: string[], permissions: Permission[]) {
  const { secret } = await garden.keeper.call(addApiToken, { body: { name: `at ${siteIds.length} sites`, permissions, siteIds } });
  return createClient({ baseUrl: garden.server.ready.url, fetch, token: secret });
}

describe("a part of the organisation", () => {
  it("GA-11: sees and changes the plants of its site and of its nodes, and no others", async () => {
    const { call } = garden.keeper;
    const [north, south] = [await call(addSite, { body: { name: "North" } }), await call(addSite, { body: { name: "South" } })];
    await garden.addNode("north-node", { siteId: north.id });
    await garden.addNode("south-node", { siteId: south.id });
    const byNode = await addOne({ name: "By its node" });
    await call(assignNode, { params: { plantId: byNode.id }, body: { deviceId: "north-node" } });
    const bySite = await addOne({ name: "By its site", siteId: north.id });
    const other = await addOne({ name: "Of the south", siteId: south.id });
    await call(assignNode, { params: { plantId: other.id }, body: { deviceId: "south-node" } });
    const nowhere = await addOne({ name: "Nowhere" });

    const there = await actingAt([north.id], ["garden:read", "garden:write"]);
    const names = async () => (await there(listPlants, {})).items.map(({ name }) => name);
    expect(await names()).toEqual(["By its node", "By its site"]);
    for (const { id: plantId } of [other, nowhere]) {
      const params = { plantId };
      expect(await codeOf(there(getPlant, { params }))).toBe("garden.plant_not_found");
      expect(await codeOf(there(changePlant, { params, body: { name: "Mine" } }))).toBe("garden.plant_not_found");
      expect(await codeOf(there(removePlant, { params, query: { confirm: "Nowhere" } }))).toBe("garden.plant_not_found");
      expect(await codeOf(there(listPlantAssignments, { params }))).toBe("garden.plant_not_found");
    }
    const put = (plantId: Plant["id"], deviceId: string) => codeOf(there(assignNode, { params: { plantId }, body: { deviceId } }));
    expect(await put(bySite.id, "south-node")).toBe("devices.not_found");
    expect(await codeOf(there(listNodeAssignments, { params: { deviceId: "south-node" } }))).toBe("devices.not_found");
    expect((await there(listNodes, {})).items.map(({ id }) => id)).toEqual(["north-node"]);

    // Nobody puts a plant where they would not see it any more.
    expect(await codeOf(there(addPlant, { body: { name: "Lost" } }))).toBe("garden.out_of_reach");
    expect(await codeOf(there(changePlant, { params: { plantId: bySite.id }, body: { siteId: south.id } }))).toBe("garden.out_of_reach");
    expect(await codeOf(there(unassignNode, { params: { plantId: byNode.id, deviceId: "north-node" } }))).toBe("garden.out_of_reach");
    expect((await there(addPlant, { body: { name: "Ours", siteId: north.id } })).siteId).toBe(north.id);
    expect(await put(bySite.id, "north-node")).toBe("");
    expect(await names()).toEqual(["By its site", "Ours"]);
    await there(removePlant, { params: { plantId: bySite.id }, query: { confirm: "By its site" } });

    // A plant at which somebody else's node stands too is not theirs to remove.
    const shared = await addOne({ name: "Shared", siteId: north.id });
    await call(assignNode, { params: { plantId: shared.id }, body: { deviceId: "south-node" } });
    expect(await codeOf(there(removePlant, { params: { plantId: shared.id }, query: { confirm: "Shared" } }))).toBe(
      "garden.node_out_of_reach",
    );
    expect(await there(getPlant, { params: { plantId: shared.id } })).toMatchObject({ nodes: [], why: "no_node" });
    // Nor do they read in its care plan what that node measured.
    const cites = [{ deviceId: "south-node", metric: "humidity", value: 41, unit: "%", measuredAt: new Date(), quality: "ok" }];
    const [text, part] = [
      { text: "Dry air.", cites: [] },
      { ideal: "-", recommendation: "-", cites: [] },
    ];
    const watering = { frequency: "-", amount: "-", nextDate: "2026-12-01", cites: [] };
    const plan = { summary: text, watering, light: part, humidity: { ...part, cites }, temperature: part, alerts: [], tips: [text] };
    await askDatabase(
      garden.server.ready,
      `insert into kit_garden.care_plans (id, organisation_id, plant_id, generated_at, cause, provider, model, body)
       select gen_random_uuid(), organisation_id, id, now(), 'weekly', 'openai', 'x', '${JSON.stringify(plan)}' from kit_garden.plants where id = '${shared.id}'`,
    );
    expect((await call(listCarePlans, { params: { plantId: shared.id } })).items).toHaveLength(1);
    expect((await there(listCarePlans, { params: { plantId: shared.id } })).items).toEqual([]);
    expect(JSON.stringify(await there(getCarePlan, { params: { plantId: shared.id } }))).not.toContain("Dry air");
    expect(JSON.stringify(await there(checkHealth, { params: { plantId: shared.id } }))).not.toContain("Dry air");
    await call(removePlant, { params: { plantId: shared.id }, query: { confirm: "Shared" } });

    // A node that goes to another place takes the sight of its values along.
    await call(changeDevice, { params: { deviceId: "north-node" }, body: { siteId: south.id } });
    expect((await there(listNodes, {})).items).toEqual([]);
  });

  it("GA-11: reads with the permission to read, and changes nothing with it", async () => {
    const reader = await actingAt([], ["garden:read"]);
    const { id: plantId } = await addOne({ name: "Looked at" });
    expect(await codeOf(reader(changePlant, { params: { plantId }, body: { name: "Mine" } }))).toBe("http.forbidden");
    const stranger = createClient({ baseUrl: garden.server.ready.url, fetch });
    expect(await codeOf(stranger(listPlants, {}))).toBe("http.unauthenticated");
  });
});

describe("a token for the garden alone", () => {
  it("GA-11: gets at no other devices by way of a plant", async () => {
    const { call } = garden.keeper;
    const { ticket } = await call(addDevice, { body: { id: "coop-door", name: "Coop", kind: "generic" } });
    await claim(garden.server.ready.url, "coop-door", ticket.claimSecret);
    const { id: plantId } = await addOne({ name: "Curious" });
    const params = { plantId };
    const body = { deviceId: "coop-door" };
    const of = async (permissions: Permission[]) => {
      const { secret } = await call(addApiToken, { body: { name: permissions.join(" "), permissions } });
      const there = createClient({ baseUrl: garden.server.ready.url, fetch, token: secret });
      expect(await codeOf(there(getPlant, { params }))).toBe("");
      return [
        await codeOf(there(oldGetLatest, { params: body })),
        await codeOf(there(assignNode, { params, body })),
        await codeOf(there(oldAssignDevice, { params: body, body: { plant_id: plantId } })),
      ];
    };
    const gone = "devices.not_found";
    expect(await of(["garden:read", "garden:write"])).toEqual([gone, gone, gone]);
    expect((await call(getPlant, { params })).nodes).toEqual([]);
    expect(await of(["garden:read", "garden:write", "devices:read", "telemetry:read"])).toEqual(["", "", ""]);
    await call(unassignNode, { params: { plantId, ...body } });
  });
});

describe("another organisation", () => {
  it("GA-11: finds nothing of a garden that is not its own; a node that is handed over stands at no plant any more and takes its values along", async () => {
    const { call } = garden.keeper;
    const node = await garden.addNode("traveller");
    const { id: plantId } = await addOne({ name: "Left behind", limits: { soil_moisture: { min: 20 } } });
    const startMs = Date.now() - hourMs;
    const since = new Date(startMs).toISOString();
    await call(assignNode, { params: { plantId }, body: { deviceId: "traveller", since } });
    await garden.send(node, [{ soil_moisture: 50, timestamp: startMs + 1_000 }]);
    const photo = plantPhoto.parse(
      await (await garden.fetch(`/api/v1/kits/garden/plants/${plantId}/photos`, { method: "POST", body: jpegWith("x") })).json(),
    );
    const neighbour = crypto.randomUUID();
    await askDatabase(garden.server.ready, `insert into organisations (id, name, slug) values ('${neighbour}', 'Neighbour', 'neighbour')`);
    await askDatabase(
      garden.server.ready,
      `insert into memberships (id, organisation_id, person_id, role) select '${crypto.randomUUID()}', '${neighbour}', p.id, 'owner' from people p limit 1`,
    );
    const home = (await call(getOrganisation, {})).id;
    const actIn = (organisationId: string) => call(chooseOrganisation, { body: { organisationId } });
    await actIn(neighbour);
    expect(await codeOf(call(listPlants, {}))).toBe("kits.off");
    await call(switchKit, { params: { kitId: "garden" }, body: { on: true } });
    expect((await call(listPlants, {})).items).toEqual([]);
    const params = { plantId };
    const range = { metric: "soil_moisture", from: since, to: new Date().toISOString() };
    const tries = [
      call(getPlant, { params }),
      call(changePlant, { params, body: { name: "Mine" } }),
      call(removePlant, { params, query: { confirm: "Left behind" } }),
      call(getPlantHistory, { params, query: range }),
      call(listPlantAssignments, { params }),
    ];
    expect(new Set(await Promise.all(tries.map(codeOf)))).toEqual(new Set(["garden.plant_not_found"]));
    expect((await garden.fetch(`/api/v1/kits/garden/plants/${plantId}/photos/${photo.id}`)).status).toBe(404);
    expect((await garden.fetch(`/api/plants/${plantId}/history`)).status).toBe(404);
    expect((await call(listNodes, {})).items).toEqual([]);
    const own = await addOne({ name: "Theirs" });
    expect(await codeOf(call(assignNode, { params: { plantId: own.id }, body: { deviceId: "traveller" } }))).toBe("devices.not_found");

    await actIn(home);
    await call(offerDevice, { params: { deviceId: "traveller" }, body: { organisationId: neighbour } });
    const left = await eventually(
      () => call(getPlant, { params }),
      ({ nodes }) => nodes.length === 0,
    );
    expect(left).toMatchObject({ nodes: [], latest: [] });
    // What it measured went with it.
    expect((await call(getPlantHistory, { params, query: range })).at).toEqual([]);
    await actIn(neighbour);
    const seen = await eventually(
      async () => ({
        rules: (await call(listAlarmRules, { query: { deviceId: "traveller" } })).items,
        device: await call(getDevice, { params: { deviceId: "traveller" } }),
      }),
      ({ rules, device }) => rules.length === 0 && device.purpose === undefined,
    );
    expect([seen.rules, seen.device.purpose]).toEqual([[], undefined]);
    expect((await call(listNodeAssignments, { params: { deviceId: "traveller" } })).items).toEqual([]);
    expect(await codeOf(call(assignNode, { params: { plantId: own.id }, body: { deviceId: "traveller" } }))).toBe("");
    await actIn(home);
  });
});

describe("photos", () => {
  const address = (plantId: string, photoId = "") => `/api/v1/kits/garden/plants/${plantId}/photos${photoId === "" ? "" : `/${photoId}`}`;
  const send = (plantId: string, bytes: Uint8Array<ArrayBuffer>, type = "image/jpeg") =>
    garden.fetch(address(plantId), { method: "POST", headers: { "content-type": type }, body: bytes });

  it("GA-24: are kept without what the camera wrote, shown as pictures alone, chosen as cover and removed", async () => {
    const { call } = garden.keeper;
    const { id: plantId } = await addOne({ name: "Pictured" });
    const first = await send(plantId, jpegWith("GPS 52.52 N 13.40 E"));
    expect(first.status).toBe(201);
    const one = plantPhoto.parse(await first.json());
    const two = plantPhoto.parse(await (await send(plantId, jpegWith("second"), "text/html")).json());
    expect(await call(getPlant, { params: { plantId } })).toMatchObject({ photoIds: [two.id, one.id], coverPhotoId: two.id });
    await call(changePlant, { params: { plantId }, body: { coverPhotoId: one.id } });
    expect((await call(getPlant, { params: { plantId } })).coverPhotoId).toBe(one.id);

    const shown = await garden.fetch(address(plantId, one.id));
    expect([shown.status, shown.headers.get("content-type"), shown.headers.get("x-content-type-options")]).toEqual([
      200,
      "image/jpeg",
      "nosniff",
    ]);
    expect(shown.headers.get("content-security-policy")).toContain("sandbox");
    expect(shown.headers.get("cache-control")).toContain("private");
    const bytes = Buffer.from(await shown.arrayBuffer());
    expect(bytes.subarray(0, 3)).toEqual(Buffer.of(0xff, 0xd8, 0xff));
    expect(bytes.toString("latin1")).not.toContain("GPS");

    const { id: other } = await addOne({ name: "Other" });
    expect(await codeOf(call(changePlant, { params: { plantId: other }, body: { coverPhotoId: one.id } }))).toBe("garden.photo_not_found");
    expect((await garden.fetch(address(other, one.id))).status).toBe(404);
    await call(removePhoto, { params: { plantId, photoId: one.id } });
    expect((await garden.fetch(address(plantId, one.id))).status).toBe(404);
    expect((await call(getPlant, { params: { plantId } })).coverPhotoId).toBe(two.id);
    await call(changePlant, { params: { plantId }, body: { coverPhotoId: null } });
  });

  it("GA-24: are refused where they are none, or too large", async () => {
    const { id: plantId } = await addOne({ name: "Refusing" });
    const refused = await send(plantId, new TextEncoder().encode("<svg onload='alert(1)'>"));
    expect([refused.status, await refused.text()]).toEqual([415, expect.stringContaining("garden.photo_unreadable")]);
    // The server hangs up while the client is still sending: whether the answer is read then is a matter of luck.
    const whole = jpegWith("large");
    const large = new Uint8Array(maxPhotoBytes + 1);
    large.set(whole, large.length - whole.length);
    large.set(whole);
    const status = await send(plantId, large).then(
      (answer) => answer.status,
      () => undefined,
    );
    expect([413, undefined]).toContain(status);
    expect((await garden.keeper.call(getPlant, { params: { plantId } })).photoIds).toEqual([]);
    expect((await send(crypto.randomUUID(), jpegWith(""))).status).toBe(404);
  });
});

describe("history", () => {
  const atHours = (startMs: number, ...values: number[]) =>
    values.map((soil_moisture, hour) => ({ soil_moisture, timestamp: startMs + hour * hourMs }));

  it("GA-10: is stitched from all nodes that stood there, in buckets on one axis, and exported", async () => {
    const { call } = garden.keeper;
    const startMs = Math.floor(Date.now() / hourMs) * hourMs - 12 * hourMs;
    const [first, second] = [await garden.addNode("stitch-one"), await garden.addNode("stitch-two")];
    const { id: plantId } = await addOne({ name: "Stitched", limits: { soil_moisture: { min: 20 } } });
    const since = new Date(startMs).toISOString();
    await call(assignNode, { params: { plantId }, body: { deviceId: "stitch-one", since } });
    await call(assignNode, { params: { plantId }, body: { deviceId: "stitch-two", since } });
    await garden.send(first, atHours(startMs, 30, 31, 32, 33));
    await garden.send(second, atHours(startMs, 40, 41, 42));
    const range = { from: since, to: new Date(startMs + 6 * hourMs).toISOString() };
    const ask = (query: Record<string, string>) =>
      call(getPlantHistory, { params: { plantId }, query: { metric: "soil_moisture", ...range, ...query } });
    const raw = await ask({});
    expect([raw.resolutionSeconds, raw.n.length, raw.limits]).toEqual([0, 7, { min: 20, max: null }]);
    expect(raw.parts.map(({ deviceId }) => deviceId)).toEqual(["stitch-one", "stitch-two"]);
    const coarse = await ask({ maxPoints: "4" });
    expect(coarse.resolutionSeconds).toBe(7_200);
    expect(coarse.n.reduce((sum, n) => sum + n, 0)).toBe(7);
    expect([Math.min(...coarse.min), Math.max(...coarse.max)]).toEqual([30, 42]);
    // A metric that no node sent yet is an empty chart; one that nobody knows is none.
    expect((await ask({ metric: "humidity" })).at).toEqual([]);
    expect(await codeOf(ask({ metric: "no_such_metric" }))).toBe("garden.unknown_history");
    expect(await codeOf(ask({ to: new Date(startMs - 1).toISOString() }))).toBe("telemetry.range_reversed");

    const csv = await garden.fetch(`/api/v1/kits/garden/plants/${plantId}/history.csv?from=${range.from}&to=${range.to}`);
    const lines = (await csv.text()).trim().split("\r\n");
    expect(lines[0]).toBe("measured_at,metric,value,unit,device_id");
    expect(lines).toHaveLength(8);
    expect(lines).toContain(`${new Date(startMs + hourMs).toISOString()},soil_moisture,31,%,stitch-one`);
  });

  it("GA-04: a node that somebody says stood there since the year 1 is removed like any other", async () => {
    const { call } = garden.keeper;
    const startMs = Math.floor(Date.now() / hourMs) * hourMs - 6 * hourMs;
    const node = await garden.addNode("ancient");
    const { id: plantId } = await addOne({ name: "Old as time" });
    const values = { soil_moisture: 50, temperature: 20, humidity: 40, light_level: 100 };
    await garden.send(node, [{ ...values, timestamp: startMs }]);
    await call(assignNode, { params: { plantId }, body: { deviceId: "ancient", since: "0001-01-01T00:00:00Z" } });
    await call(removeNode, { params: { deviceId: "ancient" }, query: { confirm: "ancient" } });
    const points = await call(getPlantHistory, {
      params: { plantId },
      query: { metric: "light_level", from: new Date(startMs).toISOString(), to: new Date().toISOString() },
    });
    expect(points).toMatchObject({ avg: [100], n: [1] });
  });

  it("GA-04: of a plant outlives its node by the hour, and who stood where stays readable", async () => {
    const { call } = garden.keeper;
    const startMs = Math.floor(Date.now() / hourMs) * hourMs - 6 * hourMs;
    const node = await garden.addNode("mortal");
    const { id: plantId } = await addOne({ name: "Survivor", limits: { soil_moisture: { min: 20 } } });
    await call(assignNode, { params: { plantId }, body: { deviceId: "mortal", since: new Date(startMs).toISOString() } });
    await garden.send(node, [...atHours(startMs, 50, 51, 52), { soil_moisture: 54, timestamp: startMs + hourMs / 2 }]);
    expect(await codeOf(call(removeNode, { params: { deviceId: "mortal" }, query: { confirm: "other" } }))).toBe("devices.name_mismatch");
    await call(removeNode, { params: { deviceId: "mortal" }, query: { confirm: "mortal" } });
    expect(await call(getPlant, { params: { plantId } })).toMatchObject({ nodes: [], state: "unknown", why: "no_node" });
    const points = await call(getPlantHistory, {
      params: { plantId },
      query: { metric: "soil_moisture", from: new Date(startMs).toISOString(), to: new Date().toISOString() },
    });
    expect(points).toMatchObject({ resolutionSeconds: 3_600, unit: "%", avg: [52, 51, 52], max: [54, 51, 52], n: [2, 1, 1] });
    // Let in again under the same id, as nodes are that have theirs from their address, it takes nothing of that away.
    const again = await garden.addNode("mortal");
    await call(assignNode, { params: { plantId }, body: { deviceId: "mortal" } });
    await garden.send(again, [{ soil_moisture: 60, timestamp: Date.now() + 1_000 }]);
    const both = await call(getPlantHistory, {
      params: { plantId },
      query: { metric: "soil_moisture", from: new Date(startMs).toISOString(), to: new Date(Date.now() + hourMs).toISOString() },
    });
    expect(both).toMatchObject({ resolutionSeconds: 3_600, avg: [52, 51, 52, 60] });
    const stood = await call(listNodeAssignments, { params: { deviceId: "mortal" } });
    expect(stood.items).toMatchObject([{}, { plantName: "Survivor", deviceName: "mortal" }]);
    expect(stood.items.map(({ to }) => to !== undefined)).toEqual([false, true]);
  });
});

describe("from the command line", () => {
  it("GA-05, GA-25: plants are added, listed, given nodes and removed", async () => {
    await garden.addNode("typed-node");
    const tables: Readonly<Record<string, KitCell>>[][] = [];
    const terminal = {
      call: garden.keeper.call,
      printRows: (_columns: readonly string[], rows: readonly Readonly<Record<string, KitCell>>[]) => void tables.push([...rows]),
      note: () => undefined,
    } as unknown as KitTerminal;
    const type = async (word: string, args: readonly string[], options: Record<string, string | true> = {}) => {
      await plantCommands.find(({ usage }) => usage.split(" ")[0] === word)?.run(terminal, { args, options });
      return tables.pop() ?? [];
    };
    await type("add-plant", ["Typed"], { species: "basil", place: "desk", node: "typed-node" });
    expect(await type("plants", ["typed"])).toMatchObject([
      { name: "Typed", place: "desk", state: "unknown", nodes: "typed-node", alarms: 0 },
    ]);
    expect(await type("plants", ["typed"], { state: "healthy" })).toEqual([]);
    expect(await type("nodes", ["typed"])).toMatchObject([{ id: "typed-node", plant: "Typed", state: "waiting" }]);
    await type("unassign", ["typed-node", "typed"]);
    expect(await type("nodes", ["typed"], { unassigned: true })).toMatchObject([{ id: "typed-node", plant: undefined }]);
    await type("assign", ["typed-node", "Typed"]);
    expect(await codeOf(type("remove-plant", ["Typed"]))).toBe("garden.name_mismatch");
    await type("remove-plant", ["Typed"], { confirm: "Typed" });
    expect(await type("plants", ["typed"])).toEqual([]);
  });
});
