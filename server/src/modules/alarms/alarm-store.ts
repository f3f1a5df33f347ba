import type { Alarm, AlarmKind, AlarmState, Severity } from "@roost/contract/alarms";
import type { AlarmId, AlarmRuleId, DeviceId } from "@roost/contract/ids";
import type { Unit } from "@roost/contract/units";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { sql } from "../../platform/sql.ts";
import type { Sql } from "../../platform/sql.ts";
import type { Direction } from "./rule.ts";
import type { Transition } from "./watch.ts";

interface AlarmRow {
  id: string;
  device_id: string;
  device_name: string;
  rule_id: string | null;
  kind: AlarmKind;
  severity: Severity;
  state: AlarmState;
  metric: string | null;
  unit: Unit | null;
  threshold: number | null;
  value: number | null;
  raised_at: Date;
  acknowledged_at: Date | null;
  acknowledged_by: string | null;
  cleared_at: Date | null;
}

// The unit stands in the series; a rule may be older than the metric's first value, then there is none yet.
const alarmColumns = sql`a.id, a.device_id, d.name as device_name, a.rule_id, a.kind, a.severity, a.state, a.metric, s.unit,
  a.threshold, a.value, a.raised_at, a.acknowledged_at, a.acknowledged_by, a.cleared_at`;
const alarmTables = sql`alarms a join devices d on d.id = a.device_id
  left join series s on s.device_key = d.key and s.metric = a.metric`;

function toAlarm(row: AlarmRow): Alarm {
  return {
    id: row.id as AlarmId,
    deviceId: row.device_id as DeviceId,
    deviceName: row.device_name,
    ...(row.rule_id === null ? {} : { ruleId: row.rule_id as AlarmRuleId }),
    kind: row.kind,
    severity: row.severity,
    state: row.state,
    ...(row.metric === null ? {} : { metric: row.metric }),
    ...(row.unit === null ? {} : { unit: row.unit }),
    ...(row.threshold === null ? {} : { threshold: row.threshold }),
    ...(row.value === null ? {} : { value: row.value }),
    raisedAt: row.raised_at,
    ...(row.acknowledged_at === null ? {} : { acknowledgedAt: row.acknowledged_at }),
    ...(row.acknowledged_by === null ? {} : { acknowledgedBy: row.acknowledged_by }),
    ...(row.cleared_at === null ? {} : { clearedAt: row.cleared_at }),
  };
}

/** Alarms of an organisation, open ones first, then newest first, behind `after` (open, raised at, id). */
export async function selectAlarms(
  db: Queryable,
  where: {
    organisationId: string;
    state: "open" | "cleared" | "all";
    deviceId: string | undefined;
    severity: Severity | undefined;
    after: readonly string[] | undefined;
    limit: number;
  },
): Promise<Alarm[]> {
  const state: Sql = where.state === "all" ? sql`true` : sql`(a.state <> 'cleared') = ${where.state === "open"}`;
  const device: Sql = where.deviceId === undefined ? sql`true` : sql`a.device_id = ${where.deviceId}`;
  const severity: Sql = where.severity === undefined ? sql`true` : sql`a.severity = ${where.severity}`;
  const after: Sql =
    where.after === undefined
      ? sql`true`
      : sql`((a.state <> 'cleared'), a.raised_at, a.id) < (${where.after[0]}::boolean, ${where.after[1]}::timestamptz, ${where.after[2]}::uuid)`;
  const rows = await db.query<AlarmRow>(sql`
    select ${alarmColumns} from ${alarmTables}
    where a.organisation_id = ${where.organisationId} and ${state} and ${device} and ${severity} and ${after}
    order by (a.state <> 'cleared') desc, a.raised_at desc, a.id desc limit ${where.limit}`);
  return rows.map(toAlarm);
}

export async function findAlarm(db: Queryable, organisationId: string, alarmId: string): Promise<Alarm | undefined> {
  const [row] = await db.query<AlarmRow>(sql`
    select ${alarmColumns} from ${alarmTables} where a.id = ${alarmId} and a.organisation_id = ${organisationId}`);
  return row === undefined ? undefined : toAlarm(row);
}

export async function lockAlarm(tx: Transaction, organisationId: string, alarmId: string): Promise<Alarm | undefined> {
  const [row] = await tx.query<AlarmRow>(sql`
    select ${alarmColumns} from ${alarmTables} where a.id = ${alarmId} and a.organisation_id = ${organisationId} for update of a`);
  return row === undefined ? undefined : toAlarm(row);
}

