import { randomBytes } from "node:crypto";

import { changeRetention } from "@roost/contract/retention";
import type { RetentionChange, RetentionPreview } from "@roost/contract/retention";
import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import type { Actor } from "../../platform/tenancy.ts";
import { createAudit } from "../audit/audit.ts";
import { changedPolicy } from "./retention-policy.ts";
import { defaultRetentionDays } from "./retention.ts";
import { addTestDevice, rotate, writeHot } from "./telemetry-fixture.ts";
import type { TestDevice } from "./telemetry-fixture.ts";
import { createTelemetry } from "./telemetry.ts";
import type { Telemetry } from "./telemetry.ts";

const log = createLog({ level: "silent", pretty: false });
const dayMs = 86_400_000;
const today = Math.floor(Date.now() / dayMs) * dayMs;
const by: Actor = { kind: "person", id: "p-1", name: "ann@example.org" };

const codeOf = (work: () => unknown) => {
  try {
    work();
    return "none";
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

describe("a change of retention", () => {
  it("sets what it names, leaves the rest, and goes back to the default by null", () => {
    expect(changedPolicy({ samples: 30, hours: 60 }, { samplesDays: 20, rejectsDays: 7 })).toEqual({ samples: 20, hours: 60, rejects: 7 });
    expect(changedPolicy({ samples: 30, hours: 60 }, { samplesDays: 20, hourlyDays: null })).toEqual({ samples: 20 });
  });

  it("is refused where statistics would go before what they are made of, with the two named", () => {
    const refused: RetentionChange[] = [
      { samplesDays: 2_000 },
      { hourlyDays: 399 },
      { dailyDays: 1_829 },
      { samplesDays: 90, dailyDays: 80 },
    ];
    for (const wanted of refused) expect([wanted, codeOf(() => changedPolicy({}, wanted))]).toEqual([wanted, "retention.out_of_order"]);
    // Back to a default that is shorter than what somebody set.
    expect(codeOf(() => changedPolicy({ samples: 4_000, hours: 4_000 }, { hourlyDays: null }))).toBe("retention.out_of_order");
    expect(codeOf(() => changedPolicy({}, { samplesDays: 2_000, hourlyDays: 2_000 }))).toBe("none");
    // What was left in disorder by hand keeps nobody from changing another kind.
    expect(codeOf(() => changedPolicy({ samples: 4_000 }, { eventsDays: 30 }))).toBe("none");
  });

  it("has bounds", () => {
    const isFine = (body: object) => changeRetention.body?.safeParse(body).success;
    for (const days of [1, 36_500, null]) expect(isFine({ samplesDays: days })).toBe(true);
    for (const days of [0, -1, 1.5, 36_501, "30"]) expect([days, isFine({ samplesDays: days })]).toEqual([days, false]);
    expect(isFine({ hours: 3 })).toBe(false);
  });
});

describe("retention of an organisation", () => {
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

  /** Two values on each of those days, which are chunks and statistics by the hour and by the day then. */
  const write = async (device: TestDevice, daysAgo: readonly number[]) => {
    const seriesKey = device.series[0]?.key ?? 0;
    const us = (ago: number, minute: number) => (today - ago * dayMs + minute * 60_000) * 1_000;
    await writeHot(
      db,
      daysAgo.flatMap((ago) =>
        [70, 75].map((minute) => ({
          deviceKey: device.deviceKey,
          measuredUs: us(ago, minute),
          receivedUs: us(ago, minute),
          values: [{ seriesKey, value: ago }],
        })),
      ),
    );
    await rotate(db);
    await telemetry.compact({ force: true });
  };
  const ask = async (device: TestDevice, resolutionSeconds: number) =>
    (
      await telemetry.query({
        deviceKey: device.deviceKey,
        metric: "a",
        from: new Date(today - 100 * dayMs),
        to: new Date(today + dayMs),
        resolutionSeconds,
        maxPoints: 5_000,
        timeZone: "UTC",
      })
    ).max;
  const deletes = ({ items }: Pick<RetentionPreview, "items">) =>
    Object.fromEntries(items.filter((one) => one.deletes > 0).map(({ kind, deletes: count, oldestAt }) => [kind, [count, oldestAt]]));
  const ago = (days: number, minutes = 0) => new Date(today - days * dayMs + minutes * 60_000);
  const change = (device: TestDevice, wanted: RetentionChange, acceptsDeletion = false) =>
    telemetry.retention.change({ organisationId: device.organisationId, by }, wanted, { acceptsDeletion });
  const daysOf = async (device: TestDevice) =>
    Object.fromEntries(
      (await telemetry.retention.show(device)).items.map(({ kind, days, isDefault }) => [kind, isDefault ? "default" : days]),
    );
  const auditOf = ({ organisationId }: TestDevice) =>
    db.query<{ action: string; before: object | null; after: object | null }>(
      sql`select e.action, e.before, e.after from audit_entries e where e.organisation_id = ${organisationId} order by e.at, e.id`,
    );

  it("is the default until somebody sets it, and says how far back things go", async () => {
    const device = await addTestDevice(db, telemetry, ["a"]);
    const empty = (await telemetry.retention.show(device)).items;
    expect(empty.map(({ days, defaultDays }) => [days, defaultDays])).toEqual(
      Object.values(defaultRetentionDays).map((days) => [days, days]),
    );
    expect(empty.some((one) => "oldestAt" in one)).toBe(false);
    await write(device, [40, 3]);
    const oldest = (await telemetry.retention.show(device)).items.map(({ oldestAt }) => oldestAt);
    expect(oldest).toEqual([ago(40, 60), ago(40, 60), ago(40), undefined, undefined]);
  });

  it("GA-10: deletes old values and keeps their statistics by the policy that was set; before, it says how much goes", async () => {
    const [mine, other] = [await addTestDevice(db, telemetry, ["a"]), await addTestDevice(db, telemetry, ["a"])];
    for (const device of [mine, other]) await write(device, [80, 50, 40, 20, 5, 1]);
    const wanted = { samplesDays: 10, hourlyDays: 30, dailyDays: 60 };

    const preview = await telemetry.retention.preview(mine, wanted);
    expect(deletes(preview)).toEqual({ samples: [8, ago(80, 60)], hourly: [3, ago(80, 60)], daily: [1, ago(80)] });
    expect(preview.deletesAnything).toBe(true);
    expect(await daysOf(mine)).toMatchObject({ samples: "default" });

    await expect(change(mine, wanted)).rejects.toMatchObject({
      code: "retention.would_delete",
      details: {
        items: [
          { kind: "samples", deletes: 8 },
          { kind: "hourly", deletes: 3 },
          { kind: "daily", deletes: 1 },
        ],
      },
    });
    expect(await daysOf(mine)).toMatchObject({ samples: "default", hourly: "default", daily: "default" });
    expect(await auditOf(mine)).toEqual([]);

    await change(mine, wanted, true);
    // Nothing went yet: until the next run it can be set back.
    expect(await ask(mine, 0)).toHaveLength(12);
    await telemetry.retire();
    expect(await ask(mine, 0)).toEqual([5, 5, 1, 1]);
    expect(await ask(mine, 3_600)).toEqual([20, 5, 1]);
    // A day without statistics is absent, not nought.
    expect(await ask(mine, 86_400)).toEqual([50, 40, 20, 5, 1]);
    expect(await ask(other, 0)).toHaveLength(12);

    expect(await auditOf(mine)).toMatchObject([
      {
        action: "retention.changed",
        before: { samplesDays: null, hourlyDays: null, dailyDays: null },
        after: { samplesDays: 10, hourlyDays: 30, dailyDays: 60, deletes: ["8 samples", "3 hourly", "1 daily"] },
      },
      { action: "retention.deleted", after: { hoursOfSamples: 4, hourly: 3, daily: 1 } },
    ]);
    expect(await auditOf(other)).toEqual([]);
    await telemetry.retire();
    expect(await auditOf(mine)).toHaveLength(2);
  });

  it("can be taken back until the next run; what was retired stays gone whatever is set then", async () => {
    const device = await addTestDevice(db, telemetry, ["a"]);
    await write(device, [50, 20, 2]);
    await change(device, { samplesDays: 30 }, true);
    await change(device, { samplesDays: null });
    await telemetry.retire();
    expect(await ask(device, 0)).toEqual([50, 50, 20, 20, 2, 2]);

    await change(device, { samplesDays: 30 }, true);
    await telemetry.retire();
    // Longer deletes nothing, and brings nothing back.
    expect((await telemetry.retention.preview(device, { samplesDays: 300 })).deletesAnything).toBe(false);
    await change(device, { samplesDays: 300 });
    await telemetry.retire();
    expect(await ask(device, 0)).toEqual([20, 20, 2, 2]);
    // And a new change counts what is there, not what was.
    expect(deletes(await telemetry.retention.preview(device, { samplesDays: 10 }))).toEqual({ samples: [2, ago(20, 60)] });
  });

  it("counts the statistics that were kept only because their values were, and go with them", async () => {
    const device = await addTestDevice(db, telemetry, ["a"]);
    await change(device, { samplesDays: 20, hourlyDays: 20, dailyDays: 90 });
    // Somebody by hand: hours are kept as long as values then, whatever their own row says.
    await db.query(
      sql`update retention_policies p set days = 90 where p.organisation_id = ${device.organisationId} and p.kind = 'samples'`,
    );
    expect((await telemetry.retention.show(device)).items.map(({ days }) => days).slice(0, 3)).toEqual([90, 90, 90]);
    await write(device, [70, 2]);
    const effect = { samples: [2, ago(70, 60)], hourly: [1, ago(70, 60)] };
    expect(deletes(await telemetry.retention.preview(device, { samplesDays: 20 }))).toEqual(effect);
    expect(deletes(await telemetry.retention.preview(device, { dailyDays: 90 }))).toEqual({});
  });

  it("counts and deletes what was refused and what happened", async () => {
    const device = await addTestDevice(db, telemetry, ["a"]);
    const { organisationId } = device;
    for (const days of [20, 2]) {
      const at = ago(days, 60);
      await db.query(sql`
        insert into ingest_rejects (id, organisation_id, code, topic, excerpt, minute_at, first_at, last_at)
        values (${newId()}, ${organisationId}, 'ingest.malformed', ${`t${days}`}, '', ${at}, ${at}, ${at})`);
      await db.query(sql`
        insert into events (id, organisation_id, type, noun_id, data, at) values (${newId()}, ${organisationId}, ${`test.${days}`}, 'x', '{}', ${at})`);
    }
    const wanted = { rejectsDays: 10, eventsDays: 10 };
    const expected = { rejects: [1, ago(20, 60)], events: [1, ago(20, 60)] };
    expect(deletes(await telemetry.retention.preview(device, wanted))).toEqual(expected);
    await change(device, wanted, true);
    // Somebody writes for long in a database beside ours.
    const neighbour = await createTestDatabase({ migrated: false });
    const neighbours = createDb({ connection: neighbour.connection, log });
    await neighbours.transaction(async (tx) => {
      await tx.query(sql`create table notes (text text)`);
      await db.query(sql`update events e set xact_id = pg_current_xact_id() where e.organisation_id = ${organisationId}`);
      await telemetry.retire();
    });
    await neighbours.close();
    await neighbour.drop();
    expect(await db.query(sql`select r.topic from ingest_rejects r where r.organisation_id = ${organisationId}`)).toEqual([
      { topic: "t2" },
    ]);
    const facts = await db.query<{ type: string }>(
      sql`select e.type from events e where e.organisation_id = ${organisationId} and e.type like 'test.%'`,
    );
    expect(facts).toEqual([{ type: "test.2" }]);
    expect(deletes(await telemetry.retention.preview(device, wanted))).toEqual({});
  });
});
