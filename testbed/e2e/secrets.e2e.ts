import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { getSession } from "@roost/contract/auth";
import { addDevice } from "@roost/contract/devices";
import { addNotificationTarget, testNotificationTarget } from "@roost/contract/notifications";
import { getResealing, getSecretStore, listSecrets, rotateSecret } from "@roost/contract/secrets";
import { deviceTopics } from "@roost/contract/topics";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startCatcher } from "../src/catchers.ts";
import { claim, claimBody, connect } from "../src/device.ts";
import { freePort } from "../src/free-port.ts";
import { addClaimedDevice, callerWith, setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { scratchFolder } from "../src/scratch.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { startVault } from "../src/vault.ts";
import type { TestVault } from "../src/vault.ts";
import { pause, until } from "../src/waiting.ts";

const cli = fileURLToPath(new URL("../../cli/src/main.ts", import.meta.url));
const throwaway = fileURLToPath(new URL("../../server/src/platform/postgres-throwaway.ts", import.meta.url));

function roost(args: readonly string[], env: Readonly<Record<string, string>>): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [cli, ...args], {
    env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"], HOME: "/nonexistent", ...env },
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, out, err })));
}

async function login(url: string, { email, password }: Administrator): Promise<string> {
  const answer = await fetch(`${url}/api/v1/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: email, password }),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}

async function checksOf(server: Pick<ServerProcess, "ready">) {
  const answer = await fetch(`${server.ready.url}/ready`);
  const body = (await answer.json()) as { checks?: Check[]; error?: { details: { checks: Check[] } } };
  return { status: answer.status, checks: body.checks ?? body.error?.details.checks ?? [] };
}
interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly reason?: string;
}

async function claimStatus(server: Pick<ServerProcess, "ready">, id: string, secret: string): Promise<[number, string]> {
  const answer = await fetch(`${server.ready.url}/api/v1/devices/claim`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(claimBody(id, secret)),
  });
  return [answer.status, ((await answer.json()) as { error?: { code: string } }).error?.code ?? ""];
}

/** Command lines of all processes of this machine, as anybody on it may read them. */
function processList(): string {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return "";
      }
    })
    .join("\n");
}

/** A PostgreSQL that is not Roost's own, in a process of its own. */
async function startForeignPostgres(): Promise<{ host: string; stop(): Promise<void> }> {
  const child = spawn(process.execPath, [throwaway, "--durable"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, TMPDIR: scratchFolder() },
  });
  const line = await new Promise<string>((resolve) => child.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString())));
  return {
    host: (JSON.parse(line) as { host: string }).host,
    async stop() {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.stdin.end();
      await gone;
    },
  };
}

describe("two servers on one database", () => {
  const folders = [createDataDir(), createDataDir()];
  const sealKey = randomBytes(32).toString("hex");
  let database: { host: string; stop(): Promise<void> };
  let servers: ServerProcess[];
  let keeper: Administrator;
  const callOn = (index: number) => callerWith(servers[index]?.ready.url ?? "", keeper.cookie);

  beforeAll(async () => {
    database = await startForeignPostgres();
    const { host } = database;
    const admin = new pg.Client({ host, user: "roost", database: "postgres" });
    await admin.connect();
    await admin.query("create database roost");
    await admin.end();
    const env = {
      ROOST_SEAL_KEY: sealKey,
      ROOST_DATABASE_URL: `postgresql://roost@localhost/roost?host=${encodeURIComponent(host)}`,
      ROOST_EGRESS_ALLOW: "127.0.0.1",
    };
    const [first, second] = folders;
    if (first === undefined || second === undefined) throw new Error("Two folders are needed.");
    const one = await startServer({ dataDir: first.dataDir, env });
    keeper = await setUpAdministrator(one);
    servers = [one, await startServer({ dataDir: second.dataDir, env })];
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.terminate()));
    await database.stop();
    for (const folder of folders) folder.remove();
  });

  it("N-F29, CO-57: a rotation by the command line fails no request on either, and all is sealed anew", async () => {
    const hooks = await startCatcher();
    const call = callOn(0);
    const target = await call(addNotificationTarget, {
      body: { kind: "webhook", name: "Hook", url: `${hooks.url}/${randomBytes(8).toString("hex")}` },
    });
    const waiting = [];
    for (let index = 0; index < 12; index += 1) waiting.push((await call(addDevice, { body: { id: `coop-${index}` } })).ticket);

    let over = false;
    let asked = 0;
    const failures: unknown[] = [];
    const ask = async (index: number) => {
      while (!over) {
        await callOn(index)(getSession, {}).catch((error: unknown) => failures.push(error));
        // Seals with the key in use, and opens what either server sealed.
        const device = `load-${index}-${randomBytes(5).toString("hex")}`;
        try {
          const { ticket } = await callOn(index)(addDevice, { body: { id: device } });
          await claim(servers[1 - index]?.ready.url ?? "", device, ticket.claimSecret);
        } catch (error) {
          failures.push(error);
        }
        asked += 1;
      }
    };
    const load = [ask(0), ask(1)];
    const url = servers[0]?.ready.url ?? "";
    const env = { ROOST_URL: url, ROOST_TOKEN: await login(url, keeper) };
    const rotated = await roost(["secrets", "rotate", "-o", "json"], env);
    expect([rotated.code, JSON.parse(rotated.out)]).toEqual([0, expect.objectContaining({ name: "data-key", kid: 2 })]);
    expect(rotated.err).toMatch(/(\d+) of \1 secrets are sealed with the current key/);
    const session = await callOn(1)(rotateSecret, { body: { name: "session-key" } });
    await until("the new session key signs", async () => {
      const { items } = await callOn(0)(listSecrets, {});
      return items.find(({ name }) => name === "session-key")?.version === String(session.kid);
    });
    over = true;
    await Promise.all(load);
    expect(failures).toEqual([]);
    expect(asked).toBeGreaterThan(5);

    expect(await callOn(1)(getResealing, {})).toMatchObject({ isDone: true, remaining: 0 });
    // Claimed by the other server: what was sealed with the old key is read with the new one.
    for (const { deviceId, claimSecret } of waiting) await claim(servers[1]?.ready.url ?? "", deviceId, claimSecret);
    expect(await callOn(1)(testNotificationTarget, { params: { targetId: target.id } })).toMatchObject({ state: "delivered" });
    expect(hooks.caught).toHaveLength(1);
    await hooks.close();

    const listed = await roost(["secrets", "list"], env);
    expect(listed.out).toMatch(/^ROOST_SEAL_KEY +environment +ROOST_SEAL_KEY/m);
    expect(listed.out).toMatch(/^data-key +roost +2 /m);
    expect(listed.code).toBe(0);
    for (const text of [listed.out, rotated.err, ...servers.map((server) => server.output()), processList()])
      expect(text).not.toContain(sealKey);
  });
});

