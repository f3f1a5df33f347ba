import { addressOf } from "@roost/contract/client";
import type { DeviceId, PersonId } from "@roost/contract/ids";
import { getOrganisation } from "@roost/contract/organisations";
import { eraseDevice, erasePerson, exportDevice, exportPerson, getErasure } from "@roost/contract/personal-data";
import type { Erasure } from "@roost/contract/personal-data";
import type { Route } from "@roost/contract/route";
import { rotateSecret } from "@roost/contract/secrets";
import { createArranger } from "@roost/testbed/matrix/organisations";
import { callerWith } from "@roost/testbed/people";
import { unzip } from "@roost/testbed/unzip";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { makeNodeFirmware } from "./contract/firmware.ts";
import { addPlant, assignNode, getPlant, getPlantHistory, unassignNode } from "./contract/plants.ts";
import type { PlantId } from "./contract/plants.ts";
import { gardenPersonal } from "./personal.ts";
import { jpegWith } from "./plants/test-photos.ts";
import { eventually, startGarden } from "./test-garden.ts";
import type { TestGarden } from "./test-garden.ts";

const kim = { email: "kim.doe@example.org", name: "Kimberly Doe" };

let garden: TestGarden;
let sql: pg.Client;
let personId: PersonId;
let plantId: PlantId;
let secrets: readonly string[];
let rotatedTo: number;

/** Texts in the tables of the kit, by table. */
async function tablesWith(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const { table } of gardenPersonal) {
    const { rowCount } = await sql.query(`select from ${table} t where position(lower($1) in lower(t::text)) > 0`, [text]);
    if ((rowCount ?? 0) > 0) found.push(table);
  }
  return found;
}

async function archive(route: Route, params: Readonly<Record<string, string>>): Promise<Map<string, string>> {
  const answer = await garden.fetch(addressOf(route, { params }));
  expect(answer.status).toBe(200);
  return unzip(Buffer.from(await answer.arrayBuffer()));
}

const rowsIn = (files: ReadonlyMap<string, string>, table: string) => JSON.parse(files.get(`${table}.json`) ?? "[]") as object[];
const isDone = ({ state }: Erasure) => state === "done";
const finished = ({ id }: Erasure) => eventually(() => garden.keeper.call(getErasure, { params: { erasureId: id } }), isDone);

async function addNodeWithPast(id: DeviceId): Promise<void> {
  const node = await garden.addNode(id);
  await garden.keeper.call(assignNode, { params: { plantId }, body: { deviceId: id } });
  await garden.send(node, [{ soil_moisture: 41.5, temperature: 21, timestamp: Date.now() }]);
}

beforeAll(async () => {
  garden = await startGarden();
  sql = new pg.Client({ host: garden.server.ready.databaseSocketDir, user: "roost", database: "roost" });
  await sql.connect();
  const { id: organisationId } = await garden.keeper.call(getOrganisation, {});
  const arrange = createArranger(sql);
  personId = (await arrange.person(kim.email, kim.name)) as PersonId;
  await arrange.membership(organisationId, personId, { role: "admin" });
  const added = await garden.keeper.call(addPlant, { body: { name: "Kimberly Doe's fern", notes: `Ask ${kim.email} before watering.` } });
  plantId = added.id;
  const { url } = garden.server.ready;
  const signedIn = await fetch(`${url}/api/v1/auth/sign-in`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: url },
    body: JSON.stringify({ email: kim.email, password: garden.keeper.password }),
  });
  const cookie = signedIn.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");
  // Kim puts a node there and takes it away, adds a photo, and has a program made.
  const asKim = callerWith(url, cookie);
  await garden.addNode("first-node");
  await asKim(assignNode, { params: { plantId }, body: { deviceId: "first-node" } });
  await asKim(unassignNode, { params: { plantId, deviceId: "first-node" } });
  const photo = await fetch(`${url}/api/v1/kits/garden/plants/${plantId}/photos`, {
    method: "POST",
    headers: { cookie, origin: url, "content-type": "image/jpeg" },
    body: jpegWith("a balcony"),
  });
  expect(photo.status).toBe(201);
  await addNodeWithPast("second-node" as DeviceId);
  const made = await garden.keeper.call(makeNodeFirmware, { params: { deviceId: "second-node" }, body: {} });
  secrets = [made.portal.password, ...keysIn(made.files.map(({ text }) => text).join("\n"))];
  const body = (deviceId: string) => ({
    summary: { text: "Kimberly Doe's fern is well.", cites: [{ deviceId, metric: "soil_moisture", value: 41.5 }] },
  });
  for (const id of ["second-node", "third-node"]) {
    await sql.query(
      `insert into kit_garden.care_plans (id, organisation_id, plant_id, generated_at, cause, provider, model, body)
       values (gen_random_uuid(), $1, $2, now(), 'on_demand', 'anthropic', 'a-model', $3)`,
      [organisationId, plantId, JSON.stringify(body(id))],
    );
  }
  rotatedTo = (await garden.keeper.call(rotateSecret, { body: { name: "data-key" } })).kid;
});
afterAll(async () => {
  await sql?.end();
  await garden?.stop();
});

/** What a program holds of secrets that stay: the key of its updates, and the key that signs them. */
function keysIn(text: string): string[] {
  return [...text.matchAll(/^[A-Za-z0-9+/]{40,}={0,2}$/gm), ...text.matchAll(/"([A-Za-z0-9+/]{43}=)"/g)].map(
    (match) => match[1] ?? match[0],
  );
}

