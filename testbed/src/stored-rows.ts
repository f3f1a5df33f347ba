import { queryTelemetry } from "@roost/contract/telemetry";
import pg from "pg";

import type { StoredRow } from "./ledger.ts";
import type { Administrator } from "./people.ts";
import type { Ready } from "./server-process.ts";

/** Everything the store holds of some devices, read by SQL as an operator with psql would: from the view `samples`. */
export async function readBySql(ready: Ready, deviceIds: readonly string[]): Promise<StoredRow[]> {
  const client = new pg.Client({ host: ready.databaseSocketDir, user: "roost", database: "roost" });
  await client.connect();
  try {
    const { rows } = await client.query<{ device_id: string; metric: string; measured_at_us: string; value: number }>(
      "select s.device_id, s.metric, (extract(epoch from s.measured_at) * 1000000)::bigint::text as measured_at_us, s.value from samples s where s.device_id = any($1)",
      [deviceIds],
    );
    return rows.map((row) => ({
      deviceId: row.device_id,
      metric: row.metric,
      measuredAtMs: Number(row.measured_at_us) / 1_000,
      value: row.value,
    }));
  } finally {
    await client.end();
  }
}

/** The raw samples of one metric over a range, read by the API page after page. */
export async function readByApi(
  administrator: Administrator,
  deviceId: string,
  metric: string,
  from: Date,
  to: Date,
): Promise<StoredRow[]> {
  const rows: StoredRow[] = [];
  let start: Date | undefined = from;
  while (start !== undefined) {
    const page: Awaited<ReturnType<typeof ask>> = await ask(administrator, deviceId, metric, start, to);
    for (const [index, at] of page.at.entries()) rows.push({ deviceId, metric, measuredAtMs: at, value: page.avg[index] ?? Number.NaN });
    start = page.nextFrom;
  }
  return rows;
}

function ask(administrator: Administrator, deviceId: string, metric: string, from: Date, to: Date) {
  return administrator.call(queryTelemetry, {
    params: { deviceId },
    query: { metric, from: from.toISOString(), to: to.toISOString(), resolutionSeconds: "0", maxPoints: "5000" },
  });
}
