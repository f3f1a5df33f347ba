import { sql } from "@roost/contract/sql";
import { printFigures } from "@roost/testbed/figures";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import type { RawMqtt } from "@roost/testbed/raw-mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";

import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { addDevice, read, startServer } from "../../test-command-server.ts";
import type { TestDevice, TestServer } from "../../test-command-server.ts";

const long = process.env["ROOST_TEST_LONG"] === "1";
const organisationId = newId();
const whose = { organisationId };
let database: TestDatabase;
let db: Db;
let servers: TestServer[];

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb({ connection: database.connection, log: createLog({ level: "silent", pretty: false }) });
  await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Field', 'field')`);
  servers = [await startServer(db), await startServer(db)];
});
afterAll(async () => {
  for (const server of servers) await server.stop();
  await db.close();
  await database.drop();
});

/** The same numbers in each run. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

/**
 * A device as the guide asks for: it notes an id before it confirms, does what it noted, and keeps its answer until that is confirmed. Its link
 * breaks at any point.
 */
class Runner {
  readonly done: string[] = [];
  /** How often each id came. */
  readonly came = new Map<string, number>();
  readonly #answered = new Map<string, boolean>();
  readonly #device: TestDevice;
  readonly #roll: () => number;
  #client: RawMqtt | undefined;
  #isOver = false;

  constructor(device: TestDevice, roll: () => number) {
    this.#device = device;
    this.#roll = roll;
  }

  async run(): Promise<void> {
    while (!this.#isOver) {
      const server = servers[this.#roll() < 0.15 ? 0 : 1] as TestServer;
      const client = await this.#device.listen(server, { keep: this.#roll() < 0.5 });
      this.#client = client;
      await this.#serve(client).catch(() => undefined);
      client.close();
    }
  }

  stop(): void {
    this.#isOver = true;
    this.#client?.close();
  }

  #mayBreak(): void {
    if (this.#roll() < 0.15) throw new Error("The link broke.");
  }

  async #serve(client: RawMqtt): Promise<void> {
    while (!this.#isOver) {
      for (const [id, isTold] of this.#answered) if (!isTold) await this.#work(client, id);
      const packet = await client.next("publish", 6_000);
      const { id } = read(packet);
      this.came.set(id, (this.came.get(id) ?? 0) + 1);
      this.#mayBreak();
      // What comes again is answered again.
      this.#answered.set(id, false);
      client.send({ cmd: "puback", messageId: packet.messageId ?? 0 });
      this.#mayBreak();
    }
  }

  async #work(client: RawMqtt, id: string): Promise<void> {
    if (!this.done.includes(id)) this.done.push(id);
    this.#mayBreak();
    await this.#device.say(client, id, { state: "done" });
    this.#answered.set(id, true);
  }
}

test(
  "R10: commands over links that break anywhere end each once, are done in their order, and none twice",
  { timeout: 600_000 },
  async () => {
    const perDevice = long ? 200 : 8;
    const runners: Runner[] = [];
    const sent: string[][] = [];
    const startedAt = performance.now();
    for (let n = 0; n < 4; n += 1) {
      const device = await addDevice(servers[0] as TestServer, organisationId, `breaks-${n}`);
      await servers[1]?.devices.refresh();
      runners.push(new Runner(device, dice(n + 7)));
      const ids: string[] = [];
      for (let at = 0; at < perDevice; at += 1) {
        const server = servers[at % 2] as TestServer;
        ids.push((await server.commands.send(whose, device.id, { name: "step", params: { at }, expiresInSeconds: 600 })).id);
      }
      sent.push(ids);
    }
    const running = runners.map((runner) => runner.run());
    const open = async () => {
      const [row] = await db.query<{ n: number }>(sql`select count(*)::int as n from commands c where c.ended_at is null`);
      return row?.n ?? 0;
    };
    while ((await open()) > 0) await new Promise((resolve) => setTimeout(resolve, 50));
    for (const runner of runners) runner.stop();
    await Promise.all(running);
    const states = await db.query<{ state: string; n: number }>(sql`select c.state, count(*)::int as n from commands c group by c.state`);
    expect(states).toEqual([{ state: "done", n: 4 * perDevice }]);
    for (const [n, runner] of runners.entries()) expect(runner.done).toEqual(sent[n]);
    const settled = await db.query<{ n: number }>(sql`
    select count(*)::int as n from events e where e.type = 'command.settled' group by e.noun_id having count(*) <> 1`);
    expect(settled).toEqual([]);
    const again = runners.flatMap(({ came }) => [...came.values()]).filter((times) => times > 1).length;
    printFigures("R10", { commands: 4 * perDevice, came_again: again, took_ms: performance.now() - startedAt });
    // Or the links never broke at a point that matters.
    expect(again).toBeGreaterThan(0);
  },
);
