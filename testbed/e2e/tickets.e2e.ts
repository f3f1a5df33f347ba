import { getAlarm, listAlarms } from "@roost/contract/alarms";
import { addApiToken } from "@roost/contract/auth";
import { createClient } from "@roost/contract/client";
import { reportExternalAlarm } from "@roost/contract/external-alarms";
import { addNotificationTarget } from "@roost/contract/notifications";
import { addTicketMessage, listTickets } from "@roost/contract/tickets";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { launchBrowser, openPage } from "../src/browser.ts";
import { startCatcher } from "../src/catchers.ts";
import type { Catcher } from "../src/catchers.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { until } from "../src/waiting.ts";

describe("tickets in the browser", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  let browser: Browser;
  let desk: Catcher;
  let alarmId = "";

  const link = { id: "mast-7", type: "link", severity: "critical", title: "Link to mast 7 is down" } as const;

  beforeAll(async () => {
    desk = await startCatcher();
    [server, browser] = await Promise.all([
      startServer({ dataDir: folder.dataDir, env: { ROOST_LOCAL_DEVICE: "false", ROOST_EGRESS_ALLOW: "127.0.0.1" } }),
      launchBrowser(),
    ]);
    keeper = await setUpAdministrator(server);
    await keeper.call(addNotificationTarget, { body: { kind: "webhook", name: "NOC desk", url: desk.url, hears: "tickets" } });
    await keeper.call(reportExternalAlarm, { body: link });
    await until("the alarm is raised", async () => {
      alarmId = (await keeper.call(listAlarms, { query: {} })).items[0]?.id ?? "";
      return alarmId !== "";
    });
  });
  afterAll(async () => {
    await browser.close();
    await server.terminate();
    await desk.close();
    folder.remove();
  });

  it("N-F07: a ticket is made from an alarm, worked on and closed; both pages show each other's state live, another system too", async () => {
    const { context, page: alarm, misdeeds } = await openPage(browser, server.ready.url);
    await alarm.goto("/sign-in");
    await alarm.getByLabel("E-mail").fill(keeper.email);
    await alarm.getByLabel("Password", { exact: true }).fill(keeper.password);
    await alarm.getByRole("button", { name: "Sign in", exact: true }).click();
    await alarm.waitForURL("**/");

    await alarm.goto(`/alarms/${alarmId}`);
    await alarm.getByRole("button", { name: "Make a ticket" }).click();
    await alarm.getByLabel("Note").fill("Look at the fuse first");
    await alarm.getByRole("button", { name: "Make the ticket" }).click();
    const ofAlarm = alarm.locator("dl > div", { hasText: "Ticket" });
    await ofAlarm.getByText("Open", { exact: true }).waitFor();
    const made = (await keeper.call(listTickets, { query: {} })).items[0];
    expect(made).toMatchObject({ priority: "urgent", alarm: { id: alarmId }, createdBy: keeper.email });

    const ticket = await context.newPage();
    await ticket.goto("/tickets");
    await ticket.getByRole("link", { name: /Link to mast 7 is down/ }).click();
    await ticket.getByText("Look at the fuse first").waitFor();
    await ticket.getByRole("button", { name: "Start work" }).click();
    await ofAlarm.getByText("In progress", { exact: true }).waitFor();

    // Another system signs in with a token of its own and writes what no page may run.
    const { secret } = await keeper.call(addApiToken, { body: { name: "NOC desk", permissions: ["tickets:write"] } });
    const elsewhere = createClient({ baseUrl: server.ready.url, token: secret, fetch });
    const text = "<img src=x onerror=alert(1)> crew is on its way";
    for (let n = 0; n < 2; n += 1) await elsewhere(addTicketMessage, { params: { ticketId: made?.id ?? "" }, body: { text, key: "c-1" } });
    await ticket.getByText(text).waitFor();
    expect(await ticket.getByText(text).count()).toBe(1);

    await keeper.call(reportExternalAlarm, { body: { ...link, state: "cleared" } });
    const region = ticket.getByRole("region", { name: "The alarm" });
    await region.getByText("Cleared", { exact: true }).waitFor();

    await ticket.getByRole("button", { name: "Resolve …" }).click();
    await ticket.getByLabel("What was it?").fill("The fuse");
    await ticket.getByRole("dialog").getByRole("button", { name: "Resolve", exact: true }).click();
    await ticket.getByRole("button", { name: "Close it", exact: true }).click();
    await ofAlarm.getByText("Closed", { exact: true }).waitFor();
    await alarm.getByText(`by ${keeper.email}: closed`).waitFor();
    await ticket.getByRole("button", { name: "Take up again" }).waitFor();

    await until("the other system heard that it is closed", () => desk.caught.some(({ body }) => body.includes('"status":"closed"')));
    const told = desk.caught.map(({ body }) => (JSON.parse(body) as { type: string }).type);
    expect(new Set(told)).toEqual(new Set(["ticket.created", "ticket.moved", "ticket.messaged", "ticket.alarm_turned"]));
    expect(desk.caught.every(({ headers }) => /^v1=[0-9a-f]{64}$/.test(String(headers["x-roost-signature"])))).toBe(true);
    expect((await keeper.call(getAlarm, { params: { alarmId } })).state).toBe("cleared");
    expect(misdeeds).toEqual({ console: [], foreign: [], dialogs: [] });
    await context.close();
  });
});
