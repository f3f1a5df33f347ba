import { setTimeout as wait } from "node:timers/promises";

import { identifier, sql } from "@roost/contract/sql";
import type pg from "pg";

import type { Db, Queryable } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import { compactSlice, countValuesByDevice, selectSpentSegments, selectWaitingSegments } from "./chunk-store.ts";
import type { WaitingSegment } from "./chunk-store.ts";
import { indexSegment, segmentTable } from "./segment-store.ts";

export interface CompactionDeps {
  readonly db: Db;
  readonly log: Log;
  /** About how many values one transaction moves. */
  readonly sliceValues?: number;
  /** Segments are compacted before their hour is over once so many rows wait. */
  readonly dueRows?: number;
  /** How long a compacted partition stays: streams that were cut read from it what they missed. */
  readonly keepPartitionSeconds?: number;
}

/** What a run did. */
export interface CompactionReport {
  readonly segments: number;
  readonly values: number;
  readonly dropped: number;
}

/** With so many rows waiting, being done matters more than leaving time to others. */
const hurryRows = 20_000_000;
// Any number will do, as long as it stays.
const dropLockKey = 7_266_779;

/** Moves closed segments into chunks, slice by slice, and drops their partitions later. Any number of servers may run it at once. */
export function createCompaction({ db, log, sliceValues = 200_000, dueRows = 1_000_000, keepPartitionSeconds = 600 }: CompactionDeps) {
  async function withConnection<Result>(work: (client: pg.Client, queryable: Queryable) => Promise<Result>): Promise<Result> {
    // Outside the pool, whose time limit is for people who wait.
    const client = await db.connect("roost-compaction");
    try {
      return await work(client, { query: async (statement) => (await client.query(statement.text, [...statement.values])).rows });
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async function inTransaction<Result>(client: pg.Client, work: () => Promise<Result>): Promise<Result> {
    await client.query("begin");
    try {
      const result = await work();
      await client.query("commit");
      return result;
    } catch (caught) {
      await client.query("rollback").catch(() => undefined);
      throw caught;
    }
  }

  async function compactBatch(batch: readonly WaitingSegment[], hurry: boolean, signal: AbortSignal | undefined): Promise<number> {
    const segmentIds = batch.map((segment) => segment.id);
    let fromDeviceKey = batch[0]?.compactedBelow ?? 0;
    for (const segment of batch) if (!segment.indexed) await indexSegment(db, segment.id);
    return withConnection(async (client, queryable) => {
      const devices = await countValuesByDevice(queryable, segmentIds, fromDeviceKey);
      let values = 0;
      for (const slice of slicesOf(devices, sliceValues)) {
        if (signal?.aborted === true) return values;
        const startedMs = performance.now();
        const done = await inTransaction(client, () =>
          compactSlice(queryable, { segmentIds, fromDeviceKey, toDeviceKey: slice.toDeviceKey }),
        );
        if (!done) {
          log.info({ segmentIds }, "another server compacts these segments");
          return values;
        }
        values += slice.values;
        fromDeviceKey = slice.toDeviceKey ?? fromDeviceKey;
        // Half of a core's time for those who send and ask, while there is no hurry.
        if (!hurry) await wait(Math.min(5_000, performance.now() - startedMs), undefined, { signal }).catch(() => undefined);
      }
      return values;
    });
  }

  async function dropSpent(signal: AbortSignal | undefined): Promise<number> {
    if ((await selectSpentSegments(db, keepPartitionSeconds)).length === 0) return 0;
    return withConnection(async (client, queryable) => {
      // One server at a time; the lock ends with the connection.
      const [lock] = await queryable.query<{ held: boolean }>(sql`select pg_try_advisory_lock(${dropLockKey}) as held`);
      if (lock?.held !== true) return 0;
      await client.query("set statement_timeout = '20s'");
      let dropped = 0;
      for (const segment of await selectSpentSegments(queryable, keepPartitionSeconds)) {
        if (signal?.aborted === true) break;
        const table = identifier(segmentTable(segment.id));
        // Dropping an attached partition would lock everybody out of the parent; detaching this way waits for readers instead.
        if (segment.attached) await queryable.query(sql`alter table hot_samples detach partition ${table} concurrently`);
        else if (segment.detaching) await queryable.query(sql`alter table hot_samples detach partition ${table} finalize`);
        await queryable.query(sql`drop table if exists ${table}`);
        await queryable.query(sql`delete from hot_segments s where s.id = ${segment.id}`);
        dropped += 1;
      }
      return dropped;
    });
  }

  return {
    /**
     * Compacts what is due and drops what was compacted long enough ago.
     *
     * @param options.force - Compacts every closed segment, due or not.
     */
    async run(options: { readonly signal?: AbortSignal; readonly force?: boolean } = {}): Promise<CompactionReport> {
      let segments = 0;
      let values = 0;
      for (;;) {
        if (options.signal?.aborted === true) break;
        const waiting = await selectWaitingSegments(db);
        const batch = nextBatch(waiting, dueRows, options.force === true);
        if (batch.length === 0) break;
        const hurry = options.force === true || waiting.reduce((sum, segment) => sum + segment.rows, 0) > hurryRows;
        const moved = await compactBatch(batch, hurry, options.signal);
        values += moved;
        segments += batch.length;
      }
      const dropped = await dropSpent(options.signal);
      if (segments > 0) log.info({ segments, values, dropped }, "telemetry compacted");
      return { segments, values, dropped };
    },
  };
}

/** The segments to compact together: those begun already first, else all that are due. */
export function nextBatch(waiting: readonly WaitingSegment[], dueRows: number, force: boolean): WaitingSegment[] {
  const begun = Math.max(0, ...waiting.map((segment) => segment.compactedBelow));
  if (begun > 0) return waiting.filter((segment) => segment.compactedBelow === begun);
  const rows = waiting.reduce((sum, segment) => sum + segment.rows, 0);
  if (force || rows >= dueRows) return [...waiting];
  return waiting.filter((segment) => segment.hourOver);
}

/** Cuts devices, in the order of their keys, into slices of about so many values; the last one goes to the end. */
export function slicesOf(
  devices: readonly { readonly deviceKey: number; readonly n: number }[],
  sliceValues: number,
): { toDeviceKey: number | undefined; values: number }[] {
  const slices: { toDeviceKey: number | undefined; values: number }[] = [];
  let values = 0;
  for (const { deviceKey, n } of devices) {
    if (values > 0 && values + n > sliceValues) {
      slices.push({ toDeviceKey: deviceKey, values });
      values = 0;
    }
    values += n;
  }
  return [...slices, { toDeviceKey: undefined, values }];
}
