import type { Queryable } from "../../platform/db.ts";
import type { StoredEntry } from "./entry.ts";
/** Writes an entry. One statement, in the transaction that makes the change. */
export declare function insertEntry(tx: Queryable, entry: StoredEntry, mac: Buffer): Promise<void>;
