import { randomBytes } from "node:crypto";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createSeal } from "../../platform/seal.ts";
import { createAudit } from "../audit/audit.ts";
import { createDevices } from "./devices.ts";
import type { Devices } from "./devices.ts";

const log = createLog({ level: "silent", pretty: false });
const seal = createSeal(randomBytes(32));
const organisationId = newId();
const sweepMs = 250;

/** A server's devices on a clock that the test turns; its own timer is never started. */
function createServer(db: Db) {
  const time = { wallMs: Date.UTC(2026, 4, 1), monotonicMs: 1_000_000, hearing: true };
  const clock = { nowMs: () => time.wallMs, monotonicMs: () => time.monotonicMs };
  const devices = createDevices({
    audit: createAudit({ db, clock, log, key: randomBytes(32) }),
    db,
    seal,
    clock,
    log,
    reach: () => ({ host: "x", hosts: [], mqttPort: 1, httpUrl: () => "http://x", caPem: "CA" }),
    isHearing: () => time.hearing,
  });
  return {
    devices,
    time,
    /** Lets time pass as a running server sees it: sweep by sweep. */
    async pass(ms: number): Promise<void> {
      for (let done = 0; done < ms; done += sweepMs) {
        time.monotonicMs += sweepMs;
        time.wallMs += sweepMs;
        await devices.presence.sweepNow();
      }
    },
    heard(id: string): void {
      devices.presence.heard(devices.find(id)?.key ?? -1, time.wallMs);
    },
  };
}

