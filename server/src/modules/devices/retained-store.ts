import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

/** A retained message of the door. */
export interface RetainedMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  readonly properties: Readonly<Record<string, unknown>> | undefined;
  readonly storedAt: Date;
  readonly expiresAt: Date | undefined;
}

/** One to keep, or with an empty payload one to forget. */
export interface RetainRow {
  readonly topic: string;
  readonly deviceId: string;
  readonly organisationId: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly expiresAt?: Date;
}

/** What the door starts with: all that has not expired, of devices that have not lost their right. */
export async function loadRetained(db: Queryable): Promise<RetainedMessage[]> {
  const rows = await db.query<{
    topic: string;
    payload: Buffer;
    qos: 0 | 1;
    properties: Record<string, unknown> | null;
    stored_at: Date;
    expires_at: Date | null;
  }>(sql`
    select r.topic, r.payload, r.qos, r.properties, r.stored_at, r.expires_at
    from retained_messages r join devices d on d.id = r.device_id
    where (r.expires_at is null or r.expires_at > now()) and d.state <> 'revoked'`);
  return rows.map((row) => ({
    topic: row.topic,
    payload: row.payload,
    qos: row.qos,
    properties: row.properties ?? undefined,
    storedAt: row.stored_at,
    expiresAt: row.expires_at ?? undefined,
  }));
}

/** Keeps or forgets retained messages in the transaction of the batch they came with; of several for one topic the last one stands. */
export async function retain(tx: Transaction, rows: readonly RetainRow[]): Promise<void> {
  const newest = new Map(rows.map((row) => [row.topic, row]));
  const gone = [...newest.values()].filter((row) => row.payload.length === 0);
  const kept = [...newest.values()].filter((row) => row.payload.length > 0);
  if (gone.length > 0) await tx.query(sql`delete from retained_messages where topic = any(${gone.map((row) => row.topic)}::text[])`);
  if (kept.length === 0) return;
  // A device removed meanwhile keeps nothing; its row would break the whole batch.
  await tx.query(sql`
    insert into retained_messages (topic, device_id, organisation_id, payload, qos, properties, expires_at)
    select n.topic, n.device_id, d.organisation_id, n.payload, n.qos, n.properties, n.expires_at
    from unnest(${kept.map((row) => row.topic)}::text[], ${kept.map((row) => row.deviceId)}::text[],
      ${kept.map((row) => row.organisationId)}::uuid[], ${kept.map((row) => row.payload)}::bytea[], ${kept.map((row) => row.qos)}::smallint[],
      ${kept.map((row) => (row.properties === undefined ? null : JSON.stringify(row.properties)))}::jsonb[],
      ${kept.map((row) => row.expiresAt?.toISOString() ?? null)}::timestamptz[])
      as n (topic, device_id, organisation_id, payload, qos, properties, expires_at)
    join devices d on d.id = n.device_id
    on conflict (topic) do update set payload = excluded.payload, qos = excluded.qos, properties = excluded.properties,
      device_id = excluded.device_id, organisation_id = excluded.organisation_id, stored_at = now(), expires_at = excluded.expires_at`);
}
