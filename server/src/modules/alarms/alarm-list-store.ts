import { severities } from "@roost/contract/alarms";
import type { Alarm, AlarmCounts, AlarmFilter, AlarmMute, AlarmState, Severity } from "@roost/contract/alarms";
import { join, sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";
import { alarmColumns, alarmTables, toAlarm } from "./alarm-store.ts";
import type { AlarmRow } from "./alarm-store.ts";

/** The filter with what it says of the caller said in words. */
export type AlarmWhere = AlarmFilter & { readonly organisationId: string; readonly deviceIds?: readonly string[] | undefined };

function list<Item>(one: Item | Item[]): Item[] {
  return Array.isArray(one) ? one : [one];
}

function stateIs(state: AlarmFilter["state"]): Sql[] {
  if (state === "all") return [];
  if (state === "cleared") return [sql`a.state = 'cleared'`];
  if (state === "unacknowledged") return [sql`(a.state <> 'cleared') = ${true} and a.state = 'raised'`];
  return [sql`(a.state <> 'cleared') = ${true}`];
}

function conditions(where: AlarmWhere): Sql {
  const { deviceId, siteId, groupId, ruleId, incidentId, assignedTo, q } = where;
  const all: Sql[] = [sql`a.organisation_id = ${where.organisationId}`, sql`not a.kept_back`, ...stateIs(where.state)];
  if (where.severity !== undefined) all.push(sql`a.severity = any(${list(where.severity)}::text[])`);
  if (where.kind !== undefined) all.push(sql`a.kind = any(${list(where.kind)}::text[])`);
  if (deviceId !== undefined) all.push(sql`a.device_id = ${deviceId}`);
  if (where.deviceIds !== undefined) all.push(sql`a.device_id = any(${where.deviceIds}::text[])`);
  if (siteId !== undefined) all.push(sql`d.site_id = ${siteId}`);
  if (groupId !== undefined)
    all.push(sql`exists (select from device_group_members m where m.device_id = a.device_id and m.group_id = ${groupId})`);
  if (ruleId !== undefined) all.push(sql`a.rule_id = ${ruleId}`);
  if (incidentId !== undefined) all.push(sql`a.incident_id = ${incidentId}`);
  if (assignedTo === "nobody") all.push(sql`a.assigned_to is null`);
  else if (assignedTo !== undefined) all.push(sql`lower(a.assigned_to) = lower(${assignedTo}::text)`);
  if (where.muted !== undefined) all.push(sql`(a.muted_by is not null) = ${where.muted === "true"}`);
  if (where.flapping !== undefined) all.push(sql`a.flapping = ${where.flapping === "true"}`);
  if (q !== undefined)
    all.push(
      sql`position(lower(${q}::text) in lower(concat_ws(' ', d.name, a.device_id, a.source, a.type, a.metric, a.title, a.text))) > 0`,
    );
  if (where.from !== undefined) all.push(sql`a.raised_at >= ${where.from}`);
  if (where.to !== undefined) all.push(sql`a.raised_at < ${where.to}`);
  return join(all, sql` and `);
}

/** Alarms, open ones first, then newest or worst first, behind `after`: (open, raised at, id), or (open, rank, raised at, id). */
export async function selectAlarms(
  db: Queryable,
  where: AlarmWhere,
  { sort, after, limit }: { sort: "newest" | "worst"; after: readonly string[] | undefined; limit: number },
): Promise<Alarm[]> {
  const [open = "", ...rest] = after ?? [];
  const [rank = "", at = "", id = ""] = sort === "worst" ? rest : ["", ...rest];
  // Of cleared ones alone, what is open says nothing, and an index without it serves them.
  const isMixed = where.state !== "cleared";
  const parts = [
    ...(isMixed ? [{ column: sql`(a.state <> 'cleared')`, value: sql`${open}::boolean` }] : []),
    ...(sort === "worst" ? [{ column: sql`a.rank`, value: sql`${rank}::smallint` }] : []),
    { column: sql`a.raised_at`, value: sql`${at}::timestamptz` },
    { column: sql`a.id`, value: sql`${id}::uuid` },
  ];
  const row = (which: "column" | "value") =>
    join(
      parts.map((part) => part[which]),
      sql`, `,
    );
  const behind = after === undefined ? sql`true` : sql`(${row("column")}) < (${row("value")})`;
  const order = join(
    parts.map(({ column }) => sql`${column} desc`),
    sql`, `,
  );
  const rows = await db.query<AlarmRow>(sql`
    select ${alarmColumns} from ${alarmTables} where ${conditions(where)} and ${behind} order by ${order} limit ${limit}`);
  return rows.map(toAlarm);
}

/** Where an alarm stands in the order of the worst first. */
export function rankOf(severity: Severity): number {
  return severities.indexOf(severity) + 1;
}

interface CountRow {
  severity: Severity;
  state: AlarmState;
  muted_by: AlarmMute | null;
  flapping: boolean;
  n: number;
}

export async function countAlarms(db: Queryable, where: AlarmWhere): Promise<AlarmCounts> {
  const needsDevice = where.siteId !== undefined || where.q !== undefined;
  const tables = needsDevice ? sql`alarms a left join devices d on d.id = a.device_id` : sql`alarms a`;
  const rows = await db.query<CountRow>(sql`
    select a.severity, a.state, a.muted_by, a.flapping, count(*)::int as n from ${tables}
    where ${conditions(where)} group by a.severity, a.state, a.muted_by, a.flapping`);
  const sum = (which: (row: CountRow) => boolean) => rows.reduce((total, row) => (which(row) ? total + row.n : total), 0);
  const ofSeverity = (one: Severity) => sum((row) => row.severity === one);
  const ofState = (one: AlarmState) => sum((row) => row.state === one);
  const ofMute = (one: AlarmMute) => sum((row) => row.muted_by === one);
  return {
    total: sum(() => true),
    bySeverity: {
      info: ofSeverity("info"),
      warning: ofSeverity("warning"),
      minor: ofSeverity("minor"),
      major: ofSeverity("major"),
      critical: ofSeverity("critical"),
    },
    byState: { raised: ofState("raised"), acknowledged: ofState("acknowledged"), cleared: ofState("cleared") },
    byMute: { parent: ofMute("parent"), window: ofMute("window"), snooze: ofMute("snooze") },
    flapping: sum((row) => row.flapping),
  };
}

/** Open alarms everywhere, by severity, with how many are muted and flap: for the platform's own figures. */
export async function countOpenEverywhere(db: Queryable): Promise<{ severity: Severity; open: number; muted: number; flapping: number }[]> {
  return db.query(sql`
    select a.severity, count(*)::int as open, count(a.muted_by)::int as muted, (count(*) filter (where a.flapping))::int as flapping
    from alarms a where a.state <> 'cleared' and not a.kept_back group by a.severity`);
}
