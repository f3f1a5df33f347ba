import { randomBytes } from "node:crypto";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createLog } from "../../platform/log.ts";
import { createAudit } from "../audit/audit.ts";
import { selectHotSegments, selectSamples } from "./sample-store.ts";
import { addTestDevice, rotate, writeHot } from "./telemetry-fixture.ts";
import { createTelemetry } from "./telemetry.ts";
import type { Telemetry } from "./telemetry.ts";

const log = createLog({ level: "silent", pretty: false });
const hourUs = 3_600_000_000;
const t0 = Date.UTC(2026, 0, 5, 7) * 1_000;

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const decimal = (places: number) =>
  fc.integer({ min: -2_000_000, max: 2_000_000 }).map((whole) => Number((whole / 10 ** places).toFixed(places)));
// oxfmt-ignore
const edges = fc.constantFrom(
  0, -0, 1, -1, 0.1, 0.3, 2 ** 31, 2 ** 31 - 1, -(2 ** 31), -(2 ** 31) - 1, 2 ** 53 - 1, -(2 ** 53) + 1, 9e15, 8_999_999_999_999_999,
  Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, -Number.MIN_VALUE, 1e-7, 1e9 + 0.1, 999_999_999.999999, 123_456.789_012_3, 1e290,
  127, 128, 32_767, 32_768,
);
/** One kind of signal for a chunk, because a chunk takes the widest form that any of its values needs. */
const valuesOf = fc.oneof(
  ...[0, 1, 2, 3, 4, 5, 6].map((places) => fc.constant(decimal(places))),
  fc.constant(fc.constantFrom(0, 1)),
  fc.integer().map((value) => fc.constant(value)),
  fc.integer({ min: 0, max: 2 ** 52 }).map((base) => fc.integer({ min: 0, max: 300 }).map((step) => base + step)),
  fc.constant(fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 })),
  fc.constant(edges),
  fc.constant(finite),
  fc.constant(fc.oneof(edges, finite, decimal(2))),
);
const timesOf = fc.oneof(
  fc.constant(fc.integer({ min: 0, max: 3_599 }).map((s) => s * 1_000_000)),
  fc.constant(fc.integer({ min: 0, max: 3_599_999 }).map((ms) => ms * 1_000)),
  fc.constant(fc.integer({ min: 0, max: hourUs - 1 })),
  fc
    .tuple(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 0, max: 60 }))
    .map(([cadence, jitterMs]) =>
      fc
        .tuple(fc.nat({ max: Math.floor(3_500 / cadence) }), fc.nat({ max: jitterMs }))
        .map(([i, jitter]) => i * cadence * 1_000_000 + jitter * 1_000),
    ),
);
const lagsOf = fc.oneof(
  fc.constant(fc.constant(0)),
  fc.constant(fc.integer({ min: -300_000, max: 200 }).map((ms) => ms * 1_000)),
  fc.constant(fc.integer({ min: 0, max: 604_800 }).map((s) => s * 1_000_000)),
  fc.constant(fc.integer({ min: -300_000_000, max: 5e13 })),
);
const seqsOf = fc.oneof(
  fc.constant(fc.constant(null)),
  fc.constant(fc.nat()),
  fc.constant(fc.option(fc.integer({ min: 0, max: 2 ** 53 - 1 }))),
);
const chunk = fc.tuple(valuesOf, timesOf, lagsOf, seqsOf, fc.boolean(), fc.boolean()).chain(([value, time, lag, seq, mixed, counted]) =>
  fc
    .uniqueArray(
      fc.record({ offset: time, value, second: fc.boolean(), lag, seq, quality: mixed ? fc.integer({ min: 0, max: 31 }) : fc.constant(0) }),
      {
        minLength: 1,
        maxLength: 40,
        selector: ({ offset }) => offset,
      },
    )
    .map((rows) => (counted ? rows.toSorted((a, b) => a.offset - b.offset).map((row, i) => ({ ...row, seq: 7_000 + i })) : rows)),
);

