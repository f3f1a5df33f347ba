import type { Severity } from "@roost/contract/alarms";
import type { NotificationTargetId } from "@roost/contract/ids";
import type { NotificationTarget } from "@roost/contract/notifications";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { sql } from "../../platform/sql.ts";

interface TargetRow {
  id: string;
  kind: NotificationTarget["kind"];
  name: string;
  address_masked: string;
  min_severity: Severity;
  enabled: boolean;
  created_at: Date;
}

const targetColumns = sql`t.id, t.kind, t.name, t.address_masked, t.min_severity, t.enabled, t.created_at`;

function toTarget(row: TargetRow): NotificationTarget {
  return {
    id: row.id as NotificationTargetId,
    kind: row.kind,
    name: row.name,
    address: row.address_masked,
    minSeverity: row.min_severity,
    enabled: row.enabled,
    createdAt: row.created_at,
  };
}

/** Targets of an organisation in the order they were added, behind `afterId`. */
export async function selectTargets(
  db: Queryable,
  organisationId: string,
  afterId: string | undefined,
  limit: number,
): Promise<NotificationTarget[]> {
  const rows = await db.query<TargetRow>(sql`
    select ${targetColumns} from notification_targets t
    where t.organisation_id = ${organisationId} and ${afterId === undefined ? sql`true` : sql`t.id > ${afterId}::uuid`}
    order by t.id limit ${limit}`);
  return rows.map(toTarget);
}

/** Ids and names of those that are to be told of something of this severity. */
export async function selectTargetsFor(db: Queryable, organisationId: string, severity: Severity): Promise<{ id: string; name: string }[]> {
  return db.query<{ id: string; name: string }>(sql`
    select t.id, t.name from notification_targets t
    where t.organisation_id = ${organisationId} and t.enabled
      and array_position(array['info', 'warning', 'critical'], t.min_severity) <= array_position(array['info', 'warning', 'critical'], ${severity}::text)
    order by t.id`);
}

export async function lockTarget(tx: Transaction, organisationId: string, targetId: string): Promise<NotificationTarget | undefined> {
  const [row] = await tx.query<TargetRow>(sql`
    select ${targetColumns} from notification_targets t where t.id = ${targetId} and t.organisation_id = ${organisationId} for update`);
  return row === undefined ? undefined : toTarget(row);
}

export async function countTargets(tx: Transaction, organisationId: string): Promise<number> {
  // Two people who add at once wait for each other here.
  await tx.query(sql`select 1 from organisations o where o.id = ${organisationId} for no key update`);
  const [row] = await tx.query<{ n: number }>(
    sql`select count(*)::int as n from notification_targets t where t.organisation_id = ${organisationId}`,
  );
  return row?.n ?? 0;
}

export async function insertTarget(
  tx: Transaction,
  organisationId: string,
  target: NotificationTarget,
  sealed: { readonly settings: Buffer; readonly secret: Buffer | undefined },
): Promise<void> {
  await tx.query(sql`
    insert into notification_targets (id, organisation_id, kind, name, settings_sealed, secret_sealed, address_masked, min_severity, enabled, created_at)
    values (${target.id}, ${organisationId}, ${target.kind}, ${target.name}, ${sealed.settings}, ${sealed.secret ?? null}, ${target.address},
      ${target.minSeverity}, ${target.enabled}, ${target.createdAt})`);
}

export async function updateTarget(tx: Transaction, target: NotificationTarget): Promise<void> {
  await tx.query(sql`
    update notification_targets set name = ${target.name}, min_severity = ${target.minSeverity}, enabled = ${target.enabled}
    where id = ${target.id}`);
}

export async function deleteTarget(tx: Transaction, targetId: string): Promise<void> {
  await tx.query(sql`delete from notification_targets where id = ${targetId}`);
}
