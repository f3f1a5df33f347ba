import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { launchBrowser, openPage, signInByPage } from "../src/browser.ts";
import type { Misdeeds } from "../src/browser.ts";
import { setUpAdministrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";

const builtPage = fileURLToPath(new URL("../../web/dist/index.html", import.meta.url));

describe("who hears of it, in a browser", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let browser: Browser;
  let page: Page;
  let misdeeds: Misdeeds;
  const dialog = () => page.getByRole("dialog");
  const closed = () => dialog().waitFor({ state: "hidden" });

  beforeAll(async () => {
    if (!existsSync(builtPage)) throw new Error("The web app is not built. Run: npm run build -w @roost/web");
    server = await startServer({ dataDir: folder.dataDir });
    const keeper = await setUpAdministrator(server);
    browser = await launchBrowser();
    ({ page, misdeeds } = await openPage(browser, server.ready.url));
    page.setDefaultTimeout(60_000);
    await signInByPage(page, keeper);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.terminate();
    folder.remove();
  });

  it("N-F10: names who takes turns, shows who is on call now, and puts somebody there for a night by keyboard", async () => {
    await page.goto("/on-call");
    await page.getByRole("button", { name: "Add schedule" }).click();
    await dialog().getByLabel("Name").fill("Barns");
    await dialog()
      .getByLabel(/^People/)
      .first()
      .click();
    await page.getByRole("option").first().click();
    await dialog().getByLabel("Begins on").fill("2026-01-05");
    await dialog().getByRole("button", { name: "Save" }).click();
    await closed();
    const now = page.getByRole("region", { name: "Now" });
    await now.getByText(/^Barns: (?!nobody)/).waitFor();
    const day = page.getByRole("region", { name: "Calendar" }).getByRole("button", { name: /Put somebody else on call/ });
    await day.last().focus();
    await page.keyboard.press("Enter");
    await dialog()
      .getByRole("combobox", { name: /^On call/ })
      .click();
    await page.getByRole("option").first().click();
    await dialog().getByLabel("Why").fill("A concert");
    await dialog().getByRole("button", { name: "Save" }).click();
    await closed();
    await page.getByRole("region", { name: "Calendar" }).locator("[data-override]").first().waitFor();
  });

  it("CO-59, N-F08: says in plain words who hears of what, and who would hear of a critical alarm", async () => {
    await page.goto("/routes");
    await page.getByText("A critical alarm would reach nobody.").waitFor();
    await page.getByRole("button", { name: "Add chain" }).click();
    await dialog().getByLabel("Name").fill("Night");
    for (const step of [0, 1]) {
      await dialog()
        .getByRole("group", { name: `Step ${step + 1}` })
        .getByLabel("Tells")
        .first()
        .click();
      await page.getByRole("option").first().click();
      await dialog().getByLabel("Name").click();
    }
    await dialog().getByRole("button", { name: "Save" }).click();
    await closed();
    await page.getByText("at once on call: Barns; after 5 min on call: Barns").waitFor();
    await page.getByRole("button", { name: "Add route" }).click();
    await dialog().getByLabel("Name").fill("Critical at night");
    await dialog().getByRole("combobox", { name: "From severity" }).click();
    await page.getByRole("option", { name: "Critical" }).first().click();
    await dialog().getByLabel("Tells").first().click();
    await page.getByRole("option", { name: "Night" }).click();
    await dialog().getByLabel("Name").click();
    await dialog().getByRole("button", { name: "Save" }).click();
    await closed();
    await page.getByText("Critical alarms: chain Night").waitFor();
    const preview = page.getByRole("region", { name: "Who would hear?" });
    await preview.getByRole("button", { name: "Look" }).click();
    await preview.getByText("Nobody would hear of it.").waitFor();
    await preview
      .getByText(/has no channel of their own/)
      .first()
      .waitFor();
  });

  it("CO-60, N-F12: keeps what a person chose, also after a reload", async () => {
    await page.goto("/my-notifications");
    await page.getByText("You have no channel of your own.").waitFor();
    await page.getByLabel(/Quiet hours: critical/).check();
    await page.getByLabel("Quiet from").fill("21:30");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    await page.reload();
    await expect.poll(async () => page.getByLabel("Quiet from").inputValue()).toBe("21:30");
    expect(misdeeds).toEqual({ console: [], foreign: [], dialogs: [] });
  });
});
