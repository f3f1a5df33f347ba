import type { Actor } from "../../platform/tenancy.ts";
/** What somebody tells the audit trail. */
export interface AuditEntry {
    /** Absent: the platform's own. */
    readonly organisationId?: string | undefined;
    readonly by: Actor;
    /** `noun.past`, such as `role.changed`. */
    readonly action: string;
    readonly object: {
        readonly kind: string;
        readonly id: string;
        readonly name?: string | undefined;
    };
    /** The thing before and after. Equal fields are left out by the trail, and so are secrets. */
    readonly before?: object | undefined;
    readonly after?: object | undefined;
    /** `refused`: somebody tried and was not let. Absent: done. */
    readonly outcome?: "done" | "refused" | undefined;
    /** When it happened; absent: now. */
    readonly at?: Date | undefined;
}
/** An entry in the form in which it is stored and MACed: texts to the letter. */
export interface StoredEntry {
    readonly id: string;
    readonly organisationId: string | null;
    /** Epoch microseconds, as text. */
    readonly atUs: string;
    readonly actorKind: string;
    readonly actorId: string;
    readonly actorName: string;
    readonly action: string;
    readonly objectKind: string;
    readonly objectId: string;
    readonly objectName: string | null;
    readonly before: string | null;
    readonly after: string | null;
    readonly outcome: string;
    readonly remoteAddress: string | null;
    readonly userAgent: string | null;
    readonly correlationId: string | null;
}
/** Brings an entry into its stored form: secrets dropped, equal fields left out, texts cut. */
export declare function toStored(id: string, nowMs: number, entry: AuditEntry): StoredEntry;
type Fields = Readonly<Record<string, unknown>>;
/** Of two states the fields that differ; of one alone all that it has. */
export declare function changesOf(before: object | undefined, after: object | undefined): {
    before?: Fields;
    after?: Fields;
};
export {};
