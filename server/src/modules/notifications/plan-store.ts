import type { AlarmKind, Severity } from "@roost/contract/alarms";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { stormWindowMs } from "./plan.ts";
import type { Heard, PlannedAlarm, Telling, Why } from "./plan.ts";

/** An alarm as the planner keeps it. */
export interface KeptAlarm extends PlannedAlarm {
  readonly organisationId: string;
  readonly deviceId: string | undefined;
  /** Source and type. */
  readonly key: string;
  readonly isMuted: boolean;
  /** The data of the last fact. */
  readonly fact: Readonly<Record<string, unknown>>;
  readonly raisedAt: Date;
  readonly seenAt: Date;
}

interface AlarmRow {
  alarm_id: string;
  organisation_id: string;
  device_id: string | null;
  same_as: string;
  told_with: string;
  severity: Severity;
  kind: AlarmKind;
  has_parent: boolean;
  is_late: boolean;
  is_over: boolean;
  is_acknowledged: boolean;
  is_muted: boolean;
  fact: Record<string, unknown>;
  handled: string[];
  raised_at: Date;
  seen_at: Date;
}

const toAlarm = (row: AlarmRow): KeptAlarm => ({
  id: row.alarm_id,
  organisationId: row.organisation_id,
  deviceId: row.device_id ?? undefined,
  key: row.same_as,
  groupKey: row.told_with,
  severity: row.severity,
  kind: row.kind,
  hasParent: row.has_parent,
  isLate: row.is_late,
  isOver: row.is_over,
  isAcknowledged: row.is_acknowledged,
  isMuted: row.is_muted,
  fact: row.fact,
  raisedAt: row.raised_at,
  seenAt: row.seen_at,
});

/** One at a time plans for an organisation: what is held and what is told are looked at together. */
export async function lockPlanning(tx: Transaction, organisationId: string): Promise<void> {
  await tx.query(sql`select pg_advisory_xact_lock(hashtextextended(${`plan:${organisationId}`}, 0))`);
}

export async function findPlanned(tx: Queryable, alarmId: string): Promise<(KeptAlarm & { handled: readonly string[] }) | undefined> {
  const [row] = await tx.query<AlarmRow>(sql`select p.* from planned_alarms p where p.alarm_id = ${alarmId}`);
  return row === undefined ? undefined : { ...toAlarm(row), handled: row.handled };
}

/** Keeps an alarm with the fact that told of it. @returns Whether it is there: an alarm that was removed meanwhile is nobody's concern. */
export async function savePlanned(tx: Transaction, alarm: KeptAlarm, factId: string): Promise<boolean> {
  const { id, organisationId, deviceId, key, groupKey, severity, kind, hasParent, isLate, isOver, isAcknowledged, isMuted, fact } = alarm;
  // A handful of facts are an alarm's life; one that flaps for weeks has many, of which the last can come again.
  const rows = await tx.query(sql`
    insert into planned_alarms (alarm_id, organisation_id, device_id, same_as, told_with, severity, kind, has_parent, is_late, is_over,
      is_acknowledged, is_muted, fact, handled, raised_at, seen_at)
    select a.id, ${organisationId}::uuid, a.device_id, ${key}, ${groupKey}, ${severity}, ${kind}, ${hasParent}, ${isLate}, ${isOver},
      ${isAcknowledged}, ${isMuted}, ${JSON.stringify(fact)}::jsonb, array[${factId}::uuid], ${alarm.raisedAt}::timestamptz, ${alarm.seenAt}::timestamptz
    from alarms a where a.id = ${id}::uuid and a.device_id is not distinct from ${deviceId ?? null}::text
    on conflict (alarm_id) do update set severity = excluded.severity, is_over = excluded.is_over, is_acknowledged = excluded.is_acknowledged,
      is_muted = excluded.is_muted, fact = excluded.fact,
      handled = (planned_alarms.handled || excluded.handled)[greatest(1, cardinality(planned_alarms.handled) - 400):]
    returning alarm_id`);
  return rows.length > 0;
}

