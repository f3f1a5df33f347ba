// How fast the audit trail takes entries, each in a transaction of its own, with the chain keeping up; how fast verification reads them.
// node testbed/bench/audit.ts [--seconds 8] [--writers 32] [--rows 0]; --rows 1e6 fills up to so many before verifying.
import { parseArgs } from "node:util";

import { openCluster } from "./store.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "8" },
    writers: { type: "string", default: "32" },
    rows: { type: "string", default: "0" },
  },
});
const seconds = Number(options.seconds);
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
const { sql } = await load<{ sql: (strings: TemplateStringsArray, ...parts: unknown[]) => object }>("platform/sql.ts");

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

async function run(perTransaction: number, isChained: boolean): Promise<number> {
  if (isChained) await audit.start();
  const endAt = performance.now() + seconds * 1_000;
  const begun = performance.now();
  let written = 0;
  await Promise.all(
    Array.from({ length: writers }, async () => {
      while (performance.now() < endAt) {
        await db.transaction(async (tx) => {
          for (let index = 0; index < perTransaction; index += 1) await audit.record(tx, entry((written += 1)));
        });
      }
    }),
  );
  if (isChained) await audit.settle();
  return written / ((performance.now() - begun) / 1_000);
}

try {
  await run(1, false);
  const alone = await run(1, false);
  await audit.settle();
  const chained = await run(1, true);
  const packed = await run(5, true);
  await audit.close();
  const say = (name: string, rate: number) =>
    process.stdout.write(`${name.padEnd(62)} ${Math.round(rate).toLocaleString("en")} rows/s  ${(rate / bar).toFixed(2)}x of the bar\n`);
  say("one entry per transaction, chained later", alone);
  say("one entry per transaction, chained meanwhile, to the last link", chained);
  say("five entries per transaction, chained meanwhile", packed);

  const [have] = await db.query<{ count: number }>(sql`select count(*)::int as count from audit_entries`);
  for (let left = rows - (have?.count ?? 0), made = 0; left > made;) {
    await db.transaction(async (tx) => {
      for (let index = 0; index < 1_000; index += 1) await audit.record(tx, entry((made += 1)));
    });
    if (made % 50_000 === 0) await audit.settle();
  }
  await audit.settle();
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
        `${Math.round(step.value.head / tookSeconds).toLocaleString("en")} rows/s, whole: ${step.value.isWhole}, at most ${Math.round(peakMb)} MB resident\n`,
    );
    break;
  }
} finally {
  await db.close();
  await store.close();
  await cluster.close();
}
