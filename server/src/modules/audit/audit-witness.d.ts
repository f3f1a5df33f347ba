import type { Log } from "../../platform/log.ts";
import type { Checkpoint } from "./chain-store.ts";
import type { Signer } from "./checkpoint.ts";
/** The newest checkpoint this server has seen, kept outside the database: whoever cuts the end off there does not reach it here. */
export interface Witness {
    see(checkpoint: Checkpoint): Promise<void>;
    /** What was seen, by this process and the ones before it. */
    seen(): Promise<Checkpoint | undefined>;
}
/** @param file - Absent: in memory only. */
export declare function createWitness({ file, signer, log }: {
    file: string | undefined;
    signer: Signer;
    log: Log;
}): Witness;
/** A checkpoint in the form in which it is handed out. */
export declare function checkpointJson({ kind, position, mac, at, signature }: Checkpoint): {
    kind: "cut" | "head";
    position: number;
    mac: string;
    at: string;
    signature: string;
};
