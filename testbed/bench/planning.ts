// Alarms of many devices that nothing explains: how far planning who is told falls behind the cause, in how many messages, and that all are counted.
// node testbed/bench/planning.ts [--alarms 10000] [--over 0 (seconds in which they are raised)]
import { loadavg } from "node:os";
import { parseArgs } from "node:util";

import { addNotificationTarget } from "@roost/contract/notifications";
import pg from "pg";

import { startCatcher } from "../src/catchers.ts";
import { setUpAdministrator } from "../src/people.ts";
import { processTree, usageOf } from "../src/process-usage.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import { pause, until } from "../src/waiting.ts";

const { values: options } = parseArgs({
  options: { alarms: { type: "string", default: "10000" }, over: { type: "string", default: "0" } },
});
const [alarms, overSeconds] = [Number(options.alarms), Number(options.over)];
const atOnce = overSeconds === 0 ? 1_000 : Math.max(1, Math.ceil(alarms / overSeconds / 10));
const patienceMs = 900_000;

const folder = createDataDir();
const env = { ROOST_EGRESS_ALLOW: "127.0.0.1", ROOST_LOCAL_DEVICE: "false" };
let server = await startServer({ dataDir: folder.dataDir, env });
const catcher = await startCatcher();
const connect = async () => {
  const client = new pg.Client({ host: server.ready.databaseSocketDir, user: "roost", database: "roost" });
  await client.connect();
  return client;
};
let database = await connect();
try {
  const keeper = await setUpAdministrator(server);
  await keeper.call(addNotificationTarget, {
    body: { kind: "webhook", name: "Bench", url: `${catcher.url}/hook`, minSeverity: "info" },
  });
  await database.query(
    `insert into devices (id, organisation_id, name, kind, state)
      select 'apart-' || n, (select o.id from organisations o limit 1), 'Device ' || n, 'generic', 'offline' from generate_series(1, $1::int) n`,
    [alarms],
  );
  await database.query("analyze devices");
  // What was put beside it, the server knows from its next start.
  await database.end();
  await server.terminate();
  server = await startServer({ dataDir: folder.dataDir, env });
  database = await connect();
  await pause(2_000);

  const one = async <Value>(statement: string): Promise<Value | undefined> =>
    (await database.query<{ value: Value }>(statement)).rows[0]?.value;
  const processorSeconds = () => usageOf(processTree(server.child.pid ?? 0)).cpuSeconds;
  const before = processorSeconds();
  const startedMs = performance.now();
  const seconds = () => ((performance.now() - startedMs) / 1_000).toFixed(1);
  const told = () => catcher.caught.reduce((sum, { body }) => sum + ((JSON.parse(body) as { count?: number }).count ?? 1), 0);

  const raise = async () => {
    for (let from = 1; from <= alarms; from += atOnce) {
      await database.query(
        `insert into events (id, organisation_id, type, noun_id, data)
          select gen_random_uuid(), (select o.id from organisations o limit 1), 'device.offline', 'apart-' || n, '{}' from generate_series($1::int, $2::int) n`,
        [from, Math.min(alarms, from + atOnce - 1)],
      );
      await database.query("select pg_notify('roost_facts', '')");
      const aheadMs = ((from + atOnce - 1) / alarms) * overSeconds * 1_000 - (performance.now() - startedMs);
      if (aheadMs > 0) await pause(aheadMs);
    }
    return seconds();
  };
  const first = until("somebody is told", () => catcher.caught.length > 0, patienceMs).then(seconds);
  const caused = await raise();
  await until("all alarms are there", async () => (await one<number>("select count(*)::int as value from alarms")) === alarms, patienceMs);
  const raised = seconds();
  await until(
    "all are planned",
    async () => (await one<number>("select count(*)::int as value from planned_alarms")) === alarms,
    patienceMs,
  );
  const planned = seconds();
  const took = processorSeconds() - before;
  process.stdout.write(
    `${alarms} alarms of as many devices: caused within ${caused} s, on record after ${raised} s, first message after ${await first} s, ` +
      `all planned after ${planned} s (${took.toFixed(0)} s of processor, load ${(loadavg()[0] ?? 0).toFixed(1)})\n`,
  );
  await until("all are told of", () => told() >= alarms, patienceMs);
  process.stdout.write(`all told of after ${seconds()} s: ${catcher.caught.length} messages (bar 50) that count ${told()}\n`);
} finally {
  await database.end().catch(() => undefined);
  await server.terminate();
  await catcher.close();
  folder.remove();
}
