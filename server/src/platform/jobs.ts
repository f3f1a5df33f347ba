import { setTimeout as wait } from "node:timers/promises";

import { sql } from "@roost/contract/sql";
import { PgBoss } from "pg-boss";
import type { Job } from "pg-boss";

import { isDatabaseAway } from "./db.ts";
import type { Db } from "./db.ts";
import { withCorrelationId } from "./log.ts";
import type { Log } from "./log.ts";

/** What a run of a job is given. */
export interface JobRun {
  /** Aborts when the program stops, when the run has taken too long, or when another worker took the job over. */
  readonly signal: AbortSignal;
  /** In every line logged during the run. */
  readonly correlationId: string;
}

/** Work by the clock. It may be cut off anywhere and run again: what it does in part must be no harm. */
export interface JobDefinition {
  /** `noun.verb`; stays for ever. */
  readonly name: string;
  /** A run begins in each such span of the database's clock, whatever the number of servers; skipped while one is under way. */
  readonly everySeconds: number;
  run(run: JobRun): Promise<void>;
  /** A run that takes longer is given up and tried again. */
  readonly maxSeconds?: number;
  /** How often a failed run is tried again before the next span. */
  readonly retryLimit?: number;
}

export interface JobsDeps {
  readonly db: Db;
  readonly log: Log;
  readonly jobs: readonly JobDefinition[];
  /** How long a worker that gives no sign of life keeps its job. */
  readonly leaseSeconds?: number;
  readonly pollSeconds?: number;
}

/** Jobs by the clock, one run at a time per job over all servers. */
export interface Jobs {
  start(): Promise<void>;
  /** Asks running jobs to stop, waits for them, then ends. */
  stop(): Promise<void>;
  /** Runs a job now, beside its schedule; resolves when a run that began after the call has ended well. */
  runNow(name: string): Promise<void>;
  /** How runs of this server ended since it started, by job; all of its jobs, also those that never ran. */
  runs(): { job: string; done: number; failed: number }[];
  /** Runs that are not over, on all servers. `waiting`: due and not taken up yet; `retrying`: failed, and to be tried again. */
  open(): Promise<Readonly<Record<"waiting" | "running" | "retrying", number>>>;
}

const schema = "jobs";
const queue = "roost";
const stopWaitMs = 8_000;

interface JobData {
  readonly job: string;
}

/** A job's fate that `runNow` waits for. */
interface Fate {
  readonly state: string;
}

/**
 * Runs jobs on pg-boss: one queue for all, so that waiting costs one small query a poll.
 *
 * A worker renews its lease while it runs, which pg-boss by itself cannot: its limit is the longest run ever expected,
 * so that a killed worker's job would wait that long. Here it runs again some seconds later.
 */
