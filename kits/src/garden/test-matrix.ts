import { randomUUID } from "node:crypto";

import { addressOf } from "@roost/contract/client";
import { addDevice } from "@roost/contract/devices";
import { sendTelemetry } from "@roost/contract/ingest";
import { switchKit } from "@roost/contract/kits";
import { claim } from "@roost/testbed/device";
import type { Place } from "@roost/testbed/matrix/callers";
import { wholeOrganisation } from "@roost/testbed/matrix/expectation";
import type { Expectation, Expectations } from "@roost/testbed/matrix/expectation";
import type { Ids, World } from "@roost/testbed/matrix/stage";
import { until } from "@roost/testbed/waiting";

import { getCareQueue } from "./contract/care.ts";
import type { CarePlanBody } from "./contract/care.ts";
import { addPhoto, addPlant, assignNode, plantId as plantIdShape } from "./contract/plants.ts";
import { jpegWith } from "./plants/test-photos.ts";

const places = ["aNorth", "aSouth", "b", "home"] as const;
const hourMs = 3_600_000;
const range = () => ({ from: new Date(Date.now() - 24 * hourMs).toISOString(), to: new Date(Date.now() + hourMs).toISOString() });

/** A plant at the site of a place. */
async function addPlantAt(world: World, place: Place): Promise<{ plantId: string; plantName: string }> {
  const { siteId, word } = world.places[place];
  const plantName = `${word} plant`;
  const { id } = await world.owner(place)(addPlant, {
    body: { name: plantName, siteId: siteId, limits: { soil_moisture: { min: 20, max: 60 } } },
  });
  return { plantId: id, plantName };
}

/** A node at a place, of its site and named by its word; at a plant of its own. */
async function addNodeAt(world: World, place: Place): Promise<{ deviceId: string; claimSecret: string }> {
  const { siteId, word } = world.places[place];
  const deviceId = `${word}-node-${world.next()}`;
  const { ticket } = await world.owner(place)(addDevice, {
    body: { id: deviceId, name: `${word} node`, kind: "garden-node", heartbeatSeconds: 86_400, siteId: siteId },
  });
  return { deviceId, claimSecret: ticket.claimSecret };
}

async function sendPhoto(world: World, place: Place, plantId: string): Promise<string> {
  const answer = await world.wire.send({
    method: "POST",
    path: addressOf(addPhoto, { params: { plantId: plantIdShape.parse(plantId) } }),
    headers: { ...world.as(ownerNames[place]).headers, "content-type": "image/jpeg" },
    body: Buffer.from(jpegWith("somewhere")),
  });
  if (answer.status !== 201) throw new Error(`A photo was answered ${answer.status}: ${answer.body}`);
  return (JSON.parse(answer.body) as { id: string }).id;
}

const ownerNames: Readonly<Record<Place, string>> = { aNorth: "owner A", aSouth: "owner A", b: "owner B", home: "platform administrator" };

function planBody(word: string): CarePlanBody {
  const section = { ideal: "As it is", recommendation: `Leave the ${word} plant where it stands`, cites: [] };
  return {
    summary: { text: `The ${word} plant is well.`, cites: [] },
    watering: { frequency: "Weekly", amount: "Half a litre", nextDate: "2026-11-24", cites: [] },
    light: section,
    humidity: section,
    temperature: section,
    alerts: [],
    tips: [],
  };
}

/** What stands in the garden of a place: a plant with a node, readings, a photo and two care plans. */
async function addGardenAt(world: World, place: Place): Promise<Ids> {
  const { organisationId, word = "" } = world.places[place];
  const { plantId, plantName } = await addPlantAt(world, place);
  const { deviceId, claimSecret } = await addNodeAt(world, place);
  await world.owner(place)(assignNode, { params: { plantId: plantId }, body: { deviceId: deviceId } });
  const { http } = await claim(world.server.ready.url, deviceId, claimSecret);
  const sent = await world.wire.send({
    method: "POST",
    path: addressOf(sendTelemetry, { params: { deviceId: deviceId } }),
    headers: { authorization: `Bearer ${http.token}`, "content-type": "application/json" },
    body: JSON.stringify({ soil_moisture: 41.5, temperature: 21.25, humidity: 48, light_level: 900, soil_raw: 2.7 }),
  });
  if (sent.status !== 200) throw new Error(`The readings of ${place} were answered ${sent.status}: ${sent.body}`);
  const carePlanIds = [randomUUID(), randomUUID()];
  for (const [index, id] of carePlanIds.entries()) {
    await world.sql.query(
      `insert into kit_garden.care_plans (id, organisation_id, plant_id, generated_at, cause, provider, model, body)
       values ($1, $2, $3, now() - make_interval(days => $4), 'on_demand', 'anthropic', 'a-model', $5)`,
      [id, organisationId, plantId, index, JSON.stringify(planBody(word))],
    );
  }
  const photoId = await sendPhoto(world, place, plantId);
  return { plantId, plantName, deviceId, photoId, carePlanId: carePlanIds[0] ?? "", presetId: "monstera" };
}

