import { severities } from "@roost/contract/alarms";
import type { AlarmId, IncidentId } from "@roost/contract/ids";
import type { Incident, IncidentEntry } from "@roost/contract/incidents";
import { prepared, sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { Joined, Named } from "./incident.ts";

/** The newest open incidents of these keys. */
export async function selectJoinable(
  tx: Transaction,
  organisationIds: readonly string[],
  keys: readonly string[],
): Promise<{ id: string; organisationId: string; key: string; lastAt: Date }[]> {
  const rows = await tx.query<{ id: string; organisation_id: string; key: string; last_at: Date }>(
    prepared(
      "incidents_joinable",
      sql`
    select distinct on (i.organisation_id, i.key) i.id, i.organisation_id, i.key, i.last_at from incidents i
    where i.organisation_id = any(${organisationIds}::uuid[]) and i.key = any(${keys}) and i.closed_at is null
    order by i.organisation_id, i.key, i.last_at desc`,
    ),
  );
  return rows.map((row) => ({ id: row.id, organisationId: row.organisation_id, key: row.key, lastAt: row.last_at }));
}

/** Opens incidents, and notes that alarms joined others. */
export async function saveJoined(tx: Transaction, joined: readonly Joined[]): Promise<void> {
  if (joined.length === 0) return;
  await tx.query(
    prepared(
      "incidents_join",
      sql`
    insert into incidents (id, organisation_id, key, title, opened_at, last_at, root_alarm_id)
    select n.* from unnest(${joined.map((one) => one.id)}::uuid[], ${joined.map((one) => one.organisationId)}::uuid[],
      ${joined.map((one) => one.key)}::text[], ${joined.map((one) => one.title)}::text[], ${joined.map((one) => one.at)}::timestamptz[],
      ${joined.map((one) => one.lastAt)}::timestamptz[], ${joined.map((one) => one.rootAlarmId ?? null)}::uuid[]) as n
    on conflict (id) do update set last_at = greatest(incidents.last_at, excluded.last_at)`,
    ),
  );
}

/** Notes what the alarms of incidents hang on. */
export async function saveNamed(tx: Transaction, named: readonly Named[]): Promise<void> {
  if (named.length === 0) return;
  await tx.query(sql`
    update incidents i set root_alarm_id = n.root_alarm_id, title = n.title
    from unnest(${named.map((one) => one.id)}::uuid[], ${named.map((one) => one.rootAlarmId)}::uuid[], ${named.map((one) => one.title)}::text[])
      as n (id, root_alarm_id, title)
    where i.id = n.id and (i.root_alarm_id is distinct from n.root_alarm_id or i.title <> n.title)`);
}

/** Closes those of them that have no open alarm any more. @returns Those closed now. */
export async function closeFinished(
  tx: Transaction,
  incidentIds: readonly string[],
  at: Date,
): Promise<{ id: string; organisationId: string }[]> {
  if (incidentIds.length === 0) return [];
  const rows = await tx.query<{ id: string; organisation_id: string }>(
    prepared(
      "incidents_close",
      sql`
    update incidents i set closed_at = ${at}
    where i.id = any(${incidentIds}::uuid[]) and i.closed_at is null
      and not exists (select from alarms a where a.incident_id = i.id and a.state <> 'cleared')
    returning i.id, i.organisation_id`,
    ),
  );
  return rows.map((row) => ({ id: row.id, organisationId: row.organisation_id }));
}

/** Opens those of them again that have open alarms: something came late. @returns Those opened now. */
export async function reopenWithOpenAlarms(
  tx: Transaction,
  incidentIds: readonly string[],
): Promise<{ id: string; organisationId: string; title: string }[]> {
  if (incidentIds.length === 0) return [];
  const rows = await tx.query<{ id: string; organisation_id: string; title: string }>(
    prepared(
      "incidents_reopen",
      sql`
    update incidents i set closed_at = null
    where i.id = any(${incidentIds}::uuid[]) and i.closed_at is not null
      and exists (select from alarms a where a.incident_id = i.id and a.state <> 'cleared')
    returning i.id, i.organisation_id, i.title`,
    ),
  );
  return rows.map((row) => ({ id: row.id, organisationId: row.organisation_id, title: row.title }));
}

interface IncidentRow {
  id: string;
  title: string;
  opened_at: Date;
  last_at: Date;
  closed_at: Date | null;
  root_alarm_id: string | null;
  root_cause: string | null;
  resolution: string | null;
  alarms: number;
  open_alarms: number;
  worst: number | null;
}

// What the caller sees of its alarms: the policies of the rows decide.
const incidentColumns = sql`i.id, i.title, i.opened_at, i.last_at, i.closed_at, i.root_cause, i.resolution, n.alarms, n.open_alarms, n.worst,
  (select a.id from alarms a where a.id = i.root_alarm_id) as root_alarm_id`;
const incidentTables = sql`incidents i cross join lateral (
  select count(*)::int as alarms, (count(*) filter (where a.state <> 'cleared'))::int as open_alarms, max(a.rank)::int as worst
  from alarms a where a.incident_id = i.id and not a.kept_back) n`;

function toIncident(row: IncidentRow): Incident {
  const worst = row.worst === null ? undefined : severities[row.worst - 1];
  return {
    id: row.id as IncidentId,
    title: row.title,
    openedAt: row.opened_at,
    lastAt: row.last_at,
    ...(row.closed_at === null ? {} : { closedAt: row.closed_at }),
    ...(row.root_alarm_id === null ? {} : { rootAlarmId: row.root_alarm_id as AlarmId }),
    ...(row.root_cause === null ? {} : { rootCause: row.root_cause }),
    ...(row.resolution === null ? {} : { resolution: row.resolution }),
    alarms: row.alarms,
    openAlarms: row.open_alarms,
    ...(worst === undefined ? {} : { worstSeverity: worst }),
  };
}

/** Incidents, open ones first, then newest first, behind `after` (open, opened at, id). */
export async function selectIncidents(
  db: Queryable,
  {
    organisationId,
    state,
    after,
    limit,
  }: { organisationId: string; state: "open" | "closed" | "all"; after: readonly string[] | undefined; limit: number },
): Promise<Incident[]> {
  const which = state === "all" ? sql`true` : sql`(i.closed_at is null) = ${state === "open"}`;
  const behind =
    after === undefined
      ? sql`true`
      : sql`((i.closed_at is null), i.opened_at, i.id) < (${after[0]}::boolean, ${after[1]}::timestamptz, ${after[2]}::uuid)`;
  const rows = await db.query<IncidentRow>(sql`
    select ${incidentColumns} from ${incidentTables} where i.organisation_id = ${organisationId} and ${which} and ${behind}
    order by (i.closed_at is null) desc, i.opened_at desc, i.id desc limit ${limit}`);
  return rows.map(toIncident);
}

export async function findIncident(db: Queryable, organisationId: string, incidentId: string): Promise<Incident | undefined> {
  const [row] = await db.query<IncidentRow>(sql`
    select ${incidentColumns} from ${incidentTables} where i.id = ${incidentId} and i.organisation_id = ${organisationId}`);
  return row === undefined ? undefined : toIncident(row);
}

export async function updateFinding(tx: Transaction, { id, rootCause, resolution }: Incident): Promise<void> {
  await tx.query(sql`update incidents i set root_cause = ${rootCause ?? null}, resolution = ${resolution ?? null} where i.id = ${id}`);
}

export async function insertIncidentEntry(
  tx: Transaction,
  entry: { organisationId: string; incidentId: string; what: "commented" | "resolved"; by: string; detail: string | undefined },
): Promise<void> {
  const { organisationId, incidentId, what, by, detail } = entry;
  await tx.query(sql`
    insert into incident_entries (id, organisation_id, incident_id, what, by, detail)
    values (${newId()}, ${organisationId}, ${incidentId}, ${what}, ${by}, ${detail ?? null})`);
}

/** What people said and did about an incident and its alarms, oldest first; at most the newest 500. */
export async function selectConversation(db: Queryable, incidentId: string): Promise<IncidentEntry[]> {
  const rows = await db.query<{
    at: Date;
    what: IncidentEntry["what"];
    alarm_id: string | null;
    by: string | null;
    detail: string | null;
  }>(sql`
    select c.* from (
      select e.at, e.what, null::uuid as alarm_id, e.by, e.detail, e.id from incident_entries e where e.incident_id = ${incidentId}
      union all
      select e.at, e.what, e.alarm_id, e.by, e.detail, e.id from alarms a join alarm_entries e on e.alarm_id = a.id
      where a.incident_id = ${incidentId} and e.what in ('commented', 'resolved', 'acknowledged', 'unacknowledged', 'assigned')
      order by at desc, id desc limit 500) c
    order by c.at, c.id`);
  return rows.map((row) => ({
    at: row.at,
    what: row.what,
    ...(row.alarm_id === null ? {} : { alarmId: row.alarm_id as AlarmId }),
    ...(row.by === null ? {} : { by: row.by }),
    ...(row.detail === null ? {} : { detail: row.detail }),
  }));
}
