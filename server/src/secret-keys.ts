import { setTimeout as sleep } from "node:timers/promises";

import { configSchema } from "./config.ts";
import type { Config } from "./config.ts";
import type { ConfiguredSecret, KeyFile } from "./modules/secrets/secrets.ts";
import type { Clock } from "./platform/clock.ts";
import type { Db } from "./platform/db.ts";
import type { Log } from "./platform/log.ts";
import { readEnvelopeKey } from "./platform/secrets/envelope-key.ts";
import { environmentSource, fileSource, vaultSource } from "./platform/secrets/envelope-source.ts";
import type { EnvelopeSource } from "./platform/secrets/envelope-source.ts";
import { createKeyRing } from "./platform/secrets/key-ring.ts";
import type { KeyRing } from "./platform/secrets/key-ring.ts";
import { Secret } from "./platform/secrets/secret.ts";
import { vaultOf } from "./vault-secrets.ts";
import { openWaitingRoom } from "./waiting-room.ts";

/** Where this installation's envelope key comes from, as it is configured. */
export function envelopeSource(config: Config, dataDir: string, clock: Clock): EnvelopeSource {
  const vault = vaultOf(config);
  if (vault !== undefined) return vaultSource({ ...vault, dataDir, nowMs: () => clock.nowMs() });
  const { ROOST_SEAL_KEY: sealKey, ROOST_SEAL_KEY_PREVIOUS: previous } = config;
  const key = sealKey === undefined ? undefined : readEnvelopeKey(sealKey.reveal());
  if (key === undefined || sealKey === undefined) return fileSource(dataDir);
  return environmentSource({
    key,
    previous: previous === undefined ? undefined : readEnvelopeKey(previous.reveal()),
    place: sealKey.place?.kind === "file" ? sealKey.place.path : "ROOST_SEAL_KEY",
    dataDir,
  });
}

const waitMs = 1_000;

/**
 * Opens the keys that seal secrets, and keeps hearing of new ones until the ends. A store outside that is sealed or away is waited for, in a
 * waiting room that says so at the address of the web server.
 *
 * @throws {AppError} `secrets.wrong_envelope_key`, `installation_key.damaged`, `config.invalid`
 */
export async function openSecrets({
  config,
  dataDir,
  db,
  clock,
  log,
  signal,
  ends,
}: {
  config: Config;
  dataDir: string;
  db: Db;
  clock: Clock;
  log: Log;
  /** Ends the waiting. */
  signal: AbortSignal | undefined;
  ends: (() => Promise<unknown> | void)[];
}): Promise<KeyRing> {
  const source = envelopeSource(config, dataDir, clock);
  const ring = createKeyRing({ db, source, clock, log, holdMs: config.ROOST_VAULT_HOLD_SECONDS * 1_000 });
  ends.push(() => ring.stop());
  await ring.start();
  if (ring.store().canOpen) return ring;
  const { state, place } = ring.store();
  log.error({ state, place }, "the start waits for the secret store");
  const room = await openWaitingRoom({ host: config.ROOST_HTTP_HOST, port: config.ROOST_HTTP_PORT, store: () => ring.store() });
  try {
    while (!ring.store().canOpen) {
      await sleep(waitMs, undefined, { signal });
      await ring.check();
    }
  } finally {
    await room.close();
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
