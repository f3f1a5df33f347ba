import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { addApiToken } from "@roost/contract/auth";
import { createClient } from "@roost/contract/client";
import { changeDevice } from "@roost/contract/devices";
import { isAppError } from "@roost/contract/errors";
import type { SiteId } from "@roost/contract/ids";
import { addSite } from "@roost/contract/organisations";
import type { Permission } from "@roost/contract/permissions";
import { rotateSecret } from "@roost/contract/secrets";
import { askDatabase } from "@roost/testbed/database";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { answerTo } from "./care/test-answer.ts";
import { startTestProvider } from "./care/test-provider.ts";
import type { TestProvider } from "./care/test-provider.ts";
import {
  analyzePlant,
  careErrors,
  changeCareSettings,
  compareCarePlans,
  getCarePlan,
  getCareQueue,
  getCareSettings,
  getCareUsage,
  listCarePlans,
  removeCareKey,
  testCareModel,
} from "./contract/care.ts";
import { checkHealth } from "./contract/health.ts";
import { addPlant, assignNode, gardenErrors } from "./contract/plants.ts";
import { eventually, startGarden } from "./test-garden.ts";
import type { TestGarden } from "./test-garden.ts";

const key = "sk-own-model-key-0123456789-wXyZ";

const hourMs = 3_600_000;

let garden: TestGarden;
let outside: TestProvider;
/** Number of the data key that the server was told to go over to. */
let rotatedTo = 0;
let plantId: Awaited<ReturnType<typeof addOne>>["id"];

const addOne = (name: string) => garden.keeper.call(addPlant, { body: { name, limits: { soil_moisture: { min: 25, max: 70 } } } });
const planOf = () => garden.keeper.call(getCarePlan, { params: { plantId } });

beforeAll(async () => {
  outside = await startTestProvider();
  outside.otherwise({ says: answerTo });
  garden = await startGarden({ env: { ROOST_EGRESS_ALLOW: "127.0.0.1" } });
  plantId = (await addOne("Monstera")).id;
  const node = await garden.addNode("care-node-1");
  // It does not fall silent because the machine takes its time.
  await garden.keeper.call(changeDevice, { params: { deviceId: "care-node-1" }, body: { heartbeatSeconds: 3_600 } });
  const now = Date.now();
  await garden.send(
    node,
    Array.from({ length: 30 }, (_, minute) => ({
      soil_moisture: 40 - minute / 10,
      temperature: 21.4,
      humidity: 48,
      light_level: 820,
      timestamp: now - minute * 60_000,
    })),
  );
  await garden.keeper.call(assignNode, {
    params: { plantId },
    body: { deviceId: "care-node-1", since: new Date(now - hourMs).toISOString() },
  });
});
afterAll(async () => {
  await garden.stop();
  await outside.close();
});

