import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { listAuditEntries } from "@roost/contract/audit";
import type { Call } from "@roost/contract/client";
import { addDevice, changeDevice, removeDevice } from "@roost/contract/devices";
import { addSite } from "@roost/contract/organisations";
import { addInvitation, joinByInvitation } from "@roost/contract/people";
import { addAlarmRule, changeAlarmRule } from "@roost/contract/rules";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { launchBrowser, openPage, signInByPage, untilLoaded, untilSettled } from "../src/browser.ts";
import type { Misdeeds } from "../src/browser.ts";
import { askDatabase } from "../src/database.ts";
import { pageChecks } from "../src/page-checks.ts";
import { callerWith, setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";

const builtPage = fileURLToPath(new URL("../../web/dist/index.html", import.meta.url));
/** A folder for pictures of the page; absent: none are taken. */
const pictures = process.env["ROOST_AUDIT_PICTURES"];

describe("the audit trail of a running server", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  let helper: Call;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let misdeeds: Misdeeds;

  beforeAll(async () => {
    if (!existsSync(builtPage)) throw new Error("The web app is not built. Run: npm run build -w @roost/web");
    server = await startServer({ dataDir: folder.dataDir });
    keeper = await setUpAdministrator(server);
    browser = await launchBrowser();
    ({ context, page, misdeeds } = await openPage(browser, server.ready.url));
    page.setDefaultTimeout(60_000);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.terminate();
    folder.remove();
  });

  /** An admin who came by an invitation. */
  async function invite(email: string): Promise<Call> {
    const { link } = await keeper.call(addInvitation, { body: { role: "admin", email, by: "link" } });
    const token = link?.path.split("#")[1];
    const answer = await fetch(server.ready.url + joinByInvitation.path, {
      method: "POST",
      headers: { "content-type": "application/json", origin: server.ready.url },
      body: JSON.stringify({ token, name: "Helper", password: "three herons over a quiet pond" }),
    });
    expect([answer.status, answer.status === 201 ? "" : await answer.text()]).toEqual([201, ""]);
    const cookie = answer.headers
      .getSetCookie()
      .map((line) => line.split(";")[0])
      .join("; ");
    return callerWith(server.ready.url, cookie);
  }
  const sql = (text: string) => askDatabase(server.ready, text);
  const picture = async (name: string) => {
    if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
  };

  it("CO-58, N-F34: holds what two people did, all of it, in order, with who, what, from where, before and after", async () => {
    helper = await invite("helper@example.org");
    const begun = new Date();
    await keeper.call(addDevice, { body: { id: "coop-1", name: "Coop" } });
    await helper(addDevice, { body: { id: "coop-2", name: "Second coop" } });
    const { id: ruleId } = await keeper.call(addAlarmRule, {
      body: { scope: { deviceId: "coop-1" }, condition: { kind: "threshold", metric: "temperature", above: 35 } },
    });
    await helper(changeAlarmRule, {
      params: { ruleId },
      body: { scope: { deviceId: "coop-1" }, condition: { kind: "threshold", metric: "temperature", above: 33 } },
    });
    await keeper.call(changeDevice, { params: { deviceId: "coop-1" }, body: { name: "North coop" } });
    await helper(changeDevice, { params: { deviceId: "coop-2" }, body: { name: "South coop" } });
    await keeper.call(addSite, { body: { name: "Hill" } });
    await helper(addSite, { body: { name: "Valley" } });
    await helper(removeDevice, { params: { deviceId: "coop-2" }, query: { confirm: "coop-2" } });
    await keeper.call(changeDevice, { params: { deviceId: "coop-1" }, body: { name: "Top coop" } });
    const { items } = await keeper.call(listAuditEntries, { query: { from: begun.toISOString(), limit: 200 } });
    const told = items.toReversed().map(({ actor, action, object }) => `${actor.name} ${action} ${object.name ?? object.id}`);
    expect(told).toEqual([
      "keeper@example.org device.added Coop",
      "helper@example.org device.added Second coop",
      `keeper@example.org alarm_rule.added ${ruleId}`,
      `helper@example.org alarm_rule.changed ${ruleId}`,
      "keeper@example.org device.changed North coop",
      "helper@example.org device.changed South coop",
      "keeper@example.org site.added Hill",
      "helper@example.org site.added Valley",
      "helper@example.org device.removed South coop",
      "keeper@example.org device.changed Top coop",
    ]);
    expect(items.every(({ remoteAddress, correlationId }) => remoteAddress === "127.0.0.1" && correlationId !== undefined)).toBe(true);
    expect(items[0]).toMatchObject({ actor: { name: keeper.email }, before: { name: "North coop" }, after: { name: "Top coop" } });
  });

  it("is read, filtered and opened in a browser, each view with an address of its own", async () => {
    await signInByPage(page, keeper);
    await page.goto("/audit");
    await page.getByRole("heading", { name: "Audit trail" }).waitFor();
    await untilLoaded(page);
    const entries = page.getByRole("list", { name: "Entries of the audit trail" }).locator(":scope > li");
    await picture("list");
    await page.getByRole("searchbox", { name: "Who" }).fill("helper@");
    await expect.poll(() => page.url()).toContain("actor=helper");
    await page.getByRole("button", { name: "Done", exact: true }).click();
    await page.getByLabel("Search names, ids, changes").fill("South");
    await expect.poll(() => entries.count()).toBe(2);
    await page.reload();
    await expect.poll(() => entries.count()).toBe(2);
    await entries.filter({ hasText: "Device changed" }).locator("summary").click();
    await entries.getByRole("cell", { name: "Second coop" }).waitFor();
    await entries.getByRole("cell", { name: "South coop" }).waitFor();
    await picture("entry");
    await page.getByLabel("Search names, ids, changes").fill("nothing like this");
    await page.getByText("Nothing is on record under this filter.").waitFor();
    await picture("empty");
    await page.getByRole("button", { name: "Clear", exact: true }).click();
    await expect.poll(() => entries.count()).toBeGreaterThan(9);
  });

  it("CO-58: proves itself whole, and names exactly the entry that was edited in the database by hand", async () => {
    await page.getByRole("button", { name: "Verify the trail" }).click();
    await page.getByText("The trail is whole.").waitFor();
    await picture("whole");
    await expect
      .poll(
        async () => (await sql("select from audit_entries e where not exists (select from audit_links l where l.entry_id = e.id)")).length,
      )
      .toBe(0);
    const [edited] = await sql(
      "update audit_entries set after = '{\"name\":\"Nothing of the kind\"}' where action = 'device.changed' and object_id = 'coop-2' returning id",
    );
    await page.getByRole("button", { name: "Verify the trail" }).click();
    await page.getByText("The trail was tampered with.").waitFor();
    const section = page.getByRole("region", { name: "Verification" });
    expect(await section.getByRole("listitem").count()).toBe(1);
    await section.getByText(String(edited?.["id"])).waitFor();
    await picture("tampered");
  });

  it("exports what is filtered, and the export is on record", async () => {
    await page.goto("/audit?action=site.");
    await untilLoaded(page);
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Export CSV" }).click()]);
    const path = await download.path();
    expect(existsSync(path)).toBe(true);
    const { items } = await keeper.call(listAuditEntries, { query: { action: "audit.exported" } });
    expect(items[0]).toMatchObject({ after: { action: "site." }, actor: { name: keeper.email } });
    const csv = await fetch(`${server.ready.url}/api/v1/devices/coop-1/telemetry.csv?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z`, {
      headers: { cookie: keeper.cookie },
    });
    expect(csv.status).toBe(200);
    const exported = await keeper.call(listAuditEntries, { query: { action: "telemetry.exported" } });
    expect(exported.items).toMatchObject([{ object: { id: "coop-1" }, after: { from: "2026-01-01T00:00:00.000Z" } }]);
  });

  it("works on a phone, in the dark and by touch, and does nothing it may not", async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ colorScheme: "dark" });
    await page.goto("/audit");
    await page.locator("summary").first().click();
    await untilLoaded(page);
    await untilSettled(page);
    await picture("phone-dark");
    for (const [name, check] of Object.entries(pageChecks))
      expect({ name, faults: await page.evaluate(check) }).toEqual({ name, faults: [] });
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.emulateMedia({ colorScheme: "light" });
    await page.locator("html[data-mantine-color-scheme=light]").waitFor();
    await untilSettled(page);
    for (const [name, check] of Object.entries(pageChecks))
      expect({ name, faults: await page.evaluate(check) }).toEqual({ name, faults: [] });
    expect([misdeeds.foreign, misdeeds.dialogs, misdeeds.console]).toEqual([[], [], []]);
    await context.close();
  });
});
