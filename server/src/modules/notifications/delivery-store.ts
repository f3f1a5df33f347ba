import type { TargetKind } from "@roost/contract/channels";
import type { AlarmId, DeliveryId, NotificationTargetId, PersonId } from "@roost/contract/ids";
import type { Delivery } from "@roost/contract/notifications";
import { prepared, sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import type { Notice } from "./notice.ts";

interface DeliveryRow {
  id: string;
  target_id: string | null;
  target_name: string;
  kind: TargetKind;
  person_id: string | null;
  alarm_id: string | null;
  what: Delivery["what"];
  state: Delivery["state"];
  created_at: Date;
  not_before: Date | null;
  next_try_at: Date | null;
  settled_at: Date | null;
  attempts: {
    at: string;
    outcome: "delivered" | "failed";
    status: number | null;
    code: string | null;
    duration_ms: number;
    next_try_at: string | null;
  }[];
}

function toDelivery(row: DeliveryRow): Delivery {
  return {
    id: row.id as DeliveryId,
    ...(row.target_id === null ? {} : { targetId: row.target_id as NotificationTargetId }),
    targetName: row.target_name,
    kind: row.kind,
    ...(row.person_id === null ? {} : { personId: row.person_id as PersonId }),
    ...(row.alarm_id === null ? {} : { alarmId: row.alarm_id as AlarmId }),
    what: row.what,
    state: row.state,
    createdAt: row.created_at,
    ...(row.not_before === null ? {} : { notBefore: row.not_before }),
    ...(row.next_try_at === null || row.state !== "waiting" ? {} : { nextTryAt: row.next_try_at }),
    ...(row.settled_at === null ? {} : { settledAt: row.settled_at }),
    attempts: row.attempts.map((one) => ({
      at: new Date(one.at),
      outcome: one.outcome,
      ...(one.status === null ? {} : { status: one.status }),
      ...(one.code === null ? {} : { code: one.code }),
      durationMs: one.duration_ms,
      ...(one.next_try_at === null ? {} : { nextTryAt: new Date(one.next_try_at) }),
    })),
  };
}

/** Deliveries with all their tries, newest first, behind `after` (created at, id). */
export async function selectDeliveries(
  db: Queryable,
  where: {
    organisationId: string;
    /** Those to people's own targets: this person's alone. Absent: everybody's. */
    onlyOf?: { readonly personId: string | undefined } | undefined;
    deliveryId?: string | undefined;
    alarmId?: string | undefined;
    targetId?: string | undefined;
    state?: Delivery["state"] | undefined;
    after?: readonly string[] | undefined;
    limit: number;
  },
): Promise<Delivery[]> {
  const own = where.onlyOf === undefined ? sql`true` : sql`(d.person_id is null or d.person_id = ${where.onlyOf.personId ?? null}::uuid)`;
  const conditions: Sql[] = [
    where.deliveryId === undefined ? sql`true` : sql`d.id = ${where.deliveryId}`,
    where.alarmId === undefined ? sql`true` : sql`d.alarm_id = ${where.alarmId}`,
    where.targetId === undefined ? sql`true` : sql`d.target_id = ${where.targetId}`,
    where.after === undefined ? sql`true` : sql`(d.created_at, d.id) < (${where.after[0]}::timestamptz, ${where.after[1]}::uuid)`,
    where.state === undefined ? sql`true` : sql`d.state = ${where.state}`,
  ];
  const [one, two, three, four, five] = conditions;
  const rows = await db.query<DeliveryRow>(sql`
    select d.id, d.target_id, d.target_name, d.kind, d.person_id, d.alarm_id, d.what, d.state, d.created_at, d.not_before, d.next_try_at, d.settled_at,
      coalesce((select json_agg(json_build_object('at', a.at, 'outcome', a.outcome, 'status', a.status, 'code', a.code, 'duration_ms', a.duration_ms,
        'next_try_at', a.next_try_at) order by a.at, a.id) from delivery_attempts a where a.delivery_id = d.id), '[]') as attempts
    from deliveries d
    where d.organisation_id = ${where.organisationId} and ${own} and ${one} and ${two} and ${three} and ${four} and ${five}
    order by d.created_at desc, d.id desc limit ${where.limit}`);
  return rows.map(toDelivery);
}

/**
 * Puts a notice into the queue.
 *
 * @returns Whether it is in there: the same fact for the same target is told once, and a target is not told that it fails itself.
 */
export async function insertDelivery(
  db: Queryable,
  delivery: {
    id: string;
    organisationId: string;
    target: { readonly id: string };
    eventId?: string | undefined;
    alarmId?: string | undefined;
    notice: Notice;
    /** Held back until then: quiet hours. */
    notBefore?: Date | undefined;
    /** Whoever inserts it with a lease sends it himself. */
    leaseSeconds?: number | undefined;
  },
): Promise<boolean> {
  const notBefore = delivery.notBefore ?? null;
  const rows = await db.query(sql`
    insert into deliveries (id, organisation_id, target_id, target_name, kind, person_id, alarm_id, event_id, what, body, state, not_before,
      next_try_at, leased_until, created_at)
    select ${delivery.id}::uuid, t.organisation_id, t.id, t.name, t.kind, t.person_id,
      (select a.id from alarms a where a.id = ${delivery.alarmId ?? null}::uuid), ${delivery.eventId ?? null}::uuid, ${delivery.notice.type},
      ${JSON.stringify(delivery.notice)}::jsonb, 'waiting', ${notBefore}::timestamptz, greatest(now(), ${notBefore}::timestamptz),
      now() + make_interval(secs => ${delivery.leaseSeconds ?? null}::float8), date_trunc('milliseconds', clock_timestamp())
    from notification_targets t
    where t.id = ${delivery.target.id}::uuid and t.organisation_id = ${delivery.organisationId}::uuid
      and not exists (select 1 from alarms a where a.id = ${delivery.alarmId ?? null}::uuid and a.source = 'channel:' || t.id)
    on conflict do nothing returning id`);
  return rows.length > 0;
}

/** A notice for a target; `alarmId` where it is about one alarm. */
interface NewDelivery {
  readonly id: string;
  readonly targetId: string;
  readonly alarmId?: string | undefined;
  readonly notice: Notice;
}

// What a storm makes for many targets is more than a statement may take at once.
const mostAtOnce = 500;

/** Puts notices into the queue in their order; a target is not told that it fails itself. */
export async function insertDeliveries(tx: Transaction, organisationId: string, all: readonly NewDelivery[]): Promise<void> {
  for (let from = 0; from < all.length; from += mostAtOnce) {
    const part = all.slice(from, from + mostAtOnce);
    await tx.query(
      prepared(
        "deliveries_add",
        sql`
      insert into deliveries (id, organisation_id, target_id, target_name, kind, person_id, alarm_id, what, body, state, next_try_at, created_at)
      select r.id, t.organisation_id, t.id, t.name, t.kind, t.person_id, a.id, r.body ->> 'type', r.body, 'waiting', now(),
        date_trunc('milliseconds', clock_timestamp())
      from unnest(${part.map((one) => one.id)}::uuid[], ${part.map((one) => one.targetId)}::uuid[],
          ${part.map((one) => one.alarmId ?? null)}::uuid[], ${part.map((one) => JSON.stringify(one.notice))}::jsonb[])
          with ordinality as r (id, target_id, alarm_id, body, place)
        join notification_targets t on t.id = r.target_id and t.organisation_id = ${organisationId}::uuid
        left join alarms a on a.id = r.alarm_id
      where a.source is distinct from 'channel:' || t.id
      order by r.place
      on conflict do nothing`,
      ),
    );
  }
}

/** A delivery, locked: what it is now, and whether its target is still there. */
export async function lockDelivery(
  tx: Transaction,
  organisationId: string,
  deliveryId: string,
): Promise<{ state: Delivery["state"]; targetId: string | undefined; targetName: string } | undefined> {
  const [row] = await tx.query<{ state: Delivery["state"]; target_id: string | null; target_name: string }>(sql`
    select d.state, d.target_id, d.target_name from deliveries d where d.id = ${deliveryId} and d.organisation_id = ${organisationId} for update`);
  return row === undefined ? undefined : { state: row.state, targetId: row.target_id ?? undefined, targetName: row.target_name };
}

/** Lets failed deliveries wait again: the same row, so the same words and the same key. Tests are not sent again. @returns How many. */
export async function requeueFailed(
  tx: Transaction,
  where: {
    organisationId: string;
    deliveryId?: string | undefined;
    targetId?: string | undefined;
    since?: Date | undefined;
    limit: number;
  },
): Promise<number> {
  const rows = await tx.query(sql`
    update deliveries d set state = 'waiting', attempts = 0, next_try_at = now(), leased_until = null, settled_at = null
    where d.id in (
      select f.id from deliveries f
      where f.organisation_id = ${where.organisationId} and f.state = 'failed' and f.target_id is not null
        and (f.what <> 'test' or f.id = ${where.deliveryId ?? null}::uuid)
        and ${where.deliveryId === undefined ? sql`true` : sql`f.id = ${where.deliveryId}`}
        and ${where.targetId === undefined ? sql`true` : sql`f.target_id = ${where.targetId}`}
        and ${where.since === undefined ? sql`true` : sql`f.created_at >= ${where.since}`}
      order by f.position limit ${where.limit} for update)
    returning d.id`);
  return rows.length;
}
