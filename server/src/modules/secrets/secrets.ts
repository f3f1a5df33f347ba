import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";

import { secretErrors } from "@roost/contract/secrets";
import type { Resealing, Rotatable, SecretEntry, SecretStore, SecretVersion } from "@roost/contract/secrets";

import type { Db, Transaction } from "../../platform/db.ts";
import type { JobDefinition } from "../../platform/jobs.ts";
import type { Log } from "../../platform/log.ts";
import { selectDataKeys } from "../../platform/secrets/data-keys.ts";
import type { KeyRing } from "../../platform/secrets/key-ring.ts";
import type { Actor } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { lengthClassOf, versionedEntry, versionOf } from "./entries.ts";
import type { ConfiguredSecret, KeyFile } from "./entries.ts";
import type { SealedColumn } from "./reseal-store.ts";
import { createReseal } from "./reseal.ts";
import { removeSightings, saveSighting, selectSightings } from "./sighting-store.ts";
import type { Sighting } from "./sighting-store.ts";

export type { ConfiguredSecret, KeyFile } from "./entries.ts";
export type { SealedColumn } from "./reseal-store.ts";

/** Keys of another module that rotate by the same call. */
export interface RotatingKeys {
  list(): Promise<SecretVersion[]>;
  rotate(tx: Transaction, madeBy: string): Promise<{ kid: number; currentAt: Date }>;
  /** After the commit: takes the new key in at once. */
  refresh(): Promise<void>;
}

export interface SecretsDeps {
  readonly db: Db;
  readonly ring: KeyRing;
  readonly audit: Pick<Audit, "record">;
  readonly log: Log;
  /** Every column of the schema that keeps sealed secrets. */
  readonly columns: readonly SealedColumn[];
  readonly configured: readonly ConfiguredSecret[];
  readonly files: readonly KeyFile[];
  readonly sessionKeys?: RotatingKeys | undefined;
  readonly overlapMs?: number;
}

/** What a sighting's digest is sealed with; its row in the list of sealed columns says the same. */
export function sightingPurpose(name: string): string {
  return `secret sighting:${name}`;
}

