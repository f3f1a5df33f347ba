import { severities } from "@roost/contract/alarms";
import type { Severity } from "@roost/contract/alarms";
import { sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";

/** Webhooks of other ticket systems that hear of tickets about alarms this bad. */
export async function selectTicketTargets(db: Queryable, organisationId: string, severity: Severity): Promise<string[]> {
  const heard = severities.slice(0, severities.indexOf(severity) + 1);
  const rows = await db.query<{ id: string }>(sql`
    select t.id from notification_targets t
    where t.organisation_id = ${organisationId} and t.hears = 'tickets' and t.enabled and t.min_severity = any(${heard}::text[]) order by t.id`);
  return rows.map(({ id }) => id);
}
