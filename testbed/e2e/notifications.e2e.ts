import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { getAlarm, listAlarms } from "@roost/contract/alarms";
import { addNotificationTarget, listMyTargets, testNotificationTarget } from "@roost/contract/notifications";
import { addPushSubscription } from "@roost/contract/push";
import pg from "pg";
import type { Browser, BrowserContext, CDPSession, Page, Worker } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { launchBrowser, openPage, signInByPage, untilLoaded, untilSettled } from "../src/browser.ts";
import type { Misdeeds } from "../src/browser.ts";
import { startCatcher } from "../src/catchers.ts";
import type { Catcher } from "../src/catchers.ts";
import { pageChecks } from "../src/page-checks.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { startPushService } from "../src/push-service.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { until } from "../src/waiting.ts";

const builtPage = fileURLToPath(new URL("../../web/dist/index.html", import.meta.url));

describe("notifications in a browser", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let misdeeds: Misdeeds;
  let catcher: Catcher;
  let service: Awaited<ReturnType<typeof startPushService>>;
  let sql: pg.Client;

  beforeAll(async () => {
    if (!existsSync(builtPage)) throw new Error("The web app is not built. Run: npm run build -w @roost/web");
    catcher = await startCatcher();
    service = await startPushService();
    server = await startServer({ dataDir: folder.dataDir, env: { ROOST_EGRESS_ALLOW: "127.0.0.1" } });
    sql = new pg.Client({ host: server.ready.databaseSocketDir, user: "roost", database: "roost" });
    await sql.connect();
    keeper = await setUpAdministrator(server);
    browser = await launchBrowser();
    ({ page, misdeeds, context } = await openPage(browser, server.ready.url));
    await context.grantPermissions(["notifications"], { origin: server.ready.url });
    page.setDefaultTimeout(60_000);
    await signInByPage(page, keeper);
  });
  afterAll(async () => {
    await browser?.close();
    await sql?.end();
    await server?.terminate();
    await service?.close();
    await catcher?.close();
    folder.remove();
  });

  const add = (name: string, path: string) =>
    keeper.call(addNotificationTarget, { body: { kind: "webhook", name, url: `${catcher.url}${path}`, minSeverity: "info" } });
  /** An alarm without a device: a channel that refuses. */
  async function failingChannel(name: string): Promise<string> {
    const { id } = await keeper.call(addNotificationTarget, {
      body: { kind: "slack", name, url: `${catcher.url}/refuses`, minSeverity: "critical" },
    });
    await sql.query(
      `insert into deliveries (id, organisation_id, target_id, target_name, kind, what, body, state, next_try_at)
       select $1, t.organisation_id, t.id, t.name, t.kind, 'alarm.raised', $2, 'waiting', now() from notification_targets t where t.id = $3`,
      [
        randomUUID(),
        JSON.stringify({ version: 1, type: "alarm.raised", at: new Date().toISOString(), text: "A test of a dead letter." }),
        id,
      ],
    );
    const source = `channel:${id}`;
    const find = async () => (await keeper.call(listAlarms, { query: {} })).items.find((one) => one.source === source);
    await until("the channel's failure is an alarm", async () => (await find()) !== undefined);
    return (await find())?.id ?? "";
  }

  it("shows a channel that fails, what it was to be told, and sends it again", async () => {
    catcher.otherwise(({ path }) => (path === "/refuses" ? { status: 410, body: "channel_is_archived" } : { status: 204 }));
    await add("Night watch", "/hook");
    await failingChannel("Old chat");
    await page.goto("/notifications");
    await untilLoaded(page);
    await page.getByText("Notices do not arrive.").waitFor();
    await page.getByRole("region", { name: "Deliveries" }).getByRole("button", { name: "Failed" }).click();
    await page.waitForURL(/state=failed/);
    await page.getByText("Alarm raised to Old chat").click();
    await page.getByText("the other side answered 410").first().waitFor();
    catcher.otherwise({ status: 200, body: "ok" });
    await page.getByRole("button", { name: "Send again what failed to Old chat" }).click();
    await page.getByText("1 delivery is sent again.").waitFor();
    await page.getByText("Notices do not arrive.").waitFor({ state: "detached" });
  });

  it("adds a target of one's own with words of its own, and sets a watcher", async () => {
    await page.goto("/notifications");
    await page.getByRole("button", { name: "Add your own" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("combobox", { name: "Kind" }).click();
    await page.getByRole("option", { name: "Webhook" }).click();
    await dialog.getByLabel("Name").fill("My phone");
    await dialog.getByLabel("Address").fill(`${catcher.url}/mine`);
    await dialog.getByRole("button", { name: "Add target" }).click();
    await dialog.getByRole("button", { name: "Done" }).click();
    await page.getByRole("button", { name: "Words for My phone" }).click();
    await dialog.getByLabel("Message").fill("{{> other}}");
    await dialog.getByRole("button", { name: "Save words" }).click();
    await dialog.getByText("notifications.bad_template").waitFor();
    await dialog.getByLabel("Message").fill("Up! {{text}}");
    await dialog.getByRole("button", { name: "Save words" }).click();
    await dialog.waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Send a test to My phone" }).click();
    const mine = () => catcher.caught.find(({ path }) => path === "/mine");
    await until("the test arrives", async () => mine() !== undefined);
    expect(mine()?.body).toContain("Up! This is a test");

    await page.getByRole("button", { name: "Set a watcher" }).click();
    await dialog.getByLabel("Address").fill(`${catcher.url}/ping/6f1c`);
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Tell it now" }).click();
    await page.getByText(/The watcher was told|nothing was sent/).waitFor();
    // A refused request is reported by the browser itself.
    expect(misdeeds.console.splice(0).filter((line) => !/42[02]|status of 4/.test(line))).toEqual([]);
    expect(misdeeds.foreign).toEqual([]);
  });

  it("fits a phone, has a name for everything, and enough contrast in light and dark", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const viewport of [
        { width: 1280, height: 900 },
        { width: 375, height: 800 },
      ]) {
        await page.setViewportSize(viewport);
        await page.goto("/notifications");
        await page.getByRole("heading", { level: 1 }).waitFor();
        await untilLoaded(page);
        await untilSettled(page);
        const { smallTargets, unnamed, faint } = pageChecks;
        for (const [name, check] of Object.entries({ smallTargets, unnamed, faint })) {
          expect(await page.evaluate(check), `${name} at ${viewport.width} in ${colorScheme}`).toEqual([]);
        }
        expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
      }
    }
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  it("a notification of the installed app tells of an alarm, and acknowledges it without a session", async () => {
    catcher.otherwise(({ path }) => (path === "/refuses" ? { status: 410, body: "channel_is_archived" } : { status: 204 }));
    await keeper.call(addPushSubscription, {
      body: { name: "Test browser", subscription: { endpoint: service.subscription.url, keys: service.subscription.keys } },
    });
    expect((await keeper.call(listMyTargets, { query: {} })).items.map(({ kind }) => kind)).toContain("push");
    const alarmId = await failingChannel("Another old chat");
    const told = () => service.caught.map((one) => service.read(one)).find(({ tag }) => tag === alarmId);
    await until("the push service has the message", async () => told() !== undefined);

    const { worker, cdp, registrationId } = await startWorker(page, context);
    await cdp.send("ServiceWorker.deliverPushMessage", {
      origin: server.ready.url,
      registrationId,
      data: JSON.stringify(told()),
    });
    const shown = async () =>
      worker.evaluate(`self.registration.getNotifications().then((all) =>
      all.map(({ title, body, tag, actions, data }) => ({ title, body, tag, path: data.path, actions: actions.map(({ action }) => action) })))`);
    await until("the notification is shown", async () => ((await shown()) as unknown[]).length === 1);
    expect(await shown()).toEqual([
      {
        title: "Alarm, major",
        body: "Notices do not arrive at Another old chat. The last try: answered 410.",
        tag: alarmId,
        path: `/alarms/${alarmId}`,
        actions: ["acknowledge", "open"],
      },
    ]);

    // Pressed, as the system would; without the cookie of anybody.
    await context.clearCookies();
    await worker.evaluate(`self.registration.getNotifications().then(([notification]) =>
      self.dispatchEvent(new NotificationEvent("notificationclick", { notification, action: "acknowledge" })))`);
    await until("the alarm is acknowledged", async () => (await keeper.call(getAlarm, { params: { alarmId } })).state === "acknowledged");
    expect(await keeper.call(getAlarm, { params: { alarmId } })).toMatchObject({ acknowledgedBy: keeper.email });
    await until("the notification says so", async () => ((await shown()) as { body: string }[])[0]?.body === "Acknowledged.");

    // What is hostile or broken is shown as something, and leads nowhere else.
    await cdp.send("ServiceWorker.deliverPushMessage", {
      origin: server.ready.url,
      registrationId,
      data: JSON.stringify({ title: "<b>x</b>", body: 7, path: "//evil.example/x", tag: "bad", acknowledge: {} }),
    });
    await cdp.send("ServiceWorker.deliverPushMessage", { origin: server.ready.url, registrationId, data: "no json" });
    await until("both are shown", async () => ((await shown()) as unknown[]).length === 3);
    expect(await shown()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ tag: "bad", title: "<b>x</b>", path: "/notifications", actions: ["open"] }),
        expect.objectContaining({ tag: "roost", title: "Roost", path: "/notifications", actions: ["open"] }),
      ]),
    );
    await keeper.call(testNotificationTarget, { params: { targetId: (await add("Last", "/hook")).id } });
  });
});

/** Registers the app's service worker from its page, and finds it in the browser. */
async function startWorker(page: Page, context: BrowserContext): Promise<{ worker: Worker; cdp: CDPSession; registrationId: string }> {
  const cdp = await context.newCDPSession(page);
  const registered = new Promise<string>((resolve) => {
    cdp.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
      const [first] = registrations;
      if (first !== undefined) resolve(first.registrationId);
    });
  });
  await cdp.send("ServiceWorker.enable");
  await page.goto("/notifications");
  await page.evaluate(`navigator.serviceWorker.register("/service-worker.js").then(() => navigator.serviceWorker.ready).then(() => true)`);
  await until("the service worker runs", async () => context.serviceWorkers().length > 0);
  const [worker] = context.serviceWorkers();
  if (worker === undefined) throw new TypeError("no service worker");
  return { worker, cdp, registrationId: await registered };
}
