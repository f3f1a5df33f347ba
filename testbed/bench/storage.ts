// Bytes per stored value after compaction, of several kinds of signal: chunks, hours and days with their indexes and TOAST.
// node testbed/bench/storage.ts
import { addDevices, openCluster } from "./store.ts";

interface Signal {
  readonly name: string;
  readonly cadenceSeconds: number;
  /** SQL over d (device), i (message of the hour), t (seconds since the start): one expression per metric. */
  readonly metrics: readonly string[];
  /** SQL for the milliseconds an instant is off its cadence. */
  readonly jitterMs: string;
  /** SQL for the milliseconds a message is under way. */
  readonly lagMs: string;
  /** One message per metric instead of one for all. */
  readonly apart?: boolean;
  /** Compactions per hour; 1 = as it is when hours are compacted once they are over. */
  readonly perHour?: number;
  readonly devices?: number;
}

const jitter = "floor(random() * 60)";
const network = "20 + floor(random() * random() * 400)";
const climate = [
  "round((18 + 6 * sin(t / 13751.0 + d) + random() * 0.2)::numeric, 2)",
  "round((55 + 10 * sin(t / 9000.0 + d) + random() * 1.5)::numeric, 1)",
  "420 + round(200 * abs(sin(t / 20000.0 + d)) + random() * 20)",
  "round((1013 + 5 * sin(t / 40000.0) + random() * 0.3)::numeric, 1)",
];
const host = [
  "round((random() * random() * 100)::numeric, 1)",
  "4096 * round(500000 + 40000 * sin(t / 900.0 + d) + random() * 2000)",
  "round((0.4 + random() * 1.2)::numeric, 2)",
  "round((40 + 20 * random())::numeric, 1)",
];
const signals: readonly Signal[] = [
  { name: "climate, 4 metrics a message, 10 s, ms jitter", cadenceSeconds: 10, metrics: climate, jitterMs: jitter, lagMs: network },
  { name: "climate, 4 metrics a message, 10 s, whole seconds", cadenceSeconds: 10, metrics: climate, jitterMs: "0", lagMs: network },
  {
    name: "climate, a message per metric, 10 s, ms jitter",
    cadenceSeconds: 10,
    metrics: climate,
    jitterMs: jitter,
    lagMs: network,
    apart: true,
  },
  {
    name: "climate as first, compacted every 5 minutes",
    cadenceSeconds: 10,
    metrics: climate,
    jitterMs: jitter,
    lagMs: network,
    perHour: 12,
  },
  { name: "Linux host, 4 metrics a message, 10 s, ms jitter", cadenceSeconds: 10, metrics: host, jitterMs: jitter, lagMs: network },
  { name: "climate, 1 s", cadenceSeconds: 1, metrics: climate, jitterMs: jitter, lagMs: network, devices: 6 },
  { name: "climate, 60 s", cadenceSeconds: 60, metrics: climate, jitterMs: jitter, lagMs: network, devices: 150 },
  {
    name: "contacts (0 or 1, seldom changing), 10 s",
    cadenceSeconds: 10,
    metrics: ["(sin(t / 7000.0 + d) > 0.3)::integer", "(sin(t / 500.0 + d) > 0.9)::integer"],
    jitterMs: jitter,
    lagMs: network,
  },
  {
    name: "full doubles (no decimals to find), 10 s",
    cadenceSeconds: 10,
    metrics: ["random()", "random() * 1e6", "sin(t + d)", "exp(random())"],
    jitterMs: jitter,
    lagMs: network,
  },
];

const hours = 24;
/** A segment ends with the hour, but what was measured just before comes just after: a tenth of the devices are that late. */
const segmentOffsetSeconds = -0.2;
const cluster = await openCluster();
const store = await cluster.openStore("storage");
const { client, telemetry } = store;
const rows: Record<string, string | number>[] = [];
for (const signal of signals) {
  const devices = signal.devices ?? 40;
  await client.query("truncate chunks, telemetry_hours, telemetry_days");
  await addDevices(
    client,
    devices,
    signal.metrics.map((_, i) => `m${i}`),
  );
  const perHour = signal.perHour ?? 1;
  const messages = 3_600 / signal.cadenceSeconds / perHour;
  const n = signal.metrics.length;
  let values = 0;
  let busyMs = 0;
  let table = await store.openSegment();
  for (let part = 0; part < hours * perHour; part++) {
    const keys = (offset: string) => `(d - 1) * ${n} + ${offset}`;
    const groups =
      signal.apart === true
        ? signal.metrics.map((metric, i) => [[metric, i]] as const)
        : [signal.metrics.map((metric, i) => [metric, i] as const)];
    for (const group of groups) {
      await client.query(`
        insert into ${table} (segment_id, device_key, measured_at, received_at, quality, series_keys, sample_values)
        select ${Number(/\d+$/.exec(table)?.[0])}, d, m.at, m.at + make_interval(secs => (${signal.lagMs}) / 1000.0), 0,
          array[${group.map(([, i]) => keys(String(i + 1))).join(", ")}], array[${group.map(([metric]) => metric).join(", ")}]::double precision[]
        from generate_series(0, ${messages - 1}) i cross join generate_series(1, ${devices}) d
        cross join lateral (select ${segmentOffsetSeconds + (part * 3_600) / perHour} + i * ${signal.cadenceSeconds} + d % ${signal.cadenceSeconds} as t) s
        cross join lateral (select timestamptz '2026-01-01Z' + make_interval(secs => s.t + (${signal.jitterMs}) / 1000.0) as at) m`);
    }
    table = await store.openSegment();
    const startedMs = performance.now();
    values += (await telemetry.compact({ force: true })).values;
    busyMs += performance.now() - startedMs;
  }
  await client.query("update hot_segments set compacted_at = now() - interval '1 day' where compacted_at is not null");
  await telemetry.compact({});
  await client.query("vacuum analyze chunks, telemetry_hours, telemetry_days");
  const { rows: sizes } = await client.query<{ chunks: string; index: string; toast: string; hours: string; days: string; n: string }>(`
    select pg_relation_size('chunks') as chunks, pg_indexes_size('chunks') as index,
      pg_table_size('chunks') - pg_relation_size('chunks') as toast,
      pg_total_relation_size('telemetry_hours') as hours, pg_total_relation_size('telemetry_days') as days, (select sum(c.n) from chunks c) as n`);
  const [size] = sizes;
  if (size === undefined || Number(size.n) !== values) throw new Error(`${signal.name}: ${values} values went in, ${size?.n} are stored.`);
  const per = (bytes: string) => (Number(bytes) / values).toFixed(2);
  const total = Number(size.chunks) + Number(size.index) + Number(size.toast) + Number(size.hours) + Number(size.days);
  rows.push({
    signal: signal.name,
    values,
    "bytes/value": (total / values).toFixed(2),
    chunks: per(size.chunks),
    "their TOAST": per(size.toast),
    "their index": per(size.index),
    hours: per(size.hours),
    days: per(size.days),
    "values/s compacted": Math.round(values / (busyMs / 1_000)),
  });
  console.log(`${(total / values).toFixed(2)} bytes per value   ${signal.name}`);
}
console.table(rows);
await store.close();
await cluster.close();
