import { listAlarms } from "@roost/contract/alarms";
import { addApiToken } from "@roost/contract/auth";
import { addressOf, createClient } from "@roost/contract/client";
import { addDevice } from "@roost/contract/devices";
import { postAlerts } from "@roost/contract/external-alarms";
import { sendTelemetry } from "@roost/contract/ingest";
import { addNotificationTarget } from "@roost/contract/notifications";
import { expect, it } from "vitest";

import { launchBrowser, openPage, signInByPage, untilLoaded } from "../src/browser.ts";
import { claim } from "../src/device.ts";
import { printFigures } from "../src/figures.ts";
import { hostileTexts } from "../src/hostile-text.ts";
import { setUpAdministrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";

const devices = 10;
const attributesPerDevice = 46;

it("S14: runs nothing of 500 hostile texts in names, attributes, refused messages and addresses, on any page", async () => {
  const folder = createDataDir();
  const server = await startServer({ dataDir: folder.dataDir });
  const browser = await launchBrowser();
  try {
    const { url } = server.ready;
    const administrator = await setUpAdministrator(server);
    const texts = hostileTexts(500);
    let used = 0;
    const next = () => texts[used++ % texts.length] ?? "";
    for (let index = 0; index < devices; index += 1) {
      const { device, ticket } = await administrator.call(addDevice, { body: { id: `hostile-${index}`, name: next() } });
      const credentials = await claim(url, device.id, ticket.claimSecret);
      const send = (body: string) =>
        fetch(url + addressOf(sendTelemetry, { params: { deviceId: device.id } }), {
          method: "POST",
          headers: { authorization: `Bearer ${credentials.http.token}`, "content-type": "application/json" },
          body,
        });
      const attributes = Object.fromEntries(Array.from({ length: attributesPerDevice }, (_, number) => [`note_${number}`, next()]));
      expect((await send(JSON.stringify({ temperature: index, ...attributes }))).status).toBe(200);
      await send(`{"broken": ${next()}`);
      await send(JSON.stringify({ [next()]: 1 }));
    }
    for (let index = 0; index < 10; index += 1) {
      await administrator
        .call(addNotificationTarget, { body: { kind: "webhook", name: next(), url: `https://example.org/${encodeURIComponent(next())}` } })
        .catch(() => undefined);
      await administrator.call(addApiToken, { body: { name: next(), permissions: ["devices:read"] } });
    }
    const { secret } = await administrator.call(addApiToken, { body: { name: "other systems", permissions: ["alarms:report"] } });
    const report = createClient({ baseUrl: url, token: secret, fetch });
    // One at a time: what cannot be kept, such as a NUL, is refused with the whole of its post.
    for (let index = 0; index < 30; index += 1) {
      const labels = { alertname: next(), device: `hostile-${index % devices}`, [next().slice(0, 100) || "label"]: next() };
      const annotations = { summary: next(), description: next(), runbook_url: `javascript:${next()}` };
      await report(postAlerts, { body: [{ labels, annotations, generatorURL: next() }] }).catch(() => undefined);
    }
    const { items: alarms } = await administrator.call(listAlarms, { query: { limit: 200 } });
    expect(alarms.filter(({ kind }) => kind === "external").length).toBeGreaterThan(20);
    expect(used).toBeGreaterThanOrEqual(500);

    const { page, misdeeds } = await openPage(browser, url);
    await signInByPage(page, administrator);
    const paths = [
      "/",
      "/alarms?state=all",
      "/refused",
      "/notifications",
      "/api-tokens",
      "/api/docs",
      "/status",
      ...Array.from({ length: devices }, (_, index) => [
        `/devices/hostile-${index}`,
        `/devices/hostile-${index}/refused`,
        `/devices/hostile-${index}/settings`,
      ]).flat(),
      ...texts.slice(0, 12).map((text) => `/?q=${encodeURIComponent(text)}`),
      ...texts.slice(0, 6).map((text) => `/devices/${encodeURIComponent(text)}`),
      ...texts.slice(0, 6).map((text) => `/sign-in?to=${encodeURIComponent(text)}`),
    ];
    let shown = 0;
    for (const path of paths) {
      await page.goto(path);
      await page.locator("h1").waitFor();
      await untilLoaded(page);
      for (const details of await page.locator("summary").all()) await details.click({ timeout: 2_000 }).catch(() => undefined);
      shown += await page.evaluate<number>("(document.body.innerText.match(/onerror=|<script>|javascript:|onload=/g) ?? []).length");
      expect(await page.evaluate("globalThis.ran"), path).toBeUndefined();
      expect(await page.title(), path).not.toBe("ran");
    }
    // The test would prove nothing if the texts had not been on the screen.
    expect(shown).toBeGreaterThan(100);
    expect(misdeeds.dialogs).toEqual([]);
    expect(misdeeds.foreign).toEqual([]);
    expect(misdeeds.console.filter((line) => !/status of 40[04]/.test(line))).toEqual([]);
    printFigures("S14", {
      texts: texts.length,
      pages: paths.length,
      shown,
      scripts_run: misdeeds.dialogs.length,
      foreign_loads: misdeeds.foreign.length,
    });
  } finally {
    await browser.close();
    await server.terminate();
    folder.remove();
  }
});
