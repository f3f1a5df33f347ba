// Durable ingest against Mosquitto without storage, side by side: QoS 1, 4 values a message, a rule on every value. Arguments: `--seconds 6 --rounds 3 --only 100 --tls --profile`;
// `--rules` instead compares servers with and without a rule on every value.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import pg from "pg";

import { loadMetrics, startLoad } from "../src/load-generator.ts";
import type { LoadClient } from "../src/load-generator.ts";
import { processTree, usageOf } from "../src/process-usage.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "6" },
    rounds: { type: "string", default: "3" },
    only: { type: "string" },
    tls: { type: "boolean", default: false },
    "no-mosquitto": { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    rules: { type: "boolean", default: false },
  },
});
const seconds = Number(options.seconds);
const rounds = Number(options.rounds);
const warmUpSeconds = 2;
/** In flight over all connections, whatever their number: both servers get the same chance to batch. */
const underWay = 10_000;
const bars = [
  { connections: 100, ratio: 0.5 },
  { connections: 1_000, ratio: 1 },
].filter((bar) => options.only === undefined || bar.connections === Number(options.only));
const most = Math.max(...bars.map((bar) => bar.connections));
const organisationId = "01900000-0000-7000-8000-000000000001";

interface Target {
  readonly name: string;
  readonly port: number;
  readonly caPem?: string;
  readonly signsIn: boolean;
  readonly pid: number;
}

interface Run {
  readonly perSecond: number;
  readonly acknowledged: number;
  /** Seconds of CPU a second: server and all below it, and the generator. */
  readonly serverCpu: number;
  readonly ownCpu: number;
}

const deviceId = (index: number) => `bench-${String(index).padStart(5, "0")}`;
const secretOf = (index: number) => `roost_dev_${createHash("sha256").update(`bench ${index}`).digest("base64url")}`;
// Samples are a millisecond apart for each device, so runs begin far enough from each other; all of it is in the past.
let stampMs = Date.now() - 20 * 86_400_000;

async function measure(target: Target, connections: number): Promise<Run> {
  stampMs += 3_600_000;
  const clients = Array.from({ length: connections }, (_, index): LoadClient => {
    const id = deviceId(index);
    const client = { clientId: id, topic: `devices/${id}/telemetry` };
    return target.signsIn ? { ...client, username: id, password: secretOf(index) } : client;
  });
  const load = await startLoad({
    port: target.port,
    clients,
    window: Math.max(1, Math.round(underWay / connections)),
    firstStampMs: stampMs,
    ...(target.caPem === undefined ? {} : { caPem: target.caPem }),
  });
  await sleep(warmUpSeconds * 1_000);
  const tree = processTree(target.pid);
  const before = { acknowledged: load.acknowledged, cpu: usageOf(tree).cpuSeconds, own: process.cpuUsage(), ms: performance.now() };
  await sleep(seconds * 1_000);
  const elapsed = (performance.now() - before.ms) / 1_000;
  const own = process.cpuUsage(before.own);
  const run = {
    perSecond: (load.acknowledged - before.acknowledged) / elapsed,
    serverCpu: (usageOf(tree).cpuSeconds - before.cpu) / elapsed,
    ownCpu: (own.user + own.system) / 1e6 / elapsed,
  };
  await load.stop();
  return { ...run, acknowledged: load.acknowledged };
}

async function startRoost(dataDir: string): Promise<ServerProcess> {
  const env = { ROOST_MQTT_PLAIN_PORT: "0", ROOST_LOG_LEVEL: "warn", ROOST_MQTT_MAX_UNAUTHENTICATED_PER_ADDRESS: "4000" };
  return startServer({
    dataDir,
    env,
    ...(options.profile ? { execArgv: ["--cpu-prof", `--cpu-prof-dir=${join(dataDir, "..", "profile")}`] } : {}),
  });
}

/** Devices with credentials and a rule on every value, put straight into the database; the claim has its own tests. */
async function addDevices(server: ServerProcess, withRules = true): Promise<void> {
  const client = new pg.Client({ host: server.ready.databaseSocketDir, user: "roost", database: "roost" });
  await client.connect();
  const ids = Array.from({ length: most }, (_, index) => deviceId(index));
  const hashes = ids.map((_, index) => createHash("sha256").update(secretOf(index)).digest());
  await client.query("insert into organisations (id, name, slug) values ($1, 'Bench', 'bench')", [organisationId]);
  await client.query(
    "insert into devices (id, organisation_id, name, kind, state) select i, $2, i, 'generic', 'offline' from unnest($1::text[]) i",
    [ids, organisationId],
  );
  await client.query(
    "insert into device_credentials (id, device_id, organisation_id, secret_hash) select gen_random_uuid(), c.i, $3, c.h from unnest($1::text[], $2::bytea[]) c (i, h)",
    [ids, hashes, organisationId],
  );
  if (withRules)
    await client.query(
      "insert into alarm_rules (id, organisation_id, device_id, condition, severity) select gen_random_uuid(), $2, i, jsonb_build_object('kind', 'threshold', 'metric', m, 'above', 1e6, 'hysteresis', 0, 'forSeconds', 0, 'count', 1), 'warning' from unnest($1::text[]) i, unnest($3::text[]) m",
      [ids, organisationId, loadMetrics],
    );
  await client.end();
}

async function countStored(server: ServerProcess): Promise<number> {
  const client = new pg.Client({ host: server.ready.databaseSocketDir, user: "roost", database: "roost" });
  await client.connect();
  const { rows } = await client.query<{ n: string }>(
    "select (select count(*) from hot_samples h join hot_segments g on g.id = h.segment_id and g.compacted_at is null and h.device_key >= g.compacted_below join devices d on d.key = h.device_key and not d.hidden)::bigint + coalesce((select sum(c.n) from chunks c join series s on s.key = c.series_key and s.metric = $1), 0)::bigint as n",
    [loadMetrics[0]],
  );
  await client.end();
  return Number(rows[0]?.n);
}

