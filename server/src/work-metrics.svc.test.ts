import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createRegistrations } from "./modules/devices/registrations.ts";
import { createDb } from "./platform/db.ts";
import type { Db } from "./platform/db.ts";
import { createDispatch } from "./platform/events.ts";
import type { Dispatch } from "./platform/events.ts";
import { createMetrics } from "./platform/http/metrics.ts";
import { newId } from "./platform/id.ts";
import { createJobs } from "./platform/jobs.ts";
import type { Jobs } from "./platform/jobs.ts";
import { createLog } from "./platform/log.ts";
import { addDevice, reach, startServer, take } from "./test-command-server.ts";
import type { TestServer } from "./test-command-server.ts";
import { countWork } from "./work-metrics.ts";

describe("figures of what somebody waits for", () => {
  const organisationId = newId();
  const whose = { organisationId };
  const log = createLog({ level: "silent", pretty: false });
  const metrics = createMetrics({ processMetrics: false });
  let database: TestDatabase;
  let db: Db;
  let server: TestServer;
  let dispatch: Dispatch;
  let jobs: Jobs;
  let isKitWell = true;

  /** What a scrape shows of a metric, by its labels. */
  async function shown(name: string): Promise<Record<string, number>> {
    const { text } = await metrics.expose();
    const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return Object.fromEntries(
      lines.map((line) => [line.slice(name.length, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
    );
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Field', 'field')`);
    server = await startServer(db);
    dispatch = await createDispatch({ db, handlers: [], observe: (fact) => server.commands.observe(fact), log });
    const works = { name: "test.works", everySeconds: 86_400, run: async () => Promise.resolve() };
    const fails = { name: "test.fails", everySeconds: 86_400, retryLimit: 0, run: async () => Promise.reject(new Error("no")) };
    jobs = createJobs({ db, log, jobs: [works, fails], pollSeconds: 0.1 });
    const registrations = createRegistrations({
      db,
      audit: { record: async () => Promise.resolve() },
      devices: server.devices,
      reach: () => {
        throw new Error("Nobody asks to be let in here.");
      },
      kinds: ["garden-node"],
      log,
    });
    countWork(metrics, {
      commands: server.commands,
      registrations,
      jobs,
      kits: { health: () => [{ kit: "garden", isWell: isKitWell }] },
    });
    await jobs.start();
  });
  afterAll(async () => {
    await jobs.stop();
    await dispatch.close();
    await server.stop();
    await db.close();
    await database.drop();
  });

  it("CO-65: count commands by how they end, and those that have not, from 0 on", async () => {
    expect(await shown("roost_commands_ended_total")).toEqual({
      '{end="done"}': 0,
      '{end="failed"}': 0,
      '{end="expired"}': 0,
      '{end="cancelled"}': 0,
      '{end="unanswered"}': 0,
    });
    const device = await addDevice(server, organisationId, "pi-1");
    const send = async (name: string) => (await server.commands.send(whose, device.id, { name, params: {} })).id;
    const [first, second, third] = [await send("one"), await send("two"), await send("three")];
    expect(await shown("roost_commands_open")).toEqual({
      '{state="queued"}': 3,
      '{state="delivered"}': 0,
      '{state="accepted"}': 0,
      '{state="running"}': 0,
    });
    const client = await device.listen(server);
    await take(client);
    await reach(db, first, "delivered");
    expect((await shown("roost_commands_open"))['{state="delivered"}']).toBe(1);
    await device.say(client, first, { state: "done" });
    await take(client);
    await device.say(client, second, { state: "failed", code: "jammed" });
    await take(client);
    await device.say(client, third, { state: "accepted" });
    client.close();
    expect(await shown("roost_commands_overdue")).toEqual({ "": 0 });
    // Nobody looks after this one: it is due, and the server that should end it has not come to it.
    await db.query(sql`update commands set due_at = now() - interval '1 hour' where id = ${third}`);
    await server.commands.look();
    await reach(db, third, "unanswered");
    await dispatch.settle();
    expect(await shown("roost_commands_sent_total")).toEqual({ "": 3 });
    expect(await shown("roost_commands_ended_total")).toMatchObject({
      '{end="done"}': 1,
      '{end="failed"}': 1,
      '{end="unanswered"}': 1,
      '{end="expired"}': 0,
    });
    expect(Object.values(await shown("roost_commands_open"))).toEqual([0, 0, 0, 0]);
  });

  it("CO-65: show a command whose end is overdue while nobody ends it", async () => {
    await server.commands.close();
    await db.query(sql`
      insert into commands (id, organisation_id, device_id, name, params, by_kind, by_id, by_name, expires_at, due_at)
      values (${newId()}, ${organisationId}, 'pi-1', 'late', '{}', 'person', 'p', 'p', now() - interval '1 hour', now() - interval '1 hour')`);
    expect(await shown("roost_commands_overdue")).toEqual({ "": 1 });
  });

  it("R11, GA-31: count runs of jobs, show what waits for somebody, and which kit is unwell", async () => {
    await jobs.runNow("test.works");
    await jobs.runNow("test.fails").catch(() => undefined);
    const runs = await shown("roost_jobs_runs_total");
    expect(runs['{job="test.works",end="done"}']).toBeGreaterThanOrEqual(1);
    expect(runs['{job="test.works",end="failed"}']).toBe(0);
    expect(runs['{job="test.fails",end="failed"}']).toBeGreaterThanOrEqual(1);
    expect(Object.keys(await shown("roost_jobs_open"))).toEqual(['{state="waiting"}', '{state="running"}', '{state="retrying"}']);
    expect(await shown("roost_registrations_waiting")).toEqual({ "": 0 });
    await db.query(sql`
      insert into registrations (id, organisation_id, device_id, mac, kind, secret_hash, wrong_code, remote_address, counted_as, times, first_at, expires_at)
      values (${newId()}, ${organisationId}, 'node-1', 'aabbccddeeff', 'garden-node', decode(repeat('00', 32), 'hex'), false, '127.0.0.1', '127.0.0.1', 1, now(),
        now() + interval '1 hour')`);
    expect(await shown("roost_registrations_waiting")).toEqual({ "": 1 });
    expect(await shown("roost_kits_well")).toEqual({ '{kit="garden"}': 1 });
    isKitWell = false;
    expect(await shown("roost_kits_well")).toEqual({ '{kit="garden"}': 0 });
  });
});