interface TellingRow {
  alarm_id: string;
  target_id: string;
  state: Telling["state"];
  why: Why | null;
  due_at: Date | null;
  severity: Severity;
  last_at: Date | null;
  message_id: string | null;
  in_summary: boolean;
  is_unheard: boolean;
  remind_ms: number | null;
}

const toTelling = (row: TellingRow): Telling => ({
  alarmId: row.alarm_id,
  targetId: row.target_id,
  state: row.state,
  why: row.why ?? undefined,
  dueMs: row.due_at?.getTime(),
  severity: row.severity,
  lastMs: row.last_at?.getTime(),
  messageId: row.message_id ?? undefined,
  inSummary: row.in_summary,
  isUnheard: row.is_unheard,
  remindMs: row.remind_ms ?? undefined,
});

/** Tellings of one alarm. */
export async function selectTellings(tx: Queryable, alarmId: string): Promise<Telling[]> {
  return (await tx.query<TellingRow>(sql`select t.* from tellings t where t.alarm_id = ${alarmId}`)).map(toTelling);
}

/** Tellings about the same thing that wait, and all of this alarm. */
export async function selectSame(tx: Queryable, alarm: KeptAlarm): Promise<Telling[]> {
  const rows = await tx.query<TellingRow>(sql`
    select t.* from tellings t join planned_alarms p on p.alarm_id = t.alarm_id
    where p.organisation_id = ${alarm.organisationId} and p.same_as = ${alarm.key}
      and (t.alarm_id = ${alarm.id} or (p.is_over and t.state in ('held', 'ending')))`);
  return rows.map(toTelling);
}

/** Tellings that a message told of. */
export async function selectToldBy(tx: Queryable, messageId: string): Promise<Telling[]> {
  return (await tx.query<TellingRow>(sql`select t.* from tellings t where t.message_id = ${messageId}`)).map(toTelling);
}

/** Targets for which a moment has come, with whose they are. */
export async function selectDueTargets(db: Queryable, now: Date, limit: number): Promise<{ targetId: string; organisationId: string }[]> {
  const rows = await db.query<{ target_id: string; organisation_id: string }>(sql`
    select t.target_id, t.organisation_id from tellings t where t.due_at <= ${now}
    group by t.target_id, t.organisation_id order by min(t.due_at) limit ${limit}`);
  return rows.map((row) => ({ targetId: row.target_id, organisationId: row.organisation_id }));
}

// Of a storm beyond all measure the rest is told with the next summary.
const mostAtOnce = 20_000;

/** What of a target {@link import("./plan-due.ts").onDue} looks at, with the alarms. */
export async function selectWaiting(
  tx: Queryable,
  targetId: string,
  now: Date,
): Promise<{ tellings: Telling[]; alarms: ReadonlyMap<string, KeptAlarm> }> {
  const rows = await tx.query<TellingRow>(sql`
    select t.* from tellings t where t.target_id = ${targetId}
      and (t.state in ('held', 'ending') or (t.state = 'told' and t.due_at <= ${now}))
    order by t.due_at limit ${mostAtOnce}`);
  return { tellings: rows.map(toTelling), alarms: await selectPlanned(tx, [...new Set(rows.map((row) => row.alarm_id))]) };
}

export async function selectPlanned(tx: Queryable, ids: readonly string[]): Promise<ReadonlyMap<string, KeptAlarm>> {
  if (ids.length === 0) return new Map();
  const rows = await tx.query<AlarmRow>(sql`select p.* from planned_alarms p where p.alarm_id = any(${[...ids]}::uuid[])`);
  return new Map(rows.map((row) => [row.alarm_id, toAlarm(row)]));
}

