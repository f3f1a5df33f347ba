import { randomBytes } from "node:crypto";

import { AppError } from "@roost/contract/errors";
import { secretErrors } from "@roost/contract/secrets";
import type { SecretStore, SecretStoreState } from "@roost/contract/secrets";

import type { Clock } from "../clock.ts";
import type { Db, Transaction } from "../db.ts";
import type { Log } from "../log.ts";
import { createSeal, keyBytes, kidOf, openWith, sealVersioned } from "../seal.ts";
import type { Seal } from "../seal.ts";
import { insertDataKey, lockDataKeys, rewrapDataKey, selectDataKeys } from "./data-keys.ts";
import type { DataKeyRow } from "./data-keys.ts";
import type { EnvelopeKey, EnvelopeSource } from "./envelope-source.ts";

export interface KeyRingDeps {
  readonly db: Db;
  readonly source: EnvelopeSource;
  readonly clock: Clock;
  readonly log: Log;
  /** How often the keys in use are asked for. */
  readonly pollMs?: number;
  /** How long all servers have to hear of a new key before one seals with it; more than two polls. */
  readonly notBeforeMs?: number;
  /** How often a store outside is looked at. */
  readonly checkMs?: number;
  /** How long keys are held in memory when a store outside went away. A store that says it is sealed ends that at once. */
  readonly holdMs?: number;
}

// A server that was frozen for longer must not seal with what it remembers: the key may be gone.
const staleMs = 60_000;

const wordsOf: Readonly<Record<SecretStoreState, string>> = {
  open: "The envelope key is there and opens the keys in the database.",
  sealed: secretErrors.sealed.message,
  unreachable: secretErrors.store_unreachable.message,
  denied: secretErrors.store_denied.message,
  missing: secretErrors.store_missing.message,
  wrong_key: secretErrors.wrong_envelope_key.message,
};
const errorOf: Readonly<Record<Exclude<SecretStoreState, "open">, () => AppError>> = {
  sealed: secretErrors.sealed,
  unreachable: secretErrors.store_unreachable,
  denied: secretErrors.store_denied,
  missing: secretErrors.store_missing,
  wrong_key: secretErrors.wrong_envelope_key,
};

/**
 * The keys that seal secrets at rest. They lie in the database, each wrapped with the envelope key, which comes from `source`.
 *
 * Several servers share them: a new key is heard of by all before one seals with it.
 */
