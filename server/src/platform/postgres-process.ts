import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readdir, readFile, readlink, realpath, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

import { postgresErrors } from "@roost/contract/postgres";

import type { Log } from "./log.ts";
import type { Account } from "./postgres-account.ts";
import { bareEnvironment } from "./postgres-account.ts";

/** A running postmaster that is our child. */
export interface Postmaster {
  readonly pid: number;
  /** Settles when it is gone, with how it ended and its last words. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly words: string }>;
  /** Fast shutdown of the postmaster and all it started; immediate after `patienceMs`, then the kernel's. No commit is lost by any of them. */
  stop(patienceMs: number): Promise<void>;
}

/**
 * Starts PostgreSQL and waits until it takes connections, however long its recovery takes.
 *
 * @throws {AppError} `postgres.did_not_start`
 */
export async function startPostmaster(options: {
  readonly program: string;
  readonly data: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly account: Account;
  readonly parentDeathSignal: boolean;
  readonly log: Log;
}): Promise<Postmaster> {
  const { program, data, settings, account, parentDeathSignal, log } = options;
  const args = ["-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  const stepDown = account.switched ? [`--reuid=${account.uid}`, `--regid=${account.gid}`, "--clear-groups"] : [];
  const [command, prefix] = parentDeathSignal ? ["setpriv", [...stepDown, "--pdeathsig", "INT", program]] : [program, []];
  const child = spawn(command, [...prefix, ...args], {
    cwd: "/",
    env: bareEnvironment,
    stdio: ["ignore", "ignore", "pipe"],
    // A session of its own: Ctrl-C goes to the whole terminal's group, and would end the database before us.
    detached: true,
    ...(account.switched && !parentDeathSignal ? { uid: account.uid, gid: account.gid } : {}),
  });
  const words: string[] = [];
  const ended = new Promise<Awaited<Postmaster["ended"]>>((resolve) => {
    child.once("error", (error) => resolve({ code: null, signal: null, words: error.message }));
    child.once("close", (code, signal) => resolve({ code, signal, words: words.join("\n") }));
  });
  const ready = new Promise<void>((resolve) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      words.push(line);
      if (words.length > 20) words.shift();
      logLine(log, line);
      if (line.includes("database system is ready to accept connections")) resolve();
    });
  });
  const outcome = await Promise.race([ready, ended]);
  if (outcome !== undefined || child.pid === undefined) throw postgresErrors.did_not_start({ ...outcome });
  return { pid: child.pid, ended, stop: (patienceMs) => stopChild(child, data, ended, patienceMs) };
}

async function stopChild(child: ChildProcess, data: string, ended: Promise<unknown>, patienceMs: number): Promise<void> {
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    child.kill(signal);
    // The frozen hear nothing until they are woken, and the postmaster waits for its own.
    for (const pid of await processesOn(data)) send(pid, "SIGCONT");
    if (await settlesWithin(ended, signal === "SIGINT" ? patienceMs : 3_000)) break;
  }
  await ended;
  for (const pid of await processesOn(data)) send(pid, "SIGKILL");
}

async function settlesWithin(promise: Promise<unknown>, limitMs: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(limitMs, "late", { signal: timer.signal }).catch(() => "stopped");
  const first = await Promise.race([promise.then(() => "settled"), late]);
  timer.abort();
  return first === "settled";
}

const serious = /^(?:XX|53|58)/;
const worthKnowing = /terminated by signal|crash|not properly shut down|interrupted|recovery|redo|exited with exit code/;

// `log_line_prefix` is "%e|": the SQLSTATE tells a broken disk from a broken statement, which its own caller reports.
function logLine(log: Log, line: string): void {
  const [, state = "", severity = "", text = line] = /^([0-9A-Z]{5})\|([A-Z]+):\s+(.*)$/.exec(line) ?? [];
  const fields = { postgres: text, state };
  if (severity === "PANIC" || serious.test(state)) log.error(fields, "postgresql reports a fault");
  else if (severity === "FATAL" && state !== "57P01" && state !== "57P03") log.warn(fields, "postgresql refused");
  else if (severity === "WARNING" || severity === "" || worthKnowing.test(text)) log.warn(fields, "postgresql says");
  else log.debug(fields, "postgresql says");
}

const stopSteps = [
  ["SIGINT", 15_000],
  ["SIGQUIT", 3_000],
  ["SIGKILL", 3_000],
] as const;

/**
 * Ends what an earlier Roost left running on the cluster and clears its lock files; with the folder's lock in hand nobody else can
 * own it. A process id is never believed by itself: it may be a zombie's, or by now another program's.
 *
 * @throws {AppError} `postgres.stale` when something there will not end.
 */
export async function clearStale(data: string, socketFolder: string, log: Log): Promise<void> {
  // Without /proc there is no way to be sure whose id it is: PostgreSQL's own check of its lock file decides.
  if (process.platform !== "linux") return;
  const pidFile = join(data, "postmaster.pid");
  const text = await readFile(pidFile, "utf8").catch(() => "");
  const named = Number(text.split("\n")[0]);
  let left = await processesOn(data);
  if (left.length > 0) {
    log.warn({ folder: data, pids: left }, "stopping a postgresql that an earlier start left running");
    for (const [signal, limitMs] of stopSteps) {
      // The order to shut down is the postmaster's to pass on.
      const told = signal === "SIGINT" && left.includes(named) ? [named] : left;
      for (const pid of told) send(pid, signal);
      for (const pid of left) send(pid, "SIGCONT");
      left = await goneWithin(data, limitMs);
      if (left.length === 0) break;
    }
    if (left.length > 0) throw postgresErrors.stale({ folder: data, pids: left });
  }
  await rm(pidFile, { force: true });
  for (const name of [".s.PGSQL.5432", ".s.PGSQL.5432.lock"]) await rm(join(socketFolder, name), { force: true });
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone, or not ours to end: the next look tells which.
  }
}

async function goneWithin(data: string, limitMs: number): Promise<number[]> {
  const until = performance.now() + limitMs;
  for (;;) {
    const left = await processesOn(data);
    if (left.length === 0 || performance.now() > until) return left;
    await sleep(20);
  }
}

/** PostgreSQL processes at work in the folder: each has it as its working directory from its first moment to its last. Linux only. */
async function processesOn(data: string): Promise<number[]> {
  if (process.platform !== "linux") return [];
  const folder = await realpath(data);
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // A zombie has no working directory any more.
    const cwd = await readlink(`/proc/${name}/cwd`).catch(() => "");
    if (cwd !== folder) continue;
    // Somebody's shell may stand there too.
    const program = basename(await readlink(`/proc/${name}/exe`).catch(() => ""));
    if (program === "postgres" || program === "postgres (deleted)") found.push(Number(name));
  }
  return found;
}
