import { randomBytes } from "node:crypto";

import { sql, trusted } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createDispatch } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createSeal } from "../../platform/seal.ts";
import type { Whose } from "../../platform/tenancy.ts";
import { createAudit } from "../audit/audit.ts";
import { createDevices } from "./devices.ts";
import type { Devices } from "./devices.ts";

const log = createLog({ level: "silent", pretty: false });

describe("where devices stand", () => {
  let database: TestDatabase;
  let db: Db;
  let devices: Devices;
  const [a, b] = [newId(), newId()];
  const [north, south, foreign] = [newId(), newId(), newId()];
  const [pumps, doors] = [newId(), newId()];
  const whole: Whose = { organisationId: a };
  const none = { siteIds: [], groupIds: [] };
  const inNorth: Whose = { organisationId: a, scope: { allow: [{ siteIds: [north], groupIds: [pumps] }], deny: none } };
  const added = { kind: "generic", heartbeatSeconds: 60 };

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    for (const id of [a, b]) await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${id}, ${id})`);
    await db.query(sql`
      insert into sites (id, organisation_id, name) values (${north}, ${a}, 'north'), (${south}, ${a}, 'south'), (${foreign}, ${b}, 'foreign')`);
    await db.query(sql`insert into device_groups (id, organisation_id, name) values (${pumps}, ${a}, 'pumps'), (${doors}, ${a}, 'doors')`);
    devices = createDevices({
      db,
      audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
      seal: createSeal(randomBytes(32)),
      clock: systemClock,
      log,
      reach: () => ({ host: "x", hosts: [], mqttPort: 1, httpUrl: () => "http://x", caPem: "" }),
    });
    await devices.start();
  });
  afterAll(async () => {
    await devices.stop();
    await db.close();
    await database.drop();
  });

  it("CO-68: changes in memory and in the database at once; lists and counts go by site and group", async () => {
    await devices.add(whole, { ...added, id: "one", siteId: south });
    const changed = await devices.change(whole, "one", { siteId: north, groupIds: [pumps, doors, pumps] });
    expect([changed.siteId, [...(changed.groupIds ?? [])].sort()]).toEqual([north, [doors, pumps].sort()]);
    expect([devices.find("one")?.siteId, devices.find("one")?.groupIds]).toEqual([north, new Set([pumps, doors])]);
    const ids = async (part: object) => (await devices.list(whole, { limit: 10, ...part })).items.map(({ id }) => id);
    expect([await ids({ siteId: north }), await ids({ siteId: south }), await ids({ groupId: doors })]).toEqual([["one"], [], ["one"]]);
    expect((await devices.list(whole, { limit: 10, siteId: south })).counts.waiting).toBe(0);
    const left = await devices.change(whole, "one", { siteId: null, groupIds: [] });
    expect([left.siteId, left.groupIds]).toEqual([undefined, undefined]);
    // Absent stays.
    await devices.change(whole, "one", { siteId: north });
    expect((await devices.change(whole, "one", { name: "One" })).siteId).toBe(north);
  });

  it("names no place of another organisation, and none that is not there", async () => {
    for (const change of [{ siteId: foreign }, { siteId: newId() }, { groupIds: [newId()] }, { groupIds: [pumps, foreign] }]) {
      await expect(devices.change(whole, "one", change)).rejects.toMatchObject({ code: "devices.unknown_place" });
      await expect(devices.add(whole, { ...added, id: "smuggled", siteId: foreign })).rejects.toMatchObject({
        code: "devices.unknown_place",
      });
    }
    expect(devices.find("smuggled")).toBeUndefined();
  });

  it("CO-68: who acts in a part adds and moves devices within it, and takes none out of it", async () => {
    await devices.add(inNorth, { ...added, id: "by-site", siteId: north });
    await devices.add(inNorth, { ...added, id: "by-group", groupIds: [pumps] });
    expect((await devices.get(inNorth, "by-group")).groupIds).toEqual([pumps]);
    const refused = { code: "devices.out_of_reach" };
    for (const wanted of [{}, { siteId: south }, { groupIds: [doors] }, { siteId: north, groupIds: [doors] }]) {
      await expect(devices.add(inNorth, { ...added, id: "outside", ...wanted })).rejects.toMatchObject(refused);
    }
    expect(devices.find("outside")).toBeUndefined();
    expect(await db.query(sql`select from device_group_members m where m.device_id = 'outside'`)).toEqual([]);
    for (const change of [{ siteId: null }, { siteId: south }, { groupIds: [doors] }]) {
      await expect(devices.change(inNorth, "by-site", change)).rejects.toMatchObject(refused);
    }
    await devices.change(inNorth, "by-site", { groupIds: [pumps] });
    // It may leave its site now, since it is still seen by its group.
    expect((await devices.change(inNorth, "by-site", { siteId: null })).siteId).toBeUndefined();
    // A group of others stays what others made of it.
    await devices.change(whole, "by-site", { groupIds: [pumps, doors] });
    await expect(devices.change(inNorth, "by-site", { groupIds: [pumps] })).rejects.toMatchObject(refused);
    await devices.add(whole, { ...added, id: "hidden-from-north", siteId: south });
    await expect(devices.change(inNorth, "hidden-from-north", { siteId: north })).rejects.toMatchObject({ code: "devices.not_found" });
  });

  it("a place that goes is known to the memory by its fact", async () => {
    const dispatch = await createDispatch({ db, handlers: devices.handlers, observe: () => undefined, log });
    await devices.change(whole, "one", { siteId: south, groupIds: [doors] });
    await db.transaction(async (tx) => {
      await tx.query(sql`delete from sites where id = ${south}`);
      await tx.query(sql`delete from device_groups where id = ${doors}`);
      for (const [type, id] of [
        ["site.removed", south],
        ["device_group.removed", doors],
      ]) {
        await tx.query(sql`insert into events (id, organisation_id, type, noun_id, data) values (${newId()}, ${a}, ${type}, ${id}, '{}')`);
      }
    });
    await dispatch.settle();
    expect([devices.find("one")?.siteId, devices.find("one")?.groupIds]).toEqual([undefined, new Set()]);
    await dispatch.close();
  });

  it("a table made tomorrow goes with the device, and what hangs on it; what is another device's stays", async () => {
    await db.query(trusted("create table tomorrows (id uuid primary key, organisation_id uuid not null, device_id text not null)"));
    await db.query(
      trusted(
        "create table tomorrow_parts (id uuid primary key, organisation_id uuid not null, tomorrow_id uuid not null references tomorrows (id))",
      ),
    );
    await db.query(trusted("create table keyed (organisation_id uuid not null, device_key integer not null)"));
    for (const id of ["one", "by-site"]) {
      const row = newId();
      await db.query(sql`insert into tomorrows values (${row}, ${a}, ${id})`);
      await db.query(sql`insert into tomorrow_parts values (${newId()}, ${a}, ${row})`);
      await db.query(sql`insert into keyed values (${a}, ${devices.find(id)?.key})`);
    }
    const moved = await db.query<{ n: number }>(sql`select roost_move_device('one', ${b}) as n`);
    expect(moved[0]?.n).toBeGreaterThanOrEqual(3);
    expect(await db.query(sql`select t.device_id, t.organisation_id = ${b} as went from tomorrows t order by t.device_id`)).toEqual([
      { device_id: "by-site", went: false },
      { device_id: "one", went: true },
    ]);
    expect(await db.query(sql`select from tomorrow_parts p where p.organisation_id = ${b}`)).toHaveLength(1);
    expect(await db.query(sql`select from keyed k where k.organisation_id = ${b}`)).toHaveLength(1);
    expect(await db.query(sql`select roost_move_device('one', ${b}) as n`)).toEqual([{ n: 0 }]);
    // It is no way round row-level security.
    await expect(db.within({ organisationId: b }).query(sql`select roost_move_device('by-site', ${b})`)).rejects.toThrow();
  });
});
