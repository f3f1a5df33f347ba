import type { Alarm, AlarmKind, AlarmMute, AlarmState, Severity } from "@roost/contract/alarms";
import type { AlarmId, AlarmRuleId, DeviceId, IncidentId, SiteId } from "@roost/contract/ids";
import { prepared, sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";
import type { Unit } from "@roost/contract/units";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { Kept } from "./kept.ts";

export interface AlarmRow {
  id: string;
  organisation_id: string;
  source: string;
  type: string;
  device_id: string | null;
  device_name: string | null;
  device_purpose: string | null;
  device_last_seen_at: Date | null;
  site_id: string | null;
  site_name: string | null;
  rule_id: string | null;
  kind: AlarmKind;
  severity: Severity;
  worst_severity: Severity;
  state: AlarmState;
  holds: boolean;
  title: string | null;
  text: string | null;
  probable_cause: string | null;
  metric: string | null;
  unit: Unit | null;
  threshold: number | null;
  value: number | null;
  raised_at: Date;
  last_at: Date;
  turned_at: Date;
  occurrences: number;
  flapping: boolean;
  muted_by: AlarmMute | null;
  muted_by_id: string | null;
  kept_back: boolean;
  snoozed_until: Date | null;
  assigned_to: string | null;
  incident_id: string | null;
  acknowledged_at: Date | null;
  acknowledged_by: string | null;
  cleared_at: Date | null;
  root_cause: string | null;
  resolution: string | null;
}

// The unit stands in the series; a rule may be older than the metric's first value, then there is none yet.
export const alarmColumns = sql`a.*, d.name as device_name, d.purpose as device_purpose, d.last_seen_at as device_last_seen_at, d.site_id, p.name as site_name, s.unit`;
export const alarmTables = sql`alarms a left join devices d on d.id = a.device_id left join sites p on p.id = d.site_id
  left join series s on s.device_key = d.key and s.metric = a.metric`;

export function toAlarm(row: AlarmRow): Alarm {
  return {
    id: row.id as AlarmId,
    source: row.source,
    type: row.type,
    ...(row.device_id === null ? {} : { deviceId: row.device_id as DeviceId }),
    ...(row.device_name === null ? {} : { deviceName: row.device_name }),
    ...(row.device_purpose === null ? {} : { devicePurpose: row.device_purpose }),
    ...(row.kind !== "offline" || row.device_last_seen_at === null ? {} : { deviceLastSeenAt: row.device_last_seen_at }),
    ...(row.site_id === null ? {} : { siteId: row.site_id as SiteId }),
    ...(row.site_name === null ? {} : { siteName: row.site_name }),
    ...(row.rule_id === null ? {} : { ruleId: row.rule_id as AlarmRuleId }),
    kind: row.kind,
    severity: row.severity,
    worstSeverity: row.worst_severity,
    state: row.state,
    holds: row.holds,
    ...(row.title === null ? {} : { title: row.title }),
    ...(row.text === null ? {} : { text: row.text }),
    ...(row.probable_cause === null ? {} : { probableCause: row.probable_cause }),
    ...(row.metric === null ? {} : { metric: row.metric }),
    ...(row.unit === null ? {} : { unit: row.unit }),
    ...(row.threshold === null ? {} : { threshold: row.threshold }),
    ...(row.value === null ? {} : { value: row.value }),
    raisedAt: row.raised_at,
    lastAt: row.last_at,
    occurrences: row.occurrences,
    flapping: row.flapping,
    ...(row.muted_by === null ? {} : { mutedBy: row.muted_by }),
    ...(row.muted_by_id === null ? {} : { mutedById: row.muted_by_id }),
    ...(row.snoozed_until === null ? {} : { snoozedUntil: row.snoozed_until }),
    ...(row.assigned_to === null ? {} : { assignedTo: row.assigned_to }),
    ...(row.incident_id === null ? {} : { incidentId: row.incident_id as IncidentId }),
    ...(row.acknowledged_at === null ? {} : { acknowledgedAt: row.acknowledged_at }),
    ...(row.acknowledged_by === null ? {} : { acknowledgedBy: row.acknowledged_by }),
    ...(row.cleared_at === null ? {} : { clearedAt: row.cleared_at }),
    ...(row.root_cause === null ? {} : { rootCause: row.root_cause }),
    ...(row.resolution === null ? {} : { resolution: row.resolution }),
  };
}

function toKept(row: AlarmRow): Kept {
  return { alarm: toAlarm(row), organisationId: row.organisation_id, keptBack: row.kept_back, turnedAt: row.turned_at };
}

export async function findAlarm(db: Queryable, organisationId: string, alarmId: string): Promise<Alarm | undefined> {
  const [row] = await db.query<AlarmRow>(sql`
    select ${alarmColumns} from ${alarmTables} where a.id = ${alarmId} and a.organisation_id = ${organisationId} and not a.kept_back`);
  return row === undefined ? undefined : toAlarm(row);
}

/** Holds alarms against everybody else. Those that are kept back are there for nobody. */
export async function lockAlarms(tx: Transaction, organisationId: string, alarmIds: readonly string[]): Promise<Kept[]> {
  const rows = await tx.query<AlarmRow>(sql`
    select ${alarmColumns} from ${alarmTables}
    where a.id = any(${alarmIds}::uuid[]) and a.organisation_id = ${organisationId} and not a.kept_back for update of a`);
  return rows.map(toKept);
}

/** Those of them that are there for whoever asks. */
export async function selectVisible(db: Queryable, organisationId: string, alarmIds: readonly string[]): Promise<string[]> {
  const rows = await db.query<{ id: string }>(sql`
    select a.id from alarms a where a.id = any(${alarmIds}::uuid[]) and a.organisation_id = ${organisationId} and not a.kept_back`);
  return rows.map(({ id }) => id);
}

/** One at a time decides over an organisation's alarms, so that parents and children see each other in any order of events. */
export async function lockOrganisations(tx: Transaction, organisationIds: readonly string[]): Promise<void> {
  for (const id of [...organisationIds].sort()) {
    await tx.query(prepared("alarms_lock", sql`select pg_advisory_xact_lock(hashtextextended(${`alarms:${id}`}, 0))`));
  }
}

/** Signals that turned something before, also an alarm that was kept back. */
export async function selectTaken(tx: Transaction, ids: readonly string[]): Promise<Set<string>> {
  const rows = await tx.query<{ id: string }>(
    prepared("alarms_taken", sql`select e.id from alarm_entries e where e.id = any(${ids}::uuid[])`),
  );
  return new Set(rows.map(({ id }) => id));
}

/** Open alarms of these keys. */
export async function selectOpenByKey(
  tx: Transaction,
  keys: readonly { readonly organisationId: string; readonly source: string; readonly type: string }[],
): Promise<Kept[]> {
  const rows = await tx.query<AlarmRow>(
    prepared(
      "alarms_open",
      sql`
    select ${alarmColumns} from unnest(${keys.map((one) => one.organisationId)}::uuid[], ${keys.map((one) => one.source)}::text[],
      ${keys.map((one) => one.type)}::text[]) as k (organisation_id, source, type)
    join ${alarmTables} on true
    where a.organisation_id = k.organisation_id and a.source = k.source and a.type = k.type and a.state <> 'cleared'`,
    ),
  );
  return rows.map(toKept);
}

/** Open silence alarms of devices: of ancestors, whether they are down, and of descendants, what hangs behind. */
export async function selectOpenSilence(
  tx: Transaction,
  deviceIds: readonly string[],
  organisationIds: readonly string[],
): Promise<Kept[]> {
  const rows = await tx.query<AlarmRow>(sql`
    select ${alarmColumns} from ${alarmTables}
    where a.device_id = any(${deviceIds}) and a.organisation_id = any(${organisationIds}::uuid[]) and a.kind in ('offline', 'no_data')
      and a.state <> 'cleared'`);
  return rows.map(toKept);
}

/** Offline alarms of devices that ended since then, by our own clock. */
export async function selectLatelySilent(
  tx: Transaction,
  { deviceIds, organisationIds, since }: { deviceIds: readonly string[]; organisationIds: readonly string[]; since: Date },
): Promise<Kept[]> {
  const rows = await tx.query<AlarmRow>(sql`
    select ${alarmColumns} from ${alarmTables}
    where a.device_id = any(${deviceIds}) and a.organisation_id = any(${organisationIds}::uuid[]) and a.kind = 'offline'
      and a.state = 'cleared' and a.turned_at > ${since}`);
  return rows.map(toKept);
}

/** When alarms of these keys were raised since then, for each key. */
export async function selectRaises(
  tx: Transaction,
  keys: readonly { readonly organisationId: string; readonly source: string; readonly type: string }[],
  since: Date,
): Promise<{ organisationId: string; source: string; type: string; at: Date }[]> {
  const rows = await tx.query<{ organisation_id: string; source: string; type: string; at: Date }>(
    prepared(
      "alarms_raises",
      sql`
    select a.organisation_id, a.source, a.type, a.raised_at as at
    from unnest(${keys.map((one) => one.organisationId)}::uuid[], ${keys.map((one) => one.source)}::text[],
      ${keys.map((one) => one.type)}::text[]) as k (organisation_id, source, type)
    join alarms a on a.organisation_id = k.organisation_id and a.source = k.source and a.type = k.type and a.raised_at >= ${since}`,
    ),
  );
  return rows.map(({ organisation_id: organisationId, ...rest }) => ({ organisationId, ...rest }));
}

/** Open alarms that a review has to look at: those muted by what is named, or all of the organisation. */
export async function selectForReview(
  tx: Transaction,
  where: { readonly organisationId: string; readonly ids?: readonly string[] | undefined },
): Promise<Kept[]> {
  const which: Sql = where.ids === undefined ? sql`true` : sql`a.id = any(${where.ids}::uuid[])`;
  const rows = await tx.query<AlarmRow>(sql`
    select ${alarmColumns} from ${alarmTables}
    where a.organisation_id = ${where.organisationId} and (a.state <> 'cleared') = true and ${which} order by a.raised_at, a.id`);
  return rows.map(toKept);
}

/** Open alarms whose time has come: a snooze is over, what they hang on is back for long enough, they flapped and are quiet. */
export async function selectDue(
  db: Queryable,
  nowMs: number,
  { quietMs, graceMs, limit }: { quietMs: number; graceMs: number; limit: number },
): Promise<{ id: string; organisationId: string }[]> {
  const now = new Date(nowMs);
  const rows = await db.query<{ id: string; organisation_id: string }>(sql`
    select a.id, a.organisation_id from alarms a where a.snoozed_until <= ${now} and a.state <> 'cleared'
    union
    select a.id, a.organisation_id from alarms a
    where a.flapping and a.state <> 'cleared' and not a.holds and a.turned_at <= ${new Date(nowMs - quietMs)}
    union
    select a.id, a.organisation_id from alarms a
    where a.muted_by = 'parent' and a.state <> 'cleared'
      and not exists (select from alarms p where p.id = a.muted_by_id
        and (p.state <> 'cleared' or p.turned_at > ${new Date(nowMs - graceMs)}))
    limit ${limit}`);
  return rows.map((row) => ({ id: row.id, organisationId: row.organisation_id }));
}

/** Writes alarms as they are now: new ones, and what became of those that were there. */
export async function saveAlarms(tx: Transaction, added: readonly Kept[], changed: readonly Kept[]): Promise<void> {
  // What ended first: the next of its key may be among the new ones.
  if (changed.length > 0) {
    await tx.query(
      prepared(
        "alarms_change",
        sql`
      update alarms a set severity = n.severity, worst_severity = n.worst_severity, state = n.state, holds = n.holds, text = n.text,
        last_at = n.last_at, turned_at = n.turned_at, occurrences = n.occurrences, flapping = n.flapping, muted_by = n.muted_by,
        muted_by_id = n.muted_by_id, kept_back = n.kept_back, snoozed_until = n.snoozed_until, assigned_to = n.assigned_to,
        incident_id = n.incident_id, acknowledged_at = n.acknowledged_at, acknowledged_by = n.acknowledged_by, cleared_at = n.cleared_at,
        root_cause = n.root_cause, resolution = n.resolution
      from jsonb_populate_recordset(null::alarms, ${JSON.stringify(changed.map(toRow))}::jsonb) n where a.id = n.id`,
      ),
    );
  }
  if (added.length > 0) {
    await tx.query(
      prepared(
        "alarms_add",
        sql`
      insert into alarms (id, organisation_id, source, type, device_id, rule_id, kind, severity, worst_severity, state, holds, title, text,
        probable_cause, metric, threshold, value, raised_at, last_at, turned_at, occurrences, flapping, muted_by, muted_by_id, kept_back,
        incident_id, cleared_at)
      select n.id, n.organisation_id, n.source, n.type, n.device_id, n.rule_id, n.kind, n.severity, n.worst_severity, n.state, n.holds, n.title,
        n.text, n.probable_cause, n.metric, n.threshold, n.value, n.raised_at, n.last_at, n.turned_at, n.occurrences, n.flapping, n.muted_by,
        n.muted_by_id, n.kept_back, n.incident_id, n.cleared_at
      from jsonb_populate_recordset(null::alarms, ${JSON.stringify(added.map(toRow))}::jsonb) n`,
      ),
    );
  }
}

/** Forgets alarms that were kept back to their end and ended before then: they never were. */
export async function purgeKeptBack(db: Queryable, before: Date): Promise<void> {
  await db.query(sql`delete from alarms a where a.kept_back and a.state = 'cleared' and a.turned_at < ${before}`);
}

function toRow({ alarm, organisationId, keptBack, turnedAt }: Kept): object {
  return {
    id: alarm.id,
    organisation_id: organisationId,
    source: alarm.source,
    type: alarm.type,
    device_id: alarm.deviceId,
    rule_id: alarm.ruleId,
    kind: alarm.kind,
    severity: alarm.severity,
    worst_severity: alarm.worstSeverity,
    state: alarm.state,
    holds: alarm.holds,
    title: alarm.title,
    text: alarm.text,
    probable_cause: alarm.probableCause,
    metric: alarm.metric,
    threshold: alarm.threshold,
    value: alarm.value,
    raised_at: alarm.raisedAt,
    last_at: alarm.lastAt,
    turned_at: turnedAt,
    occurrences: alarm.occurrences,
    flapping: alarm.flapping,
    muted_by: alarm.mutedBy,
    muted_by_id: alarm.mutedById,
    kept_back: keptBack,
    snoozed_until: alarm.snoozedUntil,
    assigned_to: alarm.assignedTo,
    incident_id: alarm.incidentId,
    acknowledged_at: alarm.acknowledgedAt,
    acknowledged_by: alarm.acknowledgedBy,
    cleared_at: alarm.clearedAt,
    root_cause: alarm.rootCause,
    resolution: alarm.resolution,
  };
}

/** Open alarms of a rule, or of all rules, whose cause says so now. */
export async function selectHolding(db: Queryable, ruleId?: string): Promise<{ ruleId: string; source: string; kind: AlarmKind }[]> {
  const which: Sql = ruleId === undefined ? sql`a.rule_id is not null` : sql`a.rule_id = ${ruleId}`;
  const rows = await db.query<{ rule_id: string; source: string; kind: AlarmKind }>(sql`
    select a.rule_id, a.source, a.kind from alarms a where a.state <> 'cleared' and a.holds and ${which}`);
  return rows.map(({ rule_id: id, ...rest }) => ({ ruleId: id, ...rest }));
}

/** Keys of the open alarms of a rule, for whoever ends them. */
export async function selectOpenOfRule(tx: Transaction, ruleId: string): Promise<Kept[]> {
  const rows = await tx.query<AlarmRow>(
    sql`select ${alarmColumns} from ${alarmTables} where a.rule_id = ${ruleId} and a.state <> 'cleared'`,
  );
  return rows.map(toKept);
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
    where e.id >= ${newId(since.getTime() - 600_000)} and e.at >= ${since} and e.what = 'raised' and not a.kept_back and a.severity = any(${severities}::text[])
      and (${organisationId ?? null}::uuid is null or a.organisation_id = ${organisationId ?? null}::uuid)
      and (${deviceIds ?? null}::text[] is null or a.device_id = any(${deviceIds ?? null}::text[]))
      and (${groupId ?? null}::uuid is null
        or exists (select from device_group_members m where m.device_id = a.device_id and m.group_id = ${groupId ?? null}::uuid))`);
  return row?.n ?? 0;
}

/** How many alarms are open, per device; devices without one are absent. */
export async function countOpenByDevice(db: Queryable, deviceIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await db.query<{ device_id: string; n: number }>(sql`
    select a.device_id, count(*)::int as n from alarms a where a.device_id = any(${deviceIds}) and a.state <> 'cleared' and not a.kept_back group by a.device_id`);
  return new Map(rows.map((row) => [row.device_id, row.n]));
}

export async function countOpen(db: Queryable, organisationId: string): Promise<number> {
  const [row] = await db.query<{ n: number }>(sql`
    select count(*)::int as n from alarms a where a.organisation_id = ${organisationId} and (a.state <> 'cleared') = true and not a.kept_back`);
  return row?.n ?? 0;
}
