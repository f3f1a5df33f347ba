// How long people wait for their alarms beside 100,000 open ones: acknowledge, list, counts, over HTTP of a running server.
// node testbed/bench/alarms.ts [--open 100000] [--rounds 200]
import { parseArgs } from "node:util";

import { acknowledgeAlarm, acknowledgeAlarms, countAlarms, listAlarms } from "@roost/contract/alarms";
import { listIncidents } from "@roost/contract/incidents";
import pg from "pg";

import { setUpAdministrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import { quantile } from "./store.ts";

const { values: options } = parseArgs({
  options: { open: { type: "string", default: "100000" }, rounds: { type: "string", default: "200" } },
});
const [open, rounds] = [Number(options.open), Number(options.rounds)];
const warmUp = 20;

const folder = createDataDir({ onDisk: true });
const server = await startServer({ dataDir: folder.dataDir });
try {
  const keeper = await setUpAdministrator(server);
  const database = new pg.Client({ host: server.ready.databaseSocketDir ?? "", user: "roost", database: "roost" });
  await database.connect();
  await database.query(`
    with org as (select id from organisations order by created_at limit 1)
    insert into devices (id, organisation_id, name, kind)
    select 'bench-' || n, org.id, 'Device ' || n, 'generic' from org, generate_series(1, 1000) n`);
  const ofMany = (count: number, state: string) =>
    database.query(
      `with org as (select id from organisations order by created_at limit 1)
      insert into alarms (id, organisation_id, source, type, device_id, kind, severity, worst_severity, state, holds, metric, threshold, value,
        raised_at, last_at, turned_at, cleared_at)
      select gen_random_uuid(), org.id, 'bench-' || 1 + n % 1000, $2 || n, 'bench-' || 1 + n % 1000, 'above', s, s, $2, $2 <> 'cleared', 'temperature', 30, 31,
        now() - n * interval '7 seconds', now(), now(), case when $2 = 'cleared' then now() end
      from org, generate_series(1, $1::int) n, lateral (select (array['info', 'warning', 'minor', 'major', 'critical'])[1 + n % 5] as s) x`,
      [count, state],
    );
  await ofMany(open, "raised");
  await ofMany(open / 2, "cleared");
  await database.query("analyze");
  const ids = (await database.query<{ id: string }>("select id from alarms where state = 'raised' order by random() limit 5000")).rows.map(
    ({ id }) => id,
  );

  let next = 0;
  const page = (query: object) => () => keeper.call(listAlarms, { query: { limit: 50, ...query } });
  const deep = await keeper.call(listAlarms, { query: { limit: 200, sort: "worst" } });
  const asked: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["acknowledge (the bar: p95 <= 50 ms)", () => keeper.call(acknowledgeAlarm, { params: { alarmId: ids[(next += 1)] ?? "" }, body: {} })],
    ["list page, newest first (the bar: p95 <= 100 ms)", page({})],
    ["list page, worst first", page({ sort: "worst" })],
    ["list page of 200, worst first", page({ sort: "worst", limit: 200 })],
    ["second page of 200, worst first", page({ sort: "worst", limit: 200, cursor: deep.next })],
    ["list page, critical and major", page({ sort: "worst", severity: ["critical", "major"] })],
    ["list page, unacknowledged", page({ state: "unacknowledged" })],
    ["list page, of one device", page({ deviceId: "bench-77" })],
    ["list page, by words that few have", page({ q: "Device 777" })],
    ["list page, cleared", page({ state: "cleared" })],
    ["counts by severity, state and mute", () => keeper.call(countAlarms, { query: {} })],
    ["incidents", () => keeper.call(listIncidents, { query: {} })],
  ];
  const times = new Map(asked.map(([name]) => [name, [] as number[]]));
  for (let round = -warmUp; round < rounds; round += 1) {
    for (const [name, ask] of asked) {
      const startedMs = performance.now();
      await ask();
      if (round >= 0) times.get(name)?.push(performance.now() - startedMs);
    }
  }
  process.stdout.write(`${open} open alarms, ${open / 2} cleared, ${rounds} rounds\n`);
  for (const [name, taken] of times) {
    const all = taken.toSorted((a, b) => a - b);
    const at = (share: number) => quantile(all, share).toFixed(1).padStart(7);
    process.stdout.write(`${name.padEnd(52)} p50 ${at(0.5)} ms   p95 ${at(0.95)} ms   p99 ${at(0.99)} ms\n`);
  }
  const many = ids.slice(-1_000);
  const startedMs = performance.now();
  const { items } = await keeper.call(acknowledgeAlarms, { body: { alarmIds: many } });
  process.stdout.write(
    `${items.filter(({ done }) => done).length} acknowledged at once in ${(performance.now() - startedMs).toFixed(0)} ms\n`,
  );
  await database.end();
} finally {
  await server.terminate();
  folder.remove();
}
