import type { Transaction } from "../../platform/db.ts";
import { sql } from "../../platform/sql.ts";
import type { Joined, Named } from "./incident.ts";

/** The newest open incidents of these keys. */
export async function selectJoinable(
  tx: Transaction,
  organisationIds: readonly string[],
  keys: readonly string[],
): Promise<{ id: string; organisationId: string; key: string; lastAt: Date }[]> {
  const rows = await tx.query<{ id: string; organisation_id: string; key: string; last_at: Date }>(sql`
    select distinct on (i.organisation_id, i.key) i.id, i.organisation_id, i.key, i.last_at from incidents i
    where i.organisation_id = any(${organisationIds}::uuid[]) and i.key = any(${keys}) and i.closed_at is null
    order by i.organisation_id, i.key, i.last_at desc`);
  return rows.map((row) => ({ id: row.id, organisationId: row.organisation_id, key: row.key, lastAt: row.last_at }));
}

/** Opens incidents, and notes that alarms joined others. */
export async function saveJoined(tx: Transaction, joined: readonly Joined[]): Promise<void> {
  if (joined.length === 0) return;
  await tx.query(sql`
    insert into incidents (id, organisation_id, key, title, opened_at, last_at, root_alarm_id)
    select n.* from unnest(${joined.map((one) => one.id)}::uuid[], ${joined.map((one) => one.organisationId)}::uuid[],
      ${joined.map((one) => one.key)}::text[], ${joined.map((one) => one.title)}::text[], ${joined.map((one) => one.at)}::timestamptz[],
      ${joined.map((one) => one.lastAt)}::timestamptz[], ${joined.map((one) => one.rootAlarmId ?? null)}::uuid[]) as n
    on conflict (id) do update set last_at = greatest(incidents.last_at, excluded.last_at)`);
}

/** Notes what the alarms of incidents hang on. */
export async function saveNamed(tx: Transaction, named: readonly Named[]): Promise<void> {
  if (named.length === 0) return;
  await tx.query(sql`
    update incidents i set root_alarm_id = n.root_alarm_id, title = n.title
    from unnest(${named.map((one) => one.id)}::uuid[], ${named.map((one) => one.rootAlarmId)}::uuid[], ${named.map((one) => one.title)}::text[])
      as n (id, root_alarm_id, title)
    where i.id = n.id and i.root_alarm_id is distinct from n.root_alarm_id`);
}

/** Closes those of them that have no open alarm any more. @returns Those closed now. */
export async function closeFinished(
  tx: Transaction,
  incidentIds: readonly string[],
  at: Date,
): Promise<{ id: string; organisationId: string }[]> {
  if (incidentIds.length === 0) return [];
  const rows = await tx.query<{ id: string; organisation_id: string }>(sql`
    update incidents i set closed_at = ${at}
    where i.id = any(${incidentIds}::uuid[]) and i.closed_at is null
      and not exists (select from alarms a where a.incident_id = i.id and a.state <> 'cleared')
    returning i.id, i.organisation_id`);
  return rows.map((row) => ({ id: row.id, organisationId: row.organisation_id }));
}

/** Opens those of them again that have open alarms: something came late. @returns Those opened now. */
export async function reopenWithOpenAlarms(
  tx: Transaction,
  incidentIds: readonly string[],
): Promise<{ id: string; organisationId: string; title: string }[]> {
  if (incidentIds.length === 0) return [];
  const rows = await tx.query<{ id: string; organisation_id: string; title: string }>(sql`
    update incidents i set closed_at = null
    where i.id = any(${incidentIds}::uuid[]) and i.closed_at is not null
      and exists (select from alarms a where a.incident_id = i.id and a.state <> 'cleared')
    returning i.id, i.organisation_id, i.title`);
  return rows.map((row) => ({ id: row.id, organisationId: row.organisation_id, title: row.title }));
}