export function createJobs({ db, log, jobs, leaseSeconds = 10, pollSeconds = 2 }: JobsDeps): Jobs {
  const byName = new Map(jobs.map((job) => [job.name, job]));
  const running = new Map<string, { readonly end: AbortController; readonly done: Promise<void> }>();
  const tally = new Map(jobs.map(({ name }) => [name, { done: 0, failed: 0 }]));
  const stopping = new AbortController();
  const nextSendMs = new Map<string, number>();
  let loop: Promise<void> | undefined;
  let wake: () => void = () => undefined;
  let away = false;

  const boss = new PgBoss({
    db: { executeSql: (text, values) => execute(db, text, values) },
    schema,
    schedule: false,
    superviseIntervalSeconds: 5,
    monitorIntervalSeconds: 4,
    maintenanceIntervalSeconds: 600,
  });
  boss.on("error", (error) => complain(error));

  // A database that is away is told once, not with every poll.
  function complain(error: unknown): void {
    if (isDatabaseAway(error)) {
      if (!away) log.warn({ err: error }, "jobs wait for the database");
      away = true;
    } else log.error({ err: error }, "the job queue failed");
  }

  async function sendDue(): Promise<void> {
    const nowMs = performance.now();
    for (const job of jobs) {
      if ((nextSendMs.get(job.name) ?? 0) > nowMs) continue;
      await send(job, job.everySeconds);
      nextSendMs.set(job.name, nowMs + (job.everySeconds * 1_000) / 2);
    }
  }

  // The span is the database's: servers with different clocks agree on it. `null`: this span has its run, or one is under way.
  function send(job: JobDefinition, spanSeconds: number | undefined): Promise<string | null> {
    return boss.send(queue, { job: job.name } satisfies JobData, {
      singletonKey: job.name,
      ...(spanSeconds === undefined ? {} : { singletonSeconds: Math.max(1, Math.round(spanSeconds)) }),
      expireInSeconds: leaseSeconds,
      retryLimit: job.retryLimit ?? 5,
      retryDelay: 2,
      retryBackoff: true,
      retryDelayMax: 60,
      deleteAfterSeconds: 3_600,
    });
  }

  async function renew(id: string): Promise<boolean> {
    const rows = await db.query(
      sql`update jobs.job set started_on = now() where name = ${queue} and id = ${id} and state = 'active' returning 1`,
    );
    return rows.length > 0;
  }

  /** Renews the lease until the run ends; a lease that cannot be renewed ends the run. */
  async function holdLease(id: string, end: AbortController, ended: AbortSignal): Promise<void> {
    let renewedMs = performance.now();
    while (!ended.aborted) {
      await wait((leaseSeconds * 1_000) / 4, undefined, { signal: ended }).catch(() => undefined);
      if (ended.aborted) return;
      try {
        if (!(await renew(id))) return end.abort(new Error("Another worker took the job over."));
        renewedMs = performance.now();
      } catch (error) {
        if (performance.now() - renewedMs > leaseSeconds * 1_000) return end.abort(error);
      }
    }
  }

  function count(job: string, end: "done" | "failed"): void {
    const counted = tally.get(job);
    if (counted !== undefined) counted[end] += 1;
  }

  async function work(job: Job<JobData>): Promise<void> {
    const definition = byName.get(job.data.job);
    if (definition === undefined) {
      // Of a newer or older program on the same database: given back to whoever knows it.
      await boss.fail(queue, job.id, { message: "This server does not know the job." });
      return;
    }
    const end = new AbortController();
    const ended = new AbortController();
    const limit = AbortSignal.timeout((definition.maxSeconds ?? 3_600) * 1_000);
    const startedMs = performance.now();
    const lease = holdLease(job.id, end, ended.signal);
    try {
      await definition.run({ signal: AbortSignal.any([end.signal, stopping.signal, limit]), correlationId: job.id });
      if (limit.aborted) throw new Error("The run took longer than it may.");
      await boss.complete(queue, job.id);
      count(definition.name, "done");
      log.debug({ job: definition.name, durationMs: Math.round(performance.now() - startedMs) }, "job done");
    } catch (error) {
      count(definition.name, "failed");
      log[isDatabaseAway(error) ? "warn" : "error"]({ err: error, job: definition.name }, "a job failed; it is tried again");
      await boss.fail(queue, job.id, { message: error instanceof Error ? error.message : "unknown" }).catch(complain);
    } finally {
      ended.abort();
      await lease;
    }
  }

  async function takeUp(): Promise<void> {
    const free = byName.size - running.size;
    if (free <= 0) return;
    for (const job of await boss.fetch<JobData>(queue, { batchSize: free })) {
      const end = new AbortController();
      const done = withCorrelationId(job.id, () => work(job))
        .catch(complain)
        .finally(() => {
          running.delete(job.id);
          wake();
        });
      running.set(job.id, { end, done });
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await sendDue();
        await takeUp();
        away = false;
      } catch (error) {
        complain(error);
      }
      if (stopping.signal.aborted) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pollSeconds * 1_000);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  return {
    async start() {
      await boss.start();
      await boss.createQueue(queue, { policy: "exclusive" });
      loop = run();
    },
    async stop() {
      stopping.abort();
      wake();
      await loop;
      await Promise.race([Promise.all([...running.values()].map(({ done }) => done)), wait(stopWaitMs, undefined, { ref: false })]);
      await boss.stop({ graceful: false, close: false });
    },
    runs: () => [...tally].map(([job, ends]) => ({ job, ...ends })),
    async open() {
      const rows = await db.query<{ state: string; n: number }>(sql`
        select j.state::text as state, count(*)::int as n from jobs.job j
        where j.name = ${queue} and j.state in ('created', 'active', 'retry') group by j.state`);
      const of = (state: string): number => rows.find((row) => row.state === state)?.n ?? 0;
      return { waiting: of("created"), running: of("active"), retrying: of("retry") };
    },
    async runNow(name) {
      const job = byName.get(name);
      if (job === undefined) throw new RangeError(`No job is called ${name}.`);
      let id: string | null = null;
      while (id === null) {
        id = await send(job, undefined);
        if (id === null) await wait(50);
      }
      for (;;) {
        wake();
        const fate: Fate | null = await boss.getJobById(queue, id);
        if (fate === null || fate.state === "completed") return;
        if (fate.state === "failed" || fate.state === "cancelled") throw new Error("The job failed; the log has the reason.");
        await wait(50);
      }
    },
  };
}

// Some of pg-boss's texts open a transaction. Where one fails in the middle, its connection must not go back into the pool.
async function execute(db: Db, text: string, values: unknown[] | undefined): Promise<{ rows: unknown[] }> {
  const client = await db.pool.connect();
  let broken: Error | undefined;
  try {
    const result = (await client.query(text, values)) as unknown as { rows: unknown[] } | { rows: unknown[] }[];
    return Array.isArray(result) ? { rows: result.flatMap((one) => one.rows) } : result;
  } catch (error) {
    broken = error instanceof Error ? error : new Error("A job statement failed.", { cause: error });
    throw error;
  } finally {
    client.release(broken);
  }
}
