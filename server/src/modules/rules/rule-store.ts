import type { DeviceGroupId, DeviceId, SiteId, AlarmRuleId } from "@roost/contract/ids";
import type { RuleScope } from "@roost/contract/rule-conditions";
import type { AlarmRule, RuleFields } from "@roost/contract/rules";
import { prepared, sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import type { LiveRule } from "./rule.ts";

interface RuleRow {
  id: string;
  organisation_id: string;
  name: string | null;
  device_id: string | null;
  site_id: string | null;
  group_id: string | null;
  device_kind: string | null;
  everything: boolean;
  condition: RuleFields["condition"];
  severity: RuleFields["severity"];
  enabled: boolean;
  title: string | null;
  text: string | null;
  probable_cause: string | null;
  overrides: RuleFields["overrides"];
  version: number;
  changed_at: Date;
  changed_by: string;
  kept_by: string | null;
}

const ruleColumns = sql`r.id, r.organisation_id, r.name, r.device_id, r.site_id, r.group_id, r.device_kind, r.everything, r.condition, r.severity,
  r.enabled, r.title, r.text, r.probable_cause, r.overrides, r.version, r.changed_at, r.changed_by, r.kept_by`;

function scopeOf(row: RuleRow): RuleScope {
  if (row.device_id !== null) return { deviceId: row.device_id as DeviceId };
  if (row.site_id !== null) return { siteId: row.site_id as SiteId };
  if (row.group_id !== null) return { groupId: row.group_id as DeviceGroupId };
  if (row.device_kind !== null) return { kind: row.device_kind };
  return { everything: true };
}

function fieldsOf(row: RuleRow): RuleFields {
  return {
    ...(row.name === null ? {} : { name: row.name }),
    scope: scopeOf(row),
    condition: row.condition,
    severity: row.severity,
    enabled: row.enabled,
    ...(row.title === null ? {} : { title: row.title }),
    ...(row.text === null ? {} : { text: row.text }),
    ...(row.probable_cause === null ? {} : { probableCause: row.probable_cause }),
    overrides: row.overrides,
  };
}

function ruleOf(row: RuleRow): AlarmRule {
  return {
    id: row.id as AlarmRuleId,
    ...fieldsOf(row),
    version: row.version,
    changedAt: row.changed_at,
    changedBy: row.changed_by,
    ...(row.kept_by === null ? {} : { keptBy: row.kept_by }),
  };
}

function liveOf(row: RuleRow): LiveRule {
  return { id: row.id, organisationId: row.organisation_id, version: row.version, changedAt: row.changed_at, fields: fieldsOf(row) };
}

/** Sites and groups that are somebody's own; absent: all. */
export interface OwnPlaces {
  readonly siteIds: readonly string[];
  readonly groupIds: readonly string[];
}

function isSeen(own: OwnPlaces | undefined): Sql {
  if (own === undefined) return sql`true`;
  return sql`(r.site_id is null or r.site_id = any(${own.siteIds}::uuid[])) and (r.group_id is null or r.group_id = any(${own.groupIds}::uuid[]))`;
}

/** The organisation's rules by id, behind `after`; of a device, those that are about it. */
export async function selectRules(
  db: Queryable,
  where: {
    organisationId: string;
    deviceId?: string | undefined;
    own: OwnPlaces | undefined;
    after?: string | undefined;
    limit: number;
  },
): Promise<AlarmRule[]> {
  const device: Sql =
    where.deviceId === undefined
      ? sql`${isSeen(where.own)}`
      : sql`exists (select from devices d where d.id = ${where.deviceId} and d.organisation_id = r.organisation_id and (r.everything
          or r.device_id = d.id or r.site_id = d.site_id or r.device_kind = d.kind
          or exists (select from device_group_members m where m.device_id = d.id and m.group_id = r.group_id)))`;
  const rows = await db.query<RuleRow>(sql`
    select ${ruleColumns} from alarm_rules r
    where r.organisation_id = ${where.organisationId} and ${device} and (${where.after ?? null}::uuid is null or r.id > ${where.after ?? null}::uuid)
    order by r.id limit ${where.limit}`);
  return rows.map(ruleOf);
}

export async function findRule(
  db: Queryable,
  where: { organisationId: string; ruleId: string; own: OwnPlaces | undefined },
): Promise<AlarmRule | undefined> {
  const [row] = await db.query<RuleRow>(sql`
    select ${ruleColumns} from alarm_rules r
    where r.id = ${where.ruleId} and r.organisation_id = ${where.organisationId} and ${isSeen(where.own)}`);
  return row === undefined ? undefined : ruleOf(row);
}

/** Every rule of the installation, switched off ones too, behind `afterId`, by id. */
export async function selectLiveRules(db: Queryable, afterId: string, limit: number): Promise<LiveRule[]> {
  const rows = await db.query<RuleRow>(sql`
    select ${ruleColumns} from alarm_rules r where r.id > ${afterId}::uuid and roost_is_open(r.organisation_id) order by r.id limit ${limit}`);
  return rows.map(liveOf);
}

/** Those of an organisation, whether it is at work or not. */
export async function selectRuleIds(db: Queryable, organisationId: string): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    sql`select r.id from alarm_rules r where r.organisation_id = ${organisationId} order by r.id`,
  );
  return rows.map(({ id }) => id);
}