export async function saveAcknowledged(tx: Transaction, alarm: Alarm): Promise<void> {
  await tx.query(sql`
    update alarms set state = ${alarm.state}, acknowledged_at = ${alarm.acknowledgedAt ?? null}, acknowledged_by = ${alarm.acknowledgedBy ?? null}
    where id = ${alarm.id}`);
}

/** An alarm that was just raised or cleared, with what its fact tells. */
export interface Turned {
  readonly alarm: Alarm;
  readonly organisationId: string;
}

type TurnedRow = AlarmRow & { organisation_id: string };

function toTurned(row: TurnedRow): Turned {
  return { alarm: toAlarm(row), organisationId: row.organisation_id };
}

/**
 * Raises what is not open yet, one per limit at most. What belongs to a rule that was removed or switched off meanwhile raises nothing:
 * the rule is locked for share, so that its removal and this wait for each other.
 *
 * @returns Those raised now.
 */
export async function raiseAlarms(tx: Transaction, raises: readonly Transition[]): Promise<Turned[]> {
  const rows = await tx.query<TurnedRow>(sql`
    with raised as (
      insert into alarms (id, organisation_id, device_id, rule_id, kind, severity, state, metric, threshold, value, raised_at)
      select t.id, r.organisation_id, r.device_id, r.id, t.kind, r.severity, 'raised', r.metric, t.threshold, t.value,
        date_trunc('milliseconds', greatest(t.at, r.changed_at))
      from unnest(${raises.map((one) => one.alarmId)}::uuid[], ${raises.map((one) => one.ruleId)}::uuid[],
        ${raises.map((one) => one.direction)}::text[], ${raises.map((one) => one.threshold)}::float8[],
        ${raises.map((one) => one.value)}::float8[], ${raises.map((one) => instantOf(one.measuredAtUs))}::timestamptz[])
        as t (id, rule_id, kind, threshold, value, at)
      join alarm_rules r on r.id = t.rule_id
      where r.enabled
      for key share of r
      on conflict do nothing
      returning *)
    select a.organisation_id, a.id, a.device_id, d.name as device_name, a.rule_id, a.kind, a.severity, a.state, a.metric, s.unit,
      a.threshold, a.value, a.raised_at, a.acknowledged_at, a.acknowledged_by, a.cleared_at
    from raised a join devices d on d.id = a.device_id left join series s on s.device_key = d.key and s.metric = a.metric`);
  return rows.map(toTurned);
}

/** Clears the open alarms of limits. @returns Those cleared now, each with the value that cleared it. */
export async function clearAlarms(tx: Transaction, clears: readonly Transition[]): Promise<(Turned & { readonly value: number })[]> {
  const rows = await tx.query<TurnedRow & { clearing_value: number }>(sql`
    update alarms a set state = 'cleared', cleared_at = date_trunc('milliseconds', greatest(t.at, a.raised_at))
    from unnest(${clears.map((one) => one.ruleId)}::uuid[], ${clears.map((one) => one.direction)}::text[],
      ${clears.map((one) => one.value)}::float8[], ${clears.map((one) => instantOf(one.measuredAtUs))}::timestamptz[])
      as t (rule_id, kind, value, at), devices d
    where a.rule_id = t.rule_id and a.kind = t.kind and a.state <> 'cleared' and d.id = a.device_id
    returning a.organisation_id, a.id, a.device_id, d.name as device_name, a.rule_id, a.kind, a.severity, a.state, a.metric,
      (select s.unit from series s where s.device_key = d.key and s.metric = a.metric) as unit,
      a.threshold, a.value, a.raised_at, a.acknowledged_at, a.acknowledged_by, a.cleared_at, t.value as clearing_value`);
  return rows.map((row) => ({ ...toTurned(row), value: row.clearing_value }));
}

function instantOf(us: number): Date {
  return new Date(Math.floor(us / 1000));
}

