import { setTimeout as sleep } from "node:timers/promises";

import type { ClaimReply } from "@roost/contract/claim";
import { removeDevice } from "@roost/contract/devices";
import { deviceId } from "@roost/contract/ids";
import { getStatus } from "@roost/contract/system";
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";

import { benchOf } from "../command.ts";
import type { Bench } from "../command.ts";
import { formatOne } from "../print.ts";
import type { Row } from "../print.ts";
import { readDurationMs, readWhole } from "../read.ts";
import { claimFleet } from "../simulate/claim.ts";
import { createProgress } from "../simulate/progress.ts";
import { createRandom } from "../simulate/random.ts";
import { createScript, scenarios } from "../simulate/script.ts";
import type { Scenario } from "../simulate/script.ts";
import { createSimulatedDevice } from "../simulate/simulated-device.ts";
import { createTally } from "../simulate/tally.ts";
import type { Summary } from "../simulate/tally.ts";
import type { Terminal } from "../terminal.ts";

interface SimulateOptions {
  devices: number;
  interval: number;
  scenario: Scenario;
  duration?: number;
  prefix: string;
  seed: number;
  remove?: true;
}

// The door holds so many connections of one address that have not signed in yet; a flood of hellos would only be refused.
const connectsAtOnce = 20;
const connectPatienceMs = 20_000;

/** `roost simulate`: a fleet of real MQTT clients with scripted faults. */
export function addSimulateCommand(program: Command, terminal: Terminal): void {
  // A command of its own below, meant where none is named: simulators of kits stand beside it and may have options of the same names.
  program
    .command("simulate")
    .description("Simulates devices by real MQTT clients: any devices, or those of a kit.")
    .command("fleet", { isDefault: true })
    .description("Adds and claims devices and lets them send over MQTT and TLS, with faults as the scenario has them, until Ctrl-C.")
    .option("--devices <n>", "how many", readWhole(1, 10_000), 10)
    .addOption(new Option("--interval <span>", "pace of each device").argParser(readInterval).default(5_000, "5s"))
    .addOption(new Option("--scenario <name>", "what goes wrong").choices([...scenarios]).default("steady"))
    .option("--duration <span>", "end by itself after so long, such as 2m", readDurationMs)
    .option("--prefix <text>", "begin of the devices' ids", readPrefix, "sim")
    .option("--seed <n>", "the same seed plays the same faults", readWhole(0, 4_294_967_295), 1)
    .option("--remove", "remove the devices and their data at the end")
    .action(async (options: SimulateOptions, command: Command) => simulate(benchOf(terminal, command), options));
}

function readInterval(text: string): number {
  const ms = readDurationMs(text);
  if (ms < 10 || ms > 86_400_000) throw new InvalidArgumentError("The pace is from 10ms to 1d.");
  return ms;
}

function readPrefix(text: string): string {
  if (!deviceId.safeParse(`${text}-0001`).success || text.length > 50) {
    throw new InvalidArgumentError("Write up to 50 letters, digits, hyphens or underscores.");
  }
  return text.toLowerCase();
}

