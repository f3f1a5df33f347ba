import type { Checkpoint, Link, SealedEntry } from "./chain-store.ts";
import type { Signer } from "./checkpoint.ts";
import type { Macs } from "./mac.ts";
/** What is wrong with one row, or with a stretch of the chain. */
export interface Fault {
    /**
     * `edited`: the entry is not what was written. `removed`: it is gone. `inserted`: nobody of ours wrote it. `moved`: it stands at another
     * place than it was given. `unlinked`: it is real, but its link is gone. `relinked`: its link was altered. `truncated`: the chain was
     * longer. `forked`: the chain went another way before. `checkpoint`: a checkpoint was altered.
     */
    readonly kind: "edited" | "removed" | "inserted" | "moved" | "unlinked" | "relinked" | "truncated" | "forked" | "checkpoint";
    readonly position?: number | undefined;
    /** Last position of a stretch. */
    readonly toPosition?: number | undefined;
    /** Where a moved one belongs. */
    readonly belongsAt?: number | undefined;
    readonly entryId?: string | undefined;
    readonly organisationId?: string | null | undefined;
}
export interface Verdict {
    readonly isWhole: boolean;
    /** Up to here each entry is the one that was written, and none is missing. */
    readonly wholeUntil: number;
    readonly head: number;
    /** Checked with their content. */
    readonly entries: number;
    /** Taken out because their time was over. */
    readonly retired: number;
    /** Written and not yet taken up. */
    readonly waiting: number;
    readonly checkpoints: number;
    readonly faultCount: number;
    /** The first thousand. */
    readonly faults: readonly Fault[];
}
/** A link with the entry it is about, where that is there. */
export interface LinkedRow {
    readonly link: Link;
    readonly entry: SealedEntry | undefined;
}
export interface JudgeDeps {
    readonly macs: Macs;
    readonly signer: Signer;
    /** What the chain must have been through, oldest first. */
    readonly checkpoints: readonly Checkpoint[];
    /** Says whether an entry may be gone because its time was over. */
    readonly isRetired: (link: Link) => boolean;
}
/**
 * Judges the chain link by link, in order; keeps nothing of what was right, so its memory does not grow with the trail.
 */
export declare function createJudge({ macs, signer, checkpoints, isRetired }: JudgeDeps): {
    /** The next link in order of position. What lies before a cut is passed over. */
    link(row: LinkedRow): void;
    /** An entry without a link. `isWaiting`: the chain has not come to it yet. */
    stray(entry: SealedEntry, isWaiting: boolean): void;
    /** All was told. */
    end(): Verdict;
};
