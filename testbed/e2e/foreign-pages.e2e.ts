import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { addApiToken, listApiTokens, signOut } from "@roost/contract/auth";
import { addDevice, changeDevice, listDevices, removeDevice } from "@roost/contract/devices";
import { addAlarmRule, changeAlarmRule, listAlarmRules } from "@roost/contract/rules";
import { streamFacts } from "@roost/contract/system";
import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { findChromium, launchBrowser, openPage, signInByPage } from "../src/browser.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";

/** One way in which a page of another site may make the browser send a change. Runs in the browser. */
interface Attempt {
  readonly method: string;
  readonly path: string;
  readonly body: object;
}

describe.skipIf(findChromium() === undefined)("CO-17: pages of other sites in a browser that is signed in", () => {
  let server: ServerProcess;
  let administrator: Administrator;
  let browser: Browser;
  let context: BrowserContext;
  let ruleId = "";
  const folder = createDataDir();
  // The other site: of another name (another site to the browser), and of the same name at another port (the same site: cookies go along).
  const evil = createServer((request, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>A page of another site</title><body></body>");
    request.resume();
  });
  let origins: readonly string[] = [];

  beforeAll(async () => {
    server = await startServer({ dataDir: folder.dataDir });
    administrator = await setUpAdministrator(server);
    const { device } = await administrator.call(addDevice, { body: { id: "coop-1", name: "Coop" } });
    const deviceId = device.id;
    const rule = await administrator.call(addAlarmRule, {
      body: { scope: { deviceId }, condition: { kind: "threshold", metric: "temperature", above: 30 } },
    });
    ruleId = rule.id;
    evil.listen(0, "127.0.0.1");
    await once(evil, "listening");
    const { port } = evil.address() as AddressInfo;
    origins = [`http://localhost:${port}`, `http://127.0.0.1:${port}`];
    browser = await launchBrowser();
    const opened = await openPage(browser, server.ready.url);
    context = opened.context;
    await signInByPage(opened.page, administrator);
    expect(opened.misdeeds).toEqual({ console: [], foreign: [], dialogs: [] });
  });
  afterAll(async () => {
    await browser?.close();
    evil.close();
    await server?.terminate();
    folder.remove();
  });

  async function state() {
    const { call } = administrator;
    const [rules, devices, tokens] = [await call(listAlarmRules, {}), await call(listDevices, {}), await call(listApiTokens, {})];
    const names = devices.items.map(({ id, name }) => `${id} ${name}`);
    return JSON.stringify({ rules: rules.items, names, tokens: tokens.items.map(({ name }) => name) });
  }
  const attempts = (): Attempt[] => [
    {
      method: changeAlarmRule.method,
      path: changeAlarmRule.path.replace(/:\w+/, ruleId),
      body: { scope: { deviceId: "coop-1" }, condition: { kind: "threshold", metric: "temperature", above: 99 } },
    },
    { method: "POST", path: addDevice.path, body: { id: "evil-1", name: "Evil" } },
    { method: "POST", path: addApiToken.path, body: { name: "evil", permissions: ["devices:read"] } },
    { method: changeDevice.method, path: changeDevice.path.replace(/:\w+/, "coop-1"), body: { name: "Evil" } },
    { method: "DELETE", path: removeDevice.path.replace(/:\w+/, "coop-1"), body: {} },
    { method: "POST", path: signOut.path, body: {} },
  ];

  it("change nothing, by any form, script, beacon, picture, frame, stream or socket", async () => {
    const before = await state();
    let sent = 0;
    const read: string[] = [];
    for (const origin of origins) {
      for (const attempt of attempts()) {
        const page = await context.newPage();
        page.on("request", (request) => {
          if (request.url().startsWith(server.ready.url)) sent += 1;
        });
        await page.goto(origin);
        const seen = await page.evaluate(
          async ({ url, method, body }) => {
            const text = JSON.stringify(body);
            const got: string[] = [];
            const tries: [string, RequestInit][] = [
              ["json", { method, body: text, headers: { "content-type": "application/json" }, credentials: "include" }],
              ["plain", { method: "POST", body: text, headers: { "content-type": "text/plain" }, credentials: "include", mode: "no-cors" }],
              [
                "plain that says it is json",
                {
                  method: "POST",
                  body: text,
                  headers: { "content-type": "text/plain; application/json" },
                  credentials: "include",
                  mode: "no-cors",
                },
              ],
              ["no type", { method: "POST", body: new Blob([text]), credentials: "include", mode: "no-cors" }],
              [
                "fields",
                { method: "POST", body: new URLSearchParams({ _method: method, json: text }), credentials: "include", mode: "no-cors" },
              ],
              ["parts", { method: "POST", body: new FormData(), credentials: "include", mode: "no-cors" }],
              ["nothing", { method: "POST", credentials: "include", mode: "no-cors" }],
              ["override", { method: "POST", body: text, headers: { "x-http-method-override": method }, credentials: "include" }],
              ["look", { credentials: "include" }],
            ];
            for (const [name, init] of tries) {
              const answer = await fetch(url, { ...init, keepalive: true }).catch(() => undefined);
              if (answer !== undefined && answer.type !== "opaque") got.push(`${name} ${answer.status} ${await answer.text()}`);
            }
            navigator.sendBeacon(url, new Blob([text], { type: "text/plain" }));
            const image = new Image();
            image.src = url;
            await new Promise((resolve) => {
              image.addEventListener("load", () => (got.push("picture"), resolve(undefined)));
              image.addEventListener("error", resolve);
            });
            return got;
          },
          { url: server.ready.url + attempt.path, method: attempt.method, body: attempt.body },
        );
        read.push(...seen);
        for (const type of ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]) {
          await page.goto(origin);
          // A form of plain text can be made to look like JSON: the name holds the one half, the value the other.
          await page.evaluate(
            ({ url, enctype, text }) => {
              const form = document.createElement("form");
              form.action = url;
              form.method = "POST";
              form.enctype = enctype;
              const field = document.createElement("input");
              field.name = `${text.slice(0, -1)},"x":"`;
              field.value = '"}';
              form.append(field);
              document.body.append(form);
              form.submit();
            },
            { url: server.ready.url + attempt.path, enctype: type, text: JSON.stringify(attempt.body) },
          );
          await page.waitForURL(`${server.ready.url}/**`, { waitUntil: "commit" });
          await page.waitForLoadState();
          expect(await page.locator("body").textContent()).toMatch(/http\.(?:foreign_origin|method_not_allowed)/);
        }
        await page.close();
      }
    }
    expect(read).toEqual([]);
    expect(await state()).toBe(before);
    process.stdout.write(`CO-17 ${sent} requests of two other origins for ${attempts().length} changes: nothing changed, nothing read\n`);
    expect(sent).toBeGreaterThan(100);
    // Still signed in: the sign-out was one of the attempts.
    const page = await context.newPage();
    await page.goto("/");
    await page.getByRole("heading", { name: "Fleet" }).waitFor();
    await page.close();
  });

  it("S16: see no frame of ours, no stream, no socket, no window", async () => {
    for (const origin of origins) {
      const page = await context.newPage();
      await page.goto(origin);
      const got = await page.evaluate(
        async ({ url, stream, socketUrl }) => {
          const frame = document.createElement("iframe");
          frame.src = url;
          document.body.append(frame);
          const events = new EventSource(stream, { withCredentials: true });
          const streamed = await new Promise((resolve) => {
            events.addEventListener("open", () => resolve("open"));
            events.addEventListener("error", () => resolve("refused"));
          });
          events.close();
          const socket = new WebSocket(socketUrl, ["mqtt"]);
          const socketed = await new Promise((resolve) => {
            socket.addEventListener("open", () => resolve("open"));
            socket.addEventListener("close", () => resolve("refused"));
          });
          const opened = window.open(url);
          await new Promise((resolve) => setTimeout(resolve, 1_000));
          return { streamed, socketed, windowIsOurs: opened?.closed === false };
        },
        { url: server.ready.url, stream: server.ready.url + streamFacts.path, socketUrl: `${server.ready.url.replace("http", "ws")}/mqtt` },
      );
      expect(got).toMatchObject({ streamed: "refused", socketed: "refused" });
      const framed = page.frames().find((frame) => frame !== page.mainFrame());
      expect(framed?.url() ?? "").not.toContain(server.ready.url);
      await page.close();
    }
  });

  it("the app's own page changes the same things", async () => {
    const page = await context.newPage();
    await page.goto("/");
    const statuses = await page.evaluate(
      async (all) =>
        Promise.all(
          all.map(async ({ method, path, body }) => {
            const init: RequestInit = { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } };
            const answer = await fetch(path, init);
            return answer.status;
          }),
        ),
      attempts().slice(0, 4),
    );
    expect(statuses.every((status) => status >= 200 && status < 300)).toBe(true);
    const after = await state();
    for (const part of ['"above":99', "evil-1 Evil", "coop-1 Evil", '"evil"']) expect(after).toContain(part);
    await page.close();
  });
});
