import { randomBytes } from "node:crypto";

import { createClient } from "@roost/contract/client";
import { rolePermissions } from "@roost/contract/permissions";
import type { Role } from "@roost/contract/permissions";
import * as contract from "@roost/contract/registrations";
import type { RegisterReply } from "@roost/contract/registrations";
import { sql } from "@roost/contract/sql";
import { patientLimits } from "@roost/testbed/patience";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createHttp } from "../../platform/http/http.ts";
import type { Http } from "../../platform/http/http.ts";
import { readRateTable } from "../../platform/http/limits.ts";
import { createMetrics } from "../../platform/http/metrics.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createRateLimits } from "../../platform/rate-limits.ts";
import { createSeal } from "../../platform/seal.ts";
import { createAudit } from "../audit/audit.ts";
import { createDevices } from "./devices.ts";
import type { Devices } from "./devices.ts";
import { mountRegistrations } from "./registration-routes.ts";
import { createRegistrations, registrationBounds } from "./registrations.ts";
import type { Registrations } from "./registrations.ts";

const log = createLog({ level: "silent", pretty: false });
const reach = {
  host: "roost.example.org",
  hosts: ["roost.example.org", "garden.local"],
  mqttPort: 8883,
  httpUrl: (host: string) => `https://${host}:8443`,
  caPem: "CA",
};
type House = "home" | "neighbour";

interface Reply extends Partial<RegisterReply> {
  readonly error?: { readonly code: string; readonly details: Record<string, unknown> };
}

