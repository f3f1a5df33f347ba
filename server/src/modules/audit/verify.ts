import { setImmediate } from "node:timers/promises";

import type { Db, Queryable } from "../../platform/db.ts";
import type { Witness } from "./audit-witness.ts";
import { selectCheckpoints, selectHead } from "./chain-store.ts";
import type { Checkpoint, Link } from "./chain-store.ts";
import type { Signer } from "./checkpoint.ts";
import { isSame } from "./mac.ts";
import type { Macs } from "./mac.ts";
import { selectNextArchive } from "./retirement-store.ts";
import { createJudge } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";
import * as store from "./verify-store.ts";

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

const noId = "00000000-0000-0000-0000-000000000000";
const pageRows = 2_000;
/** HMACs in one go before others get a turn. */
const turnRows = 250;

/**
 * Goes through the whole trail in one snapshot, a page at a time, telling how far it is; the verdict comes last.
 *
 * Nothing is written: a writing transaction that is open for long would hold back whoever reads facts in order.
 *
 * @param kept - Checkpoints that somebody kept elsewhere.
 */
export async function* verifyTrail(
  { db, macs, signer, witness }: VerifyDeps,
  kept: readonly Checkpoint[],
): AsyncGenerator<VerifyProgress, Verdict> {
  const client = await db.connect("roost-audit-verify");
  try {
    // Before the snapshot: what was seen by then must be in it.
    const seen = await witness.seen();
    const snapshot: Queryable = {
      query: async (statement) => (await client.query(statement.text, [...statement.values])).rows,
    };
    await client.query("begin isolation level repeatable read read only");
    const head = await selectHead(snapshot);
    const checkpoints = sorted([...(await allCheckpoints(snapshot)), ...(seen === undefined ? [] : [seen]), ...kept]);
    const judge = createJudge({ macs, signer, checkpoints, head, isRetired: await readRetirements(snapshot, macs) });
    const of = await store.countLinks(snapshot);
    let after = 0;
    let checked = 0;
    for (;;) {
      const rows = await store.selectLinkedRows(snapshot, after, pageRows);
      for (const [index, row] of rows.entries()) {
        if (index % turnRows === turnRows - 1) await setImmediate();
        judge.link(row);
      }
      checked += rows.length;
      after = rows.at(-1)?.link.position ?? after;
      if (rows.length < pageRows) break;
      yield { checked, of };
    }
    await store.openStrays(snapshot);
    const taken = { xactId: BigInt(head.xactId), entryId: head.entryId };
    for (;;) {
      const entries = await store.fetchStrays(snapshot);
      if (entries.length === 0) break;
      for (const entry of entries) {
        const xactId = BigInt(entry.xactId);
        judge.stray(entry, xactId > taken.xactId || (xactId === taken.xactId && entry.id > taken.entryId), xactId);
      }
      await setImmediate();
    }
    for (let archive = await selectNextArchive(snapshot, noId); archive !== undefined;) {
      judge.archive(archive.id, archive.organisationId, isSame(macs.archive(archive), archive.mac));
      archive = await selectNextArchive(snapshot, archive.id);
    }
    yield { checked, of };
    return judge.end();
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function allCheckpoints(db: Queryable): Promise<Checkpoint[]> {
  const all: Checkpoint[] = [];
  for (;;) {
    const page = await selectCheckpoints(db, all.at(-1), pageRows);
    all.push(...page);
    if (page.length < pageRows) return all;
  }
}

function sorted(checkpoints: Checkpoint[]): Checkpoint[] {
  return checkpoints.toSorted((a, b) => a.position - b.position);
}

/** Tells of a link whether its entry may be gone because its time was over. */
export async function readRetirements(db: Queryable, macs: Macs): Promise<(link: Link) => boolean> {
  const until = new Map<string | null, bigint>();
  for (const retirement of await store.selectRetirements(db)) {
    if (!isSame(macs.retirement(retirement), retirement.mac)) continue;
    const before = BigInt(retirement.before.getTime()) * 1_000n;
    if (before > (until.get(retirement.organisationId) ?? 0n)) until.set(retirement.organisationId, before);
  }
  return ({ organisationId, atUs }) => BigInt(atUs) < (until.get(organisationId) ?? 0n);
}
