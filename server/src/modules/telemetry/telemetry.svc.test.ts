import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createLog } from "../../platform/log.ts";
import { createAudit } from "../audit/audit.ts";
import { addTestDevice, collect, rotate, writeHot } from "./telemetry-fixture.ts";
import type { TestDevice } from "./telemetry-fixture.ts";
import { createTelemetry } from "./telemetry.ts";
import type { SeriesEntry, Telemetry } from "./telemetry.ts";

const log = createLog({ level: "silent", pretty: false });
const t0 = Date.UTC(2026, 2, 1, 10);
const hourMs = 3_600_000;
const dayMs = 86_400_000;

describe("the telemetry store", () => {
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

  const at = (ms: number, series: SeriesEntry, value: number, more: { lagMs?: number; quality?: number } = {}) => ({
    deviceKey: series.deviceKey,
    measuredUs: ms * 1_000,
    receivedUs: (ms + (more.lagMs ?? 40)) * 1_000,
    quality: more.quality ?? 0,
    values: [{ seriesKey: series.key, value }],
  });
  const minutes = (series: SeriesEntry, n: number) => Array.from({ length: n }, (_, i) => at(t0 + i * 60_000, series, 20 + (i % 7) / 10));
  const compact = async () => {
    await rotate(db);
    return telemetry.compact({ force: true });
  };
  const ask = (
    device: TestDevice,
    fromMs: number,
    toMs: number,
    more: { resolutionSeconds?: number; maxPoints?: number; timeZone?: string } = {},
  ) =>
    telemetry.query({
      deviceKey: device.deviceKey,
      metric: "temperature",
      from: new Date(fromMs),
      to: new Date(toMs),
      maxPoints: more.maxPoints ?? 1_000,
      timeZone: more.timeZone ?? "UTC",
      resolutionSeconds: more.resolutionSeconds,
    });
  const first = (device: TestDevice) => device.series[0] as SeriesEntry;

  it("answers a year by days of any zone the same from samples and from statistics, however often it is asked", async () => {
    const device = await addTestDevice(db, telemetry, ["temperature"]);
    // 50 minutes past an hour: in a zone of half hours some of them fall into a day that their hour's statistics do not tell.
    const began = t0 - 364 * dayMs;
    const told = Array.from({ length: 430 }, (_, i) => began + i * 20 * hourMs + (i % 6) * 10 * 60_000);
    await writeHot(
      db,
      told.map((ms, i) => at(ms, first(device), 20 + (i % 17))),
    );
    const questions = async () => {
      const answers: unknown[] = [];
      for (const timeZone of ["Europe/Berlin", "UTC", "Asia/Kolkata"])
        answers.push(await ask(device, began, t0, { timeZone, resolutionSeconds: 86_400 }));
      return answers;
    };
    const fromSamples = await questions();
    const dayOf = (ms: number) => new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Kolkata", dateStyle: "short" }).format(ms);
    const perDay = Map.groupBy(
      told.filter((ms) => ms < t0),
      dayOf,
    );
    expect(fromSamples[2]).toMatchObject({ n: [...perDay.values()].map(({ length }) => length) });
    await compact();
    // A statement that is asked often is planned for good after some rounds.
    for (let round = 0; round < 9; round += 1) expect(await questions()).toEqual(fromSamples);
  });

  it("answers the same before and after samples become chunks, with copies and late values among them", async () => {
    const device = await addTestDevice(db, telemetry, ["temperature"]);
    await writeHot(db, minutes(first(device), 120));
    const questions = async () => ({
      raw: await ask(device, t0, t0 + 2 * hourMs, { resolutionSeconds: 0 }),
      fine: await ask(device, t0, t0 + 2 * hourMs, { resolutionSeconds: 600 }),
      hourly: await ask(device, t0, t0 + dayMs, { resolutionSeconds: 3_600 }),
      daily: await ask(device, t0 - 10 * hourMs, t0 + dayMs, { resolutionSeconds: 86_400 }),
      india: await ask(device, t0 - 10 * hourMs, t0 + dayMs, { resolutionSeconds: 86_400, timeZone: "Asia/Kolkata" }),
    });
    const hot = await questions();
    expect(hot.raw.n).toHaveLength(120);
    expect(hot.hourly.n).toEqual([60, 60]);
    expect(hot.daily.n).toEqual([120]);
    await compact();
    expect(await questions()).toEqual(hot);

    await writeHot(db, [at(t0, first(device), 99, { lagMs: 500 }), at(t0 + 1_000, first(device), -3)]);
    const later = await questions();
    expect(later.hourly.n).toEqual([61, 60]);
    expect(later.hourly.min[0]).toBe(-3);
    expect(later.hourly.max[0]).toBe(hot.hourly.max[0]);
    await compact();
    expect(await questions()).toEqual(later);
  });

  it("chooses the finest resolution that fits, and leaves gaps as gaps", async () => {
    const device = await addTestDevice(db, telemetry, ["temperature"]);
    await writeHot(db, [
      ...minutes(first(device), 60),
      ...minutes(first(device), 60).map((one) => ({ ...one, measuredUs: one.measuredUs + 12 * hourMs * 1_000 })),
    ]);
    await compact();
    expect((await ask(device, t0, t0 + dayMs)).resolutionSeconds).toBe(0);
    const points = await ask(device, t0, t0 + dayMs, { maxPoints: 100 });
    expect(points.resolutionSeconds).toBe(900);
    expect(points.at).toEqual([0, 1, 2, 3, 48, 49, 50, 51].map((i) => t0 + i * 900_000));
    expect((await ask(device, t0, t0 + 365 * dayMs, { maxPoints: 1_000, resolutionSeconds: 43_200 })).n).toEqual([60, 60]);
  });

  it("pages through raw samples without a gap or a copy", async () => {
    const device = await addTestDevice(db, telemetry, ["temperature"]);
    const written = minutes(first(device), 250);
    await writeHot(db, written.slice(0, 200));
    await compact();
    await writeHot(db, written.slice(190));
    const read: number[] = [];
    let from: number | undefined = t0;
    while (from !== undefined) {
      const page: Awaited<ReturnType<typeof ask>> = await ask(device, from, t0 + 300 * dayMs, { resolutionSeconds: 0, maxPoints: 37 });
      expect(page.at.length).toBeLessThanOrEqual(37);
      read.push(...page.at);
      from = page.nextFrom?.getTime();
    }
    expect(read).toEqual(written.map((one) => one.measuredUs / 1_000));
  });

  it("pages through more samples than a page within one millisecond", async () => {
    const device = await addTestDevice(db, telemetry, ["temperature"]);
    await writeHot(
      db,
      Array.from({ length: 30 }, (_, i) => ({ ...at(t0, first(device), i), measuredUs: t0 * 1_000 + i })),
    );
    const page = await ask(device, t0, t0 + dayMs, { resolutionSeconds: 0, maxPoints: 10 });
    expect(page.at).toHaveLength(30);
    expect(page.nextFrom).toEqual(new Date(t0 + 1));
  });

  it("refuses what would be unbounded, reversed or unknown, each with its code", async () => {
    const device = await addTestDevice(db, telemetry, ["temperature"]);
    await expect(ask(device, t0, t0 + dayMs, { resolutionSeconds: 1, maxPoints: 1_000 })).rejects.toMatchObject({
      code: "telemetry.range_too_fine",
    });
    await expect(ask(device, t0 + 1, t0)).rejects.toMatchObject({ code: "telemetry.range_reversed" });
    await expect(
      telemetry.query({
        deviceKey: device.deviceKey,
        metric: "pressure",
        from: new Date(t0),
        to: new Date(t0 + 1),
        maxPoints: 10,
        timeZone: "UTC",
      }),
    ).rejects.toMatchObject({ code: "telemetry.unknown_metric" });
    expect((await ask(device, t0, t0)).at).toEqual([]);
  });

  it("exports values as they are stored, with unit, quality and the zone's offset, across hot rows and chunks", async () => {
    const device = await addTestDevice(db, telemetry, ["temperature", "humidity"]);
    const [temperature, humidity] = device.series.toSorted((a, b) => (a.metric < b.metric ? 1 : -1)) as [SeriesEntry, SeriesEntry];
    await writeHot(db, [at(t0, temperature, -21.5), at(t0 + 60_000, humidity, 48, { quality: 17 })]);
    await compact();
    await writeHot(db, [at(t0 + 40 * dayMs, temperature, 1e21, { quality: 2 })]);
    const lines = (
      await collect(
        await telemetry.exportCsv({
          deviceKey: device.deviceKey,
          from: new Date(0),
          to: new Date(t0 + 400 * dayMs),
          timeZone: "Europe/Berlin",
        }),
      )
    ).split("\r\n");
    expect(lines).toEqual([
      "measured_at,received_at,metric,value,unit,quality",
      "2026-03-01T11:00:00.000+01:00,2026-03-01T11:00:00.040+01:00,temperature,-21.5,°C,ok",
      "2026-03-01T11:01:00.000+01:00,2026-03-01T11:01:00.040+01:00,humidity,48,°C,suspect",
      "2026-04-10T12:00:00.000+02:00,2026-04-10T12:00:00.040+02:00,temperature,1e+21,°C,stale",
      "",
    ]);
    await expect(
      telemetry.exportCsv({ deviceKey: device.deviceKey, metrics: ["x"], from: new Date(0), to: new Date(t0), timeZone: "UTC" }),
    ).rejects.toMatchObject({ code: "telemetry.unknown_metric" });
  });

  it("exports many pages completely and in order", async () => {
    const device = await addTestDevice(db, telemetry, ["temperature"]);
    const n = 12_345;
    await writeHot(db, [{ ...at(t0, first(device), 0), values: [] }]);
    await db.query(sql`
      insert into hot_samples (segment_id, device_key, measured_at, received_at, quality, series_keys, sample_values)
      select (select max(s.id) from hot_segments s where s.closed_at is null), ${device.deviceKey}, to_timestamp(${t0 / 1_000}) + i * interval '2 seconds', to_timestamp(${t0 / 1_000}), 0,
        array[${first(device).key}::integer], array[i::double precision]
      from generate_series(1, ${n}) i`);
    await compact();
    const lines = (
      await collect(
        await telemetry.exportCsv({ deviceKey: device.deviceKey, from: new Date(t0), to: new Date(t0 + dayMs), timeZone: "UTC" }),
      )
    )
      .trimEnd()
      .split("\r\n")
      .slice(1);
    expect(lines.map((line) => Number(line.split(",")[3]))).toEqual(Array.from({ length: n }, (_, i) => i + 1));
  });

  it("knows the newest values after a start, of hot rows and of chunks, and never lets a late one replace them", async () => {
    const device = await addTestDevice(db, telemetry, ["humidity", "silent", "temperature"]);
    const byName = new Map(device.series.map((entry) => [entry.metric, entry]));
    const [humidity, temperature] = [byName.get("humidity"), byName.get("temperature")] as [SeriesEntry, SeriesEntry];
    await writeHot(db, [at(t0, humidity, 40), at(t0 + 5_000, humidity, 41), at(t0, temperature, 20)]);
    await compact();
    await writeHot(db, [at(t0 + 60_000, temperature, 21), at(t0 - dayMs, temperature, -9)]);
    const fresh = createTelemetry({
      audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
      db,
      clock: systemClock,
      log,
    });
    const latest = await fresh.latestOf([device.deviceKey], 4);
    expect(latest.get(device.deviceKey)?.map(({ series, latest: one }) => [series.metric, one?.value, one?.measuredAtUs])).toEqual([
      ["humidity", 41, (t0 + 5_000) * 1_000],
      ["temperature", 21, (t0 + 60_000) * 1_000],
    ]);
    const entry = fresh.knownSeries(device.deviceKey, "temperature") as SeriesEntry;
    const message = (ms: number, value: number) => ({
      deviceKey: device.deviceKey,
      measuredAtUs: ms * 1_000,
      receivedAtUs: ms * 1_000,
      quality: 0,
      series: [entry],
      values: [value],
    });
    fresh.recordCommitted([message(t0 - hourMs, 1)]);
    expect(await fresh.latestValue(device.deviceKey, "temperature")).toMatchObject({ value: 21 });
    fresh.recordCommitted([message(t0 + hourMs, 2)]);
    expect(await fresh.latestValue(device.deviceKey, "temperature")).toMatchObject({ value: 2 });
    expect(await fresh.latestValue(device.deviceKey, "silent")).toBeUndefined();
    expect(await fresh.latestValue(undefined, "temperature")).toBeUndefined();
    expect(await fresh.isStored(device.deviceKey, "humidity", new Date(t0 + 5_000))).toBe(true);
    expect(await fresh.isStored(device.deviceKey, "humidity", new Date(t0 + 5_001))).toBe(false);
  });

  it("changes unit and limits in place: absent stays, null removes", async () => {
    const device = await addTestDevice(db, telemetry, ["temperature"]);
    const id = `d-${device.organisationId}`;
    await telemetry.changeSeries({ organisationId: device.organisationId }, device.deviceKey, id, "temperature", { min: -40, max: 85 });
    await telemetry.changeSeries({ organisationId: device.organisationId }, device.deviceKey, id, "temperature", { unit: "%", max: null });
    expect(first(device)).toMatchObject({ unit: "%", min: -40, max: undefined });
    const facts = await db.query(sql`select e.type from events e where e.noun_id = ${id}`);
    expect(facts).toEqual([{ type: "device.changed" }, { type: "device.changed" }]);
    await expect(
      telemetry.changeSeries({ organisationId: device.organisationId }, device.deviceKey, id, "pressure", {}),
    ).rejects.toMatchObject({ code: "telemetry.unknown_metric" });
  });

  it("drops a partition only after a slow reader, and makes nobody else wait for it", async () => {
    const device = await addTestDevice(db, telemetry, ["temperature"]);
    await writeHot(db, minutes(first(device), 10));
    await compact();
    await db.query(sql`update hot_segments set compacted_at = now() - interval '1 hour' where compacted_at is not null`);
    const reader = await db.connect("a-slow-reader");
    await reader.query("begin");
    await reader.query("select count(*) from hot_samples");
    const dropping = telemetry.compact();
    await wait(200);
    // While detaching waits for the slow reader, others read and write.
    await writeHot(db, [at(t0 + dayMs, first(device), 1)]);
    expect((await ask(device, t0, t0 + 2 * dayMs)).n).toHaveLength(11);
    await reader.query("commit");
    await reader.end();
    expect((await dropping).dropped).toBeGreaterThan(0);
    expect((await ask(device, t0, t0 + 2 * dayMs)).n).toHaveLength(11);
  });
});
