// A parent fails and 10,000 devices behind it fall silent with it: how fast that is on record, and how many people are told. Beside it, where
// Debian's prometheus-alertmanager is installed, the same storm as alerts with inhibition and grouping.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";

import { addNotificationTarget } from "@roost/contract/notifications";
import pg from "pg";

import { startCatcher } from "../src/catchers.ts";
import type { Catcher } from "../src/catchers.ts";
import { setUpAdministrator } from "../src/people.ts";
import { processTree, usageOf } from "../src/process-usage.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import { pause, until } from "../src/waiting.ts";

const children = Number(process.env["ROOST_BENCH_CHILDREN"] ?? 10_000);
/** How long is waited for messages that should not come. */
const listenSeconds = Number(process.env["ROOST_BENCH_LISTEN_SECONDS"] ?? 75);
const atOnce = 1_000;
const cores = availableParallelism();

/** What a process and those it started use, in MB and in seconds of one core. */
function usage(pid: number): { readonly mb: string; readonly cpuSeconds: number } {
  const { memoryBytes, cpuSeconds } = usageOf(processTree(pid));
  return { mb: (memoryBytes / 1_048_576).toFixed(0), cpuSeconds };
}

function shuffled(ids: readonly string[]): string[] {
  const all = [...ids];
  let seed = 7;
  for (let at = all.length - 1; at > 0; at -= 1) {
    seed = (seed * 48_271) % 2_147_483_647;
    const other = seed % (at + 1);
    [all[at], all[other]] = [all[other] ?? "", all[at] ?? ""];
  }
  return all;
}

async function roost(): Promise<void> {
  const folder = createDataDir();
  const start = () => startServer({ dataDir: folder.dataDir, env: { ROOST_EGRESS_ALLOW: "127.0.0.1", ROOST_LOCAL_DEVICE: "false" } });
  let server = await start();
  const connect = async () => {
    const client = new pg.Client({ host: server.ready.databaseSocketDir, user: "roost", database: "roost" });
    await client.connect();
    return client;
  };
  let sql = await connect();
  const catcher = await startCatcher();
  try {
    const administrator = await setUpAdministrator(server);
    const { rows } = await sql.query<{ id: string }>("select o.id from organisations o limit 1");
    const organisationId = rows[0]?.id ?? "";
    const call = administrator.call;
    await call(addNotificationTarget, { body: { kind: "webhook", name: "Bench", url: `${catcher.url}/hook`, minSeverity: "info" } });
    const ids = Array.from({ length: children }, (_, n) => `child-${n}`);
    await sql.query("insert into devices (id, organisation_id, name, kind, state) values ('parent', $1, 'parent', 'generic', 'offline')", [
      organisationId,
    ]);
    await sql.query(
      "insert into devices (id, organisation_id, name, kind, parent_id, state) select n, $1, n, 'generic', 'parent', 'offline' from unnest($2::text[]) as n",
      [organisationId, ids],
    );
    await sql.query("analyze devices");
    // What was put beside it, the server knows from its next start.
    await sql.end();
    await server.terminate();
    server = await start();
    sql = await connect();
    await pause(2_000);
    console.log(`  Roost: ${usage(server.child.pid ?? 0).mb} MB with its PostgreSQL before`);

    const say = async (type: string, some: readonly string[]) => {
      for (let at = 0; at < some.length; at += atOnce) {
        const part = some.slice(at, at + atOnce);
        await sql.query(
          `insert into events (id, organisation_id, type, noun_id, data) select i, $1, $2, n, '{}' from unnest($3::uuid[], $4::text[]) as u (i, n)`,
          [organisationId, type, part.map(nextId), part],
        );
      }
      await sql.query("select pg_notify('roost_facts', '')");
    };
    const count = async (where: string) =>
      (
        await sql.query<{ n: number }>(
          `select count(*)::int as n from alarms a where (a.device_id = 'parent' or a.device_id like 'child-%') and ${where}`,
        )
      ).rows[0]?.n ?? 0;

    for (const order of ["parent first", "any order"] as const) {
      catcher.forget();
      const storm = order === "parent first" ? ["parent", ...ids] : shuffled(["parent", ...ids]);
      const before = usage(server.child.pid ?? 0).cpuSeconds;
      const startedMs = performance.now();
      const told = until("somebody is told", () => catcher.caught.length > 0, 300_000).then(() => performance.now() - startedMs);
      await say("device.offline", storm);
      await until("all alarms are there", async () => (await count("a.state <> 'cleared'")) === children + 1, 300_000);
      const seconds = (performance.now() - startedMs) / 1_000;
      const cpu = usage(server.child.pid ?? 0).cpuSeconds - before;
      const toldMs = await told;
      await pause(listenSeconds * 1_000);
      const muted = await count("a.state <> 'cleared' and a.muted_by = 'parent'");
      console.log(
        `  Roost, ${order}: ${((children + 1) / seconds).toFixed(0)} transitions/s (bar 2000; ${(((children + 1) / cpu) * cores).toFixed(0)} by the processor time it took of ${cores} cores, load ${(loadavg()[0] ?? 0).toFixed(1)}), first webhook after ${toldMs.toFixed(0)} ms, ${catcher.caught.length} notifications (bar 1), ${muted} muted, ${usage(server.child.pid ?? 0).mb} MB with its PostgreSQL`,
      );
      if (order === "any order") break;
      catcher.forget();
      const backMs = performance.now();
      await say("device.online", ["parent", ...ids]);
      await until("all alarms are over", async () => (await count("a.state <> 'cleared'")) === 0, 300_000);
      const back = (performance.now() - backMs) / 1_000;
      await pause(listenSeconds * 1_000);
      console.log(`  Roost, all back: ${((children + 1) / back).toFixed(0)} transitions/s, ${catcher.caught.length} notifications (bar 1)`);
      await sql.query("delete from alarms");
    }
  } finally {
    await sql.end().catch(() => undefined);
    await server.terminate();
    await catcher.close();
    folder.remove();
  }
}