export function createKeyRing({
  db,
  source,
  clock,
  log,
  pollMs = 2_000,
  notBeforeMs = 5_000,
  checkMs = 10_000,
  holdMs = 300_000,
}: KeyRingDeps) {
  let keys: Map<number, Buffer> = new Map();
  let current: number | undefined;
  let heardMs = -Infinity;
  let envelope: EnvelopeKey | undefined;
  let tokenExpiresAt: Date | undefined;
  let state: SecretStoreState = "unreachable";
  let since = new Date(clock.nowMs());
  let checkedAt = since;
  let checkedMs = -Infinity;
  let openMs = -Infinity;
  /** The last look at the store found the envelope key. */
  let isStoreOpen = false;
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> | undefined;
  let looking: Promise<void> | undefined;
  let forgotten = 0;

  function become(next: SecretStoreState): void {
    if (next !== state) {
      since = new Date(clock.nowMs());
      if (next !== "open") log.error({ state: next, place: source.place }, "the secret store is not open");
      else if (checkedMs > 0) log.info({ place: source.place }, "the secret store is open");
    }
    state = next;
    checkedAt = new Date(clock.nowMs());
    checkedMs = clock.monotonicMs();
    if (next === "open") openMs = checkedMs;
  }

  function forget(): void {
    // Let go of, not overwritten: somebody may be wrapping with them at this moment.
    keys.clear();
    envelope = undefined;
    current = undefined;
    forgotten += 1;
  }

  /** Looks at the store, where that is due. While keys are held nobody waits for a slow store: new keys must be heard of in time. */
  async function lookAtStore(isUrgent: boolean): Promise<void> {
    const isDue = source.isRemote ? isUrgent || clock.monotonicMs() - checkedMs >= checkMs : envelope === undefined;
    if (!isDue && looking === undefined) return;
    looking ??= look().finally(() => {
      looking = undefined;
    });
    if (isUrgent || keys.size === 0) await looking;
    else looking.catch((error: unknown) => log.warn({ err: error }, "the secret store could not be looked at"));
  }

  async function look(): Promise<void> {
    try {
      const reading = await source.read();
      envelope = reading.current;
      tokenExpiresAt = reading.tokenExpiresAt;
      isStoreOpen = true;
      // Open is what it is called once the keys are: where they are not yet, openRows says so.
      become(keys.size > 0 && state !== "wrong_key" ? "open" : state);
    } catch (error) {
      isStoreOpen = false;
      become(stateOf(error));
      // Whoever seals the store wants that nothing can be opened; whoever lost the way to it does not.
      if (state === "sealed" || clock.monotonicMs() - openMs > holdMs) forget();
    }
  }

  async function openRows(rows: readonly DataKeyRow[]): Promise<void> {
    const wrapping = envelope;
    if (wrapping === undefined) return;
    const begun = forgotten;
    const standing = rows.filter((row) => row.wrapped !== undefined);
    const opened = new Map<number, Buffer>();
    let older: readonly EnvelopeKey[] | undefined;
    const rewrap: { kid: number; key: Buffer }[] = [];
    for (const row of standing) {
      const known = keys.get(row.kid);
      let found = known === undefined ? unwrap(row, [wrapping]) : { key: known, label: row.envelope };
      if (found === undefined) found = unwrap(row, (older ??= await source.readOlder()));
      if (found === undefined) {
        become("wrong_key");
        throw secretErrors.wrong_envelope_key({ kid: row.kid, place: source.place });
      }
      opened.set(row.kid, found.key);
      if (isBehind(found.label, wrapping.label, known !== undefined)) rewrap.push({ kid: row.kid, key: found.key });
    }
    if (rewrap.length > 0) {
      const wrapper = createSeal(wrapping.key);
      await db.transaction(async (tx) => {
        for (const { kid, key } of rewrap) await rewrapDataKey(tx, kid, wrapper.seal(key, wrapPurpose(kid)), wrapping.label);
      });
      log.info({ kids: rewrap.map(({ kid }) => kid), place: source.place }, "keys were wrapped with the envelope key in use");
    }
    // The store was sealed meanwhile: what was opened is not kept.
    if (begun !== forgotten) return;
    keys = opened;
    if (state !== "open" && isStoreOpen && keys.size > 0) become("open");
    current = standing.find((row) => row.isUsable)?.kid;
  }

  async function makeFirst(wrapping: EnvelopeKey): Promise<void> {
    const unversioned = await source.findUnversioned();
    await db.transaction(async (tx) => {
      await lockDataKeys(tx);
      if ((await selectDataKeys(tx)).length > 0) return;
      const wrapper = createSeal(wrapping.key);
      const make = (kid: number, key: Buffer) =>
        insertDataKey(tx, { kid, wrapped: wrapper.seal(key, wrapPurpose(kid)), envelope: wrapping.label, madeBy: "roost", afterMs: 0 });
      if (unversioned !== undefined) await make(0, unversioned);
      await make(1, randomBytes(keyBytes));
    });
  }

  async function refresh(isUrgent: boolean): Promise<void> {
    await lookAtStore(isUrgent);
    let rows = await selectDataKeys(db);
    if (rows.length === 0 && envelope !== undefined) {
      await makeFirst(envelope);
      rows = await selectDataKeys(db);
    }
    await openRows(rows);
    heardMs = clock.monotonicMs();
  }

  /** Refreshes once, whoever asks while it is under way. */
  function hear(isUrgent = false): Promise<void> {
    underWay ??= refresh(isUrgent).finally(() => {
      underWay = undefined;
    });
    return underWay;
  }

  function hearSoon(isUrgent: boolean): void {
    hear(isUrgent).catch((error: unknown) => log.debug({ err: error }, "the keys in use could not be asked for"));
  }

  function refuse(): AppError {
    return state === "open" ? secretErrors.keys_stale() : errorOf[state]();
  }

  const seal: Seal = {
    seal(plain, purpose) {
      const key = current === undefined ? undefined : keys.get(current);
      if (key === undefined || current === undefined) throw refuse();
      if (clock.monotonicMs() - heardMs > staleMs) throw secretErrors.keys_stale();
      return sealVersioned(current, key, plain, purpose);
    },
    open(sealed, purpose) {
      const kid = kidOf(sealed);
      if (kid === undefined) throw secretErrors.not_sealed();
      const key = keys.get(kid);
      if (key === undefined) {
        if (keys.size === 0) throw refuse();
        // Another server knows a key that we do not: ask at once, and whoever tries again finds it open.
        hearSoon(false);
        throw secretErrors.unknown_key({ kid });
      }
      try {
        return openWith(key, sealed, purpose);
      } catch (cause) {
        throw secretErrors.not_sealed({ kid }, { cause });
      }
    },
  };

  return {
    seal,

    /**
     * Loads the keys, or makes the first, and goes on hearing of new ones until `stop`. A store outside that is sealed or away is no
     * failure: what needs no secret goes on without it.
     *
     * @throws {AppError} `secrets.wrong_envelope_key`, `installation_key.damaged`
     */
    async start(): Promise<void> {
      await hear(true);
      timer = setInterval(() => hearSoon(false), pollMs);
      timer.unref();
    },

    stop(): void {
      clearInterval(timer);
    },

    /** Asks for the keys now, the store too. */
    async check(): Promise<SecretStore> {
      await underWay?.catch(() => undefined);
      await hear(true);
      return this.store();
    },

    store(): SecretStore {
      return {
        kind: source.kind,
        place: source.place,
        state,
        message: wordsOf[state],
        since,
        checkedAt,
        canOpen: keys.size > 0,
        ...(envelope?.version === undefined ? {} : { version: envelope.version }),
        ...(tokenExpiresAt === undefined ? {} : { tokenExpiresAt }),
      };
    },

    /** When the envelope key in use was made, where its source says so. */
    envelopeMadeAt: (): Date | undefined => envelope?.madeAt,

    /** Makes a key that all servers seal with from `currentAt` on. @throws {AppError} `secrets.rotation_under_way`, those of a closed store */
    async rotate(tx: Transaction, madeBy: string): Promise<{ kid: number; currentAt: Date }> {
      const wrapping = envelope;
      if (wrapping === undefined) throw refuse();
      await lockDataKeys(tx);
      const [newest] = await selectDataKeys(tx);
      if (newest !== undefined && !newest.isUsable) throw secretErrors.rotation_under_way({ kid: newest.kid });
      const kid = (newest?.kid ?? 0) + 1;
      const wrapped = createSeal(wrapping.key).seal(randomBytes(keyBytes), wrapPurpose(kid));
      return { kid, currentAt: await insertDataKey(tx, { kid, wrapped, envelope: wrapping.label, madeBy, afterMs: notBeforeMs }) };
    },

    /** The key that this server seals with now. */
    currentKid: (): number | undefined => current,
  };
}

