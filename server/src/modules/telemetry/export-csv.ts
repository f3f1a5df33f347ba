import { telemetryErrors } from "@roost/contract/telemetry";

import { textCell } from "../../platform/csv.ts";
import type { Queryable } from "../../platform/db.ts";
import type { Actor, Within } from "../../platform/tenancy.ts";
import { offsetReader } from "./buckets.ts";
import { findNextHour, selectHotSegments, selectSamples } from "./sample-store.ts";
import type { Sample } from "./sample-store.ts";
import { qualityOf } from "./series.ts";
import type { SeriesEntry } from "./series.ts";

/** What is asked of an export; metrics absent = all. */
export interface ExportQuery {
  /** On whose behalf. Absent: the platform's own work. */
  readonly within?: Within | undefined;
  readonly deviceKey: number;
  /** Who takes the values away from which device: goes on record. Absent where a larger export, which is on record itself, holds them. */
  readonly onRecord?:
    | { readonly by: Actor; readonly organisationId: string; readonly deviceId: string; readonly deviceName?: string }
    | undefined;
  readonly metrics?: readonly string[] | undefined;
  readonly from: Date;
  readonly to: Date;
  readonly timeZone: string;
}

const hourUs = 3_600_000_000;
const pageRows = 5_000;
/** Spans of time read at once: as many hours as fill about a page. */
const maxSpanHours = 24 * 31;

/** A number with all its digits: reading it back gives the same double, minus zero included. */
export function numberCell(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** Writes instants in a zone as ISO 8601 with its offset, `Z` for UTC; microseconds only where there are any. */
export function stampWriter(timeZone: string): (us: number) => string {
  const offsetAt = timeZone === "UTC" ? () => 0 : offsetReader(timeZone);
  // An offset holds for a while; asking for it is what costs.
  let known = { fromMs: 0, toMs: 0, offsetMs: 0 };
  return (us) => {
    const ms = Math.floor(us / 1_000);
    if (ms < known.fromMs || ms >= known.toMs) {
      // Zones change at whole minutes.
      const fromMs = Math.floor(ms / 60_000) * 60_000;
      known = { fromMs, toMs: fromMs + 60_000, offsetMs: offsetAt(fromMs) };
    }
    const iso = new Date(ms + known.offsetMs).toISOString().slice(0, -1);
    const micros = us - ms * 1_000;
    return iso + (micros === 0 ? "" : String(micros).padStart(3, "0")) + (timeZone === "UTC" ? "Z" : offsetText(known.offsetMs));
  };
}

function offsetText(offsetMs: number): string {
  const minutes = Math.round(Math.abs(offsetMs) / 60_000);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${offsetMs < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/**
 * The samples of a device as CSV, oldest first, header first, a few thousand lines at a time: memory stays bounded however
 * long the range is. Each span of time is read in one statement, so compaction going on meanwhile hides and doubles nothing.
 *
 * @throws {AppError} `telemetry.range_reversed`
 */
export async function* exportLines(db: Queryable, series: readonly SeriesEntry[], query: ExportQuery): AsyncGenerator<string> {
  const toUs = query.to.getTime() * 1_000;
  const fromUs = query.from.getTime() * 1_000;
  if (toUs < fromUs) throw telemetryErrors.range_reversed({ from: query.from, to: query.to });
  yield "measured_at,received_at,metric,value,unit,quality\r\n";
  const stamp = stampWriter(query.timeZone);
  const cells = new Map(series.map((entry) => [entry.key, { metric: textCell(entry.metric), unit: textCell(entry.unit) }]));
  const seriesKeys = series.map((entry) => entry.key);
  const line = (sample: Sample): string => {
    const cell = cells.get(sample.seriesKey);
    return `${stamp(sample.measuredUs)},${stamp(sample.receivedUs)},${cell?.metric ?? ""},${numberCell(sample.value)},${cell?.unit ?? ""},${textCell(qualityOf(sample.quality))}\r\n`;
  };
  let atUs = fromUs;
  let spanHours = 1;
  while (atUs < toUs && seriesKeys.length > 0) {
    const segmentIds = await selectHotSegments(db);
    const hour = await findNextHour(db, { deviceKey: query.deviceKey, segmentIds, seriesKeys, fromUs: atUs, toUs });
    if (hour === undefined) return;
    const beginUs = Math.max(atUs, hour);
    const endUs = Math.min(toUs, hour + spanHours * hourUs);
    let after: Sample | undefined;
    let rows = 0;
    for (;;) {
      const page = await selectSamples(db, {
        deviceKey: query.deviceKey,
        segmentIds,
        seriesKeys,
        fromUs: beginUs,
        toUs: endUs,
        limit: pageRows,
        after,
      });
      if (page.length > 0) yield page.map(line).join("");
      rows += page.length;
      after = page.at(-1);
      if (page.length < pageRows) break;
    }
    atUs = endUs;
    if (rows > pageRows) spanHours = Math.max(1, Math.floor(spanHours / 2));
    else if (rows < pageRows / 2) spanHours = Math.min(maxSpanHours, spanHours * 2);
  }
}
