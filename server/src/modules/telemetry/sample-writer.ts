import { setTimeout as wait } from "node:timers/promises";

import type { Clock } from "../../platform/clock.ts";
import { isDatabaseAway } from "../../platform/db.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import { receiptOfCommit } from "../../platform/receipt.ts";
import type { CommitReceipt } from "../../platform/receipt.ts";
import { copyIn } from "./sample-copy.ts";
import { findNewestInstants, findStoredSamples } from "./sample-lookup.ts";
import type { NewestSample, SampleKey, StoredSample } from "./sample-lookup.ts";
import { sampleColumns } from "./sample-rows.ts";
import type { SampleRows } from "./sample-rows.ts";
import { createSampleSession } from "./sample-session.ts";
import type { SampleSession } from "./sample-session.ts";
import {
  closeSegments,
  findLastBatch,
  indexSegment,
  listHotSegments,
  lockSegment,
  openSegment,
  segmentClosedState,
} from "./segment-store.ts";
import type { OpenSegment } from "./segment-store.ts";

export type { SampleKey, StoredSample } from "./sample-lookup.ts";
export { SampleRows, rowTemplate } from "./sample-rows.ts";
export type { RowTemplate } from "./sample-rows.ts";

export interface SampleWriterDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a segment that has rows stays open. */
  readonly closeAfterSeconds: number;
  readonly closeAfterRows?: number;
}

/** A batch's end. */
export interface CommittedBatch {
  readonly receipt: CommitReceipt;
  /** Indexes of rows that the database refuses for what they carry, ascending; nearly always empty. */
  readonly refusedRows: readonly number[];
}

/**
 * What a batch writes beside its samples, in the same transaction; run again when the batch is.
 *
 * @param careful - The batch was refused for something it carries: write each fact in a savepoint of its own and leave out what fails.
 */
export type Companion = (tx: Transaction, careful: boolean) => Promise<void>;

interface Attempt {
  readonly segmentId: number;
  readonly batch: number;
  refusedRows: readonly number[];
}

const firstRetryMs = 50;
const longestRetryMs = 500;
const checkSegmentMs = 1_000;
const closePatienceMs = 2_000;
const zombieWaitMs = 100;
const zombieTries = 30;
const mostRowsToRead = 100_000;

/**
 * The write side of the telemetry store: one writer per process, one batch at a time.
 *
 * Nothing here gives up while the database is away: calls wait and try again until {@link close}, without a time limit,
 * because whoever calls keeps what is not acknowledged and stops reading when that is too much.
 */
