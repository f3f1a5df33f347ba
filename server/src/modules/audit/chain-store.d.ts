import type { Queryable, Transaction } from "../../platform/db.ts";
import type { StoredEntry } from "./entry.ts";
import type { LinkParts } from "./mac.ts";
/** A link as it is stored. */
export interface Link extends LinkParts {
    readonly mac: Buffer;
}
/** An entry with the hash it was written with. */
export interface SealedEntry extends StoredEntry {
    readonly mac: Buffer;
}
/** Where the chain ends, and up to where entries were taken up. */
export interface ChainHead {
    readonly position: number;
    readonly mac: Buffer;
    readonly xactId: string;
    readonly entryId: string;
}
/** A statement about the chain, before it is signed. */
export interface CheckpointParts {
    /** `cut`: what lies before was taken away because its time was over; the chain begins after it. */
    readonly kind: "head" | "cut";
    readonly position: number;
    readonly mac: Buffer;
    readonly at: Date;
}
export interface Checkpoint extends CheckpointParts {
    readonly signature: Buffer;
}
/** The columns of an entry `e` in the form in which it was MACed: JSON to the letter, time in microseconds. */
export declare const entryColumns: import("../../platform/sql.ts").Sql;
/** Locks the chain for this transaction; `undefined` while another server is at it. */
export declare function lockHead(tx: Transaction): Promise<ChainHead | undefined>;
export declare function selectHead(db: Queryable): Promise<ChainHead>;
/** Entries that wait for their link, in the order in which they are taken up. */
export declare function selectWaiting(db: Queryable, { after, below, limit }: {
    after: Pick<ChainHead, "xactId" | "entryId">;
    below: string;
    limit: number;
}): Promise<(SealedEntry & {
    xactId: string;
    isLinked: boolean;
})[]>;
/** Whether anything is to be done at all: asked often, so it locks nothing. */
export declare function selectIdle(db: Queryable, below: string): Promise<{
    position: number;
    isWaiting: boolean;
    lastCheckpoint: Checkpoint | undefined;
}>;
/** The number that the next transaction will have: all that are committed now have lower ones. */
export declare function selectNextXactId(db: Queryable): Promise<string>;
export declare function insertLinks(tx: Transaction, links: readonly Link[]): Promise<void>;
export declare function moveHead(tx: Transaction, head: ChainHead): Promise<void>;
/** Says whether the chain was taken up to a point of another cluster's count of transactions: a dump was restored. */
export declare function isFromElsewhere(db: Queryable): Promise<boolean>;
/** Brings what waited in a restored dump into this cluster's count of transactions, and the chain's place with it. */
export declare function adopt(tx: Transaction, below: string): Promise<void>;
export declare function selectLastCheckpoint(db: Queryable): Promise<Checkpoint | undefined>;
/** Checkpoints, oldest first, a page at a time. */
export declare function selectCheckpoints(db: Queryable, after: Pick<Checkpoint, "position" | "kind"> | undefined, limit: number): Promise<Checkpoint[]>;
export declare function insertCheckpoint(tx: Queryable, checkpoint: Checkpoint): Promise<void>;
