import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { changeDevice } from "@roost/contract/devices";
import { addInvitation, joinByInvitation } from "@roost/contract/people";
import { launchBrowser, openPage, signInByPage, untilLoaded } from "@roost/testbed/browser";
import type { Misdeeds } from "@roost/testbed/browser";
import { walkPages } from "@roost/testbed/page-walk";
import { until } from "@roost/testbed/waiting";
import type { Browser, BrowserContext, Download, Locator, Page, Request } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { startTestProvider } from "./care/test-provider.ts";
import type { TestProvider } from "./care/test-provider.ts";
import { getNodeSettings } from "./contract/firmware.ts";
import type { PlantId } from "./contract/plants.ts";
import { addPlant, assignNode, getPlant, listPlants } from "./contract/plants.ts";
import { startGarden } from "./test-garden.ts";
import type { TestGarden } from "./test-garden.ts";

const builtPage = fileURLToPath(new URL("../../../web/dist/index.html", import.meta.url));
const patienceMs = 60_000;
const viewer = { email: "guest@example.org", password: "only looking at the leaves today", name: "Guest" };
const modelKey = "sk-pages-0123456789-zP4k";

/** In a chart's picture, how far down its limits' dashed lines lie, in parts of its height. */
const limitLines = `(() => {
  const canvas = document.querySelector("section[aria-label='Air temperature'] canvas");
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data, width, height } = copy.getImageData(0, 0, canvas.width, canvas.height);
  const rows = [];
  for (let y = 0; y < height; y += 1) {
    let amber = 0;
    for (let x = 0; x < width; x += 1) {
      const at = (y * width + x) * 4;
      if (data[at] > 150 && data[at + 1] > 80 && data[at + 1] < 180 && data[at + 2] < 70 && data[at + 3] > 200) amber += 1;
    }
    if (amber > width / 4) rows.push(y / height);
  }
  return rows.filter((row, at) => at === 0 || row - rows[at - 1] > 0.03);
})()`;

