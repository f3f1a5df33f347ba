import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { AppError } from "@roost/contract/errors";
import { secretErrors } from "@roost/contract/secrets";

import { configSchema } from "./config.ts";
import type { Config } from "./config.ts";
import { createEgress } from "./platform/egress.ts";
import type { Log } from "./platform/log.ts";
import { Secret } from "./platform/secrets/secret.ts";
import { createVaultClient } from "./platform/secrets/vault-client.ts";
import type { VaultClient } from "./platform/secrets/vault-client.ts";
import { faultLine, productionFaults } from "./production/production.ts";
import { openWaitingRoom } from "./waiting-room.ts";

/** The secret store of the configuration, and what its path is called. `undefined` where there is none. */
export function vaultOf(config: Config): { client: VaultClient; place: string } | undefined {
  const { ROOST_VAULT_URL: url, ROOST_VAULT_TOKEN: token } = config;
  if (url === undefined) return undefined;
  if (token === undefined) throw misconfigured(["ROOST_VAULT_TOKEN: is needed with ROOST_VAULT_URL, or ROOST_VAULT_TOKEN_FILE"]);
  const mount = config.ROOST_VAULT_MOUNT.replaceAll(/^\/+|\/+$/g, "");
  const path = config.ROOST_VAULT_PATH.replaceAll(/^\/+|\/+$/g, "");
  const client = createVaultClient({
    url,
    token: () => token.revealLatest(),
    namespace: config.ROOST_VAULT_NAMESPACE,
    mount,
    path,
    // Whoever configures the store's address means it to be reached, wherever it is; nothing else is.
    egress: createEgress({
      allow: [new URL(url).hostname.replace(/^\[(.*)\]$/, "$1")],
      ...(config.ROOST_VAULT_CA_FILE === undefined ? {} : { ca: readFileSync(config.ROOST_VAULT_CA_FILE, "utf8") }),
    }),
  });
  return { client, place: `${mount}/${path}` };
}

// What opens the store cannot come out of it, and the envelope key has a field of its own.
const neverFromVault = new Set(["ROOST_VAULT_TOKEN", "ROOST_SEAL_KEY", "ROOST_SEAL_KEY_PREVIOUS"]);
const waitMs = 1_000;
// A password that was rotated there is tried within the patience of database-password.ts.
const pollMs = 2_000;

/**
 * Fills in what the environment left out from fields of the store's secret that are called like the variables. A store that is sealed or away
 * is waited for, in a waiting room that says so.
 *
 * @throws {AppError} `config.invalid`, `config.unsafe` for what is not fit for production.
 */
export async function withVaultSecrets(
  config: Config,
  { log, signal, ends }: { log: Log; signal: AbortSignal | undefined; ends: (() => Promise<unknown> | void)[] },
): Promise<Config> {
  const vault = vaultOf(config);
  if (vault === undefined) return config;
  let fields = await readFields(vault.client, config, log, signal);
  const taken = Object.keys(configSchema.shape).filter(
    (name) => !neverFromVault.has(name) && fields[name] !== undefined && (config as Readonly<Record<string, unknown>>)[name] === undefined,
  );
  const secrets = taken.flatMap((name) => {
    const secret = new Secret(fields[name] ?? "", { kind: "vault", path: `${vault.place}#${name}` }, () => fields[name]);
    // A field that is called like a variable that is no secret is not taken.
    return isSecretVariable(name) ? [[name, secret] as const] : [];
  });
  if (secrets.length === 0) return config;
  const filled = Object.freeze({ ...config, ...Object.fromEntries(secrets) }) as Config;
  const unsafe = config.ROOST_ENV === "production" ? productionFaults(filled, { env: {}, execArgv: [], modeOf: () => undefined }) : [];
  if (unsafe.length > 0) {
    throw new AppError("config.unsafe", 500, "What the secret store holds is not fit for production. The faults stand under details.", {
      faults: unsafe.map(faultLine),
    });
  }
  log.info({ names: secrets.map(([name]) => name), place: vault.place }, "secrets of the configuration come from the secret store");
  const timer = setInterval(() => {
    vault.client.read().then(
      (found) => {
        fields = found.fields;
      },
      // The keys' own watch tells of it.
      (error: unknown) => log.debug({ err: error }, "the secret store could not be read"),
    );
  }, pollMs);
  timer.unref();
  ends.push(() => clearInterval(timer));
  return filled;
}

function isSecretVariable(name: string): boolean {
  const shape = (configSchema.shape as Readonly<Record<string, { safeParse(value: unknown): { data?: unknown } }>>)[name];
  return shape?.safeParse("0123456789abcdef").data instanceof Secret;
}

async function readFields(
  client: VaultClient,
  config: Config,
  log: Log,
  signal: AbortSignal | undefined,
): Promise<Readonly<Record<string, string>>> {
  let room: Awaited<ReturnType<typeof openWaitingRoom>> | undefined;
  let reason = { state: "", message: "" };
  try {
    for (;;) {
      try {
        return (await client.read()).fields;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        // An empty path is for the watch over the keys to tell of.
        if (error.code === secretErrors.store_missing.code) return {};
        const state = error.code.replace(/^secrets\.(?:store_)?/, "");
        if (state !== reason.state) log.error({ state }, "the start waits for the secret store");
        reason = { state, message: error.message };
      }
      room ??= await openWaitingRoom({ host: config.ROOST_HTTP_HOST, port: config.ROOST_HTTP_PORT, store: () => reason });
      await sleep(waitMs, undefined, { signal });
    }
  } finally {
    await room?.close();
  }
}

function misconfigured(faults: readonly string[]): AppError {
  return new AppError("config.invalid", 500, "The configuration has faults. Mend the variables named under details.", { faults });
}
