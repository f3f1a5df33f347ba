import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { AppError } from "@roost/contract/errors";
import type { SecretStore } from "@roost/contract/secrets";

import { configSchema } from "./config.ts";
import type { Config } from "./config.ts";
import type { ConfiguredSecret, KeyFile } from "./modules/secrets/secrets.ts";
import type { Clock } from "./platform/clock.ts";
import type { Db } from "./platform/db.ts";
import { createEgress } from "./platform/egress.ts";
import type { Log } from "./platform/log.ts";
import { readEnvelopeKey } from "./platform/secrets/envelope-key.ts";
import { environmentSource, fileSource, vaultSource } from "./platform/secrets/envelope-source.ts";
import type { EnvelopeSource } from "./platform/secrets/envelope-source.ts";
import { createKeyRing } from "./platform/secrets/key-ring.ts";
import type { KeyRing } from "./platform/secrets/key-ring.ts";
import { Secret } from "./platform/secrets/secret.ts";
import { createVaultClient } from "./platform/secrets/vault-client.ts";

/** Where this installation's envelope key comes from, as it is configured. */
export function envelopeSource(config: Config, dataDir: string, clock: Clock): EnvelopeSource {
  const { ROOST_SEAL_KEY: sealKey, ROOST_SEAL_KEY_PREVIOUS: previous, ROOST_VAULT_URL: vaultUrl, ROOST_VAULT_TOKEN: token } = config;
  if (vaultUrl !== undefined) {
    if (token === undefined) throw misconfigured("ROOST_VAULT_TOKEN: is needed with ROOST_VAULT_URL, or ROOST_VAULT_TOKEN_FILE");
    const { hostname } = new URL(vaultUrl);
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    const mount = config.ROOST_VAULT_MOUNT.replaceAll(/^\/+|\/+$/g, "");
    const path = config.ROOST_VAULT_PATH.replaceAll(/^\/+|\/+$/g, "");
    const client = createVaultClient({
      url: vaultUrl,
      token: () => token.revealLatest(),
      namespace: config.ROOST_VAULT_NAMESPACE,
      mount,
      path,
      // Whoever configures the store's address means it to be reached, wherever it is; nothing else is.
      egress: createEgress({
        allow: [isIP(host) === 6 ? `${host}/128` : host],
        ...(config.ROOST_VAULT_CA_FILE === undefined ? {} : { ca: readFileSync(config.ROOST_VAULT_CA_FILE, "utf8") }),
      }),
    });
    return vaultSource({ client, place: `${mount}/${path}`, dataDir, nowMs: () => clock.nowMs() });
  }
  const key = sealKey === undefined ? undefined : readEnvelopeKey(sealKey.reveal());
  if (key === undefined || sealKey === undefined) return fileSource(dataDir);
  return environmentSource({
    key,
    previous: previous === undefined ? undefined : readEnvelopeKey(previous.reveal()),
    place: sealKey.place?.kind === "file" ? sealKey.place.path : "ROOST_SEAL_KEY",
    dataDir,
  });
}

const waitMs = 2_000;

/**
 * Opens the keys that seal secrets. A store outside that is sealed or away is waited for: `onWait` hears of it, once per state.
 *
 * @throws {AppError} `secrets.wrong_envelope_key`, `installation_key.damaged`, `config.invalid`
 */
export async function openKeyRing({
  config,
  dataDir,
  db,
  clock,
  log,
  signal,
  onWait,
}: {
  config: Config;
  dataDir: string;
  db: Db;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
  onWait: (store: SecretStore) => void | Promise<void>;
}): Promise<KeyRing> {
  const ring = createKeyRing({
    db,
    source: envelopeSource(config, dataDir, clock),
    clock,
    log,
    holdMs: config.ROOST_VAULT_HOLD_SECONDS * 1_000,
  });
  await ring.start();
  let told: string | undefined;
  while (!ring.store().canOpen) {
    const store = ring.store();
    if (store.state !== told) {
      log.error({ state: store.state, place: store.place }, "the start waits for the secret store");
      await onWait(store);
      told = store.state;
    }
    await sleep(waitMs, undefined, { signal });
    await ring.check().catch((error: unknown) => {
      if (error instanceof AppError && error.code === "secrets.wrong_envelope_key") throw error;
      log.warn({ err: error }, "the secret store could not be looked at");
    });
  }
  return ring;
}

/** The secrets that the environment gave, by what `config.ts` says of them. */
export function configuredSecrets(config: Config): ConfiguredSecret[] {
  return Object.entries(configSchema.shape).flatMap(([name, shape]) => {
    const value: unknown = (config as Readonly<Record<string, unknown>>)[name];
    if (!(value instanceof Secret)) return [];
    return [{ name, about: shape.description ?? "", place: value.place, read: () => value.revealLatest() }];
  });
}

/** The keys that lie in files. */
export function keyFiles(config: Config, dataDir: string): KeyFile[] {
  const folder = `${dataDir}/certificates`;
  return [
    {
      name: "certificate-authority",
      about: "Signs the server certificate that devices trust.",
      path: `${folder}/authority.pem`,
      isOurs: true,
      how: "Stays: another one would lock every device out until it is claimed anew.",
    },
    config.ROOST_TLS_KEY_FILE === undefined
      ? {
          name: "server-certificate",
          about: "Key of the server certificate.",
          path: `${folder}/server.pem`,
          isOurs: true,
          how: "Renewed by itself before it runs out.",
        }
      : {
          name: "ROOST_TLS_KEY_FILE",
          about: "Key of the server certificate.",
          path: config.ROOST_TLS_KEY_FILE,
          isOurs: false,
          how: "Replace the files; they are taken up without a restart.",
        },
  ];
}

function misconfigured(fault: string): AppError {
  return new AppError("config.invalid", 500, "The configuration has faults. Mend the variables named under details.", { faults: [fault] });
}