describe("the garden's pages", () => {
  let garden: TestGarden;
  let model: TestProvider;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let misdeeds: Misdeeds;
  const ids = new Map<string, PlantId>();

  /** Nothing falls silent because the machine takes its time. */
  const beatsSeldom = async (deviceId: string) =>
    garden.keeper.call(changeDevice, { params: { deviceId }, body: { heartbeatSeconds: 3_600 } });

  async function plantWith(name: string, body: object, node?: string, agesMinutes: readonly number[] = []): Promise<void> {
    const { id } = await garden.keeper.call(addPlant, { body: { name, ...body } });
    ids.set(name, id);
    if (node === undefined) return;
    const credentials = await garden.addNode(node);
    await beatsSeldom(node);
    const now = Date.now();
    const since = new Date(now - 3 * 3_600_000).toISOString();
    await garden.keeper.call(assignNode, { params: { plantId: id }, body: { deviceId: node, since } });
    const samples = agesMinutes.map((minutes) => ({
      timestamp: now - minutes * 60_000,
      soil_moisture: 45 + (minutes % 7),
      temperature: 20 + (minutes % 5),
      humidity: 55,
      light_level: 3_000,
    }));
    if (samples.length > 0) await garden.send(credentials, samples);
  }

  beforeAll(async () => {
    if (!existsSync(builtPage)) throw new Error("The web app is not built. Run: npm run build -w @roost/web");
    [garden, model] = await Promise.all([startGarden({ env: { ROOST_EGRESS_ALLOW: "127.0.0.0/8" } }), startTestProvider()]);
    const limits = { soil_moisture: { min: 20, max: 80 }, temperature: { min: 19, max: 25 } };
    await plantWith(
      "Fern",
      { species: "Boston fern", place: "Hall", limits },
      "fern-1",
      Array.from({ length: 60 }, (_, at) => 60 - at),
    );
    await plantWith("Cactus", { limits }, "cactus-1", [125, 120]);
    await plantWith("Moss", { limits });
    await plantWith("Sage", { limits }, "sage-1");
    await garden.keeper.call(changeDevice, { params: { deviceId: "cactus-1" }, body: { heartbeatSeconds: 1 } });
    const free = await garden.addNode("free-1");
    await beatsSeldom("free-1");
    await garden.send(free, [{ timestamp: Date.now(), soil_moisture: 33.3, rssi: -71 }]);
    browser = await launchBrowser();
    ({ context, page, misdeeds } = await openPage(browser, garden.server.ready.url, { acceptDownloads: true }));
    page.setDefaultTimeout(patienceMs);
    await signInByPage(page, garden.keeper);
  });
  afterEach(() => {
    expect(misdeeds).toEqual({ console: [], foreign: [], dialogs: [] });
  });
  afterAll(async () => {
    await browser?.close();
    await model?.close();
    await garden?.stop();
  });

  const visit = (path: string, on = page) => on.goto(`/kits/garden/${path}`);
  const plantPage = (name: string) => `plants/${ids.get(name)}`;
  const shown = (name: string) => garden.keeper.call(getPlant, { params: { plantId: ids.get(name) ?? "" } });
  const card = (name: string, on = page) => on.getByRole("list", { name: "Plants" }).getByRole("listitem").filter({ hasText: name });
  const nodeRow = (name: string) => page.getByRole("list", { name: "Nodes" }).locator(":scope > li").filter({ hasText: name });
  const limit = (metric: string, side: "From" | "To") => page.getByRole("group", { name: metric }).getByLabel(side);

  /** Scrolls until a part of the page that comes when somebody goes there is there. */
  async function goTo(name: string): Promise<Locator> {
    const part = page.getByRole("region", { name, exact: true });
    await page.mouse.move(640, 400);
    const isThere = async () => {
      if ((await part.count()) > 0) return true;
      await page.mouse.wheel(0, 300);
      await page.waitForTimeout(100);
      return false;
    };
    await until(`${name} is there`, isThere, patienceMs);
    await part.scrollIntoViewIfNeeded();
    return part;
  }

  it("GA-11, GA-12: a limit is cleared, 0 is one, a reversed one is refused at its field, a species is cleared, and a plant goes by its name", async () => {
    await visit("plants/new");
    await page.getByRole("textbox", { name: "Species" }).fill("mint");
    await page.getByRole("option", { name: /^Spearmint/ }).click();
    await limit("Soil", "To").fill("");
    await limit("Air", "From").fill("0");
    await limit("Humidity", "From").fill("80");
    await limit("Humidity", "To").fill("40");
    await page.getByText("The lower limit is above the upper one.").waitFor();
    expect(await page.getByRole("button", { name: "Add plant" }).isDisabled()).toBe(true);
    await limit("Humidity", "To").fill("90");
    await page.getByRole("button", { name: "Add plant" }).click();
    await page.getByRole("heading", { name: "Spearmint", level: 1 }).waitFor();
    const { items } = await garden.keeper.call(listPlants, { query: { q: "spearmint" } });
    ids.set("Mint", items[0]?.id ?? ("" as PlantId));
    expect(items[0]?.limits).toMatchObject({
      soil_moisture: { min: expect.any(Number) as number, max: null },
      temperature: { min: 0 },
      humidity: { min: 80, max: 90 },
    });

    const asked = new Set<Request>();
    page.on("request", (request) => request.url().includes(items[0]?.id ?? "") && asked.add(request));
    page.on("requestfinished", (request) => asked.delete(request));
    page.on("requestfailed", (request) => asked.delete(request));
    const record = await goTo("Record");
    await record.getByRole("textbox", { name: "Species" }).fill("");
    await record.getByRole("button", { name: "Save" }).click();
    await until("the species is gone", async () => (await shown("Mint")).species === undefined, patienceMs);
    await record.getByRole("button", { name: "Remove plant" }).click();
    const dialog = page.getByRole("dialog");
    expect(await dialog.getByRole("button", { name: "Remove" }).isDisabled()).toBe(true);
    await dialog.getByRole("textbox").fill("Spearmint");
    await dialog.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("heading", { name: "Plants", level: 1 }).waitFor();
    await until("its card is gone", async () => (await card("Spearmint").count()) === 0, patienceMs);
    // The news of it may come before the page is left, which asks once more.
    await until("nothing is asked of it any more", () => asked.size === 0, patienceMs);
    misdeeds.console.splice(0, Infinity, ...misdeeds.console.filter((line) => !line.includes("404 (Not Found)")));
  });

  it("GA-23, GA-12: a silent plant says since when, one of which nothing is known says why, and neither is called well", async () => {
    await visit("");
    await card("Fern").getByText("Well", { exact: true }).waitFor();
    await card("Cactus").getByText("Silent").waitFor();
    expect(await card("Cactus").getByRole("time").or(card("Cactus").locator("time")).first().textContent()).toMatch(/^2 h/);
    await card("Moss").getByText("No node stands here yet.").waitFor();
    await card("Sage").getByText("Its node has not measured anything yet.").waitFor();
    for (const name of ["Cactus", "Moss", "Sage"]) expect(await card(name).getByText("Well", { exact: true }).count()).toBe(0);
    await page.getByRole("button", { name: /^Silent/ }).click();
    await until(
      "only the silent one is shown",
      async () => (await page.getByRole("list", { name: "Plants" }).locator(":scope > li").count()) === 1,
      patienceMs,
    );
    await page.getByText("1 node measures without a plant").waitFor();
  });

  it("GA-05, GA-09, GA-25: nodes are filtered and counted, put at a plant, moved, taken away, and removed by their id", async () => {
    await visit("nodes");
    await nodeRow("free-1").getByText("33.3 %").waitFor();
    await page.getByRole("button", { name: /^Without a plant/ }).click();
    await until(
      "one is left",
      async () => (await page.getByRole("list", { name: "Nodes" }).locator(":scope > li").count()) === 1,
      patienceMs,
    );
    for (const [chip, count] of [
      ["All", 4],
      ["Offline", 1],
      ["Never heard", 1],
      ["Without a plant", 1],
    ] as const) {
      await page.getByRole("button", { name: new RegExp(`^${chip} ?${count}$`) }).waitFor();
    }
    await page.getByRole("combobox", { name: "Plant of free-1" }).click();
    await page.getByRole("option", { name: "Moss" }).click();
    await page.getByText("No node fits this filter.").waitFor();
    await page.getByRole("button", { name: /^All/ }).click();
    await page.getByRole("combobox", { name: "Plant of free-1" }).click();
    await page.getByRole("option", { name: "Sage" }).click();
    const nodesOf = async (name: string) => (await shown(name)).nodes.map(({ deviceId }): string => deviceId);
    await until("it has moved", async () => (await nodesOf("Sage")).includes("free-1") && (await nodesOf("Moss")).length === 0, patienceMs);
    await page.getByRole("combobox", { name: "Plant of free-1" }).click();
    await page.getByRole("option", { name: "At no plant" }).click();
    await until("it is free again", async () => !(await nodesOf("Sage")).includes("free-1"), patienceMs);

    await nodeRow("free-1").getByRole("button", { name: "Remove free-1" }).click();
    const dialog = page.getByRole("dialog");
    expect(await dialog.getByRole("button", { name: "Remove" }).isDisabled()).toBe(true);
    await dialog.getByRole("textbox").fill("free-1");
    await dialog.getByRole("button", { name: "Remove" }).click();
    await until("it is gone", async () => (await nodeRow("free-1").count()) === 0, patienceMs);
  });

  it("GA-24: limits are edited on the plant's page, and the chart's lines move", async () => {
    await visit(`${plantPage("Fern")}?range=1h`);
    await page.getByRole("slider", { name: /^temperature.*highest/ }).scrollIntoViewIfNeeded();
    let before: number[] = [];
    await until("both limits are drawn", async () => (before = await page.evaluate<number[]>(limitLines)).length === 2, patienceMs);
    await goTo("Limits");
    await limit("Air", "To").fill("23");
    await page.getByRole("button", { name: "Save limits" }).click();
    let after: number[] = [];
    const isLower = async () => {
      after = await page.evaluate<number[]>(limitLines);
      return after.length === 2 && (after[0] ?? 0) > (before[0] ?? 1) + 0.05;
    };
    await until("the upper line came down", isLower, patienceMs);
    expect((await shown("Fern")).limits.temperature).toEqual({ min: 19, max: 23 });
  });

  it("GA-26: the key of a model is never shown again, and what its provider says to it is told in words", async () => {
    await visit("settings");
    await page.getByRole("combobox", { name: "Provider" }).click();
    await page.getByRole("option", { name: /^Compatible/ }).click();
    await page.getByLabel("Model", { exact: true }).fill("llama3.2:3b");
    await page.getByLabel("Address").fill(model.url);
    await page.getByRole("textbox", { name: "Key" }).fill(modelKey);
    for (const price of ["read", "written"]) await page.getByLabel(`Price of a million tokens ${price}`).fill("0");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("ending in ...zP4k").waitFor();
    model.forget();
    model.otherwise({ status: 401, errorText: "Incorrect API key <b>provided</b>" });
    await page.getByRole("button", { name: "Test", exact: true }).click();
    const said = page.locator("output").filter({ hasText: /\d ms\)/ });
    await said.waitFor();
    expect(await said.textContent()).toMatch(/key/i);
    expect(await said.textContent()).not.toContain("Incorrect");
    await page.reload();
    await page.getByText("ending in ...zP4k").waitFor();
    expect(await page.getByRole("textbox", { name: "Key" }).inputValue()).toBe("");
    expect(await page.content()).not.toContain(modelKey);
  });

  it("GA-39, GA-40, GA-42: a node's program is downloaded, the code of its portal is shown once, and its pace is kept", async () => {
    const downloads: Download[] = [];
    page.on("download", (download) => downloads.push(download));
    await visit("nodes/sage-1/flash");
    await page.getByRole("button", { name: "Make credentials and download" }).click();
    await page.getByText("PlantOps-Setup", { exact: true }).waitFor();
    await until("both files came", () => downloads.length === 2, patienceMs);
    const texts = new Map(
      await Promise.all(downloads.map(async (one) => [one.suggestedFilename(), await readFile(await one.path(), "utf8")] as const)),
    );
    expect([...texts.keys()].sort()).toEqual(["sage-1.yaml", "secrets.yaml"]);
    const code = (await page.locator("pre[aria-label='the code']").textContent()) ?? "";
    expect(code.length).toBeGreaterThanOrEqual(8);
    expect(texts.get("secrets.yaml")).toContain(code);
    expect(texts.get("sage-1.yaml")).not.toContain(code);
    await page.getByLabel("Seconds between two samples").fill("30");
    await page.getByRole("button", { name: "Save pace" }).click();
    const kept = async () => (await garden.keeper.call(getNodeSettings, { params: { deviceId: "sage-1" } })).sampleSeconds;
    await until("the pace is kept", async () => (await kept()) === 30, patienceMs);
    await page.reload();
    await page.getByRole("button", { name: "Save pace" }).waitFor();
    expect(await page.getByLabel("Seconds between two samples").inputValue()).toBe("30");
    expect(await page.content()).not.toContain(code);
    // The device's own page shows the same pace, and the way to where it is set; it is set nowhere else.
    await page.goto(`${garden.server.ready.url}/devices/sage-1/settings`);
    await page.getByText("A sample every 30 s").waitFor();
    expect(await page.getByLabel("A sample every … seconds").count()).toBe(0);
    await page.getByRole("link", { name: "Set it on its program's page" }).click();
    await page.getByRole("button", { name: "Save pace" }).waitFor();
  });

  const pinOf = (name: string, on: Page) => on.locator("[data-room] > div").filter({ has: on.getByRole("link", { name, exact: true }) });
  const spotOf = async (name: string, on = page) =>
    pinOf(name, on).evaluate((pin: { style: { left: string; top: string } }) => [pin.style.left, pin.style.top]);

  it("GA-27: a plant is put on the plan by keyboard and by drag, stays there, and a guest who may only look sees the same and no button", async () => {
    await visit("plan");
    const tray = page.getByRole("list", { name: "Plants that are not on the plan" });
    for (const name of ["Fern", "Cactus"]) {
      await tray.getByRole("button", { name: `Put on the plan: ${name}` }).click();
      await pinOf(name, page).waitFor();
    }
    const savedAt = async (name: string) => (await shown(name)).position;
    await until(
      "both are placed",
      async () => (await savedAt("Fern")) !== undefined && (await savedAt("Cactus")) !== undefined,
      patienceMs,
    );
    const handle = page.getByRole("button", { name: /^Move Fern, / });
    const first = await savedAt("Fern");
    await handle.focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Shift+ArrowDown");
    const byKey = { x: Math.round(((first?.x ?? 0) + 0.02) * 1_000) / 1_000, y: Math.round(((first?.y ?? 0) + 0.1) * 1_000) / 1_000 };
    await until("the keys moved it", async () => JSON.stringify(await savedAt("Fern")) === JSON.stringify(byKey), patienceMs);
    await page.getByText(/^Fern: \d+ % from the left, \d+ % from the top\.$/).waitFor();

    const cactus = await savedAt("Cactus");
    const pin = page.getByRole("button", { name: "Move Cactus, Silent" });
    await pin.hover();
    const box = await pin.boundingBox();
    if (box === null) throw new Error("The pin has no box.");
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2 + 160, box.y + box.height / 2 + 140, { steps: 8 });
    await page.mouse.up();
    await until("the mouse moved it", async () => ((await savedAt("Cactus"))?.y ?? 0) > (cactus?.y ?? 1) + 0.1, patienceMs);
    await page.reload();
    await pinOf("Cactus", page).waitFor();
    const here = [await spotOf("Fern"), await spotOf("Cactus")];

    const { link } = await garden.keeper.call(addInvitation, { body: { email: viewer.email, role: "viewer" } });
    const [, token = ""] = link?.path.split("#") ?? [];
    const joined = await garden.fetch(joinByInvitation.path, {
      method: joinByInvitation.method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token, name: viewer.name, password: viewer.password }),
    });
    expect(joined.status).toBe(201);
    const guest = await openPage(browser, garden.server.ready.url, { viewport: { width: 1280, height: 4_000 } });
    guest.page.setDefaultTimeout(patienceMs);
    await signInByPage(guest.page, viewer);
    await visit("plan", guest.page);
    await pinOf("Cactus", guest.page).waitFor();
    expect([await spotOf("Fern", guest.page), await spotOf("Cactus", guest.page)]).toEqual(here);
    expect(await guest.page.getByRole("button", { name: /^Move|Put on the plan/ }).count()).toBe(0);
    for (const [path, heading, refused] of [
      ["", "Plants", /Add plant/],
      ["nodes", "Nodes", /Add node|^Remove|^Take|Approve/],
      [plantPage("Fern"), "Fern", /^Save|^Write|^Remove|^Take|Add photo|Put here/],
      ["nodes/sage-1/flash", /^Program of/, /^Make|^Save|^Now/],
      ["settings", "Garden settings", /^Save|^Test|^Forget/],
    ] as const) {
      await visit(path, guest.page);
      await guest.page.getByRole("heading", { name: heading, level: 1 }).waitFor();
      await untilLoaded(guest.page);
      if (path === plantPage("Fern")) await guest.page.getByRole("region", { name: "Limits" }).waitFor();
      const buttons = await guest.page
        .getByRole("main")
        .getByRole("button")
        .or(guest.page.getByRole("main").getByRole("link"))
        .allTextContents();
      expect(
        buttons.filter((text) => refused.test(text)),
        path,
      ).toEqual([]);
    }
    expect(guest.misdeeds).toEqual({ console: [], foreign: [], dialogs: [] });
    await guest.context.close();
  });

  it("GA-27: every page has names for all that can be pressed and enough contrast, in light and dark, and fits the phone", async () => {
    const paths = ["", plantPage("Moss"), "plants/new", "plan", "nodes", "nodes/sage-1/flash", "settings"];
    const walk = async (on: readonly string[], screen?: { height: number }) =>
      walkPages(browser, garden.server.ready.url, await context.storageState(), on, screen);
    const walks = [
      await walk(["/kits", ...paths.map((path) => `/kits/garden/${path}`)]),
      // Parts of a plant's page come when somebody scrolls to them.
      await walk([`/kits/garden/${plantPage("Fern")}`], { height: 4_000 }),
    ];
    expect(walks.flatMap(({ faults }) => faults)).toEqual([]);
    for (const one of walks.flatMap((walked) => walked.misdeeds)) expect(one).toEqual({ console: [], foreign: [], dialogs: [] });
  });

  it("DESIGN contract: a plant that is added again with the same Idempotency-Key is one plant", async () => {
    const add = async () => {
      const headers = { "content-type": "application/json", "idempotency-key": "plant-1" };
      const answer = await garden.fetch(addPlant.path, { method: "POST", headers, body: JSON.stringify({ name: "Basil" }) });
      return [answer.status, answer.headers.get("x-idempotent-request"), await answer.text()];
    };
    const [, , told] = await add();
    expect(await add()).toEqual([201, "true", told]);
    const { items } = await garden.keeper.call(listPlants, { query: {} });
    expect(items.filter(({ name }) => name === "Basil")).toHaveLength(1);
  });
});
