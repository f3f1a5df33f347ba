import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { connectAsync } from "mqtt";
import type { MqttClient } from "mqtt";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { launchBrowser, openPage, signInByPage, untilSettled } from "../src/browser.ts";
import type { Misdeeds } from "../src/browser.ts";
import { startMosquitto } from "../src/mosquitto.ts";
import type { Mosquitto } from "../src/mosquitto.ts";
import { pageChecks } from "../src/page-checks.ts";
import { setUpAdministrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";

const builtPage = fileURLToPath(new URL("../../web/dist/index.html", import.meta.url));
const patienceMs = 60_000;

describe("the bridge to Home Assistant in a browser", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let broker: Mosquitto;
  let foreign: MqttClient;
  let browser: Browser;
  let page: Page;
  let misdeeds: Misdeeds;

  beforeAll(async () => {
    if (!existsSync(builtPage)) throw new Error("The web app is not built. Run: npm run build -w @roost/web");
    broker = await startMosquitto();
    foreign = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { username: broker.username, password: broker.password });
    server = await startServer({ dataDir: folder.dataDir, env: { ROOST_EGRESS_ALLOW: "127.0.0.1" } });
    const keeper = await setUpAdministrator(server);
    browser = await launchBrowser();
    ({ page, misdeeds } = await openPage(browser, server.ready.url));
    page.setDefaultTimeout(patienceMs);
    await signInByPage(page, keeper);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.terminate();
    await foreign?.endAsync(true);
    await broker?.close();
    folder.remove();
  });

  const dialog = () => page.getByRole("dialog");
  const say = async (topic: string, payload: object, retain = true) =>
    foreign.publishAsync(topic, JSON.stringify(payload), { qos: 1, retain });

  it("GA: sets the bridge up, reads what is wrong in words, and mends it", async () => {
    await page.getByRole("link", { name: "Organisation" }).first().click();
    await page.getByRole("link", { name: "Open the bridge to Home Assistant" }).click();
    await page.getByText("No bridge is set up").waitFor();
    await page.getByRole("button", { name: "Set up the bridge" }).click();
    await dialog().getByLabel("Broker", { exact: true }).fill("127.0.0.1");
    await dialog().getByLabel("Port", { exact: true }).fill(String(broker.port));
    await dialog().getByLabel("User", { exact: true }).fill(broker.username);
    await dialog().getByRole("textbox", { name: "Password" }).fill("a wrong one");
    await dialog().getByRole("button", { name: "Save" }).click();
    await page.getByText("The broker refuses the user name or password.").first().waitFor();
    await page.getByText("Not connected", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Change" }).click();
    await dialog().getByRole("textbox", { name: "Password" }).fill(broker.password);
    await dialog().getByRole("button", { name: "Save" }).click();
    await page.getByText("Connected", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Test" }).click();
    await page.getByText("It works: connected in").waitFor();
    expect(await page.content()).not.toContain(broker.password);
  });

  it("GA: takes a device in that announces itself, and sees what it says", async () => {
    const device = { ids: ["gh"], name: "Greenhouse <b>north</b>", mf: "Espressif", mdl: "ESP32" };
    const one = { dev: device, stat_t: "gh/state" };
    await say("homeassistant/sensor/gh/t/config", {
      ...one,
      name: "Air",
      dev_cla: "temperature",
      unit_of_meas: "°F",
      val_tpl: "{{ value_json.t }}",
    });
    await say("homeassistant/sensor/gh/h/config", { ...one, name: "Soil", unit_of_meas: "grade", val_tpl: "{{ value_json.s }}" });
    await say("homeassistant/sensor/gh/x/config", { ...one, name: "Dew point", unit_of_meas: "°C", val_tpl: "{{ value_json.t * 2 }}" });
    await page.getByRole("switch", { name: "Take in devices" }).click();
    await page.getByRole("button", { name: "Take Greenhouse <b>north</b> in" }).click();
    await dialog().getByText("in a way Roost does not know").waitFor();
    await dialog().getByLabel("Soil", { exact: true }).check();
    await dialog().getByRole("combobox", { name: "Unit of Soil" }).click();
    await page.getByRole("option", { name: "%", exact: true }).click();
    await dialog().getByLabel("Metric of Soil").fill("soil_moisture");
    await dialog().getByRole("button", { name: "Take in" }).click();
    await page.getByRole("heading", { name: "Greenhouse <b>north</b>" }).waitFor();
    await expect
      .poll(
        async () => {
          await say("gh/state", { t: 68, s: 41.5 }, false);
          return page.getByText("41.5").count();
        },
        { timeout: patienceMs, interval: 500 },
      )
      .toBeGreaterThan(0);
    await page
      .getByText(/^soil.moisture$/i)
      .first()
      .waitFor();
  });

  it("is as good on a phone and in the dark", async () => {
    await page.goto("/home-assistant");
    await page.getByRole("link", { name: "Open device" }).waitFor();
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.locator("html[data-mantine-color-scheme=dark]").waitFor();
    await untilSettled(page);
    for (const check of Object.values(pageChecks)) expect(await page.evaluate(check)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    await page.getByRole("button", { name: "Change" }).click();
    await dialog().waitFor();
    await untilSettled(page);
    for (const check of Object.values(pageChecks)) expect(await page.evaluate(check)).toEqual([]);
    await page.keyboard.press("Escape");
    expect(misdeeds).toEqual({ console: [], foreign: [], dialogs: [] });
  });
});
