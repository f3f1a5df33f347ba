import { listAlarms } from "@roost/contract/alarms";
import type { Alarm } from "@roost/contract/alarms";
import { postAlerts } from "@roost/contract/external-alarms";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { launchBrowser, openPage, signInByPage } from "../src/browser.ts";
import type { Misdeeds } from "../src/browser.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { until } from "../src/waiting.ts";

const count = 300;
const patienceMs = 60_000;

describe("the alarm console in a browser", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  let browser: Browser;
  let page: Page;
  let misdeeds: Misdeeds;
  const alert = (n: number, severity: string) => ({
    labels: { alertname: `Disk ${n}`, instance: `host-${n}`, severity },
    annotations: { summary: `Disk ${n} <b>is</b> full` },
  });
  const report = (from: number, to: number, severity: string) =>
    keeper.call(postAlerts, { body: Array.from({ length: to - from }, (_, n) => alert(from + n, severity)) });
  const open = async (): Promise<Alarm[]> => (await keeper.call(listAlarms, { query: { limit: 200 } })).items;
  const acknowledged = async () => (await open()).filter(({ state }) => state === "acknowledged").length;
  const rows = () => page.getByRole("list", { name: "Alarms" }).getByRole("listitem");

  beforeAll(async () => {
    server = await startServer({ dataDir: folder.dataDir });
    keeper = await setUpAdministrator(server);
    await report(0, count, "warning");
    browser = await launchBrowser();
    ({ page, misdeeds } = await openPage(browser, server.ready.url));
    await signInByPage(page, keeper);
    await page.goto("/alarms");
    await rows().first().waitFor();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.terminate();
    folder.remove();
  });

  it("N-F06: draws a screenful of many, is worked through by keyboard, and acknowledges all that are selected", async () => {
    expect(await rows().count()).toBeLessThan(60);
    await page
      .getByRole("button", { name: /Warning/ })
      .getByText(String(count), { exact: true })
      .waitFor();
    for (const key of ["j", "x", "j", "x", "j", "x"]) await page.keyboard.press(key);
    await page.getByText("3 alarms selected").waitFor();
    await page.keyboard.press("a");
    await until("three are acknowledged", async () => (await acknowledged()) === 3, patienceMs);
    await page.getByText("3 acknowledged").waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys of this page" }).waitFor();
    await page.keyboard.press("Escape");
  });

  it("keeps every row in its place while one is in hand, and shows what is new when asked", async () => {
    const first = await rows().first().textContent();
    await report(count, count + 2, "critical");
    const news = page.getByRole("button", { name: "Show 2 new alarms" });
    await news.waitFor({ timeout: patienceMs });
    expect((await rows().first().textContent())?.slice(0, 20)).toBe(first?.slice(0, 20));
    await news.click();
    await expect.poll(async () => rows().first().textContent(), { timeout: patienceMs }).toContain("Critical");
  });

  it("keeps a filter in the address and under a name", async () => {
    await page.getByRole("button", { name: /^Critical/ }).click();
    await page.waitForURL(/severity=critical/);
    await expect.poll(() => rows().count(), { timeout: patienceMs }).toBe(2);
    await page.getByRole("button", { name: "Views" }).click();
    await page.getByRole("menuitem", { name: "Save this view …" }).click();
    await page.getByLabel("Name").fill("Burning");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    // It closes when the view is saved: a page that is left takes back what it asked for.
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await page.goto("/alarms");
    await page.getByRole("button", { name: "Views" }).click();
    await page.getByRole("menuitem", { name: "Burning" }).click();
    await page.waitForURL(/severity=critical/);
    await page.getByRole("button", { name: "Burning" }).waitFor();
  });

  it("N-F05, GA-14: shows on an alarm's page who did what, with the words of others as words", async () => {
    await rows().first().getByRole("link").first().click();
    await page.getByRole("heading", { name: /<b>is<\/b> full/ }).waitFor();
    await page.getByRole("button", { name: "Comment" }).click();
    await page.getByRole("dialog").getByRole("textbox").fill("somebody <i>goes</i> there");
    await page.getByRole("button", { name: "Write it down" }).click();
    await page.getByRole("region", { name: "What happened" }).getByText("somebody <i>goes</i> there").waitFor();
    await page.getByRole("button", { name: "More to do" }).click();
    await page.getByRole("menuitem", { name: "Clear by hand …" }).click();
    await page.getByRole("button", { name: "Clear", exact: true }).click();
    await page.getByRole("region", { name: "What happened" }).getByText("Cleared").waitFor();
    expect(misdeeds).toEqual({ console: [], foreign: [], dialogs: [] });
  });
});
