import { randomBytes } from "node:crypto";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db, Queryable } from "../../platform/db.ts";
import { createLog } from "../../platform/log.ts";
import { createAudit } from "../audit/audit.ts";
import { compactSlice, countValuesByDevice, selectWaitingSegments } from "./chunk-store.ts";
import { createCompaction } from "./compaction.ts";
import { selectHotSegments, selectSamples } from "./sample-store.ts";
import { addTestDevice, collect, rotate, writeHot } from "./telemetry-fixture.ts";
import type { TestDevice, TestMessage } from "./telemetry-fixture.ts";
import { bucketed, distinct, wallClockKey } from "./telemetry-model.ts";
import type { ModelSample } from "./telemetry-model.ts";
import { createTelemetry } from "./telemetry.ts";
import type { Telemetry } from "./telemetry.ts";

const log = createLog({ level: "silent", pretty: false });
const hourUs = 3_600_000_000;
// A fortnight around the end of summer time in Europe.
const t0 = Date.UTC(2025, 9, 20) * 1_000;
const spanUs = 14 * 24 * hourUs;

const instantUs = fc.oneof(
  // Close together, so that copies and neighbours meet; and anywhere in the fortnight.
  fc.nat({ max: 90 }).map((i) => t0 + 5 * hourUs + i * 60_000_000),
  fc.nat({ max: 400 }).map((ms) => t0 + 5 * hourUs + ms * 1_000),
  fc.nat({ max: spanUs / 1_000_000 - 1 }).map((s) => t0 + s * 1_000_000),
  fc.nat({ max: spanUs - 1 }).map((us) => t0 + us),
);
const message = fc.record({
  device: fc.nat({ max: 2 }),
  measuredUs: instantUs,
  lagMs: fc.nat({ max: 3 }),
  values: fc.uniqueArray(
    fc.record({
      series: fc.nat({ max: 2 }),
      value: fc.oneof(
        fc.integer({ min: -5, max: 5 }),
        fc.integer().map((i) => i / 100),
        fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }).map((v) => v + 0),
      ),
    }),
    {
      minLength: 1,
      maxLength: 3,
      selector: ({ series }) => series,
    },
  ),
  quality: fc.nat({ max: 3 }),
  seq: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, fc.nat({ max: 3 })),
});
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("write" as const), messages: fc.array(message, { minLength: 1, maxLength: 25 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("rotate" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("compact" as const), sliceValues: fc.integer({ min: 1, max: 40 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("stop after a slice" as const),
      sliceValues: fc.integer({ min: 1, max: 10 }),
      looks: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("die in a slice" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("compact twice at once" as const), sliceValues: fc.integer({ min: 1, max: 10 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("retire" as const), keepDays: fc.integer({ min: 2, max: 13 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const zones = ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe", "America/St_Johns"];
const question = fc.record({
  fromUs: fc.oneof(instantUs, fc.constant(t0)).map((us) => Math.floor(us / 1_000) * 1_000),
  lengthMs: fc.oneof(fc.nat({ max: 7_200_000 }), fc.nat({ max: spanUs / 1_000 }), fc.constant(spanUs / 1_000)),
  stepSeconds: fc.constantFrom(60, 700, 900, 3_600, 7_200, 21_600, 43_200, 86_400, 7 * 86_400),
  zone: fc.constantFrom(...zones),
  device: fc.nat({ max: 2 }),
  series: fc.nat({ max: 2 }),
});

describe("the store and a plain model of it", () => {
  let database: TestDatabase;
  let db: Db;
  let telemetry: Telemetry;
  const metrics = ["a", "b", "c"];
  const compactionOf = (sliceValues: number) => createCompaction({ db, log, sliceValues, keepPartitionSeconds: 0 });

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    telemetry = createTelemetry({ audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }), db, clock: systemClock, log });
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  /** A slice is computed to its end, and its transaction then goes the way of a killed server's. */
  async function dieInSlice(): Promise<void> {
    const waiting = await selectWaitingSegments(db);
    const segmentIds = waiting.filter((one) => one.compactedBelow === waiting[0]?.compactedBelow).map((one) => one.id);
    if (segmentIds.length === 0) return;
    const fromDeviceKey = waiting[0]?.compactedBelow ?? 0;
    const devices = await countValuesByDevice(db, segmentIds, fromDeviceKey);
    await expect(
      db.transaction(async (tx) => {
        expect(await compactSlice(tx, { segmentIds, fromDeviceKey, toDeviceKey: devices[1]?.deviceKey })).toBe(true);
        throw new Error("killed");
      }),
    ).rejects.toThrow("killed");
  }

  async function take(one: Step, devices: readonly TestDevice[], model: Model): Promise<void> {
    switch (one.do) {
      case "write": {
        const messages: TestMessage[] = one.messages.map(({ device, measuredUs, lagMs, values, quality, seq }) => {
          const { deviceKey, series } = devices[device] as TestDevice;
          return {
            deviceKey,
            measuredUs,
            receivedUs: measuredUs + lagMs * 1_000,
            quality,
            seq,
            values: values.map(({ series: i, value }) => ({ seriesKey: series[i]?.key ?? 0, value })),
          };
        });
        await writeHot(db, messages);
        model.write(messages);
        return;
      }
      case "rotate":
        await rotate(db);
        return;
      case "compact":
        await compactionOf(one.sliceValues).run({ force: true });
        return;
      case "stop after a slice": {
        let looks = 0;
        // Looked at before each batch and each slice: it aborts between two of them.
        const signal = {
          get aborted() {
            return ++looks > one.looks;
          },
        } as AbortSignal;
        await compactionOf(one.sliceValues).run({ force: true, signal });
        return;
      }
      case "die in a slice":
        await dieInSlice();
        return;
      case "compact twice at once":
        await Promise.all([compactionOf(one.sliceValues).run({ force: true }), compactionOf(one.sliceValues).run({ force: true })]);
        return;
      case "retire": {
        await rotate(db);
        await compactionOf(1_000).run({ force: true });
        const before = t0 + Math.floor(spanUs / (24 * hourUs) - one.keepDays) * 24 * hourUs;
        for (const { organisationId } of devices) {
          // The policy counts days from today; the mark lies where a test wants it.
          await db.query(sql`
            insert into retention_marks as m (organisation_id, kind, retired_before) values (${organisationId}, 'samples', ${new Date(before / 1_000)})
            on conflict (organisation_id, kind) do update set retired_before = greatest(m.retired_before, excluded.retired_before)`);
          await db.query(
            sql`insert into retention_policies (organisation_id, kind, days) values (${organisationId}, 'samples', 36500), (${organisationId}, 'hours', 36500) on conflict do nothing`,
          );
        }
        await telemetry.retire();
        model.retire(before);
        return;
      }
      default:
        one satisfies never;
    }
  }

  async function compare(
    devices: readonly TestDevice[],
    model: Model,
    asked: typeof question extends fc.Arbitrary<infer Q> ? Q : never,
  ): Promise<void> {
    const { deviceKey, series } = devices[asked.device] as TestDevice;
    const keys = series.map((entry) => entry.key);
    const all = await selectSamples(db, {
      deviceKey,
      segmentIds: await selectHotSegments(db),
      seriesKeys: keys,
      fromUs: t0,
      toUs: t0 + spanUs,
      limit: 100_000,
    });
    expect(all).toEqual(model.samples(keys));

    const seriesKey = series[asked.series]?.key ?? 0;
    const toUs = asked.fromUs + asked.lengthMs * 1_000;
    const inRange = (sample: ModelSample) => sample.measuredUs >= asked.fromUs && sample.measuredUs < toUs;
    const keyOf =
      asked.stepSeconds >= 3_600
        ? wallClockKey(asked.zone, asked.stepSeconds)
        : (ms: number) => String(Math.floor(ms / 1_000 / asked.stepSeconds));
    // Retired hours answer where whole hours of UTC are asked for; elsewhere the model does not follow.
    const answerable =
      asked.stepSeconds >= 3_600 && asked.zone === "UTC" && asked.fromUs % (24 * hourUs) === 0 && toUs % (24 * hourUs) === 0;
    if (model.hasRetired && !answerable) return;
    const known = answerable ? model.everything([seriesKey]) : model.samples([seriesKey]);
    const expected = bucketed(known.filter(inRange), keyOf);
    const points = await telemetry.query({
      deviceKey,
      metric: metrics[asked.series] ?? "",
      from: new Date(asked.fromUs / 1_000),
      to: new Date(toUs / 1_000),
      resolutionSeconds: asked.stepSeconds,
      maxPoints: 5_000_000,
      timeZone: asked.zone,
    });
    expect({ n: points.n, min: points.min, max: points.max }).toEqual({
      n: expected.map(({ n }) => n),
      min: expected.map(({ min }) => min),
      max: expected.map(({ max }) => max),
    });
    for (const [index, { avg, key }] of expected.entries()) {
      expect(points.avg[index]).toBeCloseTo(avg, 6);
      // A bucket's start is shown by the same wall clock as what lies in it, and nothing before it is.
      expect(keyOf(points.at[index] ?? 0)).toBe(key);
      expect(keyOf((points.at[index] ?? 0) - 1)).not.toBe(key);
    }
  }

  it("answer the same whatever is written, late, copied, rotated, compacted, cut off or retired, in whatever order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(step, question), { minLength: 3, maxLength: 14 }), async (steps) => {
        const devices = [
          await addTestDevice(db, telemetry, metrics),
          await addTestDevice(db, telemetry, metrics),
          await addTestDevice(db, telemetry, metrics),
        ];
        const model = createModel();
        for (const [one, asked] of steps) {
          await take(one, devices, model);
          await compare(devices, model, asked);
        }
        await rotate(db);
        await compactionOf(100).run({ force: true });
        for (const [, asked] of steps) await compare(devices, model, asked);
        const { deviceKey, series } = devices[0] as TestDevice;
        const csv = await collect(
          await telemetry.exportCsv({ deviceKey, from: new Date(t0 / 1_000), to: new Date((t0 + spanUs) / 1_000), timeZone: "UTC" }),
        );
        expect(csv.trimEnd().split("\r\n").length - 1).toBe(model.samples(series.map(({ key }) => key)).length);
        const left = await db.query<{ n: number }>(sql`select count(*)::integer as n from hot_segments s where s.closed_at is not null`);
        expect(left[0]?.n).toBe(0);
      }),
      { numRuns: Number(process.env["ROOST_TEST_RUNS"] ?? 20), endOnFailure: process.env["ROOST_TEST_SHRINK"] === undefined },
    );
  }, 1_200_000);

  it("leaves segments of the running hour alone, and waits a little for the one that was open when an hour ended", async () => {
    await rotate(db);
    await compactionOf(1_000).run({ force: true });
    await rotate(db);
    await rotate(db);
    const [older, newer] = await db
      .query<{ id: number }>(sql`select s.id from hot_segments s order by s.id desc limit 2`)
      .then((rows) => rows.toReversed());
    // The hour may end meanwhile: these two aside, all is of the next one, and within a transaction it is one moment.
    const putOff = (...but: (number | undefined)[]) =>
      db.query(sql`update hot_segments s set opened_at = now() + interval '1 hour' where s.id <> all(${but}::integer[])`);
    const due = async (of: Queryable) => (await selectWaitingSegments(of)).filter((one) => one.hourOver).map((one) => one.id);
    await putOff();
    expect(await compactionOf(1_000).run()).toMatchObject({ segments: 0 });
    await db.transaction(async (tx) => {
      const [clock] = await tx.query<{ begin: Date; late: boolean }>(sql`
        select h.begin, now() >= h.begin + interval '10 minutes' as late from (select date_trunc('hour', now(), 'UTC') as begin) h`);
      const openedMinutes = (id: number | undefined, minutes: number) =>
        tx.query(
          sql`update hot_segments s set opened_at = ${clock?.begin}::timestamptz + ${minutes} * interval '1 minute' where s.id = ${id}`,
        );
      await openedMinutes(older?.id, 0);
      expect(await due(tx)).toEqual([]);
      await openedMinutes(older?.id, -5);
      expect(await due(tx)).toEqual([older?.id]);
      // The open one was opened before the hour as well: it has the rest of it.
      await openedMinutes(newer?.id, -2);
      expect(await due(tx)).toEqual(clock?.late === true ? [older?.id] : []);
    });
    await rotate(db);
    await putOff(older?.id, newer?.id);
    expect(await due(db)).toEqual([older?.id, newer?.id]);
    expect(await compactionOf(1_000).run()).toMatchObject({ segments: 2 });
  });

  it("R11: compaction whose connection is cut again and again loses and doubles nothing, and comes to its end", async () => {
    const { deviceKey, series } = await addTestDevice(db, telemetry, metrics);
    const others = await Promise.all(Array.from({ length: 30 }, () => addTestDevice(db, telemetry, metrics)));
    const all = [{ deviceKey, series }, ...others];
    await writeHot(
      db,
      all.flatMap((device) =>
        Array.from({ length: 20 }, (_, i) => ({
          deviceKey: device.deviceKey,
          measuredUs: t0 + i * 1_000_000,
          receivedUs: t0 + i * 1_000_000,
          values: device.series.map(({ key }) => ({ seriesKey: key, value: i })),
        })),
      ),
    );
    await rotate(db);
    let cuts = 0;
    let done = false;
    const cutting = (async () => {
      while (!done && cuts < 12) {
        const cut = await db.query(sql`
          select pg_terminate_backend(a.pid) from pg_stat_activity a
          where a.application_name = 'roost-compaction' and a.datname = current_database() and a.xact_start is not null`);
        cuts += cut.length;
      }
    })();
    while (!done) {
      done = await compactionOf(60)
        .run({ force: true })
        .then(() => true)
        .catch(() => false);
    }
    await cutting;
    expect(cuts).toBeGreaterThan(0);
    const [sum] = await db.query<{ chunks: number; hours: number; days: number }>(sql`
      select (select sum(c.n)::integer from chunks c where c.device_key = any(${all.map((device) => device.deviceKey)}::integer[])) as chunks,
        (select sum(h.n)::integer from telemetry_hours h where h.device_key = any(${all.map((device) => device.deviceKey)}::integer[])) as hours,
        (select sum(d.n)::integer from telemetry_days d where d.device_key = any(${all.map((device) => device.deviceKey)}::integer[])) as days`);
    expect(sum).toEqual({ chunks: 31 * 60, hours: 31 * 60, days: 31 * 60 });
  });
});

function createModel() {
  let written: ModelSample[] = [];
  let retired: ModelSample[] = [];
  let mark = -Infinity;
  const of = (samples: readonly ModelSample[], keys: readonly number[]) => samples.filter(({ seriesKey }) => keys.includes(seriesKey));
  return {
    get hasRetired() {
      return mark !== -Infinity;
    },
    write(messages: readonly TestMessage[]) {
      for (const { measuredUs, receivedUs, quality = 0, seq = null, values } of messages) {
        if (measuredUs < mark) continue;
        for (const { seriesKey, value } of values) written.push({ seriesKey, measuredUs, receivedUs, quality, seq, value });
      }
    },
    retire(before: number) {
      mark = Math.max(mark, before);
      retired = [...retired, ...distinct(written).filter(({ measuredUs }) => measuredUs < mark)];
      written = written.filter(({ measuredUs }) => measuredUs >= mark);
    },
    samples: (keys: readonly number[]) => distinct(of(written, keys)),
    everything: (keys: readonly number[]) =>
      [...of(retired, keys), ...distinct(of(written, keys))].toSorted((a, b) => a.measuredUs - b.measuredUs),
  };
}
type Model = ReturnType<typeof createModel>;