let ticks = 0;
/** A UUID v7 of now that sorts after those made before. */
function nextId(): string {
  const hex = Date.now().toString(16).padStart(12, "0");
  ticks += 1;
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${ticks.toString(16).padStart(12, "0")}`;
}

const alertmanager = ["/usr/bin/prometheus-alertmanager", "/usr/local/bin/alertmanager"].find((path) => existsSync(path));

/** The same storm, with the inhibition and grouping that its documentation advises. */
async function peer(program: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "roost-bench-alertmanager-"));
  const catcher: Catcher = await startCatcher();
  catcher.otherwise({ status: 200 });
  const config = `route:
  receiver: hook
  group_by: [network]
  group_wait: 1s
  group_interval: 5s
  repeat_interval: 1h
receivers:
  - name: hook
    webhook_configs:
      - url: ${catcher.url}/hook
        send_resolved: true
inhibit_rules:
  - source_matchers: [ alertname = ParentDown ]
    target_matchers: [ alertname = DeviceOffline ]
    equal: [ parent ]
`;
  writeFileSync(join(folder, "config.yml"), config);
  const port = 29_093;
  const child: ChildProcess = spawn(
    program,
    [
      `--config.file=${folder}/config.yml`,
      `--storage.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--cluster.listen-address=",
      "--log.level=error",
    ],
    { stdio: "ignore" },
  );
  const url = `http://127.0.0.1:${port}`;
  try {
    await until("Alertmanager is ready", async () => (await fetch(`${url}/-/ready`).catch(() => undefined))?.status === 200, 20_000);
    console.log(`  Alertmanager: ${usage(child.pid ?? 0).mb} MB before`);
    const names = ["parent", ...Array.from({ length: children }, (_, n) => `child-${n}`)];
    for (const order of ["parent first", "any order"] as const) {
      catcher.forget();
      const network = order.replace(" ", "-");
      const storm = order === "parent first" ? names : shuffled(names);
      const startedMs = performance.now();
      for (let at = 0; at < storm.length; at += atOnce) {
        const alerts = storm.slice(at, at + atOnce).map((name) => ({
          labels: {
            alertname: name === "parent" ? "ParentDown" : "DeviceOffline",
            instance: name,
            parent: "parent",
            network,
            severity: "warning",
          },
          startsAt: new Date().toISOString(),
        }));
        const answer = await fetch(`${url}/api/v2/alerts`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(alerts),
        });
        if (answer.status !== 200) throw new Error(`Alertmanager answered ${answer.status}.`);
      }
      const takenSeconds = (performance.now() - startedMs) / 1_000;
      await until("the webhook is called", () => catcher.caught.length > 0, 60_000);
      const toldMs = performance.now() - startedMs;
      await pause(Math.min(listenSeconds, 20) * 1_000);
      const bytes = catcher.caught.reduce((sum, { body }) => sum + body.length, 0);
      const alerts = catcher.caught.map(({ body }) => (JSON.parse(body) as { alerts: unknown[] }).alerts.length);
      console.log(
        `  Alertmanager, ${order}: ${(storm.length / takenSeconds).toFixed(0)} alerts/s taken (in memory), first webhook after ${toldMs.toFixed(0)} ms (group_wait 1 s), ${catcher.caught.length} notifications of ${alerts.join(" + ")} alerts, ${(bytes / 1_024).toFixed(0)} kB, ${usage(child.pid ?? 0).mb} MB`,
      );
    }
  } finally {
    child.kill("SIGTERM");
    await new Promise((resolve) => child.once("exit", resolve));
    await catcher.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

console.log(`storm: ${children} devices behind one that fails`);
await roost();
if (alertmanager === undefined) console.log("  Alertmanager is not here. On Debian: apt-get install prometheus-alertmanager");
else await peer(alertmanager);
