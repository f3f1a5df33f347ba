// From publish to the PUBACK, to the alarm at a stream client and to the webhook that was told at once: at 0 and at 2,000 messages a second in turn, and what a
// provider that hangs costs ingest. Arguments: `--seconds 10 --rounds 2 --only told|down --profile DIR`; `--memory` leaves the disk out.
import { loadavg } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";

import { getAlarm } from "@roost/contract/alarms";
import { addressOf } from "@roost/contract/client";
import type { NotificationTargetId } from "@roost/contract/ids";
import { addNotificationTarget, removeNotificationTarget } from "@roost/contract/notifications";
import { changeNotificationSettings } from "@roost/contract/routing";
import { addAlarmRule } from "@roost/contract/rules";
import { streamFacts } from "@roost/contract/system";
import { deviceTopics } from "@roost/contract/topics";
import type { MqttClient } from "mqtt";
import pg from "pg";

import { startCatcher } from "../src/catchers.ts";
import type { Caught, CatcherAnswer } from "../src/catchers.ts";
import { connect } from "../src/device.ts";
import { readEvents } from "../src/event-stream.ts";
import { percentile } from "../src/ledger.ts";
import { addClaimedDevice, setUpAdministrator } from "../src/people.ts";
import { processTree, usageOf } from "../src/process-usage.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import { pause, until } from "../src/waiting.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: process.env["ROOST_BENCH_SECONDS"] ?? "10" },
    rounds: { type: "string", default: "2" },
    only: { type: "string" },
    profile: { type: "string" },
    memory: { type: "boolean", default: false },
  },
});
const seconds = Number(options.seconds);
const rounds = Number(options.rounds);
const perSecond = 2_000;
const crossingsPerSecond = 10;
const settleMs = 2_000;
const beyondMs = 1_000;
const limit = 90;
// Each crosses its limit a few times: five times within a quarter of an hour would be flapping, which is one alarm.
const mostCrossings = 4;
const slices = (options.only === undefined ? 4 : 2) * rounds;
const devices = Math.max(100, Math.ceil((slices * (seconds + settleMs / 1_000) * crossingsPerSecond) / mostCrossings));

/** A value that went beyond its limit: its number is the value, by which the alarm is known again. */
interface Crossing {
  readonly sentMs: number;
  readonly slice: Slice;
}

/** What was measured over one stretch of time, in milliseconds from publish. */
interface Slice {
  readonly acknowledged: number[];
  readonly acknowledgedCrossing: number[];
  readonly onStream: number[];
  readonly askedAgain: number[];
  readonly atWebhook: number[];
  crossings: number;
  isCounted: boolean;
}

interface Device {
  readonly id: string;
  readonly client: MqttClient;
  lastMs: number;
  beyondUntilMs: number;
  value: number;
}

const newSlice = (): Slice => ({
  acknowledged: [],
  acknowledgedCrossing: [],
  onStream: [],
  askedAgain: [],
  atWebhook: [],
  crossings: 0,
  isCounted: false,
});