async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Debian's Mosquitto as fast as it goes: nothing is written to disk, nothing is limited. */
async function startMosquitto(): Promise<{ child: ChildProcess; port: number; remove(): void } | undefined> {
  const program = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"].find((path) => existsSync(path));
  if (program === undefined || options["no-mosquitto"]) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "roost-mosquitto-"));
  chmodSync(folder, 0o755);
  const port = await freePort();
  writeFileSync(
    join(folder, "mosquitto.conf"),
    [
      "persistence false",
      "allow_anonymous true",
      `listener ${port} 127.0.0.1`,
      "max_queued_messages 0",
      "max_inflight_messages 0",
      "log_type error",
      "set_tcp_nodelay true",
    ].join("\n"),
  );
  const child = spawn(program, ["-c", join(folder, "mosquitto.conf")], { stdio: "ignore" });
  for (let tries = 0; ; tries += 1) {
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true));
      socket.on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (isUp) break;
    if (tries > 100) throw new Error("Mosquitto did not start.");
    await sleep(50);
  }
  return { child, port, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

const show = (run: Run) =>
  `${Math.round(run.perSecond).toLocaleString("en")} messages/s (CPU: server ${run.serverCpu.toFixed(2)}, generator ${run.ownCpu.toFixed(2)})`;

/** What rules cost: the same load against a server with a rule on every value and one without any, in turn. */
async function compareRules(): Promise<boolean> {
  const bar = 0.8;
  const connections = Math.min(1_000, most);
  const sides: { name: string; server: ServerProcess; remove: () => void; runs: number[] }[] = [];
  try {
    for (const withRules of [true, false]) {
      const one = createDataDir();
      const before = await startRoost(one.dataDir);
      await addDevices(before, withRules);
      await before.terminate();
      sides.push({ name: withRules ? "with rules" : "without", server: await startRoost(one.dataDir), remove: one.remove, runs: [] });
    }
    for (let round = 1; round <= rounds; round += 1) {
      for (const side of sides) {
        const target = { name: side.name, port: side.server.ready.mqttPlainPort ?? 0, signsIn: true, pid: side.server.child.pid ?? 0 };
        const run = await measure(target, connections);
        side.runs.push(run.perSecond);
        console.log(`round ${round}, ${side.name}: ${show(run)}`);
      }
    }
  } finally {
    for (const { server, remove } of sides) {
      await server.terminate();
      remove();
    }
  }
  const [ours = [], theirs = []] = sides.map(({ runs }) => runs);
  const ratio = median(ours) / median(theirs);
  console.log(
    `${connections * loadMetrics.length} rules over ${connections} devices: ${ratio.toFixed(2)} x the rate without rules (bar ${bar.toFixed(1)})`,
  );
  return ratio >= bar;
}

if (options.rules) process.exit((await compareRules()) ? 0 : 1);
const folder = createDataDir();
const { dataDir } = folder;
const first = await startRoost(dataDir);
await addDevices(first);
await first.terminate();
const server = await startRoost(dataDir);
const mosquitto = await startMosquitto();
let acknowledged = 0;
let missed = 0;
try {
  if (mosquitto === undefined) console.log("Mosquitto is not installed: only Roost is measured. To compare: apt-get install mosquitto");
  const roost: Target = { name: "Roost", port: server.ready.mqttPlainPort ?? 0, signsIn: true, pid: server.child.pid ?? 0 };
  for (const bar of bars) {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const run = await measure(roost, bar.connections);
      acknowledged += run.acknowledged;
      ours.push(run.perSecond);
      console.log(`${bar.connections} connections, round ${round}: Roost ${show(run)}`);
      if (mosquitto === undefined) continue;
      const other = await measure(
        { name: "Mosquitto", port: mosquitto.port, signsIn: false, pid: mosquitto.child.pid ?? 0 },
        bar.connections,
      );
      theirs.push(other.perSecond);
      console.log(`${bar.connections} connections, round ${round}: Mosquitto ${show(other)}`);
    }
    if (theirs.length === 0) continue;
    const ratio = median(ours) / median(theirs);
    if (ratio < bar.ratio) missed += 1;
    console.log(
      `${bar.connections} connections: ${ratio.toFixed(2)} x Mosquitto (bar ${bar.ratio.toFixed(1)}), ${Math.round(median(ours) * loadMetrics.length).toLocaleString("en")} values/s stored\n`,
    );
  }
  if (options.tls) {
    const caPem = await (await fetch(`${server.ready.url}/api/v1/ca.pem`)).text();
    for (const { connections } of bars) {
      const run = await measure({ ...roost, port: server.ready.mqttPort, caPem }, connections);
      acknowledged += run.acknowledged;
      console.log(`${connections} connections with TLS: Roost ${show(run)}`);
    }
  }
  const stored = await countStored(server);
  console.log(`acknowledged ${acknowledged.toLocaleString("en")}, stored ${stored.toLocaleString("en")}`);
  if (stored !== acknowledged) throw new Error("What was acknowledged is not what is stored.");
} finally {
  const { code } = await server.terminate();
  if (code !== 0) console.log(server.output().slice(-2_000));
  mosquitto?.child.kill();
  mosquitto?.remove();
  if (options.profile) console.log(`profiles: ${join(dataDir, "..", "profile")}`);
  else folder.remove();
}
process.exitCode = missed === 0 ? 0 : 1;
