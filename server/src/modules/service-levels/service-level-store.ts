import type { AlarmKind, Severity } from "@roost/contract/alarms";
import type { DeviceGroupId, DeviceId, ServiceId, ServiceLevelId, SiteId } from "@roost/contract/ids";
import type { BusinessHours, ServiceLevel } from "@roost/contract/service-levels";
import type { Service } from "@roost/contract/services";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

interface LevelRow {
  id: string;
  name: string;
  service_type: string | null;
  availability_percent: number;
  period_days: number;
  response_minutes: number;
  resolution_minutes: number;
  by_severity: ServiceLevel["bySeverity"];
  business_hours: BusinessHours | null;
  exclude_maintenance: boolean;
  created_at: Date;
  changed_at: Date;
  services: number;
}

function toLevel(row: LevelRow): ServiceLevel {
  return {
    id: row.id as ServiceLevelId,
    name: row.name,
    ...(row.service_type === null ? {} : { serviceType: row.service_type }),
    availabilityPercent: row.availability_percent,
    periodDays: row.period_days,
    responseMinutes: row.response_minutes,
    resolutionMinutes: row.resolution_minutes,
    bySeverity: row.by_severity,
    ...(row.business_hours === null ? {} : { businessHours: row.business_hours }),
    excludeMaintenance: row.exclude_maintenance,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    services: row.services,
  };
}

const levelColumns = sql`l.*, (select count(*)::int from services s where s.service_level_id = l.id) as services`;

/** By name. */
export async function selectLevels(db: Queryable, organisationId: string): Promise<ServiceLevel[]> {
  const rows = await db.query<LevelRow>(sql`
    select ${levelColumns} from service_levels l where l.organisation_id = ${organisationId} order by lower(l.name), l.id`);
  return rows.map(toLevel);
}

export async function findLevel(db: Queryable, organisationId: string, id: string): Promise<ServiceLevel | undefined> {
  const [row] = await db.query<LevelRow>(
    sql`select ${levelColumns} from service_levels l where l.id = ${id} and l.organisation_id = ${organisationId}`,
  );
  return row === undefined ? undefined : toLevel(row);
}

/** Holds a level against everybody else: what changes it, and what comes to be promised it. */
export async function lockLevel(tx: Transaction, organisationId: string, id: string): Promise<ServiceLevel | undefined> {
  await tx.query(sql`select l.id from service_levels l where l.id = ${id} and l.organisation_id = ${organisationId} for update`);
  return findLevel(tx, organisationId, id);
}

export async function countLevels(tx: Transaction, organisationId: string): Promise<number> {
  const [row] = await tx.query<{ n: number }>(
    sql`select count(*)::int as n from service_levels l where l.organisation_id = ${organisationId}`,
  );
  return row?.n ?? 0;
}

/** Writes a level as it is now, new or not. */
export async function saveLevel(tx: Transaction, organisationId: string, level: ServiceLevel): Promise<void> {
  const hours = level.businessHours === undefined ? null : JSON.stringify(level.businessHours);
  await tx.query(sql`
    insert into service_levels as l (id, organisation_id, name, service_type, availability_percent, period_days, response_minutes,
      resolution_minutes, by_severity, business_hours, exclude_maintenance, created_at, changed_at)
    values (${level.id}, ${organisationId}, ${level.name}, ${level.serviceType ?? null}, ${level.availabilityPercent}, ${level.periodDays},
      ${level.responseMinutes}, ${level.resolutionMinutes}, ${JSON.stringify(level.bySeverity)}::jsonb, ${hours}::jsonb,
      ${level.excludeMaintenance}, ${level.createdAt}, ${level.changedAt})
    on conflict (id) do update set name = excluded.name, service_type = excluded.service_type,
      availability_percent = excluded.availability_percent, period_days = excluded.period_days, response_minutes = excluded.response_minutes,
      resolution_minutes = excluded.resolution_minutes, by_severity = excluded.by_severity, business_hours = excluded.business_hours,
      exclude_maintenance = excluded.exclude_maintenance, changed_at = excluded.changed_at`);
}

export async function deleteLevel(tx: Transaction, id: string): Promise<void> {
  await tx.query(sql`delete from service_levels where id = ${id}`);
}

/** A service with the organisation it is kept in. */
export type KeptService = Service & { readonly organisationId: string };

interface ServiceRow {
  id: string;
  organisation_id: string;
  service_level_id: string;
  level_name: string;
  name: string;
  customer: string | null;
  device_ids: string[];
  group_ids: string[];
  site_ids: string[];
  outage_severities: Severity[];
  outage_kinds: AlarmKind[];
  credit_breached: number;
  credit_critical: number;
  since: Date;
  created_at: Date;
  changed_at: Date;
}

function toService(row: ServiceRow): KeptService {
  return {
    id: row.id as ServiceId,
    organisationId: row.organisation_id,
    name: row.name,
    ...(row.customer === null ? {} : { customer: row.customer }),
    serviceLevelId: row.service_level_id as ServiceLevelId,
    serviceLevelName: row.level_name,
    carriedBy: {
      deviceIds: row.device_ids as DeviceId[],
      groupIds: row.group_ids as DeviceGroupId[],
      siteIds: row.site_ids as SiteId[],
    },
    outages: { severities: row.outage_severities, kinds: row.outage_kinds },
    credits: { breached: row.credit_breached, critical: row.credit_critical },
    since: row.since,
    createdAt: row.created_at,
    changedAt: row.changed_at,
  };
}

