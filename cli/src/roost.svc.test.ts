import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { addApiToken, signIn } from "@roost/contract/auth";
import { addAlarmRule } from "@roost/contract/rules";
import { confirmSecondFactor, enrolSecondFactor } from "@roost/contract/sign-in";
import { codeOfApp } from "@roost/testbed/authenticator-app";
import { FaultProxy } from "@roost/testbed/fault-proxy";
import { startIdentityProvider } from "@roost/testbed/identity-provider";
import { callerWith, setUpAdministrator } from "@roost/testbed/people";
import type { Administrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { readBySql } from "@roost/testbed/stored-rows";
import { until } from "@roost/testbed/waiting";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "roost-cli-"));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The command as a person runs it: a process of its own. */
function start(args: readonly string[], { input = "", env = {} }: { input?: string; env?: Readonly<Record<string, string>> } = {}) {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"], HOME: home, ...env },
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  child.stdin.end(input);
  const ended = new Promise<Ended>((resolve) => child.once("close", (code) => resolve({ code, out, err })));
  return { child, ended, out: () => out };
}

async function roost(args: readonly string[], options?: Parameters<typeof start>[1]): Promise<Ended> {
  return start(args, options).ended;
}

async function roostJson<Answer>(...args: string[]): Promise<Answer> {
  const { code, out, err } = await roost([...args, "-o", "json"]);
  expect([err.includes("("), code]).toEqual([false, 0]);
  return JSON.parse(out) as Answer;
}

