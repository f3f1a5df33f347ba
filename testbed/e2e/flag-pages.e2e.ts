import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { addRolloutPlan, getRolloutPlan } from "@roost/contract/rollout-plans";
import { claimRollout } from "@roost/contract/rollout-template";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { launchBrowser, openPage, signInByPage, untilLoaded, untilSettled } from "../src/browser.ts";
import type { Misdeeds } from "../src/browser.ts";
import { pageChecks } from "../src/page-checks.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";

const builtPage = fileURLToPath(new URL("../../web/dist/index.html", import.meta.url));
const patienceMs = 60_000;

describe("feature flags and rollout plans in a browser", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  let browser: Browser;
  let page: Page;
  let misdeeds: Misdeeds;

  beforeAll(async () => {
    if (!existsSync(builtPage)) throw new Error("The web app is not built. Run: npm run build -w @roost/web");
    server = await startServer({ dataDir: folder.dataDir, env: { NORMALIZE_IDS_IN_HMAC: "true" } });
    keeper = await setUpAdministrator(server);
    browser = await launchBrowser();
    ({ page, misdeeds } = await openPage(browser, server.ready.url));
    page.setDefaultTimeout(patienceMs);
    await signInByPage(page, keeper);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.terminate();
    folder.remove();
  });

  const confirm = (name: string) => page.getByRole("dialog").getByRole("button", { name }).click();
  const closed = () => page.getByRole("dialog").waitFor({ state: "hidden" });
  /** What the flag page says of everybody. */
  const forAll = (text: string) => page.getByRole("region", { name: "What it does" }).getByText(text, { exact: true }).first().waitFor();

  it("T-F08: kills a flag with one confirmation and puts it back with one, by keyboard alone", async () => {
    await page.getByRole("link", { name: "Feature flags" }).first().click();
    await page.getByRole("link", { name: "enable_idempotency" }).click();
    await forAll("on");
    await page.getByRole("button", { name: "Kill", exact: true }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").getByText("Everybody gets off at once").waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await closed();
    await page.getByText("Killed", { exact: true }).first().waitFor();
    const history = page.getByRole("region", { name: "History" });
    await history.getByText(`by ${keeper.email}`).waitFor();
    await page.getByRole("button", { name: "Put back version 1" }).click();
    await confirm("Put back");
    await closed();
    await history.getByText("version 3").waitFor();
    await page.getByRole("button", { name: "Kill", exact: true }).waitFor();
  });

  it("says what the environment has set, and that it wins", async () => {
    await page.goto("/flag?key=normalize_ids_in_hmac");
    await page.getByText("Set by the environment: on for everybody").waitFor();
    await page.getByText("NORMALIZE_IDS_IN_HMAC").first().waitFor();
    await page.goto("/flag?key=nobody.knows");
    await page.getByText("There is no such flag.").waitFor();
    // The browser reports the refused request by itself.
    expect(misdeeds.console.splice(0).filter((line) => !line.includes("404"))).toEqual([]);
  });

  it("adds a flag, a rule and a share, and says who gets what and why", async () => {
    await page.goto("/flags");
    await page.getByRole("button", { name: "Add flag" }).click();
    await page.getByLabel("Key").fill("door.colour");
    await page.getByLabel("What it is for").fill("Colour of the door");
    await page.getByRole("combobox", { name: "Kind" }).click();
    await page.getByRole("option", { name: "Text" }).click();
    await page.getByLabel("Everybody gets").fill("red");
    await confirm("Add flag");
    await page.getByRole("heading", { name: "door.colour" }).waitFor();

    await page.getByRole("button", { name: "Add rule" }).click();
    await page.getByRole("dialog").getByLabel("Devices", { exact: true }).fill("coop-1 coop-2");
    await page.getByRole("dialog").getByLabel("They get").fill("blue");
    await confirm("Add rule");
    await closed();
    await page.getByText("devices coop-1, coop-2").waitFor();

    await page.getByRole("button", { name: "Change what all get" }).click();
    await page.getByLabel("Value").fill("blue");
    await page.getByLabel("For so many percent").fill("25");
    await page.getByRole("dialog").getByRole("combobox", { name: "The others get" }).click();
    await page.getByRole("option", { name: "“red”" }).click();
    await confirm("Save");
    await closed();
    await page.getByText("“blue” for 25 %, “red” for 75 %").first().waitFor();

    const ask = page.getByRole("region", { name: "Try it" });
    await ask.getByLabel("Device").fill("coop-1");
    await ask.getByRole("button", { name: "Ask" }).click();
    await ask.getByText("because rule 1 is about them").waitFor();
    await ask.getByLabel("Device").fill("coop-9");
    await ask.getByRole("button", { name: "Ask" }).click();
    await ask.getByText("by the shares, always the same for the same device").waitFor();
  });

  it("T-F08: starts a plan in the console, sees where it is, and rolls it back with one action", async () => {
    await page.goto("/flags");
    await page.getByRole("button", { name: "New plan" }).click();
    await page.getByRole("button", { name: "Your own" }).click();
    await page.getByRole("textbox", { name: "Plan" }).fill("{ broken");
    await confirm("Write plan");
    await page.getByRole("dialog").getByText("web.no_json").waitFor();
    await page.getByRole("textbox", { name: "Plan" }).fill(JSON.stringify(claimRollout));
    await confirm("Write plan");
    await page.getByRole("heading", { name: claimRollout.name }).waitFor();
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByLabel("Why").fill("agreed on Monday");
    await confirm("Start plan");
    await closed();
    await page.getByText("Running", { exact: true }).waitFor();
    const steps = page.getByRole("list", { name: "Steps" });
    await steps.getByText("No check is red.").waitFor();
    expect(await steps.locator("[aria-current=step]").textContent()).toContain("Staging soak");

    await page.getByRole("link", { name: "Feature flags" }).first().click();
    await page.getByRole("link", { name: "enable_idempotency" }).click();
    await page.getByText("A rollout plan holds this flag").waitFor();
    await page.getByRole("link", { name: claimRollout.name }).click();
    await page.getByRole("button", { name: "Go on now" }).click();
    await confirm("Go on");
    await closed();
    await steps.locator("[aria-current=step]").getByText("Production, both off").waitFor();
    await page.getByRole("button", { name: "Roll back" }).click();
    await confirm("Roll back");
    await closed();
    await page.getByText("Rolled back", { exact: true }).first().waitFor();
    const planId = new URL(page.url()).pathname.split("/").at(-1) ?? "";
    const plan = await keeper.call(getRolloutPlan, { params: { planId } });
    expect(plan.history.map(({ what, why }) => [what, why])).toEqual([
      ["added", undefined],
      ["started", "agreed on Monday"],
      ["step_began", undefined],
      ["advanced", undefined],
      ["step_began", undefined],
      ["rolled_back", undefined],
    ]);
    expect(misdeeds).toEqual({ console: [], foreign: [], dialogs: [] });
  });

  it("writes a plan that ramps a flag up out of a few fields", async () => {
    await page.goto("/flags");
    await page.getByRole("button", { name: "New plan" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("combobox", { name: "Flag" }).click();
    await page.getByRole("option", { name: "enable_auto_register" }).click();
    await dialog.getByLabel("To so many percent of the devices").fill("50, 10");
    await dialog.getByText("Numbers that grow").waitFor();
    await dialog.getByLabel("To so many percent of the devices").fill("10, 100");
    await confirm("Write plan");
    await page.getByRole("heading", { name: "enable_auto_register to 100 %" }).waitFor();
    const steps = page.getByRole("list", { name: "Steps" });
    await steps.getByText("enable_auto_register: switched on, on 10 %, off 90 % for everybody").waitFor();
    await steps.getByText("Then a person decides.").waitFor();
  });

  it("can be read and pressed on a phone and in the dark", async () => {
    const { id } = await keeper.call(addRolloutPlan, { body: claimRollout });
    for (const colorScheme of ["light", "dark"] as const) {
      const phone = await openPage(browser, server.ready.url, { viewport: { width: 390, height: 844 }, colorScheme });
      phone.page.setDefaultTimeout(patienceMs);
      await signInByPage(phone.page, keeper);
      for (const path of ["/flags", "/flag?key=door.colour", "/flag?key=enable_idempotency", `/rollouts/${id}`]) {
        await phone.page.goto(path);
        await phone.page.getByRole("heading", { level: 1 }).waitFor();
        await untilLoaded(phone.page);
        await untilSettled(phone.page);
        for (const [name, check] of Object.entries(pageChecks))
          expect([path, colorScheme, name, await phone.page.evaluate(check)]).toEqual([path, colorScheme, name, []]);
        expect(
          await phone.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"),
        ).toBeLessThanOrEqual(0);
      }
      await phone.context.close();
    }
  });
});
