import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { claimRequest } from "@roost/contract/claim";
import { sql } from "@roost/contract/sql";
import { claimBody } from "@roost/testbed/device";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { ensureLocalDevice } from "./local-device.ts";
import { createAudit } from "./modules/audit/audit.ts";
import { createDevices } from "./modules/devices/devices.ts";
import type { Devices } from "./modules/devices/devices.ts";
import { systemClock } from "./platform/clock.ts";
import { createDb } from "./platform/db.ts";
import type { Db } from "./platform/db.ts";
import { newId } from "./platform/id.ts";
import { createLog } from "./platform/log.ts";
import { createSeal } from "./platform/seal.ts";

const log = createLog({ level: "silent", pretty: false });

describe("this machine as a device", () => {
  let database: TestDatabase;
  let db: Db;
  let devices: Devices;
  let organisationId: string;
  let base: string;
  let dataDir: string;

  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), "roost-local-"));
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    devices = createDevices({
      audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
      db,
      seal: createSeal(randomBytes(32)),
      clock: systemClock,
      log,
      reach: () => ({ host: "127.0.0.1", hosts: ["127.0.0.1"], mqttPort: 8883, httpUrl: (host) => `http://${host}:8080`, caPem: "CA" }),
    });
    await devices.start();
  });
  beforeEach(async () => {
    organisationId = newId();
    await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Home', ${organisationId})`);
    dataDir = await mkdtemp(join(base, "data-"));
    await db.query(sql`delete from devices`);
    await devices.refresh();
  });
  afterAll(async () => {
    await devices.stop();
    await db.close();
    await database.drop();
    await rm(base, { recursive: true, force: true });
  });

  const ensure = (hostname = "Garage Pi.local") =>
    ensureLocalDevice({ devices, organisationId, dataDir, url: "http://127.0.0.1:8080", certificates: { caPem: () => "CA" }, hostname });
  const read = async (path: string) => JSON.parse(await readFile(path, "utf8")) as Record<string, string>;

  it("is added once, with a claim that works in a file for its owner alone", async () => {
    const path = await ensure();
    expect(path).toBe(join(dataDir, "local-agent/claim.json"));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const claim = await read(path);
    expect(claim).toMatchObject({ server: "http://127.0.0.1:8080", ca_pem: "CA", device_id: "garage-pi" });
    const request = claimRequest.parse(claimBody("garage-pi", claim["claim_secret"] ?? ""));
    expect((await devices.claim(request, "127.0.0.1:8080")).answer.mqtt.host).toBe("127.0.0.1");
    expect(await devices.get({ organisationId }, "garage-pi")).toMatchObject({ kind: "linux-host", name: "Garage Pi.local" });
    expect(await ensure()).toBe(path);
    expect(await read(path)).toEqual(claim);
  });

  it("stays removed when people removed it", async () => {
    const path = await ensure();
    await devices.remove({ organisationId }, "garage-pi", "garage-pi");
    expect(await ensure()).toBe(path);
    expect(devices.exists("garage-pi")).toBe(false);
  });

  it("gets a new secret where the file was lost or torn, and keeps its history", async () => {
    const first = await read(await ensure());
    for (const torn of ["", '{"device_id":']) {
      await writeFile(join(dataDir, "local-agent/claim.json"), torn);
      const again = await read(await ensure());
      expect(again["device_id"]).toBe("garage-pi");
      expect(again["claim_secret"]).not.toBe(first["claim_secret"]);
    }
  });

  it("takes no other device's id, and makes one out of any host name", async () => {
    await devices.add({ organisationId }, { id: "garage-pi", kind: "generic", heartbeatSeconds: 60 });
    expect((await read(await ensure()))["device_id"]).toMatch(/^garage-pi-[0-9a-f]{6}$/);
    dataDir = await mkdtemp(join(base, "data-"));
    expect((await read(await ensure("日本")))["device_id"]).toBe("host-local");
    dataDir = await mkdtemp(join(base, "data-"));
    expect((await read(await ensure("x1")))["device_id"]).toBe("host-x1");
  });
});
