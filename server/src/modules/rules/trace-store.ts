import type { AlarmKind, AlarmMute } from "@roost/contract/alarms";
import type { RuleScope } from "@roost/contract/rule-conditions";
import { sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";

/** A device that a rule is about. */
export interface DeviceAbout {
  readonly id: string;
  readonly name: string;
  readonly siteId: string | null;
}

function isIn(scope: RuleScope): Sql {
  if (scope.deviceId !== undefined) return sql`d.id = ${scope.deviceId}`;
  if (scope.siteId !== undefined) return sql`d.site_id = ${scope.siteId}`;
  if (scope.groupId !== undefined)
    return sql`exists (select from device_group_members m where m.device_id = d.id and m.group_id = ${scope.groupId})`;
  return scope.kind === undefined ? sql`true` : sql`d.kind = ${scope.kind}`;
}

/** Devices of a scope by id, behind `after`. */
export async function selectDevicesAbout(
  db: Queryable,
  where: { organisationId: string; scope: RuleScope; after: string; limit: number },
): Promise<DeviceAbout[]> {
  return db.query<DeviceAbout>(sql`
    select d.id, d.name, d.site_id as "siteId" from devices d
    where d.organisation_id = ${where.organisationId} and not d.hidden and ${isIn(where.scope)} and d.id > ${where.after}
    order by d.id limit ${where.limit}`);
}

/** How many there are, and how many of them up to `upTo`. */
export async function countDevicesAbout(
  db: Queryable,
  where: { organisationId: string; scope: RuleScope; upTo: string },
): Promise<{ all: number; done: number }> {
  const [row] = await db.query<{ all: number; done: number }>(sql`
    select count(*)::int as all, count(*) filter (where d.id <= ${where.upTo})::int as done from devices d
    where d.organisation_id = ${where.organisationId} and not d.hidden and ${isIn(where.scope)}`);
  return row ?? { all: 0, done: 0 };
}

/** Events a device told of, oldest first. */
export async function selectDeviceEvents(
  db: Queryable,
  where: { deviceId: string; from: Date; to: Date; limit: number },
): Promise<{ type: string; atUs: number }[]> {
  return db.query<{ type: string; atUs: number }>(sql`
    select e.type, round(date_part('epoch', e.measured_at) * 1000000)::bigint as "atUs" from device_events e
    where e.device_id = ${where.deviceId} and e.measured_at >= ${where.from} and e.measured_at < ${where.to}
    order by e.measured_at limit ${where.limit}`);
}

/** An alarm that was open at an instant. */
export interface AlarmThen {
  readonly id: string;
  readonly ruleId: string | null;
  readonly kind: AlarmKind;
  readonly raisedAt: Date;
  readonly clearedAt: Date | null;
  readonly mutedBy: AlarmMute | null;
  readonly mutedById: string | null;
  readonly value: number | null;
}

/** Alarms of a device that were open at an instant. */
export async function selectAlarmsAt(db: Queryable, deviceId: string, at: Date): Promise<AlarmThen[]> {
  return db.query<AlarmThen>(sql`
    select a.id, a.rule_id as "ruleId", a.kind, a.raised_at as "raisedAt", a.cleared_at as "clearedAt", a.muted_by as "mutedBy",
      a.muted_by_id as "mutedById", a.value
    from alarms a where a.device_id = ${deviceId} and a.raised_at <= ${at} and (a.cleared_at is null or a.cleared_at > ${at})
    order by a.raised_at desc limit 500`);
}

/** Which of these rules have an alarm about the device that holds now. */
export async function selectHoldingOf(db: Queryable, ruleIds: readonly string[], deviceId: string): Promise<Set<string>> {
  const rows = await db.query<{ rule_id: string }>(sql`
    select distinct a.rule_id from alarms a
    where a.rule_id = any(${ruleIds}::uuid[]) and a.device_id = ${deviceId} and a.state <> 'cleared' and a.holds`);
  return new Set(rows.map((row) => row.rule_id));
}

/** Devices about which one of these rules has an alarm that holds now, or had one. */
export async function selectDevicesHolding(db: Queryable, ruleIds: readonly string[]): Promise<string[]> {
  const rows = await db.query<{ device_id: string }>(sql`
    select distinct a.device_id from alarms a where a.rule_id = any(${ruleIds}::uuid[]) and a.device_id is not null and a.state <> 'cleared'`);
  return rows.map((row) => row.device_id);
}
