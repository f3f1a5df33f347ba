import { randomBytes } from "node:crypto";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createAudit } from "../audit/audit.ts";
import { databaseNowMs } from "./retention-store.ts";
import { defaultRetentionDays, keptDays, keptFrom } from "./retention.ts";
import { addTestDevice, rotate, writeHot } from "./telemetry-fixture.ts";
import type { TestDevice } from "./telemetry-fixture.ts";
import { createTelemetry } from "./telemetry.ts";
import type { Telemetry } from "./telemetry.ts";

const log = createLog({ level: "silent", pretty: false });
const dayMs = 86_400_000;
const today = Math.floor(Date.now() / dayMs) * dayMs;

describe("what is kept", () => {
  it("is the default where a policy says nothing, and statistics never end before what they are made of", () => {
    expect(keptDays({})).toEqual(defaultRetentionDays);
    expect(keptDays({ samples: 30, hours: 10 })).toMatchObject({ samples: 30, hours: 30 });
    expect(keptDays({ samples: 9_000 })).toMatchObject({ samples: 9_000, hours: 9_000, days: 9_000 });
  });
  it("begins with a day of UTC", () => {
    expect(keptFrom(Date.UTC(2026, 2, 3, 17, 5), 2)).toEqual(new Date(Date.UTC(2026, 2, 1)));
  });
});

