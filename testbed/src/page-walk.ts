import type { Browser, BrowserContextOptions, Page } from "playwright-core";

import { openPage, untilLoaded } from "./browser.ts";
import type { Misdeeds } from "./browser.ts";
import { pageChecks } from "./page-checks.ts";

/** A fault of a page, or what a walk over pages did wrong. */
export interface PageFaults {
  /** What, on which page, at which width, in which colours. */
  readonly faults: string[];
  readonly misdeeds: Misdeeds[];
}

const patienceMs = 15_000;

/** Opens every page on a desk and on a phone, light and dark, and checks each: nothing wider than the screen, {@link pageChecks}, a title. */
export async function walkPages(
  browser: Browser,
  origin: string,
  storageState: NonNullable<BrowserContextOptions["storageState"]>,
  paths: readonly string[],
): Promise<PageFaults> {
  const found: PageFaults = { faults: [], misdeeds: [] };
  const manners = (["light", "dark"] as const).flatMap((colorScheme) =>
    [
      { width: 1280, height: 800 },
      { width: 390, height: 844 },
    ].map((viewport) => ({ colorScheme, viewport })),
  );
  for (const manner of manners) {
    const visit = await openPage(browser, origin, { ...manner, storageState });
    visit.page.setDefaultTimeout(patienceMs);
    for (const path of paths) {
      const where = `${path} at ${manner.viewport.width}, ${manner.colorScheme}`;
      await visit.page.goto(path);
      await visit.page.locator("h1").waitFor();
      await untilLoaded(visit.page);
      found.faults.push(...(await faultsOf(visit.page)).map((fault) => `${where}: ${fault}`));
    }
    found.misdeeds.push(visit.misdeeds);
    await visit.context.close();
  }
  return found;
}

async function faultsOf(page: Page): Promise<string[]> {
  const faults: string[] = [];
  const wider = await page.evaluate<number>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
  if (wider > 0) faults.push(`${wider} px too wide`);
  if (!(await page.title()).endsWith("Roost")) faults.push("no title");
  for (const [check, script] of Object.entries(pageChecks)) {
    const seen = await page.evaluate<unknown[]>(script);
    if (seen.length > 0) faults.push(`${check}: ${JSON.stringify(seen)}`);
  }
  return faults;
}
