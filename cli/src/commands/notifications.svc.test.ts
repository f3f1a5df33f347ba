import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { login } from "@roost/contract/auth";
import type { Call } from "@roost/contract/client";
import { postAlerts } from "@roost/contract/external-alarms";
import { startCatcher } from "@roost/testbed/catchers";
import type { Catcher } from "@roost/testbed/catchers";
import { setUpAdministrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { runHere } from "../test-program.ts";

const home = mkdtempSync(join(tmpdir(), "roost-cli-targets-"));

describe("roost target, roost delivery, roost inbox and roost dead-man against a running server", () => {
  const data = createDataDir();
  let server: ServerProcess;
  let catcher: Catcher;
  let env: Record<string, string>;
  let call: Call;

  const roost = (...args: string[]) => runHere(args, env);
  const json = async (...args: string[]) => {
    const { code, out, err } = await roost(...args, "-o", "json");
    expect([code, err]).toEqual([0, ""]);
    return JSON.parse(out) as Record<string, unknown>;
  };

  beforeAll(async () => {
    catcher = await startCatcher();
    server = await startServer({ dataDir: data.dataDir, env: { ROOST_EGRESS_ALLOW: "127.0.0.1" } });
    const keeper = await setUpAdministrator(server);
    call = keeper.call;
    const { access_token } = await keeper.call(login, { body: { username: keeper.email, password: keeper.password } });
    env = { HOME: home, ROOST_URL: server.ready.url, ROOST_TOKEN: access_token };
  });
  afterAll(async () => {
    await server.terminate();
    await catcher.close();
    data.remove();
    rmSync(home, { recursive: true, force: true });
  });

  it("adds, tests, changes, lists and removes targets, the organisation's and one's own", async () => {
    const hook = await json("target", "add", "webhook", "Night watch", `url=${catcher.url}/hook`, "--severity", "warning");
    expect(hook).toMatchObject({ kind: "webhook", minSeverity: "warning", signingSecret: expect.stringMatching(/^roost_sign_/) as string });
    expect(await json("target", "test", "night watch")).toMatchObject({ state: "delivered", attempts: [{ status: 204 }] });
    expect(catcher.caught.map(({ path }) => path)).toEqual(["/hook"]);
    expect(await json("target", "change", "Night watch", "--title", "{{severity}}", "--name", "Night")).toMatchObject({
      name: "Night",
      titleTemplate: "{{severity}}",
    });
    expect((await roost("target", "change", "Night", "--body", "{{> x}}")).err).toContain("notifications.bad_template");
    expect(await json("target", "off", "Night")).toMatchObject({ enabled: false });
    await json("target", "add", "webhook", "My phone", `url=${catcher.url}/mine`, "--mine");
    expect((await roost("target", "list")).out).not.toContain("My phone");
    expect((await roost("target", "list", "--mine")).out).toMatch(/My phone.*well/);
    expect((await roost("target", "remove", "My phone", "--mine", "--confirm", "My phone")).code).toBe(0);
    expect((await roost("target", "test", "Nobody")).err).toContain("no such target");
    expect((await roost("target", "add", "slack", "Chat")).err).toContain("url");
  });

  it("sends failed deliveries again, and shows each try's answer", async () => {
    catcher.otherwise({ status: 404 });
    const failed = await roost("target", "test", "Night", "-o", "json");
    expect(failed.code).not.toBe(0);
    const { items } = (await json("delivery", "list", "--state", "failed")) as { items: { id: string }[] };
    expect(items).toHaveLength(1);
    expect((await roost("delivery", "list")).out).toMatch(/failed +1 +404/);
    catcher.otherwise({ status: 204 });
    await json("delivery", "replay", items[0]?.id ?? "");
    await expect.poll(async () => (await roost("delivery", "list", "--state", "failed")).out).toContain("No deliveries.");
    expect(await json("target", "replay", "Night")).toEqual({ replayed: 0 });
    expect((await roost("delivery", "replay")).err).toContain("--all");
  });

  it("N-F12: lists what one was told, marks it as read and puts it away", async () => {
    await call(postAlerts, { body: [{ labels: { alertname: "Water low", severity: "critical" }, annotations: {} }] });
    const entries = async (...args: string[]) => {
      const { items } = (await json("inbox", "list", ...args)) as { items: { id: string; text: string; readAt?: string }[] };
      return items.filter(({ text }) => text.includes("Water low"));
    };
    await expect.poll(async () => (await entries()).length, { timeout: 60_000 }).toBe(1);
    const id = (await entries("--show", "unread"))[0]?.id ?? "";
    expect((await roost("inbox", "list")).out).toMatch(/critical +no +.*Water low/);
    expect(await json("inbox", "read", id)).toMatchObject({ items: [{ id, readAt: expect.any(String) as string }] });
    expect(await entries("--show", "unread")).toEqual([]);
    expect((await json("inbox", "read", "--all"))["read"]).toBeTypeOf("number");
    expect(await json("inbox", "archive", id)).toMatchObject({ items: [{ archivedAt: expect.any(String) as string }] });
    expect([await entries(), (await entries("--show", "archived")).length]).toEqual([[], 1]);
    expect((await roost("inbox", "read")).err).toContain("--all");
    expect((await roost("inbox", "archive", "0197a1c2-7d0e-7c3a-9a52-3f2f5d7c9b11")).err).toContain("inbox.entry_not_found");
  });

  it("sets a watcher, which hears from a server that is well", async () => {
    expect((await roost("dead-man", "show")).out).toMatch(/none[\s\S]*arrive/);
    expect(await json("dead-man", "set", `${catcher.url}/ping/abc`, "--every", "10")).toMatchObject({ everySeconds: 10 });
    const beats = () => catcher.caught.filter(({ path, method }) => path === "/ping/abc" && method === "GET").length;
    await expect.poll(beats).toBeGreaterThan(0);
    expect(await json("dead-man", "beat")).toMatchObject({ lastOutcome: "sent", lastStatus: 204 });
    expect((await roost("dead-man", "show")).out).not.toContain("/ping/");
    expect((await roost("dead-man", "remove")).code).toBe(0);
    expect((await roost("dead-man", "beat")).err).toContain("notifications.no_switch");
  });
});