describe("what the garden keeps of people and nodes", () => {
  it("GA-19: keeps the secrets of a node sealed: none of them stands in its tables", async () => {
    expect(secrets.length).toBeGreaterThan(1);
    const { rows } = await sql.query<{ portal_password: Buffer }>("select s.portal_password from kit_garden.node_settings s");
    expect(rows).toHaveLength(1);
    for (const secret of secrets) {
      expect(await tablesWith(secret)).toEqual([]);
      expect(await tablesWith(Buffer.from(secret).toString("hex"))).toEqual([]);
    }
  });

  it("S15, T-F12: hands out what is a person's, and nothing of the node's secrets with a node", async () => {
    const ofKim = await archive(exportPerson, { personId });
    expect(rowsIn(ofKim, "kit_garden.assignments")).toMatchObject([
      { device_id: "first-node", assigned_by: kim.email, ended_by: kim.email },
    ]);
    expect(rowsIn(ofKim, "kit_garden.photos")).toMatchObject([{ added_by: kim.email }]);
    const ofNode = await archive(exportDevice, { deviceId: "second-node" });
    expect(rowsIn(ofNode, "kit_garden.assignments")).toMatchObject([{ device_id: "second-node" }]);
    expect(rowsIn(ofNode, "kit_garden.care_plans")).toHaveLength(1);
    expect(rowsIn(ofNode, "kit_garden.node_settings")).toHaveLength(1);
    const text = [...ofNode.values()].join("\n");
    for (const secret of secrets) expect(text).not.toContain(secret);
    for (const column of ["portal_password", "update_key", "signing_key"])
      expect(rowsIn(ofNode, "kit_garden.node_settings")[0]).not.toHaveProperty(column);
  });

  it("T-F12: names nobody any more who is erased, in plants, stays, photos and plans", async () => {
    expect(await tablesWith(kim.email)).toEqual(["kit_garden.plants", "kit_garden.assignments", "kit_garden.photos"]);
    expect(await tablesWith(kim.name)).toEqual(["kit_garden.plants", "kit_garden.care_plans"]);
    const erasure = await garden.keeper.call(erasePerson, { params: { personId }, body: { confirm: kim.email } });
    const done = await finished(erasure);
    expect(done.state).toBe("done");
    expect(done.places.map(({ place }) => place)).toEqual(
      expect.arrayContaining(["kit_garden.plants", "kit_garden.assignments", "kit_garden.photos", "kit_garden.care_plans"]),
    );
    expect(await tablesWith(kim.email)).toEqual([]);
    expect(await tablesWith(kim.name)).toEqual([]);
    const pseudonym = `erased person ${personId.slice(-8)}`;
    const plant = await garden.keeper.call(getPlant, { params: { plantId } });
    expect(plant).toMatchObject({ name: `${pseudonym}'s fern`, notes: `Ask ${pseudonym} before watering.` });
    expect(plant.photos).toMatchObject([{ addedBy: pseudonym }]);
  });

  it("GA-19: opens what was sealed before the key was rotated", async () => {
    const sealedBy = async () => {
      const { rows } = await sql.query<{ kid: number }>("select get_byte(s.portal_password, 4) as kid from kit_garden.node_settings s");
      return rows[0]?.kid;
    };
    await expect.poll(sealedBy, { interval: 250 }).toBe(rotatedTo);
    const again = await garden.keeper.call(makeNodeFirmware, { params: { deviceId: "second-node" }, body: {} });
    const text = again.files.map((file) => file.text).join("\n");
    expect(again.portal.password).toBe(secrets[0]);
    for (const secret of secrets.slice(1)) expect(text).toContain(secret);
  });

  it("T-F12: leaves nothing of a node that is erased, the hours that were kept of it included", async () => {
    await sql.query(
      `insert into kit_garden.kept_hours (organisation_id, plant_id, device_id, metric, unit, at, min, max, avg, n)
       select p.organisation_id, p.id, 'second-node', 'soil_moisture', '%', date_trunc('hour', now()) - interval '1 day', 40, 42, 41, 60
       from kit_garden.plants p where p.id = $1`,
      [plantId],
    );
    expect(await tablesWith("second-node")).toEqual([
      "kit_garden.assignments",
      "kit_garden.kept_hours",
      "kit_garden.care_plans",
      "kit_garden.node_settings",
    ]);
    const deviceId = "second-node" as DeviceId;
    const done = await finished(await garden.keeper.call(eraseDevice, { params: { deviceId }, body: { confirm: deviceId } }));
    expect(await tablesWith("second-node")).toEqual([]);
    expect(done.places.map(({ place }) => place)).toContain("kit_garden.kept_hours");
    // Another's plan and stays are where they were.
    expect(await tablesWith("third-node")).toEqual(["kit_garden.care_plans"]);
    expect(await tablesWith("first-node")).toEqual(["kit_garden.assignments"]);
    const range = { from: new Date(Date.now() - 3 * 86_400_000).toISOString(), to: new Date(Date.now() + 3_600_000).toISOString() };
    const history = await garden.keeper.call(getPlantHistory, { params: { plantId }, query: { metric: "soil_moisture", ...range } });
    expect([history.at, history.parts.map((part) => part.deviceId)]).toEqual([[], ["first-node"]]);
  });
});
