import { setTimeout as sleep } from "node:timers/promises";

import { isAppError } from "@roost/contract/errors";

import type { Link } from "./link.ts";
import { linkErrors } from "./link.ts";
import type { Log } from "./log.ts";
import type { Outbox } from "./outbox.ts";
import type { SpoolRecord } from "./spool.ts";

/** One batch of the backlog: well below what the server takes in a message. */
const batchRecords = 500;
const batchBytes = 96 * 1024;
/** New measurements on their way at once; beyond, they wait for their turn in the backlog. */
const liveLimit = 16;
/** Between two batches of the backlog, at least; other devices have things to tell too. */
const gentlePauseMs = 100;
/** After the server asked for it. */
const refusedPauseMs = 5_000;

/** A record as the topic carries it: its stamp in front. */
export function encodeRecord(record: SpoolRecord): string {
  const rest = record.body.slice(1);
  return `{"timestamp":${record.measuredAtMs}${rest === "}" ? rest : `,${rest}`}`;
}

/**
 * Brings what the outbox holds to the server over one link: what is new goes at once, the backlog after it, oldest first, in batches,
 * one at a time with a pause as long as the server took, so that a long silence does not end in a flood.
 */
export function createSender({
  outbox,
  link,
  topics,
  log,
}: {
  outbox: Outbox;
  link: Link;
  topics: { readonly telemetry: string; readonly event: string };
  log: Log;
}) {
  let [live, closed] = [0, false];
  let wake: (() => void) | undefined;
  void link.closed.then(() => {
    closed = true;
    wake?.();
  });

  /** @returns Milliseconds to wait before the next, or `undefined` when the link is gone. */
  async function send(records: readonly SpoolRecord[]): Promise<number | undefined> {
    const [first] = records;
    if (first === undefined) return 0;
    outbox.sending(records);
    const topic = first.kind === "event" ? topics.event : topics.telemetry;
    const payload = records.length === 1 ? encodeRecord(first) : `[${records.map(encodeRecord).join(",")}]`;
    const startedMs = performance.now();
    try {
      outbox.remove(
        await link.deliver(
          topic,
          payload,
          records.map(({ id }) => id),
        ),
      );
      return Math.max(gentlePauseMs, performance.now() - startedMs);
    } catch (error) {
      if (isAppError(error, linkErrors.message_refused.code) && records.length === 1) {
        log.warn({ kind: first.kind, ...error.details }, "the server refused a record for good; it is removed and counted");
        outbox.refuse(first);
        return gentlePauseMs;
      }
      outbox.unsent(records);
      // One bad record must not hold the others: alone, each shows which it is.
      if (isAppError(error, linkErrors.message_refused.code)) return sendEach(records);
      if (isAppError(error, linkErrors.not_taken.code)) return refusedPauseMs;
      if (isAppError(error, linkErrors.lost.code)) return undefined;
      throw error;
    }
  }

  async function sendEach(records: readonly SpoolRecord[]): Promise<number | undefined> {
    for (const record of records) {
      const pauseMs = await send([record]);
      if (pauseMs === undefined || pauseMs === refusedPauseMs) return pauseMs;
    }
    return gentlePauseMs;
  }

  return {
    /** Sends something new at once, if the way is free. */
    fresh(record: SpoolRecord): void {
      if (closed || live >= liveLimit) {
        wake?.();
        return;
      }
      live += 1;
      void send([record])
        .catch((error: unknown) => log.error({ err: error }, "a record could not be sent"))
        .finally(() => {
          live -= 1;
          wake?.();
        });
    },
    /** Works the backlog off until the link closes. */
    async run(): Promise<void> {
      while (!closed) {
        const records = outbox.next(batchRecords, batchBytes);
        if (records.length === 0) {
          // What failed alone, or was added while the way was full, is found at the next look.
          const woken = new Promise<void>((resolve) => {
            wake = resolve;
          });
          const timer = new AbortController();
          await Promise.race([woken, sleep(5_000, undefined, { signal: timer.signal }).catch(() => undefined)]);
          timer.abort();
          wake = undefined;
          continue;
        }
        const pauseMs = await send(records);
        if (pauseMs === undefined) return;
        if (!closed) await sleep(pauseMs);
      }
    },
  };
}
export type Sender = ReturnType<typeof createSender>;
