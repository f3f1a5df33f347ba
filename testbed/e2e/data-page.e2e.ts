import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { listDevices } from "@roost/contract/devices";
import { getRetention } from "@roost/contract/retention";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { launchBrowser, openPage, signInByPage, untilLoaded } from "../src/browser.ts";
import type { Misdeeds } from "../src/browser.ts";
import { askDatabase } from "../src/database.ts";
import { connect } from "../src/device.ts";
import { walkPages } from "../src/page-walk.ts";
import { addClaimedDevice, setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { unzip } from "../src/unzip.ts";
import { until } from "../src/waiting.ts";

const builtPage = fileURLToPath(new URL("../../web/dist/index.html", import.meta.url));
const patienceMs = 60_000;
/** A folder for pictures of the page; absent: none are taken. */
const pictures = process.env["ROOST_DATA_PICTURES"];

describe("what an organisation keeps, in a browser", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let misdeeds: Misdeeds;

  const picture = async (name: string) => {
    if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
  };
  const dialog = () => page.getByRole("dialog");
  const isClosed = () => dialog().waitFor({ state: "hidden" });
  const retention = () => page.getByRole("region", { name: "How long things are kept" });
  const daysOf = async (kind: string) => (await keeper.call(getRetention, {})).items.find((one) => one.kind === kind)?.days;

  beforeAll(async () => {
    if (!existsSync(builtPage)) throw new Error("The web app is not built. Run: npm run build -w @roost/web");
    server = await startServer({ dataDir: folder.dataDir });
    keeper = await setUpAdministrator(server);
    const { credentials } = await addClaimedDevice(server, keeper, "coop-1");
    const client = await connect(credentials);
    await client.publishAsync(credentials.topics.telemetry, JSON.stringify({ temperature: 21.5 }), { qos: 1 });
    await client.endAsync();
    // A hundred days of what a month and more of compaction leaves.
    await askDatabase(
      server.ready,
      `insert into telemetry_days (device_key, series_key, day_at, n, min, max, sum)
       select s.device_key, s.key, date_trunc('day', now(), 'UTC') - make_interval(days => d), 144, 18, 24, 3000 from series s, generate_series(1, 100) d where s.metric = 'temperature'`,
    );
    browser = await launchBrowser();
    ({ context, page, misdeeds } = await openPage(browser, server.ready.url));
    page.setDefaultTimeout(patienceMs);
    await signInByPage(page, keeper);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.terminate();
    folder.remove();
  });

  it("GA-10: shows how long what is kept, and changes it once somebody has seen what goes and typed the name", async () => {
    await page.goto("/organisation");
    await page.getByRole("link", { name: "See what is kept, and for how long" }).click();
    await page.getByRole("heading", { name: "Data", level: 1 }).waitFor();
    await retention().getByText("about 13 months").first().waitFor();
    await untilLoaded(page);
    await picture("data");

    await retention().getByRole("button", { name: "Change" }).click();
    await dialog().getByLabel("Hourly statistics").fill("100");
    await dialog().getByText("At least as long as every value: 400 days.").waitFor();
    expect(await dialog().getByRole("button", { name: "See what changes" }).isDisabled()).toBe(true);
    await dialog().getByLabel("Every value").fill("30");
    await dialog().getByText("30 days; default 400").waitFor();
    await picture("data-form");
    await page.keyboard.press("Enter");
    await dialog().getByText("This deletes what is kept now").waitFor();
    await dialog()
      .getByText(/400 → 30 days, deletes 10\s\d{3} values/)
      .waitFor();
    await picture("data-preview");
    const save = dialog().getByRole("button", { name: "Delete and save" });
    expect(await save.isDisabled()).toBe(true);
    // Back to the form with what was typed, and on again.
    await page.keyboard.press("Escape");
    await dialog().getByRole("button", { name: "See what changes" }).click();
    await dialog().getByText("This deletes what is kept now").waitFor();
    expect(await daysOf("samples")).toBe(400);
    await dialog()
      .getByRole("textbox", { name: /to confirm$/ })
      .fill("Home");
    await save.click();
    await isClosed();
    await retention().getByText("30 days").first().waitFor();
    expect([await daysOf("samples"), await daysOf("hourly")]).toEqual([30, 100]);

    await retention().getByRole("button", { name: "Change" }).click();
    await dialog().getByLabel("Every value").fill("60");
    await dialog().getByRole("button", { name: "See what changes" }).click();
    await dialog().getByText("This deletes nothing").waitFor();
    await dialog().getByRole("button", { name: "Save" }).click();
    await isClosed();
    await retention().getByText("about 2 months").waitFor();
  });

  it("T-F12: hands out everything about a device, erases it once its id was typed, and shows how far that is", async () => {
    const about = page.getByRole("region", { name: "Everything about a person or a device" });
    await about.getByRole("button", { name: "You", exact: true }).click();
    await about.getByText("Your account").waitFor();
    await about.getByRole("button", { name: "A device" }).click();
    await about.getByRole("combobox", { name: "Device" }).click();
    await about.getByRole("option", { name: "coop-1" }).click();
    const [download] = await Promise.all([page.waitForEvent("download"), about.getByRole("link", { name: "Download" }).click()]);
    expect(download.suggestedFilename()).toBe("coop-1.zip");
    const files = unzip(readFileSync(await download.path()));
    expect(files.get("samples.csv")).toContain("temperature,21.5");
    expect([...files.keys()]).toContain("manifest.json");

    await about.getByRole("button", { name: "Erase coop-1" }).click();
    await dialog().getByText("Stays, because the record must").waitFor();
    await picture("data-erase");
    await dialog()
      .getByRole("textbox", { name: /to confirm$/ })
      .fill("coop-1");
    await page.keyboard.press("Enter");
    await isClosed();
    const erased = page.getByRole("region", { name: "Erasures" });
    await erased.getByText("Done", { exact: true }).waitFor();
    await erased.getByText("Table by table").click();
    await erased.getByText("telemetry_days").waitFor();
    await erased.getByText(/kept\. The audit trail says that the device was here/).waitFor();
    await picture("data-erased");
    expect((await keeper.call(listDevices, { query: {} })).items.some(({ id }) => id === "coop-1")).toBe(false);
  });

  it("says when it cannot be loaded, and tries again; stays in the screen, readable and named, on a desk and on a phone", async () => {
    await page.route("**/api/v1/retention", (route) => route.abort());
    await page.reload();
    const again = retention().getByRole("button", { name: "Try again" });
    await again.waitFor();
    await page.unroute("**/api/v1/retention");
    await again.click();
    await retention().getByText("about 2 months").waitFor();
    // The browser reports the requests that came to nothing by itself.
    expect(misdeeds.console.splice(0).filter((line) => !line.includes("ERR_FAILED"))).toEqual([]);
    await until("the page asks nothing more", async () => (await page.locator("output[aria-label^=Loading]").count()) === 0);
    const walk = await walkPages(browser, server.ready.url, await context.storageState(), ["/organisation/data"]);
    expect(walk.faults).toEqual([]);
    for (const one of [misdeeds, ...walk.misdeeds]) expect(one).toEqual({ console: [], foreign: [], dialogs: [] });
  });
});
