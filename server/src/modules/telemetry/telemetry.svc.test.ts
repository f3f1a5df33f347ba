import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { sql } from "../../platform/sql.ts";
import { openSegment } from "./segment-store.ts";
import { createTelemetry } from "./telemetry.ts";
import type { SeriesEntry, Telemetry } from "./telemetry.ts";

const log = createLog({ level: "silent", pretty: false });
const organisationId = newId();
const t0 = Date.UTC(2026, 2, 1, 10) * 1_000;
const minuteUs = 60_000_000;

describe("the telemetry store", () => {
  let database: TestDatabase;
  let db: Db;
  let telemetry: Telemetry;
  let deviceKey: number;
  let temperature: SeriesEntry;
  let power: SeriesEntry;

  async function write(rows: readonly { us: number; values: readonly [SeriesEntry, number][]; lagMs?: number; quality?: number; seq?: number }[]): Promise<void> {
    const [segment] = await db.query<{ id: number }>(sql`select max(s.id) as id from hot_segments s where s.closed_at is null`);
    const id = segment?.id ?? (await db.transaction(openSegment)).id;
    for (const { us, values, lagMs = 40, quality = 0, seq } of rows) {
      await db.query(sql`
        insert into hot_samples (segment_id, device_key, measured_at, received_at, seq, quality, series_keys, sample_values)
        values (${id}, ${deviceKey}, ${new Date(us / 1_000)}, ${new Date(us / 1_000 + lagMs)}, ${seq ?? null}, ${quality},
          ${values.map(([series]) => series.key)}::integer[], ${values.map(([, value]) => value)}::double precision[])`);
    }
  }
  const rotate = () => db.transaction(openSegment);

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    telemetry = createTelemetry({ db, clock: systemClock, log });
    await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Test', 'test')`);
    const [row] = await db.query<{ key: number }>(
      sql`insert into devices (id, organisation_id, name, kind) values ('coop-1', ${organisationId}, 'Coop', 'generic') returning key`,
    );
    deviceKey = row?.key ?? 0;
    [temperature, power] = (await telemetry.ensureSeries(deviceKey, organisationId, [
      { metric: "temperature", kind: "number", unit: "°C" },
      { metric: "power", kind: "number", unit: "W" },
    ])) as [SeriesEntry, SeriesEntry];
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("answers the same before, while and after samples become chunks", async () => {
    await write(
      Array.from({ length: 120 }, (_, i) => ({ us: t0 + i * minuteUs, values: [[temperature, 20 + (i % 7) / 10], ...(i % 3 === 0 ? [[power, i * 1000] as [SeriesEntry, number]] : [])] })),
    );
    const ask = async () => ({
      raw: await telemetry.query({ deviceKey, metric: "temperature", from: new Date(t0 / 1e3), to: new Date(t0 / 1e3 + 7_200_000), resolutionSeconds: 0, maxPoints: 500, timeZone: "UTC" }),
      fine: await telemetry.query({ deviceKey, metric: "power", from: new Date(t0 / 1e3), to: new Date(t0 / 1e3 + 7_200_000), resolutionSeconds: 600, maxPoints: 500, timeZone: "UTC" }),
      hourly: await telemetry.query({ deviceKey, metric: "temperature", from: new Date(t0 / 1e3), to: new Date(t0 / 1e3 + 86_400_000), resolutionSeconds: 3600, maxPoints: 500, timeZone: "UTC" }),
      daily: await telemetry.query({ deviceKey, metric: "temperature", from: new Date(t0 / 1e3 - 36_000_000), to: new Date(t0 / 1e3 + 86_400_000), resolutionSeconds: 86_400, maxPoints: 500, timeZone: "UTC" }),
      india: await telemetry.query({ deviceKey, metric: "temperature", from: new Date(t0 / 1e3 - 36_000_000), to: new Date(t0 / 1e3 + 86_400_000), resolutionSeconds: 86_400, maxPoints: 500, timeZone: "Asia/Kolkata" }),
      csv: await Array.fromAsync(await telemetry.exportCsv({ deviceKey, from: new Date(0), to: new Date(t0 / 1e3 + 86_400_000), timeZone: "Europe/Berlin" })),
    });
    const hot = await ask();
    expect(hot.raw.n).toHaveLength(120);
    expect(hot.hourly.n).toEqual([60, 60]);
    expect(hot.daily.n).toEqual([120]);
    await rotate();
    const report = await telemetry.compact({ force: true });
    expect(report.values).toBe(160);
    expect(await ask()).toEqual(hot);
    await write([{ us: t0, values: [[temperature, 99]] }, { us: t0 + 1_000, values: [[temperature, -3]] }]);
    const later = await ask();
    expect(later.hourly.n).toEqual([61, 60]);
    expect(later.hourly.min[0]).toBe(-3);
    expect(later.hourly.max[0]).toBe(hot.hourly.max[0]);
    await rotate();
    await telemetry.compact({ force: true });
    expect(await ask()).toEqual(later);
    const { rows } = (await db.pool.query("select count(*)::int as n from chunks")) as { rows: { n: number }[] };
    expect(rows[0]?.n).toBe(4);
  });
});
