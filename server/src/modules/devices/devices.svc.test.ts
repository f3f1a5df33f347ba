import { randomBytes } from "node:crypto";

import { claimRequest } from "@roost/contract/claim";
import { createClient } from "@roost/contract/client";
import * as contract from "@roost/contract/devices";
import { rolePermissions } from "@roost/contract/permissions";
import type { Role } from "@roost/contract/permissions";
import { sql } from "@roost/contract/sql";
import { claimBody } from "@roost/testbed/device";
import { patientLimits } from "@roost/testbed/patience";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createDispatch } from "../../platform/events.ts";
import { createHttp } from "../../platform/http/http.ts";
import type { Http } from "../../platform/http/http.ts";
import { readRateTable } from "../../platform/http/limits.ts";
import { createMetrics } from "../../platform/http/metrics.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createRateLimits } from "../../platform/rate-limits.ts";
import { createSeal } from "../../platform/seal.ts";
import { createAudit } from "../audit/audit.ts";
import { mountDevices } from "./device-routes.ts";
import { createDevices } from "./devices.ts";
import type { Devices, Reach } from "./devices.ts";

const log = createLog({ level: "silent", pretty: false });
const seal = createSeal(randomBytes(32));
const reach: Reach = {
  host: "roost.example.org",
  hosts: ["roost.example.org", "127.0.0.1"],
  mqttPort: 8883,
  httpUrl: (host) => `http://${host}:8080`,
  caPem: "CA",
};

