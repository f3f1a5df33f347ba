import type { AlarmKind, Severity } from "@roost/contract/alarms";
import { prepared, sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { HeardBook } from "./plan-heard.ts";
import { stormWindowMs } from "./plan.ts";
import type { PlannedAlarm, Telling, Why } from "./plan.ts";

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
  await tx.query(prepared("plan_lock", sql`select pg_advisory_xact_lock(hashtextextended(${`plan:${organisationId}`}, 0))`));
}

/** An alarm with the facts of it that were handled, the last ones last. */
export interface PlannedRow {
  readonly alarm: KeptAlarm;
  readonly handled: readonly string[];
}

/** A handful of facts are an alarm's life; of one that flaps for weeks the last can come again, and no more than come at once. */
export const mostHandled = 1_500;
// Beyond that a statement takes long, and is more than a statement may take when the machine is busy.
const mostRows = 1_000;

function* partsOf<Row>(rows: readonly Row[]): Generator<readonly Row[]> {
  for (let from = 0; from < rows.length; from += mostRows) yield rows.slice(from, from + mostRows);
}

/** Which of some alarms are there, by the device they are about, and what is planned of them. */
export async function selectWithAlarms(
  tx: Queryable,
  ids: readonly string[],
): Promise<{ there: ReadonlyMap<string, string | undefined>; planned: PlannedRow[] }> {
  const rows = await tx.query<{ id: string; about: string | null } & (AlarmRow | { alarm_id: null })>(
    prepared(
      "plan_alarms",
      sql`
    select a.id, a.device_id as about, p.* from alarms a left join planned_alarms p on p.alarm_id = a.id where a.id = any(${[...ids]}::uuid[])`,
    ),
  );
  return {
    there: new Map(rows.map((row) => [row.id, row.about ?? undefined])),
    planned: rows.flatMap((row) => (row.alarm_id === null ? [] : [{ alarm: toAlarm(row), handled: row.handled }])),
  };
}

