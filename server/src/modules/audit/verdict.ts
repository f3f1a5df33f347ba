import type { AuditFault, AuditVerdict } from "@roost/contract/audit";

import type { Checkpoint, Link, SealedEntry } from "./chain-store.ts";
import type { Signer } from "./checkpoint.ts";
import { beginning, isGenuine, isSame } from "./mac.ts";
import type { Macs } from "./mac.ts";

/** What is wrong with one row, or with a stretch of the chain. */
export interface Fault {
  /**
   * `edited`: the entry is not what was written. `removed`: it is gone. `inserted`: nobody of ours wrote it. `moved`: it stands at another
   * place than it was given. `unlinked`: it is real, but its link is gone. `relinked`: its link was altered. `truncated`: the chain was
   * longer. `forked`: the chain went another way before. `checkpoint`, `archive`: one of these was altered.
   */
  readonly kind: AuditFault["kind"];
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
  /** Where the database itself says that the chain ends. */
  readonly head: { readonly position: number; readonly mac: Buffer };
  /** Says whether an entry may be gone because its time was over. */
  readonly isRetired: (link: Link) => boolean;
}

const mostFaults = 1_000;

/**
 * Judges the chain link by link, in order; keeps nothing of what was right, so its memory does not grow with the trail.
 */
export function createJudge({ macs, signer, checkpoints, head, isRetired }: JudgeDeps) {
  const faults: Fault[] = [];
  let faultCount = 0;
  let firstBad = Number.POSITIVE_INFINITY;
  let entries = 0;
  let retired = 0;
  let waiting = 0;
  // Links whose own hash does not fit, gaps, and entries without a link: with them all seen, it can be told what belongs where.
  const misfits: Link[] = [];
  const gaps: Gap[] = [];
  const strays: Stray[] = [];

  const blame = (fault: Fault) => {
    faultCount += 1;
    if (faults.length < mostFaults) faults.push(fault);
    if (fault.position !== undefined) firstBad = Math.min(firstBad, fault.position);
  };

  const blameGap = ({ position, toPosition, isEnd = false }: Pick<Gap, "position" | "toPosition" | "isEnd">) =>
    blame({ kind: isEnd ? "truncated" : "removed", position, ...(toPosition === position && !isEnd ? {} : { toPosition }) });

  const signed = checkpoints.filter((checkpoint) => {
    const isGood = signer.isSigned(checkpoint);
    if (!isGood) {
      faultCount += 1;
      if (faults.length < mostFaults) faults.push({ kind: "checkpoint", position: checkpoint.position });
    }
    return isGood;
  });
  const cut = signed.findLast(({ kind }) => kind === "cut");
  let last = { position: cut?.position ?? 0, mac: cut?.mac ?? beginning, isGood: true };
  let nextCheckpoint = signed.findIndex(({ position }) => position > last.position);
  if (nextCheckpoint < 0) nextCheckpoint = signed.length;

  function checkGap(link: Link): void {
    if (link.position === last.position + 1) return;
    const position = last.position + 1;
    const toPosition = link.position - 1;
    if (gaps.length < mostFaults) {
      gaps.push({ position, toPosition, before: last.mac, after: link.previous });
      firstBad = Math.min(firstBad, position);
    } else {
      blameGap({ position, toPosition });
    }
    last = { position: toPosition, mac: link.previous, isGood: false };
  }

  function checkCheckpoints(link: Link, isGood: boolean): void {
    for (; (signed[nextCheckpoint]?.position ?? Number.POSITIVE_INFINITY) <= link.position; nextCheckpoint += 1) {
      const checkpoint = signed[nextCheckpoint];
      if (checkpoint === undefined || checkpoint.position < link.position || !isGood || isSame(checkpoint.mac, link.mac)) continue;
      blame({ kind: "forked", position: link.position, entryId: link.entryId, organisationId: link.organisationId });
    }
  }

  function checkEntry({ link, entry }: LinkedRow, isGood: boolean): void {
    const { position, entryId, organisationId } = link;
    if (entry === undefined) {
      if (isGood && isRetired(link)) retired += 1;
      else blame({ kind: "removed", position, entryId, organisationId });
      return;
    }
    entries += 1;
    const isWritten = isGenuine(macs, entry) && (!isGood || isSame(entry.mac, link.entryMac));
    if (!isWritten) blame({ kind: "edited", position, entryId, organisationId: isGood ? organisationId : entry.organisationId });
  }

  return {
    /** The next link in order of position. What lies before a cut is passed over. */
    link(row: LinkedRow): void {
      const { link } = row;
      if (link.position <= last.position) return;
      checkGap(link);
      const isGood = isSame(macs.link(link), link.mac);
      if (!isGood) {
        firstBad = Math.min(firstBad, link.position);
        if (misfits.length < mostFaults) misfits.push(link);
        else blame({ kind: "relinked", position: link.position, entryId: link.entryId });
      } else if (last.isGood && !isSame(link.previous, last.mac)) {
        blame({ kind: "forked", position: link.position, entryId: link.entryId, organisationId: link.organisationId });
      }
      // A link that does not fit says nothing of an entry that is not there.
      if (isGood || row.entry !== undefined) checkEntry(row, isGood);
      checkCheckpoints(link, isGood);
      last = { position: link.position, mac: link.mac, isGood };
    },

    /** An entry without a link. `isWaiting`: the chain has not come to it yet. `order`: in which it was to be taken up. */
    stray(entry: SealedEntry, isWaiting: boolean, order: bigint): void {
      if (!isGenuine(macs, entry)) {
        blame({ kind: "inserted", entryId: entry.id, organisationId: entry.organisationId });
      } else if (isWaiting) {
        waiting += 1;
      } else if (strays.length < mostFaults) {
        strays.push({ entry, order });
      } else {
        blame({ kind: "unlinked", entryId: entry.id, organisationId: entry.organisationId });
      }
    },

    /** An archive, and whether it is the one that was made. */
    archive(id: string, organisationId: string | null, isWhole: boolean): void {
      if (!isWhole) blame({ kind: "archive", entryId: id, organisationId });
    },

    /** All was told. */
    end(): Verdict {
      const longest = [head, ...signed].reduce((one, other) => (other.position > one.position ? other : one));
      if (longest.position > last.position) {
        gaps.push({ position: last.position + 1, toPosition: longest.position, before: last.mac, after: longest.mac, isEnd: true });
        firstBad = Math.min(firstBad, last.position + 1);
      }
      for (const misfit of misfits) blame(explain(misfit));
      explainGaps();
      faults.sort((a, b) => (a.position ?? Number.POSITIVE_INFINITY) - (b.position ?? Number.POSITIVE_INFINITY));
      return {
        isWhole: faultCount === 0,
        wholeUntil: Math.min(firstBad - 1, last.position),
        head: last.position,
        entries,
        retired,
        waiting,
        checkpoints: signed.length,
        faultCount,
        faults,
      };
    },
  };

  /** Finds the place whose hash a link carries, the place whose entry it names, or the entry that it named before. */
  function explain(link: Link): Fault {
    const { position, entryId, organisationId } = link;
    for (const other of misfits) {
      if (other.position === position) continue;
      const isWholeLink = isSame(macs.link({ ...link, position: other.position }), link.mac);
      const isContent = isSame(macs.link({ ...link, position: other.position, previous: other.previous }), other.mac);
      if (isWholeLink || isContent) return { kind: "moved", position, belongsAt: other.position, entryId, organisationId };
    }
    const gap = gaps.findIndex((one) => isSame(macs.link({ ...link, position: one.position }), link.mac));
    if (gap >= 0) {
      const [filled] = gaps.splice(gap, 1);
      return { kind: "moved", position, belongsAt: filled?.position, entryId, organisationId };
    }
    const owner = strays.findIndex(({ entry }) => isSame(macs.link({ ...link, ...linkOf(entry) }), link.mac));
    const [named] = owner < 0 ? [] : strays.splice(owner, 1);
    return {
      kind: "relinked",
      position,
      entryId: named?.entry.id ?? entryId,
      organisationId: named?.entry.organisationId ?? organisationId,
    };
  }

  /** Entries without links that follow each other belong into the gap whose neighbours fit around them. */
  function explainGaps(): void {
    // In the order in which they were taken up, so that those of one gap stand side by side.
    strays.sort((a, b) => (a.order === b.order ? (a.entry.id < b.entry.id ? -1 : 1) : a.order < b.order ? -1 : 1));
    for (const gap of gaps) {
      const count = gap.toPosition - gap.position + 1;
      const begin = strays.findIndex((_, index) => fits(gap, strays.slice(index, index + count)));
      if (begin < 0) {
        blameGap(gap);
        continue;
      }
      for (const [index, { entry }] of strays.splice(begin, count).entries()) {
        blame({ kind: "unlinked", position: gap.position + index, entryId: entry.id, organisationId: entry.organisationId });
      }
    }
    for (const { entry } of strays) blame({ kind: "unlinked", entryId: entry.id, organisationId: entry.organisationId });
  }

  function fits({ position, toPosition, before, after }: Gap, run: readonly Stray[]): boolean {
    if (run.length !== toPosition - position + 1) return false;
    const end = run.reduce((previous, { entry }, index) => macs.link({ ...linkOf(entry), position: position + index, previous }), before);
    return isSame(end, after);
  }
}

/** Positions without links, with what stands on both sides. */
interface Gap {
  readonly position: number;
  readonly toPosition: number;
  readonly before: Buffer;
  readonly after: Buffer;
  /** Nothing comes after it. */
  readonly isEnd?: boolean;
}

interface Stray {
  readonly entry: SealedEntry;
  readonly order: bigint;
}

function linkOf(entry: SealedEntry) {
  return { entryId: entry.id, organisationId: entry.organisationId, atUs: entry.atUs, entryMac: entry.mac };
}

/** A verdict as one organisation may see it: what is wrong with the chain in full, entries of others as a number. `undefined`: all. */
export function verdictFor({ faults, ...verdict }: Verdict, organisationId: string | undefined): AuditVerdict {
  const mine = faults.filter(
    (fault) => organisationId === undefined || fault.organisationId === undefined || fault.organisationId === organisationId,
  );
  return {
    ...verdict,
    elsewhere: faults.length - mine.length,
    faults: mine.map(({ kind, position, toPosition, belongsAt, entryId }) => ({ kind, position, toPosition, belongsAt, entryId })),
  };
}
