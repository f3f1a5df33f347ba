import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { changeDevice } from "@roost/contract/devices";
import { addNotificationTarget } from "@roost/contract/notifications";
import type { RegisterReply } from "@roost/contract/registrations";
import { changeNotificationSettings } from "@roost/contract/routing";
import { launchBrowser, openPage, signInByPage } from "@roost/testbed/browser";
import type { Misdeeds } from "@roost/testbed/browser";
import { startCatcher } from "@roost/testbed/catchers";
import type { Catcher } from "@roost/testbed/catchers";
import { eachByItself } from "@roost/testbed/each-by-itself";
import { printFigures } from "@roost/testbed/figures";
import { setUpAdministrator } from "@roost/testbed/people";
import type { Administrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { until } from "@roost/testbed/waiting";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { answerTo } from "./care/test-answer.ts";
import { startTestProvider } from "./care/test-provider.ts";
import type { TestProvider } from "./care/test-provider.ts";
import { getCarePlan } from "./contract/care.ts";
import type { PlantId } from "./contract/plants.ts";
import { assignNode, listPlants } from "./contract/plants.ts";
import { findPreset } from "./plants/presets.ts";
import { registerNode, startNode } from "./test-live-node.ts";
import type { TestNode } from "./test-live-node.ts";

const builtPage = fileURLToPath(new URL("../../../web/dist/index.html", import.meta.url));
const patienceMs = 60_000;
const dayMs = 86_400_000;
const modelKey = "sk-story-0123456789-q7Rt";

interface DiscordMessage {
  readonly content: string;
  readonly embeds: readonly {
    readonly title: string;
    readonly color: number;
    readonly fields: readonly { readonly name: string; readonly value: string }[];
  }[];
}

describe("somebody who likes plants, from the first start to the month's view", () => {
  const folder = createDataDir();
  const basil = findPreset("basil");
  const driest = basil?.limits.soil_moisture?.min ?? Number.NaN;
  const well = { soilMoisture: driest + 20, temperature: 22.5, humidity: 58, lightLevel: 8_000 };
  let server: ServerProcess;
  let keeper: Administrator;
  let browser: Browser;
  let page: Page;
  let misdeeds: Misdeeds;
  let chat: Catcher;
  let model: TestProvider;
  let answer: RegisterReply;
  let node: TestNode;
  let plantId: PlantId;

  beforeAll(async () => {
    if (!existsSync(builtPage)) throw new Error("The web app is not built. Run: npm run build -w @roost/web");
    [server, chat, model] = await Promise.all([
      startServer({ dataDir: folder.dataDir, env: { ROOST_EGRESS_ALLOW: "127.0.0.0/8", ROOST_LOCAL_DEVICE: "false" } }),
      startCatcher(),
      startTestProvider(),
    ]);
    model.otherwise({ says: answerTo });
    keeper = await setUpAdministrator(server);
    browser = await launchBrowser();
    ({ page, misdeeds } = await openPage(browser, server.ready.url));
    page.setDefaultTimeout(patienceMs);
  });
  afterEach(() => {
    expect(misdeeds).toEqual({ console: [], foreign: [], dialogs: [] });
  });
  afterAll(async () => {
    await node?.vanish();
    await browser?.close();
    await chat?.close();
    await model?.close();
    await server?.terminate();
    folder.remove();
  });

  const card = () => page.getByRole("list", { name: "Plants" }).getByRole("listitem").filter({ hasText: "Basil by the sink" });
  const toldOf = (at: number) => JSON.parse(chat.caught[at]?.body ?? "{}") as DiscordMessage;
  /** Scrolls until a part of the page that comes when somebody goes there is there. */
  async function goTo(name: string): Promise<Locator> {
    const part = page.getByRole("region", { name });
    await page.mouse.move(640, 400);
    await until(
      `${name} is there`,
      async () => {
        if ((await part.count()) > 0) return true;
        await page.mouse.wheel(0, 300);
        await page.waitForTimeout(100);
        return false;
      },
      patienceMs,
    );
    await part.scrollIntoViewIfNeeded();
    return part;
  }
  const link = (name: string) => page.getByRole("link", { name, exact: true });

  it("switches the garden on, and its pages are there", async () => {
    await signInByPage(page, keeper);
    await link("Kits").click();
    const garden = page.getByRole("region", { name: "Garden" });
    await garden.getByRole("button", { name: "Switch on" }).click();
    await garden.getByRole("link", { name: "Open garden" }).click();
    await page.getByRole("heading", { name: "No plants yet." }).waitFor();
    await link("Nodes").first().waitFor();
  });

  it("GA-11, GA-12: adds a plant whose species brings its limits, with where they come from", async () => {
    await link("Add plant").first().click();
    await page.getByRole("textbox", { name: "Species" }).fill("ocimum");
    await page.getByRole("option", { name: /^Basil/ }).click();
    await page.getByText(/As Basil likes it, by/).waitFor();
    await page.getByRole("textbox", { name: "Name" }).fill("Basil by the sink");
    await page.getByRole("textbox", { name: "Place" }).fill("Kitchen");
    expect(await page.getByRole("group", { name: "Soil" }).getByLabel("From").inputValue()).toBe(`${driest} %`);
    await page.getByRole("button", { name: "Add plant" }).click();
    await page.getByRole("heading", { name: "Basil by the sink" }).waitFor();
    await page.getByText("No node stands here yet.").waitFor();
    const { items } = await keeper.call(listPlants, { query: {} });
    expect(items).toMatchObject([
      { name: "Basil by the sink", species: "Basil", presetId: "basil", limits: basil?.limits, state: "unknown" },
    ]);
    plantId = items[0]?.id ?? ("" as PlantId);
  });

  it("GA-39, GA-46: adds a node and is shown its whole program and how it gets in, with nothing to write", async () => {
    await link("Nodes").first().click();
    await page.getByRole("button", { name: "Add node" }).first().click();
    await page.getByRole("dialog").getByLabel("Name").fill("Spare node");
    await page.getByRole("button", { name: "Add and make its program" }).click();
    await page.getByRole("heading", { name: "Program of Spare node" }).waitFor();
    const [id] = /spare-node-\w+/.exec(page.url()) ?? [];
    await page.getByText(`${id}.yaml without secrets`).click();
    const program = await page.locator("details[open] pre").textContent();
    const parts = [
      "esp32dev",
      `port: ${server.ready.mqttPort}`,
      "PlantOps-Setup",
      "platform: dht",
      "platform: bh1750",
      `devices/${id}/telemetry`,
    ];
    for (const part of parts) expect(program).toContain(part);
    await page.getByText(`esphome run ${id}.yaml`).waitFor();
    await page.getByRole("img", { name: /wire/i }).waitFor();
  });

  it("GA-01, GA-25: a node asks to be let in, is shown with its code at once, and is approved by it", async () => {
    await link("Nodes").first().click();
    await page.getByRole("list", { name: "Nodes" }).getByText("Spare node").waitFor();
    answer = await registerNode(server.ready, {
      mac_address: "24:0A:C4:5E:11:07",
      firmware_version: "1.0.0",
      sensor_types: ["dht22", "soil", "bh1750"],
    });
    await expect(startNode(answer)).rejects.toMatchObject({ code: 0x86 });
    const waits = page.getByRole("region", { name: "Waiting for your approval" });
    await waits.getByText("24:0a:c4:5e:11:07", { exact: false }).waitFor();
    await waits.getByText(`${answer.check_code.slice(0, 3)} ${answer.check_code.slice(3)}`).waitFor();
    await waits.getByRole("button", { name: /^Approve/ }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("Sink node");
    await page.getByRole("button", { name: "Yes, approve" }).click();
    await page.getByRole("list", { name: "Nodes" }).getByText("Sink node").waitFor();
    await waits.waitFor({ state: "hidden" });
    expect(await page.content()).not.toContain(answer.mqtt_password);
  });

  it("GA-01, GA-05, GA-09: it comes on the air with exactly what it was answered, is seen without a plant, and is put beside one", async () => {
    node = await startNode(answer);
    // It does not fall silent because the machine takes its time.
    await keeper.call(changeDevice, { params: { deviceId: node.deviceId }, body: { heartbeatSeconds: 3_600 } });
    await node.beat();
    await node.tell(well);
    const row = page.getByRole("listitem").filter({ hasText: "Sink node" });
    await row.getByText("Online").waitFor();
    await row.getByText(`${well.soilMoisture} %`).waitFor();
    await row.getByText("good (-58 dBm)").waitFor();
    await row.getByRole("combobox", { name: "Plant of Sink node" }).click();
    await page.getByRole("option", { name: "Basil by the sink" }).click();
    await link("Plants").first().click();
    // What it measured before is not this plant's.
    await card().getByText("Its node has not measured anything yet.").waitFor();
  });

  it("GA-23: a new reading is on the card without the page being loaded anew", async () => {
    await page.evaluate("window.sameDocument = true");
    const soilMoisture = driest + 17.3;
    const startedMs = performance.now();
    await node.tell({ ...well, soilMoisture });
    await card().getByText(String(soilMoisture)).waitFor();
    printFigures("GA-23", { published_to_card_ms: Math.round(performance.now() - startedMs) });
    await card().getByText("Well", { exact: true }).waitFor();
    expect(await page.evaluate("window.sameDocument")).toBe(true);
  });

  it("GA-13, GA-14, GA-15: dry soil is an alarm, told as Discord takes it with the plant, the value and the limit, in red", async () => {
    await keeper.call(changeNotificationSettings, { body: eachByItself });
    await keeper.call(addNotificationTarget, {
      body: { kind: "discord", name: "Garden chat", url: `${chat.url}/api/webhooks/1/key`, minSeverity: "info" },
    });
    for (const soilMoisture of [driest - 6, driest - 7]) await node.tell({ ...well, soilMoisture });
    await card().getByText("Outside its limits").waitFor();
    await card().getByRole("link", { name: "1 open alarm" }).waitFor();
    await until("the chat was told", () => chat.caught.length === 1, patienceMs);
    expect(chat.caught[0]?.path).toBe("/api/webhooks/1/key?wait=true");
    const [embed] = toldOf(0).embeds;
    expect(embed?.title).toContain(`Soil moisture at Basil by the sink is ${driest - 7} %`);
    expect(embed?.color).toBe(15_158_332);
    const fields = Object.fromEntries((embed?.fields ?? []).map(({ name, value }) => [name, value]));
    expect(fields).toMatchObject({
      Device: "Sink node",
      For: "Basil by the sink",
      Metric: String.raw`soil\_moisture`,
      Value: `${driest - 7} %`,
      Limit: `${driest} %`,
    });
  });

  it("GA-14: it is acknowledged in the browser, from the plant", async () => {
    await card().getByRole("link", { name: "1 open alarm" }).click();
    await page
      .getByRole("button", { name: /^Acknowledge: Sink node, Basil by the sink: soil too dry/ })
      .first()
      .click();
    await page.getByText("Acknowledged", { exact: true }).first().waitFor();
  });

  it("GA-13, GA-15: watered, the alarm ends by itself and the chat hears that it is over", async () => {
    await page.goto(`/kits/garden/plants/${plantId}`);
    await page.getByText("Outside its limits").first().waitFor();
    const before = chat.caught.length;
    for (const soilMoisture of [driest + 9, driest + 22]) await node.tell({ ...well, soilMoisture });
    await page.getByText("Well", { exact: true }).first().waitFor();
    const isOver = () => chat.caught.slice(before).some((_, at) => toldOf(before + at).content.startsWith("Cleared"));
    await until("the chat heard the end", isOver, patienceMs);
    await until("no alarm is open", async () => (await page.getByRole("link", { name: /open alarm/ }).count()) === 0, patienceMs);
  });

  it("GA-19, GA-20, GA-26: a model of one's own is set up and tried, and writes a plan whose claims show the values they rest on", async () => {
    await page.goto("/kits/garden/settings");
    await page.getByRole("combobox", { name: "Provider" }).click();
    await page.getByRole("option", { name: /^Compatible/ }).click();
    await page.getByLabel("Model", { exact: true }).fill("llama3.2:3b");
    await page.getByLabel("Address").fill(model.url);
    await page.getByRole("textbox", { name: "Key" }).fill(modelKey);
    await page.getByLabel("Price of a million tokens read").fill("1");
    await page.getByLabel("Price of a million tokens written").fill("2");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("ending in ...q7Rt").waitFor();
    await page.getByRole("button", { name: "Test", exact: true }).click();
    await page.getByText(/\(\d+ ms\)/).waitFor();

    await page.goto(`/kits/garden/plants/${plantId}`);
    const care = await goTo("Care plan");
    const plan = care.getByRole("article", { name: "The care plan" });
    await care.getByRole("button", { name: /^Write a/ }).waitFor();
    if ((await plan.count()) === 0) await care.getByRole("button", { name: /^Write a/ }).click();
    await plan.getByText(`The soil is at ${driest + 22} %.`).waitFor();
    const cites = (await plan.locator("cite").allTextContents()).map((text) => text.replaceAll("\u00A0", " "));
    expect(cites.some((text) => text.startsWith(`soil moisture ${driest + 22} %`))).toBe(true);
    expect(cites.some((text) => text.startsWith("temperature 22.5 °C"))).toBe(true);
    expect(await page.content()).not.toContain(modelKey);
    expect(model.asked.every(({ headers }) => headers.authorization === `Bearer ${modelKey}`)).toBe(true);
  });

  it("GA-21: opening the plant's page again asks no model", async () => {
    // A plan that was asked for twice, by the page and by the server itself, is written twice.
    const work = async () => (await keeper.call(getCarePlan, { params: { plantId } })).work.state;
    await until("nothing is being written any more", async () => (await work()) === "done");
    const asked = model.asked.length;
    await page.reload();
    await goTo("Care plan");
    await page.getByRole("article", { name: "The care plan" }).waitFor();
    expect(model.asked.length).toBe(asked);
  });

  it("GA-10, GA-24: what the node remembered of the month is in the month's view, as a line and in figures", async () => {
    const now = Date.now();
    // The page puts a node at its plant from now on; that it stood there before is said to the API.
    await keeper.call(assignNode, {
      params: { plantId },
      body: { deviceId: node.deviceId, since: new Date(now - 29 * dayMs).toISOString() },
    });
    const past = Array.from({ length: 28 * 4 }, (_, at) => ({
      atMs: now - 28 * dayMs + at * (dayMs / 4),
      ...well,
      temperature: at === 50 ? 31.7 : 20 + (at % 4),
    }));
    for (let at = 0; at < past.length; at += 8) await node.tell(...past.slice(at, at + 8));
    await page.reload();
    await page.getByRole("button", { name: "Month" }).click();
    const chart = page.getByRole("slider", { name: /^temperature/ });
    await chart.scrollIntoViewIfNeeded();
    await until(
      "all is drawn",
      async () => /highest 31\.7.°C at .*, 11[7-9] values/.test((await chart.getAttribute("aria-label")) ?? ""),
      patienceMs,
    );
    expect(new URL(page.url()).searchParams.get("range")).toBe("30d");
    const air = page.getByRole("region", { name: "Air temperature" });
    await air.locator("summary").click();
    await air.getByRole("cell", { name: "31.7 °C" }).first().waitFor();
    expect(await air.getByRole("row").count()).toBeGreaterThan(100);
    // The past was never an alarm.
    expect(await page.getByRole("link", { name: /open alarm/ }).count()).toBe(0);
  });
});
