// Messages a second from the node's QoS 1 to a row in PostgreSQL: Roost against Mosquitto with a subscriber that makes one INSERT of each message, on the same PostgreSQL. `--seconds 6 --rounds 2 --nodes 200`
import { fork, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { getStatus } from "@roost/contract/system";
import { freePort } from "@roost/testbed/free-port";
import { loadMetrics, startLoad } from "@roost/testbed/load-generator";
import type { LoadClient } from "@roost/testbed/load-generator";

import { startGarden } from "./garden-bench.ts";
import type { GardenUnderTest } from "./garden-bench.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "6" },
    rounds: { type: "string", default: "2" },
    nodes: { type: "string", default: "200" },
  },
});
const seconds = Number(options.seconds);
const rounds = Number(options.rounds);
const nodes = Number(options.nodes);
/** Under way over all connections: both get the same chance to work on many at once. */
const underWay = 2_000;
/** How long the subscriber may go on storing what it was sent. */
const drainMs = 20_000;

const deviceId = (index: number) => `bench-node-${index + 1}`;
const secretOf = (index: number) => `roost_dev_${createHash("sha256").update(`bench ${index}`).digest("base64url")}`;
let stampMs = Date.now() - 20 * 86_400_000;

interface Run {
  readonly storedPerSecond: number;
  readonly acknowledged: number;
  readonly stored: number;
}

/** Devices with credentials, put straight into the database; the claim has its own tests. */
async function addNodes(garden: GardenUnderTest): Promise<void> {
  const ids = Array.from({ length: nodes }, (_, index) => deviceId(index));
  const hashes = ids.map((_, index) => createHash("sha256").update(secretOf(index)).digest());
  await garden.query(
    "insert into devices (id, organisation_id, name, kind, state) select i, o.id, i, 'garden-node', 'offline' from unnest($1::text[]) i cross join (select id from organisations order by created_at limit 1) o",
    [ids],
  );
  await garden.query(
    "insert into device_credentials (id, device_id, organisation_id, secret_hash) select gen_random_uuid(), d.id, d.organisation_id, c.h from unnest($1::text[], $2::bytea[]) c (i, h) join devices d on d.id = c.i",
    [ids, hashes],
  );
}

/** Sends for so long and tells what is stored: in that time, and in the end. */
async function measure(
  { port, signsIn }: { port: number; signsIn: boolean },
  { pace, count }: { pace: () => Promise<number>; count: (fromMs: number, toMs: number) => Promise<number> },
): Promise<Run> {
  stampMs += 3_600_000;
  const clients = Array.from({ length: nodes }, (_, index): LoadClient => {
    const client = { clientId: deviceId(index), topic: `devices/${deviceId(index)}/telemetry` };
    return signsIn ? { ...client, username: deviceId(index), password: secretOf(index) } : client;
  });
  const load = await startLoad({ port, clients, window: Math.max(1, Math.round(underWay / nodes)), firstStampMs: stampMs });
  await sleep(2_000);
  const begun = { stored: await pace(), ms: performance.now() };
  await sleep(seconds * 1_000);
  const ended = { stored: await pace(), ms: performance.now() };
  await load.stop();
  for (let [untilMs, before] = [performance.now() + drainMs, Number.NaN]; performance.now() < untilMs;) {
    const now = await pace();
    if (now === before) break;
    before = now;
    await sleep(500);
  }
  const stored = await count(stampMs, stampMs + 3_600_000);
  return { storedPerSecond: ((ended.stored - begun.stored) * 1_000) / (ended.ms - begun.ms), acknowledged: load.acknowledged, stored };
}

/** Debian's Mosquitto as it is installed, with QoS 1 and nothing written to disk. */
async function startMosquitto(): Promise<{ child: ChildProcess; port: number; remove(): void } | undefined> {
  const program = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"].find((path) => existsSync(path));
  if (program === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "roost-mosquitto-"));
  chmodSync(folder, 0o755);
  const port = await freePort();
  writeFileSync(join(folder, "mosquitto.conf"), `persistence false\nallow_anonymous true\nlistener ${port} 127.0.0.1\nlog_type error\n`);
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

/** The subscriber in a process of its own, on a database of its own in the same PostgreSQL. */
async function startSubscriber(garden: GardenUnderTest, port: number): Promise<ChildProcess> {
  await garden.query("create database earlier");
  const child = fork(fileURLToPath(new URL("one-insert-subscriber.ts", import.meta.url)), [
    String(port),
    garden.server.ready.databaseSocketDir ?? "",
    loadMetrics.join(","),
  ]);
  await new Promise<void>((resolve, reject) => {
    child.once("message", () => resolve());
    child.once("exit", (code) => reject(new Error(`The subscriber ended with ${code}.`)));
  });
  return child;
}

function askSubscriber(child: ChildProcess, question: string): Promise<number> {
  return new Promise((resolve) => {
    child.once("message", (n) => resolve(Number(n)));
    child.send(question);
  });
}

/** What is stored of the nodes with times in a range, read back by SQL. */
async function countSamples(fromMs: number, toMs: number): Promise<number> {
  const [row] = await garden.query<{ n: string }>(
    "select count(*) as n from samples s where s.metric = $1 and s.measured_at >= to_timestamp($2) and s.measured_at < to_timestamp($3)",
    [loadMetrics[0], fromMs / 1_000, toMs / 1_000],
  );
  return Number(row?.n);
}

const show = ({ storedPerSecond, acknowledged, stored }: Run) =>
  `${figure(storedPerSecond)} messages/s stored; acknowledged ${figure(acknowledged)}, stored ${figure(stored)}, lost ${figure(acknowledged - stored)}`;
const figure = (n: number) => Math.round(n).toLocaleString("en");
const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;

const garden = await startGarden({ ROOST_MQTT_PLAIN_PORT: "0", ROOST_MQTT_MAX_UNAUTHENTICATED_PER_ADDRESS: "4000" });
const mosquitto = await startMosquitto();
let subscriber: ChildProcess | undefined;
try {
  await addNodes(garden);
  // Who a device is, is in memory from the start on.
  await garden.restart();
  const countRoost = async () => (await garden.administrator.call(getStatus, {})).ingest.storedValues / loadMetrics.length;
  const ours: number[] = [];
  const theirs: number[] = [];
  if (mosquitto === undefined) console.log("Mosquitto is not installed: only Roost is measured. To compare: apt-get install mosquitto");
  else subscriber = await startSubscriber(garden, mosquitto.port);
  for (let round = 1; round <= rounds; round += 1) {
    const roost = { port: garden.server.ready.mqttPlainPort ?? 0, signsIn: true };
    const run = await measure(roost, { pace: countRoost, count: countSamples });
    ours.push(run.storedPerSecond);
    console.log(`round ${round}: Roost ${show(run)}`);
    if (mosquitto === undefined || subscriber === undefined) continue;
    const child = subscriber;
    const pace = () => askSubscriber(child, "count");
    const count = (fromMs: number, toMs: number) => askSubscriber(child, `${fromMs} ${toMs}`);
    const other = await measure({ port: mosquitto.port, signsIn: false }, { pace, count });
    theirs.push(other.storedPerSecond);
    console.log(`round ${round}: Mosquitto and one INSERT a message ${show(other)}`);
  }
  if (theirs.length > 0) console.log(`${nodes} nodes: ${(median(ours) / median(theirs)).toFixed(1)} x the earlier pipeline`);
} finally {
  subscriber?.kill();
  mosquitto?.child.kill();
  mosquitto?.remove();
  await garden.end();
}