/** Keeps alarms with the facts that told of them; those that were removed meanwhile are nobody's concern. */
export async function savePlanned(tx: Transaction, organisationId: string, planned: readonly PlannedRow[]): Promise<void> {
  const rows = planned.map(({ alarm, handled }) => ({
    alarm_id: alarm.id,
    device_id: alarm.deviceId ?? null,
    same_as: alarm.key,
    told_with: alarm.groupKey,
    severity: alarm.severity,
    kind: alarm.kind,
    has_parent: alarm.hasParent,
    is_late: alarm.isLate,
    is_over: alarm.isOver,
    is_acknowledged: alarm.isAcknowledged,
    is_muted: alarm.isMuted,
    fact: alarm.fact,
    handled,
    raised_at: alarm.raisedAt,
    seen_at: alarm.seenAt,
  }));
  for (const part of partsOf(rows)) {
    await tx.query(
      prepared(
        "plan_alarms_save",
        sql`
      insert into planned_alarms (alarm_id, organisation_id, device_id, same_as, told_with, severity, kind, has_parent, is_late, is_over,
        is_acknowledged, is_muted, fact, handled, raised_at, seen_at)
      select a.id, ${organisationId}::uuid, a.device_id, r.same_as, r.told_with, r.severity, r.kind, r.has_parent, r.is_late, r.is_over,
        r.is_acknowledged, r.is_muted, r.fact, r.handled, r.raised_at, r.seen_at
      from jsonb_to_recordset(${JSON.stringify(part)}::jsonb) as r (alarm_id uuid, device_id text, same_as text, told_with text, severity text, kind text,
        has_parent boolean, is_late boolean, is_over boolean, is_acknowledged boolean, is_muted boolean, fact jsonb, handled uuid[],
        raised_at timestamptz, seen_at timestamptz)
      join alarms a on a.id = r.alarm_id and a.device_id is not distinct from r.device_id
      on conflict (alarm_id) do update set severity = excluded.severity, is_over = excluded.is_over, is_acknowledged = excluded.is_acknowledged,
        is_muted = excluded.is_muted, fact = excluded.fact, handled = excluded.handled`,
      ),
    );
  }
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

/** Tellings of some alarms. */
export async function selectTellingsOf(tx: Queryable, alarmIds: readonly string[]): Promise<Telling[]> {
  if (alarmIds.length === 0) return [];
  return (
    await tx.query<TellingRow>(prepared("plan_tellings", sql`select t.* from tellings t where t.alarm_id = any(${[...alarmIds]}::uuid[])`))
  ).map(toTelling);
}

/** What waits of alarms about the same things that are over, with these. */
export async function selectWaitingSame(
  tx: Queryable,
  organisationId: string,
  keys: readonly string[],
): Promise<{ planned: PlannedRow[]; tellings: Telling[] }> {
  if (keys.length === 0) return { planned: [], tellings: [] };
  const planned = await tx.query<AlarmRow>(sql`
    select p.* from planned_alarms p
    where p.organisation_id = ${organisationId} and p.same_as = any(${[...new Set(keys)]}::text[]) and p.is_over
      and exists (select 1 from tellings t where t.alarm_id = p.alarm_id and t.state in ('held', 'ending'))`);
  return {
    planned: planned.map((row) => ({ alarm: toAlarm(row), handled: row.handled })),
    tellings: await selectTellingsOf(
      tx,
      planned.map((row) => row.alarm_id),
    ),
  };
}

/** Tellings that a message told of. */
export async function selectToldBy(tx: Queryable, messageId: string): Promise<Telling[]> {
  return (await tx.query<TellingRow>(sql`select t.* from tellings t where t.message_id = ${messageId}`)).map(toTelling);
}

/** Targets for which a moment has come, with whose they are. */
export async function selectDueTargets(db: Queryable, now: Date, limit: number): Promise<{ targetId: string; organisationId: string }[]> {
  const rows = await db.query<{ target_id: string; organisation_id: string }>(sql`
    select t.target_id, t.organisation_id from tellings t where t.due_at <= ${now} and roost_is_open(t.organisation_id)
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
    order by t.due_at, t.alarm_id limit ${mostAtOnce}`);
  return { tellings: rows.map(toTelling), alarms: await selectPlanned(tx, [...new Set(rows.map((row) => row.alarm_id))]) };
}

export async function selectPlanned(tx: Queryable, ids: readonly string[]): Promise<ReadonlyMap<string, KeptAlarm>> {
  if (ids.length === 0) return new Map();
  const rows = await tx.query<AlarmRow>(sql`select p.* from planned_alarms p where p.alarm_id = any(${[...ids]}::uuid[])`);
  return new Map(rows.map((row) => [row.alarm_id, toAlarm(row)]));
}

/** Writes what steps made of tellings. */
export async function saveTellings(tx: Transaction, organisationId: string, tellings: readonly Telling[]): Promise<void> {
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
  for (const part of partsOf(rows)) {
    await tx.query(
      prepared(
        "plan_tellings_save",
        sql`
      insert into tellings (alarm_id, target_id, organisation_id, told_with, state, why, due_at, severity, last_at, message_id, in_summary, is_unheard,
        remind_ms)
      select r.alarm_id, r.target_id, ${organisationId}::uuid, p.told_with, r.state, r.why, r.due_at, r.severity, r.last_at, r.message_id, r.in_summary,
        r.is_unheard, r.remind_ms
      from jsonb_to_recordset(${JSON.stringify(part)}::jsonb) as r (alarm_id uuid, target_id uuid, state text, why text, due_at timestamptz, severity text,
        last_at timestamptz, message_id uuid, in_summary boolean, is_unheard boolean, remind_ms bigint)
      join planned_alarms p on p.alarm_id = r.alarm_id join notification_targets t on t.id = r.target_id
      on conflict (alarm_id, target_id) do update set state = excluded.state, why = excluded.why, due_at = excluded.due_at,
        severity = excluded.severity, last_at = excluded.last_at, message_id = excluded.message_id, in_summary = excluded.in_summary,
        is_unheard = excluded.is_unheard, remind_ms = excluded.remind_ms`,
      ),
    );
  }
}

/** What targets of an organisation, or one of them, heard lately: of some groups, and altogether. */
export async function selectHeard(
  tx: Queryable,
  where: { readonly organisationId: string; readonly targetId?: string; readonly groupKeys: readonly string[] },
  { nowMs, debounceMs }: { nowMs: number; debounceMs: number },
): Promise<HeardBook> {
  const { organisationId, targetId = null } = where;
  const messages = await tx.query<{ target_id: string; message_id: string; tellings: number }>(
    prepared(
      "plan_heard_messages",
      sql`
    select t.target_id, t.message_id, count(*)::int as tellings
    from notification_targets n join tellings t on t.target_id = n.id
    where n.organisation_id = ${organisationId} and n.id = coalesce(${targetId}::uuid, n.id) and t.last_at > ${new Date(nowMs - stormWindowMs)}
      and t.message_id is not null
    group by t.target_id, t.message_id`,
    ),
  );
  const groups = await tx.query<{ target_id: string; told_with: string; severity: Severity; last_at: Date; recent: number }>(
    prepared(
      "plan_heard_groups",
      sql`
    select t.target_id, t.told_with, t.severity, max(t.last_at) as last_at,
      (count(*) filter (where t.last_at > ${new Date(nowMs - debounceMs)}))::int as recent
    from tellings t
    where t.told_with = any(${[...new Set(where.groupKeys)]}::text[]) and t.organisation_id = ${organisationId}
      and t.target_id = coalesce(${targetId}::uuid, t.target_id) and t.last_at is not null
    group by t.target_id, t.told_with, t.severity`,
    ),
  );
  return new HeardBook(
    { nowMs, debounceMs },
    {
      messages: messages.map((row) => ({ targetId: row.target_id, messageId: row.message_id, tellings: row.tellings })),
      groups: groups.map((row) => ({
        targetId: row.target_id,
        groupKey: row.told_with,
        severity: row.severity,
        lastMs: row.last_at.getTime(),
        recent: row.recent,
      })),
    },
  );
}

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