/** The secrets of the installation: which there are, where they come from, how old they are; and their rotation. Values never leave here. */
export function createSecrets({ db, ring, audit, log, columns, configured, files, sessionKeys, overlapMs }: SecretsDeps) {
  const reseal = createReseal({ db, ring, columns, log, ...(overlapMs === undefined ? {} : { overlapMs }) });

  /** Notes when a secret from outside was first seen and when it changed. Needs the keys: without them nothing is noted. */
  async function observe(): Promise<Map<string, Sighting>> {
    const known = await selectSightings(db);
    if (ring.currentKid() === undefined) return known;
    let isChanged = false;
    for (const { name, read } of configured) {
      const digest = createHash("sha256").update(read()).digest();
      const seen = known.get(name);
      if (seen !== undefined && opens(seen.digestSealed, name)?.equals(digest) === true) continue;
      await saveSighting(db, name, ring.seal.seal(digest, sightingPurpose(name)));
      isChanged = true;
      if (seen !== undefined) log.info({ which: name }, "a secret from outside has another value");
    }
    await removeSightings(
      db,
      configured.map(({ name }) => name),
    );
    return isChanged ? selectSightings(db) : known;
  }

  function opens(sealed: Buffer, name: string): Buffer | undefined {
    try {
      return ring.seal.open(sealed, sightingPurpose(name));
    } catch {
      return undefined;
    }
  }

  function envelopeEntry(store: SecretStore): SecretEntry {
    const madeAt = ring.envelopeMadeAt();
    const how = {
      file: "Give a new key by ROOST_SEAL_KEY or a secret store and restart; the guide to secrets has the steps.",
      environment: "Put the old key into ROOST_SEAL_KEY_PREVIOUS, a new one into ROOST_SEAL_KEY, and restart each server.",
      vault: "Write a new version of the secret into the store; Roost takes it up by itself.",
    }[store.kind];
    return {
      name: "envelope-key",
      about: "Wraps the keys that seal secrets in the database. It is never in the database itself.",
      origin: store.kind,
      place: store.place,
      ...(store.version === undefined ? {} : { version: store.version }),
      ...(madeAt === undefined ? {} : { since: madeAt }),
      lengthClass: "long",
      rotation: "outside",
      how,
    };
  }

  async function fileEntry({ name, about, path, isOurs, how }: KeyFile): Promise<SecretEntry | undefined> {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return undefined;
    return { name, about, origin: isOurs ? "roost" : "file", place: path, since: found.mtime, rotation: "outside", how };
  }

  function configuredEntry({ name, about, place, read }: ConfiguredSecret, seen: Sighting | undefined): SecretEntry {
    const [origin, where] =
      place === undefined || place.kind === "environment" ? (["environment", name] as const) : ([place.kind, place.path] as const);
    const thing = { environment: "the variable", file: "the file", vault: "the secret in the store" }[origin];
    return {
      name,
      about,
      origin,
      place: where,
      ...(seen === undefined ? {} : { since: seen.changedAt ?? seen.firstSeenAt }),
      ...(seen?.changedAt === undefined ? {} : { lastRotatedAt: seen.changedAt }),
      lengthClass: lengthClassOf(read()),
      rotation: "outside",
      how:
        origin !== "environment" && name === "ROOST_DATABASE_URL"
          ? `Change ${thing} and the database's password, in either order; no restart.`
          : `Change ${thing} and restart.`,
    };
  }

  return {
    /** Notes what came from outside. For the start, once the keys are there. */
    observe: async (): Promise<void> => void (await observe()),

    async list(): Promise<{ items: SecretEntry[]; store: SecretStore; resealing: Resealing }> {
      const [keys, sightings, inFiles] = await Promise.all([selectDataKeys(db), observe(), Promise.all(files.map(fileEntry))]);
      const store = ring.store();
      // By the database's clock, the same for whichever server is asked.
      const currentKid = keys.find((key) => key.isUsable && key.retiredAt === undefined)?.kid;
      const sessionVersions = await sessionKeys?.list();
      return {
        items: [
          envelopeEntry(store),
          versionedEntry(
            "data-key",
            "Seals secrets in the database.",
            keys.map((key) => versionOf(key, currentKid)),
          ),
          ...(sessionVersions === undefined ? [] : [versionedEntry("session-key", "Signs the sessions of people.", sessionVersions)]),
          ...configured.map((one) => configuredEntry(one, sightings.get(one.name))),
          ...inFiles.filter((entry) => entry !== undefined),
        ],
        store,
        resealing: await reseal.progress(),
      };
    },

    /** Looks at the store now. */
    checkStore: (): Promise<SecretStore> => ring.check(),
    store: (): SecretStore => ring.store(),
    progress: (): Promise<Resealing> => reseal.progress(),

    /**
     * Makes a new key. All servers hear of it before one uses it; the old one goes on opening what it sealed until nothing of it is left.
     *
     * @throws {AppError} `secrets.rotation_under_way`, `secrets.sealed` and the others of a closed store
     */
    async rotate(by: Actor, name: Rotatable): Promise<{ name: Rotatable; kid: number; currentAt: Date }> {
      const keys = name === "data-key" ? ring : sessionKeys;
      if (keys === undefined) throw secretErrors.not_sealed();
      const made = await db.transaction(async (tx) => {
        const key = await keys.rotate(tx, by.name);
        await audit.record(tx, {
          by,
          action: "secret.rotated",
          object: { kind: "secret", id: name },
          after: { kid: key.kid, currentAt: key.currentAt.toISOString() },
        });
        return key;
      });
      log.info({ which: name, kid: made.kid }, "a key was rotated");
      if (name === "session-key") await sessionKeys?.refresh();
      return { name, ...made };
    },

    jobs: [
      { name: "secrets.reseal", everySeconds: 15, maxSeconds: 3_600, run: ({ signal }) => reseal.run({ signal }) },
    ] satisfies JobDefinition[],
  };
}

export type Secrets = ReturnType<typeof createSecrets>;
