import type { AlarmId, DeliveryId, NotificationTargetId } from "@roost/contract/ids";
import type { Delivery, TargetKind } from "@roost/contract/notifications";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { sql } from "../../platform/sql.ts";
import type { Sql } from "../../platform/sql.ts";
import type { Notice } from "./notice.ts";

interface DeliveryRow {
  id: string;
  target_id: string | null;
  target_name: string;
  alarm_id: string | null;
  what: Delivery["what"];
  state: Delivery["state"];
  created_at: Date;
  next_try_at: Date | null;
  attempts: { at: string; outcome: "delivered" | "failed"; status: number | null; code: string | null; duration_ms: number }[];
}

function toDelivery(row: DeliveryRow): Delivery {
  return {
    id: row.id as DeliveryId,
    ...(row.target_id === null ? {} : { targetId: row.target_id as NotificationTargetId }),
    targetName: row.target_name,
    ...(row.alarm_id === null ? {} : { alarmId: row.alarm_id as AlarmId }),
    what: row.what,
    state: row.state,
    createdAt: row.created_at,
    ...(row.next_try_at === null || row.state !== "waiting" ? {} : { nextTryAt: row.next_try_at }),
    attempts: row.attempts.map((one) => ({
      at: new Date(one.at),
      outcome: one.outcome,
      ...(one.status === null ? {} : { status: one.status }),
      ...(one.code === null ? {} : { code: one.code }),
      durationMs: one.duration_ms,
    })),
  };
}

/** Deliveries with all their tries, newest first, behind `after` (created at, id). */
export async function selectDeliveries(
  db: Queryable,
  where: {
    organisationId: string;
    deliveryId?: string | undefined;
    alarmId?: string | undefined;
    targetId?: string | undefined;
    after?: readonly string[] | undefined;
    limit: number;
  },
): Promise<Delivery[]> {
  const conditions: Sql[] = [
    where.deliveryId === undefined ? sql`true` : sql`d.id = ${where.deliveryId}`,
    where.alarmId === undefined ? sql`true` : sql`d.alarm_id = ${where.alarmId}`,
    where.targetId === undefined ? sql`true` : sql`d.target_id = ${where.targetId}`,
    where.after === undefined ? sql`true` : sql`(d.created_at, d.id) < (${where.after[0]}::timestamptz, ${where.after[1]}::uuid)`,
  ];
  const [one, two, three, four] = conditions;
  const rows = await db.query<DeliveryRow>(sql`
    select d.id, d.target_id, d.target_name, d.alarm_id, d.what, d.state, d.created_at, d.next_try_at,
      coalesce((select json_agg(json_build_object('at', a.at, 'outcome', a.outcome, 'status', a.status, 'code', a.code, 'duration_ms', a.duration_ms)
        order by a.at, a.id) from delivery_attempts a where a.delivery_id = d.id), '[]') as attempts
    from deliveries d
    where d.organisation_id = ${where.organisationId} and ${one} and ${two} and ${three} and ${four}
    order by d.created_at desc, d.id desc limit ${where.limit}`);
  return rows.map(toDelivery);
}

/** Puts a notice into the queue. @returns Whether it is new: the same fact for the same target is told once. */
export async function insertDelivery(
  db: Queryable,
  delivery: {
    id: string;
    organisationId: string;
    target: { id: string; name: string };
    eventId?: string | undefined;
    alarmId?: string | undefined;
    notice: Notice;
    /** Whoever inserts it with a lease sends it himself. */
    leaseSeconds?: number | undefined;
  },
): Promise<boolean> {
  const rows = await db.query(sql`
    insert into deliveries (id, organisation_id, target_id, target_name, alarm_id, event_id, what, body, state, next_try_at, leased_until, created_at)
    select ${delivery.id}::uuid, ${delivery.organisationId}::uuid, ${delivery.target.id}::uuid, ${delivery.target.name},
      (select a.id from alarms a where a.id = ${delivery.alarmId ?? null}::uuid), ${delivery.eventId ?? null}::uuid, ${delivery.notice.type},
      ${JSON.stringify(delivery.notice)}::jsonb, 'waiting', now(),
      now() + make_interval(secs => ${delivery.leaseSeconds ?? null}::float8), date_trunc('milliseconds', clock_timestamp())
    where exists (select 1 from notification_targets t where t.id = ${delivery.target.id}::uuid)
    on conflict do nothing returning id`);
  return rows.length > 0;
}

/** A delivery whose turn has come. */
export interface Due {
  readonly id: string;
  readonly organisationId: string;
  readonly alarmId: string | undefined;
  readonly attempts: number;
  readonly notice: unknown;
  /** Absent when it was removed meanwhile. */
  readonly target:
    | {
        readonly id: string;
        readonly kind: TargetKind;
        readonly name: string;
        readonly settingsSealed: Buffer;
        readonly secretSealed: Buffer | undefined;
      }
    | undefined;
}

interface DueRow {
  id: string;
  organisation_id: string;
  alarm_id: string | null;
  attempts: number;
  body: unknown;
  target_id: string | null;
  kind: TargetKind | null;
  name: string | null;
  settings_sealed: Buffer | null;
  secret_sealed: Buffer | null;
}

