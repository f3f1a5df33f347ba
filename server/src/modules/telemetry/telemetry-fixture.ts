import { sql } from "@roost/contract/sql";

import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { openSegment } from "./segment-store.ts";
import type { SeriesEntry, Telemetry } from "./telemetry.ts";

/** A message as a test writes it into the open segment. Instants in epoch microseconds. */
export interface TestMessage {
  readonly deviceKey: number;
  readonly measuredUs: number;
  readonly receivedUs: number;
  readonly values: readonly { readonly seriesKey: number; readonly value: number }[];
  readonly quality?: number;
  readonly seq?: number | null;
}

/** An organisation with one device and some series. */
export interface TestDevice {
  readonly organisationId: string;
  readonly deviceKey: number;
  readonly series: readonly SeriesEntry[];
}

export async function addTestDevice(db: Db, telemetry: Telemetry, metrics: readonly string[]): Promise<TestDevice> {
  const organisationId = newId();
  await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Test', ${organisationId})`);
  const [row] = await db.query<{ key: number }>(
    sql`insert into devices (id, organisation_id, name, kind) values (${`d-${organisationId}`}, ${organisationId}, 'Test', 'generic') returning key`,
  );
  const deviceKey = row?.key ?? 0;
  const series = await telemetry.ensureSeries(
    deviceKey,
    organisationId,
    metrics.map((metric) => ({ metric, kind: "number" as const, unit: "°C" as const })),
  );
  return { organisationId, deviceKey, series };
}

/** Writes rows as the writer leaves them, in one transaction; instants keep their microseconds. */
export async function writeHot(db: Db, messages: readonly TestMessage[]): Promise<void> {
  const open = await db.query<{ id: number }>(sql`select s.id from hot_segments s where s.closed_at is null order by s.id desc limit 1`);
  const segmentId = open[0]?.id ?? (await rotate(db));
  await db.transaction(async (tx) => {
    for (const { deviceKey, measuredUs, receivedUs, values, quality = 0, seq = null } of messages) {
      await tx.query(sql`
        insert into hot_samples (segment_id, device_key, measured_at, received_at, seq, quality, series_keys, sample_values)
        values (${segmentId}, ${deviceKey}, timestamptz 'epoch' + ${measuredUs}::bigint * interval '1 microsecond',
          timestamptz 'epoch' + ${receivedUs}::bigint * interval '1 microsecond', ${seq}, ${quality},
          ${values.map((one) => one.seriesKey)}::integer[], ${values.map((one) => (Object.is(one.value, -0) ? "-0" : one.value))}::double precision[])`);
    }
  });
}

/** Closes the open segment and opens the next; answers its id. Nobody else writes in the database of a test. */
export async function rotate(db: Db): Promise<number> {
  return db.transaction(async (tx) => {
    await tx.query(sql`update segment_writers set closed = true`);
    await tx.query(sql`update hot_segments set closed_at = now() where closed_at is null`);
    return (await openSegment(tx)).id;
  });
}

export async function collect(pieces: AsyncIterable<string>): Promise<string> {
  let all = "";
  for await (const piece of pieces) all += piece;
  return all;
}
