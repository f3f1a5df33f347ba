import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { printFigures } from "../src/figures.ts";
import { Ledger, percentile } from "../src/ledger.ts";
import type { LedgerVerdict } from "../src/ledger.ts";
import { addClaimedDevice, setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { processTree } from "../src/process-usage.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { readByApi, readBySql } from "../src/stored-rows.ts";
import { pause, until } from "../src/waiting.ts";

const long = process.env["ROOST_TEST_LONG"] === "1";
// An end for what never comes: a database that was killed looks through all its files first, and a busy disk takes its time.
const patienceMs = 180_000;
const clean = { lost: 0, duplicate: 0, phantom: 0, altered: 0 };

interface Stage {
  server: ServerProcess;
  readonly administrator: Administrator;
  readonly ledger: Ledger;
  readonly deviceIds: readonly string[];
  end(): Promise<void>;
}

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.end();
  stage = undefined;
});

async function setStage(
  devices: number,
  { env = {}, lateDevices = 0 }: { env?: Readonly<Record<string, string>>; lateDevices?: number } = {},
): Promise<Stage> {
  const folder = createDataDir({ onDisk: true });
  const server = await startServer({ dataDir: folder.dataDir, env });
  const administrator = await setUpAdministrator(server);
  const ledger = new Ledger(join(folder.dataDir, "..", "ledger.log"));
  const deviceIds: string[] = [];
  for (let index = 0; index < devices; index += 1) {
    const { device, credentials } = await addClaimedDevice(server, administrator, `ledger-${index}`);
    await ledger.join(device.id, credentials, { lateByMs: index < lateDevices ? 48 * 3_600_000 : 0 });
    deviceIds.push(device.id);
  }
  const made: Stage = {
    server,
    administrator,
    ledger,
    deviceIds,
    async end() {
      if (process.env["ROOST_TEST_SHOW_LOG"] === "1") process.stdout.write(made.server.output().slice(-20_000));
      await ledger.close();
      if (made.server.child.exitCode === null && made.server.child.signalCode === null) await made.server.terminate();
      folder.remove();
    },
  };
  stage = made;
  return made;
}

/** The command line of a process; nothing where it is gone. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** Backends come and go. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone.
  }
}

/** The postmaster of a data folder and its children, of which there are some: each has a process group of its own. */
async function postgresPids(server: ServerProcess): Promise<readonly [postmaster: number, ...children: number[]]> {
  const lock = join(server.ready.databaseSocketDir ?? "", ".s.PGSQL.5432.lock");
  let pids: number[] = [];
  // Between a crash and the next start there is no such file, or one without a number, or nobody below the one it names.
  await until("PostgreSQL runs", () => {
    const postmaster = postmasterOf(lock);
    pids = postmaster === undefined ? [] : processTree(postmaster);
    return pids.length > 1;
  });
  const [postmaster = 0, ...children] = pids;
  return [postmaster, ...children];
}

/** The first line of a lock file; nobody where there is none yet, or no more. */
function postmasterOf(lock: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(lock, "utf8"), 10);
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Checks the books against the store; what is acknowledged while it is read need not be in it. */
async function verdictOf({ ledger, server, deviceIds }: Stage): Promise<LedgerVerdict> {
  const due = ledger.acknowledgedKeys();
  return ledger.check(await readBySql(server.ready, deviceIds), due);
}

