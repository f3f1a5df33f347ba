import { addApiToken } from "@roost/contract/auth";
import { switchKit } from "@roost/contract/kits";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { eventually, startGarden } from "../test-garden.ts";
import type { TestGarden } from "../test-garden.ts";

let garden: TestGarden;
beforeAll(async () => {
  garden = await startGarden();
});
afterAll(() => garden.stop());

const minuteMs = 60_000;

interface Told {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- what an old client reads by name
  readonly body: any;
}

/** As an old client asks: JSON there, JSON back. */
async function ask(method: string, path: string, body?: unknown): Promise<Told> {
  const sent = body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await garden.fetch(path, { method, ...sent });
  const text = await answer.text();
  return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
}

describe("the old addresses", () => {
  it("GA-11, GA-12, GA-27: add, show, change, place and remove a plant in the old shapes", async () => {
    const added = await ask("POST", "/api/plants", {
      name: "Old fern",
      species: "Nephrolepis",
      thresholds: { soil_moisture: { min: 0, max: 80 } },
    });
    expect(added).toMatchObject({
      status: 201,
      body: {
        name: "Old fern",
        species: "Nephrolepis",
        thresholds: { soil_moisture: { min: 0, max: 80 } },
        position: null,
        latest_telemetry: null,
        device_count: 0,
      },
    });
    const at = `/api/plants/${added.body.id}`;
    expect((await ask("GET", at)).body).toEqual(added.body);
    expect((await ask("GET", "/api/plants")).body).toEqual({ plants: [added.body], total: 1 });
    const reversed = await ask("PUT", at, { thresholds: { soil_moisture: { min: 81 } } });
    expect([reversed.status, reversed.body.error.code]).toEqual([400, "garden.limits_reversed"]);
    const changed = await ask("PUT", at, {
      name: "Fern",
      species: null,
      thresholds: { soil_moisture: { max: null }, temperature: { min: 10, max: 30 } },
    });
    expect(changed.body).toMatchObject({
      name: "Fern",
      species: null,
      thresholds: { soil_moisture: { min: 0, max: null }, temperature: { min: 10, max: 30 } },
    });
    expect((await ask("PUT", `${at}/position`, { x: 0.5, y: 0 })).body.position).toEqual({ x: 0.5, y: 0 });
    expect((await ask("GET", at)).body.position).toEqual({ x: 0.5, y: 0 });
    expect(await ask("DELETE", at)).toEqual({ status: 204, body: undefined });
    const gone = await ask("GET", at);
    expect([gone.status, gone.body.error.code]).toEqual([404, "garden.plant_not_found"]);
  });

  it("GA-04, GA-05, GA-10: list, assign, read, unassign and remove devices in the old shapes", async () => {
    const node = await garden.addNode("node-240ac4123456");
    const { body: plant } = await ask("POST", "/api/plants", { name: "Rose" });
    const at = "/api/devices/node-240ac4123456";
    expect((await ask("GET", "/api/devices?limit=10&offset=0")).body).toMatchObject({
      devices: [
        {
          id: "node-240ac4123456",
          mac_address: "24:0a:c4:12:34:56",
          plant_id: null,
          status: "provisioning",
          last_seen_at: null,
          sensor_types: [],
        },
      ],
      total: 1,
    });
    expect((await ask("GET", "/api/devices?offset=1")).body).toEqual({ devices: [], total: 1 });
    expect((await ask("GET", "/api/devices?limit=501")).status).toBe(400);
    expect((await ask("GET", `${at}/telemetry/latest`)).body).toEqual({ device_id: "node-240ac4123456", telemetry: null });

    // To be assigned is no sign of life.
    expect((await ask("POST", `${at}/provision`, { plant_id: plant.id })).body).toMatchObject({
      plant_id: plant.id,
      status: "provisioning",
    });
    expect((await ask("POST", `${at}/provision`, { plant_id: crypto.randomUUID() })).status).toBe(404);
    expect((await ask("POST", "/api/devices/no-such-node/provision", { plant_id: plant.id })).status).toBe(404);
    const nowMs = Date.now();
    const stampOf = (ms: number) => new Date(ms).toISOString();
    await garden.send(node, [
      { soil_moisture: 40, temperature: 20, timestamp: nowMs },
      { soil_moisture: 41, timestamp: nowMs + 1_000 },
    ]);
    const row = { timestamp: stampOf(nowMs + 1_000), soil_moisture: 41, temperature: 20, humidity: null, light_level: null };
    expect((await ask("GET", `${at}/telemetry/latest`)).body.telemetry).toEqual(row);
    expect((await ask("GET", `/api/plants/${plant.id}`)).body).toMatchObject({ latest_telemetry: row, device_count: 1 });
    const history = await ask("GET", `/api/plants/${plant.id}/history?hours=24`);
    expect(history.body).toEqual({
      plant_id: plant.id,
      records: [
        { ...row, temperature: null, device_id: "node-240ac4123456" },
        {
          timestamp: stampOf(nowMs),
          soil_moisture: 40,
          temperature: 20,
          humidity: null,
          light_level: null,
          device_id: "node-240ac4123456",
        },
      ],
      count: 2,
      truncated: false,
    });
    const online = await eventually(
      () => ask("GET", `/api/plants/${plant.id}/devices`),
      ({ body }) => body.devices[0]?.status === "online",
    );
    expect(online.body).toMatchObject({
      total: 1,
      devices: [
        { status: "online", plant_id: plant.id, sensor_types: ["soil_moisture", "temperature"], mqtt_username: "node-240ac4123456" },
      ],
    });
    expect((await ask("POST", `${at}/unassign`)).body).toMatchObject({ plant_id: null, status: "online" });
    expect((await ask("POST", `${at}/unassign`)).status).toBe(200);
    expect(await ask("DELETE", at)).toEqual({ status: 200, body: { message: "Device deleted" } });
    expect((await ask("DELETE", at)).status).toBe(404);
    expect((await ask("GET", "/api/devices")).body.total).toBe(0);
  });

  it("GA-10: show no more than the newest 10,000 rows, and say so", async () => {
    const node = await garden.addNode("old-timer");
    const { body: plant } = await ask("POST", "/api/plants", { name: "Oak" });
    const startMs = Math.floor(Date.now() / minuteMs) * minuteMs - 10_500 * minuteMs;
    await ask("POST", `/api/v1/kits/garden/plants/${plant.id}/nodes`, { deviceId: "old-timer", since: new Date(startMs).toISOString() });
    for (let from = 0; from < 10_050; from += 1_000) {
      const samples = Array.from({ length: Math.min(1_000, 10_050 - from) }, (_, n) => ({
        soil_moisture: (from + n) % 100,
        timestamp: startMs + (from + n) * minuteMs,
      }));
      await garden.send(node, samples);
    }
    const { body } = await ask("GET", `/api/plants/${plant.id}/history?hours=8784`);
    expect([body.count, body.records.length, body.truncated]).toEqual([10_000, 10_000, true]);
    expect(body.records[0].timestamp).toBe(new Date(startMs + 10_049 * minuteMs).toISOString());
    expect(body.records.at(-1).timestamp).toBe(new Date(startMs + 50 * minuteMs).toISOString());
    expect((await ask("GET", `/api/plants/${plant.id}/history?hours=0`)).status).toBe(400);
  });

  it("GA-16: check a plant's health in the old shape", async () => {
    const { body: plant } = await ask("POST", "/api/plants", { name: "Checked", thresholds: { soil_moisture: { min: 20 } } });
    const node = await garden.addNode("checked-node");
    await ask("POST", "/api/devices/checked-node/provision", { plant_id: plant.id });
    await garden.send(node, [{ soil_moisture: 5, timestamp: Date.now() }]);
    const { status, body } = await ask("POST", `/api/plants/${plant.id}/health-check`);
    expect([status, body.status, body.has_care_plan, body.care_plan_age_hours]).toEqual([200, "critical", false, null]);
    expect(body.issues).toMatchObject([{ metric: "soil_moisture", severity: "critical", value: 5, limit: 20 }]);
    for (const { priority } of body.recommendations) expect(["high", "medium", "low"]).toContain(priority);
  });

  it("tell how the installation is by what went through it", async () => {
    const ready = await eventually(
      () => ask("GET", "/api/ready"),
      ({ status }) => status === 200,
    );
    expect(ready).toMatchObject({ status: 200, body: { ready: true, checks: { database: { ok: true }, mqtt: { ok: true } } } });
    const { body } = await ask("GET", "/api/health");
    expect(body).toMatchObject({
      status: "healthy",
      components: { database: { status: "connected" }, mqtt: { status: "connected" } },
    });
    expect(body.version).toMatch(/^\d+\.\d+\.\d+/);
  });

  it("want the same sign-in as everything, take a bearer token, and are not there where the kit is switched off", async () => {
    const { url } = garden.server.ready;
    for (const path of ["/api/plants", "/api/devices", "/api/health", "/api/ready"])
      expect((await fetch(url + path)).status, path).toBe(401);
    const { secret } = await garden.keeper.call(addApiToken, { body: { name: "old client", permissions: ["garden:read"] } });
    const bearer = { authorization: `Bearer ${secret}` };
    expect((await fetch(`${url}/api/plants`, { headers: bearer })).status).toBe(200);
    const body = JSON.stringify({ name: "X" });
    const refused = await fetch(`${url}/api/plants`, { method: "POST", headers: { ...bearer, "content-type": "application/json" }, body });
    expect(refused.status).toBe(403);
    await garden.keeper.call(switchKit, { params: { kitId: "garden" }, body: { on: false } });
    const off = await ask("GET", "/api/plants");
    expect([off.status, off.body.error.code]).toEqual([409, "kits.off"]);
  });
});
