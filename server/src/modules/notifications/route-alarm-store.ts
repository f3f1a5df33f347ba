import type { AlarmKind, Severity } from "@roost/contract/alarms";
import { sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";

/** What of an alarm decides who is told of it. */
export async function findAlarmOf(
  db: Queryable,
  organisationId: string,
  alarmId: string,
): Promise<{ severity: Severity; kind: AlarmKind; type: string; deviceId: string | undefined; hasMetric: boolean } | undefined> {
  const [row] = await db.query<{ severity: Severity; kind: AlarmKind; type: string; device_id: string | null; metric: string | null }>(sql`
    select a.severity, a.kind, a.type, a.device_id, a.metric from alarms a where a.organisation_id = ${organisationId} and a.id = ${alarmId}`);
  if (row === undefined) return undefined;
  return { severity: row.severity, kind: row.kind, type: row.type, deviceId: row.device_id ?? undefined, hasMetric: row.metric !== null };
}
