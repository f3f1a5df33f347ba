import type { Resealing } from "@roost/contract/secrets";

import type { Db } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import { markResealed, retireDataKey, selectDataKeys } from "../../platform/secrets/data-keys.ts";
import type { KeyRing } from "../../platform/secrets/key-ring.ts";
import { countSealed, lockStale, replaceSealed, saveFinding, selectFindings, selectKidsIn } from "./reseal-store.ts";
import type { SealedColumn } from "./reseal-store.ts";

export interface ResealDeps {
  readonly db: Db;
  readonly ring: KeyRing;
  readonly columns: readonly SealedColumn[];
  readonly log: Log;
  /** How long an old key goes on opening at least, after the new one came into use. */
  readonly overlapMs?: number;
  readonly batch?: number;
}

/**
 * Seals everything anew with the current key, and forgets a key once nothing is sealed by it.
 *
 * What is done stands in the values themselves: a walk that was cut off anywhere goes on where the next one begins.
 */
export function createReseal({ db, ring, columns, log, overlapMs = 600_000, batch = 200 }: ResealDeps) {
  async function resealColumn(column: SealedColumn, kid: number, signal: AbortSignal): Promise<{ done: number; unreadable: number }> {
    const unreadable: string[] = [];
    let done = 0;
    for (;;) {
      signal.throwIfAborted();
      const taken = await db.transaction(async (tx) => {
        const stale = await lockStale(tx, column, { kid, limit: batch, except: unreadable });
        const anew: { place: string; sealed: Buffer }[] = [];
        for (const { place, sealed, row } of stale) {
          const purpose = column.purpose(row);
          try {
            anew.push({ place, sealed: ring.seal.seal(ring.seal.open(sealed, purpose), purpose) });
          } catch (error) {
            // A closed store ends the walk; a value that was altered is left for a person to look into.
            if (ring.currentKid() === undefined) throw error;
            unreadable.push(place);
          }
        }
        if (anew.length > 0) await replaceSealed(tx, column, anew);
        return { found: stale.length, anew: anew.length };
      });
      done += taken.anew;
      if (taken.found === 0) return { done, unreadable: unreadable.length };
    }
  }

  async function retire(kid: number): Promise<void> {
    const keys = await selectDataKeys(db);
    const current = keys.find((key) => key.kid === kid);
    if (current === undefined || current.dueInSeconds * -1_000 < overlapMs) return;
    const inUse = new Set<number>();
    for (const column of columns) for (const one of await selectKidsIn(db, column)) inUse.add(one);
    for (const key of keys) {
      if (key.kid >= kid || key.retiredAt !== undefined || inUse.has(key.kid)) continue;
      if (await retireDataKey(db, key.kid)) log.info({ kid: key.kid }, "nothing is sealed by an old key any more: it was forgotten");
    }
  }

  return {
    /** Seals what is left; does nothing where all is done. */
    async run({ signal }: { signal: AbortSignal }): Promise<void> {
      const kid = ring.currentKid();
      if (kid === undefined) return;
      const keys = await selectDataKeys(db);
      const current = keys.find((key) => key.kid === kid);
      const old = keys.filter((key) => key.kid < kid && key.retiredAt === undefined);
      if (current?.resealedAt !== undefined && old.length === 0) return;
      let unreadable = 0;
      for (const column of columns) {
        const walked = await resealColumn(column, kid, signal);
        unreadable += walked.unreadable;
        if (walked.done > 0) log.info({ table: column.table, column: column.column, kid, count: walked.done }, "secrets were sealed anew");
        if (walked.unreadable > 0)
          log.error({ table: column.table, column: column.column, count: walked.unreadable }, "secrets that no key opens");
        await saveFinding(db, column, walked.unreadable);
      }
      if (unreadable === 0) await markResealed(db, kid);
      await retire(kid);
    },

    async progress(): Promise<Resealing> {
      const keys = await selectDataKeys(db);
      const current = keys.find((key) => key.isUsable && key.retiredAt === undefined);
      const findings = await selectFindings(db);
      const counted: Resealing["columns"] = [];
      for (const column of columns) {
        const count = await countSealed(db, column, current?.kid ?? 0);
        const unreadable = findings.get(`${column.table}.${column.column}`) ?? 0;
        counted.push({ table: column.table, column: column.column, ...count, unreadable: Math.min(unreadable, count.remaining) });
      }
      const remaining = counted.reduce((sum, one) => sum + one.remaining, 0);
      return {
        isDone: remaining === 0,
        remaining,
        total: counted.reduce((sum, one) => sum + one.total, 0),
        columns: counted,
        ...(current === undefined ? {} : { startedAt: current.currentAt }),
        ...(current?.resealedAt === undefined || remaining > 0 ? {} : { finishedAt: current.resealedAt }),
      };
    },
  };
}