export async function findLiveRule(db: Queryable, ruleId: string): Promise<LiveRule | undefined> {
  const [row] = await db.query<RuleRow>(sql`select ${ruleColumns} from alarm_rules r where r.id = ${ruleId}`);
  return row === undefined ? undefined : liveOf(row);
}

/**
 * Holds a rule against everyone else, also against transitions of it that are being written: those lock it for share.
 */
export async function lockRule(
  tx: Transaction,
  where: { organisationId: string; ruleId: string; own: OwnPlaces | undefined },
): Promise<AlarmRule | undefined> {
  const [row] = await tx.query<RuleRow>(sql`
    select ${ruleColumns} from alarm_rules r
    where r.id = ${where.ruleId} and r.organisation_id = ${where.organisationId} and ${isSeen(where.own)} for update`);
  return row === undefined ? undefined : ruleOf(row);
}

/** Says whether the device is one that people of the organisation see; holds it while a rule is added. */
export async function lockDevice(tx: Transaction, organisationId: string, deviceId: string): Promise<boolean> {
  const rows = await tx.query(sql`
    select 1 from devices d
    where d.id = ${deviceId} and d.organisation_id = ${organisationId} and not d.hidden for no key update`);
  return rows.length > 0;
}

/** Which of these sites and groups the organisation has. */
export async function selectPlaces(tx: Queryable, organisationId: string, { siteIds, groupIds }: OwnPlaces): Promise<Set<string>> {
  const rows = await tx.query<{ id: string }>(sql`
    select s.id from sites s where s.organisation_id = ${organisationId} and s.id = any(${siteIds}::uuid[])
    union all select g.id from device_groups g where g.organisation_id = ${organisationId} and g.id = any(${groupIds}::uuid[])`);
  return new Set(rows.map(({ id }) => id));
}

/** How many rules there are: of an organisation, and of them those about this device and metric alone. */
export async function countRules(
  tx: Transaction,
  where: { organisationId: string; deviceId: string | undefined; metric: string | undefined },
): Promise<{ all: number; here: number }> {
  const [row] = await tx.query<{ all: number; here: number }>(sql`
    select count(*)::int as all, count(*) filter (where r.device_id = ${where.deviceId ?? null} and r.condition ->> 'metric' = ${where.metric ?? null})::int as here
    from alarm_rules r where r.organisation_id = ${where.organisationId}`);
  return row ?? { all: 0, here: 0 };
}

/** The units of a metric in which devices of a rule measure it. */
export async function selectUnits(tx: Queryable, deviceId: string, metric: string): Promise<string[]> {
  const rows = await tx.query<{ unit: string }>(sql`
    select s.unit from series s join devices d on d.key = s.device_key where d.id = ${deviceId} and s.metric = ${metric}`);
  return rows.map(({ unit }) => unit);
}

/** What composites of the organisation are made of; and which of these ids are its rules. */
export async function selectMembers(
  tx: Queryable,
  organisationId: string,
  ids: readonly string[],
): Promise<{ known: Set<string>; members: Map<string, string[]> }> {
  const rows = await tx.query<{ id: string; members: string[] | null }>(sql`
    select r.id, coalesce(r.condition -> 'all', r.condition -> 'any') as members from alarm_rules r
    where r.organisation_id = ${organisationId} and (r.id = any(${ids}::uuid[]) or r.condition ->> 'kind' = 'composite')`);
  return {
    known: new Set(rows.map(({ id }) => id)),
    members: new Map(rows.flatMap(({ id, members }) => (members === null ? [] : [[id, members]]))),
  };
}

/** The kit that keeps a rule, and its own word for it. */
export interface Kept {
  readonly by: string;
  readonly key: string;
}

