import { addSite } from "@roost/contract/organisations";
import { listAlarmRules } from "@roost/contract/rules";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { findChromium, launchBrowser, openPage, signInByPage } from "../src/browser.ts";
import { addClaimedDevice, setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";

describe.skipIf(findChromium() === undefined)("the rules page", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let administrator: Administrator;
  let browser: Browser;
  let page: Page;
  beforeAll(async () => {
    server = await startServer({ dataDir: folder.dataDir });
    administrator = await setUpAdministrator(server);
    await administrator.call(addSite, { body: { name: "North field" } });
    const { device, credentials } = await addClaimedDevice(server, administrator, "coop-1");
    const samples = [20, 31, 33, 20, 32, 20].map((temperature, index) => ({
      temperature,
      timestamp: new Date(Date.now() - (60 - index) * 60_000).toISOString(),
    }));
    await fetch(`${server.ready.url}/api/v1/devices/${device.id}/telemetry`, {
      method: "POST",
      headers: { authorization: `Bearer ${credentials.http.token}`, "content-type": "application/json" },
      body: JSON.stringify(samples),
    });
    browser = await launchBrowser();
    ({ page } = await openPage(browser, server.ready.url));
    await signInByPage(page, administrator);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.terminate();
    folder.remove();
  });

  it("N-F08: adds a rule, says what is missing, tries it on the past before it is saved, and goes back to an earlier version", async () => {
    await page.goto(`${server.ready.url}/rules`);
    await page.getByText("No rules yet.").waitFor();
    await page.getByRole("button", { name: "Add rule" }).click();
    await page.getByLabel("Name").fill("Too warm");
    const editor = page.getByRole("dialog", { name: "Add a rule" });
    await editor.getByRole("button", { name: "Add rule" }).click();
    await editor.getByText("Fill this in.").waitFor();
    await editor.getByLabel("Metric").fill("temperature");
    await editor.getByRole("button", { name: "Add rule" }).click();
    await editor.getByText("A rule needs a limit above, below, or both").waitFor();
    await editor.getByLabel("Alarm above").fill("30");
    await editor.getByRole("button", { name: "Try on the past" }).click();
    const trial = page.getByRole("dialog", { name: "Try the rule on the past" });
    await trial.getByRole("button", { name: "Try", exact: true }).click();
    await trial.getByText("Would have raised 2 alarms").waitFor();
    await trial.getByRole("button", { name: "Close" }).last().click();
    await editor.getByRole("button", { name: "Add rule" }).click();
    await page.getByText("temperature above 30").waitFor();

    await page.getByRole("button", { name: "Change: Too warm" }).click();
    const change = page.getByRole("dialog", { name: "Change the rule" });
    await change.getByLabel("Alarm above").fill("32,5");
    await change.getByRole("button", { name: "Save" }).click();
    await page.getByText("temperature above 32.5").waitFor();
    await page.getByRole("button", { name: "Versions (2): Too warm" }).click();
    await page.getByRole("button", { name: "Go back to 1" }).click();
    await page.getByText("3. Rolled back").waitFor();
    const { items } = await administrator.call(listAlarmRules, {});
    expect(items).toMatchObject([{ name: "Too warm", version: 3, condition: { above: 30 } }]);
  });
});
