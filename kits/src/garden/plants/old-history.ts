import type { KitTelemetry } from "@roost/contract/kit-host";

import { limitedMetrics } from "../contract/limits.ts";
import type { OldReading } from "../contract/old-addresses.ts";
import { isInUnitOfLimits } from "./limits.ts";
import { rowOf } from "./old-shapes.ts";
import type { Part } from "./plant-part.ts";

export type OldRecord = OldReading & { readonly device_id: string };

/** Rows of one answer. */
export const oldHistoryRows = 10_000;
const pageRows = 5_000;
/** What is read first: where a node measures once a minute, more than an answer holds stands in a week. */
const firstSpanMs = 86_400_000;

/** Rows of readings of one node over a span, by their instants. */
async function readRows(telemetry: Pick<KitTelemetry, "query">, { deviceId, from, to }: Part): Promise<OldRecord[]> {
  const rows = new Map<number, Map<string, number>>();
  for (const metric of limitedMetrics) {
    let next: Date | undefined = from;
    while (next !== undefined && next < to) {
      const page = await telemetry.query({ deviceId, metric, from: next, to, resolutionSeconds: 0, maxPoints: pageRows });
      if (page === undefined || !isInUnitOfLimits(metric, page.unit)) break;
      for (const [index, at] of page.at.entries()) {
        const row = rows.get(at) ?? new Map<string, number>();
        row.set(metric, page.avg[index] ?? Number.NaN);
        rows.set(at, row);
      }
      next = page.nextFrom;
    }
  }
  return [...rows].map(([at, values]) => ({ ...rowOf(at, values), device_id: deviceId }));
}

/**
 * What was measured at a plant, the newest first, up to {@link oldHistoryRows}: read backwards in spans, so that a year costs no more than its newest
 * rows.
 */
export async function readOldHistory(
  telemetry: Pick<KitTelemetry, "query">,
  parts: readonly Part[],
  { from, to }: { readonly from: Date; readonly to: Date },
): Promise<{ records: OldRecord[]; truncated: boolean }> {
  const records: OldRecord[] = [];
  let endMs = to.getTime();
  let spanMs = firstSpanMs;
  while (endMs > from.getTime() && records.length <= oldHistoryRows) {
    const beginMs = Math.max(from.getTime(), endMs - spanMs);
    const span = parts
      .map((part) => ({
        deviceId: part.deviceId,
        from: new Date(Math.max(part.from.getTime(), beginMs)),
        to: new Date(Math.min(part.to.getTime(), endMs)),
      }))
      .filter((part) => part.from < part.to);
    const found = (await Promise.all(span.map((part) => readRows(telemetry, part)))).flat();
    records.push(...found.toSorted((one, other) => other.timestamp.getTime() - one.timestamp.getTime()));
    endMs = beginMs;
    // Sparse rows are looked for in longer spans, dense ones never in longer than an answer holds.
    if (found.length < oldHistoryRows / 4) spanMs *= 2;
  }
  return { records: records.slice(0, oldHistoryRows), truncated: records.length > oldHistoryRows };
}