/** The rules that a kit keeps whose key begins so, by key. */
export async function selectKept(db: Queryable, organisationId: string, by: string, prefix: string): Promise<Map<string, AlarmRule>> {
  const rows = await db.query<RuleRow & { kept_key: string }>(sql`
    select ${ruleColumns}, r.kept_key from alarm_rules r
    where r.organisation_id = ${organisationId} and r.kept_by = ${by} and starts_with(r.kept_key, ${prefix})`);
  return new Map(rows.map((row) => [row.kept_key, ruleOf(row)]));
}

export async function insertRule(
  tx: Transaction,
  organisationId: string,
  id: string,
  fields: RuleFields,
  { by, kept }: { by: string; kept?: Kept | undefined },
): Promise<AlarmRule> {
  const [row] = await tx.query<RuleRow>(sql`
    insert into alarm_rules as r (id, organisation_id, name, device_id, site_id, group_id, device_kind, everything, condition, severity, enabled, title,
      text, probable_cause, overrides, changed_by, changed_at, kept_by, kept_key)
    values (${id}, ${organisationId}, ${fields.name ?? null}, ${fields.scope.deviceId ?? null}, ${fields.scope.siteId ?? null},
      ${fields.scope.groupId ?? null}, ${fields.scope.kind ?? null}, ${fields.scope.everything === true}, ${JSON.stringify(fields.condition)},
      ${fields.severity}, ${fields.enabled}, ${fields.title ?? null}, ${fields.text ?? null}, ${fields.probableCause ?? null},
      ${JSON.stringify(fields.overrides)}, ${by}, clock_timestamp(), ${kept?.by ?? null}, ${kept?.key ?? null})
    returning ${ruleColumns}`);
  if (row === undefined) throw new TypeError("An insert answers its row.");
  return ruleOf(row);
}

export async function updateRule(tx: Transaction, id: string, fields: RuleFields, by: string): Promise<AlarmRule> {
  const [row] = await tx.query<RuleRow>(sql`
    update alarm_rules r set name = ${fields.name ?? null}, device_id = ${fields.scope.deviceId ?? null}, site_id = ${fields.scope.siteId ?? null},
      group_id = ${fields.scope.groupId ?? null}, device_kind = ${fields.scope.kind ?? null}, everything = ${fields.scope.everything === true},
      condition = ${JSON.stringify(fields.condition)}, severity = ${fields.severity}, enabled = ${fields.enabled}, title = ${fields.title ?? null},
      text = ${fields.text ?? null}, probable_cause = ${fields.probableCause ?? null}, overrides = ${JSON.stringify(fields.overrides)},
      version = r.version + 1, changed_at = clock_timestamp(), changed_by = ${by}
    where r.id = ${id} returning ${ruleColumns}`);
  if (row === undefined) throw new TypeError("An update of a locked row answers it.");
  return ruleOf(row);
}

export async function deleteRule(tx: Transaction, ruleId: string): Promise<void> {
  await tx.query(sql`delete from alarm_rules where id = ${ruleId}`);
}

/** Of these rules those that are in force, held for share: whoever removes one waits, and is waited for. */
export async function holdRules(tx: Transaction, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await tx.query<{ id: string }>(
    prepared(
      "rules_hold",
      sql`
    select r.id from alarm_rules r where r.id = any(${ids}::uuid[]) and r.enabled order by r.id for key share`,
    ),
  );
  return new Set(rows.map(({ id }) => id));
}

/** What devices and their sites are called, for the words of alarms. */
export async function selectNames(tx: Queryable, deviceIds: readonly string[]): Promise<Map<string, { device: string; site: string }>> {
  const rows = await tx.query<{ id: string; device: string; site: string | null }>(sql`
    select d.id, d.name as device, s.name as site from devices d left join sites s on s.id = d.site_id where d.id = any(${deviceIds}::text[])`);
  return new Map(rows.map(({ id, device, site }) => [id, { device, site: site ?? "" }]));
}

/** What is said of devices that are offline. */
export async function selectOfflineRules(tx: Queryable, organisationId: string): Promise<LiveRule[]> {
  const rows = await tx.query<RuleRow>(sql`
    select ${ruleColumns} from alarm_rules r where r.organisation_id = ${organisationId} and r.condition ->> 'kind' = 'offline' and r.enabled`);
  return rows.map(liveOf);
}

/** Composites that a rule is part of. */
export async function selectComposites(db: Queryable, memberId: string): Promise<LiveRule[]> {
  const rows = await db.query<RuleRow>(sql`
    select ${ruleColumns} from alarm_rules r join alarm_rules m on m.id = ${memberId} and m.organisation_id = r.organisation_id
    where r.condition ->> 'kind' = 'composite' and coalesce(r.condition -> 'all', r.condition -> 'any') ? ${memberId}`);
  return rows.map(liveOf);
}