const serviceTables = sql`services s join service_levels l on l.id = s.service_level_id`;
const serviceColumns = sql`s.*, l.name as level_name`;

export interface ServiceWhere {
  readonly organisationId: string;
  readonly serviceLevelId?: string | undefined;
  readonly q?: string | undefined;
}

/** By name, behind `after`: (name in lower case, id). */
export async function selectServices(
  db: Queryable,
  { organisationId, serviceLevelId, q }: ServiceWhere,
  { after, limit }: { after: readonly string[] | undefined; limit: number },
): Promise<KeptService[]> {
  const [name = "", id = ""] = after ?? [];
  const rows = await db.query<ServiceRow>(sql`
    select ${serviceColumns} from ${serviceTables}
    where s.organisation_id = ${organisationId}
      and ${serviceLevelId === undefined ? sql`true` : sql`s.service_level_id = ${serviceLevelId}`}
      and ${q === undefined ? sql`true` : sql`position(lower(${q}::text) in lower(concat_ws(' ', s.name, s.customer))) > 0`}
      and ${after === undefined ? sql`true` : sql`(lower(s.name), s.id) > (${name}, ${id}::uuid)`}
    order by lower(s.name), s.id limit ${limit}`);
  return rows.map(toService);
}

export async function findService(db: Queryable, organisationId: string, id: string): Promise<KeptService | undefined> {
  const [row] = await db.query<ServiceRow>(
    sql`select ${serviceColumns} from ${serviceTables} where s.id = ${id} and s.organisation_id = ${organisationId}`,
  );
  return row === undefined ? undefined : toService(row);
}

/** Holds a service against everybody else; of no organisation's in particular: for the platform itself. */
export async function lockService(tx: Transaction, id: string, organisationId?: string): Promise<KeptService | undefined> {
  const [row] = await tx.query<ServiceRow>(sql`
    select ${serviceColumns} from ${serviceTables}
    where s.id = ${id} and ${organisationId === undefined ? sql`true` : sql`s.organisation_id = ${organisationId}`} for update of s`);
  return row === undefined ? undefined : toService(row);
}

/** Services of everybody who is at work, by id, behind `after`. */
export async function selectAnyServices(db: Queryable, after: string | undefined, limit: number): Promise<KeptService[]> {
  const rows = await db.query<ServiceRow>(sql`
    select ${serviceColumns} from ${serviceTables}
    where roost_is_open(s.organisation_id) and ${after === undefined ? sql`true` : sql`s.id > ${after}`} order by s.id limit ${limit}`);
  return rows.map(toService);
}

export async function countServices(tx: Transaction, organisationId: string): Promise<number> {
  const [row] = await tx.query<{ n: number }>(sql`select count(*)::int as n from services s where s.organisation_id = ${organisationId}`);
  return row?.n ?? 0;
}

/** Writes a service as it is now, new or not. */
export async function saveService(tx: Transaction, { organisationId, ...service }: KeptService): Promise<void> {
  const { carriedBy, outages, credits } = service;
  await tx.query(sql`
    insert into services as s (id, organisation_id, service_level_id, name, customer, device_ids, group_ids, site_ids, outage_severities,
      outage_kinds, credit_breached, credit_critical, since, created_at, changed_at)
    values (${service.id}, ${organisationId}, ${service.serviceLevelId}, ${service.name}, ${service.customer ?? null},
      ${carriedBy.deviceIds}::text[], ${carriedBy.groupIds}::uuid[], ${carriedBy.siteIds}::uuid[], ${outages.severities}::text[],
      ${outages.kinds}::text[], ${credits.breached}, ${credits.critical}, ${service.since}, ${service.createdAt}, ${service.changedAt})
    on conflict (id) do update set service_level_id = excluded.service_level_id, name = excluded.name, customer = excluded.customer,
      device_ids = excluded.device_ids, group_ids = excluded.group_ids, site_ids = excluded.site_ids,
      outage_severities = excluded.outage_severities, outage_kinds = excluded.outage_kinds, credit_breached = excluded.credit_breached,
      credit_critical = excluded.credit_critical, changed_at = excluded.changed_at`);
}

export async function deleteService(tx: Transaction, id: string): Promise<void> {
  await tx.query(sql`delete from services where id = ${id}`);
}

/** Which of these places are there, as the reader of `db` sees it. */
export async function findPlaces(
  db: Queryable,
  organisationId: string,
  { deviceIds, groupIds, siteIds }: Service["carriedBy"],
): Promise<Set<string>> {
  const rows = await db.query<{ id: string }>(sql`
    select p.id::text as id from sites p where p.organisation_id = ${organisationId} and p.id = any(${siteIds}::uuid[])
    union all
    select g.id::text from device_groups g where g.organisation_id = ${organisationId} and g.id = any(${groupIds}::uuid[])
    union all
    select d.id from devices d where d.organisation_id = ${organisationId} and not d.hidden and d.id = any(${deviceIds}::text[])`);
  return new Set(rows.map(({ id }) => id));
}