export function createSampleWriter({ db, clock, log, closeAfterSeconds, closeAfterRows = 2_000_000 }: SampleWriterDeps) {
  const session = createSampleSession({ db, log });
  const closing = new AbortController();
  let segment: (OpenSegment & { readonly openedMonotonicMs: number; readonly hour: number; rows: number; lastBatch: number }) | undefined;
  let lastSession: SampleSession | undefined;
  let isFirstSegment = true;
  let indexing: Promise<void> = Promise.resolve();
  let turn: Promise<unknown> = Promise.resolve();

  /** One thing at a time on the connection; with `persist`, tried again until it succeeds or the writer is closed. */
  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = turn.then(() => persist(work));
    turn = mine.catch(() => undefined);
    return mine;
  }

  async function persist<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let retryMs = firstRetryMs; ; retryMs = Math.min(retryMs * 2, longestRetryMs)) {
      if (closing.signal.aborted) throw new Error("The writer is closed.");
      try {
        return await work();
      } catch (error) {
        if (closing.signal.aborted) throw error;
        const away = isDatabaseAway(error);
        log[away ? "warn" : "error"]({ err: error }, "writing telemetry failed; it is tried again");
        session.drop();
        // A fault of another kind may lie in the segment, such as a table that somebody dropped.
        if (!away) segment = undefined;
        await wait(retryMs, undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
  }

  /** The connection; after a new one was made, the segment is kept only if its lock can be taken again. */
  async function connected(): Promise<SampleSession> {
    const open = await session.open();
    if (open === lastSession) return open;
    if (segment !== undefined && !(await lockSegment(open, segment.id))) segment = undefined;
    lastSession = open;
    return open;
  }

  async function currentSegment(open: SampleSession, mostRows = closeAfterRows) {
    if (segment !== undefined && segment.rows <= mostRows && !segmentIsFull()) return segment;
    const opened = await open.transaction(openSegment);
    // A backend that outlived the last server ends within moments; another server's does not, and keeps its segment.
    let others = await open.transaction((tx) => closeSegments(tx, { own: segment?.id, except: opened.id }));
    for (let tries = 0; others > 0 && isFirstSegment && tries < zombieTries; tries += 1) {
      await wait(zombieWaitMs);
      others = await open.transaction((tx) => closeSegments(tx, { own: undefined, except: opened.id }));
    }
    isFirstSegment = false;
    segment = { ...opened, openedMonotonicMs: clock.monotonicMs(), hour: wallHour(), rows: 0, lastBatch: 0 };
    log.debug({ segmentId: opened.id, others }, "a segment of hot samples was opened");
    scheduleIndexing();
    return segment;
  }

  // Segments end with the hour, so that compaction writes each hour once.
  const wallHour = () => Math.floor(clock.nowMs() / 3_600_000);

  function segmentIsFull(): boolean {
    if (segment === undefined || segment.rows === 0) return false;
    if (segment.hour !== wallHour()) return true;
    return segment.rows >= closeAfterRows || clock.monotonicMs() - segment.openedMonotonicMs >= closeAfterSeconds * 1_000;
  }

  function scheduleIndexing(): void {
    indexing = indexing.then(async () => {
      try {
        for (const one of await listHotSegments(db)) {
          if (one.closed && !one.indexed && !closing.signal.aborted) await indexSegment(db, one.id);
        }
      } catch (error) {
        log.warn({ err: error }, "a closed segment could not be indexed; it is tried again with the next one");
      }
    });
  }

  /** Writes a batch; after a failure of any kind the database itself is asked whether it was committed, before it is sent again. */
  async function write(rows: SampleRows, companion: Companion | undefined): Promise<CommittedBatch> {
    let attempt: Attempt | undefined;
    let careful = false;
    return persist(async () => {
      for (;;) {
        const open = await connected();
        if (attempt !== undefined) {
          await open.rollback();
          const last = await findLastBatch(open, attempt.segmentId);
          const wasCommitted = last !== undefined && last >= attempt.batch;
          log.info({ ...attempt, wasCommitted }, "a batch failed or its answer was lost; its outcome has been found");
          if (wasCommitted) return committed(rows, attempt);
          attempt = undefined;
        }
        const into = await currentSegment(open);
        into.lastBatch += 1;
        attempt = { segmentId: into.id, batch: into.lastBatch, refusedRows: [] };
        try {
          if (careful) await writeCarefully(open, attempt, rows, companion);
          else await writeAtOnce(open, attempt, rows, companion);
          into.rows += rows.count;
          return committed(rows, attempt);
        } catch (error) {
          if (stateOf(error) === segmentClosedState) segment = undefined;
          else if (isDataFault(error) && !careful) careful = true;
          else throw error;
          log.warn({ err: error, ...attempt }, "a batch was refused; it is written again in another way");
        }
      }
    });
  }

  function committed(rows: SampleRows, attempt: Attempt): CommittedBatch {
    log.debug({ segmentId: attempt.segmentId, batch: attempt.batch, rows: rows.count }, "a batch was committed");
    return { receipt: receiptOfCommit(clock.nowMs()), refusedRows: attempt.refusedRows };
  }

  let isClosingSegment = false;
  const timer = setInterval(() => {
    if (isClosingSegment || !segmentIsFull()) return;
    isClosingSegment = true;
    inTurn(async () => currentSegment(await connected()))
      .catch(() => undefined)
      .finally(() => {
        isClosingSegment = false;
      });
  }, checkSegmentMs);
  timer.unref();

  return {
    /**
     * Commits a batch durably and exactly once, whatever happens to the connection or the server meanwhile.
     * Resolves when it is committed; rejects only after {@link close}.
     */
    commit: (rows: SampleRows, companion: Companion | undefined): Promise<CommittedBatch> => {
      const mine = turn.then(() => write(rows, companion));
      turn = mine.catch(() => undefined);
      return mine;
    },

    /**
     * For each device the newest of what is stored; without samples it is absent.
     *
     * @param own - Also of the open segment, whose rows are all this writer's: it has no index, and whoever writes knows what it wrote.
     */
    findNewest: (deviceKeys: readonly number[], own = false): Promise<Map<number, NewestSample>> =>
      inTurn(async () => {
        const open = await connected();
        const { id } = await currentSegment(open);
        const segments = await listHotSegments(open);
        return findNewestInstants(open, own ? segments : segments.filter((one) => one.id !== id), deviceKeys);
      }),

    /** Exact look-up: what is stored under each (device, instant) or (device, seq). */
    findStored: (keys: readonly SampleKey[]): Promise<StoredSample[]> =>
      inTurn(async () => {
        const open = await connected();
        // The open segment has no index and is read whole: one that has grown is closed, and gets its index, before it costs every look-up.
        await currentSegment(open, Math.min(closeAfterRows, mostRowsToRead));
        return findStoredSamples(open, await listHotSegments(open), keys);
      }),

    /** Ends the connection; what waits is given up. Call it after the last batch is committed. */
    async close(): Promise<void> {
      clearInterval(timer);
      closing.abort();
      // A database that stands still would keep us here for ever.
      await Promise.race([Promise.all([turn, indexing]).then(() => session.close()), wait(closePatienceMs, undefined, { ref: false })]);
      session.drop();
      await turn;
    },
  };
}

export type SampleWriter = ReturnType<typeof createSampleWriter>;

function copyText(attempt: Attempt, table: string): string {
  return `select begin_segment_batch(${attempt.segmentId}, ${attempt.batch}); copy ${table} (${sampleColumns}) from stdin (format binary)`;
}

function tableOf(attempt: Attempt): string {
  return `hot_samples_s${attempt.segmentId}`;
}

async function writeAtOnce(open: SampleSession, attempt: Attempt, rows: SampleRows, companion: Companion | undefined): Promise<void> {
  const text = copyText(attempt, tableOf(attempt));
  if (companion === undefined) {
    // One round trip. The tag is looked at: a COMMIT of a transaction that failed answers ROLLBACK, and no error.
    const tags = await copyIn(open.client, `begin; ${text}; commit`, rows.seal(attempt.segmentId));
    if (tags.at(-1) !== "COMMIT") throw new Error("A batch ended without a commit.");
    return;
  }
  if (rows.count > 0) await copyIn(open.client, `begin; ${text}`, rows.seal(attempt.segmentId));
  else await open.client.query(`begin; select begin_segment_batch(${attempt.segmentId}, ${attempt.batch})`);
  await companion(open.tx, false);
  await open.commit();
}

/** Finds the rows that the database refuses, by halves, and commits all others. */
async function writeCarefully(open: SampleSession, attempt: Attempt, rows: SampleRows, companion: Companion | undefined): Promise<void> {
  const refused: number[] = [];
  const copy = `copy ${tableOf(attempt)} (${sampleColumns}) from stdin (format binary)`;
  async function copyRange(from: number, to: number): Promise<void> {
    if (from >= to) return;
    await open.client.query("savepoint part");
    try {
      await copyIn(open.client, copy, rows.sealRange(attempt.segmentId, from, to));
      await open.client.query("release savepoint part");
    } catch (error) {
      if (!isDataFault(error)) throw error;
      await open.client.query("rollback to savepoint part; release savepoint part");
      if (to - from === 1) {
        refused.push(from);
        return;
      }
      const middle = (from + to) >> 1;
      await copyRange(from, middle);
      await copyRange(middle, to);
    }
  }
  await open.client.query(`begin; select begin_segment_batch(${attempt.segmentId}, ${attempt.batch})`);
  await copyRange(0, rows.count);
  await companion?.(open.tx, true);
  attempt.refusedRows = refused;
  await open.commit();
}

function stateOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** Says whether the database refused what was sent for what it is: data exceptions and broken constraints. */
function isDataFault(error: unknown): boolean {
  return /^(?:22|23)...$/.test(stateOf(error) ?? "");
}
