import type { TargetKind } from "@roost/contract/channels";
import type { Delivery } from "@roost/contract/notifications";
import { prepared, sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";

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
        /** Whose own it is. */
        readonly personId: string | undefined;
        readonly titleTemplate: string | undefined;
        readonly bodyTemplate: string | undefined;
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
  person_id: string | null;
  title_template: string | null;
  body_template: string | null;
}

const targetColumns = sql`t.kind, t.name, t.settings_sealed, t.secret_sealed, t.person_id, t.title_template, t.body_template`;

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
          personId: row.person_id ?? undefined,
          titleTemplate: row.title_template ?? undefined,
          bodyTemplate: row.body_template ?? undefined,
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
 * the beginning; of one target no more than `perTarget` are on their way at once, so that a dead one does not hold up the others, and of one
 * whose breaker is open a single one when the time of its probe has come. An organisation that is closed tells nobody anything.
 */
export async function claimDue(
  db: Queryable,
  {
    limit,
    perTarget,
    leaseSeconds,
  }: { limit: number; perTarget: { readonly working: number; readonly other: number }; leaseSeconds: number },
): Promise<Due[]> {
  const rows = await db.query<DueRow>(
    prepared(
      "deliveries_claim",
      sql`
    with recursive asked as (
      -- One step for each target something waits for, however much it is.
      (select d.target_id from deliveries d where d.state = 'waiting' and d.target_id is not null order by d.target_id limit 1)
      union all
      select (select d.target_id from deliveries d where d.state = 'waiting' and d.target_id > a.target_id order by d.target_id limit 1)
      from asked a where a.target_id is not null),
    rooms as (
      select t.id, case when t.opened_at is not null then 1
          when t.failures = 0 and t.worked_at is not null then ${perTarget.working}::int else ${perTarget.other}::int end
        - (select count(*) from deliveries l where l.target_id = t.id and l.state = 'waiting' and l.leased_until > now()) as room
      from asked a join notification_targets t on t.id = a.target_id
      where (t.opened_at is null or t.probe_at <= now()) and (t.held_until is null or t.held_until <= now())
        and roost_is_open(t.organisation_id)),
    ready as (
      select n.id from rooms r cross join lateral (
        select w.id from deliveries w
        where w.target_id = r.id and w.state = 'waiting' and w.next_try_at <= now() and (w.leased_until is null or w.leased_until <= now())
          and not exists (select 1 from deliveries e
            where e.state = 'waiting' and e.target_id = w.target_id and e.alarm_id = w.alarm_id and e.position < w.position
              and (e.not_before is null or e.not_before <= now()))
        order by w.next_try_at, w.position limit greatest(r.room, 0)) n
      union all
      select o.id from deliveries o where o.target_id is null and o.state = 'waiting' and o.next_try_at <= now()
        and roost_is_open(o.organisation_id)),
    picked as (
      select d.id from deliveries d
      where d.id in (select r.id from ready r) and d.state = 'waiting'
        and (d.leased_until is null or d.leased_until <= now())
      order by d.next_try_at, d.position limit ${limit} for update skip locked),
    leased as (
      update deliveries d set leased_until = now() + make_interval(secs => ${leaseSeconds}) from picked p where d.id = p.id
      returning d.id, d.organisation_id, d.alarm_id, d.attempts, d.body, d.target_id)
    select l.*, ${targetColumns} from leased l left join notification_targets t on t.id = l.target_id`,
    ),
  );
  return rows.map(toDue);
}

/** One delivery that its maker leased, ready to be sent. */
export async function findDue(db: Queryable, deliveryId: string): Promise<Due | undefined> {
  const [row] = await db.query<DueRow>(sql`
    select d.id, d.organisation_id, d.alarm_id, d.attempts, d.body, d.target_id, ${targetColumns}
    from deliveries d left join notification_targets t on t.id = d.target_id where d.id = ${deliveryId}`);
  return row === undefined ? undefined : toDue(row);
}

