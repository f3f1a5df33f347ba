import type { Clock } from "../../platform/clock.ts";
import type { Db, Queryable } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import { insertEntry } from "./audit-store.ts";
import { createWitness } from "./audit-witness.ts";
import type { Checkpoint } from "./chain-store.ts";
import { createChain } from "./chain.ts";
import { createSigner } from "./checkpoint.ts";
import { toStored } from "./entry.ts";
import type { AuditEntry } from "./entry.ts";
import { createMacs } from "./mac.ts";
import type { Verdict } from "./verdict.ts";
import { verifyTrail } from "./verify.ts";
import type { VerifyProgress } from "./verify.ts";

export type { AuditEntry } from "./entry.ts";

export interface AuditDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  /** 32 bytes, see `loadAuditKey`; in tests any. */
  readonly key: Buffer;
  /** Where the end of the chain is noted outside the database; absent: in memory only. */
  readonly witnessFile?: string | undefined;
}

/** The audit trail: who did what to which thing, and proof that nobody changed the record. */
export function createAudit({ db, clock, log, key, witnessFile }: AuditDeps) {
  const macs = createMacs(key);
  const signer = createSigner(key);
  const witness = createWitness({ file: witnessFile, signer, log });
  const chain = createChain({ db, clock, log, macs, signer, witness });

  return {
    /**
     * Writes an entry in the transaction that makes the change: both are there, or none. One insert; secrets and equal fields are left out.
     *
     * @example await audit.record(tx, { organisationId, by: caller.by, action: "role.changed", object: { kind: "person", id }, before, after });
     */
    async record(tx: Queryable, entry: AuditEntry): Promise<void> {
      const stored = toStored(newId(), clock.nowMs(), entry);
      await insertEntry(tx, stored, macs.entry(stored));
    },

    /** Begins to take entries up into the chain. */
    start: () => chain.start(),
    /** Takes up all that was committed before the call. */
    settle: () => chain.settle(),
    close: () => chain.close(),

    /** Goes through the whole trail: how far it is, and at the end what was found. */
    verify: (kept: readonly Checkpoint[] = []): AsyncGenerator<VerifyProgress, Verdict> => verifyTrail({ db, macs, signer, witness }, kept),
  };
}
export type Audit = ReturnType<typeof createAudit>;
