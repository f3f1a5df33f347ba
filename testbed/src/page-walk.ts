import type { Browser, BrowserContextOptions, Page } from "playwright-core";

import { openPage, untilLoaded, untilSettled } from "./browser.ts";
import type { Misdeeds } from "./browser.ts";
import { pageChecks } from "./page-checks.ts";

/** A fault of a page, or what a walk over pages did wrong. */
export interface PageFaults {
  /** What, on which page, at which width, in which colours. */
  readonly faults: string[];
  readonly misdeeds: Misdeeds[];
}

/**
 * Opens every page on a desk and on a phone, and checks each in light and in dark: nothing wider than the screen, {@link pageChecks}, a title.
 *
 * @param height - Of a screen on which nothing waits to be scrolled to.
 */
export async function walkPages(
  browser: Browser,
  origin: string,
  storageState: NonNullable<BrowserContextOptions["storageState"]>,
  paths: readonly string[],
  { height }: { height?: number } = {},
): Promise<PageFaults> {
  const walks = await Promise.all(
    [
      { width: 1280, height: height ?? 800 },
      { width: 390, height: height ?? 844 },
    ].map(async (viewport) => {
      const faults: string[] = [];
      const visit = await openPage(browser, origin, { viewport, storageState });
      for (const [index, path] of paths.entries()) {
        // Each page is loaded in one of the colours and changed to the other, as the evening does it.
        const colours = index % 2 === 0 ? (["light", "dark"] as const) : (["dark", "light"] as const);
        await visit.page.emulateMedia({ colorScheme: colours[0] });
        await visit.page.goto(path);
        await visit.page.locator("h1").waitFor();
        await untilLoaded(visit.page);
        for (const colorScheme of colours) {
          await visit.page.emulateMedia({ colorScheme });
          await visit.page.locator(`html[data-mantine-color-scheme=${colorScheme}]`).waitFor();
          await untilSettled(visit.page);
          faults.push(...(await faultsOf(visit.page)).map((fault) => `${path} at ${viewport.width}, ${colorScheme}: ${fault}`));
        }
      }
      await visit.context.close();
      return { faults, misdeeds: visit.misdeeds };
    }),
  );
  return { faults: walks.flatMap(({ faults }) => faults), misdeeds: walks.map(({ misdeeds }) => misdeeds) };
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