describe("the watch over devices", () => {
  let database: TestDatabase;
  let db: Db;
  let server: ReturnType<typeof createServer>;

  const stateOf = async (id: string, from: Devices = server.devices) => (await from.get({ organisationId }, id)).state;
  const keyOf = (id: string) => server.devices.find(id)?.key ?? -1;

  async function facts(): Promise<string[]> {
    const rows = await db.query<{ text: string }>(sql`
      select e.type || ' ' || e.noun_id || ' ' || (e.data ->> 'reason') as text from events e
      where e.type in ('device.online', 'device.offline') order by e.xact_id, e.id`);
    return rows.map((row) => row.text);
  }

  async function add(id: string, heartbeatSeconds = 10): Promise<void> {
    await server.devices.add({ organisationId }, { id, kind: "generic", heartbeatSeconds });
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Home', 'home')`);
  });
  beforeEach(async () => {
    await db.query(sql`delete from devices`);
    await db.query(sql`delete from events`);
    server = createServer(db);
    await server.devices.refresh();
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("makes a waiting device online when it is heard, offline after three missed heartbeats, and tells its return", async () => {
    await add("coop");
    await server.pass(120_000);
    expect(await stateOf("coop")).toBe("waiting");
    server.heard("coop");
    await server.pass(sweepMs);
    expect(await stateOf("coop")).toBe("online");
    await server.pass(29_500);
    expect(await stateOf("coop")).toBe("online");
    await server.pass(1_000);
    expect(await stateOf("coop")).toBe("offline");
    const silentSince = server.time.wallMs;
    server.heard("coop");
    await server.pass(sweepMs);
    expect(await stateOf("coop")).toBe("online");
    expect(await facts()).toEqual(["device.online coop heard", "device.offline coop silent", "device.online coop heard"]);
    await server.pass(11_000);
    expect((await server.devices.get({ organisationId }, "coop")).lastSeenAt).toEqual(new Date(silentSince));
  });

  it("makes a device offline at once by its last will, and online again by the next sign", async () => {
    await add("coop", 3_600);
    server.heard("coop");
    await server.pass(sweepMs);
    server.devices.presence.status(keyOf("coop"), { state: "offline" }, server.time.wallMs);
    await server.pass(sweepMs);
    expect(await stateOf("coop")).toBe("offline");
    server.devices.presence.status(keyOf("coop"), { state: "online", firmware_version: "2.0.1" }, server.time.wallMs);
    await server.pass(11_000);
    expect(await server.devices.get({ organisationId }, "coop")).toMatchObject({ state: "online", firmwareVersion: "2.0.1" });
    expect(await facts()).toEqual(["device.online coop heard", "device.offline coop last_will", "device.online coop heard"]);
  });

  it("follows the interval a heartbeat declares", async () => {
    await add("fast", 3_600);
    server.devices.presence.heartbeat(keyOf("fast"), { interval: 2 }, server.time.wallMs);
    await server.pass(5_500);
    expect(await stateOf("fast")).toBe("online");
    await server.pass(1_000);
    expect(await stateOf("fast")).toBe("offline");
  });

  it("R9: calls nobody offline or online when the server's wall clock jumps by an hour or a day, either way", async () => {
    await add("coop");
    server.heard("coop");
    await server.pass(1_000);
    for (const jumpMs of [3_600_000, -3_600_000, 86_400_000, -2 * 86_400_000]) {
      server.time.wallMs += jumpMs;
      await server.pass(9_000);
      expect(await stateOf("coop")).toBe("online");
      server.heard("coop");
      await server.pass(1_000);
    }
    expect(await facts()).toEqual(["device.online coop heard"]);
    // And silence is still seen, right after a jump back.
    server.time.wallMs -= 3_600_000;
    await server.pass(31_000);
    expect(await stateOf("coop")).toBe("offline");
  });

  it("blames no device for time in which the server was stopped or took nothing in", async () => {
    await add("coop");
    server.heard("coop");
    await server.pass(1_000);
    // A frozen process: monotonic time went on, nobody listened.
    server.time.monotonicMs += 3_600_000;
    await server.pass(20_000);
    expect(await stateOf("coop")).toBe("online");
    server.time.hearing = false;
    await server.pass(120_000);
    expect(await stateOf("coop")).toBe("online");
    server.time.hearing = true;
    await server.pass(11_000);
    expect(await stateOf("coop")).toBe("offline");
  });

  it("gives every device one whole limit after a restart, and then its due", async () => {
    await add("coop");
    server.heard("coop");
    await server.pass(20_000);
    await server.devices.stop();
    server = createServer(db);
    await server.devices.refresh();
    await server.pass(29_500);
    expect(await stateOf("coop")).toBe("online");
    await server.pass(1_000);
    expect(await stateOf("coop")).toBe("offline");
  });

  it("keeps over a restart the pace that it learnt, so that a slow sender does not flap", async () => {
    await add("slow", 10);
    for (let round = 0; round < 6; round += 1) {
      server.heard("slow");
      await server.pass(60_000);
    }
    const before = (await facts()).length;
    await server.devices.stop();
    server = createServer(db);
    await server.devices.refresh();
    for (let round = 0; round < 6; round += 1) {
      await server.pass(60_000);
      server.heard("slow");
    }
    expect(await facts()).toHaveLength(before);
    expect(before).toBeLessThanOrEqual(3);
  });

  it("settles a storm of 1,000 devices in one statement each way, every fact once", async () => {
    await db.query(sql`
      insert into devices (id, organisation_id, name, kind, heartbeat_seconds)
      select 'storm-' || n, ${organisationId}, 'storm ' || n, 'generic', 10 from generate_series(1, 1000) n`);
    await server.devices.refresh();
    for (let n = 1; n <= 1_000; n += 1) server.heard(`storm-${n}`);
    const startedMs = performance.now();
    await server.pass(sweepMs);
    const onlineMs = performance.now() - startedMs;
    expect(await server.devices.counts({ organisationId })).toMatchObject({ online: 1_000, waiting: 0 });
    await server.pass(31_000);
    expect(await server.devices.counts({ organisationId })).toMatchObject({ online: 0, offline: 1_000 });
    const rows = await db.query<{ type: string; n: number; transactions: number }>(sql`
      select e.type, count(*)::int as n, count(distinct e.xact_id::text)::int as transactions from events e group by e.type order by e.type`);
    expect(rows).toEqual([
      { type: "device.offline", n: 1_000, transactions: 1 },
      { type: "device.online", n: 1_000, transactions: 1 },
    ]);
    process.stdout.write(`presence: 1,000 devices online in ${onlineMs.toFixed(1)} ms\n`);
  });

  it("writes nothing twice and loses nothing while the database is away", async () => {
    await add("coop");
    server.heard("coop");
    await db.query(sql`alter table events rename to events_away`);
    await server.pass(sweepMs);
    expect(await stateOf("coop")).toBe("waiting");
    await db.query(sql`alter table events_away rename to events`);
    await server.pass(3_000);
    expect(await stateOf("coop")).toBe("online");
    expect(await facts()).toEqual(["device.online coop heard"]);
  });

  it("hears a device that speaks while its silence is being written down", async () => {
    await add("coop");
    server.heard("coop");
    await server.pass(sweepMs);
    await server.pass(29_500);
    // Somebody holds the row: the write waits, and the device speaks meanwhile.
    const holder = await db.connect("test-holder");
    await holder.query("begin");
    await holder.query("select 1 from devices where id = 'coop' for update");
    const passing = server.pass(1_000);
    await expect
      .poll(async () => {
        const rows = await db.query(sql`
          select 1 from pg_stat_activity a where a.datname = current_database() and a.wait_event_type = 'Lock'`);
        return rows.length;
      })
      .toBe(1);
    server.heard("coop");
    await holder.query("commit");
    await holder.end();
    await passing;
    await server.pass(sweepMs);
    expect(await stateOf("coop")).toBe("online");
    expect(await facts()).toEqual(["device.online coop heard", "device.offline coop silent", "device.online coop heard"]);
  });

  it("does not call a device offline that another server hears", async () => {
    await add("coop");
    const other = createServer(db);
    await other.devices.refresh();
    server.heard("coop");
    await server.pass(sweepMs);
    await other.devices.refresh();
    for (let round = 0; round < 20; round += 1) {
      server.heard("coop");
      await server.pass(5_000);
      await other.pass(5_000);
    }
    expect(await stateOf("coop")).toBe("online");
    expect(await facts()).toEqual(["device.online coop heard"]);
    // When that server goes, the one that is left sees the silence.
    await other.pass(60_000);
    expect(await stateOf("coop", other.devices)).toBe("offline");
  });

  it("tells nothing of the platform's own device, and nothing of one that was removed meanwhile", async () => {
    await server.devices.ensureHidden(organisationId, "roost-canary", 10);
    await add("goner");
    server.heard("roost-canary");
    server.heard("goner");
    const { key } = server.devices.find("goner") ?? { key: -1 };
    await db.query(sql`delete from devices where id = 'goner'`);
    await server.pass(60_000);
    expect(await facts()).toEqual([]);
    await server.devices.refresh();
    server.devices.presence.heard(key, server.time.wallMs);
    await server.pass(sweepMs);
    expect(await facts()).toEqual([]);
  });

  it("leaves a revoked device revoked, whatever is still on its way", async () => {
    await add("coop");
    server.heard("coop");
    await server.pass(sweepMs);
    await server.devices.revokeCredentials({ organisationId }, "coop");
    server.heard("coop");
    server.devices.presence.status(keyOf("coop"), { state: "offline" }, server.time.wallMs);
    await server.pass(60_000);
    expect(await stateOf("coop")).toBe("revoked");
    expect(await facts()).toEqual(["device.online coop heard"]);
  });
});
