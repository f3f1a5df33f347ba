// How long charts take, with more and more values stored: 30 days of 10 s data to at most 1,000 points and its neighbours.
// node testbed/bench/query.ts [--sizes 1e6,1e7,1e8] [--rounds 200] [--as people|platform]; 1e8 takes some minutes and 1 GB.
// As people ask, row-level security holds; the platform asks without.
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";

import { addDevices, benchOrganisation, openCluster, quantile } from "./store.ts";
import type { StoreUnderTest } from "./store.ts";

const { values: options } = parseArgs({
  options: {
    sizes: { type: "string", default: "1e6,1e7" },
    rounds: { type: "string", default: "200" },
    as: { type: "string", default: "people" },
  },
});
const sizes = options.sizes.split(",").map(Number);
const rounds = Number(options.rounds);
const warmUpRounds = 20;

const metrics = ["temperature", "humidity", "co2", "pressure"];
const days = 30;
const begin = Date.UTC(2026, 0, 1);
const end = begin + days * 86_400_000;
const valuesPerDevice = days * 8_640 * metrics.length;
const templates = 4;
/** Messages that are not compacted yet: five minutes of 200 devices at one a second. */
const hotMessages = 60_000;

interface Question {
  readonly name: string;
  readonly rangeMs: number;
  /** How far before the end the range may end. */
  readonly shiftMs: number;
  readonly resolutionSeconds?: number;
  readonly zone?: string;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const questions: readonly Question[] = [
  { name: "30 days to 1,000 points (the bar: p95 <= 20 ms, <= 1.3x)", rangeMs: days * dayMs, shiftMs: 0 },
  { name: "30 days by days, Europe/Berlin", rangeMs: days * dayMs, shiftMs: 0, resolutionSeconds: 86_400, zone: "Europe/Berlin" },
  {
    name: "30 days by days, Asia/Kolkata (half-hour zone)",
    rangeMs: days * dayMs,
    shiftMs: 0,
    resolutionSeconds: 86_400,
    zone: "Asia/Kolkata",
  },
  { name: "7 days to 1,000 points", rangeMs: 7 * dayMs, shiftMs: 20 * dayMs },
  { name: "24 hours to 1,000 points", rangeMs: dayMs, shiftMs: 28 * dayMs },
  { name: "1 hour, raw", rangeMs: hourMs, shiftMs: 28 * dayMs },
];

interface Candidate extends StoreUnderTest {
  readonly size: number;
  readonly devices: number;
  readonly stored: number;
  readonly times: Map<string, number[]>;
  /** Milliseconds of processor time per question, of this process and of PostgreSQL: what a quiet machine would need. */
  readonly cpuMs: Map<string, number>;
}

const cluster = await openCluster();
const candidates: Candidate[] = [];
for (const size of sizes) candidates.push(await build(size));

// Round by round one query of each size, so that whatever else the machine does falls on all of them alike.
const pointsOf = new Map<string, number>();
for (const question of questions) {
  const before = await Promise.all(candidates.map((candidate) => backendCpuMs(candidate)));
  for (let round = -warmUpRounds; round < rounds; round++) {
    for (const candidate of candidates) {
      const to = end - Math.floor((Math.random() * question.shiftMs) / hourMs) * hourMs;
      const startedMs = performance.now();
      const startedCpu = process.cpuUsage();
      const answer = await candidate.telemetry.query({
        ...(options.as === "people" ? { within: { organisationId: benchOrganisation } } : {}),
        deviceKey: 1 + Math.floor(Math.random() * candidate.devices),
        metric: metrics[Math.floor(Math.random() * metrics.length)] ?? "",
        from: new Date(to - question.rangeMs),
        to: new Date(to),
        maxPoints: 1_000,
        timeZone: question.zone ?? "UTC",
        ...(question.resolutionSeconds === undefined ? {} : { resolutionSeconds: question.resolutionSeconds }),
      });
      const tookMs = performance.now() - startedMs;
      const cpu = process.cpuUsage(startedCpu);
      candidate.cpuMs.set(question.name, (candidate.cpuMs.get(question.name) ?? 0) + (cpu.user + cpu.system) / 1_000);
      if (answer.at.length === 0) throw new Error(`${question.name}: no points.`);
      pointsOf.set(question.name, answer.at.length);
      if (round >= 0) candidate.times.set(question.name, [...(candidate.times.get(question.name) ?? []), tookMs]);
    }
  }
  for (const [index, candidate] of candidates.entries()) {
    const backendMs = (await backendCpuMs(candidate)) - (before[index] ?? 0);
    candidate.cpuMs.set(question.name, ((candidate.cpuMs.get(question.name) ?? 0) + backendMs) / (rounds + warmUpRounds));
  }
}
const rows: Record<string, string | number>[] = [];
for (const question of questions) {
  const measured = candidates.map(({ size, stored, times, cpuMs }) => {
    const sorted = (times.get(question.name) ?? []).toSorted((a, b) => a - b);
    const [best, p50, p95] = [sorted[0] ?? Number.NaN, quantile(sorted, 0.5), quantile(sorted, 0.95)];
    rows.push({
      question: question.name,
      stored: stored.toExponential(2),
      points: pointsOf.get(question.name) ?? 0,
      "CPU ms": (cpuMs.get(question.name) ?? Number.NaN).toFixed(1),
      "best ms": best.toFixed(1),
      "p50 ms": p50.toFixed(1),
      "p95 ms": p95.toFixed(1),
    });
    return { size, p50, p95 };
  });
  const [first, last] = [measured[0], measured.at(-1)];
  if (first !== undefined && last !== undefined && first !== last) {
    const range = `from ${first.size.toExponential(0)} to ${last.size.toExponential(0)} stored values`;
    console.log(`p50 ${(last.p50 / first.p50).toFixed(2)}x, p95 ${(last.p95 / first.p95).toFixed(2)}x  ${range}   ${question.name}`);
  }
}
console.table(rows);
for (const candidate of candidates) await candidate.close();
await cluster.close();

/** Processor time the store's connections have used so far; Linux only, 0 elsewhere. */
async function backendCpuMs({ client }: StoreUnderTest): Promise<number> {
  const { rows: backends } = await client.query<{ pid: number }>(
    "select a.pid from pg_stat_activity a where a.datname = current_database() and a.application_name = 'roost'",
  );
  let ticks = 0;
  for (const { pid } of backends) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    // Behind the program's name, which may hold spaces: utime and stime are the 12th and 13th, in hundredths of a second.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return ticks * 10;
}

async function build(size: number): Promise<Candidate> {
  const store = await cluster.openStore(`values_${size}`);
  const devices = Math.max(1, Math.ceil(size / valuesPerDevice));
  await addDevices(store.client, Math.max(devices, templates), metrics);
  await fillTemplates(store);
  for (const table of ["chunks", "telemetry_hours", "telemetry_days"])
    await store.client.query(`create table template_${table} as select * from ${table}`);
  await fill(store, devices);
  const { rows: sums } = await store.client.query<{ n: number }>("select sum(c.n)::float8 as n from chunks c");
  return { ...store, size, devices, stored: sums[0]?.n ?? 0, times: new Map<string, number[]>(), cpuMs: new Map<string, number>() };
}

/** A few devices with real samples through the real way: hot rows, then compaction. */
async function fillTemplates(store: StoreUnderTest): Promise<void> {
  const { client, telemetry } = store;
  let table = await store.openSegment();
  for (let day = 0; day < days; day++) {
    await client.query(`
      insert into ${table} (segment_id, device_key, measured_at, received_at, quality, series_keys, sample_values)
      select ${Number(/\d+$/.exec(table)?.[0])}, d, m.at, m.at + make_interval(secs => (20 + floor(random() * random() * 400)) / 1000.0), 0,
        array[d * 4 - 3, d * 4 - 2, d * 4 - 1, d * 4],
        array[round((18 + 6 * sin(t / 13751.0 + d) + random() * 0.2)::numeric, 2), round((55 + 10 * sin(t / 9000.0 + d) + random() * 1.5)::numeric, 1),
          420 + round(200 * abs(sin(t / 20000.0 + d)) + random() * 20), round((1013 + 5 * sin(t / 40000.0) + random() * 0.3)::numeric, 1)]::double precision[]
      from generate_series(0, 8639) i cross join generate_series(1, ${templates}) d
      cross join lateral (select ${day * 86_400} + i * 10 + d as t) s
      cross join lateral (select timestamptz '2026-01-01Z' + make_interval(secs => s.t + floor(random() * 60) / 1000.0) as at) m`);
    table = await store.openSegment();
    await telemetry.compact({ force: true });
  }
}

/** So many devices, copied from the templates hour by hour, as hours are written: a device's rows lie far apart. */
async function fill(store: StoreUnderTest, devices: number): Promise<void> {
  const { client } = store;
  const copies = `generate_series(1, ${devices}) d join TABLE t on t.device_key = (d - 1) % ${templates} + 1`;
  const shift = "(d - t.device_key) * 4";
  await client.query("truncate chunks, telemetry_hours, telemetry_days");
  const { rows: columns } = await client.query<{ name: string }>(
    "select a.attname as name from pg_attribute a where a.attrelid = 'chunks'::regclass and a.attnum > 3 and a.attname <> 'axis_key' order by a.attnum",
  );
  const rest = columns.map(({ name }) => name).join(", ");
  await client.query(`
    insert into chunks (device_key, series_key, hour_at, axis_key, ${rest})
    select d, t.series_key + ${shift}, t.hour_at, t.axis_key + ${shift}, ${rest} from ${copies.replace("TABLE", "template_chunks")} order by t.hour_at, d, t.series_key`);
  await client.query(`
    insert into telemetry_hours select d, t.series_key + ${shift}, t.hour_at, t.n, t.min, t.max, t.sum
    from ${copies.replace("TABLE", "template_telemetry_hours")} order by t.hour_at, d, t.series_key`);
  await client.query(`
    insert into telemetry_days select d, t.series_key + ${shift}, t.day_at, t.n, t.min, t.max, t.sum
    from ${copies.replace("TABLE", "template_telemetry_days")} order by t.day_at, d, t.series_key`);
  await client.query("vacuum analyze chunks, telemetry_hours, telemetry_days");
  const table = await store.openSegment();
  await client.query("update hot_segments set compacted_at = now() where closed_at is not null and compacted_at is null");
  // Of 200 devices, however many have a history here.
  await client.query(`
    insert into ${table} (segment_id, device_key, measured_at, received_at, quality, series_keys, sample_values)
    select ${Number(/\d+$/.exec(table)?.[0])}, d.key, x.at, x.at, 0, array[d.key * 4 - 3, d.key * 4 - 2, d.key * 4 - 1, d.key * 4], array[20.5, 50, 400, 1013]
    from generate_series(1, ${hotMessages / 200}) i cross join generate_series(1, 200) d (key)
    cross join lateral (select timestamptz '2026-01-31Z' - make_interval(secs => i + random() / 2) as at) x`);
}
