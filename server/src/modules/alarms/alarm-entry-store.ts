import type { alarmEntry } from "@roost/contract/alarms";
import type { z } from "zod";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { sql } from "../../platform/sql.ts";

export type AlarmEntry = z.output<typeof alarmEntry>;

/** Writes what happened to an alarm; an alarm that is gone takes no more entries. */
export async function insertEntry(
  tx: Transaction,
  entry: {
    alarmId: string;
    what: AlarmEntry["what"];
    by?: string | undefined;
    value?: number | undefined;
    detail?: string | undefined;
  },
): Promise<void> {
  await tx.query(sql`
    insert into alarm_entries (id, organisation_id, alarm_id, what, by, value, detail)
    select ${newId()}::uuid, a.organisation_id, a.id, ${entry.what}, ${entry.by ?? null}, ${entry.value ?? null}::float8, ${entry.detail ?? null}
    from alarms a where a.id = ${entry.alarmId}`);
}

/** What happened to an alarm, oldest first; at most the newest thousand entries. */
export async function selectEntries(db: Queryable, alarmId: string): Promise<AlarmEntry[]> {
  const rows = await db.query<{ at: Date; what: AlarmEntry["what"]; by: string | null; value: number | null; detail: string | null }>(sql`
    select e.at, e.what, e.by, e.value, e.detail from (
      select e.* from alarm_entries e where e.alarm_id = ${alarmId} order by e.at desc, e.id desc limit 1000) e
    order by e.at, e.id`);
  return rows.map((row) => ({
    at: row.at,
    what: row.what,
    ...(row.by === null ? {} : { by: row.by }),
    ...(row.value === null ? {} : { value: row.value }),
    ...(row.detail === null ? {} : { detail: row.detail }),
  }));
}