describe("registrations", () => {
  const houses: Record<House, string> = { home: newId(), neighbour: newId() };
  let database: TestDatabase;
  let db: Db;
  let devices: Devices;
  let registrations: Registrations;
  let http: Http;
  let url: string;
  let n = 0;
  /** An address for each test, so that none uses up another's share. */
  let here = "192.0.2.1";
  const nextMac = () => `02:00:00:00:${((n += 1) >> 8).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`;
  const addHouse = (house: House) =>
    db.query(sql`insert into organisations (id, name, slug) values (${houses[house]}, ${house}, ${house}) on conflict do nothing`);

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    await addHouse("home");
    const audit = createAudit({ db, clock: systemClock, log, key: randomBytes(32) });
    devices = createDevices({ db, audit, seal: createSeal(randomBytes(32)), clock: systemClock, log, reach: () => reach });
    await devices.start();
    registrations = createRegistrations({ db, audit, devices, reach: () => reach, kinds: ["garden-node", "pot"], log });
    http = createHttp({
      limits: patientLimits,
      config: { ROOST_HTTP_HOST: "127.0.0.1", ROOST_HTTP_PORT: 0, ROOST_PUBLIC_URL: undefined, ROOST_TRUSTED_PROXIES: ["127.0.0.1"] },
      clock: systemClock,
      log,
      metrics: createMetrics({ processMetrics: false }),
      authenticate: {
        device: async () => undefined,
        async person({ headers }) {
          const [, role, house] = /^Bearer (\w+):(\w+)$/.exec(String(headers["authorization"])) ?? [];
          if (role === undefined) return undefined;
          return {
            kind: "person",
            id: "p1",
            name: "anna@example.org",
            organisationId: houses[house as House],
            permissions: new Set(role === "writer" ? ["devices:read", "devices:write"] : rolePermissions[role as Role]),
            signal: new AbortController().signal,
            hold: () => () => undefined,
          };
        },
      },
      webRoot: "/nonexistent",
      ownNames: () => reach.hosts,
      rateLimits: createRateLimits({
        clock: systemClock,
        log,
        metrics: createMetrics({ processMetrics: false }),
        rates: readRateTable(["changes=100000/min", "looks=100000/min", "registrations=12/min"]),
      }),
    });
    mountRegistrations(http.mount, registrations);
    ({ url } = await http.listen());
  });
  afterEach(async () => {
    here = `192.0.2.${(n += 1) & 63}`;
    for (const table of [sql`registrations`, sql`enrolment_codes`, sql`devices`, sql`events`]) await db.query(sql`delete from ${table}`);
    await db.query(sql`delete from organisations o where o.id = ${houses.neighbour}`);
    await devices.refresh();
  });
  afterAll(async () => {
    await http.close();
    await devices.stop();
    await db.close();
    await database.drop();
  });

  const as = (house: House = "home", role: Role = "admin") =>
    createClient({ baseUrl: url, token: `${role}:${house}`, fetch: (to, init) => fetch(to, init) });

  /** As a proxy brings it that is believed: from somewhere, by TLS. */
  async function send(body: unknown, from = here, headers: Record<string, string> = {}): Promise<{ status: number; json: Reply }> {
    const answer = await fetch(url + contract.registerDevice.path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-forwarded-for": from, "x-forwarded-proto": "https", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    return { status: answer.status, json: (await answer.json()) as Reply };
  }
  async function register(mac_address: string, enrolment_code?: string, from?: string) {
    const { status, json } = await send({ mac_address, ...(enrolment_code === undefined ? {} : { enrolment_code }) }, from);
    expect(status, JSON.stringify(json)).toBe(201);
    return json as RegisterReply;
  }
  const waiting = async (house: House = "home") => (await as(house)(contract.listRegistrations, {})).items;
  const makeCode = async (more: { maxUses?: number; readmits?: boolean; siteId?: string } = {}, house: House = "home") =>
    as(house)(contract.addEnrolmentCode, { body: { name: "Bed 3", ...more } });
  const works = async ({ device_id, mqtt_password }: RegisterReply) =>
    (await devices.authenticateDevice({ username: device_id, password: mqtt_password })) !== undefined;
  const approve = async (answer: RegisterReply, body: { name?: string; siteId?: string } = {}, house: House = "home") => {
    const one = (await waiting(house)).find(({ checkCode }) => checkCode === answer.check_code);
    return as(house)(contract.approveRegistration, { params: { registrationId: one?.id ?? newId() }, body: body });
  };
  const trail = async () =>
    await db.query<{ action: string; actor_kind: string; remote_address: string | null }>(sql`
      select e.action, e.actor_kind, e.remote_address from audit_entries e order by e.xact_id desc, e.id desc limit 5`);

  it("GA-01: are answered the name they came by where the certificate has it, and never one that nobody can reach", async () => {
    const mac_address = nextMac();
    const by = (hostHeader: string) => registrations.register({ mac_address }, { remoteAddress: "192.0.2.1", hostHeader });
    expect(await by("garden.local:8443")).toMatchObject({ mqtt_host: "garden.local" });
    expect(await by("mosquitto")).toMatchObject({ mqtt_host: "roost.example.org", mqtt_port: 8883, mqtt_tls: true, ca_pem: "CA" });
  });

  it("GA-40: are refused where the way to the proxy was not encrypted, and told the one that is", async () => {
    const { status, json } = await send({ mac_address: nextMac() }, undefined, { "x-forwarded-proto": "http" });
    expect(status).toBe(403);
    expect(json.error).toMatchObject({
      code: "registrations.insecure",
      details: { url: "https://roost.example.org:8443/api/v1/devices/register" },
    });
    expect(await waiting()).toEqual([]);
  });

  it("are refused with what is too much, unreadable or of a kind that does not register by itself", async () => {
    const mac_address = nextMac();
    for (const [body, status, code] of [
      [{ mac_address, kind: "linux-host" }, 422, "registrations.unknown_kind"],
      [{ mac_address, name: "x".repeat(121) }, 400, "http.invalid"],
      [{ mac_address, firmware_version: "\u0000" }, 400, "http.invalid"],
      [{ mac_address, organisation_id: houses.home }, 400, "http.invalid"],
      [{ mac_address, name: "x".repeat(5_000) }, 413, "http.too_large"],
      ["{", 400, "http.invalid"],
    ] as const) {
      const answer = await send(body);
      expect([answer.status, answer.json.error?.code]).toEqual([status, code]);
    }
    expect(await waiting()).toEqual([]);
    expect(await register(mac_address)).toMatchObject({ status: "waiting" });
  });

  it("are for administrators alone to see and settle", async () => {
    const answer = await register(nextMac());
    for (const role of ["viewer", "operator"] as const)
      await expect(as("home", role)(contract.listRegistrations, {})).rejects.toMatchObject({ code: "http.forbidden" });
    await expect(approve(answer, { siteId: newId() })).rejects.toMatchObject({ code: "devices.unknown_place" });
    // Nothing half done: it waits as before.
    expect(await works(answer)).toBe(false);
    expect(await approve(answer, { name: "Basil" })).toMatchObject({ name: "Basil", kind: "garden-node" });
    expect(await works(answer)).toBe(true);
  });

  it("are let in at once by an enrolment code, as often as it says and at its site, whoever comes at the same time", async () => {
    const siteId = newId();
    await db.query(sql`insert into sites (id, organisation_id, name) values (${siteId}, ${houses.home}, 'Greenhouse')`);
    const { code, enrolmentCode } = await makeCode({ maxUses: 2, siteId });
    const answers = await Promise.all(Array.from({ length: 5 }, () => register(nextMac(), code.toLowerCase().replaceAll("-", " "))));
    const approved = answers.filter(({ status }) => status === "approved");
    expect(approved).toHaveLength(2);
    for (const answer of answers) expect(await works(answer)).toBe(answer.status === "approved");
    expect(await devices.get({ organisationId: houses.home }, approved[0]?.device_id ?? "")).toMatchObject({ siteId, kind: "garden-node" });
    expect((await waiting()).map(({ wrongCode }) => wrongCode)).toEqual([true, true, true]);
    const { items } = await as()(contract.listEnrolmentCodes, {});
    expect(items).toMatchObject([{ id: enrolmentCode.id, uses: 2, maxUses: 2, state: "used_up", createdBy: "anna@example.org" }]);
    expect(JSON.stringify(items)).not.toContain(code);
  });

  it("are not let in by a code that has ended, was taken back, or is none", async () => {
    const [ended, taken] = [await makeCode(), await makeCode()];
    await db.query(sql`update enrolment_codes set expires_at = now() where id = ${ended.enrolmentCode.id}`);
    await as()(contract.removeEnrolmentCode, { params: { enrolmentCodeId: taken.enrolmentCode.id } });
    for (const code of [ended.code, taken.code, "ROOST-00000-00000-00000-00000", "'; --"])
      expect(await register(nextMac(), code)).toMatchObject({ status: "waiting" });
    // An empty field of a portal is no code.
    await register(nextMac(), " ");
    expect((await waiting()).map(({ wrongCode }) => wrongCode)).toEqual([false, true, true, true, true]);
    await expect(as()(contract.removeEnrolmentCode, { params: { enrolmentCodeId: taken.enrolmentCode.id } })).rejects.toMatchObject({
      code: "registrations.code_not_found",
    });
  });

  it("GA-01: come back by a code only where it says so, and never once a person took their credentials away", async () => {
    const mac = nextMac();
    const [plain, readmitting] = [await makeCode(), await makeCode({ readmits: true })];
    const first = await register(mac, plain.code);
    const second = await register(mac, plain.code);
    expect([first.status, second.status, await works(first), await works(second)]).toEqual(["approved", "waiting", true, false]);
    expect(await waiting()).toMatchObject([{ standing: "returning", wrongCode: false }]);
    const third = await register(mac, readmitting.code);
    expect([third.status, await works(first), await works(second), await works(third)]).toEqual(["approved", false, false, true]);
    // What it had left waiting before is settled with it.
    expect(await waiting()).toEqual([]);
    await devices.revokeCredentials({ organisationId: houses.home }, first.device_id);
    const fourth = await register(mac, readmitting.code);
    expect([fourth.status, await works(third), await works(fourth)]).toEqual(["waiting", false, false]);
    expect(await approve(fourth)).toMatchObject({ state: "waiting" });
    expect(await works(fourth)).toBe(true);
  });

  it("of a device that stands in a part of the organisation may be settled by who acts there; new ones may not", async () => {
    const siteId = newId();
    await db.query(sql`insert into sites (id, organisation_id, name) values (${siteId}, ${houses.home}, ${`Bed ${siteId}`})`);
    const part = { allow: [{ siteIds: [siteId], groupIds: [] }], deny: { siteIds: [], groupIds: [] } };
    const keeper = { organisationId: houses.home, scope: part };
    const mac = nextMac();
    await register(mac, (await makeCode({ siteId })).code);
    const [fresh, again] = [await register(nextMac()), await register(mac)];
    const seen = await registrations.list(keeper);
    expect(seen.map(({ checkCode }) => checkCode)).toEqual([again.check_code]);
    const other = (await waiting()).find(({ checkCode }) => checkCode === fresh.check_code);
    const may = { mayReplace: true };
    await expect(registrations.approve(keeper, other?.id ?? newId(), {}, may)).rejects.toMatchObject({ code: "registrations.not_found" });
    await registrations.approve(keeper, seen[0]?.id ?? newId(), {}, may);
    expect([await works(fresh), await works(again)]).toEqual([false, true]);
  });

  it("of a device that is here take the permission for credentials: who may add devices takes none over", async () => {
    const mac = nextMac();
    const first = await register(mac, (await makeCode()).code);
    const [again, fresh] = [await register(mac), await register(nextMac())];
    const writer = createClient({ baseUrl: url, token: "writer:home", fetch: (to, init) => fetch(to, init) });
    const approveAs = async (answer: RegisterReply) => {
      const one = (await waiting()).find(({ checkCode }) => checkCode === answer.check_code);
      return writer(contract.approveRegistration, { params: { registrationId: one?.id ?? newId() }, body: {} });
    };
    await expect(approveAs(again)).rejects.toMatchObject({ code: "http.forbidden" });
    expect([await works(first), await works(again)]).toEqual([true, false]);
    await approveAs(fresh);
    expect(await works(fresh)).toBe(true);
    // It waits still, for somebody who may.
    await approve(again);
    expect([await works(first), await works(again)]).toEqual([false, true]);
  });

  it("belong to the organisation of the code where there are several, and can take no other organisation's device", async () => {
    await addHouse("neighbour");
    const mac = nextMac();
    expect((await send({ mac_address: mac })).json.error).toMatchObject({ code: "registrations.needs_code" });
    const theirs = await register(mac, (await makeCode({}, "neighbour")).code);
    expect(devices.find(theirs.device_id)?.organisationId).toBe(houses.neighbour);
    const ours = await register(mac, (await makeCode({ readmits: true })).code);
    expect(ours.status).toBe("waiting");
    expect(await waiting()).toMatchObject([{ standing: "elsewhere" }]);
    expect(await waiting("neighbour")).toEqual([]);
    await expect(approve(ours)).rejects.toMatchObject({ code: "registrations.taken" });
    expect([await works(theirs), await works(ours)]).toEqual([true, false]);
    // Handed over, the device leaves behind who asked at the giver's door.
    await register(mac, (await makeCode({}, "neighbour")).code, "192.0.2.200");
    await db.query(sql`select roost_move_device(${theirs.device_id}, ${houses.home})`);
    expect(await waiting("neighbour")).toMatchObject([{ standing: "returning" }]);
    const [one] = await waiting();
    for (const route of [contract.approveRegistration, contract.rejectRegistration])
      await expect(as("neighbour")(route, { params: { registrationId: one?.id ?? newId() }, body: {} })).rejects.toMatchObject({
        code: "registrations.not_found",
      });
  });

  it("wait in bounded numbers, of an address and of all, the oldest out first and on record", async () => {
    const fill = (count: number, from: string) =>
      db.query(sql`
        insert into registrations (id, organisation_id, device_id, mac, kind, secret_hash, wrong_code, remote_address, counted_as, times, first_at,
          last_at, expires_at)
        select gen_random_uuid(), ${houses.home}, 'node-' || m.mac, m.mac, 'garden-node', sha256(m.mac::bytea), false, '192.0.2.9',
          case ${from}::text when 'many' then m.mac else ${from}::text end, 1, now(), now() - make_interval(secs => 10000 - g), now() + interval '1 day'
        from generate_series(1, ${count}::int) g
        cross join lateral (select substr(md5(${from}::text || g), 1, 12) as mac) m`);
    await fill(registrationBounds.perAddress, "192.0.2.150");
    const oldest = (await waiting()).at(-1);
    await register(nextMac(), undefined, "192.0.2.150");
    const [newest, ...others] = await waiting();
    expect(others).toHaveLength(registrationBounds.perAddress - 1);
    expect(newest?.remoteAddress).toBe("192.0.2.150");
    expect(others.map(({ id }) => id)).not.toContain(oldest?.id);
    // One transaction writes both, in one millisecond perhaps.
    const [put, dropped] = (await trail()).slice(0, 2).toSorted((a, b) => a.actor_kind.localeCompare(b.actor_kind));
    expect([put, dropped]).toMatchObject([
      { action: "device.registered", actor_kind: "device" },
      { action: "device.registration_dropped", actor_kind: "system" },
    ]);
    // IPv6: a household holds a whole /64, and counts once.
    await register(nextMac(), undefined, "2001:db8:1:2::1");
    await fill(registrationBounds.all, "many");
    const last = await register(nextMac(), undefined, "192.0.2.151");
    const all = await waiting();
    expect(all).toHaveLength(registrationBounds.all);
    expect(all[0]).toMatchObject({ checkCode: last.check_code });
    expect(await db.query(sql`select from registrations r where r.counted_as = '2001:db8:1:2'`)).toHaveLength(1);
  });

  it("are forgotten when their day is over, on record", async () => {
    const answer = await register(nextMac());
    await db.query(sql`update registrations set expires_at = now()`);
    await registrations.sweep();
    expect(await db.query(sql`select from registrations`)).toEqual([]);
    expect((await trail()).slice(0, 2)).toEqual([
      { action: "device.registration_expired", actor_kind: "system", remote_address: null },
      { action: "device.registered", actor_kind: "device", remote_address: here },
    ]);
    expect(await works(answer)).toBe(false);
    const facts = await db.query<{ type: string }>(sql`select e.type from events e order by e.xact_id, e.id`);
    expect(facts.map(({ type }) => type)).toEqual(["registration.waiting", "registration.ended"]);
  });

  it("wait for each other on one connection to the database, and no more of them than can be answered", async () => {
    let held = 0;
    let most = 0;
    const counted: Db = {
      ...db,
      async transaction(work) {
        most = Math.max(most, (held += 1));
        return db.transaction(work).finally(() => (held -= 1));
      },
    };
    const audit = { record: async () => undefined };
    const desk = createRegistrations({ db: counted, audit, devices, reach: () => reach, kinds: ["pot"], log });
    const asked = Array.from({ length: registrationBounds.inTurn + 5 }, (_, index) =>
      desk.register({ mac_address: nextMac() }, { remoteAddress: `198.51.100.${index}`, hostHeader: undefined }),
    );
    const answers = await Promise.allSettled(asked);
    expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(registrationBounds.inTurn);
    expect(answers.at(-1)).toMatchObject({ status: "rejected", reason: { code: "http.too_many_requests" } });
    expect(most).toBe(1);
    expect(await waiting()).toHaveLength(registrationBounds.inTurn);
  });

  it("are counted by address, so that a flood ends at the edge", async () => {
    const from = "192.0.2.77";
    const answers = await Promise.all(Array.from({ length: 20 }, () => send({ mac_address: "02:00:00:ff:ff:01" }, from)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(12);
    expect(answers.find(({ status }) => status !== 201)).toMatchObject({
      status: 429,
      json: { error: { code: "http.too_many_requests" } },
    });
    expect(await waiting()).toMatchObject([{ times: 12 }]);
    expect((await send({ mac_address: nextMac() }, "192.0.2.78")).status).toBe(201);
  });
});
