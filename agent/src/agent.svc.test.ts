import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";

import type { ClaimReply } from "@roost/contract/claim";
import { addDevice, getDevice, renewClaimSecret, revokeCredentials } from "@roost/contract/devices";
import { claim, connect } from "@roost/testbed/device";
import { FaultProxy } from "@roost/testbed/fault-proxy";
import { printFigures } from "@roost/testbed/figures";
import { setUpAdministrator } from "@roost/testbed/people";
import type { Administrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { readBySql } from "@roost/testbed/stored-rows";
import { pause, until } from "@roost/testbed/waiting";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("./main.ts", import.meta.url));
const long = process.env["ROOST_TEST_LONG"] === "1";

const folder = createDataDir();
let server: ServerProcess;
let administrator: Administrator;
beforeAll(async () => {
  server = await startServer({ dataDir: folder.dataDir });
  administrator = await setUpAdministrator(server);
});
afterAll(async () => {
  await server?.terminate();
  folder.remove();
});

const running: AgentProcess[] = [];
const proxies: FaultProxy[] = [];
afterEach(async () => {
  for (const agent of running.splice(0)) await agent.end("SIGKILL");
  for (const proxy of proxies.splice(0)) await proxy.close();
});

interface AgentProcess {
  readonly child: ChildProcess;
  output(): string;
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** The agent as it runs on a host, in a process of its own. */
function startAgentProcess(dataDir: string, env: Readonly<Record<string, string>> = {}): AgentProcess {
  const child = spawn(process.execPath, [program], {
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      ROOST_AGENT_DATA_DIR: dataDir,
      ROOST_AGENT_SAMPLE_SECONDS: "1",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const agent: AgentProcess = {
    child,
    output: () => output,
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return ended;
    },
  };
  running.push(agent);
  return agent;
}

const dirOf = (id: string) => join(folder.dataDir, "..", `agent-${id}`);

async function ticketFor(id: string): Promise<{ readonly file: string; readonly secret: string }> {
  const { ticket } = await administrator.call(addDevice, { body: { id, kind: "linux-host", heartbeatSeconds: 5 } });
  const file = join(folder.dataDir, "..", `${id}.claim`);
  writeFileSync(file, ticket.claimUri.replace(/server=[^&]+/, `server=${encodeURIComponent(server.ready.url)}`));
  return { file, secret: ticket.claimSecret };
}

/** An agent's way to the door that can be hurt: a proxy and what tells the agent of it. */
async function behindProxy(id: string): Promise<{ readonly proxy: FaultProxy; readonly env: Readonly<Record<string, string>> }> {
  const { file } = await ticketFor(id);
  const proxy = await FaultProxy.start({ port: server.ready.mqttPort });
  proxies.push(proxy);
  return { proxy, env: { ROOST_AGENT_CLAIM_FILE: file, ROOST_AGENT_MQTT_HOST: "127.0.0.1", ROOST_AGENT_MQTT_PORT: String(proxy.port) } };
}

/** Ids ever given by the spool: one for each record that was ever kept; and what waits, with when it was measured. */
function everKept(id: string): { kept: number; waiting: number; readings: number; waitingAt: number[] } {
  const db = new DatabaseSync(join(dirOf(id), "spool.db"), { readOnly: true, timeout: 5_000 });
  const kept = db.prepare("select coalesce(max(seq), 0) as n from sqlite_sequence where name = 'records'").get() as { n: number };
  const waiting = db.prepare("select count(*) as n from records").get() as { n: number };
  const readings = db.prepare("select count(*) as n from records where body like '%reading%'").get() as { n: number };
  const samples = db.prepare("select measured_at_ms as at from records where kind = 'sample'").all() as { at: number }[];
  db.close();
  return { kept: kept.n, waiting: waiting.n, readings: readings.n, waitingAt: samples.map(({ at }) => at) };
}

async function storedOf(id: string, metric: string): Promise<number[]> {
  return (await readBySql(server.ready, [id])).filter((row) => row.metric === metric).map((row) => row.measuredAtMs);
}

const stateOf = async (id: string) => (await administrator.call(getDevice, { params: { deviceId: id } })).state;

describe("the agent", () => {
  it("claims itself, is online with real values, keeps its credentials to itself, and says goodbye", async () => {
    const { file } = await ticketFor("pi-hello");
    const agent = startAgentProcess(dirOf("pi-hello"), { ROOST_AGENT_CLAIM_FILE: file });
    const isInNetwork = Object.keys(networkInterfaces()).some((name) => name !== "lo");
    const wanted = ["cpu_used", "memory_used", "memory_available", "disk_used", "disk_free", "load_1m", "uptime"];
    if (isInNetwork) wanted.push("network_received");
    // A rate needs two looks, and there is none between two at which a counter of the kernel stood still or went back.
    await until("every value is stored", async () => {
      const metrics = new Set((await readBySql(server.ready, ["pi-hello"])).map((row) => row.metric));
      return wanted.every((metric) => metrics.has(metric));
    });
    await until("it is online", async () => (await stateOf("pi-hello")) === "online");
    expect(statSync(join(dirOf("pi-hello"), "credentials.json")).mode & 0o777).toBe(0o600);
    expect(await agent.end("SIGTERM")).toBe(0);
    await until("it is offline", async () => (await stateOf("pi-hello")) === "offline");
    // No secret in what it wrote.
    const { password } = (JSON.parse(readFileSync(join(dirOf("pi-hello"), "credentials.json"), "utf8")) as { reply: ClaimReply }).reply
      .mqtt;
    expect(agent.output()).not.toContain(password);
  });

  it("loses and doubles nothing when the link is cut, swallowed and cut again, and when it is killed itself", async () => {
    const id = "pi-faults";
    const { proxy, env } = await behindProxy(id);
    let agent = startAgentProcess(dirOf(id), env);
    const stored = async () => (await storedOf(id, "uptime")).length;
    await until("it is linked", async () => (await stored()) >= 2);
    proxy.cut();
    await until("it came back", () => (agent.output().match(/"linked"/g) ?? []).length >= 2);
    proxy.down = true;
    proxy.cut();
    await until("records wait", () => everKept(id).waiting >= 3);
    await agent.end("SIGKILL");
    const before = everKept(id);
    proxy.down = false;
    agent = startAgentProcess(dirOf(id), env);
    await until("what waited is there", async () => (await stored()) >= before.kept, 60_000);
    expect(agent.output()).toContain("the last run did not end cleanly");
    expect(await agent.end("SIGTERM")).toBe(0);
    const { kept, waitingAt } = everKept(id);
    const at = await storedOf(id, "uptime");
    expect(new Set(at).size).toBe(at.length);
    // One record is the event of the unclean end. What was measured while stopping waits for the next start, and so does what the server
    // has already where its acknowledgement came too late.
    expect(new Set([...at, ...waitingAt]).size).toBe(kept - 1);
  });

  it(
    "R7: brings a long silence's readings to the server once each, gently, while another device's go on",
    { timeout: 400_000 },
    async () => {
      const id = "pi-silent";
      const count = long ? 100_000 : 10_000;
      const { proxy, env } = await behindProxy(id);
      proxy.down = true;
      const early = startAgentProcess(dirOf(id), env);
      await until("it found no server", () => early.output().includes("link.unreachable"));
      await early.end("SIGTERM");
      const db = new DatabaseSync(join(dirOf(id), "spool.db"));
      const startMs = Date.now() - count * 10_000;
      db.exec("begin");
      const insert = db.prepare("insert into records (kind, measured_at_ms, body, bytes) values ('sample', ?, ?, ?)");
      for (let n = 0; n < count; n++) {
        const body = JSON.stringify({ reading: n, temperature: 20 + Math.sin(n / 100) });
        insert.run(startMs + n * 10_000, body, body.length + 80);
      }
      db.exec("commit");
      db.close();

      await ticketFor("pi-other").then(async ({ secret }) => {
        const other = await connect(await claim(server.ready.url, "pi-other", secret));
        const measure = async (untilDone: () => boolean | Promise<boolean>) => {
          const took: number[] = [];
          while (!(await untilDone())) {
            const startedMs = performance.now();
            await other.publishAsync("devices/pi-other/telemetry", JSON.stringify({ live: took.length, timestamp: Date.now() }), {
              qos: 1,
            });
            took.push(performance.now() - startedMs);
            await pause(20);
          }
          return took.toSorted((a, b) => a - b)[Math.floor(took.length * 0.99)] ?? 0;
        };
        let rounds = 0;
        const baseP99 = await measure(() => ++rounds > 100);
        const agent = startAgentProcess(dirOf(id), env);
        proxy.down = false;
        const startedMs = performance.now();
        const duringP99 = await measure(() => everKept(id).readings === 0);
        const tookMs = performance.now() - startedMs;
        const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${agent.child.pid}/status`, "utf8"))?.[1]) / 1024;
        const rows = (await readBySql(server.ready, [id])).filter((row) => row.metric === "reading");
        printFigures("R7", {
          readings: count,
          took_ms: tookMs,
          stored: rows.length,
          agent_peak_mb: peak,
          live_p99_base_ms: baseP99,
          live_p99_ms: duringP99,
        });
        expect(rows).toHaveLength(count);
        expect(new Set(rows.map((row) => row.value)).size).toBe(count);
        expect(rows.every((row) => row.measuredAtMs === startMs + row.value * 10_000)).toBe(true);
        await other.endAsync();
      });
    },
  );

  it("claims again when it was turned away, but only with a new claim secret", async () => {
    const id = "pi-again";
    const { file } = await ticketFor(id);
    const agent = startAgentProcess(dirOf(id), { ROOST_AGENT_CLAIM_FILE: file });
    await until("it is linked", async () => (await storedOf(id, "uptime")).length > 0);
    await administrator.call(revokeCredentials, { params: { deviceId: id } });
    await until("it was refused", () => agent.output().includes("link.refused"));
    expect(agent.output().match(/"claimed"/g)).toHaveLength(1);
    const { claimUri } = await administrator.call(renewClaimSecret, { params: { deviceId: id } });
    writeFileSync(file, claimUri.replace(/server=[^&]+/, `server=${encodeURIComponent(server.ready.url)}`));
    await until("it claimed again", () => agent.output().match(/"claimed"/g)?.length === 2, 60_000);
    const { kept } = everKept(id);
    await until("nothing was lost meanwhile", async () => (await storedOf(id, "uptime")).length >= kept - 1);
  });

  it("throws away credentials from a server that belongs to another authority", async () => {
    const { secret } = await ticketFor("pi-foreign");
    const other = join(folder.dataDir, "..", "foreign.json");
    const ca = readFileSync(join(folder.dataDir, "certificates/server.pem"), "utf8");
    const certificate = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(ca)?.[0];
    writeFileSync(other, JSON.stringify({ server: server.ready.url, device_id: "pi-foreign", claim_secret: secret, ca_pem: certificate }));
    const agent = startAgentProcess(dirOf("pi-foreign"), { ROOST_AGENT_CLAIM_FILE: other });
    await until("it says so", () => agent.output().includes("agent_claim.foreign_ca"));
    expect(await stateOf("pi-foreign")).toBe("waiting");
    await agent.end("SIGTERM");
  });
});