/** Raises `offline` for a device once per fact, and only while none is open. */
export async function raiseOffline(
  tx: Transaction,
  offline: { eventId: string; deviceId: string; organisationId: string; severity: Severity; at: Date },
): Promise<Turned | undefined> {
  const [row] = await tx.query<TurnedRow>(sql`
    with raised as (
      insert into alarms (id, organisation_id, device_id, kind, severity, state, raised_at, event_id)
      select ${newId()}::uuid, d.organisation_id, d.id, 'offline', ${offline.severity}, 'raised', ${offline.at}::timestamptz, ${offline.eventId}::uuid
      from devices d where d.id = ${offline.deviceId} and d.organisation_id = ${offline.organisationId} and not d.hidden
      on conflict do nothing
      returning *)
    select a.organisation_id, a.id, a.device_id, d.name as device_name, a.rule_id, a.kind, a.severity, a.state, a.metric, null as unit,
      a.threshold, a.value, a.raised_at, a.acknowledged_at, a.acknowledged_by, a.cleared_at
    from raised a join devices d on d.id = a.device_id`);
  return row === undefined ? undefined : toTurned(row);
}

/** Open alarms of one device or rule, of the kinds given, that were raised no later than `at`, cleared. */
export async function clearOpen(
  tx: Transaction,
  where: { deviceId?: string; ruleId?: string; kinds: readonly AlarmKind[]; at: Date },
): Promise<Turned[]> {
  const whose: Sql = where.ruleId === undefined ? sql`a.device_id = ${where.deviceId}` : sql`a.rule_id = ${where.ruleId}`;
  const rows = await tx.query<TurnedRow>(sql`
    update alarms a set state = 'cleared', cleared_at = greatest(${where.at}::timestamptz, a.raised_at)
    from devices d
    where d.id = a.device_id and ${whose} and a.kind = any(${where.kinds}) and a.state <> 'cleared'
      and (a.kind <> 'offline' or a.raised_at <= ${where.at}::timestamptz)
    returning a.organisation_id, a.id, a.device_id, d.name as device_name, a.rule_id, a.kind, a.severity, a.state, a.metric,
      (select s.unit from series s where s.device_key = d.key and s.metric = a.metric) as unit,
      a.threshold, a.value, a.raised_at, a.acknowledged_at, a.acknowledged_by, a.cleared_at`);
  return rows.map(toTurned);
}

/** The directions of a rule, or of all rules, whose alarm is open. */
export async function selectOpenDirections(db: Queryable, ruleId?: string): Promise<{ ruleId: string; direction: Direction }[]> {
  const which: Sql = ruleId === undefined ? sql`a.rule_id is not null` : sql`a.rule_id = ${ruleId}`;
  return db.query<{ ruleId: string; direction: Direction }>(sql`
    select a.rule_id as "ruleId", a.kind as direction from alarms a where a.state <> 'cleared' and a.kind <> 'offline' and ${which}`);
}

/** How many alarms were raised since then, by the database's clock, in all organisations or in what is named. */
export async function countRaisedSince(
  db: Queryable,
  where: {
    since: Date;
    severities: readonly Severity[];
    organisationId?: string | undefined;
    groupId?: string | undefined;
    deviceIds?: readonly string[] | undefined;
  },
): Promise<number> {
  const { since, severities, organisationId, groupId, deviceIds } = where;
  // Entries are made with their id, which begins with the time: the key finds the newest ones without reading all.
  const [row] = await db.query<{ n: number }>(sql`
    select count(*)::int as n from alarm_entries e join alarms a on a.id = e.alarm_id
    where e.id >= ${newId(since.getTime() - 600_000)} and e.at >= ${since} and e.what = 'raised' and a.severity = any(${severities}::text[])
      and (${organisationId ?? null}::uuid is null or a.organisation_id = ${organisationId ?? null}::uuid)
      and (${deviceIds ?? null}::text[] is null or a.device_id = any(${deviceIds ?? null}::text[]))
      and (${groupId ?? null}::uuid is null
        or exists (select from device_group_members m where m.device_id = a.device_id and m.group_id = ${groupId ?? null}::uuid))`);
  return row?.n ?? 0;
}

/** How many alarms are open, per device; devices without one are absent. */
export async function countOpenByDevice(db: Queryable, deviceIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await db.query<{ device_id: string; n: number }>(sql`
    select a.device_id, count(*)::int as n from alarms a where a.device_id = any(${deviceIds}) and a.state <> 'cleared' group by a.device_id`);
  return new Map(rows.map((row) => [row.device_id, row.n]));
}

export async function countOpen(db: Queryable, organisationId: string): Promise<number> {
  const [row] = await db.query<{ n: number }>(sql`
    select count(*)::int as n from alarms a where a.organisation_id = ${organisationId} and (a.state <> 'cleared') = true`);
  return row?.n ?? 0;
}
