import type { Browser, BrowserContextOptions } from "playwright-core";

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
  for (const colorScheme of ["light", "dark"] as const) {
    for (const viewport of [
      { width: 1280, height: 800 },
      { width: 390, height: 844 },
    ]) {
      const visit = await openPage(browser, origin, { colorScheme, viewport, storageState });
      visit.page.setDefaultTimeout(patienceMs);
      for (const path of paths) {
        const where = `${path} at ${viewport.width}, ${colorScheme}`;
        await visit.page.goto(path);
        await visit.page.locator("h1").waitFor();
        await untilLoaded(visit.page);
        const wider = await visit.page.evaluate<number>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        if (wider > 0) found.faults.push(`${wider} px too wide: ${where}`);
        if (!/Roost$/.test(await visit.page.title())) found.faults.push(`no title: ${where}`);
        for (const [check, script] of Object.entries(pageChecks)) {
          const faults = await visit.page.evaluate<unknown[]>(script);
          if (faults.length > 0) found.faults.push(`${check}: ${where}: ${JSON.stringify(faults)}`);
        }
      }
      found.misdeeds.push(visit.misdeeds);
      await visit.context.close();
    }
  }
  return found;
}
