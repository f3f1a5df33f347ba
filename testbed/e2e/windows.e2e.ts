import { addDevice, getDevice } from "@roost/contract/devices";
import { listMaintenanceWindows } from "@roost/contract/windows";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { launchBrowser, openPage } from "../src/browser.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";

describe("maintenance in the browser", () => {
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
    for (const id of ["olt-1", "ont-1"]) await keeper.call(addDevice, { body: { id, name: id } });
  });
  afterAll(async () => {
    await browser.close();
    await server.terminate();
    folder.remove();
  });

  it("N-F03, N-F04: a person plans, silences, ends it, and says what a device is reached through", async () => {
    const { context, page, misdeeds } = await openPage(browser, server.ready.url, { timezoneId: "Europe/Berlin" });
    await page.goto("/sign-in");
    await page.getByLabel("E-mail").fill(keeper.email);
    await page.getByLabel("Password", { exact: true }).fill(keeper.password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.waitForURL("**/");

    await page.goto("/windows");
    await page.getByText("No maintenance is planned.").waitFor();
    await page.getByRole("button", { name: "Plan maintenance" }).click();
    await page.getByLabel("Title").fill("Router updates");
    await page.getByRole("button", { name: "Every week" }).click();
    await expect.poll(async () => page.getByRole("region", { name: "When it would be in force" }).getByRole("listitem").count()).toBe(5);
    // About nothing yet: refused, with the code, and nothing is lost.
    await page.getByRole("button", { name: "Plan it" }).click();
    await page.getByText("windows.empty_scope").waitFor();
    await page.getByLabel("About everything").check();
    await page.getByRole("button", { name: "Plan it" }).click();
    await page.getByRole("button", { name: "Cancel Router updates" }).waitFor();
    const planned = await keeper.call(listMaintenanceWindows, { query: {} });
    expect(planned.items).toMatchObject([
      { title: "Router updates", plan: { rrule: "FREQ=WEEKLY", zone: "Europe/Berlin", durationSeconds: 7_200 } },
    ]);

    await page.goto("/devices/ont-1/settings");
    await page.getByRole("button", { name: "Silence", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Silence", exact: true }).click();
    await page.getByRole("button", { name: "End it now" }).click();
    await page.getByRole("button", { name: "End it now" }).waitFor({ state: "detached" });
    const { items } = await keeper.call(listMaintenanceWindows, { query: { show: "over" } });
    expect(items).toMatchObject([{ silence: true, status: "cancelled", scope: { deviceIds: ["ont-1"] } }]);

    await page.getByRole("combobox", { name: "Device it is reached through" }).click();
    await page.getByRole("combobox", { name: "Device it is reached through" }).fill("olt");
    await page.getByRole("option", { name: "olt-1" }).click();
    await page.getByRole("region", { name: "Reached through" }).getByRole("button", { name: "Save" }).click();
    await page.getByRole("link", { name: "olt-1" }).waitFor();
    expect((await keeper.call(getDevice, { params: { deviceId: "ont-1" } })).parentId).toBe("olt-1");
    // The browser itself reports the refused plan.
    expect(misdeeds.console.filter((line) => !line.includes("400"))).toEqual([]);
    expect(misdeeds.foreign).toEqual([]);
    await context.close();
  });
});
