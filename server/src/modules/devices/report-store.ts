import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";

/** Texts a device told about itself. */
export interface AttributesRow {
  readonly deviceKey: number;
  readonly attributes: Readonly<Record<string, string>>;
}

/** An event a device told of. */
export interface DeviceEventRow {
  readonly deviceId: string;
  readonly organisationId: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly measuredAt: Date;
  readonly receivedAt: Date;
}

/**
 * Adds to devices' attributes in the transaction of the batch they came with; later rows of one device win.
 *
 * How many a device may have is the caller's to check.
 */
export async function mergeAttributes(tx: Transaction, rows: readonly AttributesRow[]): Promise<void> {
  const merged = new Map<number, Record<string, string>>();
  for (const row of rows) merged.set(row.deviceKey, { ...merged.get(row.deviceKey), ...row.attributes });
  if (merged.size === 0) return;
  // In the order of the keys, like every statement over several devices: two servers never wait for each other in a circle.
  const sorted = [...merged].sort(([one], [other]) => one - other);
  await tx.query(sql`
    with locked as (
      select d.key, n.attributes from unnest(${sorted.map(([key]) => key)}::integer[], ${sorted.map(([, all]) => JSON.stringify(all))}::jsonb[])
        as n (key, attributes) join devices d on d.key = n.key
      where not d.attributes @> n.attributes order by d.key for update of d)
    update devices d set attributes = d.attributes || l.attributes from locked l where d.key = l.key`);
}

/** The attributes devices have, by key. */
export async function loadAttributes(db: Queryable, deviceKeys: readonly number[]): Promise<Map<number, Record<string, string>>> {
  const rows = await db.query<{ key: number; attributes: Record<string, string> }>(
    sql`select d.key, d.attributes from devices d where d.key = any(${deviceKeys}::integer[])`,
  );
  return new Map(rows.map((row) => [row.key, row.attributes]));
}

/**
 * Stores devices' events once each, by (device, type, measured-at, what they say).
 *
 * @returns How many are new.
 */
export async function insertDeviceEvents(tx: Transaction, rows: readonly DeviceEventRow[]): Promise<number> {
  if (rows.length === 0) return 0;
  const stored = await tx.query<{ id: string }>(sql`
    insert into device_events (id, organisation_id, device_id, type, data, measured_at, received_at)
    select n.id, d.organisation_id, n.device_id, n.type, n.data, n.measured_at, n.received_at
    from unnest(${rows.map(() => newId())}::uuid[], ${rows.map((row) => row.organisationId)}::uuid[], ${rows.map((row) => row.deviceId)}::text[],
      ${rows.map((row) => row.type)}::text[], ${rows.map((row) => JSON.stringify(row.data))}::jsonb[],
      ${rows.map((row) => row.measuredAt.toISOString())}::timestamptz[], ${rows.map((row) => row.receivedAt.toISOString())}::timestamptz[])
      as n (id, organisation_id, device_id, type, data, measured_at, received_at)
    join devices d on d.id = n.device_id
    on conflict (device_id, type, measured_at, md5(data::text)) do nothing returning id`);
  return stored.length;
}

/** Deletes up to `limit` of a device's events. @returns How many there were. */
export async function deleteDeviceEvents(db: Queryable, deviceId: string, limit: number): Promise<number> {
  const rows = await db.query<{ id: string }>(sql`
    delete from device_events where ctid = any(array(select e.ctid from device_events e where e.device_id = ${deviceId} limit ${limit}))
    returning id`);
  return rows.length;
}
