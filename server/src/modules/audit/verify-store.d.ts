import type { Queryable } from "../../platform/db.ts";
import type { SealedEntry } from "./chain-store.ts";
import type { LinkedRow } from "./verdict.ts";
/** Links after a position with their entries, in order. */
export declare function selectLinkedRows(db: Queryable, after: number, limit: number): Promise<LinkedRow[]>;
/** Opens a cursor over entries that have no link: one pass over both, however many there are. */
export declare function openStrays(db: Queryable): Promise<void>;
export declare function fetchStrays(db: Queryable): Promise<(SealedEntry & {
    xactId: string;
})[]>;
/** Until when each organisation's entries were taken out, with the proof. */
export declare function selectRetirements(db: Queryable): Promise<Retirement[]>;
/** Everything of one organisation before an instant was taken out. */
export interface Retirement {
    readonly id: string;
    readonly organisationId: string | null;
    readonly before: Date;
    readonly mac: Buffer;
}
export declare function countLinks(db: Queryable): Promise<number>;