describe("a server whose envelope key is in a secret store", () => {
  const data = createDataDir();
  let vault: TestVault;
  let server: ServerProcess;
  let keeper: Administrator;
  let env: Record<string, string>;
  const key = randomBytes(32).toString("hex");

  beforeAll(async () => {
    vault = await startVault();
    vault.put("roost", { seal_key: key });
    env = { ROOST_VAULT_URL: vault.url, ROOST_VAULT_TOKEN: vault.token, ROOST_HTTP_PORT: String(await freePort()) };
    server = await startServer({ dataDir: data.dataDir, env });
    keeper = await setUpAdministrator(server);
  });
  afterAll(async () => {
    await server.terminate();
    await vault.close();
    data.remove();
  });

  it("N-F29: sealed, it says so, keeps serving what it may and refuses what it may not", async () => {
    const { device, credentials } = await addClaimedDevice(server, keeper, "garden-1");
    const { ticket } = await keeper.call(addDevice, { body: { id: "garden-2" } });
    const client = await connect(credentials);
    await until("ready", async () => (await checksOf(server)).status === 200);

    vault.seal();
    await until("it is said", async () => (await keeper.call(getSecretStore, {})).state === "sealed");
    expect((await checksOf(server)).status).toBe(200);
    expect((await checksOf(server)).checks.find(({ name }) => name === "secrets")).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^sealed: /) as string,
    });
    // What needs no secret: readings are stored and acknowledged, people who are signed in go on.
    await client.publishAsync(deviceTopics(device.id).telemetry, '{"temperature":21.5}', { qos: 1 });
    expect(await keeper.call(getSession, {})).toMatchObject({ person: { email: keeper.email } });
    expect(await claimStatus(server, "garden-2", ticket.claimSecret)).toEqual([503, "secrets.sealed"]);
    // Neither does a sealed store tell which ids there are.
    expect(await claimStatus(server, "nobody-here", ticket.claimSecret)).toEqual([503, "secrets.sealed"]);
    await expect(keeper.call(addDevice, { body: { id: "garden-3" } })).rejects.toMatchObject({ code: "secrets.sealed", status: 503 });
    await expect(keeper.call(rotateSecret, { body: { name: "data-key" } })).rejects.toMatchObject({ code: "secrets.sealed" });

    vault.unseal();
    await until("it is open again", async () => (await keeper.call(getSecretStore, {})).state === "open");
    await claim(server.ready.url, "garden-2", ticket.claimSecret);
    await client.endAsync();
  });

  it("N-F29: started while the store is sealed, it waits and says why, and goes on by itself", async () => {
    await server.terminate();
    vault.seal();
    const address = `http://127.0.0.1:${env["ROOST_HTTP_PORT"]}`;
    const starting = startServer({ dataDir: data.dataDir, env });
    await until("it waits", async () =>
      fetch(`${address}/health`).then(
        (answer) => answer.ok,
        () => false,
      ),
    );
    const ready = await fetch(`${address}/ready`);
    expect([ready.status, JSON.stringify(await ready.json())]).toEqual([503, expect.stringContaining("sealed: ")]);
    const asked = await fetch(`${address}/api/v1/session`);
    expect([asked.status, ((await asked.json()) as { error: { code: string } }).error.code]).toEqual([503, "secrets.sealed"]);
    vault.unseal();
    server = await starting;
    expect(await keeper.call(getSession, {})).toMatchObject({ person: { email: keeper.email } });
  });

  it("S15: neither the key nor the token is in what it says, nor in the process list", async () => {
    const told =
      JSON.stringify([await keeper.call(listSecrets, {}), await keeper.call(getSecretStore, {})]) + server.output() + processList();
    expect(told).toContain("secret/roost");
    for (const secret of [key, vault.token, Buffer.from(key, "hex").toString("base64")]) expect(told).not.toContain(secret);
  });
});

