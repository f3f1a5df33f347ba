import { alarm as alarmShape } from "@roost/contract/alarms";
import type { Alarm } from "@roost/contract/alarms";
import { z } from "zod";

import { textCell } from "../../platform/csv.ts";
import type { Queryable } from "../../platform/db.ts";
import { selectAlarms } from "./alarm-list-store.ts";
import type { AlarmWhere } from "./alarm-list-store.ts";

const pageRows = 1_000;

const columns: readonly (readonly [name: string, of: (alarm: Alarm) => string | number | boolean | Date | undefined])[] = [
  ["id", ({ id }) => id],
  ["severity", ({ severity }) => severity],
  ["state", ({ state }) => state],
  ["kind", ({ kind }) => kind],
  ["source", ({ source }) => source],
  ["type", ({ type }) => type],
  ["device_id", ({ deviceId }) => deviceId],
  ["device_name", ({ deviceName }) => deviceName],
  ["site_name", ({ siteName }) => siteName],
  ["title", ({ title }) => title],
  ["metric", ({ metric }) => metric],
  ["value", ({ value }) => value],
  ["threshold", ({ threshold }) => threshold],
  ["unit", ({ unit }) => unit],
  ["raised_at", ({ raisedAt }) => raisedAt],
  ["last_at", ({ lastAt }) => lastAt],
  ["occurrences", ({ occurrences }) => occurrences],
  ["flapping", ({ flapping }) => flapping],
  ["muted_by", ({ mutedBy }) => mutedBy],
  ["snoozed_until", ({ snoozedUntil }) => snoozedUntil],
  ["assigned_to", ({ assignedTo }) => assignedTo],
  ["acknowledged_at", ({ acknowledgedAt }) => acknowledgedAt],
  ["acknowledged_by", ({ acknowledgedBy }) => acknowledgedBy],
  ["cleared_at", ({ clearedAt }) => clearedAt],
  ["root_cause", ({ rootCause }) => rootCause],
  ["resolution", ({ resolution }) => resolution],
];

async function* pages(db: Queryable, where: AlarmWhere): AsyncGenerator<Alarm[]> {
  let after: readonly string[] | undefined;
  do {
    const found: Alarm[] = await selectAlarms(db, where, { sort: "newest", after, limit: pageRows });
    const last = found.at(-1);
    after =
      last === undefined || found.length < pageRows ? undefined : [String(last.state !== "cleared"), last.raisedAt.toISOString(), last.id];
    yield found;
  } while (after !== undefined);
}

function cellOf(value: string | number | boolean | Date | undefined): string {
  if (value === undefined) return "";
  if (value instanceof Date) return value.toISOString();
  return typeof value === "string" ? textCell(value) : String(value);
}

/** One alarm as a line of CSV, with its line end. */
export function csvLine(alarm: Alarm): string {
  return `${columns.map(([, of]) => cellOf(of(alarm))).join(",")}\r\n`;
}

/** Alarms as CSV, header first, a thousand at a time. */
export async function* alarmsAsCsv(db: Queryable, where: AlarmWhere): AsyncGenerator<string> {
  yield `${columns.map(([name]) => name).join(",")}\r\n`;
  for await (const found of pages(db, where)) yield found.map(csvLine).join("");
}

/** Alarms as lines of JSON, a thousand at a time. */
export async function* alarmsAsLines(db: Queryable, where: AlarmWhere): AsyncGenerator<string> {
  for await (const found of pages(db, where)) yield found.map((one) => `${JSON.stringify(z.encode(alarmShape, one))}\n`).join("");
}
