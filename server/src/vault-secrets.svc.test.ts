import { randomBytes } from "node:crypto";

import { startVault } from "@roost/testbed/vault";
import type { TestVault } from "@roost/testbed/vault";
import { until } from "@roost/testbed/waiting";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { loadConfig } from "./config.ts";
import type { Config } from "./config.ts";
import { createLog } from "./platform/log.ts";
import { configuredSecrets } from "./secret-keys.ts";
import { withVaultSecrets } from "./vault-secrets.ts";

const password = () => randomBytes(18).toString("base64url");
const urlWith = (secret: string) => `postgresql://roost:${secret}@localhost/roost`;

describe("secrets of the configuration in a secret store", () => {
  let vault: TestVault;
  let lines: string[];
  let ends: (() => Promise<unknown> | void)[];
  beforeEach(async () => {
    vault = await startVault();
    lines = [];
    ends = [];
  });
  afterEach(async () => {
    for (const end of ends) await end();
    await vault.close();
  });

  async function fill(env: Record<string, string> = {}, signal?: AbortSignal): Promise<Config> {
    const log = createLog({ level: "debug", pretty: false, destination: { write: (line: string) => void lines.push(line) } });
    const config = loadConfig({ ROOST_HTTP_PORT: "0", ROOST_VAULT_URL: vault.url, ROOST_VAULT_TOKEN: vault.token, ...env });
    return withVaultSecrets(config, { log, signal, ends });
  }

  it("N-F29: fill in what the environment left out, and only what is a secret; a new version is seen without a restart", async () => {
    const [first, next, smtp] = [password(), password(), `smtps://roost:${password()}@mail.farm.net`];
    const fields = {
      seal_key: randomBytes(32).toString("hex"),
      ROOST_SMTP_URL: "smtps://other",
      ROOST_LOG_LEVEL: "debug",
      ROOST_VAULT_TOKEN: "x",
    };
    vault.put("roost", { ...fields, ROOST_DATABASE_URL: urlWith(first) });
    const config = await fill({ ROOST_SMTP_URL: smtp });
    expect(config.ROOST_DATABASE_URL?.reveal()).toBe(urlWith(first));
    expect([config.ROOST_SMTP_URL?.reveal(), config.ROOST_LOG_LEVEL, config.ROOST_VAULT_TOKEN?.reveal()]).toEqual([
      smtp,
      "info",
      vault.token,
    ]);
    expect(configuredSecrets(config).map(({ name, place }) => [name, place])).toEqual([
      ["ROOST_DATABASE_URL", { kind: "vault", path: "secret/roost#ROOST_DATABASE_URL" }],
      ["ROOST_SMTP_URL", { kind: "environment", variable: "ROOST_SMTP_URL" }],
      ["ROOST_VAULT_TOKEN", { kind: "environment", variable: "ROOST_VAULT_TOKEN" }],
    ]);
    vault.put("roost", { ...fields, ROOST_DATABASE_URL: urlWith(next) });
    await until("the new password is seen", () => config.ROOST_DATABASE_URL?.revealLatest() === urlWith(next));
    for (const secret of [first, next, vault.token, fields.seal_key]) expect(lines.join("")).not.toContain(secret);
  });

  it("N-F29: are waited for while the store is sealed, and the wait can be ended", async () => {
    vault.put("roost", { seal_key: randomBytes(32).toString("hex"), ROOST_DATABASE_URL: urlWith(password()) });
    vault.seal();
    const filling = fill();
    await until("the log says why", () => lines.some((line) => line.includes('"state":"sealed"')));
    vault.unseal();
    expect((await filling).ROOST_DATABASE_URL).toBeDefined();
    vault.seal();
    const stopping = new AbortController();
    const stopped = fill({}, stopping.signal);
    stopping.abort();
    await expect(stopped).rejects.toMatchObject({ name: "AbortError" });
  });

  it("N-F30: are held to the rules of production as well", async () => {
    vault.put("roost", { seal_key: randomBytes(32).toString("hex"), ROOST_DATABASE_URL: urlWith("postgres") });
    const env = { ROOST_ENV: "production", ROOST_PUBLIC_URL: "https://roost.farm.net", ROOST_DATA_DIR: "/var/lib/roost-of-a-test" };
    await expect(fill(env)).rejects.toMatchObject({
      code: "config.unsafe",
      details: { faults: [expect.stringMatching(/^ROOST_DATABASE_URL: has a password that is a placeholder/)] },
    });
    expect((await fill()).ROOST_DATABASE_URL).toBeDefined();
  });

  it("are nobody's where there is no store, or nothing at its path", async () => {
    const config = await fill();
    expect(config.ROOST_DATABASE_URL).toBeUndefined();
    const without = loadConfig({});
    expect(await withVaultSecrets(without, { log: createLog({ level: "silent", pretty: false }), signal: undefined, ends })).toBe(without);
  });
});
