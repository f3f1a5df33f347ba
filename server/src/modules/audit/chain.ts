import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import { readableBelow } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import type { Witness } from "./audit-witness.ts";
import * as store from "./chain-store.ts";
import type { ChainHead, Checkpoint, Link } from "./chain-store.ts";
import type { Signer } from "./checkpoint.ts";
import { isGenuine } from "./mac.ts";
import type { Macs } from "./mac.ts";

export interface ChainDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly macs: Macs;
  readonly signer: Signer;
  readonly witness: Witness;
}

const batchRows = 2_000;
/** What is tried at least, where the database is too slow for more. */
const leastRows = 100;
/** How long an entry waits for its link at most, with nothing in the way. */
const pollMs = 500;
const retryMs = 2_000;
/** A checkpoint is written after so many links, or so long after the last one when there are new links. */
const checkpointLinks = 10_000;
const checkpointMs = 300_000;

/**
 * Takes entries up into the chain, some time after they were written: the change itself waits for nobody. One server at a time, by the lock
 * on the chain's row; any number may try.
 */
export function createChain({ db, clock, log, macs, signer, witness }: ChainDeps) {
  let closed = false;
  let limit = batchRows;
  let wake: () => void = () => undefined;
  let loop: Promise<void> | undefined;

  function link(head: ChainHead, waiting: Awaited<ReturnType<typeof store.selectWaiting>>): { links: Link[]; head: ChainHead } {
    const links: Link[] = [];
    let { position, mac } = head;
    for (const entry of waiting) {
      if (entry.isLinked) continue;
      if (!isGenuine(macs, entry)) {
        // Left out of the chain: verification names it.
        log.error({ entryId: entry.id }, "an audit entry was not written by this installation, or was altered since");
        continue;
      }
      position += 1;
      const parts = {
        position,
        entryId: entry.id,
        organisationId: entry.organisationId,
        atUs: entry.atUs,
        entryMac: entry.mac,
        previous: mac,
      };
      mac = macs.link(parts);
      links.push({ ...parts, mac });
    }
    const last = waiting.at(-1);
    return { links, head: { position, mac, xactId: last?.xactId ?? head.xactId, entryId: last?.id ?? head.entryId } };
  }

  function isDue(last: Checkpoint | undefined, position: number): boolean {
    if (position === (last?.position ?? 0)) return false;
    return last === undefined || position - last.position >= checkpointLinks || clock.nowMs() - last.at.getTime() >= checkpointMs;
  }

  /** Takes up one batch; answers how many rows it saw, `undefined` where another server is at it. */
  async function takeUp(): Promise<number | undefined> {
    const below = await readableBelow(db);
    const idle = await store.selectIdle(db, below);
    if (!idle.isWaiting && !isDue(idle.lastCheckpoint, idle.position)) return 0;
    const done = await db.transaction(async (tx) => {
      const head = await store.lockHead(tx);
      if (head === undefined) return undefined;
      const waiting = await store.selectWaiting(tx, { after: head, below, limit });
      const next = link(head, waiting);
      await store.insertLinks(tx, next.links);
      if (waiting.length > 0) await store.moveHead(tx, next.head);
      const signed = signer.sign({ kind: "head", position: next.head.position, mac: next.head.mac, at: new Date(clock.nowMs()) });
      if (isDue(await store.selectLastCheckpoint(tx), next.head.position)) await store.insertCheckpoint(tx, signed);
      return { seen: waiting.length, signed };
    });
    if (done !== undefined && done.signed.position > 0) await witness.see(done.signed);
    return done?.seen;
  }

  async function adoptRestored(): Promise<void> {
    if (!(await store.isFromElsewhere(db))) return;
    const below = await readableBelow(db);
    await db.transaction(async (tx) => {
      if ((await store.lockHead(tx)) !== undefined) await store.adopt(tx, below);
    });
    log.warn({}, "the audit trail comes from another database cluster; entries that waited there are taken up here");
  }

  async function run(): Promise<void> {
    while (!closed) {
      let waitMs = pollMs;
      try {
        const tried = limit;
        const seen = await takeUp();
        limit = Math.min(batchRows, limit * 2);
        if (seen === tried) continue;
      } catch (error) {
        if (closed) return;
        limit = Math.max(leastRows, Math.floor(limit / 2));
        log.warn({ err: error }, "chaining audit entries failed; they wait and it is tried again");
        waitMs = retryMs;
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (closed) wake();
      });
    }
  }

  return {
    async start(): Promise<void> {
      await adoptRestored();
      loop = run();
    },
    /** Takes up all that was committed before the call, here or by another server. */
    async settle(): Promise<void> {
      const begun = BigInt(await store.selectNextXactId(db));
      for (;;) {
        const below = BigInt(await readableBelow(db));
        const seen = await takeUp();
        if (closed || (seen === 0 && below >= begun)) return;
        if (seen === 0 || seen === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    async close(): Promise<void> {
      closed = true;
      wake();
      await loop;
    },
  };
}
