import type { AlarmKind, Severity } from "@roost/contract/alarms";
import type { Subscription } from "@roost/contract/preferences";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

interface Row {
  id: string;
  organisation_id: string;
  email: string;
  min_severity: Severity;
  kinds: AlarmKind[] | null;
  created_at: Date;
  confirmed_at: Date | null;
}

export type StoredSubscription = Subscription & { readonly organisationId: string };

const columns = sql`s.id, s.organisation_id, s.email, s.min_severity, s.kinds, s.created_at, s.confirmed_at`;

const toSubscription = (row: Row): StoredSubscription => ({
  id: row.id,
  organisationId: row.organisation_id,
  email: row.email,
  minSeverity: row.min_severity,
  ...(row.kinds === null ? {} : { kinds: row.kinds }),
  state: row.confirmed_at === null ? "pending" : "confirmed",
  createdAt: row.created_at,
  ...(row.confirmed_at === null ? {} : { confirmedAt: row.confirmed_at }),
});

/** Subscriptions in the order they were added; those that were never confirmed in time are gone. */
export async function selectSubscriptions(db: Queryable, organisationId: string, now: Date): Promise<StoredSubscription[]> {
  const rows = await db.query<Row>(sql`
    select ${columns} from mail_subscriptions s
    where s.organisation_id = ${organisationId} and (s.confirmed_at is not null or s.expires_at > ${now}) order by s.id`);
  return rows.map(toSubscription);
}

/** Puts one there, in the place of one that ran out. @returns False where the address is there already. */
export async function insertSubscription(
  tx: Transaction,
  one: StoredSubscription,
  secret: { readonly confirmHash: Buffer; readonly endHash: Buffer; readonly expiresAt: Date; readonly createdBy: string },
): Promise<boolean> {
  await tx.query(sql`
    delete from mail_subscriptions s where s.organisation_id = ${one.organisationId} and s.confirmed_at is null and s.expires_at <= ${one.createdAt}`);
  const rows = await tx.query(sql`
    insert into mail_subscriptions (id, organisation_id, email, min_severity, kinds, confirm_hash, expires_at, end_hash, created_by, created_at)
    values (${one.id}, ${one.organisationId}, ${one.email}, ${one.minSeverity}, ${one.kinds ?? null}::text[], ${secret.confirmHash},
      ${secret.expiresAt}, ${secret.endHash}, ${secret.createdBy}, ${one.createdAt})
    on conflict (organisation_id, lower(email)) do nothing returning id`);
  return rows.length > 0;
}

/** The link was followed: it works no more, and the address is told from now on. */
export async function confirm(tx: Transaction, confirmHash: Buffer, now: Date): Promise<StoredSubscription | undefined> {
  const [row] = await tx.query<Row>(sql`
    update mail_subscriptions s set confirmed_at = ${now}, confirm_hash = null
    where s.confirm_hash = ${confirmHash} and s.confirmed_at is null and s.expires_at > ${now} returning ${columns}`);
  return row === undefined ? undefined : toSubscription(row);
}

export async function deleteByEnd(tx: Transaction, endHash: Buffer): Promise<StoredSubscription | undefined> {
  const [row] = await tx.query<Row>(sql`delete from mail_subscriptions s where s.end_hash = ${endHash} returning ${columns}`);
  return row === undefined ? undefined : toSubscription(row);
}

export async function deleteSubscription(tx: Transaction, organisationId: string, id: string): Promise<StoredSubscription | undefined> {
  const [row] = await tx.query<Row>(sql`
    delete from mail_subscriptions s where s.id = ${id} and s.organisation_id = ${organisationId} returning ${columns}`);
  return row === undefined ? undefined : toSubscription(row);
}

/** The way to a subscriber; what its mails carry to end it is sealed beside the address. */
export async function insertSubscribersTarget(
  tx: Transaction,
  {
    organisationId,
    subscriptionId,
    ...target
  }: {
    id: string;
    organisationId: string;
    subscriptionId: string;
    name: string;
    address: string;
    settings: Buffer;
    secret: Buffer;
    enabled: boolean;
  },
): Promise<void> {
  await tx.query(sql`
    insert into notification_targets (id, organisation_id, subscription_id, kind, name, settings_sealed, secret_sealed, address_masked, min_severity, enabled)
    values (${target.id}, ${organisationId}, ${subscriptionId}, 'email', ${target.name}, ${target.settings}, ${target.secret}, ${target.address},
      'info', ${target.enabled})`);
}