/** Of each kind of caller one is enough here: the whole matrix tries the others against the same edge. */
const leftOut = new Set(["admin A with a permission denied", "admin B", "limited token A", "ended session A", "expired membership A"]);

/** The world of the matrix with the garden switched on everywhere, and a garden in each place. */
export async function plantWorld(world: World): Promise<World> {
  for (const place of ["aNorth", "b", "home"] as const)
    await world.owner(place)(switchKit, { params: { kitId: "garden" }, body: { on: true } });
  const gardens = new Map<Place, Ids>();
  for (const place of places) gardens.set(place, await addGardenAt(world, place));
  // By then the facts of their making have been heard, and nothing changes by itself.
  for (const place of ["aSouth", "b", "home"] as const) {
    await until(`${place}: nobody can write a plan yet`, async () => {
      const { items } = await world.owner(place)(getCareQueue, {});
      return items.length >= (place === "aSouth" ? 2 : 1) && items.every(({ state }) => state === "waiting" || state === "abstained");
    });
  }
  const absentId = randomUUID();
  return {
    ...world,
    callers: world.callers.filter(({ name }) => !leftOut.has(name)),
    places: {
      aNorth: { ...world.places.aNorth, ...gardens.get("aNorth") },
      aSouth: { ...world.places.aSouth, ...gardens.get("aSouth") },
      b: { ...world.places.b, ...gardens.get("b") },
      home: { ...world.places.home, ...gardens.get("home") },
    },
    absent: { ...world.absent, plantId: absentId, plantName: absentId, photoId: absentId, carePlanId: absentId },
  };
}

const noPlant = [404, "garden.plant_not_found"] as const;
const noDevice = [404, "devices.not_found"] as const;
const ofPlant: Pick<Expectation, "object" | "absent"> = { object: "device", absent: noPlant };
const ofNode: Pick<Expectation, "object" | "absent"> = { object: "device", absent: noDevice };
const ofWhole: Pick<Expectation, "object" | "except"> = { object: "none", except: [wholeOrganisation] };

const freshPlant = async (world: World, place: Place): Promise<Ids> => addPlantAt(world, place);
const freshNode = async (world: World, place: Place): Promise<Ids> => {
  const { deviceId } = await addNodeAt(world, place);
  return { deviceId };
};
const freshBoth = async (world: World, place: Place): Promise<Ids> => ({
  ...(await addPlantAt(world, place)),
  ...(await freshNode(world, place)),
});
const freshStay = async (world: World, place: Place): Promise<Ids> => {
  const both = { ...(await addPlantAt(world, place)), ...(await addNodeAt(world, place)) };
  await world.owner(place)(assignNode, {
    params: { plantId: both.plantId },
    body: { deviceId: both.deviceId },
  });
  return both;
};
const showsPlant = (ids: Ids) => [ids["plantId"] ?? ""];
const showsNode = (ids: Ids) => [ids["deviceId"] ?? ""];

const plantRows: Expectations = {
  gardenListPlants: {
    object: "none",
    shows: showsPlant,
    filters: [(ids) => ({ siteId: ids["siteId"] ?? "" }), (ids) => ({ q: ids["word"] ?? "" })],
  },
  gardenAddPlant: { object: "none", body: (ids) => ({ name: `${ids["word"]} newcomer`, siteId: ids["siteId"] }) },
  gardenGetPlant: { ...ofPlant, shows: showsPlant },
  gardenChangePlant: { ...ofPlant, body: () => ({ notes: "Repotted.", limits: { temperature: { min: 5 } } }) },
  gardenRemovePlant: { ...ofPlant, fresh: freshPlant, query: (ids) => ({ confirm: ids["plantName"] ?? "" }) },
  gardenAssignNode: { ...ofPlant, absent: noDevice, fresh: freshBoth, body: (ids) => ({ deviceId: ids["deviceId"] }) },
  gardenUnassignNode: { ...ofPlant, fresh: freshStay },
  gardenListPlantAssignments: { ...ofPlant, shows: showsNode },
  gardenListNodeAssignments: { ...ofNode, shows: showsPlant },
  gardenGetPlantHistory: { ...ofPlant, query: () => ({ metric: "soil_moisture", ...range() }), shows: () => ["41.5"] },
  gardenExportPlantHistory: { ...ofPlant, query: range, shows: () => ["41.5"] },
  gardenAddPhoto: {
    ...ofPlant,
    fresh: freshPlant,
    headers: { "content-type": "image/jpeg" },
    body: () => Buffer.from(jpegWith("a balcony")),
    freeForm: true,
  },
  gardenGetPhoto: ofPlant,
  gardenRemovePhoto: {
    ...ofPlant,
    fresh: async (world, place) => ({ photoId: await sendPhoto(world, place, world.places[place]["plantId"] ?? "") }),
  },
  gardenListPresets: { object: "none", shows: () => ["Monstera"] },
};

