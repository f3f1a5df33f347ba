import { secretErrors } from "@roost/contract/secrets";

import { findInstallationKey, loadInstallationKey } from "../installation-key.ts";
import { readEnvelopeKey } from "./envelope-key.ts";
import type { VaultClient } from "./vault-client.ts";

/** A key that wraps the keys in the database. */
export interface EnvelopeKey {
  /** Origin and version; stands beside what it wraps. */
  readonly label: string;
  readonly version?: string;
  readonly key: Buffer;
  readonly madeAt?: Date;
}

/** What a source answers: the key in use, and how long whoever asked may go on asking. */
export interface EnvelopeReading {
  readonly current: EnvelopeKey;
  readonly tokenExpiresAt?: Date;
}

/** Where the envelope key comes from. */
export interface EnvelopeSource {
  readonly kind: "file" | "environment" | "vault";
  /** Path, variable, or path in the store. */
  readonly place: string;
  /** In a place of its own that can be away or sealed: it is looked after while we run. */
  readonly isRemote: boolean;
  /** @throws {AppError} `secrets.sealed`, `secrets.store_…`, `installation_key.damaged` */
  read(): Promise<EnvelopeReading>;
  /** Keys that may have wrapped what the one in use does not open, newest first, newer ones too. Asked for only then. */
  readOlder(): Promise<readonly EnvelopeKey[]>;
  /** The installation's key of before there were versions: values may be sealed with it directly. */
  findUnversioned(): Promise<Buffer | undefined>;
}

/** The key of the data folder: made at the first start. */
export function fileSource(dataDir: string): EnvelopeSource {
  // As it was before the first reading made one.
  let found: Promise<Buffer | undefined> | undefined;
  const findFirst = () => (found ??= findInstallationKey(dataDir));
  return {
    kind: "file",
    place: `${dataDir}/installation.key`,
    isRemote: false,
    async read() {
      await findFirst();
      return { current: { label: "file", key: await loadInstallationKey(dataDir) } };
    },
    readOlder: async () => [],
    findUnversioned: findFirst,
  };
}

/** A key by the environment, with the one before it while it is being rotated. */
export function environmentSource({
  key,
  previous,
  place,
  dataDir,
}: {
  key: Buffer;
  previous?: Buffer | undefined;
  place: string;
  dataDir: string;
}): EnvelopeSource {
  return {
    kind: "environment",
    place,
    isRemote: false,
    read: async () => ({ current: { label: "environment", key } }),
    async readOlder() {
      const file = await fileKeys(dataDir);
      return previous === undefined ? file : [{ label: "environment before", key: previous }, ...file];
    },
    findUnversioned: () => findInstallationKey(dataDir),
  };
}

/** Name of the field that holds the key. */
const vaultField = "seal_key";
// Half of its life is left when a token is renewed, so that a store that is away for a while costs nothing.
const renewBelow = 0.5;

/** A key in OpenBao or Vault. A new version of the secret is a new envelope key; older versions open what they wrapped. */
export function vaultSource({
  client,
  place,
  dataDir,
  nowMs,
}: {
  client: VaultClient;
  place: string;
  dataDir: string;
  nowMs: () => number;
}): EnvelopeSource {
  let longestTtlSeconds = 0;

  async function keepToken(): Promise<Date | undefined> {
    let { ttlSeconds, renewable } = await client.lookUpToken();
    longestTtlSeconds = Math.max(longestTtlSeconds, ttlSeconds);
    if (renewable && ttlSeconds < longestTtlSeconds * renewBelow) {
      ({ ttlSeconds } = await client.renewToken());
      // A token near its last day gets less each time; what it got is its life from now on.
      longestTtlSeconds = ttlSeconds;
    }
    return ttlSeconds === 0 ? undefined : new Date(nowMs() + ttlSeconds * 1_000);
  }

  async function readVersion(version?: number): Promise<EnvelopeKey> {
    const found = await client.read(version);
    const key = readEnvelopeKey(found.fields[vaultField] ?? "");
    if (key === undefined) throw secretErrors.store_missing({ place, field: vaultField });
    return { label: `vault:${found.version}`, version: String(found.version), key, madeAt: found.madeAt };
  }

  return {
    kind: "vault",
    place,
    isRemote: true,
    async read() {
      const tokenExpiresAt = await keepToken();
      const current = await readVersion();
      return tokenExpiresAt === undefined ? { current } : { current, tokenExpiresAt };
    },
    async readOlder() {
      const found: EnvelopeKey[] = [];
      for (const version of await client.versions()) {
        const key = await readVersion(version).catch(() => undefined);
        if (key !== undefined) found.push(key);
      }
      return [...found, ...(await fileKeys(dataDir))];
    },
    findUnversioned: () => findInstallationKey(dataDir),
  };
}

/** The data folder's own key, where this installation began with one. */
async function fileKeys(dataDir: string): Promise<EnvelopeKey[]> {
  const key = await findInstallationKey(dataDir);
  return key === undefined ? [] : [{ label: "file", key }];
}
