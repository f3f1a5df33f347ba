import { severities } from "@roost/contract/alarms";
import type { Alarm, AlarmCounts, AlarmFilter, AlarmMute, AlarmState, Severity } from "@roost/contract/alarms";

import type { Queryable } from "../../platform/db.ts";
import { join, sql } from "../../platform/sql.ts";
import type { Sql } from "../../platform/sql.ts";
import { alarmColumns, alarmTables, toAlarm } from "./alarm-store.ts";
import type { AlarmRow } from "./alarm-store.ts";

/** The filter with what it says of the caller said in words. */
export type AlarmWhere = AlarmFilter & { readonly organisationId: string };

function list<Item>(one: Item | Item[]): Item[] {
  return Array.isArray(one) ? one : [one];
}

function stateIs(state: AlarmFilter["state"]): Sql[] {
  if (state === "all") return [];
  if (state === "unacknowledged") return [sql`(a.state <> 'cleared') = ${true} and a.state = 'raised'`];
  return [sql`(a.state <> 'cleared') = ${state === "open"}`];
}

function conditions(where: AlarmWhere): Sql {
  const { deviceId, siteId, groupId, ruleId, incidentId, assignedTo, q } = where;
  const all: Sql[] = [sql`a.organisation_id = ${where.organisationId}`, sql`not a.kept_back`, ...stateIs(where.state)];
  if (where.severity !== undefined) all.push(sql`a.severity = any(${list(where.severity)}::text[])`);
  if (where.kind !== undefined) all.push(sql`a.kind = any(${list(where.kind)}::text[])`);
  if (deviceId !== undefined) all.push(sql`a.device_id = ${deviceId}`);
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
  const behind: Sql =
    after === undefined
      ? sql`true`
      : sort === "newest"
        ? sql`((a.state <> 'cleared'), a.raised_at, a.id) < (${after[0]}::boolean, ${after[1]}::timestamptz, ${after[2]}::uuid)`
        : sql`((a.state <> 'cleared'), a.rank, a.raised_at, a.id)
            < (${after[0]}::boolean, ${after[1]}::smallint, ${after[2]}::timestamptz, ${after[3]}::uuid)`;
  const order =
    sort === "newest"
      ? sql`(a.state <> 'cleared') desc, a.raised_at desc, a.id desc`
      : sql`(a.state <> 'cleared') desc, a.rank desc, a.raised_at desc, a.id desc`;
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
  const rows = await db.query<CountRow>(sql`
    select a.severity, a.state, a.muted_by, a.flapping, count(*)::int as n from alarms a left join devices d on d.id = a.device_id
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
