import { randomBytes } from "node:crypto";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createSeal } from "../../platform/seal.ts";
import type { Whose } from "../../platform/tenancy.ts";
import { createAudit } from "../audit/audit.ts";
import { createDevices } from "./devices.ts";
import type { Devices } from "./devices.ts";
import { moveDevice } from "./transfer-store.ts";

const log = createLog({ level: "silent", pretty: false });

describe("the way devices are reached", () => {
  let database: TestDatabase;
  let db: Db;
  let devices: Devices;
  /** Another server on the same database. */
  let other: Devices;
  const [a, b] = [newId(), newId()];
  const [north, south] = [newId(), newId()];
  const whole: Whose = { organisationId: a };
  const inNorth: Whose = { organisationId: a, scope: { allow: [{ siteIds: [north], groupIds: [] }], deny: { siteIds: [], groupIds: [] } } };
  const added = { kind: "generic", heartbeatSeconds: 60 };
  const ids = (found: readonly { id: string }[]) => found.map(({ id }) => id);

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    for (const id of [a, b]) await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${id}, ${id})`);
    await db.query(sql`insert into sites (id, organisation_id, name) values (${north}, ${a}, 'north'), (${south}, ${a}, 'south')`);
    const server = () =>
      createDevices({
        db,
        audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
        seal: createSeal(randomBytes(32)),
        clock: systemClock,
        log,
        reach: () => ({ host: "x", hosts: [], mqttPort: 1, httpUrl: () => "http://x", caPem: "" }),
      });
    [devices, other] = [server(), server()];
    await devices.start();
    await other.start();
  });
  beforeEach(async () => {
    await db.query(sql`delete from devices`);
    await devices.refresh();
    for (const id of ["olt", "splitter", "ont-1", "ont-2"]) await devices.add(whole, { ...added, id });
    await devices.change(whole, "splitter", { parentId: "olt" });
    for (const id of ["ont-1", "ont-2"]) await devices.change(whole, id, { parentId: "splitter" });
  });
  afterAll(async () => {
    await Promise.all([devices.stop(), other.stop()]);
    await db.close();
    await database.drop();
  });

  it("N-F03: knows what a device is reached through and what is reached through it, here and on other servers", async () => {
    await other.refresh();
    for (const one of [devices, other]) {
      expect(ids(one.ancestorsOf("ont-1"))).toEqual(["splitter", "olt"]);
      expect(ids(one.descendantsOf("olt")).sort()).toEqual(["ont-1", "ont-2", "splitter"]);
      expect(ids(one.descendantsOf("ont-2"))).toEqual([]);
    }
    expect((await devices.get(whole, "ont-1")).parentId).toBe("splitter");
    expect(ids((await devices.list(whole, { limit: 10, parentId: "splitter" })).items)).toEqual(["ont-1", "ont-2"]);
    const { device } = await devices.add(whole, { ...added, id: "ont-3", parentId: "splitter" });
    expect([device.parentId, ids(devices.ancestorsOf("ont-3"))]).toEqual(["splitter", ["splitter", "olt"]]);
    expect((await devices.change(whole, "ont-3", { parentId: null })).parentId).toBeUndefined();
    expect(ids(devices.ancestorsOf("ont-3"))).toEqual([]);
  });

  it("refuses circles, strangers and more than 16 in a row, and keeps the way it had", async () => {
    await db.query(sql`insert into devices (id, organisation_id, name, kind) values ('foreign', ${b}, 'foreign', 'generic')`);
    for (const [id, parentId, code] of [
      ["olt", "ont-1", "devices.parent_cycle"],
      ["splitter", "splitter", "devices.parent_cycle"],
      ["olt", "foreign", "devices.unknown_parent"],
      ["olt", "nobody", "devices.unknown_parent"],
    ] as const) {
      await expect(devices.change(whole, id, { parentId })).rejects.toMatchObject({ code });
    }
    let parentId: string | undefined;
    for (let n = 1; n <= 14; n += 1) {
      const { device } = await devices.add(whole, { ...added, id: `row-${n}`, ...(parentId === undefined ? {} : { parentId }) });
      parentId = device.id;
    }
    // Three hang below it: 14 and 3 are one too many.
    await expect(devices.change(whole, "olt", { parentId: "row-14" })).rejects.toMatchObject({ code: "devices.too_deep" });
    await devices.change(whole, "olt", { parentId: "row-13" });
    expect(devices.ancestorsOf("ont-1")).toHaveLength(15);
    await expect(devices.add(whole, { ...added, id: "last", parentId: "ont-1" })).rejects.toMatchObject({ code: "devices.too_deep" });
    expect(devices.find("last")).toBeUndefined();
  });

  it("makes no circle of two changes at the same moment", async () => {
    await devices.add(whole, { ...added, id: "left" });
    await devices.add(whole, { ...added, id: "right" });
    const both = await Promise.allSettled([
      devices.change(whole, "left", { parentId: "right" }),
      devices.change(whole, "right", { parentId: "left" }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(both.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "devices.parent_cycle" } });
  });

  it("leaves what was reached through a device that is removed or handed over to itself", async () => {
    await devices.remove(whole, "splitter", "splitter");
    expect((await devices.get(whole, "ont-1")).parentId).toBeUndefined();
    expect([ids(devices.ancestorsOf("ont-1")), ids(devices.descendantsOf("olt"))]).toEqual([[], []]);
    for (const [id, parentId] of [
      ["ont-1", "olt"],
      ["ont-2", "ont-1"],
    ] as const)
      await devices.change(whole, id, { parentId });
    await db.query(sql`delete from events`);
    await db.transaction((tx) => moveDevice(tx, "ont-1", b));
    await devices.reload("ont-1");
    expect([ids(devices.ancestorsOf("ont-1")), ids(devices.ancestorsOf("ont-2")), ids(devices.descendantsOf("olt"))]).toEqual([[], [], []]);
    const [row] = await db.query<{ n: number }>(sql`select count(*)::int as n from devices where parent_id is not null`);
    expect(row?.n).toBe(0);
    const told = await db.query(sql`select 1 from events where type = 'device.changed' and noun_id = 'ont-2' and data ->> 'what' = 'way'`);
    expect(told).toHaveLength(1);
  });

  it("names no parent that lies outside of somebody's part, and lets nobody there choose one", async () => {
    await devices.change(whole, "splitter", { siteId: south });
    for (const id of ["ont-1", "ont-2"]) await devices.change(whole, id, { siteId: north });
    expect((await devices.get(inNorth, "ont-1")).parentId).toBeUndefined();
    expect((await devices.list(inNorth, { limit: 10 })).items.every(({ parentId }) => parentId === undefined)).toBe(true);
    expect((await devices.list(inNorth, { limit: 10, parentId: "splitter" })).items).toEqual([]);
    await expect(devices.change(inNorth, "ont-1", { parentId: "olt" })).rejects.toMatchObject({ code: "devices.unknown_parent" });
    // Part of the way lies where they do not see; a circle is refused all the same.
    await devices.change(whole, "olt", { siteId: north });
    await expect(devices.change(inNorth, "olt", { parentId: "ont-1" })).rejects.toMatchObject({ code: "devices.parent_cycle" });
    await devices.change(inNorth, "ont-2", { parentId: "ont-1" });
    expect((await devices.get(inNorth, "ont-2")).parentId).toBe("ont-1");
    // What they change beside it leaves the way as it is.
    await devices.change(inNorth, "ont-1", { name: "First" });
    expect((await devices.get(whole, "ont-1")).parentId).toBe("splitter");
  });
});