describe("retention", () => {
  let database: TestDatabase;
  let db: Db;
  let telemetry: Telemetry;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    telemetry = createTelemetry({ audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }), db, clock: systemClock, log });
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  const write = async (device: TestDevice, daysAgo: readonly number[]) => {
    const seriesKey = device.series[0]?.key ?? 0;
    const at = (ago: number) => (today - ago * dayMs + 3_600_000) * 1_000;
    await writeHot(
      db,
      daysAgo.map((ago) => ({
        deviceKey: device.deviceKey,
        measuredUs: at(ago),
        receivedUs: at(ago),
        values: [{ seriesKey, value: ago }],
      })),
    );
    await rotate(db);
    await telemetry.compact({ force: true });
  };
  const policy = async (device: TestDevice, kinds: Record<string, number>) => {
    for (const [kind, days] of Object.entries(kinds)) {
      await db.query(sql`
        insert into retention_policies (organisation_id, kind, days) values (${device.organisationId}, ${kind}, ${days})
        on conflict (organisation_id, kind) do update set days = excluded.days`);
    }
  };
  const ask = async (device: TestDevice, resolutionSeconds: number) =>
    (
      await telemetry.query({
        deviceKey: device.deviceKey,
        metric: "a",
        from: new Date(today - 60 * dayMs),
        to: new Date(today + dayMs),
        resolutionSeconds,
        maxPoints: 5_000,
        timeZone: "UTC",
      })
    ).max;

  it("deletes samples, hours and days each at their age, of that organisation alone", async () => {
    const [mine, other] = [await addTestDevice(db, telemetry, ["a"]), await addTestDevice(db, telemetry, ["a"])];
    for (const device of [mine, other]) await write(device, [50, 40, 20, 5, 0]);
    await policy(mine, { samples: 10, hours: 30, days: 45 });
    await telemetry.retire();
    expect(await ask(mine, 0)).toEqual([5, 0]);
    expect(await ask(mine, 3_600)).toEqual([20, 5, 0]);
    expect(await ask(mine, 86_400)).toEqual([40, 20, 5, 0]);
    expect(await ask(other, 0)).toEqual([50, 40, 20, 5, 0]);
    expect(await ask(other, 86_400)).toEqual([50, 40, 20, 5, 0]);
  });

  it("lets statistics of retired hours stand when a late value comes for them, and never brings samples back", async () => {
    const device = await addTestDevice(db, telemetry, ["a"]);
    await write(device, [20, 5]);
    await policy(device, { samples: 10 });
    await telemetry.retire();
    await write(device, [20, 19, 4]);
    expect(await ask(device, 0)).toEqual([5, 4]);
    expect(await ask(device, 3_600)).toEqual([20, 5, 4]);
    // A longer policy cannot bring back what is gone, and what is written from now on for that time stays out.
    await policy(device, { samples: 400 });
    await telemetry.retire();
    await write(device, [20]);
    expect(await ask(device, 3_600)).toEqual([20, 5, 4]);
  });

  it("goes on where it was cut off", async () => {
    const device = await addTestDevice(db, telemetry, ["a"]);
    await write(
      device,
      Array.from({ length: 50 }, (_, i) => i),
    );
    await policy(device, { samples: 10 });
    for (let cut = 0; cut < 6; cut++) {
      let looks = 0;
      const signal = {
        get aborted() {
          return ++looks > cut;
        },
      } as AbortSignal;
      await telemetry.retire({ signal });
      expect((await ask(device, 0)).slice(-10)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
      expect((await ask(device, 86_400)).length).toBe(50);
    }
    const days = [await databaseNowMs(db)];
    await telemetry.retire();
    days.push(await databaseNowMs(db));
    const [mark] = await db.query<{ before: Date }>(
      sql`select m.retired_before as before from retention_marks m where m.organisation_id = ${device.organisationId} and m.kind = 'samples'`,
    );
    // The day it is may have ended meanwhile.
    expect(days.map((nowMs) => keptFrom(nowMs, 10))).toContainEqual(mark?.before);
    const oldest = Math.floor((today - (mark?.before.getTime() ?? 0)) / dayMs);
    expect(await ask(device, 0)).toEqual(Array.from({ length: oldest + 1 }, (_, i) => oldest - i));
  });

  it("deletes old rejects and facts, but no fact that a handler has not read", async () => {
    const device = await addTestDevice(db, telemetry, ["a"]);
    const { organisationId } = device;
    await policy(device, { rejects: 3, events: 7 });
    for (const ago of [5, 1]) {
      const at = new Date(Date.now() - ago * dayMs);
      await db.query(sql`
        insert into ingest_rejects (id, organisation_id, code, topic, excerpt, minute_at, first_at, last_at)
        values (${newId()}, ${organisationId}, 'ingest.malformed', ${`t${ago}`}, '', ${at}, ${at}, ${at})`);
    }
    const tell = (type: string) => db.transaction((tx) => emit(tx, { organisationId, type, nounId: "x" }));
    await tell("test.read");
    const [read] = await db.query<{ xact_id: string }>(sql`select e.xact_id::text from events e where e.type = 'test.read'`);
    await tell("test.unread");
    await db.query(
      sql`insert into event_cursors (handler, xact_id, event_id) values ('test', (${Number(read?.xact_id) + 1})::text::xid8, ${newId()})`,
    );
    await db.query(sql`update events e set at = now() - interval '8 days' where e.organisation_id = ${organisationId}`);
    const before = await db.query<{ xact_id: string; type: string }>(
      sql`select e.xact_id::text, e.type from events e where e.organisation_id = ${organisationId}`,
    );
    expect(before).toHaveLength(2);
    await telemetry.retire();
    expect(await db.query(sql`select r.topic from ingest_rejects r where r.organisation_id = ${organisationId}`)).toEqual([
      { topic: "t1" },
    ]);
    expect(await db.query(sql`select e.type from events e where e.organisation_id = ${organisationId}`)).toEqual([{ type: "test.unread" }]);
  });

  it("deletes what is left of a device that was removed, and of no other", async () => {
    const [removed, kept] = [await addTestDevice(db, telemetry, ["a"]), await addTestDevice(db, telemetry, ["a"])];
    for (const device of [removed, kept]) await write(device, [2, 1, 0]);
    await db.query(sql`delete from devices d where d.key = ${removed.deviceKey}`);
    await telemetry.retire();
    const left = await db.query<{ device_key: number }>(sql`
      select distinct x.device_key from (select device_key from chunks union all select device_key from telemetry_hours union all select device_key from telemetry_days) x
      where x.device_key in (${removed.deviceKey}, ${kept.deviceKey})`);
    expect(left).toEqual([{ device_key: kept.deviceKey }]);
    expect(await ask(kept, 0)).toEqual([2, 1, 0]);
  });
});