export type KeyRing = ReturnType<typeof createKeyRing>;

function wrapPurpose(kid: number): string {
  return `data key ${kid}`;
}

function unwrap(row: DataKeyRow, candidates: readonly EnvelopeKey[]): { key: Buffer; label: string } | undefined {
  if (row.wrapped === undefined) return undefined;
  for (const { key, label } of candidates) {
    try {
      return { key: createSeal(key).open(row.wrapped, wrapPurpose(row.kid)), label };
    } catch {
      // Not the one; the next may be.
    }
  }
  return undefined;
}

/**
 * Says whether a key is to be wrapped anew with the envelope key in use. Servers hear of a new one at different times: the one that is late
 * must not turn back what another did.
 */
function isBehind(openedBy: string, inUse: string, isKnown: boolean): boolean {
  if (openedBy === inUse) return false;
  const versions = [openedBy, inUse].map((label) => Number(/^vault:(\d+)$/.exec(label)?.[1]));
  const [openedVersion = NaN, usedVersion = NaN] = versions;
  if (versions.every((version) => !Number.isNaN(version))) return openedVersion < usedVersion;
  return !isKnown;
}

function stateOf(error: unknown): Exclude<SecretStoreState, "open"> {
  if (!(error instanceof AppError)) throw error;
  switch (error.code) {
    case secretErrors.sealed.code:
      return "sealed";
    case secretErrors.store_denied.code:
      return "denied";
    case secretErrors.store_missing.code:
      return "missing";
    case secretErrors.store_unreachable.code:
      return "unreachable";
    default:
      throw error;
  }
}