describe("the roost command against a running server", () => {
  const data = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  beforeAll(async () => {
    server = await startServer({ dataDir: data.dataDir, env: { ROOST_EGRESS_ALLOW: "127.0.0.1" } });
    keeper = await setUpAdministrator(server);
  });
  afterAll(async () => {
    await server.terminate();
    data.remove();
    rmSync(home, { recursive: true, force: true });
  });

  it("signs in by password and keeps the token for this user alone", async () => {
    const { url } = server.ready;
    const wrong = await roost(["login", url, "--email", keeper.email, "--password-stdin"], { input: "not the password" });
    expect(wrong).toMatchObject({ code: 1, out: "", err: expect.stringContaining("auth.wrong_credentials") as string });
    const right = await roost(["login", url, "--email", keeper.email, "--password-stdin"], { input: `${keeper.password}\n` });
    expect([right.code, right.err]).toEqual([0, ""]);
    expect(right.out).toContain(keeper.email);
    expect(right.out).not.toContain(keeper.password);
    expect(statSync(join(home, ".config/roost/cli.json")).mode & 0o777).toBe(0o600);
  });

  it("shows the installation's state", async () => {
    const shown = async () => {
      const { code, out } = await roost(["status", "-o", "json"]);
      return { code, ...(JSON.parse(out) as object) };
    };
    await expect.poll(shown, { interval: 1_000 }).toMatchObject({ code: 0, ready: true, devices: { online: 0 } });
  });

  it("adds a device with its secret and QR, lists it, shows it and removes it only when its id is repeated", async () => {
    const added = await roost(["device", "add", "Coop-1", "--name", "Coop"]);
    expect(added.code).toBe(0);
    expect(added.out).toMatch(/claimSecret\s+[0-9a-f]{64}\n/);
    expect(added.out).toContain("█▀");
    expect(await roostJson("device", "show", "coop-1")).toMatchObject({ id: "coop-1", name: "Coop", state: "waiting", metrics: [] });
    expect((await roost(["device", "list"])).out).toMatch(/coop-1\s+Coop\s+waiting\s+never/);
    expect(await roost(["device", "add", "coop-1"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("devices.already_exists") as string,
    });
    expect(await roost(["device", "remove", "coop-1"])).toMatchObject({ code: 2 });
    expect(await roost(["device", "remove", "coop-1", "--confirm", "coop-2"])).toMatchObject({ code: 1 });
    expect((await roost(["device", "remove", "coop-1", "--confirm", "coop-1"])).code).toBe(0);
    expect(await roost(["device", "show", "coop-1"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("devices.not_found") as string,
    });
  });

  it("DESIGN contract: does once what it was told once, although the answer got lost on its way", async () => {
    const proxy = await FaultProxy.start({ port: Number(new URL(server.ready.url).port) });
    const { secret } = await keeper.call(addApiToken, { body: { name: "roost", permissions: ["devices:read", "devices:write"] } });
    const env = { ROOST_URL: `http://127.0.0.1:${proxy.port}`, ROOST_TOKEN: secret };
    proxy.answersToLose = 1;
    const added = await roost(["device", "add", "lost-1"], { env });
    expect([added.code, proxy.answersToLose]).toEqual([0, 0]);
    expect(added.out).toMatch(/claimSecret\s+[0-9a-f]{64}\n/);
    proxy.answersToLose = 2;
    expect(await roost(["device", "add", "lost-2"], { env })).toMatchObject({
      code: 1,
      err: expect.stringContaining("client.unreachable") as string,
    });
    await proxy.close();
  });

  interface Simulated {
    sent: number;
    acknowledged: number;
    waiting: number;
    refused: Record<string, number>;
    kinds: Record<string, number>;
    server: Record<"before" | "after", { storedValues: number; duplicateValues: number; rejected: number }>;
  }

  /** Simulates until enough was told, however long that takes here, and ends it as a person would. */
  async function simulate(args: readonly string[], isEnough: () => Promise<boolean>): Promise<Simulated> {
    const { child, ended } = start(["simulate", ...args, "-o", "json"]);
    await Promise.race([ended, until("enough was told", isEnough, 100_000)]);
    child.kill("SIGINT");
    const { code, out } = await ended;
    expect(code).toBe(0);
    return JSON.parse(out) as Simulated;
  }

  it("R8: simulates a fleet whose copies are stored once: what the server counts is what was sent", async () => {
    const metrics = 4;
    const twins = Array.from({ length: 5 }, (_, index) => `twin-000${index + 1}`);
    const {
      sent,
      acknowledged,
      waiting,
      kinds,
      server: counts,
    } = await simulate(
      ["--devices", "5", "--interval", "100ms", "--scenario", "duplicates", "--prefix", "twin"],
      async () => (await readBySql(server.ready, twins)).length >= metrics * 50,
    );
    expect([waiting, acknowledged]).toEqual([0, sent]);
    expect(Math.min(kinds["sample"] ?? 0, kinds["duplicate"] ?? 0)).toBeGreaterThan(5);
    expect(await readBySql(server.ready, twins)).toHaveLength(metrics * (kinds["sample"] ?? 0));
    // The canary's readings go through the same pipeline.
    const stored = counts.after.storedValues - counts.before.storedValues;
    expect(stored - metrics * (kinds["sample"] ?? 0)).toBeGreaterThanOrEqual(0);
    expect(counts.after.duplicateValues - counts.before.duplicateValues).toBe(metrics * (kinds["duplicate"] ?? 0));
    expect(counts.after.rejected).toBe(counts.before.rejected);
  });

  it("simulates every fault at once: the server refuses what is wrong, with codes, and goes on", async () => {
    const codes = async () =>
      (await roostJson<{ items: { code: string }[] }>("reject", "list", "--limit", "500")).items.map(({ code }) => code);
    const { sent, acknowledged, waiting, refused } = await simulate(
      ["--devices", "5", "--interval", "100ms", "--scenario", "mixed", "--prefix", "odd"],
      async () => {
        const told = await codes();
        return told.includes("ingest.bad_clock") && told.includes("ingest.malformed");
      },
    );
    const refusals = Object.values(refused).reduce((sum, n) => sum + n, 0);
    expect(refusals).toBeGreaterThan(0);
    // A link that is broken in the moment it ends keeps what it has not told.
    expect(acknowledged + refusals + waiting).toBe(sent);
  });

  it("follows values live, reads them back and exports them", async () => {
    const tail = start(["telemetry", "tail", "live-0001", "--metric", "temperature", "--count", "3", "-o", "csv"]);
    expect((await tail.ended).err).toContain("devices.not_found");
    const simulation = start(["simulate", "--devices", "1", "--interval", "200ms", "--prefix", "live"]);
    await expect.poll(async () => (await roost(["device", "show", "live-0001"])).out, { interval: 300 }).toContain("temperature");
    const { code, out } = await roost(["telemetry", "tail", "live-0001", "--metric", "temperature", "--count", "3", "-o", "csv"]);
    expect(code).toBe(0);
    const [head, ...lines] = out.trim().split("\n");
    expect(head).toBe("at,metric,value,quality");
    expect(lines).toHaveLength(3);
    expect(lines.every((line) => /^[\d-]+T[\d:.]+Z,temperature,-?[\d.]+,ok$/.test(line))).toBe(true);
    simulation.child.kill("SIGINT");
    const ended = await simulation.ended;
    expect(ended.code).toBe(0);
    expect(ended.out).toMatch(/acknowledged\s+\d+/);
    const raw = await roost(["telemetry", "query", "live-0001", "temperature", "--from", "-5m", "--resolution", "raw", "-o", "csv"]);
    const tailed = lines.map((line) =>
      line
        .split(",")
        .filter((_, index) => index === 0 || index === 2)
        .join(","),
    );
    expect(raw.out.trim().split("\n")).toEqual(expect.arrayContaining(tailed));
    expect(await roostJson("telemetry", "query", "live-0001", "temperature", "--from", "-5m")).toMatchObject({
      deviceId: "live-0001",
      unit: "1",
    });
    expect(await roost(["telemetry", "query", "live-0001", "nothing"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("telemetry.unknown_metric") as string,
    });
  });

  it("lists an alarm that a reading raised, and acknowledges it, twice without harm", async () => {
    await keeper.call(addAlarmRule, {
      body: { scope: { deviceId: "live-0001" }, condition: { kind: "threshold", metric: "humidity", above: 1 }, severity: "critical" },
    });
    const list = () =>
      roostJson<{ items: { id: string; kind: string }[] }>("alarm", "list", "--device", "live-0001", "--severity", "critical");
    await expect.poll(async () => (await list()).items.length, { interval: 300 }).toBe(1);
    const [alarm] = (await list()).items;
    const id = alarm?.id ?? "";
    const acknowledged = await roostJson("alarm", "ack", id, "--note", "on my way");
    expect(acknowledged).toMatchObject({ state: "acknowledged", acknowledgedBy: expect.any(String) as string });
    expect(await roostJson("alarm", "ack", id)).toEqual(acknowledged);
    const shown = await roost(["alarm", "show", id]);
    expect(shown.out).toContain("on my way");
    expect((await roost(["alarm", "list", "--state", "open", "--device", "live-0001"])).out).toContain("above 1");
  });

  it("looks after an alarm by its id, refuses what may not be, and says of many what became of each", async () => {
    const { items } = await roostJson<{ items: { id: string; incidentId: string }[] }>(
      "alarm",
      "list",
      "--text",
      "live-0001",
      "--sort",
      "worst",
    );
    const { id = "", incidentId = "" } = items[0] ?? {};
    expect(await roostJson("alarm", "assign", id, "me")).toMatchObject({ assignedTo: expect.stringContaining("@") as string });
    expect(await roostJson("alarm", "snooze", id, "2h", "--note", "later")).toMatchObject({ mutedBy: "snooze" });
    expect(await roostJson("alarm", "snooze", id, "--end")).not.toHaveProperty("mutedBy");
    expect(await roostJson("alarm", "resolve", id, "--cause", "rain")).toMatchObject({ rootCause: "rain" });
    const absent = id.replace(/^./, (first) => (first === "0" ? "1" : "0"));
    expect(await roost(["alarm", "clear", id, absent])).toMatchObject({
      code: 1,
      out: expect.stringContaining("alarms.not_found") as string,
      err: expect.stringContaining("alarms.still_holds") as string,
    });
    expect(await roost(["alarm", "resolve", id, "--resolution", "dry"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("alarms.still_open") as string,
    });
    expect((await roost(["alarm", "why", id])).out).toContain("alarm");
    expect((await roost(["alarm", "incidents", incidentId, "--comment", "all of us"])).out).toContain("all of us");
  });

  it("removes what it simulated when asked to", async () => {
    const args = ["simulate", "--devices", "2", "--interval", "100ms", "--duration", "1s", "--prefix", "gone", "--remove"];
    expect((await roost(args)).code).toBe(0);
    expect(await roostJson("device", "list", "--search", "gone")).toEqual({ items: [] });
  });

  it("keeps the providers of single sign-on", async () => {
    const idp = await startIdentityProvider({ redirectUri: "https://roost.example.org/api/v1/auth/single-sign-on/callback" });
    const terms = ["--name", "Works", "--client-secret-stdin"];
    const added = await roost(["provider", "add", idp.issuer, idp.clientId, ...terms], { input: `${idp.clientSecret}\n` });
    expect([added.code, added.out.includes(idp.clientSecret)]).toEqual([0, false]);
    const { items } = await roostJson<{ items: { id: string; name: string; hasSecret: boolean }[] }>("provider", "list");
    expect(items).toMatchObject([{ name: "Works", hasSecret: true }]);
    const id = items[0]?.id ?? "";
    expect((await roost(["provider", "change", id, "--domain", "works.example"])).code).toBe(0);
    expect((await roost(["provider", "off", id])).out).toMatch(/off/);
    expect((await roost(["provider", "add", "http://127.0.0.1:9", "x", "--name", "Away"])).err).toContain("auth.provider_unreachable");
    expect(await roost(["provider", "remove", id])).toMatchObject({ code: 2 });
    expect((await roost(["provider", "remove", id, "--confirm", "Works"])).code).toBe(0);
    expect((await roost(["provider", "list"])).out).toContain("None.");
    await idp.close();
  });

  it("shows where one is signed in, and renews a token that has ended by itself", async () => {
    const listed = await roostJson<{ items: { kind: string; isCurrent: boolean }[] }>("sessions", "list");
    expect(listed.items.filter((one) => one.isCurrent)).toMatchObject([{ kind: "program" }]);
    const file = join(home, ".config/roost/cli.json");
    const before = JSON.parse(readFileSync(file, "utf8")) as { token: string; refreshToken: string };
    writeFileSync(file, JSON.stringify({ ...before, expiresAt: new Date(0).toISOString() }), { mode: 0o600 });
    expect((await roost(["sessions", "list"])).out).toContain("(this one)");
    const after = JSON.parse(readFileSync(file, "utf8")) as { token: string; refreshToken: string };
    expect([after.token === before.token, after.refreshToken === before.refreshToken]).toEqual([false, false]);
    const used = { ROOST_URL: server.ready.url, ROOST_TOKEN: before.token };
    expect(await roost(["sessions", "list"], { env: used })).toMatchObject({ code: 1 });
    expect((await roost(["sessions", "end-others"])).code).toBe(0);
  });

  it("knows nobody after logging out, and neither does the server", async () => {
    const { token } = JSON.parse(readFileSync(join(home, ".config/roost/cli.json"), "utf8")) as { token: string };
    expect((await roost(["logout"])).code).toBe(0);
    const ended = await roost(["status"], { env: { ROOST_URL: server.ready.url, ROOST_TOKEN: token } });
    expect(ended).toMatchObject({ code: 1, err: expect.stringContaining("http.unauthenticated") as string });
    expect(await roost(["status"])).toMatchObject({ code: 78 });
    const env = { ROOST_URL: server.ready.url, ROOST_TOKEN: "roost_api_not_a_token_of_anybody_here" };
    expect(await roost(["status"], { env })).toMatchObject({ code: 1, err: expect.stringContaining("http.unauthenticated") as string });
  });

  it("N-F21: signs in with a second factor", async () => {
    const { url } = server.ready;
    const body = JSON.stringify({ email: keeper.email, password: keeper.password });
    const signedIn = await fetch(url + signIn.path, { method: "POST", headers: { "content-type": "application/json" }, body });
    const cookies = signedIn.headers.getSetCookie().map((line) => line.split(";")[0]);
    const call = callerWith(url, cookies.join("; "));
    const { secret } = await call(enrolSecondFactor, { body: { password: keeper.password } });
    await call(confirmSecondFactor, { body: { code: codeOfApp(secret) } });
    const login = ["login", url, "--email", keeper.email, "--password-stdin"];
    const input = `${keeper.password}\n`;
    expect(await roost(login, { input })).toMatchObject({ code: 2 });
    expect((await roost([...login, "--code", "000000"], { input })).err).toContain("auth.wrong_code");
    expect((await roost([...login, "--code", codeOfApp(secret, 1)], { input })).code).toBe(0);
    expect((await roost(["sessions", "list"])).out).toContain("(this one)");
  });
});
