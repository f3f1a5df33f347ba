import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { getSession } from "@roost/contract/auth";
import { addSignInProvider, finishSingleSignOn } from "@roost/contract/single-sign-on";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { findChromium, launchBrowser, openPage } from "../src/browser.ts";
import { freePort } from "../src/free-port.ts";
import { startIdentityProvider } from "../src/identity-provider.ts";
import type { IdentityProvider } from "../src/identity-provider.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";

const builtPage = fileURLToPath(new URL("../../web/dist/index.html", import.meta.url));

describe.skipIf(findChromium() === undefined)("single sign-on by the pages of a real browser, at a real provider", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let administrator: Administrator;
  let provider: IdentityProvider;
  let browser: Browser;
  let publicUrl: string;

  beforeAll(async () => {
    if (!existsSync(builtPage)) throw new Error("The web app is not built. Run: npm run build -w @roost/web");
    const port = await freePort();
    publicUrl = `http://localhost:${port}`;
    provider = await startIdentityProvider({ redirectUri: publicUrl + finishSingleSignOn.path });
    server = await startServer({
      dataDir: folder.dataDir,
      env: { ROOST_HTTP_PORT: String(port), ROOST_PUBLIC_URL: publicUrl, ROOST_EGRESS_ALLOW: "127.0.0.1" },
    });
    administrator = await setUpAdministrator(server);
    const session = await administrator.call(getSession, {});
    await administrator.call(addSignInProvider, {
      body: {
        name: "Works",
        issuer: provider.issuer,
        clientId: provider.clientId,
        clientSecret: provider.clientSecret,
        allowedDomains: ["works.example"],
        joins: { organisationId: session.organisation.id, role: "viewer" },
      },
    });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.kill();
    await provider?.close();
    folder.remove();
  });

  it("a colleague signs in with one press, and is who the provider says; a stranger is told what to do", async () => {
    provider.signInAs("hand", { email: "hand@works.example", email_verified: true, name: "Hand" });
    const { page, misdeeds, context } = await openPage(browser, publicUrl);
    await page.goto("/sign-in");
    await page.getByRole("button", { name: /Works/ }).click();
    await page.getByRole("heading", { name: "Fleet" }).waitFor();
    const shown = await page.evaluate(async (path) => (await (await fetch(path)).json()) as unknown, getSession.path);
    expect(shown).toMatchObject({ person: { email: "hand@works.example", name: "Hand" }, role: "viewer" });
    expect(misdeeds.console).toEqual([]);
    // Nothing but the way to the provider and back left our own address.
    expect(misdeeds.foreign.filter((url) => !url.startsWith(provider.issuer))).toEqual([]);
    await context.close();

    provider.signInAs("stranger", { email: "stranger@elsewhere.example", email_verified: true });
    const other = await openPage(browser, publicUrl);
    await other.page.goto("/sign-in");
    await other.page.getByRole("button", { name: /Works/ }).click();
    await other.page.waitForURL(/\/sign-in\?error=auth\.single_sign_on_no_access/);
    await other.page
      .getByText(/auth\.single_sign_on_no_access|nobody has let you/)
      .first()
      .waitFor();
    await other.context.close();
  });
});