/** Writes what a step made of tellings, all in one statement. */
export async function saveTellings(tx: Transaction, organisationId: string, tellings: readonly Telling[]): Promise<void> {
  if (tellings.length === 0) return;
  const at = (ms: number | undefined) => (ms === undefined ? null : new Date(ms));
  const rows = tellings.map((one) => ({
    alarm_id: one.alarmId,
    target_id: one.targetId,
    state: one.state,
    why: one.why ?? null,
    due_at: at(one.dueMs),
    severity: one.severity,
    last_at: at(one.lastMs),
    message_id: one.messageId ?? null,
    in_summary: one.inSummary,
    is_unheard: one.isUnheard,
    remind_ms: one.remindMs ?? null,
  }));
  await tx.query(sql`
    insert into tellings (alarm_id, target_id, organisation_id, told_with, state, why, due_at, severity, last_at, message_id, in_summary, is_unheard,
      remind_ms)
    select r.alarm_id, r.target_id, ${organisationId}::uuid, p.told_with, r.state, r.why, r.due_at, r.severity, r.last_at, r.message_id, r.in_summary,
      r.is_unheard, r.remind_ms
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (alarm_id uuid, target_id uuid, state text, why text, due_at timestamptz, severity text,
      last_at timestamptz, message_id uuid, in_summary boolean, is_unheard boolean, remind_ms bigint)
    join planned_alarms p on p.alarm_id = r.alarm_id join notification_targets t on t.id = r.target_id
    on conflict (alarm_id, target_id) do update set state = excluded.state, why = excluded.why, due_at = excluded.due_at,
      severity = excluded.severity, last_at = excluded.last_at, message_id = excluded.message_id, in_summary = excluded.in_summary,
      is_unheard = excluded.is_unheard, remind_ms = excluded.remind_ms`);
}

/** What targets heard lately: of a group, and altogether. */
export async function selectHeard(
  tx: Queryable,
  pairs: readonly { readonly targetId: string; readonly groupKey: string }[],
  { nowMs, debounceMs }: { nowMs: number; debounceMs: number },
): Promise<(targetId: string, groupKey: string) => Heard> {
  if (pairs.length === 0) return () => ({ messages: 0 });
  // Once for each target: after a storm there are thousands of rows to count.
  const counts = await tx.query<{ target_id: string; messages: number }>(sql`
    select w.target_id, (select count(distinct t.message_id)::int from tellings t where t.target_id = w.target_id
      and t.last_at > ${new Date(nowMs - stormWindowMs)}) as messages
    from unnest(${[...new Set(pairs.map((one) => one.targetId))]}::uuid[]) as w (target_id)`);
  const messages = new Map(counts.map((row) => [row.target_id, row.messages]));
  const groups = await tx.query<{ target_id: string; told_with: string; last_at: Date; severities: Severity[] | null }>(sql`
    select t.target_id, t.told_with, max(t.last_at) as last_at,
      array_agg(distinct t.severity) filter (where t.last_at > ${new Date(nowMs - debounceMs)}) as severities
    from unnest(${pairs.map((one) => one.targetId)}::uuid[], ${pairs.map((one) => one.groupKey)}::text[]) as w (target_id, told_with)
      join tellings t on t.target_id = w.target_id and t.told_with = w.told_with and t.last_at is not null
    group by t.target_id, t.told_with`);
  const found = new Map(groups.map((row) => [`${row.target_id} ${row.told_with}`, row]));
  return (targetId, groupKey) => {
    const row = found.get(`${targetId} ${groupKey}`);
    const worst = [...(row?.severities ?? [])].sort(bySeverity).at(-1);
    return {
      messages: messages.get(targetId) ?? 0,
      ...(row === undefined ? {} : { lastMs: row.last_at.getTime() }),
      ...(worst === undefined ? {} : { worst }),
    };
  };
}

const order: readonly Severity[] = ["info", "warning", "minor", "major", "critical"];
const bySeverity = (one: Severity, other: Severity) => order.indexOf(one) - order.indexOf(other);

/** Alarms of a stretch of time, for a daily digest. */
export async function selectSeen(tx: Queryable, organisationId: string, from: Date, to: Date): Promise<KeptAlarm[]> {
  const rows = await tx.query<AlarmRow>(sql`
    select p.* from planned_alarms p where p.organisation_id = ${organisationId} and p.seen_at > ${from} and p.seen_at <= ${to}
    order by p.seen_at limit 10000`);
  return rows.map(toAlarm);
}

/** Forgets what has been over for long: the alarms and deliveries themselves stay. */
export async function forgetPlanned(db: Queryable, before: Date): Promise<void> {
  await db.query(sql`
    delete from planned_alarms p where p.alarm_id in (select o.alarm_id from planned_alarms o where o.is_over and o.seen_at < ${before} limit 2000)`);
}
