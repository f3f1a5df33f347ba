import type { AlarmId, ServiceBreachId, ServiceId } from "@roost/contract/ids";
import type { BreachType, ServiceBreach } from "@roost/contract/services";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

interface BreachRow {
  id: string;
  service_id: string;
  service_name: string;
  type: BreachType;
  severity: ServiceBreach["severity"];
  from_at: Date;
  to_at: Date;
  found_at: Date;
  ended_at: Date | null;
  target: number;
  actual: number;
  alarm_id: string | null;
}

function toBreach(row: BreachRow): ServiceBreach {
  return {
    id: row.id as ServiceBreachId,
    serviceId: row.service_id as ServiceId,
    serviceName: row.service_name,
    type: row.type,
    severity: row.severity,
    from: row.from_at,
    to: row.to_at,
    foundAt: row.found_at,
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
    target: row.target,
    actual: row.actual,
    ...(row.alarm_id === null ? {} : { alarmId: row.alarm_id as AlarmId }),
  };
}

const columns = sql`b.id, b.service_id, s.name as service_name, b.type, b.severity, b.from_at, b.to_at, b.found_at, b.ended_at, b.target, b.actual,
  b.alarm_id`;
const tables = sql`service_breaches b join services s on s.id = b.service_id`;

export interface BreachWhere {
  readonly organisationId: string;
  readonly serviceIds?: readonly string[] | undefined;
  readonly type?: BreachType | undefined;
  readonly state: "open" | "ended" | "all";
  /** Found or under way then. */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

/** Newest first, behind `after`: (found at, id). */
export async function selectBreaches(
  db: Queryable,
  { organisationId, serviceIds, type, state, from, to }: BreachWhere,
  { after, limit }: { after?: readonly string[] | undefined; limit: number },
): Promise<ServiceBreach[]> {
  const [at = "", id = ""] = after ?? [];
  const rows = await db.query<BreachRow>(sql`
    select ${columns} from ${tables}
    where b.organisation_id = ${organisationId}
      and ${serviceIds === undefined ? sql`true` : sql`b.service_id = any(${serviceIds}::uuid[])`}
      and ${type === undefined ? sql`true` : sql`b.type = ${type}`}
      and ${state === "all" ? sql`true` : state === "open" ? sql`b.ended_at is null` : sql`b.ended_at is not null`}
      and ${from === undefined ? sql`true` : sql`(b.ended_at is null or b.ended_at > ${from})`}
      and ${to === undefined ? sql`true` : sql`b.found_at <= ${to}`}
      and ${after === undefined ? sql`true` : sql`(b.found_at, b.id) < (${at}::timestamptz, ${id}::uuid)`}
    order by b.found_at desc, b.id desc limit ${limit}`);
  return rows.map(toBreach);
}

/** Those of a service that go on, and those of these alarms. */
export async function selectForJudging(tx: Transaction, serviceId: string, alarmIds: readonly string[]): Promise<ServiceBreach[]> {
  const rows = await tx.query<BreachRow>(sql`
    select ${columns} from ${tables}
    where b.service_id = ${serviceId} and (b.ended_at is null or b.alarm_id = any(${alarmIds}::uuid[]))`);
  return rows.map(toBreach);
}

/** @returns Whether it was made: a promise is broken once. */
export async function insertBreach(tx: Transaction, organisationId: string, breach: ServiceBreach): Promise<boolean> {
  const rows = await tx.query(sql`
    insert into service_breaches (id, organisation_id, service_id, type, severity, from_at, to_at, found_at, ended_at, target, actual, alarm_id)
    values (${breach.id}, ${organisationId}, ${breach.serviceId}, ${breach.type}, ${breach.severity}, ${breach.from}, ${breach.to},
      ${breach.foundAt}, ${breach.endedAt ?? null}, ${breach.target}, ${breach.actual}, ${breach.alarmId ?? null})
    on conflict do nothing returning id`);
  return rows.length > 0;
}

export async function saveBreach(tx: Transaction, breach: ServiceBreach): Promise<void> {
  await tx.query(sql`
    update service_breaches set severity = ${breach.severity}, from_at = ${breach.from}, to_at = ${breach.to}, ended_at = ${breach.endedAt ?? null}, actual = ${breach.actual}
    where id = ${breach.id}`);
}

/** How many were found since then, by type. */
export async function countFound(
  db: Queryable,
  organisationId: string,
  serviceIds: readonly string[],
  { from, to }: { from: Date; to: Date },
): Promise<Record<BreachType, number>> {
  const rows = await db.query<{ type: BreachType; n: number }>(sql`
    select b.type, count(*)::int as n from service_breaches b
    where b.organisation_id = ${organisationId} and b.service_id = any(${serviceIds}::uuid[]) and b.found_at > ${from} and b.found_at <= ${to}
    group by b.type`);
  const of = (type: BreachType) => rows.find((row) => row.type === type)?.n ?? 0;
  return { availability: of("availability"), response_time: of("response_time"), resolution_time: of("resolution_time") };
}
