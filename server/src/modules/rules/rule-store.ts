import type { AlarmRuleId, DeviceId } from "@roost/contract/ids";
import type { AlarmRule } from "@roost/contract/rules";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { sql } from "../../platform/sql.ts";
import type { Sql } from "../../platform/sql.ts";

interface RuleRow {
  id: string;
  organisation_id: string;
  device_id: string;
  metric: string;
  above: number | null;
  below: number | null;
  hysteresis: number;
  for_seconds: number;
  severity: AlarmRule["severity"];
  enabled: boolean;
}

const ruleColumns = sql`r.id, r.organisation_id, r.device_id, r.metric, r.above, r.below, r.hysteresis, r.for_seconds, r.severity, r.enabled`;

function toRule(row: RuleRow): AlarmRule {
  return {
    id: row.id as AlarmRuleId,
    deviceId: row.device_id as DeviceId,
    metric: row.metric,
    ...(row.above === null ? {} : { above: row.above }),
    ...(row.below === null ? {} : { below: row.below }),
    hysteresis: row.hysteresis,
    forSeconds: row.for_seconds,
    severity: row.severity,
    enabled: row.enabled,
  };
}

/** The organisation's rules by device, metric and id, behind `after`. */
export async function selectRules(
  db: Queryable,
  where: { organisationId: string; deviceId: string | undefined; after: readonly string[] | undefined; limit: number },
): Promise<AlarmRule[]> {
  const device: Sql = where.deviceId === undefined ? sql`true` : sql`r.device_id = ${where.deviceId}`;
  const after: Sql =
    where.after === undefined
      ? sql`true`
      : sql`(r.device_id, r.metric, r.id) > (${where.after[0]}, ${where.after[1]}, ${where.after[2]}::uuid)`;
  const rows = await db.query<RuleRow>(sql`
    select ${ruleColumns} from alarm_rules r
    where r.organisation_id = ${where.organisationId} and ${device} and ${after}
    order by r.device_id, r.metric, r.id limit ${where.limit}`);
  return rows.map(toRule);
}

/** Every rule in force of the installation, behind `afterId`, by id. */
export async function selectEnabledRules(db: Queryable, afterId: string, limit: number): Promise<AlarmRule[]> {
  const rows = await db.query<RuleRow>(sql`
    select ${ruleColumns} from alarm_rules r where r.enabled and r.id > ${afterId}::uuid order by r.id limit ${limit}`);
  return rows.map(toRule);
}

export async function findRule(db: Queryable, ruleId: string): Promise<AlarmRule | undefined> {
  const [row] = await db.query<RuleRow>(sql`select ${ruleColumns} from alarm_rules r where r.id = ${ruleId}`);
  return row === undefined ? undefined : toRule(row);
}

/**
 * Holds a rule against everyone else, also against transitions of it that are being written: those lock it for share.
 */
export async function lockRule(tx: Transaction, organisationId: string, ruleId: string): Promise<AlarmRule | undefined> {
  const [row] = await tx.query<RuleRow>(sql`
    select ${ruleColumns} from alarm_rules r where r.id = ${ruleId} and r.organisation_id = ${organisationId} for update`);
  return row === undefined ? undefined : toRule(row);
}

/** Says whether the device is one that people of the organisation see; holds it while a rule is added. */
export async function lockDevice(tx: Transaction, organisationId: string, deviceId: string): Promise<boolean> {
  const rows = await tx.query(sql`
    select 1 from devices d
    where d.id = ${deviceId} and d.organisation_id = ${organisationId} and not d.hidden for no key update`);
  return rows.length > 0;
}

export async function countRules(tx: Transaction, deviceId: string, metric: string): Promise<number> {
  const [row] = await tx.query<{ n: number }>(
    sql`select count(*)::int as n from alarm_rules r where r.device_id = ${deviceId} and r.metric = ${metric}`,
  );
  return row?.n ?? 0;
}

export async function insertRule(tx: Transaction, organisationId: string, rule: AlarmRule): Promise<void> {
  await tx.query(sql`
    insert into alarm_rules (id, organisation_id, device_id, metric, above, below, hysteresis, for_seconds, severity, enabled)
    values (${rule.id}, ${organisationId}, ${rule.deviceId}, ${rule.metric}, ${rule.above ?? null}, ${rule.below ?? null},
      ${rule.hysteresis}, ${rule.forSeconds}, ${rule.severity}, ${rule.enabled})`);
}

export async function updateRule(tx: Transaction, rule: AlarmRule): Promise<void> {
  await tx.query(sql`
    update alarm_rules set above = ${rule.above ?? null}, below = ${rule.below ?? null}, hysteresis = ${rule.hysteresis},
      for_seconds = ${rule.forSeconds}, severity = ${rule.severity}, enabled = ${rule.enabled}, changed_at = clock_timestamp()
    where id = ${rule.id}`);
}

export async function deleteRule(tx: Transaction, ruleId: string): Promise<void> {
  await tx.query(sql`delete from alarm_rules where id = ${ruleId}`);
}

/** A rule that a signal is about. */
export type HeldRule = Pick<AlarmRule, "deviceId" | "metric" | "severity"> & { readonly organisationId: string; readonly changedAt: Date };

/** Rules that are in force, held for share: whoever removes one waits, and is waited for. */
export async function holdRules(tx: Transaction, ids: readonly string[]): Promise<Map<string, HeldRule>> {
  if (ids.length === 0) return new Map();
  const rows = await tx.query<RuleRow & { changed_at: Date }>(sql`
    select ${ruleColumns}, r.changed_at from alarm_rules r where r.id = any(${ids}::uuid[]) and r.enabled order by r.id for key share`);
  return new Map(
    rows.map((row) => {
      const { deviceId, metric, severity } = toRule(row);
      return [row.id, { deviceId, metric, severity, organisationId: row.organisation_id, changedAt: row.changed_at }];
    }),
  );
}
