import { randomBytes } from "node:crypto";

import type { Permission } from "@roost/contract/permissions";
import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createDispatch } from "../../platform/events.ts";
import type { Dispatch } from "../../platform/events.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createSeal } from "../../platform/seal.ts";
import { createAudit } from "../audit/audit.ts";
import { createDevices } from "./devices.ts";
import type { Devices } from "./devices.ts";
import { createTransfers } from "./transfers.ts";
import type { Transfers } from "./transfers.ts";

const log = createLog({ level: "silent", pretty: false });

describe("hand-overs of devices", () => {
  let database: TestDatabase;
  let db: Db;
  let devices: Devices;
  let transfers: Transfers;
  let dispatch: Dispatch;
  const [a, b] = [newId(), newId()];
  const [anna, ben] = [newId(), newId()];
  /** Who may hand over where, now. */
  const rights = new Map([
    [a, new Set([anna])],
    [b, new Set([ben])],
  ]);
  const as = (id: string, organisationId: string, kind: "person" | "token" = "person"): PersonCaller => ({
    kind,
    id,
    name: id,
    organisationId,
    permissions: new Set<Permission>(["devices:transfer"]),
    by: { kind, id, name: id },
    signal: new AbortController().signal,
  });
  const add = async (id: string) => {
    await devices.add({ organisationId: a }, { id, kind: "generic", heartbeatSeconds: 60 });
    return id;
  };
  const addEvent = (deviceId: string, organisationId: string, data = "{}") =>
    db.query(sql`
      insert into device_events (id, organisation_id, device_id, type, data, measured_at, received_at)
      values (${newId()}, ${organisationId}, ${deviceId}, 'woke', ${data}, now(), now())`);
  const owners = (deviceId: string) =>
    db.query<{ organisation_id: string; n: number }>(sql`
      select e.organisation_id, count(*)::int as n from device_events e where e.device_id = ${deviceId} group by e.organisation_id`);

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    for (const id of [a, b]) await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${id}, ${id})`);
    const audit = createAudit({ db, clock: systemClock, log, key: randomBytes(32) });
    devices = createDevices({
      db,
      audit,
      seal: createSeal(randomBytes(32)),
      clock: systemClock,
      log,
      reach: () => ({ host: "x", hosts: [], mqttPort: 1, httpUrl: () => "http://x", caPem: "" }),
    });
    await devices.start();
    transfers = createTransfers({
      db,
      audit,
      devices,
      log,
      organisations: {
        mayNow: async (_tx, organisationId, personId) => rights.get(organisationId)?.has(personId) === true,
        nameOf: async (tx, id) => (await tx.query<{ name: string }>(sql`select o.name from organisations o where o.id = ${id}`))[0]?.name,
      },
    });
    dispatch = await createDispatch({ db, handlers: [...devices.handlers, ...transfers.handlers], observe: () => undefined, log });
  });
  afterAll(async () => {
    await dispatch.close();
    await devices.stop();
    await db.close();
    await database.drop();
  });

  it("what a batch wrote meanwhile under the giver's name follows the device", async () => {
    const id = await add("straggler");
    await addEvent(id, a);
    const { code = "" } = await transfers.offer(as(anna, a), id, {});
    await transfers.accept(as(ben, b), code);
    expect(devices.find(id)?.organisationId).toBe(b);
    expect(await owners(id)).toEqual([{ organisation_id: b, n: 1 }]);
    await addEvent(id, a, '{"late":true}');
    await dispatch.settle();
    expect(await owners(id)).toEqual([{ organisation_id: b, n: 2 }]);
  });

  it("of everybody who takes it over at once, one gets it, and nothing hangs", async () => {
    const id = await add("wanted");
    rights.get(b)?.add(anna);
    const { code = "" } = await transfers.offer(as(anna, a), id, {});
    const tries = await Promise.allSettled([
      transfers.accept(as(ben, b), code),
      transfers.accept(as(anna, b), code),
      transfers.offer(as(anna, a), id, { organisationId: b }),
      transfers.offer(as(anna, a), id, { organisationId: b }),
    ]);
    expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const one of tries) {
      if (one.status === "rejected")
        expect(["transfers.offer_ended", "devices.not_found"]).toContain((one.reason as { code: string }).code);
    }
    expect(devices.find(id)?.organisationId).toBe(b);
    expect(await db.query(sql`select from device_transfers t where t.device_id = ${id} and t.direction = 'in'`)).toHaveLength(1);
    rights.get(b)?.delete(anna);
  });

  it("is refused to whoever lost the right a moment ago, to tokens, and out of another organisation", async () => {
    const id = await add("guarded");
    const { code = "" } = await transfers.offer(as(anna, a), id, {});
    rights.get(b)?.delete(ben);
    await expect(transfers.accept(as(ben, b), code)).rejects.toMatchObject({ code: "http.forbidden" });
    rights.get(b)?.add(ben);
    await expect(transfers.accept(as(ben, b, "token"), code)).rejects.toMatchObject({ code: "people.person_needed" });
    await expect(transfers.offer(as(anna, a, "token"), id, {})).rejects.toMatchObject({ code: "people.person_needed" });
    await expect(transfers.offer(as(anna, a), id, { organisationId: b })).rejects.toMatchObject({ code: "transfers.not_yours_there" });
    await expect(transfers.offer(as(ben, b), id, {})).rejects.toMatchObject({ code: "devices.not_found" });
    const far = { ...as(anna, a), scope: { allow: [{ siteIds: [newId()], groupIds: [] }], deny: { siteIds: [], groupIds: [] } } };
    await expect(transfers.offer(far, id, {})).rejects.toMatchObject({ code: "devices.not_found" });
    expect(devices.find(id)?.organisationId).toBe(a);
  });

  it("CO-68: who acts in a part of the organisation meets the offers of that part, and takes no others back", async () => {
    const [near, elsewhere] = [await add("near-one"), await add("elsewhere-one")];
    const siteId = newId();
    await db.query(sql`insert into sites (id, organisation_id, name) values (${siteId}, ${a}, 'North')`);
    await devices.change({ organisationId: a }, near, { siteId });
    for (const id of [near, elsewhere]) await transfers.offer(as(anna, a), id, {});
    const part = { ...as(anna, a), scope: { allow: [{ siteIds: [siteId], groupIds: [] }], deny: { siteIds: [], groupIds: [] } } };
    expect((await transfers.list(part)).map(({ deviceId }) => deviceId)).toEqual([near]);
    const offers = new Map((await transfers.list(as(anna, a))).map(({ deviceId, id }) => [deviceId as string, id]));
    await expect(transfers.withdraw(part, offers.get(elsewhere) ?? "")).rejects.toMatchObject({ code: "transfers.not_found" });
    await transfers.withdraw(part, offers.get(near) ?? "");
  });

  it("takes the time it needs for a device with a long history", async () => {
    const id = await add("talker");
    await db.query(sql`
      insert into device_events (id, organisation_id, device_id, type, data, measured_at, received_at)
      select gen_random_uuid(), ${a}, ${id}, 'tick', '{}', now() - make_interval(secs => n), now() from generate_series(1, 30000) n`);
    const { code = "" } = await transfers.offer(as(anna, a), id, {});
    await transfers.accept(as(ben, b), code);
    expect(await owners(id)).toEqual([{ organisation_id: b, n: 30_000 }]);
  });
});