async function simulate(bench: Bench, options: SimulateOptions): Promise<void> {
  const { terminal } = bench;
  const { signal } = terminal;
  const ids = Array.from({ length: options.devices }, (_, index) => `${options.prefix}-${String(index + 1).padStart(4, "0")}`);
  const progress = createProgress(terminal);
  const before = await bench.call(getStatus, {});
  const credentials = await claimFleet(bench.call, ids, {
    kind: "generic",
    nameOf: (id) => `Simulated ${id}`,
    heartbeatSeconds: Math.min(86_400, Math.max(1, options.interval / 1000)),
    signal,
    onClaimed: (done) => progress.show(`claimed ${done} of ${ids.length}`),
  });
  const tally = createTally();
  const startedMs = performance.now();
  const fleet = await connectFleet(bench, options, { credentials, tally, progress });
  const show = () => progress.show(progressLine(tally.summary(), ids.length, performance.now() - startedMs));
  const ticking = setInterval(show, 500);
  for (const device of fleet) device.play();
  await sleep(options.duration ?? 2_147_483_647, undefined, { signal }).catch(() => undefined);
  clearInterval(ticking);
  progress.show("stopping");
  await Promise.all(fleet.map((device) => device.stop()));
  const summary = tally.summary();
  const seconds = (performance.now() - startedMs) / 1000;
  const after = await bench.call(getStatus, {}).catch(() => undefined);
  if (options.remove === true) await removeAll(bench, ids, (done) => progress.show(`removed ${done} of ${ids.length}`));
  progress.end();
  const { acknowledgementMs } = summary;
  const row: Row = {
    scenario: options.scenario,
    devices: ids.length,
    seconds: Math.round(seconds * 10) / 10,
    sent: summary.sent,
    acknowledged: summary.acknowledged,
    ...Object.fromEntries(Object.entries(summary.refused).map(([reason, n]) => [`refused ${reason}`, n])),
    unanswered: summary.waiting,
    skipped: summary.skipped,
    connects: summary.connects,
    cuts: summary.cuts,
    ...Object.fromEntries(Object.entries(summary.kinds).map(([kind, n]) => [`sent as ${kind}`, n])),
    acknowledgedAfterMs:
      acknowledgementMs === undefined
        ? undefined
        : `p50 ${acknowledgementMs.p50}, p95 ${acknowledgementMs.p95}, p99 ${acknowledgementMs.p99}, max ${acknowledgementMs.max}`,
    ...(after === undefined
      ? {}
      : {
          serverStoredValues: after.ingest.storedValues - before.ingest.storedValues,
          serverDuplicateValues: after.ingest.duplicateValues - before.ingest.duplicateValues,
          serverRejected: after.ingest.rejected - before.ingest.rejected,
        }),
  };
  const server = after === undefined ? undefined : { before: before.ingest, after: after.ingest };
  bench.print(formatOne(bench.format, row, { scenario: options.scenario, devices: ids.length, seconds, ...summary, server }));
}

async function connectFleet(
  bench: Bench,
  options: SimulateOptions,
  {
    credentials,
    tally,
    progress,
  }: { credentials: readonly ClaimReply[]; tally: ReturnType<typeof createTally>; progress: ReturnType<typeof createProgress> },
) {
  const { signal, nowMs } = bench.terminal;
  const fleet: ReturnType<typeof createSimulatedDevice>[] = [];
  for (let index = 0; index < credentials.length && !signal.aborted; index += connectsAtOnce) {
    const some = credentials.slice(index, index + connectsAtOnce).map((one, offset) => {
      const random = createRandom(options.seed * 1_000_003 + index + offset);
      const next = createScript({ deviceId: one.device_id, scenario: options.scenario, random });
      return createSimulatedDevice({ credentials: one, next, intervalMs: options.interval, random, tally, nowMs });
    });
    fleet.push(...some);
    // Those that do not get in go on trying while the others begin.
    const patience = sleep(connectPatienceMs, undefined, { signal, ref: false }).catch(() => undefined);
    await Promise.race([Promise.all(some.map((device) => device.connected)), patience]);
    progress.show(`connected ${tally.summary().connected} of ${credentials.length}`);
  }
  return fleet;
}

function progressLine(summary: Summary, devices: number, ms: number): string {
  const refused = Object.values(summary.refused).reduce((sum, n) => sum + n, 0);
  const p99 = summary.acknowledgementMs === undefined ? "" : `, p99 ${summary.acknowledgementMs.p99} ms`;
  return `${Math.round(ms / 1000)} s: ${summary.connected} of ${devices} connected, ${summary.sent} sent, ${summary.acknowledged} acknowledged, ${refused} refused, ${summary.waiting} waiting${p99}`;
}

async function removeAll(bench: Bench, ids: readonly string[], onRemoved: (done: number) => void): Promise<void> {
  for (const [index, id] of ids.entries()) {
    await bench.call(removeDevice, { params: { deviceId: id }, query: { confirm: id } });
    onRemoved(index + 1);
  }
}
