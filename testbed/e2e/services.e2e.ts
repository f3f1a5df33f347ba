import { reportExternalAlarm } from "@roost/contract/external-alarms";
import { sendTelemetry } from "@roost/contract/ingest";
import { listServices } from "@roost/contract/services";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { launchBrowser, openPage } from "../src/browser.ts";
import { addClaimedDevice, setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { until } from "../src/waiting.ts";

describe("services in the browser", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  let browser: Browser;

  beforeAll(async () => {
    [server, browser] = await Promise.all([
      startServer({ dataDir: folder.dataDir, env: { ROOST_LOCAL_DEVICE: "false" } }),
      launchBrowser(),
    ]);
    keeper = await setUpAdministrator(server);
    const { credentials } = await addClaimedDevice(server, keeper, "olt-hill");
    const heard = await fetch(server.ready.url + sendTelemetry.path.replace(":deviceId", "olt-hill"), {
      method: "POST",
      headers: { authorization: `Bearer ${credentials.http.token}`, "content-type": "application/json" },
      body: JSON.stringify({ temperature: 21 }),
    });
    expect(heard.status).toBe(200);
  });
  afterAll(async () => {
    await browser.close();
    await server.terminate();
    folder.remove();
  });

  it("N-F09: a level and a service are added; its outage is seen at once, counted in the report, and its days are walked by keyboard", async () => {
    const { context, page, misdeeds } = await openPage(browser, server.ready.url, { timezoneId: "UTC" });
    await page.goto("/sign-in");
    await page.getByLabel("E-mail").fill(keeper.email);
    await page.getByLabel("Password", { exact: true }).fill(keeper.password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.waitForURL("**/");

    await page.goto("/services");
    await page.getByText("No services yet.").waitFor();
    await page.getByRole("button", { name: "Add level" }).click();
    await page.getByLabel("Name").fill("Gold");
    await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText(/99\.9 % of 30 days/).waitFor();

    await page.getByRole("button", { name: "Add service" }).first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("<img src=x onerror=alert(1)>");
    await dialog.getByLabel("Customer").fill("Hansa");
    await dialog.getByRole("combobox", { name: "Carried by these devices" }).click();
    await dialog.getByRole("option", { name: "olt-hill" }).click();
    await dialog.getByLabel("Customer").click();
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("link", { name: "<img src=x onerror=alert(1)>" }).click();
    await page.getByText("Not known of the period").waitFor();

    const alarm = { id: "hill", type: "link", severity: "critical", title: "Fibre cut", deviceId: "olt-hill" } as const;
    await keeper.call(reportExternalAlarm, { body: alarm });
    await page.getByText("Down now").first().waitFor();
    await page.getByRole("link", { name: "olt-hill: Fibre cut" }).waitFor();
    await keeper.call(reportExternalAlarm, { body: { ...alarm, state: "cleared" } });
    await page.getByText("Down now").first().waitFor({ state: "detached" });
    await until("the outage is over", async () => (await keeper.call(listServices, { query: {} })).items[0]?.isDown === false);

    const bar = page.getByRole("group", { name: "The last 30 days, the oldest first" });
    await bar.getByRole("button").last().focus();
    await page.keyboard.press("Home");
    const first = bar.getByRole("button").first();
    expect(await first.evaluate((cell) => cell === document.activeElement)).toBe(true);
    expect(await first.getAttribute("aria-label")).toMatch(/^\d{4}-\d\d-\d\d, not known: 24 h not known$/);
    await page.getByRole("button", { name: "90 days" }).first().click();
    await page.getByRole("group", { name: "The last 90 days, the oldest first" }).waitFor();

    const [file] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Download the report as CSV" }).click(),
    ]);
    expect(file.suggestedFilename()).toBe("service-report.csv");
    expect(misdeeds).toEqual({ console: [], foreign: [], dialogs: [] });
    await context.close();
  });
});