// What is due and was not taken waits for one that is under way: its end wakes, not the clock.
const justDue = sql`interval '100 ms'`;

/** Milliseconds until the next delivery comes due, by the database's clock; `undefined` when none does. */
export async function msUntilNext(db: Queryable): Promise<number | undefined> {
  const [row] = await db.query<{ ms: number | null }>(
    prepared(
      "deliveries_next",
      sql`
    select extract(epoch from min(x.at) - now())::float8 * 1000 as ms
    from (select greatest(d.next_try_at, d.leased_until, t.probe_at, t.held_until) as at
      from deliveries d left join notification_targets t on t.id = d.target_id
      where d.state = 'waiting' and roost_is_open(d.organisation_id)) x
    where x.at > now() - ${justDue}`,
    ),
  );
  return row?.ms ?? undefined;
}

/** Records a try and what becomes of the delivery. */
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
  const isWaiting = attempt.state === "waiting";
  await tx.query(
    prepared(
      "delivery_tried",
      sql`
    with tried as (
      update deliveries set state = ${attempt.state}, attempts = attempts + 1, leased_until = null,
        settled_at = case when ${isWaiting} then null else clock_timestamp() end,
        next_try_at = case when ${isWaiting} then clock_timestamp() + make_interval(secs => ${(attempt.waitMs ?? 0) / 1000}) end
      where id = ${attempt.deliveryId} returning id, next_try_at)
    insert into delivery_attempts (id, organisation_id, delivery_id, at, outcome, status, code, duration_ms, next_try_at)
    select ${newId()}::uuid, ${attempt.organisationId}::uuid, t.id, ${attempt.at}::timestamptz, ${attempt.delivered ? "delivered" : "failed"},
      ${attempt.status ?? null}::integer, ${attempt.code ?? null}, ${attempt.durationMs}::float8, t.next_try_at
    from tried t`,
    ),
  );
}

/** Records tries that arrived, and that their deliveries are done. */
export async function saveArrived(
  tx: Transaction,
  some: readonly { deliveryId: string; at: Date; status?: number | undefined; durationMs: number }[],
): Promise<void> {
  await tx.query(
    prepared(
      "deliveries_arrived",
      sql`
    with arrived as (
      update deliveries d set state = 'delivered', attempts = d.attempts + 1, leased_until = null, settled_at = clock_timestamp(), next_try_at = null
      from unnest(${some.map(() => newId())}::uuid[], ${some.map((one) => one.deliveryId)}::uuid[], ${some.map((one) => one.at)}::timestamptz[],
        ${some.map((one) => one.status ?? null)}::integer[], ${some.map((one) => one.durationMs)}::float8[]) as n (id, delivery_id, at, status, duration_ms)
      where d.id = n.delivery_id returning n.*, d.organisation_id)
    insert into delivery_attempts (id, organisation_id, delivery_id, at, outcome, status, duration_ms)
    select a.id, a.organisation_id, a.delivery_id, a.at, 'delivered', a.status, a.duration_ms from arrived a`,
    ),
  );
}

/** What waited when an organisation was closed is never sent: should it be kept, nobody is told of what was true before. */
export async function failWaitingOf(db: Queryable, organisationId: string, until: Date): Promise<void> {
  await db.query(sql`
    update deliveries set state = 'failed', next_try_at = null, settled_at = clock_timestamp()
    where organisation_id = ${organisationId} and state = 'waiting' and created_at <= ${until} and (leased_until is null or leased_until <= now())`);
}

/** What still waits for a target that goes away will never be sent. */
export async function failWaiting(tx: Transaction, targetId: string): Promise<void> {
  await tx.query(sql`
    update deliveries set state = 'failed', next_try_at = null, leased_until = null, settled_at = clock_timestamp()
    where target_id = ${targetId} and state = 'waiting'`);
}
