// From an installed start to the first reading stored, and the memory of an idle server with its PostgreSQL.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { pause, until } from "../src/waiting.ts";

const idleSeconds = Number(process.env["ROOST_BENCH_IDLE_SECONDS"] ?? 45);

/** Proportional set size: what a process costs, with shared pages split among those that share them. One that ended meanwhile costs nothing. */
function pssMb(pid: number): number {
  const file = `/proc/${pid}/smaps_rollup`;
  if (!existsSync(file)) return 0;
  return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(file, "utf8"))?.[1] ?? Number.NaN) / 1024;
}

function childrenOf(pid: number): number[] {
  const text = execFileSync("ps", ["-e", "-o", "pid=,ppid="], { encoding: "utf8" });
  const pairs = text
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  const own = pairs.filter(([, parent]) => parent === pid).map(([child]) => child ?? 0);
  return own.flatMap((child) => [child, ...childrenOf(child)]);
}

/** Starts, and answers milliseconds to ready and to a reading that went in by MQTT/TLS, was committed and read back. */
async function timedStart(dataDir: string): Promise<{ server: ServerProcess; readyMs: number; storedMs: number }> {
  const startedMs = performance.now();
  const server = await startServer({ dataDir });
  const readyMs = performance.now() - startedMs;
  await until("the first reading is stored", async () => (await fetch(`${server.ready.url}/ready`)).status === 200, 30_000);
  return { server, readyMs, storedMs: performance.now() - startedMs };
}

const folder = createDataDir();
const first = await timedStart(folder.dataDir);
await first.server.terminate();
const later: { readyMs: number; storedMs: number }[] = [];
let last = await timedStart(folder.dataDir);
later.push(last);
for (let run = 0; run < 2; run += 1) {
  await last.server.terminate();
  last = await timedStart(folder.dataDir);
  later.push(last);
}
await pause(idleSeconds * 1_000);
const server = pssMb(last.server.child.pid ?? 0);
const postgres = childrenOf(last.server.child.pid ?? 0).reduce((sum, pid) => sum + pssMb(pid), 0);
await last.server.terminate();
folder.remove();

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
const storedMs = median(later.map((run) => run.storedMs));
console.log("start and idle memory");
console.log(`  first start, database made     ready ${first.readyMs.toFixed(0)} ms, first reading stored ${first.storedMs.toFixed(0)} ms`);
console.log(
  `  installed start (median of 3)  ready ${median(later.map((run) => run.readyMs)).toFixed(0)} ms, first reading stored ${storedMs.toFixed(0)} ms = ${(storedMs / 3_000).toFixed(2)} of the bar of 3000 ms`,
);
console.log(
  `  idle after ${idleSeconds} s                server ${server.toFixed(0)} MB + PostgreSQL ${postgres.toFixed(0)} MB = ${(server + postgres).toFixed(0)} MB (PSS) = ${((server + postgres) / 250).toFixed(2)} of the bar of 250 MB`,
);