const nodeRows: Expectations = {
  gardenListNodes: { object: "none", shows: showsNode, filters: [(ids) => ({ q: ids["deviceId"] ?? "" })] },
  gardenRemoveNode: { ...ofNode, fresh: freshNode, query: (ids) => ({ confirm: ids["deviceId"] ?? "" }) },
  gardenGetNodeSettings: ofNode,
  gardenChangeNodeSettings: { ...ofNode, body: () => ({ sampleSeconds: 120 }) },
  gardenCalibrateSoil: { ...ofNode, body: () => ({ point: "dry" }) },
  gardenGetNodeFirmware: ofNode,
  gardenMakeNodeFirmware: { ...ofNode, body: () => ({}) },
  gardenGetWiring: { object: "none" },
};

const healthRows: Expectations = {
  gardenCheckHealth: ofPlant,
  gardenGetPlantAdvice: ofPlant,
  gardenChangePlantAdvice: { ...ofPlant, body: () => ({ swingAbove: 15 }) },
  gardenGetSpeciesAdvice: { object: "none" },
  gardenChangeSpeciesAdvice: { ...ofWhole, body: () => ({ swingAbove: 15 }) },
};

const careRows: Expectations = {
  gardenGetCareSettings: ofWhole,
  gardenChangeCareSettings: { ...ofWhole, body: () => ({ monthlyCapCents: 500 }) },
  gardenRemoveCareKey: ofWhole,
  gardenTestCareModel: ofWhole,
  gardenGetCarePlan: { ...ofPlant, shows: (ids) => [ids["carePlanId"] ?? ""] },
  gardenListCarePlans: { ...ofPlant, shows: (ids) => [ids["carePlanId"] ?? ""] },
  gardenCompareCarePlans: ofPlant,
  gardenAnalyzePlant: ofPlant,
  gardenGetCareUsage: ofWhole,
  gardenGetCareQueue: { object: "none", shows: showsPlant },
};

const oldRows: Expectations = {
  gardenOldListPlants: { object: "none", shows: showsPlant },
  gardenOldAddPlant: { object: "none", body: (ids) => ({ name: `${ids["word"]} newcomer`, site_id: ids["siteId"] }) },
  gardenOldGetPlant: ofPlant,
  gardenOldChangePlant: { ...ofPlant, body: () => ({ species: "A fern" }) },
  gardenOldRemovePlant: { ...ofPlant, fresh: freshPlant },
  gardenOldPlacePlant: { ...ofPlant, body: () => ({ x: 0.25, y: 0.5 }) },
  gardenOldListPlantDevices: { ...ofPlant, shows: showsNode },
  gardenOldGetHistory: { ...ofPlant, shows: () => ["41.5"] },
  gardenOldListDevices: { object: "none", shows: showsNode },
  gardenOldRemoveDevice: { ...ofNode, fresh: freshNode },
  gardenOldAssignDevice: { ...ofNode, fresh: freshBoth, body: (ids) => ({ plant_id: ids["plantId"] }) },
  gardenOldUnassignDevice: { ...ofNode, fresh: freshStay },
  gardenOldGetLatest: { ...ofNode, shows: () => ["41.5"] },
  gardenOldCheckHealth: ofPlant,
  gardenOldGetHealth: { object: "none" },
  gardenOldGetReady: { object: "none" },
  gardenOldGetModelSettings: ofWhole,
  gardenOldChangeModelSettings: { ...ofWhole, body: () => ({ provider: "anthropic" }) },
  gardenOldTestModel: ofWhole,
  // It asks, and then nobody is there to write it.
  gardenOldAnalyzePlant: { ...ofPlant, always: [503, "garden_care.not_now"] },
  gardenOldGetCarePlan: ofPlant,
};

/** A row for every operation of the garden; one without a row fails the run. */
export const gardenExpectations: Expectations = { ...plantRows, ...nodeRows, ...healthRows, ...careRows, ...oldRows };
