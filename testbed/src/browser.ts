import { existsSync } from "node:fs";

import { chromium } from "playwright-core";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";

import { until } from "./waiting.ts";

const candidates = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const quietly = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where a Chromium is installed; `undefined` when there is none. */
export function findChromium(): string | undefined {
  return candidates.find((path) => existsSync(path));
}

/**
 * Starts the Chromium of this machine with a fresh profile, headless.
 *
 * @throws with the command that installs one, when there is none.
 */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("There is no Chromium on this machine. On Debian: apt-get install chromium");
  return chromium.launch({ executablePath, args: quietly, headless: true, timeout: 120_000 });
}

/** What a page did that no page of ours may do. */
export interface Misdeeds {
  /** Errors and warnings in the console, thrown errors, breaches of the content security policy. */
  readonly console: string[];
  /** Requests to any other origin. */
  readonly foreign: string[];
  /** `alert` and its kin: a script of somebody else's ran. */
  readonly dialogs: string[];
}

/** A page of a fresh session, with everything it does wrong written down. */
export async function openPage(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<{ context: BrowserContext; page: Page; misdeeds: Misdeeds }> {
  const context = await browser.newContext({ baseURL: origin, viewport: { width: 1280, height: 800 }, locale: "en-GB", ...options });
  context.setDefaultTimeout(60_000);
  const misdeeds: Misdeeds = { console: [], foreign: [], dialogs: [] };
  context.on("page", (page) => {
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") misdeeds.console.push(`${page.url()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => misdeeds.console.push(`${page.url()}: ${error.message}`));
    page.on("dialog", (dialog) => {
      misdeeds.dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(origin) && !/^(data|blob):/.test(url)) misdeeds.foreign.push(url);
    });
  });
  return { context, page: await context.newPage(), misdeeds };
}

/** Waits until nothing on the page is a placeholder any more. */
export async function untilLoaded(page: Page): Promise<void> {
  await until("the page is loaded", async () => (await page.locator("output[aria-label^=Loading]").count()) === 0);
}

/** Waits until no colour and no size is on its way any more: what is measured meanwhile is nothing that stays. */
export async function untilSettled(page: Page): Promise<void> {
  // What was changed this very moment begins to move with the next picture.
  await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))");
  await until("nothing moves any more", async () => page.evaluate<boolean>(settled));
}

const settled = "document.getAnimations().every((one) => !(one instanceof CSSTransition) || one.playState !== 'running')";

/** Signs in by the sign-in page, as a person would. */
export async function signInByPage(page: Page, { email, password }: { readonly email: string; readonly password: string }): Promise<void> {
  await page.goto("/sign-in");
  await page.getByLabel("E-mail").fill(email);
  await page.getByRole("textbox", { name: "Password" }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { name: "Fleet" }).waitFor();
}
