import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { chooseOrganisation } from "@roost/contract/auth";
import type { ClaimReply } from "@roost/contract/claim";
import { addressOf } from "@roost/contract/client";
import { listDevices } from "@roost/contract/devices";
import { sendTelemetry } from "@roost/contract/ingest";
import { acceptInvitation } from "@roost/contract/people";
import { exportMyself } from "@roost/contract/personal-data";
import { addOrganisation } from "@roost/contract/platform-administration";
import { streamFacts } from "@roost/contract/system";
import type { MqttClient } from "mqtt";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { launchBrowser, openPage, untilLoaded } from "../src/browser.ts";
import type { Misdeeds } from "../src/browser.ts";
import { connect } from "../src/device.ts";
import { openStream } from "../src/matrix/open-stream.ts";
import type { OpenStream } from "../src/matrix/open-stream.ts";
import { walkPages } from "../src/page-walk.ts";
import { addClaimedDevice, setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { until } from "../src/waiting.ts";

const builtPage = fileURLToPath(new URL("../../web/dist/index.html", import.meta.url));
const patienceMs = 60_000;
/** A folder for pictures of the pages; absent: none are taken. */
const pictures = process.env["ROOST_REMOVAL_PICTURES"];

describe("an organisation that is to be removed, in a browser and at the door", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let misdeeds: Misdeeds;
  let credentials: ClaimReply;
  let device: MqttClient;
  let stream: OpenStream;

  const picture = async (name: string) => {
    if (pictures === undefined) return;
    for (const [kind, width, colorScheme] of [
      ["desk", 1280, "light"],
      ["dark", 1280, "dark"],
      ["phone", 390, "light"],
    ] as const) {
      await page.setViewportSize({ width, height: 844 });
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${pictures}/${name}-${kind}.png`, fullPage: true });
    }
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.emulateMedia({ colorScheme: "light" });
  };
  const heading = (name: string) => page.getByRole("heading", { name, level: 1 }).waitFor();
  /** What is answered to a device that brings a token with its values. */
  const takesIn = async (token: string) => {
    const answer = await fetch(server.ready.url + addressOf(sendTelemetry, { params: { deviceId: "mast-1" as never } }), {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ signal: -61 }),
    });
    const { code } = (await answer.json()) as { code?: string };
    return [answer.status, code];
  };

  beforeAll(async () => {
    if (!existsSync(builtPage)) throw new Error("The web app is not built. Run: npm run build -w @roost/web");
    server = await startServer({ dataDir: folder.dataDir });
    keeper = await setUpAdministrator(server);
    const { organisation, link } = await keeper.call(addOrganisation, { body: { name: "Valley" } });
    await keeper.call(acceptInvitation, { body: { token: link.path.split("#")[1] ?? "" } });
    await keeper.call(chooseOrganisation, { body: { organisationId: organisation.id } });
    ({ credentials } = await addClaimedDevice(server, keeper, "mast-1"));
    // A refusal is no end: the organisation may be kept.
    device = await connect(credentials, { reconnectOnConnackError: true });
    device.on("error", () => undefined);
    stream = await openStream(server.ready.url, streamFacts.path, { cookie: keeper.cookie });
    expect((await takesIn(credentials.mqtt.password))[0]).toBe(200);
    browser = await launchBrowser();
    ({ context, page, misdeeds } = await openPage(browser, server.ready.url));
    page.setDefaultTimeout(patienceMs);
    const cookies = keeper.cookie.split("; ").map((one) => [one.slice(0, one.indexOf("=")), one.slice(one.indexOf("=") + 1)] as const);
    await context.addCookies(cookies.map(([name, value]) => ({ name, value, url: server.ready.url })));
  });
  afterAll(async () => {
    stream?.close();
    await device?.endAsync(true);
    await browser?.close();
    await server?.terminate();
    folder.remove();
  });

  it("is closed once its name was typed: its device is cut off and answered as an unknown one, and streams end", async () => {
    await page.goto("/organisation/data");
    await heading("Data");
    await page.getByRole("button", { name: "Remove Valley …" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("Goes for good after 14 days").waitFor();
    const remove = dialog.getByRole("button", { name: "Close and remove" });
    await dialog.getByRole("textbox").fill("Home");
    expect(await remove.isDisabled()).toBe(true);
    await dialog.getByRole("textbox").fill("Valley");
    await picture("asked");
    const isCut = new Promise<void>((resolve) => void device.once("close", () => resolve()));
    await remove.click();
    await heading("Valley is being removed");
    await isCut;
    await until("the stream ends", () => !stream.isOpen(), patienceMs);
    await until("its values are refused", async () => (await takesIn(credentials.mqtt.password))[0] === 401, patienceMs);
    expect(await takesIn(credentials.mqtt.password)).toEqual(await takesIn("a".repeat(43)));
    const refused = await connect(credentials, { reconnectPeriod: 0 }).catch((error: unknown) => error as { code?: number });
    const unknown = await connect(
      { ...credentials, mqtt: { ...credentials.mqtt, username: "mast-9", client_id: "mast-9" } },
      { reconnectPeriod: 0 },
    ).catch((error: unknown) => error as { code?: number });
    expect(refused).toMatchObject({ code: expect.any(Number) as unknown });
    expect((refused as { code?: number }).code).toBe((unknown as { code?: number }).code);
  });

  it("shows its members who asked, until when, and what they can take away, on every screen", async () => {
    await page.goto("/alarms");
    await heading("Valley is being removed");
    await page.getByText("keeper@example.org asked for its removal").waitFor();
    await page.getByRole("combobox", { name: "Everything about a device, with its values" }).click();
    await page.getByRole("option", { name: /mast-1/ }).click();
    await page.getByRole("link", { name: "Download mast-1" }).waitFor();
    await untilLoaded(page);
    await picture("closed");
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Everything about you" }).click()]);
    expect(new URL(download.url()).pathname).toBe(exportMyself.path);
    expect(await download.failure()).toBeNull();
    const walk = await walkPages(browser, server.ready.url, await context.storageState(), ["/"]);
    expect(walk.faults).toEqual([]);
    await page.goto("/platform");
    await page.getByText(/closed, goes for good on/).waitFor();
    await picture("platform");
  });

  it("is open again when an owner keeps it: its device comes back by itself", async () => {
    await page.goto("/");
    await page.getByRole("button", { name: "Keep it after all" }).click();
    await heading("Fleet");
    await until("the device is back", () => device.connected, patienceMs);
    await until("its values are taken in", async () => (await takesIn(credentials.mqtt.password))[0] === 200, patienceMs);
    expect((await keeper.call(listDevices, {})).items.map(({ id }) => id)).toEqual(["mast-1"]);
    await page.getByText("mast-1").first().waitFor();
    // What was open when it was closed is refused from then on, which a browser notes; nothing of another origin, and no script of others.
    expect([misdeeds.foreign, misdeeds.dialogs]).toEqual([[], []]);
  });
});
