import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import type { Witness } from "./audit-witness.ts";
import type { Signer } from "./checkpoint.ts";
import type { Macs } from "./mac.ts";
export interface ChainDeps {
    readonly db: Db;
    readonly clock: Clock;
    readonly log: Log;
    readonly macs: Macs;
    readonly signer: Signer;
    readonly witness: Witness;
}
/**
 * Takes entries up into the chain, some time after they were written: the change itself waits for nobody. One server at a time, by the lock
 * on the chain's row; any number may try.
 */
export declare function createChain({ db, clock, log, macs, signer, witness }: ChainDeps): {
    start(): Promise<void>;
    /** Takes up all that was committed before the call, here or by another server. */
    settle(): Promise<void>;
    close(): Promise<void>;
};
export type Chain = ReturnType<typeof createChain>;