describe("the care advisor over HTTP", () => {
  it("says that no model is set up, and asks nobody (GA-22, GA-26)", async () => {
    expect(await garden.keeper.call(getCareSettings, {})).toMatchObject({ state: "no_model", apiKeySet: false, monthlyCapCents: 500 });
    const work = await eventually(
      async () => (await planOf()).work,
      ({ state }) => state === "waiting",
    );
    expect(work).toMatchObject({ state: "waiting", reason: "no_model", cause: "new_plant" });
    const old = await garden.fetch(`/api/plants/${plantId}/care-plan`);
    expect(old.status).toBe(404);
    expect(outside.asked).toEqual([]);
  });

  it("writes a plan whose claims are linked to stored values and their times, once a model is set up (GA-19, GA-20, GA-22)", async () => {
    const settings = await garden.keeper.call(changeCareSettings, {
      body: {
        provider: "compatible",
        baseUrl: outside.url,
        model: "llama3.2:3b",
        apiKey: key,
        price: { inputPerMillion: 1, outputPerMillion: 2 },
      },
    });
    expect(settings).toMatchObject({ state: "ready", apiKeyMasked: "...wXyZ" });
    // Goes on beside the other tests; the key is sealed by now.
    rotatedTo = (await garden.keeper.call(rotateSecret, { body: { name: "data-key" } })).kid;
    const { plan } = await eventually(planOf, ({ work }) => work.state === "done");
    expect(plan?.body.watering.cites[0]).toMatchObject({ deviceId: "care-node-1", metric: "soil_moisture", value: 40, unit: "%" });
    expect(plan?.body.temperature.current).toEqual({ value: 21.4, unit: "°C" });
    expect(outside.asked.length).toBe(1);
    expect(outside.asked[0]?.headers.authorization).toBe(`Bearer ${key}`);
    expect(outside.asked[0]?.data).not.toContain("care-node-1");
    const data = JSON.parse(outside.asked[0]?.data ?? "{}") as { last_24_hours: Record<string, unknown>; limits: Record<string, unknown> };
    expect(data.last_24_hours["soil_moisture"]).toMatchObject({ min: 37.1, max: 40 });
    expect(data.limits["soil_moisture"]).toEqual({ min: 25, max: 70, unit: "%" });
  });

  it("GA-16: a plant with a care plan has its health checked like any other, and says how old the plan is", async () => {
    const health = await garden.keeper.call(checkHealth, { params: { plantId } });
    expect(health).toMatchObject({ status: "optimal", issues: [], hasCarePlan: true });
    expect(health.carePlanAgeHours).toBeLessThan(1);
    // No rule has anything to say, so the plan's tips do.
    expect(health.recommendations).toEqual([{ rule: "care_plan", priority: "note", text: "Turn the pot." }]);
  });

  it("keeps a history with differences, and shows the spend and the queue (GA-20, GA-21)", async () => {
    expect(await garden.keeper.call(analyzePlant, { params: { plantId } })).toMatchObject({ cause: "on_demand" });
    const { items } = await eventually(
      () => garden.keeper.call(listCarePlans, { params: { plantId } }),
      ({ items }) => items.length === 2,
    );
    const [newest] = items;
    if (newest === undefined) throw new Error("There are two plans.");
    const compared = await garden.keeper.call(compareCarePlans, { params: { plantId, carePlanId: newest.id }, query: {} });
    expect(compared.items).toEqual([]);
    const { months, capCents } = await garden.keeper.call(getCareUsage, {});
    expect(capCents).toBe(500);
    expect(months).toMatchObject([{ calls: 2, inputTokens: 1_800, outputTokens: 800, spentCents: 0.34 }]);
    expect(await garden.keeper.call(getCareQueue, {})).toMatchObject({
      counts: { done: 1 },
      items: [{ plantName: "Monstera", state: "done" }],
    });
  });

  it("goes on with the saved key after the data key was rotated (GA-19)", async () => {
    const sealedBy = async () => {
      const [row] = await askDatabase(garden.server.ready, "select get_byte(key_sealed, 4) as kid from kit_garden.care_settings");
      return row?.["kid"];
    };
    await expect.poll(sealedBy, { interval: 250 }).toBe(rotatedTo);
    outside.forget();
    expect(await garden.keeper.call(testCareModel, {})).toMatchObject({ ok: true });
    expect(outside.asked[0]?.headers.authorization).toBe(`Bearer ${key}`);
  });

  it("answers at the earlier addresses in their own shapes (GA-19, GA-20)", async () => {
    const asked = outside.asked.length;
    const analyzed = await garden.fetch(`/api/plants/${plantId}/analyze`, { method: "POST" });
    expect(analyzed.status).toBe(200);
    const plan = (await analyzed.json()) as Record<string, unknown>;
    expect(plan).toMatchObject({
      summary: "The soil is at 40 %.",
      watering: { frequency: "Weekly", amount: "Half a litre" },
      temperature: { current: "21.4 °C" },
      alerts: [],
      tips: ["Turn the pot."],
    });
    expect(await (await garden.fetch(`/api/plants/${plantId}/care-plan`)).json()).toEqual(plan);
    const test = await garden.fetch("/api/settings/llm/test", { method: "POST" });
    expect(await test.json()).toMatchObject({ success: true });
    const settings = await garden.fetch("/api/settings/llm");
    expect(await settings.json()).toMatchObject({ provider: "compatible", api_key_set: true, api_key_masked: "...wXyZ" });
    expect(outside.asked.length).toBe(asked + 2);
    const changed = await garden.fetch("/api/settings/llm", {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ provider: "openai", model: "gpt-4o", api_key: key }),
    });
    expect(await changed.json()).toMatchObject({ provider: "openai", model: "gpt-4o", api_key_masked: "...wXyZ" });
  });

  it("is set up and asked from the command line, the key from a file (GA-19, GA-20)", async () => {
    const { email, password } = garden.keeper;
    const login = await garden.fetch("/api/v1/auth/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: email, password }),
    });
    const { access_token: token } = (await login.json()) as { access_token: string };
    const env = { ROOST_URL: garden.server.ready.url, ROOST_TOKEN: token };
    const cli = fileURLToPath(new URL("../../../cli/src/main.ts", import.meta.url));
    const roost = async (...args: string[]) => promisify(execFile)(process.execPath, [cli, "garden", ...args, "-o", "json"], { env });
    const folder = mkdtempSync(join(tmpdir(), "roost-care-"));
    const file = join(folder, "key.txt");
    writeFileSync(file, `${key}\n`);
    const asked = outside.asked.length;
    const set = await roost(
      "care-settings",
      "--provider",
      "compatible",
      "--address",
      outside.url,
      "--model",
      "m",
      "--key-file",
      file,
      "--price",
      "0,0",
    );
    rmSync(folder, { recursive: true });
    expect(JSON.parse(set.stdout)).toMatchObject({ state: "ready", apiKeyMasked: "...wXyZ", price: { inputPerMillion: 0 } });
    expect(set.stdout + set.stderr).not.toContain(key);
    const shown = await roost("care", "monstera", "--ask");
    expect(JSON.parse(shown.stdout)).toMatchObject({ model: "m", body: { watering: { frequency: "Weekly" } } });
    expect(outside.asked.length).toBe(asked + 1);
    expect(outside.asked.at(-1)?.headers.authorization).toBe(`Bearer ${key}`);
  });

  it("refuses an address that the installation does not allow, in words, and what is no address (GA-19)", async () => {
    await garden.keeper.call(changeCareSettings, { body: { provider: "compatible", baseUrl: "http://10.255.255.1/v1", model: "m" } });
    expect(await garden.keeper.call(testCareModel, {})).toMatchObject({ ok: false, reason: "address_refused" });
    const refused = garden.keeper.call(changeCareSettings, { body: { baseUrl: "file:///etc/passwd" } });
    await expect(refused).rejects.toSatisfy((error) => isAppError(error, careErrors.bad_base_url.code));
    await garden.keeper.call(removeCareKey, {});
    expect(await garden.keeper.call(getCareSettings, {})).toMatchObject({ apiKeySet: false, baseUrl: "http://10.255.255.1/v1" });
  });

  it("lets people do what their permissions say, and a part of the organisation not set it for the whole (GA-19)", async () => {
    const asToken = async (permissions: Permission[], siteIds?: SiteId[]) => {
      const { secret } = await garden.keeper.call(addApiToken, {
        body: { name: permissions.join(), permissions, ...(siteIds === undefined ? {} : { siteIds }) },
      });
      return createClient({ baseUrl: garden.server.ready.url, fetch, token: secret });
    };
    const refused = async (work: Promise<unknown>) => expect(work).rejects.toMatchObject({ code: "http.forbidden" });
    const asked = outside.asked.length;
    const viewer = await asToken(["garden:read"]);
    expect((await viewer(getCarePlan, { params: { plantId } })).plan).toBeDefined();
    await refused(viewer(analyzePlant, { params: { plantId } }));
    await refused(viewer(testCareModel, {}));
    await refused(viewer(changeCareSettings, { body: { monthlyCapCents: 1_000 } }));
    const operator = await asToken(["garden:read", "garden:write"]);
    await refused(operator(removeCareKey, {}));
    const site = await garden.keeper.call(addSite, { body: { name: "Elsewhere" } });
    const elsewhere = await asToken(["garden:read", "garden:write", "garden:configure"], [site.id]);
    await refused(elsewhere(changeCareSettings, { body: { monthlyCapCents: 1_000 } }));
    await refused(elsewhere(getCareUsage, {}));
    expect((await elsewhere(getCareQueue, {})).items).toEqual([]);
    const notThere = { code: gardenErrors.plant_not_found.code };
    await expect(elsewhere(getCarePlan, { params: { plantId } })).rejects.toMatchObject(notThere);
    await expect(elsewhere(analyzePlant, { params: { plantId } })).rejects.toMatchObject(notThere);
    expect(outside.asked.length).toBe(asked);
  });

  it("lets nobody read or ask without a session (GA-19)", async () => {
    for (const [path, method] of [
      ["/api/settings/llm", "GET"],
      ["/api/v1/kits/garden/care/settings", "GET"],
      [`/api/v1/kits/garden/plants/${plantId}/care-plan`, "GET"],
      [`/api/v1/kits/garden/plants/${plantId}/analyze`, "POST"],
    ] as const) {
      const answer = await fetch(garden.server.ready.url + path, { method });
      expect([401, 403], path).toContain(answer.status);
    }
  });
});
