import type { alarmEntry } from "@roost/contract/alarms";
import { prepared, sql } from "@roost/contract/sql";
import type { z } from "zod";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";

export type AlarmEntry = z.output<typeof alarmEntry>;

export interface NewEntry {
  /** Of the signal that made it; made here where there was none. */
  readonly id?: string | undefined;
  readonly alarmId: string;
  readonly what: AlarmEntry["what"];
  readonly by?: string | undefined;
  readonly value?: number | undefined;
  readonly detail?: string | undefined;
}

/** Writes what happened to alarms, in this order; an alarm that is gone takes no more entries. */
export async function insertEntries(tx: Transaction, entries: readonly NewEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await tx.query(
    prepared(
      "alarm_entries_add",
      sql`
    insert into alarm_entries (id, organisation_id, alarm_id, what, by, value, detail)
    select e.id, a.organisation_id, a.id, e.what, e.by, e.value, e.detail
    from unnest(${entries.map(({ id }) => id ?? newId())}::uuid[], ${entries.map(({ alarmId }) => alarmId)}::uuid[],
      ${entries.map(({ what }) => what)}::text[], ${entries.map(({ by }) => by ?? null)}::text[],
      ${entries.map(({ value }) => value ?? null)}::float8[], ${entries.map(({ detail }) => detail ?? null)}::text[])
      with ordinality as e (id, alarm_id, what, by, value, detail, position)
    join alarms a on a.id = e.alarm_id
    order by e.position`,
    ),
  );
}

/** What happened to an alarm, oldest first; at most the newest thousand entries. */
export async function selectEntries(db: Queryable, alarmId: string): Promise<AlarmEntry[]> {
  const rows = await db.query<{ at: Date; what: AlarmEntry["what"]; by: string | null; value: number | null; detail: string | null }>(sql`
    select e.at, e.what, e.by, e.value, e.detail from (
      select e.* from alarm_entries e where e.alarm_id = ${alarmId} order by e.at desc, e.position desc limit 1000) e
    order by e.at, e.position`);
  return rows.map((row) => ({
    at: row.at,
    what: row.what,
    ...(row.by === null ? {} : { by: row.by }),
    ...(row.value === null ? {} : { value: row.value }),
    ...(row.detail === null ? {} : { detail: row.detail }),
  }));
}
