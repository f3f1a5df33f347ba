import type { RuleFields } from "@roost/contract/rules";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

/** A rule as it was. */
export interface KeptVersion {
  readonly version: number;
  readonly at: Date;
  readonly by: string;
  readonly what: "added" | "changed" | "rolled_back";
  readonly fields: RuleFields;
}

export async function insertVersion(
  tx: Transaction,
  { organisationId, ruleId, version, by, what, fields }: { organisationId: string; ruleId: string } & Omit<KeptVersion, "at">,
): Promise<void> {
  await tx.query(sql`
    insert into alarm_rule_versions (rule_id, organisation_id, version, by, what, fields)
    values (${ruleId}, ${organisationId}, ${version}, ${by}, ${what}, ${JSON.stringify(fields)})`);
}

/** Newest first, below `before`. */
export async function selectVersions(db: Queryable, ruleId: string, before: number, limit: number): Promise<KeptVersion[]> {
  return db.query<KeptVersion>(sql`
    select v.version, v.at, v.by, v.what, v.fields from alarm_rule_versions v
    where v.rule_id = ${ruleId} and v.version < ${before} order by v.version desc limit ${limit}`);
}

export async function findVersion(db: Queryable, ruleId: string, version: number): Promise<KeptVersion | undefined> {
  const [row] = await db.query<KeptVersion>(sql`
    select v.version, v.at, v.by, v.what, v.fields from alarm_rule_versions v where v.rule_id = ${ruleId} and v.version = ${version}`);
  return row;
}

/** What rules were at an instant, by rule; those that were not there yet are absent. */
export async function selectVersionsAt(db: Queryable, ruleIds: readonly string[], at: Date): Promise<Map<string, KeptVersion>> {
  const rows = await db.query<KeptVersion & { rule_id: string }>(sql`
    select distinct on (v.rule_id) v.rule_id, v.version, v.at, v.by, v.what, v.fields from alarm_rule_versions v
    where v.rule_id = any(${ruleIds}::uuid[]) and v.at <= ${at} order by v.rule_id, v.version desc`);
  return new Map(rows.map(({ rule_id: id, ...row }) => [id, row]));
}
