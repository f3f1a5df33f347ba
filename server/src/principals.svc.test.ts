import { randomBytes } from "node:crypto";

import { claimRequest } from "@roost/contract/claim";
import type { Permission } from "@roost/contract/permissions";
import { sql } from "@roost/contract/sql";
import { claimBody } from "@roost/testbed/device";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createAudit } from "./modules/audit/audit.ts";
import { createDevices } from "./modules/devices/devices.ts";
import type { Devices } from "./modules/devices/devices.ts";
import { systemClock } from "./platform/clock.ts";
import { createDb } from "./platform/db.ts";
import type { Db } from "./platform/db.ts";
import { newId } from "./platform/id.ts";
import type { PublishRoute } from "./platform/intake.ts";
import { createLog } from "./platform/log.ts";
import type { Principal, Refusal } from "./platform/mqtt/principal.ts";
import { matches } from "./platform/mqtt/topic-filter.ts";
import { createSeal } from "./platform/seal.ts";
import { createAuthenticate } from "./principals.ts";

const log = createLog({ level: "silent", pretty: false });

describe("what a connection may touch", () => {
  let database: TestDatabase;
  let db: Db;
  let devices: Devices;
  const organisations = { one: newId(), two: newId() };
  const route: PublishRoute = { accept: () => undefined, mayRetain: false };
  const standing = { revoked: false };
  /** API tokens by their secret. */
  const tokens: Record<string, { organisationId: string; permissions: Permission[] }> = {
    "token-one": { organisationId: organisations.one, permissions: ["devices:read", "telemetry:read"] },
    "token-two": { organisationId: organisations.two, permissions: ["telemetry:read"] },
    "token-blind": { organisationId: organisations.one, permissions: ["alarms:read"] },
  };
  const passwords: Record<string, string> = {};

  const authenticateWith = (given: Pick<Devices, "authenticateDevice" | "find">) =>
    createAuthenticate({
      devices: given,
      auth: {
        async verifyToken(secret) {
          const token = tokens[secret];
          if (token === undefined) return undefined;
          return {
            id: secret,
            name: secret,
            organisationId: token.organisationId,
            permissions: new Set(token.permissions),
            signal: new AbortController().signal,
            get revoked() {
              return standing.revoked;
            },
          };
        },
      },
      ingest: { routeFor: () => route },
      log,
    });

  async function come(username: string | undefined, password: string | undefined): Promise<Principal | Refusal> {
    return authenticateWith(devices)({
      clientId: "any",
      username,
      password: password === undefined ? undefined : Buffer.from(password),
      remoteAddress: "192.0.2.1",
    });
  }

  async function enter(username: string, password = passwords[username]): Promise<Principal> {
    const principal = await come(username, password);
    if ("refused" in principal) throw new Error(`${username} was refused`);
    return principal;
  }

  const isRefused = (answer: PublishRoute | Refusal) => "refused" in answer;

  async function addClaimed(id: string, organisationId: string): Promise<void> {
    const { ticket } = await devices.add({ organisationId }, { id, kind: "generic", heartbeatSeconds: 60 });
    const { answer } = await devices.claim(claimRequest.parse(claimBody(id, ticket.claimSecret)), undefined);
    passwords[id] = answer.mqtt.password;
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    for (const [name, id] of Object.entries(organisations)) {
      await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${name}, ${name})`);
    }
    devices = createDevices({
      audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
      db,
      seal: createSeal(randomBytes(32)),
      clock: systemClock,
      log,
      reach: () => ({ host: "localhost", hosts: ["localhost"], mqttPort: 8883, httpUrl: () => "http://localhost:8080", caPem: "CA" }),
    });
    await devices.start();
    await addClaimed("dev-a", organisations.one);
    await addClaimed("dev-b", organisations.one);
    await addClaimed("dev-x", organisations.two);
    await devices.ensureHidden(organisations.one, "roost-canary", 60);
  });
  afterAll(async () => {
    await devices.stop();
    await db.close();
    await database.drop();
  });

  it("M10: an unknown device, a wrong password, another's password and no password get one and the same answer", async () => {
    const answers = await Promise.all([
      come("dev-a", "wrong"),
      come("dev-a", `roost_dev_${"A".repeat(43)}`),
      come("nobody", `roost_dev_${"A".repeat(43)}`),
      come("dev-a", passwords["dev-b"]),
      come(undefined, passwords["dev-a"]),
      come("dev-a", undefined),
      come(undefined, undefined),
      come("token", "token-blind"),
    ]);
    for (const answer of answers) expect(answer).toEqual({ refused: true, code: "ingest.unknown_device", reason: 0x86 });
  });

  it("says 'try later' and not 'wrong' while the database is away and needed", async () => {
    const gone = createDb({ connection: { ...database.connection, database: "not_there", port: 1 }, log, statementTimeoutMs: 300 });
    const cut = createDevices({
      audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
      db: gone,
      seal: createSeal(randomBytes(32)),
      clock: systemClock,
      log,
      reach: () => ({ host: "x", hosts: [], mqttPort: 1, httpUrl: () => "", caPem: "" }),
    });
    const answer = await authenticateWith(cut)({
      clientId: "dev-a",
      username: "dev-a",
      password: Buffer.from(passwords["dev-a"] ?? ""),
      remoteAddress: "192.0.2.1",
    });
    expect(answer).toEqual({ refused: true, code: "http.unavailable", reason: 0x88 });
    await gone.close();
  });

  it("M10: a device uses its own id as client id, or its id and a hyphen; nobody can pass for another", async () => {
    const device = await enter("dev-a");
    for (const id of ["dev-a", "dev-a-2", "dev-a-backup"]) expect(device.mayUseClientId(id)).toBe(true);
    for (const id of ["dev-b", "dev-ab", "DEV-A", "dev", "", "x-dev-a", `dev-a-${"x".repeat(200)}`])
      expect(device.mayUseClientId(id)).toBe(false);
  });

  it("M9: a device writes its own up topics and nothing else", async () => {
    const device = await enter("dev-a");
    for (const topic of ["telemetry", "heartbeat", "event", "status", "config/reported", "commands/c1/ack", "clips/c1"]) {
      expect(isRefused(device.mayPublish(`devices/dev-a/${topic}`))).toBe(false);
    }
    const foreign = [
      "devices/dev-b/telemetry",
      "devices/dev-x/telemetry",
      "devices/dev-a2/telemetry",
      "devices/DEV-A/telemetry",
      "devices/dev-a",
      "devices",
      "/devices/dev-a/telemetry",
      "devices//dev-a/telemetry",
      "devices/dev-a/config",
      "devices/dev-a/commands/c1",
      "$SYS/broker/uptime",
      "$share/g/devices/dev-a/telemetry",
      "plants/dev-a/telemetry",
      "",
    ];
    for (const topic of foreign) expect(device.mayPublish(topic)).toEqual({ refused: true, code: "ingest.not_allowed", reason: 0x87 });
  });

  it("M9: a device subscribes to its own commands and configuration, and to none of 60 other filters", async () => {
    const device = await enter("dev-a");
    for (const filter of ["devices/dev-a/commands/+", "devices/dev-a/config", "devices/dev-a/commands/c-17"]) {
      expect(device.maySubscribe(filter)).toBe(true);
    }
    for (const filter of hostileFilters("dev-a", "dev-b")) expect([filter, device.maySubscribe(filter)]).toEqual([filter, false]);
    for (const topic of ["devices/dev-b/commands/c1", "devices/dev-a/telemetry", "devices/dev-a/commands/c1/ack", "devices/dev-x/config"]) {
      expect(device.mayReceive(topic)).toBe(false);
    }
    expect(device.mayReceive("devices/dev-a/commands/c1")).toBe(true);
  });

  it("M9: a token reads what its own organisation's devices send, and publishes nothing", async () => {
    const token = await enter("token", "token-one");
    expect(token).toMatchObject({ kind: "token", organisationId: organisations.one });
    for (const filter of [
      "devices/dev-a/telemetry",
      "devices/+/telemetry",
      "devices/+/status",
      "devices/dev-b/#",
      "devices/#",
      "devices/+/#",
    ]) {
      expect(token.maySubscribe(filter)).toBe(true);
    }
    const refused = [
      "#",
      "+/#",
      "+/+/telemetry",
      "devices",
      "devices/+",
      "devices/dev-x/telemetry",
      "devices/dev-x/#",
      "devices/nobody/#",
      "devices/roost-canary/telemetry",
      "devices/dev-a/commands/+",
      "devices/dev-a/config",
      "devices/+/commands/+",
      "devices/+/telemetry/#",
      "$share/g/devices/#",
      "$SYS/#",
      "/devices/#",
      "devices//telemetry",
      "devices/#/telemetry",
      "devices/dev-a/telemetry\0",
      "devices/dev-a/telemetry/",
    ];
    for (const filter of refused) expect([filter, token.maySubscribe(filter)]).toEqual([filter, false]);
    for (const topic of ["devices/dev-a/telemetry", "devices/dev-a/event", "anything", "devices/dev-a/commands/c1"]) {
      expect(token.mayPublish(topic)).toEqual({ refused: true, code: "ingest.not_allowed", reason: 0x87 });
    }
  });

  it("M9: no filter that is granted ever brings a byte of another organisation, of a command or of the platform's own device", async () => {
    const everyTopic = ["dev-a", "dev-b", "dev-x", "roost-canary"].flatMap((id) =>
      ["telemetry", "heartbeat", "event", "status", "config", "config/reported", "commands/c1", "commands/c1/ack", "clips/k1"].map(
        (rest) => ({ id, rest, topic: `devices/${id}/${rest}` }),
      ),
    );
    const owners: Record<string, string> = { "dev-a": organisations.one, "dev-b": organisations.one, "dev-x": organisations.two };
    let granted = 0;
    for (const principal of [
      await enter("token", "token-one"),
      await enter("token", "token-two"),
      await enter("dev-a"),
      await enter("dev-x"),
    ]) {
      for (const filter of [...hostileFilters("dev-a", "dev-b"), ...hostileFilters("dev-x", "dev-a"), "devices/dev-a/commands/+"]) {
        if (!principal.maySubscribe(filter)) continue;
        granted += 1;
        for (const { id, rest, topic } of everyTopic) {
          if (!matches(filter, topic) || !principal.mayReceive(topic)) continue;
          expect(owners[id]).toBe(principal.organisationId);
          if (principal.kind === "device") expect([id, rest.startsWith("commands/c1") || rest === "config"]).toEqual([principal.id, true]);
          else expect(["telemetry", "heartbeat", "event", "status"]).toContain(rest);
        }
      }
    }
    expect(granted).toBeGreaterThan(5);
  });

  it("M10: a revoked device, a rotated password and a token taken away end what is held, at the moment of use", async () => {
    await addClaimed("dev-r", organisations.one);
    const device = await enter("dev-r");
    const reader = await enter("token", "token-one");
    expect(device.revoked).toBe(false);
    expect(reader.mayReceive("devices/dev-r/status")).toBe(true);
    await devices.revokeCredentials({ organisationId: organisations.one }, "dev-r");
    expect(device.revoked).toBe(true);
    expect(isRefused(device.mayPublish("devices/dev-r/telemetry"))).toBe(true);
    expect(device.maySubscribe("devices/dev-r/commands/+")).toBe(false);
    expect(device.mayReceive("devices/dev-r/commands/c1")).toBe(false);
    // What it left retained is nobody's to read any more.
    expect(reader.mayReceive("devices/dev-r/status")).toBe(false);
    standing.revoked = true;
    expect(reader.revoked).toBe(true);
    expect(reader.mayReceive("devices/dev-a/telemetry")).toBe(false);
    expect(reader.maySubscribe("devices/#")).toBe(false);
    standing.revoked = false;

    const held = await enter("dev-b");
    await devices.rotateCredentials({ organisationId: organisations.one }, "dev-b", 0);
    expect(held.revoked).toBe(true);
    expect((await come("dev-b", passwords["dev-b"])) as Refusal).toMatchObject({ refused: true });
  });
});

/** Filters that must bring nothing foreign: the obvious ones, and what looks like one of ours. */
function hostileFilters(own: string, other: string): string[] {
  return [
    "#",
    "+",
    "+/#",
    "+/+",
    "+/+/+",
    "+/+/telemetry",
    "/#",
    "/+",
    "//",
    "/",
    "+//#",
    "$SYS/#",
    "$SYS/broker/clients",
    "$share/g/#",
    "$share/g/devices/#",
    `$share/g/devices/${own}/config`,
    "$queue/#",
    "$share//#",
    "devices",
    "devices/",
    "devices/+",
    "devices/#",
    "devices/+/#",
    "devices/+/+",
    "devices/+/config",
    "devices/+/commands/+",
    "devices/+/telemetry",
    "devices/+/commands/#",
    "Devices/#",
    "DEVICES/+/config",
    "device/#",
    " devices/#",
    "devices /#",
    `devices/${other}`,
    `devices/${other}/#`,
    `devices/${other}/config`,
    `devices/${other}/commands/+`,
    `devices/${other}/telemetry`,
    `devices/${own}`,
    `devices/${own}/`,
    `devices/${own}/#`,
    `devices/${own}/+`,
    `devices/${own}/commands/#`,
    `devices/${own}/commands`,
    `devices/${own}/telemetry`,
    `devices/${own}/commands/+/ack`,
    `devices/${own}/commands/c1/ack`,
    `devices/${own}/config/#`,
    `/devices/${own}/config`,
    `devices//${own}/config`,
    `devices/${own}//config`,
    `devices/${own}/config/`,
    `devices/${own}/config\0`,
    `devices/${own.toUpperCase()}/config`,
    `devices/${own}\u200b/config`,
    `devices/${own.replace("d", "ԁ")}/config`,
    `devices/${own}-2/config`,
    `devices/${own}+/config`,
    `devices/${own}#`,
    `devices/${own}/config#`,
    `devices/${own}/../${other}/config`,
    `devices/%2b/config`,
  ].flat();
}