const folder = createDataDir({ onDisk: !options.memory });
const server = await startServer({
  dataDir: folder.dataDir,
  env: { ROOST_EGRESS_ALLOW: "127.0.0.1", ROOST_LOCAL_DEVICE: "false", ROOST_LOG_LEVEL: "warn" },
  execArgv: options.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${options.profile}`],
});
const administrator = await setUpAdministrator(server);
const { call } = administrator;
const clients: Device[] = [];
for (let index = 0; index < devices; index += 1) {
  const { device, credentials } = await addClaimedDevice(server, administrator, `bench-${index}`);
  clients.push({ id: device.id, client: await connect(credentials), lastMs: 0, beyondUntilMs: 0, value: 20 });
}
for (const metric of ["a", "b", "c", "d"]) {
  await call(addAlarmRule, {
    body: {
      scope: { everything: true },
      condition: { kind: "threshold", metric, above: metric === "a" ? limit : 1e6 },
      severity: metric === "a" ? "critical" : "warning",
    },
  });
}
// Whoever wants each alarm by itself gets each at once: by the settings of old a second one of the same kind waits a minute for a summary.
await call(changeNotificationSettings, {
  body: { debounceSeconds: 0, cooldownMinutes: 0, parentWaitSeconds: 0, lateAfterSeconds: 600, ringForPast: false },
});

const database = new pg.Client({ host: server.ready.databaseSocketDir, user: "roost", database: "roost" });
await database.connect();

const crossings = new Map<number, Crossing>();
let slice = newSlice();
let load = 0;

/** A webhook takes a notice the moment it has answered; a provider that is down keeps it. */
function take(answer: CatcherAnswer) {
  return ({ body }: Caught): CatcherAnswer => {
    const nowMs = performance.now();
    const said = JSON.parse(body) as { type: string; alarm?: { value?: number } };
    const crossing = said.type === "alarm.raised" ? crossings.get(said.alarm?.value ?? 0) : undefined;
    if (crossing?.slice.isCounted === true) crossing.slice.atWebhook.push(nowMs - crossing.sentMs);
    return answer;
  };
}
const well = await startCatcher();
well.otherwise(take({ status: 204 }));
const hanging = await startCatcher();
hanging.otherwise({ delayMs: 600_000 });
const dripping = await startCatcher();
dripping.otherwise({ status: 200, body: "x".repeat(100_000), dripEveryMs: 500 });

const abort = new AbortController();
async function watch(): Promise<void> {
  const asking = new Set<Promise<void>>();
  const url = server.ready.url + addressOf(streamFacts, {});
  for await (const event of readEvents(url, { headers: { cookie: administrator.cookie }, signal: abort.signal })) {
    const nowMs = performance.now();
    if (event.event !== "fact") continue;
    const { type, nounId } = JSON.parse(event.data) as { type: string; nounId: string };
    if (type !== "alarm.raised") continue;
    // The page asks again for what the stream names; on a machine in need it may be told to come later.
    const asked = call(getAlarm, { params: { alarmId: nounId } }).then(
      ({ value }) => {
        const crossing = crossings.get(value ?? 0);
        if (crossing?.slice.isCounted !== true) return;
        crossing.slice.onStream.push(nowMs - crossing.sentMs);
        crossing.slice.askedAgain.push(performance.now() - crossing.sentMs);
      },
      (error: unknown) => console.log(`  an alarm could not be asked for: ${String(error)}`),
    );
    asking.add(asked);
    void asked.finally(() => asking.delete(asked));
  }
  await Promise.all(asking);
}
const watching = watch();

function publish(device: Device, value: number, crossing?: Crossing): void {
  device.lastMs = Math.max(Date.now(), device.lastMs + 1);
  device.value = value;
  const into = slice;
  const sentMs = crossing?.sentMs ?? performance.now();
  device.client.publish(
    deviceTopics(device.id).telemetry,
    `{"timestamp":${device.lastMs},"a":${value},"b":21.5,"c":48.25,"d":1013.2}`,
    { qos: 1 },
    (error) => {
      if (error !== undefined && error !== null) throw error;
      const tookMs = performance.now() - sentMs;
      if (into.isCounted) (crossing === undefined ? into.acknowledged : into.acknowledgedCrossing).push(tookMs);
    },
  );
}

const startedMs = performance.now();
let due = 0;
let dueCrossings = 0;
let lastTickMs = startedMs;
let sent = 0;
let crossed = 0;
let isCrossing = false;
const timer = setInterval(() => {
  const nowMs = performance.now();
  due += ((nowMs - lastTickMs) / 1_000) * load;
  if (isCrossing) dueCrossings += ((nowMs - lastTickMs) / 1_000) * crossingsPerSecond;
  lastTickMs = nowMs;
  for (; due >= 1; due -= 1, sent += 1) {
    const one = clients[sent % clients.length];
    if (one !== undefined) publish(one, nowMs < one.beyondUntilMs ? one.value : (sent % 877) / 10);
  }
  for (; dueCrossings >= 1; dueCrossings -= 1) {
    const one = clients[(crossed * 7) % clients.length];
    crossed += 1;
    if (one === undefined || nowMs < one.beyondUntilMs) continue;
    const value = 1_000 + crossed;
    const crossing = { sentMs: performance.now(), slice };
    crossings.set(value, crossing);
    if (slice.isCounted) slice.crossings += 1;
    one.beyondUntilMs = nowMs + beyondMs;
    publish(one, value, crossing);
    // It comes back, also where nothing else is sent.
    setTimeout(() => publish(one, 20), beyondMs);
  }
}, 5);

const own = monitorEventLoopDelay({ resolution: 1 });
own.enable();

/** Sends for a while and answers what was measured, after all that was under way has arrived or had its time. */
async function measure(messagesPerSecond: number, { isComplete }: { isComplete: boolean }): Promise<Slice> {
  load = messagesPerSecond;
  isCrossing = true;
  slice = newSlice();
  await pause(settleMs);
  slice = newSlice();
  slice.isCounted = true;
  const measured = slice;
  await pause(seconds * 1_000);
  slice = newSlice();
  if (isComplete)
    await until("all alarms are told", () => measured.atWebhook.length + measured.onStream.length >= 2 * measured.crossings, 60_000).catch(
      (error: unknown) => console.log(`  ${String(error)}`),
    );
  isCrossing = false;
  await pause(beyondMs + 500);
  load = 0;
  return measured;
}

const at = (values: readonly number[], share: number) => (percentile(values, share) ?? Number.NaN).toFixed(1).padStart(7);
function show(name: string, values: readonly number[], bar?: number): void {
  const p99 = percentile(values, 99) ?? Number.NaN;
  const against = bar === undefined ? "" : ` = ${(p99 / bar).toFixed(2)} of the bar of ${bar} ms`;
  console.log(
    `    ${name.padEnd(34)} p50 ${at(values, 50)}   p95 ${at(values, 95)}   p99 ${at(values, 99)} ms (${values.length})${against}`,
  );
}
const together = (some: readonly Slice[], of: "acknowledged" | "acknowledgedCrossing" | "onStream" | "askedAgain" | "atWebhook") =>
  some.flatMap((one) => one[of]);
const p99Of = (values: readonly number[]) => percentile(values, 99) ?? Number.NaN;

async function target(name: string, url: string): Promise<NotificationTargetId> {
  const { id } = await call(addNotificationTarget, { body: { kind: "webhook", name, url, minSeverity: "info" } });
  return id;
}
const remove = (targetId: NotificationTargetId) => call(removeNotificationTarget, { params: { targetId } });

/** How long people wait for an alarm: beside nothing else, and beside the load. */
async function told(): Promise<void> {
  const id = await target("Well", `${well.url}/hook`);
  const quiet: Slice[] = [];
  const busy: Slice[] = [];
  const idle: Effort[] = [];
  const alarming: Effort[] = [];
  let from = new Date();
  for (let round = 0; round < rounds; round += 1) {
    idle.push(await effortOf(() => pause((seconds * 1_000) / 2)));
    alarming.push(await effortOf(async () => quiet.push(await measure(0, { isComplete: true }))));
    from = new Date();
    own.reset();
    busy.push(await measure(perSecond, { isComplete: true }));
  }
  for (const [name, some, bars] of [
    ["0 messages/s", quiet, undefined],
    [`${perSecond} messages/s`, busy, { stream: 50, webhook: 200 }],
  ] as const) {
    console.log(`  ${name}, ${crossingsPerSecond} alarms/s beside`);
    show("publish -> PUBACK", [...together(some, "acknowledged"), ...together(some, "acknowledgedCrossing")]);
    show("publish -> alarm on the stream", together(some, "onStream"), bars?.stream);
    show("publish -> alarm asked for again", together(some, "askedAgain"));
    show("publish -> webhook accepted", together(some, "atWebhook"), bars?.webhook);
  }
  await stages(from, new Date());
  const ratio = (of: "onStream" | "atWebhook") => (p99Of(together(busy, of)) / p99Of(together(quiet, of))).toFixed(2);
  console.log(
    `  p99 under load, of that without: stream ${ratio("onStream")} x, webhook ${ratio("atWebhook")} x; load ${(loadavg()[0] ?? 0).toFixed(1)}, this program late by p99 ${(own.percentile(99) / 1e6).toFixed(1)} ms`,
  );
  const [nothing, some] = [sumOf(idle), sumOf(alarming)];
  const each = (of: "transactions" | "syncs" | "cpuMs") => (some[of] - (nothing[of] / nothing.seconds) * some.seconds) / some.alarms;
  const aSecond = (of: "transactions" | "syncs" | "cpuMs") => nothing[of] / nothing.seconds;
  console.log(
    `  a second of nothing takes ${aSecond("transactions").toFixed(0)} transactions, ${aSecond("syncs").toFixed(0)} WAL syncs, ${aSecond("cpuMs").toFixed(0)} ms of processors; ` +
      `an alarm, looked at, told and over, ${each("transactions").toFixed(1)} transactions, ${each("syncs").toFixed(1)} WAL syncs, ${each("cpuMs").toFixed(0)} ms`,
  );
  await remove(id);
}

/** What the database and the processors did in some time. */
interface Effort {
  readonly transactions: number;
  readonly syncs: number;
  readonly cpuMs: number;
  readonly seconds: number;
  readonly alarms: number;
}

async function effortSoFar(): Promise<Effort> {
  const { rows } = await database.query<{ transactions: string; syncs: string }>(
    "select xact_commit as transactions, (select wal_sync from pg_stat_wal) as syncs from pg_stat_database where datname = current_database()",
  );
  return {
    transactions: Number(rows[0]?.transactions),
    syncs: Number(rows[0]?.syncs),
    cpuMs: usageOf(processTree(server.child.pid ?? 0)).cpuSeconds * 1_000,
    seconds: performance.now() / 1_000,
    alarms: crossings.size,
  };
}

function combine(one: Effort, other: Effort, by: 1 | -1): Effort {
  return {
    transactions: one.transactions + by * other.transactions,
    syncs: one.syncs + by * other.syncs,
    cpuMs: one.cpuMs + by * other.cpuMs,
    seconds: one.seconds + by * other.seconds,
    alarms: one.alarms + by * other.alarms,
  };
}

async function effortOf(work: () => Promise<unknown>): Promise<Effort> {
  const before = await effortSoFar();
  await work();
  return combine(await effortSoFar(), before, -1);
}

const sumOf = (some: readonly Effort[]) =>
  some.reduce((sum, one) => combine(sum, one, 1), { transactions: 0, syncs: 0, cpuMs: 0, seconds: 0, alarms: 0 });

/** Where the time goes, by what the rows themselves say: of the alarms told in some stretches. */
async function stages(from: Date, to: Date): Promise<void> {
  const { rows } = await database.query<Record<"fact" | "planned" | "begun" | "answered" | "settled", number>>(
    `select extract(epoch from e.at - a.raised_at)::float8 * 1000 as fact, extract(epoch from d.created_at - e.at)::float8 * 1000 as planned,
      extract(epoch from t.at - d.created_at)::float8 * 1000 as begun, t.duration_ms as answered,
      extract(epoch from d.settled_at - t.at)::float8 * 1000 - t.duration_ms as settled
    from alarms a join events e on e.noun_id = a.id::text and e.type = 'alarm.raised'
      join deliveries d on d.alarm_id = a.id and d.what = 'alarm.raised' join delivery_attempts t on t.delivery_id = d.id
    where a.raised_at between $1 and $2`,
    [from, to],
  );
  console.log("    of that, by the rows (each to the next)");
  const of = (stage: "fact" | "planned" | "begun" | "answered" | "settled") => rows.map((row) => row[stage]);
  show("  measured -> fact written", of("fact"));
  show("  -> notice planned", of("planned"));
  show("  -> try begun", of("begun"));
  show("  -> answered", of("answered"));
  show("  -> settled", of("settled"));
}

/** What a provider that takes connections and says nothing, and one that drips, cost those who send values. */
async function down(): Promise<void> {
  const slicesOf = { well: [] as Slice[], down: [] as Slice[] };
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of round % 2 === 0 ? (["well", "down"] as const) : (["down", "well"] as const)) {
      // New ones each time: a breaker that is open leaves them alone.
      const urls = kind === "well" ? [well.url, well.url] : [hanging.url, dripping.url];
      const ids = await Promise.all(urls.map((url, index) => target(`${kind} ${round} ${index}`, `${url}/${round}/${index}`)));
      slicesOf[kind].push(await measure(perSecond, { isComplete: false }));
      for (const id of ids) await remove(id);
    }
  }
  console.log(`  ${perSecond} messages/s and ${crossingsPerSecond} alarms/s for two webhooks (R12)`);
  show("both well: publish -> PUBACK", together(slicesOf.well, "acknowledged"));
  show("one hangs, one drips", together(slicesOf.down, "acknowledged"));
  const ratio = p99Of(together(slicesOf.down, "acknowledged")) / p99Of(together(slicesOf.well, "acknowledged"));
  console.log(
    `  p99 of ingest with both down: ${ratio.toFixed(2)} x that with both well (bar 1.10), ${hanging.connections()} + ${dripping.connections()} connections to them`,
  );
}

try {
  console.log(`alarm latency: ${devices} devices over TLS, 4 values a message, a rule on every value`);
  if (options.only !== "down") await told();
  if (options.only !== "told") await down();
} finally {
  clearInterval(timer);
  abort.abort();
  await watching;
  await Promise.all(clients.map(({ client }) => client.endAsync(true)));
  await database.end();
  const { code } = await server.terminate();
  if (code !== 0) console.log(server.output().slice(-2_000));
  await Promise.all([well.close(), hanging.close(), dripping.close()]);
  folder.remove();
}
