// How fast the audit trail takes entries, beside the same transactions with a plain insert; whether the chain keeps up; how fast verification is.
// node testbed/bench/audit.ts [--seconds 2] [--rounds 3] [--writers 32] [--rows 0]; --rows 1e6 fills up to so many before verifying.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { sql } from "@roost/contract/sql";

import { openCluster } from "./store.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    rounds: { type: "string", default: "3" },
    writers: { type: "string", default: "32" },
    rows: { type: "string", default: "0" },
  },
});
const seconds = Number(options.seconds);
const rounds = Number(options.rounds);
const writers = Number(options.writers);
const rows = Number(options.rows);
const bar = 5_000;

const load = async <Module>(path: string) => (await import(new URL(`../../server/src/${path}`, import.meta.url).href)) as Module;

interface Queryable {
  query<Row extends object>(statement: object): Promise<Row[]>;
}
interface Db extends Queryable {
  transaction<Result>(work: (tx: Queryable) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}
interface Audit {
  record(tx: Queryable, entry: object): Promise<void>;
  start(): Promise<void>;
  settle(): Promise<void>;
  close(): Promise<void>;
  verify(): AsyncGenerator<unknown, { isWhole: boolean; head: number; entries: number }>;
}

const { createDb } = await load<{ createDb: (options: object) => Db }>("platform/db.ts");
const { createLog } = await load<{ createLog: (options: object) => object }>("platform/log.ts");
const { systemClock } = await load<{ systemClock: object }>("platform/clock.ts");
const { createAudit } = await load<{ createAudit: (deps: object) => Audit }>("modules/audit/audit.ts");

const cluster = await openCluster();
const store = await cluster.openStore("audit");
const connection = {
  host: store.client.host,
  port: store.client.port,
  user: store.client.user ?? "roost",
  database: store.client.database ?? "audit",
};
const log = createLog({ level: "warn", pretty: false });
const db = createDb({ connection, log, maxConnections: writers, statementTimeoutMs: 60_000 });
const audit = createAudit({ db, clock: systemClock, log, key: Buffer.alloc(32, 9) });

const organisations = Array.from({ length: 20 }, () => crypto.randomUUID());
const entry = (index: number) => ({
  organisationId: organisations[index % organisations.length],
  by: {
    kind: "person",
    id: `p${index % 50}`,
    name: `person${index % 50}@example.org`,
    remoteAddress: "192.0.2.7",
    userAgent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/144.0",
    correlationId: `c${index}`,
  },
  action: "alarm_rule.changed",
  object: { kind: "alarm_rule", id: `r${index % 1_000}`, name: "Too hot" },
  before: { max: 30, min: 5, severity: "warning", enabled: true },
  after: { max: index, min: 5, severity: "warning", enabled: true },
});

/** Microseconds of CPU that this process and all of the database's have used so far: they tell the cost, however busy the machine is. */
async function cpuUs(): Promise<number> {
  const pids = await db.query<{ pid: number }>(sql`select a.pid from pg_stat_activity a`);
  const ofDatabase = pids.map(({ pid }) => {
    const [, ticks] = /^.*\) (?:\S+ ){11}(\d+ \d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    const [user = 0, system = 0] = (ticks ?? "").split(" ").map(Number);
    return (user + system) * 10_000;
  });
  const own = process.cpuUsage();
  return own.user + own.system + ofDatabase.reduce((sum, us) => sum + us, 0);
}

interface Rate {
  readonly perSecond: number;
  readonly cpuUsPerRow: number;
}

/** Rows per second of transactions that run side by side; what they write counts once it is committed, chained where it is to be. */
async function rateOf(work: (tx: Queryable) => Promise<number>, settle: () => Promise<void>): Promise<Rate> {
  const cpuBegun = await cpuUs();
  const begun = performance.now();
  const endAt = begun + seconds * 1_000;
  let written = 0;
  await Promise.all(
    Array.from({ length: writers }, async () => {
      while (performance.now() < endAt) {
        const count = await db.transaction(work);
        written += count;
      }
    }),
  );
  await settle();
  const tookMs = performance.now() - begun;
  return { perSecond: written / (tookMs / 1_000), cpuUsPerRow: ((await cpuUs()) - cpuBegun) / written };
}

let made = 0;
const record = (count: number) => async (tx: Queryable) => {
  for (let index = 0; index < count; index += 1) await audit.record(tx, entry((made += 1)));
  return count;
};
const plain = async (tx: Queryable) => {
  await tx.query(sql`insert into plain_rows (id, body) values (${crypto.randomUUID()}, ${"x".repeat(200)})`);
  return 1;
};
const nothing = async () => undefined;
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

try {
  await db.query(sql`create table plain_rows (id uuid primary key, body text)`);
  const chain = () => audit.settle();
  const ways: readonly (readonly [name: string, work: (tx: Queryable) => Promise<number>, settle: () => Promise<void>])[] = [
    ["a plain insert per transaction, for comparison", plain, nothing],
    ["one entry per transaction, chained meanwhile, to the last link", record(1), chain],
    ["five entries per transaction, chained meanwhile", record(5), chain],
  ];
  await audit.start();
  await rateOf(record(1), chain);
  const rates = ways.map((): Rate[] => []);
  for (let round = 0; round < rounds; round += 1)
    for (const [index, [, work, settle]] of ways.entries()) rates[index]?.push(await rateOf(work, settle));
  const perSecond = rates.map((of) => median(of.map((rate) => rate.perSecond)));
  for (const [index, [name]] of ways.entries()) {
    const rate = perSecond[index] ?? Number.NaN;
    const cpu = median((rates[index] ?? []).map((one) => one.cpuUsPerRow));
    const ratio =
      index === 0 ? "" : `, ${(rate / bar).toFixed(2)}x of the bar, ${(rate / (perSecond[0] ?? Number.NaN)).toFixed(2)}x of plain`;
    process.stdout.write(
      `${name.padEnd(64)} ${Math.round(rate).toLocaleString("en")} rows/s${ratio}; ${Math.round(cpu)} us of CPU a row, so two cores give ${Math.round(2e6 / cpu).toLocaleString("en")} rows/s\n`,
    );
  }

  const [have] = await db.query<{ count: number }>(sql`select count(*)::int as count from audit_entries`);
  for (let left = rows - (have?.count ?? 0); left > 0; left -= 4_000) {
    await Promise.all(Array.from({ length: 4 }, () => db.transaction(record(1_000))));
    if (left % 40_000 < 4_000) await audit.settle();
  }
  await audit.settle();
  const beforeMb = process.memoryUsage.rss() / 1_048_576;
  const begun = performance.now();
  const walk = audit.verify();
  let peakMb = 0;
  for (;;) {
    const step = await walk.next();
    peakMb = Math.max(peakMb, process.memoryUsage.rss() / 1_048_576);
    if (step.done !== true) continue;
    const tookSeconds = (performance.now() - begun) / 1_000;
    process.stdout.write(
      `verification of ${step.value.head.toLocaleString("en")} entries: ${tookSeconds.toFixed(1)} s, ` +
        `${Math.round(step.value.head / tookSeconds).toLocaleString("en")} rows/s, whole: ${step.value.isWhole}, ${Math.round(beforeMb)} MB resident before, at most ${Math.round(peakMb)} during\n`,
    );
    break;
  }
} finally {
  await audit.close();
  await db.close();
  await store.close();
  await cluster.close();
}