describe("devices", () => {
  let database: TestDatabase;
  let db: Db;
  let devices: Devices;
  let http: Http;
  let url: string;
  const organisations: Record<"home" | "neighbour", string> = { home: newId(), neighbour: newId() };

  /** Moves on its own where a test needs another time. */
  let aheadMs = 0;
  const clock = { nowMs: () => systemClock.nowMs(), monotonicMs: () => systemClock.monotonicMs() + aheadMs };
  const make = (own = db) =>
    createDevices({
      audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
      db: own,
      seal,
      clock,
      log,
      reach: () => reach,
    });

  /** A person of an organisation with a role, as the sign-in would hand them over. */
  function as(role: Role, organisation: keyof typeof organisations = "home") {
    return createClient({ baseUrl: url, token: `${role}:${organisation}`, fetch: (to, init) => fetch(to, init) });
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    for (const [name, id] of Object.entries(organisations)) {
      await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${name}, ${name})`);
    }
    devices = make();
    await devices.start();
    http = createHttp({
      limits: patientLimits,
      config: { ROOST_HTTP_HOST: "127.0.0.1", ROOST_HTTP_PORT: 0, ROOST_PUBLIC_URL: undefined, ROOST_TRUSTED_PROXIES: [] },
      clock: systemClock,
      log,
      metrics: createMetrics({ processMetrics: false }),
      authenticate: {
        device: async () => undefined,
        async person({ headers }) {
          const [, role, organisation] = /^Bearer (\w+):(\w+)$/.exec(String(headers["authorization"])) ?? [];
          if (role === undefined) return undefined;
          return {
            kind: "person",
            id: "p1",
            name: "anna@example.org",
            organisationId: organisations[organisation as keyof typeof organisations],
            permissions: new Set(rolePermissions[role as Role]),
            signal: new AbortController().signal,
            hold: () => () => undefined,
          };
        },
      },
      webRoot: "/nonexistent",
      // What is refused here is refused for its own sake, not because one person asks too often.
      rateLimits: createRateLimits({
        clock: systemClock,
        log,
        metrics: createMetrics({ processMetrics: false }),
        rates: readRateTable(["changes=100000/min", "looks=100000/min"]),
      }),
    });
    mountDevices(http.mount, devices, {
      latestOf: async (keys) =>
        new Map(
          keys.map((key) => [
            key,
            [{ metric: "temperature", unit: "°C", value: key, measuredAt: new Date(), receivedAt: new Date(), quality: "ok" as const }],
          ]),
        ),
      openCounts: async (ids) => new Map(ids.slice(0, 1).map((id) => [id, 2])),
    });
    ({ url } = await http.listen());
  });
  beforeEach(async () => {
    aheadMs = 0;
    await db.query(sql`delete from devices`);
    await devices.refresh();
  });
  afterAll(async () => {
    await http.close();
    await devices.stop();
    await db.close();
    await database.drop();
  });

  async function claimed(id: string, organisation: keyof typeof organisations = "home") {
    const { ticket } = await devices.add({ organisationId: organisations[organisation] }, { id, kind: "generic", heartbeatSeconds: 60 });
    const { answer } = await devices.claim(claimRequest.parse(claimBody(id, ticket.claimSecret)), undefined);
    return { username: answer.mqtt.username, password: answer.mqtt.password };
  }

  it("are added with an id of their own or a readable one, and a claim secret that is shown once", async () => {
    const call = as("admin");
    const own = await call(contract.addDevice, { body: { id: "Coop-1", name: 'Coop <1> & "sons"' } });
    expect(own.device).toMatchObject({ id: "coop-1", name: 'Coop <1> & "sons"', state: "waiting", kind: "generic", heartbeatSeconds: 60 });
    // The request came by loopback: the label is for a device elsewhere, so it names the installation's own host.
    expect(own.ticket.claimUri).toBe(
      `roost:claim?server=http%3A%2F%2Froost.example.org%3A8080&device=coop-1&secret=${own.ticket.claimSecret}`,
    );
    const made = await call(contract.addDevice, { body: { name: "Grüner Käfig 2" } });
    expect(made.device.id).toMatch(/^gruner-kafig-2-[2-9a-z]{5}$/);
    expect((await call(contract.addDevice, { body: {} })).device.id).toMatch(/^device-[2-9a-z]{5}$/);
    await expect(call(contract.addDevice, { body: { id: "COOP-1" } })).rejects.toMatchObject({ code: "devices.already_exists" });
    expect(JSON.stringify(await call(contract.getDevice, { params: { deviceId: "coop-1" } }))).not.toContain(own.ticket.claimSecret);
  });

  it("CO-56: are called what people call them, quotes and words of query languages too", async () => {
    const call = as("admin");
    const names = ["O'Brien's hens", "select * from coops; --", "../etc/passwd", "${jndi:ldap://x}", "Robert'); drop table devices;"];
    for (const name of names) {
      const { device } = await call(contract.addDevice, { body: { name } });
      expect(device.name).toBe(name);
      expect((await call(contract.getDevice, { params: { deviceId: device.id } })).name).toBe(name);
      expect((await call(contract.listDevices, { query: { q: name } })).items.map(({ id }) => id)).toEqual([device.id]);
      await call(contract.removeDevice, { params: { deviceId: device.id }, query: { confirm: device.id } });
    }
  });

  it("are listed by name whatever its case, page by page, with counts, newest values and open alarms", async () => {
    for (const name of ["delta", "Alpha", "bravo", "İstanbul", "Charlie", "bravo"]) {
      await devices.add({ organisationId: organisations.home }, { name, kind: "generic", heartbeatSeconds: 60 });
    }
    await devices.add({ organisationId: organisations.neighbour }, { name: "theirs", kind: "generic", heartbeatSeconds: 60 });
    await devices.ensureHidden(organisations.home, "hidden-one", 60);
    const call = as("viewer");
    const all = await call(contract.listDevices, { query: {} });
    expect(all.items.map((device) => device.name.toLowerCase()).slice(0, 5)).toEqual(["alpha", "bravo", "bravo", "charlie", "delta"]);
    expect(all.counts).toEqual({ waiting: 6, online: 0, offline: 0, revoked: 0 });
    expect(all.items[0]).toMatchObject({
      openAlarms: 2,
      latest: [{ metric: "temperature", value: devices.find(all.items[0]?.id ?? "")?.key }],
    });
    const paged: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await call(contract.listDevices, { query: { limit: 2, ...(cursor === undefined ? {} : { cursor }) } });
      paged.push(...page.items.map((device) => device.id));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(paged).toEqual(all.items.map((device) => device.id));
    const found = await call(contract.listDevices, { query: { q: "BRAV" } });
    expect(found.items).toHaveLength(2);
    expect(found.counts.waiting).toBe(2);
    expect((await call(contract.listDevices, { query: { state: "online" } })).items).toEqual([]);
    for (const q of ["%", "_", "\\", "'; drop table devices"]) {
      expect((await call(contract.listDevices, { query: { q } })).items).toEqual([]);
    }
    await expect(call(contract.listDevices, { query: { q: "\0" } })).rejects.toMatchObject({ code: "http.invalid" });
    await expect(call(contract.listDevices, { query: { cursor: "eA" } })).rejects.toMatchObject({ code: "http.invalid" });
  });

  it("CO-57: rotate credentials without downtime: the new one works at once, the old one until the overlap ends, and no longer", async () => {
    const old = await claimed("rotor");
    const held = await devices.authenticateDevice(old);
    const rotated = await as("admin")(contract.rotateCredentials, { params: { deviceId: "rotor" }, body: { overlapSeconds: 60 } });
    const fresh = { username: rotated.username, password: rotated.password };
    expect(rotated.oldValidUntil?.getTime()).toBeGreaterThan(Date.now());
    expect((await devices.authenticateDevice(fresh))?.device.id).toBe("rotor");
    expect((await devices.authenticateDevice(old))?.device.id).toBe("rotor");
    aheadMs = 30_000;
    expect(held?.ended).toBe(false);
    aheadMs = 61_000;
    expect(held?.ended).toBe(true);
    // The database says the same, once its clock is there.
    await db.query(sql`update device_credentials set expires_at = now() - interval '1 s' where expires_at is not null`);
    expect(await devices.authenticateDevice(old)).toBeUndefined();
    expect((await devices.authenticateDevice(fresh))?.device.id).toBe("rotor");
    const rows = await db.query<{ text: string }>(
      sql`select k::text as text from device_credentials k union all select e::text from events e`,
    );
    expect(rows.map((row) => row.text).join()).not.toContain(fresh.password);
  });

  it("CO-57: a rotation does not lengthen what an earlier one let end", async () => {
    const old = await claimed("rotor-2");
    const call = as("admin");
    const first = await call(contract.rotateCredentials, { params: { deviceId: "rotor-2" }, body: { overlapSeconds: 100 } });
    await call(contract.rotateCredentials, { params: { deviceId: "rotor-2" }, body: { overlapSeconds: 3_600 } });
    const [row] = await db.query<{ soon: number; all: number }>(sql`
      select count(*) filter (where c.expires_at < now() + interval '101 s')::int as soon, count(*)::int as all from device_credentials c where c.device_id = 'rotor-2'`);
    expect(row).toEqual({ soon: 1, all: 3 });
    expect((await devices.authenticateDevice({ username: "rotor-2", password: first.password }))?.device.id).toBe("rotor-2");
    expect((await devices.authenticateDevice(old))?.device.id).toBe("rotor-2");
    await call(contract.rotateCredentials, { params: { deviceId: "rotor-2" }, body: { overlapSeconds: 0 } });
    expect(await devices.authenticateDevice({ username: "rotor-2", password: first.password })).toBeUndefined();
  });

  it("R9: neither end nor revive a password when the wall clock jumps", async () => {
    const old = await claimed("jumper");
    await devices.rotateCredentials({ organisationId: organisations.home }, "jumper", 60);
    const realNow = Date.now;
    try {
      for (const jumpMs of [86_400_000, -3_600_000]) {
        Date.now = () => realNow() + jumpMs;
        expect((await devices.authenticateDevice(old))?.device.id).toBe("jumper");
      }
      aheadMs = 61_000;
      await db.query(sql`update device_credentials set expires_at = now() where expires_at is not null`);
      expect(await devices.authenticateDevice(old)).toBeUndefined();
    } finally {
      Date.now = realNow;
    }
  });

  it("M10: revocation ends every credential at once, for connections that are held and for new ones", async () => {
    const credentials = await claimed("goner");
    const held = await devices.authenticateDevice(credentials);
    const identity = devices.find("goner");
    await db.query(sql`
      insert into retained_messages (topic, device_id, organisation_id, payload, qos)
      values ('devices/goner/status', 'goner', ${organisations.home}, '\\x31', 1)`);
    const after = await as("admin")(contract.revokeCredentials, { params: { deviceId: "goner" } });
    expect(after.state).toBe("revoked");
    expect(held?.ended).toBe(true);
    expect(identity?.revoked).toBe(true);
    expect(await devices.authenticateDevice(credentials)).toBeUndefined();
    expect(await devices.authenticateDeviceToken(credentials.password)).toBeUndefined();
    expect(await devices.loadRetained()).toEqual([]);
    const restarted = make();
    await restarted.start();
    expect(await restarted.authenticateDevice(credentials)).toBeUndefined();
    await restarted.stop();
  });

  it("take a password to its own device only, and nothing that is not exactly one", async () => {
    const one = await claimed("one");
    await claimed("two");
    for (const given of [
      { username: "two", password: one.password },
      { username: "ONE", password: one.password },
      { username: "one", password: one.password.slice(0, -1) },
      { username: "one", password: `${one.password} ` },
      { username: "one", password: "" },
      { username: "nobody", password: one.password },
      { username: "one'--", password: "roost_dev_" },
    ]) {
      expect(await devices.authenticateDevice(given)).toBeUndefined();
    }
  });

  it("are removed by their id alone, with all that hangs on them; the same id is another device then", async () => {
    const credentials = await claimed("coop-9");
    const held = await devices.authenticateDevice(credentials);
    const before = devices.find("coop-9");
    const call = as("admin");
    const params = { deviceId: "coop-9" };
    await expect(call(contract.removeDevice, { params, query: { confirm: "coop" } })).rejects.toMatchObject({
      code: "devices.name_mismatch",
    });
    expect(held?.ended).toBe(false);
    await db.query(sql`
      insert into device_events (id, organisation_id, device_id, type, data, measured_at, received_at)
      select gen_random_uuid(), ${organisations.home}, 'coop-9', 'door', '{}', now() - make_interval(secs => n), now() from generate_series(1, 12345) n`);
    await call(contract.removeDevice, { params, query: { confirm: "coop-9" } });
    expect(held?.ended).toBe(true);
    await expect(call(contract.getDevice, { params })).rejects.toMatchObject({ code: "devices.not_found" });
    const [left] = await db.query<{ n: number }>(sql`
      select (select count(*) from device_credentials where device_id = 'coop-9') + (select count(*) from claims where device_id = 'coop-9')
        + (select count(*) from claim_tries where device_id = 'coop-9') + (select count(*) from device_events where device_id = 'coop-9') as n`);
    expect(left?.n).toBe(0);
    const [fact] = await db.query<{ data: unknown }>(
      sql`select e.data from events e where e.type = 'device.removed' and e.noun_id = 'coop-9'`,
    );
    expect(fact?.data).toMatchObject({ key: before?.key });
    await devices.add({ organisationId: organisations.home }, { id: "coop-9", kind: "generic", heartbeatSeconds: 60 });
    expect(devices.find("coop-9")?.key).not.toBe(before?.key);
    expect(before?.revoked).toBe(true);
    expect(await devices.authenticateDevice(credentials)).toBeUndefined();
  });

  it("are seen and touched by their own organisation only, and by roles that may", async () => {
    await claimed("ours");
    const params = { deviceId: "ours" };
    const theirs = as("owner", "neighbour");
    const attempts: (() => Promise<unknown>)[] = [
      () => theirs(contract.getDevice, { params }),
      () => theirs(contract.changeDevice, { params, body: { name: "mine" } }),
      () => theirs(contract.removeDevice, { params, query: { confirm: "ours" } }),
      () => theirs(contract.renewClaimSecret, { params }),
      () => theirs(contract.rotateCredentials, { params, body: {} }),
      () => theirs(contract.revokeCredentials, { params }),
    ];
    for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: "devices.not_found" });
    expect((await theirs(contract.listDevices, { query: {} })).items).toEqual([]);
    for (const role of ["viewer", "operator"] as const) {
      const call = as(role);
      await expect(call(contract.addDevice, { body: {} })).rejects.toMatchObject({ code: "http.forbidden" });
      await expect(call(contract.revokeCredentials, { params })).rejects.toMatchObject({ code: "http.forbidden" });
      await expect(call(contract.renewClaimSecret, { params })).rejects.toMatchObject({ code: "http.forbidden" });
      expect((await call(contract.getDevice, { params })).id).toBe("ours");
    }
    expect(await devices.get({ organisationId: organisations.home }, "ours")).toMatchObject({ name: "ours", state: "waiting" });
  });

  it("hide the platform's own device from lists, pages and changes, and give it a new password at each start", async () => {
    const first = await devices.ensureHidden(organisations.home, "roost-canary", 60);
    expect((await devices.authenticateDevice({ username: first.deviceId, password: first.password }))?.device.hidden).toBe(true);
    const second = await devices.ensureHidden(organisations.home, "roost-canary", 60);
    expect(await devices.authenticateDevice({ username: first.deviceId, password: first.password })).toBeUndefined();
    expect((await devices.authenticateDevice({ username: second.deviceId, password: second.password }))?.device.hidden).toBe(true);
    const call = as("owner");
    await expect(call(contract.getDevice, { params: { deviceId: "roost-canary" } })).rejects.toMatchObject({ code: "devices.not_found" });
    await expect(call(contract.revokeCredentials, { params: { deviceId: "roost-canary" } })).rejects.toMatchObject({
      code: "devices.not_found",
    });
    expect((await call(contract.listDevices, { query: {} })).counts.waiting).toBe(0);
  });

  it("follow what another server does: added, claimed, revoked, removed; a new password works before the fact arrives", async () => {
    const otherDb = createDb({ connection: database.connection, log });
    const other = make(otherDb);
    await other.start();
    const dispatch = await createDispatch({
      db: otherDb,
      handlers: other.handlers.map((handler) => ({ ...handler, name: "devices.registry.other" })),
      observe: () => undefined,
      log,
    });
    await other.refresh();
    try {
      const credentials = await claimed("shared");
      // No waiting: the device comes to the other server at once.
      const held = await other.authenticateDevice(credentials);
      expect(held?.device.id).toBe("shared");
      await devices.change({ organisationId: organisations.home }, "shared", { heartbeatSeconds: 5 });
      await expect.poll(() => other.find("shared")?.heartbeatSeconds).toBe(5);
      await devices.revokeCredentials({ organisationId: organisations.home }, "shared");
      await expect.poll(() => held?.ended).toBe(true);
      expect(await other.authenticateDevice(credentials)).toBeUndefined();
      await devices.remove({ organisationId: organisations.home }, "shared", "shared");
      await expect.poll(() => other.find("shared")).toBeUndefined();
    } finally {
      await dispatch.close();
      await other.stop();
      await otherDb.close();
    }
  });

  it("keep retained messages, attributes and events that a batch brings, the last one of a topic, each event once", async () => {
    await claimed("keeper");
    const { key } = devices.find("keeper") ?? { key: 0 };
    const topic = "devices/keeper/status";
    const row = { topic, deviceId: "keeper", organisationId: organisations.home, qos: 1 as const };
    const event = { deviceId: "keeper", organisationId: organisations.home, type: "door", data: { open: true }, receivedAt: new Date() };
    const measuredAt = new Date("2026-05-01T10:00:00Z");
    const keep = () =>
      db.transaction(async (tx) => {
        await devices.retain(tx, [
          { ...row, payload: Buffer.from("offline") },
          { ...row, payload: Buffer.from("online"), properties: { contentType: "text" } },
          { ...row, topic: "devices/ghost/status", deviceId: "ghost", payload: Buffer.from("x") },
        ]);
        await devices.mergeAttributes(tx, [
          { deviceKey: key, attributes: { firmware: "1", board: "esp32" } },
          { deviceKey: key, attributes: { firmware: "2" } },
        ]);
        return devices.insertDeviceEvents(tx, [
          { ...event, measuredAt },
          { ...event, measuredAt },
          { ...event, deviceId: "ghost", measuredAt },
        ]);
      });
    expect(await keep()).toBe(1);
    expect(await keep()).toBe(0);
    expect(await devices.loadRetained()).toMatchObject([
      { topic, payload: Buffer.from("online"), qos: 1, properties: { contentType: "text" } },
    ]);
    expect((await devices.get({ organisationId: organisations.home }, "keeper")).attributes).toEqual({ firmware: "2", board: "esp32" });
    expect(await devices.loadAttributes([key])).toEqual(new Map([[key, { firmware: "2", board: "esp32" }]]));
    await db.transaction((tx) => devices.retain(tx, [{ ...row, payload: Buffer.alloc(0) }]));
    expect(await devices.loadRetained()).toEqual([]);
  });
});
