import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { startServer } from "@roost/testbed/server-process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));
// Not in the checkout: that may lie in a folder which is emptied.
const lasting = process.getuid?.() === 0 ? "/var/lib" : homedir();

const good = { ROOST_ENV: "production", ROOST_PUBLIC_URL: "https://roost.farm.net", ROOST_DATA_DIR: "/var/lib/roost-of-a-test" };
const hex = () => randomBytes(32).toString("hex");
const shared = hex();
const database = (rest: string) => ({ ROOST_DATABASE_URL: rest });

interface Ended {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly err: string;
}

/** The server as it is started, until it ends. */
function run(
  env: Readonly<Record<string, string | undefined>>,
  args: readonly string[] = [],
  execArgv: readonly string[] = [],
): Promise<Ended> {
  const child = spawn(process.execPath, [...execArgv, main, ...args], {
    env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"], ...env },
  });
  let err = "";
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve) => {
    child.once("close", (code) => {
      const lines = err.split("\n").filter((line) => line.startsWith("  "));
      resolve({ code, lines, err });
    });
  });
}

/** Each fault alone: the setting that the one line must name, and the environment that has it beside good settings. */
const faults: readonly (readonly [setting: string, what: string, env: Readonly<Record<string, string | undefined>>])[] = [
  ["ROOST_PUBLIC_URL", "no public address", { ROOST_PUBLIC_URL: undefined }],
  ["ROOST_PUBLIC_URL", "a public address by plain HTTP", { ROOST_PUBLIC_URL: "http://roost.farm.net" }],
  ["ROOST_PUBLIC_URL", "a placeholder for an address", { ROOST_PUBLIC_URL: "https://roost.example.org" }],
  ["ROOST_PUBLIC_URL", "an address of this machine alone", { ROOST_PUBLIC_URL: "https://127.0.0.1:8443" }],
  ["ROOST_PUBLIC_HOSTS", "a wildcard host", { ROOST_PUBLIC_HOSTS: "*.farm.net" }],
  ["ROOST_CORS_ORIGINS", "a wildcard origin", { ROOST_CORS_ORIGINS: "*" }],
  ["ROOST_CORS_ORIGINS", "an origin by plain HTTP", { ROOST_CORS_ORIGINS: "http://tool.farm.net" }],
  ["ROOST_TRUSTED_PROXIES", "everybody as a proxy", { ROOST_TRUSTED_PROXIES: "0.0.0.0/0" }],
  ["ROOST_TRUSTED_PROXIES", "everybody as a proxy by IPv6", { ROOST_TRUSTED_PROXIES: "::/0" }],
  ["ROOST_TRUSTED_PROXIES", "a proxy that is no address", { ROOST_TRUSTED_PROXIES: "proxy" }],
  ["ROOST_HTTP_HOST", "plain HTTP in the network", { ROOST_HTTP_HOST: "0.0.0.0" }],
  ["ROOST_HTTPS", "no TLS and no proxy", { ROOST_HTTPS: "off" }],
  ["ROOST_MQTT_PLAIN_HOST", "plain MQTT in the network", { ROOST_MQTT_PLAIN_PORT: "1883", ROOST_MQTT_PLAIN_HOST: "0.0.0.0" }],
  ["ROOST_EGRESS_ALLOW", "outgoing requests to everything", { ROOST_EGRESS_ALLOW: "0.0.0.0/0" }],
  ["ROOST_EGRESS_ALLOW", "outgoing requests to the cloud's own address", { ROOST_EGRESS_ALLOW: "169.254.169.254" }],
  ["ROOST_SMTP_URL", "mail without TLS", { ROOST_SMTP_URL: "smtp://127.0.0.1?tls=off", ROOST_MAIL_FROM: "a@farm.net" }],
  ["ROOST_SETUP_CODE", "a short set-up code", { ROOST_SETUP_CODE: "7K2M9Q" }],
  ["ROOST_SETUP_CODE", "a placeholder as set-up code", { ROOST_SETUP_CODE: "change-me-change-me" }],
  ["ROOST_SEAL_KEY", "a placeholder as seal key", { ROOST_SEAL_KEY: "changeme" }],
  ["ROOST_SEAL_KEY", "a seal key that was never random", { ROOST_SEAL_KEY: "00".repeat(32) }],
  ["ROOST_SEAL_KEY", "a sentence as seal key", { ROOST_SEAL_KEY: Buffer.from("this is a sentence, not a key at").toString("hex") }],
  ["ROOST_SEAL_KEY_PREVIOUS", "one key for two", { ROOST_SEAL_KEY: shared, ROOST_SEAL_KEY_PREVIOUS: shared }],
  ["ROOST_VAULT_TOKEN", "a store without a token", { ROOST_VAULT_URL: "https://vault.farm.net" }],
  ["ROOST_VAULT_TOKEN", "the root token", { ROOST_VAULT_URL: "https://vault.farm.net", ROOST_VAULT_TOKEN: "root" }],
  ["ROOST_VAULT_URL", "a store by plain HTTP", { ROOST_VAULT_URL: "http://vault.farm.net", ROOST_VAULT_TOKEN: `hvs.${shared}` }],
  ["ROOST_VAULT_URL", "a token without a store", { ROOST_VAULT_TOKEN: `hvs.${shared}` }],
  [
    "ROOST_SEAL_KEY",
    "two places for one key",
    { ROOST_VAULT_URL: "https://v.farm.net", ROOST_VAULT_TOKEN: `hvs.${hex()}`, ROOST_SEAL_KEY: hex() },
  ],
  ["ROOST_DATABASE_URL", "a database elsewhere without TLS", database("postgresql://roost:kq83hfpq0d92hs@db.farm.net/roost")],
  [
    "ROOST_DATABASE_URL",
    "a database whose certificate nobody looks at",
    database("postgresql://roost:kq83hfpq0d92hs@db.farm.net/roost?sslmode=no-verify"),
  ],
  ["ROOST_DATABASE_URL", "a database elsewhere without a password", database("postgresql://roost@db.farm.net/roost?sslmode=verify-full")],
  ["ROOST_DATABASE_URL", "a placeholder as password", database("postgresql://roost:postgres@localhost/roost")],
  ["ROOST_DATABASE_URL", "a short password", database("postgresql://roost:kq83h@localhost/roost")],
  ["ROOST_DATABASE_URL", "the database's superuser", database("postgresql://postgres:kq83hfpq0d92hs@localhost/roost")],
  ["ROOST_DATABASE_URL", "no address at all", database("localhost")],
  ["ROOST_DATA_DIR", "a data folder by chance", { ROOST_DATA_DIR: undefined }],
  ["ROOST_DATA_DIR", "a data folder that is emptied", { ROOST_DATA_DIR: "/tmp/roost" }],
  ["ROOST_LOG_LEVEL", "debug", { ROOST_LOG_LEVEL: "debug" }],
  ["ROOST_LOG_LEVEL", "no log", { ROOST_LOG_LEVEL: "silent" }],
  ["NODE_OPTIONS", "a debugger", { NODE_OPTIONS: "--inspect=127.0.0.1:0" }],
  ["NODE_TLS_REJECT_UNAUTHORIZED", "certificates that nobody checks", { NODE_TLS_REJECT_UNAUTHORIZED: "0" }],
  ["NODE_DEBUG", "debug output of Node", { NODE_DEBUG: "none-of-them" }],
];

