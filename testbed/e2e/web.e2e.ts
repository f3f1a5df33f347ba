import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { addDevice } from "@roost/contract/devices";
import type { MqttClient } from "mqtt";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { launchBrowser, openPage, untilLoaded, untilSettled } from "../src/browser.ts";
import type { Misdeeds } from "../src/browser.ts";
import { startCatcher } from "../src/catchers.ts";
import type { Catcher } from "../src/catchers.ts";
import { claim, connect } from "../src/device.ts";
import { printFigures } from "../src/figures.ts";
import { walkPages } from "../src/page-walk.ts";
import { callerWith } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { until } from "../src/waiting.ts";

const builtPage = fileURLToPath(new URL("../../web/dist/index.html", import.meta.url));
const email = "keeper@example.org";
const password = "a long walk to the coop at dawn";
const patienceMs = 60_000;
const firstLoadBarKilobytes = 300;

describe("a person and Roost in a browser", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let browser: Browser;
  let catcher: Catcher;
  let context: BrowserContext;
  let page: Page;
  let misdeeds: Misdeeds;
  let device: MqttClient;

  beforeAll(async () => {
    if (!existsSync(builtPage)) throw new Error("The web app is not built. Run: npm run build -w @roost/web");
    server = await startServer({ dataDir: folder.dataDir, env: { ROOST_EGRESS_ALLOW: "127.0.0.0/8" } });
    catcher = await startCatcher();
    browser = await launchBrowser();
    ({ context, page, misdeeds } = await openPage(browser, server.ready.url));
    page.setDefaultTimeout(patienceMs);
  });
  afterAll(async () => {
    await device?.endAsync(true);
    await browser?.close();
    await catcher?.close();
    await server?.terminate();
    folder.remove();
  });

  const seen = (text: string | RegExp) => page.getByText(text).first().waitFor();
  const publish = (sample: Readonly<Record<string, unknown>>) =>
    device.publishAsync("devices/coop-north/telemetry", JSON.stringify(sample), { qos: 1 });

  it("loads no more than 300 kB, gzipped, before the first page stands", async () => {
    const cdp = await context.newCDPSession(page);
    await cdp.send("Network.enable");
    let bytes = 0;
    cdp.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
    await page.goto("/");
    await page.getByRole("heading", { name: "Set up Roost" }).waitFor();
    await cdp.detach();
    printFigures("web first load", { kilobytes: bytes / 1_000 });
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes / 1_000).toBeLessThanOrEqual(firstLoadBarKilobytes);
  });

  it("sets the first administrator with the one-time code, and tells a wrong code in words", async () => {
    await page.getByLabel("Set-up code").fill("not-the-code-at-all");
    await page.getByLabel("Your name").fill("Keeper");
    await page.getByLabel("E-mail").fill(email);
    await page.getByRole("textbox", { name: "Password" }).fill(password);
    await page.getByRole("button", { name: /Make the administrator/ }).click();
    await seen("auth.wrong_setup_code");
    // The browser reports refused requests in its console by itself: here the wrong code.
    expect(misdeeds.console.splice(0)).toEqual([expect.stringContaining("401")]);

    await page.getByLabel("Set-up code").fill(server.ready.setupCode ?? "");
    await page.getByRole("textbox", { name: "Password" }).fill(password);
    await page.getByRole("button", { name: /Make the administrator/ }).click();
    await page.getByRole("heading", { name: "Fleet" }).waitFor();
    await seen("No devices yet.");
    await page.getByText("Live", { exact: true }).waitFor();
  });

  it("GA-25: adds a device, shows its secret once, and sees it come alive", async () => {
    await page.getByRole("link", { name: "Add device" }).first().click();
    await page.getByRole("heading", { name: "Add a device" }).waitFor();
    await page.getByLabel("Name").fill("Coop north");
    await page.getByRole("button", { name: "Add device" }).click();
    await page.getByRole("heading", { name: "Coop north is added" }).waitFor();
    const secret = (await page.locator("pre[aria-label='Claim secret']").textContent()) ?? "";
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    const label = page.getByRole("img", { name: /QR code/ });
    await until(
      "the QR picture has a size",
      () => label.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth > 100),
      patienceMs,
    );

    const credentials = await claim(server.ready.url, "coop-north", secret);
    await page.getByText(/Claimed (just now|\d+ s ago)/).waitFor();
    device = await connect(credentials);
    await publish({ temperature: 21.5, humidity: 48 });
    await page.getByText("Online").waitFor();
    await page.getByRole("link", { name: "See its measurements" }).click();
    await page.getByRole("heading", { name: "Coop north" }).waitFor();
    await page.getByRole("list", { name: "Newest values" }).getByText("21.5").waitFor();
    expect(await page.getByText(secret).count()).toBe(0);
  });

  it("shows a published value without being asked again", async () => {
    const tiles = page.getByRole("list", { name: "Newest values" });
    for (const [step, temperature] of [22.25, 23.75, 19.5].entries()) {
      await publish({ temperature, humidity: 50 + step });
      await tiles.getByText(String(temperature)).waitFor();
    }
    await page
      .getByRole("link", { name: "1 h" })
      .or(page.getByRole("button", { name: "1 h" }))
      .click();
    const chart = page.getByRole("slider", { name: /^temperature/ });
    await until("the chart has all four values", async () => /, 4 values/.test((await chart.getAttribute("aria-label")) ?? ""), patienceMs);
    expect(await chart.getAttribute("aria-label")).toMatch(/lowest 19\.5.*highest 23\.75/);
  });

  it("sets a unit, a webhook and a threshold; the alarm comes, is told, and is acknowledged", async () => {
    await page.getByRole("link", { name: "Settings" }).click();
    await page.getByRole("button", { name: "Change temperature" }).click();
    await page.getByRole("combobox", { name: "Unit" }).fill("°C");
    await page.getByRole("option", { name: "°C", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.getByRole("dialog").waitFor({ state: "hidden" });

    await page.getByRole("link", { name: "Notifications" }).first().click();
    await page.getByRole("button", { name: "Add target" }).first().click();
    await page.getByRole("combobox", { name: "Kind" }).click();
    await page.getByRole("option", { name: "Webhook", exact: true }).click();
    await page.getByLabel("Name").fill("Night watch");
    await page.getByRole("textbox", { name: "Address" }).fill(`${catcher.url}/hook/secret-part`);
    await page.getByRole("dialog").getByRole("button", { name: "Add target" }).click();
    await page.getByRole("heading", { name: "The target was added" }).waitFor();
    const signingSecret = (await page.locator("pre[aria-label='Signing secret']").textContent()) ?? "";
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect(await page.getByText(signingSecret).count()).toBe(0);
    await page.getByRole("button", { name: "Send a test to Night watch" }).click();
    await page
      .getByRole("region", { name: "Targets" })
      .getByText(/Delivered, the other side answered 204/)
      .waitFor();
    expect(catcher.caught).toHaveLength(1);
    const [test] = catcher.caught;
    const signed = createHmac("sha256", signingSecret).update(`${String(test?.headers["x-roost-timestamp"])}.${test?.body}`);
    expect(test?.headers["x-roost-signature"]).toBe(`v1=${signed.digest("hex")}`);
    expect(await page.getByText("secret-part").count()).toBe(0);

    await page.goto("/devices/coop-north/thresholds?metric=temperature");
    await page.getByLabel("Alarm above (°C)").fill("30");
    await page.getByRole("dialog").getByRole("button", { name: "Add threshold" }).click();
    await seen("above 30");

    await publish({ temperature: 31.5 });
    await page.goto("/");
    const attention = page.getByRole("region", { name: "Needs attention" });
    await attention.getByText(/temperature 31\.5.*above 30/).waitFor();
    await until("the webhook was told", () => catcher.caught.length >= 2, patienceMs);
    await attention.getByRole("button", { name: /^Acknowledge: Coop north/ }).click();
    await seen(/No new alarms; 1 alarm is looked after/);

    await page.getByRole("link", { name: "See them" }).click();
    await page.getByText("Acknowledged").first().waitFor();
    await page.getByRole("link", { name: /temperature 31\.5/ }).click();
    await page.getByRole("heading", { name: "What happened" }).waitFor();
    await seen("Told");
    await publish({ temperature: 20 });
    // The fact alone brings the page up to date: nobody reloads it.
    await page.getByText("Cleared", { exact: true }).first().waitFor();
  });

  it("shows what was refused, why, and what to do", async () => {
    await expect(device.publishAsync("devices/coop-north/telemetry", "{broken", { qos: 1 })).rejects.toThrow("Payload format invalid");
    await page.goto("/devices/coop-north/refused");
    await seen("ingest.malformed");
    await seen("{broken");
    await seen(/its end is missing/);
    await page.getByRole("combobox", { name: "Reason" }).click();
    await page.getByRole("option", { name: "bad clock" }).click();
    await seen("Nothing was refused for this reason.");
    expect(new URL(page.url()).searchParams.get("code")).toBe("ingest.bad_clock");
  });

  it("zooms by dragging, walks by key, and keeps the range in the address", async () => {
    for (const minutes of [14, 12, 10])
      await publish({ temperature: 18 + minutes / 10, timestamp: new Date(Date.now() - minutes * 60_000).toISOString() });
    await page.goto("/devices/coop-north?range=1h&metric=temperature");
    const chart = page.getByRole("slider");
    await chart.locator("canvas").waitFor();
    await untilLoaded(page);
    await untilSettled(page);
    const box = await chart.boundingBox();
    if (box === null) throw new Error("The chart has no box.");
    await page.mouse.move(box.x + box.width * 0.5, box.y + 100);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 20, box.y + 110, { steps: 6 });
    await page.mouse.up();
    await page.waitForURL(/from=\d+&to=\d+/);
    const zoomed = new URL(page.url()).searchParams;
    const length = Number(zoomed.get("to")) - Number(zoomed.get("from"));
    expect(length).toBeGreaterThan(20 * 60_000);
    expect(length).toBeLessThan(40 * 60_000);

    await chart.focus();
    await until(
      "the cursor tells its point",
      async () => {
        await page.keyboard.press("ArrowLeft");
        return /°C at 20\d\d-/.test((await chart.getAttribute("aria-valuetext")) ?? "");
      },
      patienceMs,
    );
    await page.keyboard.press("-");
    await until("it shows more", () => Number(new URL(page.url()).searchParams.get("from")) < Number(zoomed.get("from")), patienceMs);
    await page.keyboard.press("0");
    await until("it follows the present again", () => !new URL(page.url()).searchParams.has("from"), patienceMs);
    await page.goBack();
    expect(new URL(page.url()).searchParams.has("from")).toBe(true);
  });

  it("zooms by two fingers, and lets one finger scroll the page", async () => {
    const phone = await openPage(browser, server.ready.url, {
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
      storageState: await context.storageState(),
    });
    await phone.page.goto("/devices/coop-north?range=1h&metric=temperature");
    const chart = phone.page.getByRole("slider");
    await chart.locator("canvas").waitFor();
    await untilLoaded(phone.page);
    await untilSettled(phone.page);
    await chart.scrollIntoViewIfNeeded();
    const box = await chart.boundingBox();
    if (box === null) throw new Error("The chart has no box.");
    const touch = await phone.context.newCDPSession(phone.page);
    const fingers = async (type: "touchStart" | "touchMove" | "touchEnd", ...places: number[]) =>
      touch.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: places.map((share, id) => ({ x: box.x + box.width * share, y: box.y + 100, id })),
      });
    await fingers("touchStart", 0.5, 0.7);
    for (const apart of [0.05, 0.1, 0.15]) await fingers("touchMove", 0.5 - apart, 0.7 + apart);
    await fingers("touchEnd");
    await phone.page.waitForURL(/from=\d+&to=\d+/);
    const zoomed = new URL(phone.page.url()).searchParams;
    const minutes = (Number(zoomed.get("to")) - Number(zoomed.get("from"))) / 60_000;
    expect(minutes).toBeGreaterThan(15);
    expect(minutes).toBeLessThan(35);
    expect(await chart.evaluate((element) => getComputedStyle(element.querySelector(".u-over") as never)["touchAction" as never])).toBe(
      "pan-y",
    );
    expect(phone.misdeeds).toEqual({ console: [], foreign: [], dialogs: [] });
    await phone.context.close();
  });

  it("downloads the samples of a range as CSV", async () => {
    await page.goto("/devices/coop-north?range=1h&metric=temperature");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download the samples of this range as CSV" }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/^coop-north.*\.csv$/);
    const csv = await readFile(await download.path(), "utf8");
    expect(csv).toMatch(/^\uFEFF?measured_at,/);
    expect(csv).toMatch(/temperature,31\.5,°C/);
  });

  it("says while Roost is away that what is seen may be old, and catches up by itself", async () => {
    await page.goto("/devices/coop-north");
    await page.getByText("Live", { exact: true }).waitFor();
    await server.kill();
    await page.getByText("Reconnecting", { exact: true }).waitFor();
    server = await server.restart();
    await publish({ temperature: 12.625 });
    await page.getByText("Live", { exact: true }).waitFor({ timeout: 60_000 });
    await page.getByRole("list", { name: "Newest values" }).getByText("12.63").waitFor();
    misdeeds.console.length = 0;
  });

  it("leads to the sign-in page when the session has ended, and back to where one was, by keyboard alone", async () => {
    await page.goto("/alarms?state=all");
    await page.getByRole("heading", { name: "Alarms" }).waitFor();
    // What the page asks by itself in this moment would lead to the sign-in before anybody presses anything.
    const pressed = Promise.withResolvers<void>();
    await page.route("**/api/v1/**", (route) => pressed.promise.then(() => route.continue()).catch(() => undefined));
    await context.clearCookies();
    await page.getByRole("link", { name: "Refused" }).first().click();
    await page.waitForURL(/\/refused/);
    pressed.resolve();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.unrouteAll({ behavior: "wait" });
    expect(new URL(page.url()).searchParams.get("to")).toBe("/refused");
    await page.goto("/alarms?state=all&severity=warning");
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    misdeeds.console.length = 0;
    await page.keyboard.type(email);
    await page.keyboard.press("Tab");
    await page.keyboard.type(password);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Alarms" }).waitFor();
    expect(new URL(page.url()).search).toBe("?state=all&severity=warning");
  });

  it("reaches a device, its chart and the way out by keyboard alone", async () => {
    await page.goto("/");
    await page.getByRole("heading", { name: "Fleet" }).waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("main");

    await page.keyboard.press("Control+k");
    await page.keyboard.type("coop");
    await page.getByRole("option", { name: /Coop north/ }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Coop north" }).waitFor();
    // Everything that can be pressed is reached by Tab, in an order, with a visible focus.
    const reached = new Set<string>();
    for (let press = 0; press < 80 && ![...reached].some((name) => name.startsWith("slider:")); press += 1) {
      await page.keyboard.press("Tab");
      reached.add(
        await page.evaluate(
          "(document.activeElement.getAttribute('role') ?? document.activeElement.tagName) + ':' + document.activeElement.textContent.slice(0, 20)",
        ),
      );
      const outlined = await page.evaluate(
        "(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' || s.boxShadow !== 'none' || document.activeElement.tagName === 'INPUT'; })()",
      );
      expect(outlined, [...reached].at(-1)).toBe(true);
    }
    expect([...reached].some((name) => name.startsWith("slider:"))).toBe(true);
  });

  it("does nothing wrong on any page, at any size, in either colours, and fits the phone", async () => {
    const cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
    await callerWith(server.ready.url, cookie)(addDevice, { body: { id: "waiting-one", name: "Never heard" } });
    const { items } = (await (await fetch(`${server.ready.url}/api/v1/alarms?state=all`, { headers: { cookie } })).json()) as {
      items: { id: string }[];
    };
    const paths = [
      "/",
      "/?state=offline&q=x",
      "/add-device",
      "/devices/coop-north",
      "/devices/coop-north?range=1y&tz=Asia%2FKathmandu",
      "/devices/coop-north/alarms?state=all",
      "/devices/coop-north/thresholds",
      "/devices/coop-north/refused",
      "/devices/coop-north/settings",
      "/devices/waiting-one",
      "/alarms",
      "/alarms?state=cleared",
      `/alarms/${items[0]?.id}`,
      "/refused",
      "/inbox",
      "/notifications",
      "/api-tokens",
      "/api/docs",
      "/status",
      "/no/such/page",
    ];
    const { faults, misdeeds: done } = await walkPages(browser, server.ready.url, await context.storageState(), paths);
    expect(faults).toEqual([]);
    for (const one of done) expect(one).toEqual({ console: [], foreign: [], dialogs: [] });
  });

  it("signs out, and leaves nothing of the fleet on the screen", async () => {
    await page.goto("/");
    await page.getByRole("button", { name: /^You:/ }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(await page.getByText("Coop north").count()).toBe(0);
    await page.goBack();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(misdeeds.foreign).toEqual([]);
    expect(misdeeds.dialogs).toEqual([]);
  });
});
