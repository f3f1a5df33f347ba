import { randomBytes } from "node:crypto";

import type { DeviceId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import type { Fact } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createSeal } from "../../platform/seal.ts";
import { createAudit } from "../audit/audit.ts";
import { claimProof } from "./claim-proof.ts";
import { createDevices } from "./devices.ts";
import type { Devices, Reach } from "./devices.ts";
import { createTransfers } from "./transfers.ts";

const log = createLog({ level: "silent", pretty: false });

describe("devices of an organisation that is closed", () => {
  let database: TestDatabase;
  let db: Db;
  let devices: Devices;
  let transfers: ReturnType<typeof createTransfers>;
  const [valley, home] = [newId(), newId()];

  const reach = (): Reach => ({
    host: "roost.example",
    hosts: ["roost.example"],
    httpUrl: () => "https://roost.example",
    mqttPort: 8883,
    caPem: "",
  });
  const factOf = (type: string, data: Record<string, unknown> = {}): Fact => ({
    id: newId(),
    organisationId: valley,
    type,
    nounId: valley,
    data,
    at: new Date(),
  });
  const close = async () => {
    await db.query(sql`
      insert into organisation_removals (organisation_id, requested_by, requested_by_email, requested_at, ends_at)
      values (${valley}, ${newId()}, 'olga@example.org', now(), now() + interval '14 days')`);
    await devices.learn(factOf("organisation.closed"));
  };
  const keep = async () => {
    await db.query(sql`delete from organisation_removals`);
    await devices.learn(factOf("organisation.kept"));
  };
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => "done",
      (error: unknown) => (error as { code?: string }).code,
    );

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    for (const [id, name] of [
      [valley, "Valley"],
      [home, "Home"],
    ])
      await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${name}, ${id})`);
    const audit = createAudit({ db, clock: systemClock, log, key: randomBytes(32) });
    devices = createDevices({ db, audit, seal: createSeal(randomBytes(32)), clock: systemClock, log, reach });
    await devices.start();
    const organisations = { mayNow: async () => false, nameOf: async () => "Valley" };
    transfers = createTransfers({ db, audit, organisations, devices, log });
  });
  afterAll(async () => {
    await devices.stop();
    await db.close();
    await database.drop();
  });

  /** A claim as a device makes it. */
  const claim = (deviceId: string, secret: string) => {
    const nonce = randomBytes(16);
    const proof = claimProof(Buffer.from(secret, "hex"), deviceId, nonce);
    return codeOf(
      devices.claim({ device_id: deviceId as DeviceId, nonce: nonce.toString("hex"), hmac_hex: proof.toString("hex") }, undefined),
    );
  };

  it("are cut off, let in and claimed no more, answered like unknown ones, until it is kept", async () => {
    const { ticket } = await devices.add({ organisationId: valley }, { id: "mast-1", kind: "generic", heartbeatSeconds: 60 });
    await devices.add({ organisationId: home }, { id: "coop-1", kind: "generic", heartbeatSeconds: 60 });
    const mast = await devices.rotateCredentials({ organisationId: valley }, "mast-1", 0);
    const coop = await devices.rotateCredentials({ organisationId: home }, "coop-1", 0);
    const access = await devices.authenticateDevice(mast);
    const elsewhere = await devices.authenticateDevice(coop);
    expect([access?.ended, elsewhere?.ended]).toEqual([false, false]);

    await close();
    expect([access?.ended, access?.device.revoked, elsewhere?.ended]).toEqual([true, true, false]);
    expect(await devices.authenticateDevice(mast)).toBeUndefined();
    expect(await devices.authenticateDeviceToken(mast.password)).toBeUndefined();
    expect(await claim("mast-1", ticket.claimSecret)).toBe("claim.refused");
    expect(await claim("mast-9", ticket.claimSecret)).toBe("claim.refused");
    // Another server that starts meanwhile knows it too.
    await devices.refresh();
    expect(await devices.authenticateDevice(mast)).toBeUndefined();
    expect(await devices.authenticateDevice(coop)).toBeDefined();

    await keep();
    expect((await devices.authenticateDevice(mast))?.ended).toBe(false);
    expect(devices.find("mast-1")?.revoked).toBe(false);
  });

  it("of the platform itself go on in another one, with their connections", async () => {
    const canary = await devices.ensureHidden(valley, "roost-canary", 60);
    const access = await devices.authenticateDevice({ username: canary.deviceId, password: canary.password });
    await close();
    expect(access?.ended).toBe(false);
    const handler = transfers.handlers.find(({ types }) => types.includes("organisation.closed"));
    for (const _twice of [1, 2]) await handler?.handle(factOf("organisation.closed", { home }));
    expect([access?.ended, access?.device.organisationId]).toEqual([false, home]);
    expect(devices.find("mast-1")?.organisationId).toBe(valley);
    await keep();
  });
});
