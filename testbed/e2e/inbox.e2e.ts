import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { postAlerts } from "@roost/contract/external-alarms";
import { listInbox } from "@roost/contract/inbox";
import { changeNotificationSettings } from "@roost/contract/routing";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { launchBrowser, openPage, signInByPage } from "../src/browser.ts";
import { eachByItself } from "../src/each-by-itself.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";

const builtPage = fileURLToPath(new URL("../../web/dist/index.html", import.meta.url));

describe("the inbox in a browser", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  let browser: Browser;
  let desk: Page;
  let phone: Page;

  beforeAll(async () => {
    if (!existsSync(builtPage)) throw new Error("The web app is not built. Run: npm run build -w @roost/web");
    server = await startServer({ dataDir: folder.dataDir });
    keeper = await setUpAdministrator(server);
    await keeper.call(changeNotificationSettings, { body: eachByItself });
    browser = await launchBrowser();
    ({ page: desk } = await openPage(browser, server.ready.url));
    await signInByPage(desk, keeper);
    const storageState = await desk.context().storageState();
    ({ page: phone } = await openPage(browser, server.ready.url, { storageState, viewport: { width: 390, height: 844 } }));
    for (const page of [desk, phone]) page.setDefaultTimeout(60_000);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.terminate();
    folder.remove();
  });

  const raise = (...names: string[]) =>
    keeper.call(postAlerts, {
      body: names.map((alertname) => ({
        labels: { alertname, severity: "critical" },
        annotations: { summary: `${alertname} at the barn` },
      })),
    });
  const mark = (page: Page, name: string) => page.getByRole("banner").getByRole("link", { name, exact: true });

  it("N-F12: counts what was told as it comes, and what is read on the desk is read on the phone", async () => {
    await desk.goto("/");
    await phone.goto("/inbox");
    await mark(desk, "Inbox").waitFor();
    await phone.getByRole("heading", { name: "You were told nothing yet." }).waitFor();

    await raise("Water low", "Door open", "Fence down");
    await mark(desk, "Inbox, 3 unread").waitFor();
    await phone.getByRole("listitem").filter({ hasText: "Fence down" }).waitFor();

    await mark(desk, "Inbox, 3 unread").press("Enter");
    await desk.getByRole("heading", { level: 1, name: "Inbox" }).waitFor();
    const entry = (page: Page, text: string) => page.getByRole("list", { name: "Inbox" }).getByRole("listitem").filter({ hasText: text });
    await entry(desk, "Water low")
      .getByRole("button", { name: /^Mark as read/ })
      .press("Enter");
    await mark(phone, "Inbox, 2 unread").waitFor();
    await entry(desk, "Door open")
      .getByRole("button", { name: /^Archive/ })
      .click();
    await mark(phone, "Inbox, 1 unread").waitFor();
    await entry(phone, "Door open").waitFor({ state: "detached" });
    // Whoever opens it has read it.
    await entry(desk, "Fence down")
      .getByRole("link", { name: /^Unread: Fence down/ })
      .click();
    await desk.waitForURL(/\/alarms\//);
    await mark(phone, "Inbox").waitFor();
    expect((await keeper.call(listInbox, { query: { show: "unread" } })).items).toEqual([]);

    await raise("Light off", "Feed low");
    await mark(phone, "Inbox, 2 unread").waitFor();
    await entry(phone, "Feed low").waitFor();
    await entry(phone, "Light off").waitFor();
    await phone.getByRole("button", { name: "Mark all as read" }).click();
    await mark(desk, "Inbox").waitFor();
    await phone.getByRole("button", { name: "Archived" }).click();
    await phone.waitForURL(/show=archived/);
    await entry(phone, "Door open").waitFor();
  });
});
