// What the edge adds to a request that is authenticated, authorised and counted (bar: 0.3 ms p95), and a flood of sign-ins beside ingest (bar: 2x p99).
import { fork } from "node:child_process";
import { once } from "node:events";
import { Agent, get, request } from "node:http";
import { fileURLToPath } from "node:url";

import { signIn } from "@roost/contract/auth";
import { deviceTopics } from "@roost/contract/topics";

import { connect } from "../src/device.ts";
import { percentile } from "../src/ledger.ts";
import { addClaimedDevice, setUpAdministrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import { pause } from "../src/waiting.ts";
import { openCluster } from "./store.ts";

const rounds = Number(process.env["ROOST_BENCH_ROUNDS"] ?? 4_000);
const seconds = Number(process.env["ROOST_BENCH_SECONDS"] ?? 8);
const ms = (value: number | undefined) => `${(value ?? Number.NaN).toFixed(3)} ms`;

const blocks = 20;

/** How much later a percentile is, in the middle one of blocks: what else a busy machine did for a moment is in few of them. */
function added(list: readonly number[], base: readonly number[], p: number): number | undefined {
  const length = Math.floor(list.length / blocks);
  const differences = Array.from({ length: blocks }, (_, block) => {
    const part = (all: readonly number[]) => percentile(all.slice(block * length, (block + 1) * length), p) ?? Number.NaN;
    return part(list) - part(base);
  });
  return percentile(differences, 50);
}

async function measureEdge(): Promise<void> {
  const cluster = await openCluster();
  const store = await cluster.openStore("bench_authorise");
  const { host, port, user, database } = store.client;
  const program = fileURLToPath(new URL("../../server/src/modules/auth/test-access-server.ts", import.meta.url));
  const server = fork(program, [JSON.stringify({ host, port, user, database })]);
  const [at] = (await once(server, "message")) as [{ url: string; open: string; guarded: string; cookie: string; secret: string }];
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = async (path: string, headers: Record<string, string>) => {
    const startedMs = performance.now();
    const status = await new Promise<number>((resolve, reject) => {
      get(at.url + path, { headers, agent }, (answer) => answer.resume().once("end", () => resolve(answer.statusCode ?? 0))).once(
        "error",
        reject,
      );
    });
    if (status !== 200) throw new Error(`${path} was answered ${status}.`);
    return performance.now() - startedMs;
  };
  const kinds = {
    "public route": async () => ask(at.open, {}),
    "by session": async () => ask(at.guarded, { cookie: at.cookie }),
    "by API key": async () => ask(at.guarded, { authorization: `Bearer ${at.secret}` }),
  };
  const took = new Map<string, number[]>(Object.keys(kinds).map((name) => [name, []]));
  // One after the other in turn, so that whatever else the machine does meets all of them.
  for (let round = -500; round < rounds; round += 1) {
    for (const [name, one] of Object.entries(kinds)) {
      const tookMs = await one();
      if (round >= 0) took.get(name)?.push(tookMs);
    }
  }
  console.log(`the edge, ${rounds} requests of each kind in turn on one connection`);
  const base = took.get("public route") ?? [];
  for (const [name, list] of took) {
    console.log(`  ${name.padEnd(13)} p50 ${ms(percentile(list, 50))}  p95 ${ms(percentile(list, 95))}`);
    if (list !== base)
      console.log(
        `  ${"".padEnd(13)} adds ${ms(added(list, base, 50))} p50, ${ms(added(list, base, 95))} p95 (median of ${blocks} blocks)`,
      );
  }
  agent.destroy();
  server.disconnect();
  await once(server, "exit");
  await store.close();
  await cluster.close();
}

async function measureFlood(): Promise<void> {
  const folder = createDataDir();
  const server = await startServer({ dataDir: folder.dataDir });
  const administrator = await setUpAdministrator(server);
  const { device, credentials } = await addClaimedDevice(server, administrator, "bench-1");
  const client = await connect(credentials);
  let lastMs = 0;
  /** Publishes a hundred times a second and answers the times until each was acknowledged. */
  async function ingestFor(lengthMs: number): Promise<number[]> {
    const times: number[] = [];
    const open: Promise<void>[] = [];
    const endMs = performance.now() + lengthMs;
    while (performance.now() < endMs) {
      lastMs = Math.max(Date.now(), lastMs + 1);
      const startedMs = performance.now();
      open.push(
        client
          .publishAsync(deviceTopics(device.id).telemetry, `{"timestamp":${lastMs},"a":1}`, { qos: 1 })
          .then(() => void times.push(performance.now() - startedMs)),
      );
      await pause(10);
    }
    await Promise.all(open);
    return times;
  }
  const port = Number(new URL(server.ready.url).port);
  const statuses = new Map<number, number>();
  async function guess(index: number): Promise<void> {
    const body = JSON.stringify({ email: `person${index % 200}@example.org`, password: `guess number ${index}` });
    const headers = { "content-type": "application/json", "content-length": String(body.length) };
    const localAddress = `127.0.1.${1 + (index % 250)}`;
    const status = await new Promise<number>((resolve) => {
      request({ host: "127.0.0.1", port, localAddress, method: "POST", path: signIn.path, headers, agent: false }, (answer) => {
        answer.resume().once("end", () => resolve(answer.statusCode ?? 0));
      })
        .once("error", () => resolve(0))
        .end(body);
    });
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  await ingestFor(2_000);
  const quiet = await ingestFor(seconds * 1_000);
  let sent = 0;
  const startedMs = performance.now();
  const flood: Promise<void>[] = [];
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedMs) / 1_000) * 200);
    for (; sent < due; sent += 1) flood.push(guess(sent));
  }, 5);
  const during = await ingestFor(seconds * 1_000);
  clearInterval(timer);
  const rate = sent / ((performance.now() - startedMs) / 1_000);
  await Promise.all(flood);
  const [base, flooded] = [percentile(quiet, 99) ?? Number.NaN, percentile(during, 99) ?? Number.NaN];
  console.log(`${rate.toFixed(0)} sign-ins/s of 200 accounts from 250 addresses beside 100 messages/s over TLS`);
  console.log(`  answers ${[...statuses].map(([status, count]) => `${status}: ${count}`).join(", ")}`);
  console.log(`  publish to PUBACK p99 ${ms(base)} alone, ${ms(flooded)} beside it: x${(flooded / base).toFixed(2)}`);
  await client.endAsync(true);
  await server.terminate();
  folder.remove();
}

await measureEdge();
await measureFlood();