describe("chunks", () => {
  let database: TestDatabase;
  let db: Db;
  let telemetry: Telemetry;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    telemetry = createTelemetry({ audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }), db, clock: systemClock, log });
    await rotate(db);
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("give back every bit of every value, instant, receive time, quality and counter", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { minLength: 1, maxLength: 5 }), async (hours) => {
        const rows = hours.flatMap((one, hour) => one.map((row) => ({ ...row, offset: row.offset + hour * hourUs })));
        const { deviceKey, series } = await addTestDevice(db, telemetry, ["a", "b"]);
        const [first, second] = series.map((entry) => entry.key) as [number, number];
        const messages = rows.map((row) => ({
          deviceKey,
          measuredUs: t0 + row.offset,
          receivedUs: t0 + row.offset + row.lag,
          quality: row.quality,
          seq: row.seq,
          values: [{ seriesKey: first, value: row.value }, ...(row.second ? [{ seriesKey: second, value: 5 }] : [])],
        }));
        await writeHot(db, messages);
        await rotate(db);
        await telemetry.compact({ force: true });
        const expected = messages
          .flatMap(({ measuredUs, receivedUs, quality, seq, values }) =>
            values.map(({ seriesKey, value }) => ({ seriesKey, measuredUs, receivedUs, value, quality, seq })),
          )
          .toSorted((a, b) => a.measuredUs - b.measuredUs || a.seriesKey - b.seriesKey);
        const stored = await selectSamples(db, {
          deviceKey,
          segmentIds: await selectHotSegments(db),
          seriesKeys: [first, second],
          fromUs: t0,
          toUs: t0 + hours.length * hourUs,
          limit: 1_000,
        });
        // `toEqual` tells minus zero from zero.
        expect(stored).toEqual(expected);
        const hot = await db.query(sql`select from hot_segments s where s.closed_at is not null and s.compacted_at is null`);
        expect(hot).toEqual([]);
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });

  it("keep an axis once for the series of a device that share it", async () => {
    const { deviceKey, series } = await addTestDevice(db, telemetry, ["a", "b", "c"]);
    const values = series.map((entry) => ({ seriesKey: entry.key, value: 1 }));
    await writeHot(
      db,
      Array.from({ length: 10 }, (_, i) => ({
        deviceKey,
        measuredUs: t0 + i * 1_000_017,
        receivedUs: t0 + i * 1_002_000,
        values: i === 3 ? values.slice(0, 2) : values,
      })),
    );
    await rotate(db);
    await telemetry.compact({ force: true });
    const rows = await db.query<{ axis_key: number; bare: boolean }>(
      sql`select c.axis_key, c.time_base is null as bare from chunks c where c.device_key = ${deviceKey} order by c.series_key`,
    );
    expect(rows).toEqual([
      { axis_key: series[0]?.key, bare: false },
      { axis_key: series[0]?.key, bare: true },
      { axis_key: series[2]?.key, bare: false },
    ]);
  });

  it("take the largest doubles without an overflow", async () => {
    const { deviceKey, series } = await addTestDevice(db, telemetry, ["a"]);
    const seriesKey = series[0]?.key ?? 0;
    await writeHot(
      db,
      Array.from({ length: 50 }, (_, i) => ({
        deviceKey,
        measuredUs: t0 + i * 60_000_000,
        receivedUs: t0,
        values: [{ seriesKey, value: Number.MAX_VALUE }],
      })),
    );
    await rotate(db);
    await telemetry.compact({ force: true });
    for (const resolutionSeconds of [60, 3_600, 86_400]) {
      const points = await telemetry.query({
        deviceKey,
        metric: "a",
        from: new Date(t0 / 1_000),
        to: new Date(t0 / 1_000 + 86_400_000),
        resolutionSeconds,
        maxPoints: 5_000,
        timeZone: "UTC",
      });
      expect(points.max[0]).toBe(Number.MAX_VALUE);
      expect(points.avg[0]).toBe(Number.MAX_VALUE);
    }
  });
});
