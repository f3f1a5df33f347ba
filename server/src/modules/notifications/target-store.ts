import type { Severity } from "@roost/contract/alarms";
import type { NotificationTargetId, PersonId } from "@roost/contract/ids";
import type { NotificationTarget } from "@roost/contract/notifications";
import { prepared, sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { breakerOf } from "./breaker.ts";

interface TargetRow {
  id: string;
  person_id: string | null;
  kind: NotificationTarget["kind"];
  name: string;
  address_masked: string;
  min_severity: Severity;
  hears: NotificationTarget["hears"];
  enabled: boolean;
  title_template: string | null;
  body_template: string | null;
  failures: number;
  opened_at: Date | null;
  probe_at: Date | null;
  failing_since: Date | null;
  worked_at: Date | null;
  created_at: Date;
  now: Date;
}

const targetColumns = sql`t.id, t.person_id, t.kind, t.name, t.address_masked, t.min_severity, t.hears, t.enabled, t.title_template, t.body_template,
  t.failures, t.opened_at, t.probe_at, t.failing_since, t.worked_at, t.created_at, now() as now`;

function toTarget(row: TargetRow): NotificationTarget {
  const memory = { failures: row.failures, openedAt: row.opened_at ?? undefined, probeAt: row.probe_at ?? undefined };
  return {
    id: row.id as NotificationTargetId,
    kind: row.kind,
    name: row.name,
    address: row.address_masked,
    minSeverity: row.min_severity,
    hears: row.hears,
    enabled: row.enabled,
    ...(row.person_id === null ? {} : { personId: row.person_id as PersonId }),
    ...(row.title_template === null ? {} : { titleTemplate: row.title_template }),
    ...(row.body_template === null ? {} : { bodyTemplate: row.body_template }),
    breaker: breakerOf(memory, row.now.getTime()),
    ...(row.failing_since === null ? {} : { failingSince: row.failing_since }),
    ...(row.worked_at === null ? {} : { workedAt: row.worked_at }),
    createdAt: row.created_at,
  };
}

/** Whose targets are meant: the organisation's, or one person's own in it. */
export interface TargetOwner {
  readonly organisationId: string;
  readonly personId: string | undefined;
}

// What subscribed by mail is under subscriptions, and an inbox is nobody's to change.
const isListed = sql`t.subscription_id is null and t.kind <> 'inbox'`;

/** Targets of an owner in the order they were added, behind `afterId`. */
export async function selectTargets(
  db: Queryable,
  owner: TargetOwner,
  afterId: string | undefined,
  limit: number,
): Promise<NotificationTarget[]> {
  const rows = await db.query<TargetRow>(sql`
    select ${targetColumns} from notification_targets t
    where t.organisation_id = ${owner.organisationId} and t.person_id is not distinct from ${owner.personId ?? null}::uuid and ${isListed}
      and ${afterId === undefined ? sql`true` : sql`t.id > ${afterId}::uuid`}
    order by t.id limit ${limit}`);
  return rows.map(toTarget);
}

export async function lockTarget(tx: Transaction, owner: TargetOwner, targetId: string): Promise<NotificationTarget | undefined> {
  const [row] = await tx.query<TargetRow>(sql`
    select ${targetColumns} from notification_targets t
    where t.id = ${targetId} and t.organisation_id = ${owner.organisationId} and t.person_id is not distinct from ${owner.personId ?? null}::uuid and ${isListed}
    for update`);
  return row === undefined ? undefined : toTarget(row);
}

export async function countTargets(tx: Transaction, { organisationId, personId }: TargetOwner): Promise<number> {
  // Two who add at once wait for each other here.
  await tx.query(sql`select 1 from organisations o where o.id = ${organisationId} for no key update`);
  const [row] = await tx.query<{ n: number }>(sql`
    select count(*)::int as n from notification_targets t
    where t.organisation_id = ${organisationId} and t.person_id is not distinct from ${personId ?? null}::uuid and ${isListed}`);
  return row?.n ?? 0;
}

export async function insertTarget(
  tx: Transaction,
  organisationId: string,
  target: NotificationTarget,
  sealed: { readonly settings: Buffer; readonly secret: Buffer | undefined; readonly addressHash?: Buffer },
): Promise<void> {
  await tx.query(sql`
    insert into notification_targets (id, organisation_id, person_id, kind, name, settings_sealed, secret_sealed, address_masked, address_hash,
      min_severity, hears, enabled, title_template, body_template, created_at)
    values (${target.id}, ${organisationId}, ${target.personId ?? null}, ${target.kind}, ${target.name}, ${sealed.settings}, ${sealed.secret ?? null},
      ${target.address}, ${sealed.addressHash ?? null}, ${target.minSeverity}, ${target.hears}, ${target.enabled},
      ${target.titleTemplate ?? null}, ${target.bodyTemplate ?? null}, ${target.createdAt})`);
}

export async function updateTarget(tx: Transaction, target: NotificationTarget): Promise<void> {
  await tx.query(sql`
    update notification_targets set name = ${target.name}, min_severity = ${target.minSeverity}, enabled = ${target.enabled},
      title_template = ${target.titleTemplate ?? null}, body_template = ${target.bodyTemplate ?? null}
    where id = ${target.id}`);
}

export async function deleteTarget(tx: Transaction, targetId: string): Promise<void> {
  await tx.query(sql`delete from notification_targets where id = ${targetId}`);
}

/** A browser that subscribes anew takes the place of what it had before. */
export async function deleteByAddress(tx: Transaction, { organisationId, personId }: TargetOwner, addressHash: Buffer): Promise<void> {
  await tx.query(sql`
    delete from notification_targets
    where organisation_id = ${organisationId} and person_id is not distinct from ${personId ?? null}::uuid and address_hash = ${addressHash}`);
}

/** What is remembered of a target's tries; the row is locked. */
export interface TargetHealth {
  readonly failures: number;
  readonly isOpen: boolean;
  readonly isFailing: boolean;
}

export async function lockHealth(tx: Transaction, targetId: string): Promise<TargetHealth | undefined> {
  const [row] = await tx.query<{ failures: number; is_open: boolean; is_failing: boolean }>(
    prepared(
      "target_lock",
      sql`
    select t.failures, t.opened_at is not null as is_open, t.failing_since is not null as is_failing
    from notification_targets t where t.id = ${targetId} for update`,
    ),
  );
  return row === undefined ? undefined : { failures: row.failures, isOpen: row.is_open, isFailing: row.is_failing };
}

/** Something arrived: the breaker closes, and what waits for its next try need not wait longer. */
export async function markWorking(tx: Transaction, targetId: string): Promise<void> {
  await tx.query(
    prepared(
      "target_works",
      sql`
    with works as (
      update notification_targets set failures = 0, opened_at = null, probe_at = null, held_until = null, failing_since = null, worked_at = clock_timestamp()
      where id = ${targetId})
    update deliveries set next_try_at = now()
    where target_id = ${targetId} and state = 'waiting' and attempts > 0 and next_try_at > now() and leased_until is null`,
    ),
  );
}

/** As if nothing had ever been tried. */
export async function resetHealth(tx: Transaction, targetId: string): Promise<void> {
  await tx.query(sql`
    update notification_targets set failures = 0, opened_at = null, probe_at = null, held_until = null, failing_since = null where id = ${targetId}`);
}

/** A try failed; with `pauseMs` the breaker is open for so long. */
export async function markFailed(
  tx: Transaction,
  targetId: string,
  { pauseMs, isFailing }: { pauseMs: number | undefined; isFailing: boolean },
): Promise<void> {
  await tx.query(sql`
    update notification_targets set failures = failures + 1,
      opened_at = case when ${pauseMs !== undefined} then coalesce(opened_at, clock_timestamp()) end,
      probe_at = case when ${pauseMs !== undefined} then clock_timestamp() + make_interval(secs => ${(pauseMs ?? 0) / 1000}) end,
      failing_since = case when ${isFailing} then coalesce(failing_since, clock_timestamp()) else failing_since end
    where id = ${targetId}`);
}

/** The target asked for time: nothing goes there before. */
export async function holdBack(tx: Transaction, targetId: string, waitMs: number): Promise<void> {
  await tx.query(sql`
    update notification_targets set held_until = greatest(held_until, clock_timestamp() + make_interval(secs => ${waitMs / 1000}))
    where id = ${targetId}`);
}

/** Somebody mended it: an open breaker sends its probe at once. @param targetId - Absent: all of the organisation. */
export async function probeNow(tx: Transaction, organisationId: string, targetId: string | undefined): Promise<void> {
  await tx.query(sql`
    update notification_targets set probe_at = now(), held_until = null
    where organisation_id = ${organisationId} and opened_at is not null and ${targetId === undefined ? sql`true` : sql`id = ${targetId}`}`);
}
