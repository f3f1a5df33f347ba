import type { Clock } from "../../platform/clock.ts";
import type { Db, Queryable } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import type { Checkpoint } from "./chain-store.ts";
import type { AuditEntry } from "./entry.ts";
import type { Verdict } from "./verdict.ts";
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
export declare function createAudit({ db, clock, log, key, witnessFile }: AuditDeps): {
    /**
     * Writes an entry in the transaction that makes the change: both are there, or none. One insert; secrets and equal fields are left out.
     *
     * @example await audit.record(tx, { organisationId, by: caller.by, action: "role.changed", object: { kind: "person", id }, before, after });
     */
    record(tx: Queryable, entry: AuditEntry): Promise<void>;
    /** Begins to take entries up into the chain. */
    start: () => Promise<void>;
    /** Takes up all that was committed before the call. */
    settle: () => Promise<void>;
    close: () => Promise<void>;
    /** Goes through the whole trail: how far it is, and at the end what was found. */
    verify: (kept?: readonly Checkpoint[]) => AsyncGenerator<VerifyProgress, Verdict>;
};
export type Audit = ReturnType<typeof createAudit>;
