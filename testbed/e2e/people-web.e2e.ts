import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { addDevice } from "@roost/contract/devices";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { launchBrowser, openPage, signInByPage } from "../src/browser.ts";
import type { Misdeeds } from "../src/browser.ts";
import { oneTimeCode } from "../src/one-time-code.ts";
import { walkPages } from "../src/page-walk.ts";
import { addAuthenticator } from "../src/passkeys.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { until } from "../src/waiting.ts";

const builtPage = fileURLToPath(new URL("../../web/dist/index.html", import.meta.url));
const patienceMs = 60_000;
const neighbour = { email: "neighbour@example.org", password: "five hens under one roof", name: "Neighbour" };

describe("people and their rights in a browser", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let browser: Browser;
  let owner: Administrator;
  let context: BrowserContext;
  let page: Page;
  let misdeeds: Misdeeds;
  let address: string;

  beforeAll(async () => {
    if (!existsSync(builtPage)) throw new Error("The web app is not built. Run: npm run build -w @roost/web");
    server = await startServer({ dataDir: folder.dataDir });
    // Passkeys belong to a name, and a number is none.
    address = server.ready.url.replace("127.0.0.1", "localhost");
    owner = await setUpAdministrator(server);
    await owner.call(addDevice, { body: { id: "coop-north", name: "Coop north" } });
    await owner.call(addDevice, { body: { id: "coop-south", name: "Coop south" } });
    browser = await launchBrowser();
    ({ context, page, misdeeds } = await openPage(browser, address));
    page.setDefaultTimeout(patienceMs);
    await signInByPage(page, owner);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.terminate();
    folder.remove();
  });

  const dialog = (on = page) => on.getByRole("dialog");
  /** A text that is shown to be taken away. */
  const shown = async (what: string) => (await dialog().locator(`pre[aria-label="${what}"]`).textContent()) ?? "";
  async function choose(label: string, option: string, on = page): Promise<void> {
    await on
      .getByRole("combobox", { name: label })
      .or(on.getByRole("textbox", { name: label }))
      .first()
      .click();
    await on.getByRole("option", { name: option, exact: true }).click();
  }

  it("makes a site and puts a device there", async () => {
    await page.goto("/sites");
    await page.getByRole("button", { name: "Add site" }).click();
    await dialog().getByLabel("Name").fill("At the brook");
    await dialog().getByRole("button", { name: "Save" }).click();
    await page.getByText("At the brook").waitFor();
    await page.goto("/devices/coop-north/settings");
    await choose("Site", "At the brook");
    const saved = page.waitForResponse((response) => response.request().method() === "PATCH");
    await page.getByRole("region", { name: "Site and groups" }).getByRole("button", { name: "Save" }).click();
    // A page that is left takes back what it asked for.
    expect((await saved).ok()).toBe(true);
    await page.goto("/sites");
    await page.getByText("1 device").waitFor();
  });

  it("CO-68: makes an API token for one site, and it reaches the device there and no other", async () => {
    await page.goto("/api-tokens");
    await page.getByRole("button", { name: "Make a token" }).click();
    await dialog().getByLabel("Name").fill("brook gauge");
    await dialog().getByLabel("Only at some sites or in some groups").check();
    // With no place chosen it would reach nothing, and is not made.
    await page.getByText("the token would reach no device").waitFor();
    expect(await dialog().getByRole("button", { name: "Make token" }).isDisabled()).toBe(true);
    await dialog().getByLabel("At the brook").check();
    await dialog().getByRole("button", { name: "Make token" }).click();
    await page.getByText("shown once").waitFor();
    const secret = await shown("API token");
    await dialog().getByRole("button", { name: "I have it" }).click();
    await page.getByText("only At the brook").waitFor();
    const answer = await fetch(`${server.ready.url}/api/v1/devices`, { headers: { authorization: `Bearer ${secret}` } });
    const { items } = (await answer.json()) as { items: { id: string }[] };
    expect(items.map(({ id }) => id)).toEqual(["coop-north"]);
  });

  let link = "";
  it("CO-68: invites a neighbour to one site by a link that is shown once", async () => {
    await page.goto("/people");
    await page.getByRole("button", { name: "Invite" }).click();
    await dialog().getByLabel("E-mail").fill(neighbour.email);
    await dialog().getByLabel("Only at some sites or in some groups").check();
    await dialog().getByLabel("At the brook").first().check();
    await dialog().getByRole("button", { name: "Invite" }).click();
    link = await shown("Link");
    expect(link).toMatch(/\/join#\S{20,}$/);
    await dialog().getByRole("button", { name: "Done" }).click();
    await page.getByRole("link", { name: "Invitations" }).click();
    await page.getByText(neighbour.email).waitFor();
    expect(await page.content()).not.toContain(link.split("#")[1]);
  });

  it("CO-68: lets the neighbour make an account by it, and see one coop and not the other", async () => {
    const visit = await openPage(browser, address);
    visit.page.setDefaultTimeout(patienceMs);
    await visit.page.goto(address + new URL(link).pathname + new URL(link).hash);
    await visit.page.getByRole("heading", { name: "Join Home" }).waitFor();
    // Whoever looks over a shoulder, or gets the address sent, has no token.
    await until("the token is out of the address", () => new URL(visit.page.url()).hash === "", patienceMs);
    await visit.page.getByLabel("Your name").fill(neighbour.name);
    await visit.page.getByRole("textbox", { name: "Password" }).fill(neighbour.password);
    await visit.page.getByRole("button", { name: "Make my account and join" }).click();
    await visit.page.getByRole("heading", { name: "Fleet" }).waitFor();
    await visit.page.getByText("Coop north").first().waitFor();
    expect(await visit.page.getByText("Coop south").count()).toBe(0);
    expect(await visit.page.getByRole("link", { name: "People" }).count()).toBe(0);
    await visit.page.goto("/devices/coop-south");
    await visit.page.getByRole("heading", { name: "No such device" }).waitFor();
    expect(visit.misdeeds.foreign).toEqual([]);
    await visit.context.close();
  });

  it("S4: makes the neighbour an operator, then removes them, and they are out within seconds", async () => {
    const visit = await openPage(browser, address);
    visit.page.setDefaultTimeout(patienceMs);
    await signInByPage(visit.page, neighbour);
    await page.goto("/people");
    await page.getByRole("button", { name: `Change ${neighbour.name}` }).click();
    await choose("Role", "Operator");
    await dialog().getByRole("button", { name: "Change" }).click();
    await page.getByText(`${neighbour.email} · Operator`).waitFor();
    await page.getByRole("button", { name: `Remove ${neighbour.name}` }).click();
    await dialog().getByRole("textbox").fill(neighbour.email);
    await dialog().getByRole("button", { name: "Remove" }).click();
    await until("they are gone from the list", async () => (await page.getByText(neighbour.email).count()) === 0, patienceMs);
    // Their page asks again by itself, and is led to the sign-in.
    await visit.page.getByRole("heading", { name: "Sign in" }).waitFor();
    await visit.context.close();
  });

  it("N-F23: makes a role in plain words and shows it in the matrix", async () => {
    await page.goto("/people/roles");
    await page.getByRole("button", { name: "Make a role" }).click();
    await dialog().getByRole("textbox", { name: "Name" }).fill("Night shift");
    await dialog().getByRole("checkbox", { name: "acknowledge alarms", exact: true }).check();
    await dialog().getByRole("button", { name: "Make role" }).click();
    await page.getByRole("columnheader", { name: "Night shift" }).waitFor();
    await page.getByText("held by nobody").waitFor();
  });

  it("N-F21: sets up an authenticator app, asks for its code at the next sign-in, and a recovery code stands in once", async () => {
    await page.goto("/security");
    await page.getByRole("region", { name: "Authenticator app" }).getByRole("button", { name: "Set up" }).click();
    await dialog().getByRole("textbox", { name: "Your password" }).fill(owner.password);
    await dialog().getByRole("button", { name: "Go on" }).click();
    const key = await shown("Key");
    await dialog().getByLabel("Code of the app").fill(oneTimeCode(key));
    await dialog().getByRole("button", { name: "Switch on" }).click();
    const [recoveryCode = ""] = (await shown("Recovery codes")).split("\n");
    await dialog().getByRole("button", { name: "I have them" }).click();
    await page.getByText("On.").waitFor();

    const visit = await openPage(browser, address);
    visit.page.setDefaultTimeout(patienceMs);
    const begin = async () => {
      await visit.page.goto("/sign-in");
      await visit.page.getByLabel("E-mail").fill(owner.email);
      await visit.page.getByRole("textbox", { name: "Password" }).fill(owner.password);
      await visit.page.getByRole("button", { name: "Sign in", exact: true }).click();
      await visit.page.getByRole("heading", { name: "Second step" }).waitFor();
    };
    const answer = async (code: string) => {
      await visit.page.getByLabel("Code", { exact: true }).fill(code);
      await visit.page.getByRole("button", { name: "Sign in", exact: true }).click();
    };
    await begin();
    await answer("000000");
    await visit.page.getByText("The code is wrong").waitFor();
    await answer(oneTimeCode(key, 1));
    await visit.page.getByRole("heading", { name: "Fleet" }).waitFor();
    await visit.context.clearCookies();
    await begin();
    await answer(recoveryCode);
    await visit.page.getByRole("heading", { name: "Fleet" }).waitFor();
    await visit.context.clearCookies();
    await begin();
    await answer(recoveryCode);
    await visit.page.getByText("The code is wrong").waitFor();
    await visit.context.close();
  });

  it("adds a passkey and signs in with it alone; ends a session from the list of sessions", async () => {
    const visit = await openPage(browser, address, { storageState: await context.storageState() });
    visit.page.setDefaultTimeout(patienceMs);
    await visit.page.goto("/security");
    await addAuthenticator(visit.page);
    await visit.page.getByRole("button", { name: "Add passkey" }).click();
    await dialog(visit.page).getByLabel("Name").fill("Test key");
    await dialog(visit.page).getByRole("button", { name: "Go on" }).click();
    await visit.page.getByText("Test key").waitFor();
    await visit.context.clearCookies();
    await visit.page.goto("/sign-in");
    await visit.page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await visit.page.getByRole("heading", { name: "Fleet" }).waitFor();

    await page.goto("/security");
    await page
      .getByRole("button", { name: /^End Chrom/ })
      .first()
      .click();
    await page.getByRole("button", { name: "End all others" }).click();
    await until("one session is left", async () => (await page.getByRole("button", { name: /^End / }).count()) === 0, patienceMs);
    await visit.page.getByRole("heading", { name: "Sign in" }).waitFor();
    await visit.context.close();
  });

  it("N-F24: makes an organisation for somebody else and sees nothing of it until its owner lets them in", async () => {
    await page.goto("/platform");
    await page.getByRole("button", { name: "Make an organisation" }).click();
    await dialog().getByRole("textbox", { name: "Name" }).fill("Riverside farm");
    await dialog().getByRole("button", { name: "Make it" }).click();
    const invitation = new URL(await shown("Invitation, shown once"));
    await dialog().getByRole("button", { name: "I have it" }).click();
    const farm = await openPage(browser, address);
    farm.page.setDefaultTimeout(patienceMs);
    await farm.page.goto(invitation.pathname + invitation.hash);
    await farm.page.getByLabel("E-mail").fill("farmer@example.org");
    await farm.page.getByLabel("Your name").fill("Farmer");
    await farm.page.getByRole("textbox", { name: "Password" }).fill("a heron stands in the river");
    await farm.page.getByRole("button", { name: "Make my account and join" }).click();
    await farm.page.getByRole("heading", { name: "Fleet" }).waitFor();

    await page.reload();
    await page.getByRole("button", { name: "Ask Riverside farm to let you in" }).click();
    await dialog().getByLabel("Why").fill("Their gateway falls silent every night.");
    await dialog().getByRole("button", { name: "Ask" }).click();
    await page.getByText("Their gateway falls silent every night.").waitFor();
    expect(await page.getByRole("button", { name: /Choose another/ }).count()).toBe(0);

    await farm.page.goto("/organisation");
    await farm.page.getByRole("button", { name: /^Let keeper@example.org in/ }).click();
    await farm.page.getByRole("button", { name: "End the access of keeper@example.org" }).waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Organisation: Home. Choose another" }).click();
    await page.getByRole("menuitem", { name: "Riverside farm" }).click();
    await page.getByRole("link", { name: "Roost, Riverside farm: fleet" }).waitFor();
    expect(await page.getByText("Coop north").count()).toBe(0);

    await farm.page.getByRole("button", { name: "End the access of keeper@example.org" }).click();
    await until(
      "the platform administrator is back in their own organisation",
      async () => {
        await page.goto("/");
        const fleet = page.getByRole("link", { name: /^Roost, .+: fleet$/ });
        // For the moment in which the access ends, the page may ask who they are.
        await fleet.or(page.getByRole("button", { name: "Sign in", exact: true })).waitFor();
        return (await page.getByRole("link", { name: "Roost, Home: fleet" }).count()) > 0;
      },
      patienceMs,
    );
    await farm.context.close();
  });

  it("N-F29: shows where secrets come from, rotates the key that seals them, and never a value", async () => {
    await page.goto("/platform/secrets");
    await page.getByRole("button", { name: "Rotate data-key" }).click();
    await dialog().getByRole("button", { name: "Rotate" }).click();
    await page.getByText("version 2").waitFor({ timeout: 60_000 });
  });

  it("keeps every page about people in the screen, readable and named, on a desk and on a phone, light and dark", async () => {
    const paths = [
      "/security",
      "/people",
      "/people/invitations",
      "/people/roles",
      "/sites",
      "/organisation",
      "/platform",
      "/platform/secrets",
      "/platform/sign-in",
    ];
    const inside = await walkPages(browser, address, await context.storageState(), paths);
    const outside = await walkPages(browser, address, { cookies: [], origins: [] }, [
      "/sign-in",
      "/forgot-password",
      "/reset-password#token=x",
    ]);
    expect([...inside.faults, ...outside.faults]).toEqual([]);
    for (const one of [...inside.misdeeds, ...outside.misdeeds]) expect(one).toEqual({ console: [], foreign: [], dialogs: [] });
    expect(misdeeds.foreign).toEqual([]);
  });
});
