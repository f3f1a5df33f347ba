import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

import { secretErrors } from "@roost/contract/secrets";
import type { SecretVersion } from "@roost/contract/secrets";

import type { Db, Transaction } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import type { Seal } from "../../platform/seal.ts";
import type { RotatingKeys } from "../secrets/secrets.ts";
import { insertSessionKey, lockSessionKeys, retireSessionKeys, selectSessionKeys } from "./session-key-store.ts";
import { sessionCookie } from "./sign-in-library.ts";

export interface SessionKeysDeps {
  readonly db: Db;
  readonly seal: Seal;
  readonly log: Log;
  /** After so long without use a cookie is no good, whatever signed it. */
  readonly idleHours: number;
  readonly pollMs?: number;
  /** How long all servers have to hear of a new key; more than two polls. */
  readonly notBeforeMs?: number;
}

/** A cookie that one of our keys signed. */
export interface SignedCookie {
  /** As the sign-in library made it. */
  readonly value: string;
  /** Signed with a key that is being replaced: the browser is to get a new one. */
  readonly isOld: boolean;
}

export type SessionKeys = Awaited<ReturnType<typeof createSessionKeys>>;

/** What the row of a key is sealed with. */
export function sessionKeyPurpose(kid: number): string {
  return `session key ${kid}`;
}

const form = /^(.{1,512})\.(\d{1,9})\.([A-Za-z0-9_-]{43})$/;

/**
 * The keys that sign the session cookies of browsers. The sign-in library knows one key alone and cannot change it, so the cookie leaves the
 * house under a signature of ours, with the number of its key: a new key signs from now on, the old one verifies until browsers have got
 * cookies of the new one.
 */
export async function createSessionKeys({ db, seal, log, idleHours, pollMs = 2_000, notBeforeMs = 5_000 }: SessionKeysDeps) {
  let keys = new Map<number, Buffer>();
  let current: number | undefined;

  async function refresh(): Promise<void> {
    const rows = await selectSessionKeys(db);
    const next = new Map<number, Buffer>();
    for (const { kid, sealed } of rows) {
      // What is known already needs no open store: people stay signed in while it is sealed.
      if (sealed !== undefined) next.set(kid, keys.get(kid) ?? seal.open(sealed, sessionKeyPurpose(kid)));
    }
    keys = next;
    current = rows.find(({ isUsable, sealed }) => isUsable && sealed !== undefined)?.kid;
  }

  async function insert(tx: Transaction, kid: number, madeBy: string, afterMs: number): Promise<Date> {
    return insertSessionKey(tx, { kid, sealed: seal.seal(randomBytes(32), sessionKeyPurpose(kid)), madeBy, afterMs });
  }

  function signatureOf(key: Buffer, kid: number, value: string): string {
    return createHmac("sha256", key).update(`session cookie:${kid}:${value}`).digest("base64url");
  }

  await db.transaction(async (tx) => {
    await lockSessionKeys(tx);
    if ((await selectSessionKeys(tx)).length === 0) await insert(tx, 1, "roost", 0);
  });
  await refresh();
  const timer = setInterval(() => {
    refresh().catch((error: unknown) => log.debug({ err: error }, "the keys of sessions could not be asked for"));
  }, pollMs);
  timer.unref();

  const rotation: RotatingKeys = {
    async list(): Promise<SecretVersion[]> {
      const rows = await selectSessionKeys(db);
      const newest = rows.find(({ isUsable, sealed }) => isUsable && sealed !== undefined)?.kid;
      return rows.map(({ kid, madeAt, retiredAt, isUsable }) => ({
        kid,
        state: retiredAt !== undefined ? "retired" : !isUsable ? "next" : kid === newest ? "current" : "old",
        madeAt,
        ...(retiredAt === undefined ? {} : { retiredAt }),
      }));
    },
    async rotate(tx, madeBy) {
      await lockSessionKeys(tx);
      const [newest] = await selectSessionKeys(tx);
      if (newest !== undefined && !newest.isUsable) throw secretErrors.rotation_under_way({ kid: newest.kid });
      const kid = (newest?.kid ?? 0) + 1;
      return { kid, currentAt: await insert(tx, kid, madeBy, notBeforeMs) };
    },
    refresh,
  };

  return {
    rotation,

    /** A `Set-Cookie` line of the library as the browser gets it: the session's value signed, others as they are. */
    sign(line: string): string {
      const value = line.startsWith(`${sessionCookie}=`) ? line.slice(sessionCookie.length + 1).split(";", 1)[0] : undefined;
      if (value === undefined || value === "") return line;
      const key = current === undefined ? undefined : keys.get(current);
      if (key === undefined || current === undefined) throw secretErrors.keys_stale();
      return line.replace(value, () => `${value}.${current}.${signatureOf(key, current ?? 0, value)}`);
    },

    /** The library's value out of a browser's cookie; `undefined` for what no key of ours signed. */
    read(cookie: string): SignedCookie | undefined {
      const [, value = "", number = "", given = ""] = form.exec(cookie) ?? [];
      const kid = Number(number);
      const key = keys.get(kid);
      if (key === undefined || number !== String(kid)) return undefined;
      const wanted = Buffer.from(signatureOf(key, kid, value));
      const brought = Buffer.from(given);
      if (wanted.length !== brought.length || !timingSafeEqual(wanted, brought)) return undefined;
      return { value, isOld: kid !== current };
    },

    /** Forgets what nobody needs any more. */
    retire: (): Promise<void> => retireSessionKeys(db, idleHours),

    close: (): void => clearInterval(timer),
  };
}