describe("ROOST_ENV=production", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "roost-production-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("N-F30: finds nothing wrong with good settings", async () => {
    expect(await run(good, ["--check"])).toEqual({ code: 0, lines: [], err: "" });
    const elaborate = {
      ...good,
      ROOST_TRUSTED_PROXIES: "10.0.0.7",
      ROOST_HTTP_HOST: "0.0.0.0",
      ROOST_CORS_ORIGINS: "https://tool.farm.net",
      ROOST_SEAL_KEY: hex(),
      ROOST_DATABASE_URL: `postgresql://roost:${hex()}@db.farm.net/roost?sslmode=verify-full`,
      ROOST_SMTP_URL: `smtps://roost:${hex()}@mail.farm.net`,
      ROOST_EGRESS_ALLOW: "hooks.farm.lan, 10.20.0.0/16",
      NODE_OPTIONS: "--max-old-space-size=4096",
    };
    expect(await run(elaborate, ["--check"])).toEqual({ code: 0, lines: [], err: "" });
  });

  it.each(faults)("N-F30: exits 78 and names %s in one line: %s", async (setting, _what, env) => {
    const { code, lines, err } = await run({ ...good, ...env });
    expect([code, lines.map((line) => line.trim().split(":")[0])]).toEqual([78, [setting]]);
    for (const [name, value] of Object.entries(env)) {
      // A line names settings, never what they hold.
      if (value !== undefined && /KEY|TOKEN|CODE|DATABASE/.test(name)) expect(err).not.toContain(value);
    }
  });

  it("N-F30: exits 78 for a debugger on the command line, and for key files that others can read", async () => {
    expect((await run(good, [], ["--inspect=127.0.0.1:0"])).lines[0]).toMatch(/^ {2}node: /);
    const key = join(folder, "key");
    writeFileSync(key, hex());
    chmodSync(key, 0o644);
    const open = await run({ ...good, ROOST_SEAL_KEY_FILE: key });
    expect([open.code, open.lines]).toEqual([78, [expect.stringMatching(/^ {2}ROOST_SEAL_KEY_FILE: .* Mend: chmod 600 /)]]);
    chmodSync(key, 0o640);
    expect((await run({ ...good, ROOST_SEAL_KEY_FILE: key }, ["--check"])).code).toBe(0);
    const dataDir = mkdtempSync(join(lasting, "roost-production-"));
    writeFileSync(join(dataDir, "installation.key"), hex(), { mode: 0o644 });
    const own = await run({ ...good, ROOST_DATA_DIR: dataDir });
    rmSync(dataDir, { recursive: true });
    expect([own.code, own.lines]).toEqual([78, [expect.stringMatching(/^ {2}ROOST_DATA_DIR: .*installation\.key/)]]);
  });

  it("N-F30, GA-36: names all faults at once, those of the form too", async () => {
    const all: Record<string, string> = {};
    for (const [, , env] of faults) for (const [name, value] of Object.entries(env)) if (value !== undefined) all[name] ??= value;
    const { code, lines } = await run({
      ...good,
      ...all,
      ROOST_VAULT_URL: "http://vault.farm.net",
      ROOST_SEAL_KEY: shared,
      ROOST_HTTP_PORT: "a door",
      ROOST_NONSENSE: "1",
    });
    const named = new Set(lines.map((line) => line.trim().split(":")[0] ?? ""));
    expect(code).toBe(78);
    expect([...named].sort()).toEqual([...new Set([...faults.map(([setting]) => setting), "ROOST_HTTP_PORT", "ROOST_NONSENSE"])].sort());
  });

  it("asks nothing of the kind elsewhere; staging is told and starts, and the check looks as for production", async () => {
    const careless = { ROOST_LOG_LEVEL: "debug", ROOST_DATA_DIR: join(folder, "data") };
    expect((await run(careless, ["--check"])).code).toBe(78);
    const server = await startServer({ dataDir: join(folder, "data"), env: { ROOST_ENV: "staging" } });
    expect(server.output()).toContain("production would refuse to start with this");
    await server.terminate();
  });

  it("N-F30: starts with good settings", async () => {
    const dataDir = join(mkdtempSync(join(lasting, "roost-production-")), "data");
    chmodSync(join(dataDir, ".."), 0o755);
    const server = await startServer({ dataDir, env: { ROOST_ENV: "production", ROOST_PUBLIC_URL: good.ROOST_PUBLIC_URL } });
    expect(server.ready.url).toBe(good.ROOST_PUBLIC_URL);
    expect((await server.terminate()).code).toBe(0);
    // What the first start made is closed to others: it starts again.
    const again = await startServer({ dataDir, env: { ROOST_ENV: "production", ROOST_PUBLIC_URL: good.ROOST_PUBLIC_URL } });
    expect((await again.terminate()).code).toBe(0);
    rmSync(join(dataDir, ".."), { recursive: true });
  });
});
