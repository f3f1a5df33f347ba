import type { StoredEntry } from "./entry.ts";
/** What a link binds: its place, the entry that stands there, and what came before. */
export interface LinkParts {
    readonly position: number;
    readonly entryId: string;
    readonly organisationId: string | null;
    readonly atUs: string;
    readonly entryMac: Buffer;
    readonly previous: Buffer;
}
/** What stands before the first link. */
export declare const beginning: Buffer;
/** Makes the keyed hashes of entries and links. Keys differ by purpose, so that one can never pass for the other. */
export declare function createMacs(key: Buffer): {
    entry: (entry: StoredEntry) => Buffer;
    link: (link: LinkParts) => Buffer;
    /** Says that what is older is gone by rule. */
    retirement: ({ id, organisationId, before }: {
        id: string;
        organisationId: string | null;
        before: Date;
    }) => Buffer;
    archive: ({ id, organisationId, content }: {
        id: string;
        organisationId: string | null;
        content: Buffer;
    }) => Buffer;
};
export type Macs = ReturnType<typeof createMacs>;
/** A key of its own for one purpose. */
export declare function derive(key: Buffer, purpose: string): Buffer;
/** Says whether two hashes are the same, in the same time for any. */
export declare function isSame(one: Buffer, other: Buffer): boolean;