function rssMb(server: ServerProcess): number {
  const text = readFileSync(`/proc/${server.child.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(text)?.[1]) / 1024;
}

describe("acknowledged is stored", () => {
  it("R1: loses nothing over kills of the server during ingest, by SQL and by API", async () => {
    const cycles = long ? 30 : 10;
    const startedAt = new Date(Date.now() - 1_000);
    const set = await setStage(20);
    set.ledger.start(1_000);
    const returnsMs: number[] = [];
    const breaks: { fromMs: number; toMs: number }[] = [];
    const beganMs = performance.now();
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      await pause(long ? 2_000 + Math.random() * 6_000 : 1_000 + Math.random() * 1_000);
      const due = (cycle + 1) * (long ? 1_000 : 500);
      await until("enough is acknowledged", () => set.ledger.acknowledged > due);
      const fromMs = performance.now();
      await set.server.kill();
      const killedMs = performance.now();
      set.server = await set.server.restart();
      await until("the first acknowledgement after the restart", () => set.ledger.lastAcknowledgedMs > killedMs, patienceMs);
      returnsMs.push(performance.now() - killedMs);
      // The first device is back; the others come within their own waits.
      breaks.push({ fromMs, toMs: performance.now() + 1_000 });
    }
    await pause(1_000);
    const endedMs = performance.now();
    set.ledger.stop();
    await set.ledger.quiet();
    const verdict = await verdictOf(set);
    const some = set.deviceIds.slice(0, 3);
    const bySql = async () => (await readBySql(set.server.ready, some)).filter((row) => row.metric === "a").length;
    const atLeast = await bySql();
    const byApi = (
      await Promise.all(some.map((id) => readByApi(set.administrator, id, "a", startedAt, new Date(Date.now() + 60_000))))
    ).flat();
    const atMost = await bySql();
    const between = set.ledger.latenciesOutside(breaks);
    const wholeMs = endedMs - beganMs - breaks.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
    printFigures("R1", {
      kills: cycles,
      ...verdict,
      restart_to_puback_max_ms: Math.max(...returnsMs),
      puback_p99_ms_between: percentile(between, 99),
      acknowledged_per_second_between: (between.length * 1_000) / wholeMs,
    });
    expect(verdict).toMatchObject(clean);
    expect(verdict.acknowledged).toBeGreaterThan(cycles * (long ? 1_000 : 500));
    // What was under way at the end may be stored at any time.
    expect(byApi.length).toBeGreaterThanOrEqual(atLeast);
    expect(byApi.length).toBeLessThanOrEqual(atMost);
  });

  it("R1: every read shows all that is acknowledged, once, while late readings come, segments are compacted and the server is killed", async () => {
    const set = await setStage(10, { env: { ROOST_COMPACT_AFTER_SECONDS: "1" }, lateDevices: 5 });
    set.ledger.start(500);
    const worst = { ...clean };
    let reads = 0;
    const endMs = performance.now() + (long ? 300_000 : 22_000);
    while (performance.now() < endMs) {
      if (reads % 15 === 14) {
        await set.server.kill();
        set.server = await set.server.restart();
      }
      const due = set.ledger.acknowledgedKeys();
      const verdict = set.ledger.check(await readBySql(set.server.ready, set.deviceIds), due);
      reads += 1;
      for (const fault of ["lost", "duplicate", "phantom", "altered"] as const) worst[fault] = Math.max(worst[fault], verdict[fault]);
      await pause(200);
    }
    set.ledger.stop();
    await set.ledger.quiet();
    const verdict = await verdictOf(set);
    printFigures("R1-compaction", { reads, ...verdict, worst_lost: worst.lost, worst_duplicate: worst.duplicate });
    expect(worst).toEqual(clean);
    expect(verdict).toMatchObject(clean);
  });

  it("R2: survives a killed backend and an immediate stop of PostgreSQL, and holds acknowledgements meanwhile", async () => {
    const cycles = long ? 10 : 4;
    const set = await setStage(10);
    set.ledger.start(500);
    const backsMs: number[] = [];
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      await pause(1_000);
      const due = (cycle + 1) * 250;
      await until("enough is acknowledged", () => set.ledger.acknowledged > due);
      const [postmaster, ...children] = await postgresPids(set.server);
      if (cycle % 2 === 0) {
        const backend = children.find((pid) => commandOf(pid).includes("roost-ingest")) ?? children.at(-1);
        if (backend !== undefined) signal(backend, "SIGKILL");
      } else {
        signal(postmaster, "SIGQUIT");
      }
      const hurtMs = performance.now();
      await until("ingest comes back", () => set.ledger.lastAcknowledgedMs > hurtMs + 200, patienceMs);
      backsMs.push(performance.now() - hurtMs);
      expect(set.server.child.exitCode).toBeNull();
    }
    set.ledger.stop();
    await set.ledger.quiet();
    const verdict = await verdictOf(set);
    printFigures("R2", { crashes: cycles, ...verdict, hurt_to_puback_max_ms: Math.max(...backsMs) });
    expect(verdict).toMatchObject(clean);
    expect(verdict.acknowledged).toBeGreaterThan(1_000);
  });

  it("R3: a frozen database means back-pressure and an honest readiness, not memory growth or false acknowledgements", async () => {
    const frozenMs = long ? 60_000 : 10_000;
    const set = await setStage(10);
    // Only now as impatient as it is by itself: on a machine that is busy with other things a stage takes longer than that to be set.
    await set.server.terminate();
    set.server = await set.server.restart({ ROOST_ANSWER_SECONDS: "4.4" });
    set.ledger.start(500);
    await until("readings come in", () => set.ledger.acknowledged > 100);
    await until("ready", async () => (await fetch(`${set.server.ready.url}/ready`)).status === 200);
    await pause(2_000);
    const beforeMb = rssMb(set.server);
    // The postmaster first: then no child comes that nobody stops.
    const [postmaster] = await postgresPids(set.server);
    signal(postmaster, "SIGSTOP");
    const pids = processTree(postmaster);
    for (const pid of pids.slice(1)) signal(pid, "SIGSTOP");
    const frozenAtMs = performance.now();
    // By then the server has heard all that the database said before it froze, however late its own turn comes.
    const honestMs = await until("readiness says 503", async () => (await fetch(`${set.server.ready.url}/ready`)).status === 503);
    // What it was about to tell us then is still told.
    await until("nothing is on its way to us any more", async () => {
      const before = set.ledger.acknowledged;
      await pause(1_000);
      return set.ledger.acknowledged === before;
    });
    const acknowledgedAfterFreeze = set.ledger.acknowledged;
    expect((await fetch(`${set.server.ready.url}/health`)).status).toBe(200);
    const askedMs = performance.now();
    const answer = await fetch(`${set.server.ready.url}/api/v1/devices`, { headers: { cookie: set.administrator.cookie } });
    const answeredMs = performance.now() - askedMs;
    await pause(Math.max(0, frozenMs - (performance.now() - frozenAtMs)));
    const acknowledgedWhileFrozen = set.ledger.acknowledged - acknowledgedAfterFreeze;
    const grownMb = rssMb(set.server) - beforeMb;
    for (const pid of pids.toReversed()) signal(pid, "SIGCONT");
    const thawedMs = performance.now();
    await until("ingest comes back", () => set.ledger.lastAcknowledgedMs > thawedMs, patienceMs);
    await until("readiness comes back", async () => (await fetch(`${set.server.ready.url}/ready`)).status === 200, patienceMs);
    set.ledger.stop();
    await set.ledger.quiet();
    const verdict = await verdictOf(set);
    printFigures("R3", {
      frozen_ms: frozenMs,
      ...verdict,
      acknowledged_while_frozen: acknowledgedWhileFrozen,
      readiness_503_after_ms: honestMs,
      api_status: answer.status,
      api_ms: answeredMs,
      rss_growth_mb: grownMb,
    });
    expect(acknowledgedWhileFrozen).toBe(0);
    expect(answer.status).toBe(503);
    expect(grownMb).toBeLessThan(150);
    expect(verdict).toMatchObject(clean);
  });

  it("R14: drains on SIGTERM under load, with code 0 and 0x8B for MQTT 5 clients", async () => {
    const cycles = long ? 10 : 4;
    const set = await setStage(10);
    const reasons: number[] = [];
    const watcher = await addClaimedDevice(set.server, set.administrator, "watcher");
    const client = await set.ledger.join(watcher.device.id, watcher.credentials);
    client.on("disconnect", (packet) => reasons.push(packet.reasonCode ?? -1));
    set.ledger.start(1_000);
    const stopsMs: number[] = [];
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      await pause(1_000);
      await until("the watcher is here", () => client.connected);
      const { code, durationMs } = await set.server.terminate();
      expect(code).toBe(0);
      stopsMs.push(durationMs);
      set.server = await set.server.restart();
      const backMs = performance.now();
      await until("ingest comes back", () => set.ledger.lastAcknowledgedMs > backMs, patienceMs);
    }
    set.ledger.stop();
    await set.ledger.quiet();
    const verdict = await verdictOf({ ...set, deviceIds: [...set.deviceIds, watcher.device.id] });
    printFigures("R14", {
      stops: cycles,
      ...verdict,
      stop_max_ms: Math.max(...stopsMs),
      disconnect_reasons: reasons.map((reason) => `0x${reason.toString(16)}`).join(","),
    });
    expect(verdict).toMatchObject(clean);
    expect(reasons.length).toBe(cycles);
    expect(new Set(reasons)).toEqual(new Set([0x8b]));
  });
});