function toDue(row: DueRow): Due {
  const target =
    row.target_id === null || row.kind === null || row.name === null || row.settings_sealed === null
      ? undefined
      : {
          id: row.target_id,
          kind: row.kind,
          name: row.name,
          settingsSealed: row.settings_sealed,
          secretSealed: row.secret_sealed ?? undefined,
        };
  return {
    id: row.id,
    organisationId: row.organisation_id,
    alarmId: row.alarm_id ?? undefined,
    attempts: row.attempts,
    notice: row.body,
    target,
  };
}

/**
 * Takes up to `limit` due deliveries under a lease. Of one alarm and target the older one goes first, so that nobody hears of the end before
 * the beginning; of one target no more than `perTarget` are on their way at once, so that a dead one does not hold up the others.
 */
export async function claimDue(
  db: Queryable,
  { limit, perTarget, leaseSeconds }: { limit: number; perTarget: number; leaseSeconds: number },
): Promise<Due[]> {
  const rows = await db.query<DueRow>(sql`
    with ranked as (
      select w.id, row_number() over (partition by w.target_id order by w.next_try_at, w.position)
        + (select count(*) from deliveries l where l.target_id = w.target_id and l.state = 'waiting' and l.leased_until > now()) as place
      from deliveries w
      where w.state = 'waiting' and w.next_try_at <= now() and (w.leased_until is null or w.leased_until <= now())
        and not exists (select 1 from deliveries e
          where e.state = 'waiting' and e.target_id = w.target_id and e.alarm_id = w.alarm_id and e.position < w.position)),
    picked as (
      select d.id from deliveries d
      where d.id in (select r.id from ranked r where r.place <= ${perTarget}) and d.state = 'waiting'
        and (d.leased_until is null or d.leased_until <= now())
      order by d.next_try_at, d.position limit ${limit} for update skip locked),
    leased as (
      update deliveries d set leased_until = now() + make_interval(secs => ${leaseSeconds}) from picked p where d.id = p.id
      returning d.id, d.organisation_id, d.alarm_id, d.attempts, d.body, d.target_id)
    select l.*, t.kind, t.name, t.settings_sealed, t.secret_sealed from leased l left join notification_targets t on t.id = l.target_id`);
  return rows.map(toDue);
}

/** One delivery that its maker leased, ready to be sent. */
export async function findDue(db: Queryable, deliveryId: string): Promise<Due | undefined> {
  const [row] = await db.query<DueRow>(sql`
    select d.id, d.organisation_id, d.alarm_id, d.attempts, d.body, d.target_id, t.kind, t.name, t.settings_sealed, t.secret_sealed
    from deliveries d left join notification_targets t on t.id = d.target_id where d.id = ${deliveryId}`);
  return row === undefined ? undefined : toDue(row);
}

/** Milliseconds until the next delivery is due, by the database's clock; `undefined` when none waits. */
export async function msUntilNext(db: Queryable): Promise<number | undefined> {
  const [row] = await db.query<{ ms: number | null }>(sql`
    select extract(epoch from min(greatest(d.next_try_at, coalesce(d.leased_until, d.next_try_at))) - now())::float8 * 1000 as ms
    from deliveries d where d.state = 'waiting'`);
  return row?.ms ?? undefined;
}

/** Records a try and what becomes of the delivery. @returns Whether the delivery still waited for it. */
export async function saveAttempt(
  tx: Transaction,
  attempt: {
    deliveryId: string;
    organisationId: string;
    at: Date;
    delivered: boolean;
    status?: number | undefined;
    code?: string | undefined;
    durationMs: number;
    state: Delivery["state"];
    waitMs?: number | undefined;
  },
): Promise<void> {
  await tx.query(sql`
    insert into delivery_attempts (id, organisation_id, delivery_id, at, outcome, status, code, duration_ms)
    values (${newId()}, ${attempt.organisationId}, ${attempt.deliveryId}, ${attempt.at}, ${attempt.delivered ? "delivered" : "failed"},
      ${attempt.status ?? null}, ${attempt.code ?? null}, ${attempt.durationMs})`);
  await tx.query(sql`
    update deliveries set state = ${attempt.state}, attempts = attempts + 1, leased_until = null,
      next_try_at = case when ${attempt.state} = 'waiting' then clock_timestamp() + make_interval(secs => ${(attempt.waitMs ?? 0) / 1000}) end
    where id = ${attempt.deliveryId}`);
}

/** The target answers again: what waits for its next try need not wait longer. */
export async function hurry(tx: Transaction, targetId: string): Promise<void> {
  await tx.query(sql`
    update deliveries set next_try_at = now()
    where target_id = ${targetId} and state = 'waiting' and attempts > 0 and next_try_at > now() and leased_until is null`);
}

/** The target asked for time: nothing goes there before. */
export async function holdBack(tx: Transaction, targetId: string, waitMs: number): Promise<void> {
  await tx.query(sql`
    update deliveries set next_try_at = greatest(next_try_at, clock_timestamp() + make_interval(secs => ${waitMs / 1000}))
    where target_id = ${targetId} and state = 'waiting'`);
}

/** What still waits for a target that goes away will never be sent. */
export async function failWaiting(tx: Transaction, targetId: string): Promise<void> {
  await tx.query(sql`
    update deliveries set state = 'failed', next_try_at = null, leased_until = null where target_id = ${targetId} and state = 'waiting'`);
}