describe("a server whose database asks for a password", () => {
  const data = createDataDir();
  const file = join(data.dataDir, "..", "database-url");
  let database: { host: string; stop(): Promise<void> };
  let admin: pg.Client;
  let server: ServerProcess;
  let password: string;
  const newPassword = () => randomBytes(24).toString("base64url");
  const writeFile = () =>
    writeFileSync(file, `postgresql://app:${password}@localhost/roost?host=${encodeURIComponent(database.host)}\n`, { mode: 0o600 });

  beforeAll(async () => {
    database = await startForeignPostgres();
    admin = new pg.Client({ host: database.host, user: "roost", database: "postgres" });
    await admin.connect();
    password = newPassword();
    await admin.query(`create role app login password '${password}'`);
    await admin.query("create role roost_tenant nologin");
    await admin.query("grant roost_tenant to app");
    await admin.query("create database roost owner app");
    const { rows } = await admin.query<{ hba_file: string }>("show hba_file");
    await admin.query(`copy (values ('local all app scram-sha-256'), ('local all all trust')) to '${rows[0]?.hba_file ?? ""}'`);
    await admin.query("select pg_reload_conf()");
    writeFile();
    server = await startServer({ dataDir: data.dataDir, env: { ROOST_DATABASE_URL_FILE: file } });
  });
  afterAll(async () => {
    await server.terminate();
    await admin.end();
    await database.stop();
    data.remove();
  });

  it("N-F29: the database's password is rotated with no failed request", async () => {
    const keeper = await setUpAdministrator(server);
    const passwords = [password];
    let over = false;
    const failures: unknown[] = [];
    let asked = 0;
    let underWay = 0;
    let rest = Promise.resolve();
    const ask = async () => {
      while (!over) {
        await rest;
        underWay += 1;
        await keeper.call(getSession, {}).catch((error: unknown) => failures.push(error));
        underWay -= 1;
        asked += 1;
      }
    };
    const load = [ask(), ask()];
    for (let turn = 0; turn < 2; turn += 1) {
      password = newPassword();
      passwords.push(password);
      // Once this way round, once the other.
      if (turn === 0) writeFile();
      await admin.query(`alter role app password '${password}'`);
      if (turn === 1) writeFile();
      // The pool keeps its connections, and nobody would notice anything: those that rest are taken away, and many are wanted at once.
      await pause(1_000);
      // Whoever is given one in the very moment in which it is taken away could do nothing about it, and it is no matter of passwords.
      const rested = Promise.withResolvers<void>();
      rest = rested.promise;
      await until("nobody asks", () => underWay === 0);
      // Work of the platform itself wakes one of them now and then: another one rests.
      await until("a connection that rests is taken away", async () => {
        const taken = await admin.query(
          `select pg_terminate_backend(a.pid) from pg_stat_activity a
             where a.usename = 'app' and a.application_name = 'roost' and a.state = 'idle' and a.state_change < clock_timestamp() - interval '500 ms'`,
        );
        return taken.rows.length > 0;
      });
      await pause(200);
      // Who answers has seen what came before.
      for (let look = 0; look < 3; look += 1) await fetch(`${server.ready.url}/health`).then((answer) => answer.text());
      const { rows } = await admin.query<{ at: Date }>("select clock_timestamp() as at");
      rested.resolve();
      const burst = Array.from({ length: 40 }, () => keeper.call(listSecrets, {}).catch((error: unknown) => failures.push(error)));
      await Promise.all(burst);
      const signedIn = await admin.query("select 1 from pg_stat_activity a where a.usename = 'app' and a.backend_start > $1", [
        rows[0]?.at,
      ]);
      expect(signedIn.rows.length).toBeGreaterThan(0);
    }
    over = true;
    await Promise.all(load);
    expect(failures).toEqual([]);
    expect(asked).toBeGreaterThan(10);
    const { items } = await keeper.call(listSecrets, {});
    const entry = items.find(({ name }) => name === "ROOST_DATABASE_URL");
    expect(entry).toMatchObject({ origin: "file", place: file });
    expect(entry?.lastRotatedAt).toBeInstanceOf(Date);
    for (const secret of passwords) expect(server.output() + processList() + JSON.stringify(items)).not.toContain(secret);
  });
});
