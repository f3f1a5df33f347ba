import type { Db } from "../../platform/db.ts";
import type { Witness } from "./audit-witness.ts";
import type { Checkpoint } from "./chain-store.ts";
import type { Signer } from "./checkpoint.ts";
import type { Macs } from "./mac.ts";
import type { Verdict } from "./verdict.ts";
export interface VerifyDeps {
    readonly db: Db;
    readonly macs: Macs;
    readonly signer: Signer;
    readonly witness: Witness;
}
/** How far a verification has come. */
export interface VerifyProgress {
    readonly checked: number;
    readonly of: number;
}
/**
 * Goes through the whole trail in one snapshot, a page at a time, telling how far it is; the verdict comes last.
 *
 * Nothing is written: a writing transaction that is open for long would hold back whoever reads facts in order.
 *
 * @param kept - Checkpoints that somebody kept elsewhere.
 */
export declare function verifyTrail({ db, macs, signer, witness }: VerifyDeps, kept: readonly Checkpoint[]): AsyncGenerator<VerifyProgress, Verdict>;
