import { setTimeout as pause } from "node:timers/promises";

import { chooseOrganisation } from "@roost/contract/auth";
import { getDevice, removeDevice } from "@roost/contract/devices";
import { switchKit } from "@roost/contract/kits";
import { getOrganisation } from "@roost/contract/organisations";
import { listAlarmRules } from "@roost/contract/rules";
import { offerDevice } from "@roost/contract/transfers";
import { askDatabase } from "@roost/testbed/database";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { changeNodeSettings, getNodeSettings, makeNodeFirmware } from "../contract/firmware.ts";
import { addPlant, assignNode, getPlant, listPlantAssignments } from "../contract/plants.ts";
import { eventually, startGarden } from "../test-garden.ts";
import type { TestGarden } from "../test-garden.ts";

let garden: TestGarden;
let home: string;
beforeAll(async () => {
  garden = await startGarden();
  home = (await garden.keeper.call(getOrganisation, {})).id;
});
beforeEach(async () => {
  await garden.keeper.call(chooseOrganisation, { body: { organisationId: home } });
  await turn(true);
});
afterAll(() => garden.stop());

const turn = (on: boolean) => garden.keeper.call(switchKit, { params: { kitId: "garden" }, body: { on } });
const keptRules = async () => (await garden.keeper.call(listAlarmRules, { query: {} })).items.filter(({ keptBy }) => keptBy === "garden");

async function addNeighbour(slug = "next-door"): Promise<string> {
  const id = crypto.randomUUID();
  await askDatabase(garden.server.ready, `insert into organisations (id, name, slug) values ('${id}', 'Next door', '${slug}')`);
  await askDatabase(
    garden.server.ready,
    `insert into memberships (id, organisation_id, person_id, role) select '${crypto.randomUUID()}', '${id}', p.id, 'owner' from people p limit 1`,
  );
  return id;
}

describe("while the garden is switched off", () => {
  it("GA-04, GA-11: a node that goes away meanwhile stands at no plant afterwards, and tells its new keeper nothing of the old one's", async () => {
    const { call } = garden.keeper;
    await garden.addNode("gone-meanwhile");
    await garden.addNode("given-meanwhile");
    const { id: plantId } = await call(addPlant, { body: { name: "Grandmother's orchid" } });
    for (const deviceId of ["gone-meanwhile", "given-meanwhile"]) await call(assignNode, { params: { plantId }, body: { deviceId } });
    const neighbour = await addNeighbour();
    await turn(false);
    await call(removeDevice, { params: { deviceId: "gone-meanwhile" }, query: { confirm: "gone-meanwhile" } });
    await call(offerDevice, { params: { deviceId: "given-meanwhile" }, body: { organisationId: neighbour } });

    await call(chooseOrganisation, { body: { organisationId: neighbour } });
    expect(await call(getDevice, { params: { deviceId: "given-meanwhile" } })).not.toHaveProperty("purpose");
    await turn(true);
    const theirs = await call(addPlant, { body: { name: "Theirs" } });
    const params = { plantId: theirs.id };
    expect((await call(assignNode, { params, body: { deviceId: "given-meanwhile" } })).nodes).toMatchObject([
      { deviceId: "given-meanwhile" },
    ]);

    await call(chooseOrganisation, { body: { organisationId: home } });
    await turn(true);
    const plant = await eventually(
      () => call(getPlant, { params: { plantId } }),
      ({ nodes }) => nodes.length === 0,
    );
    expect(plant).toMatchObject({ nodes: [], why: "no_node" });
    const { items } = await call(listPlantAssignments, { params: { plantId } });
    expect(items.map(({ to }) => to !== undefined)).toEqual([true, true]);
  });

  it("GA-10: limits that waited for a first value do not come into force, and do when it is on again", async () => {
    const { call } = garden.keeper;
    const node = await garden.addNode("waited-for");
    const { id: plantId } = await call(addPlant, { body: { name: "Patient", limits: { soil_moisture: { min: 20 } } } });
    // What it measured elsewhere says nothing of the plant: the limit waits for its first value here.
    await garden.send(node, [{ soil_moisture: 50, timestamp: Date.now() - 60_000 }]);
    await call(assignNode, { params: { plantId }, body: { deviceId: "waited-for" } });
    expect(await keptRules()).toEqual([]);
    await turn(false);
    await garden.send(node, [{ soil_moisture: 40, timestamp: Date.now() }]);
    // Longer than it takes to look again.
    await pause(1_500);
    expect(await keptRules()).toEqual([]);
    await turn(true);
    expect(await eventually(keptRules, (rules) => rules.length > 0)).toHaveLength(1);
  });

  it("GA-10: rules that a server left behind when it ended in the middle of switching off are gone after its next start", async () => {
    const { call } = garden.keeper;
    await garden.addNode("left-behind");
    const { id: plantId } = await call(addPlant, { body: { name: "Halfway", limits: { soil_moisture: { min: 20 } } } });
    await call(assignNode, { params: { plantId }, body: { deviceId: "left-behind" } });
    expect((await keptRules()).length).toBeGreaterThan(0);
    // As it stands when the server ends between the switch and what follows from it.
    await askDatabase(garden.server.ready, "update kit_switches set is_on = false where kit = 'garden'");
    await garden.crash();
    expect(await eventually(keptRules, (rules) => rules.length === 0)).toEqual([]);
  });
});

describe("a node that is handed over", () => {
  it("GA-40, GA-41: takes its calibration along, and none of the giver's secrets; what its new keeper sets is kept", async () => {
    const { call } = garden.keeper;
    await garden.addNode("heirloom");
    const params = { deviceId: "heirloom" };
    await call(changeNodeSettings, { params, body: { soilDryVolts: 2.9, sampleSeconds: 30 } });
    const given = await call(makeNodeFirmware, { params, body: {} });
    const neighbour = await addNeighbour("heirs");
    await call(offerDevice, { params, body: { organisationId: neighbour } });
    await call(chooseOrganisation, { body: { organisationId: neighbour } });
    await turn(true);
    expect(await call(getNodeSettings, { params })).toMatchObject({ soilDryVolts: 2.9, sampleSeconds: 30 });
    await call(changeNodeSettings, { params, body: { sampleSeconds: 45 } });
    expect(await call(getNodeSettings, { params })).toMatchObject({ soilDryVolts: 2.9, sampleSeconds: 45 });
    const [first, second] = [await call(makeNodeFirmware, { params, body: {} }), await call(makeNodeFirmware, { params, body: {} })];
    expect(first.portal.password).not.toBe(given.portal.password);
    expect(second.portal.password).toBe(first.portal.password);
  });
});
