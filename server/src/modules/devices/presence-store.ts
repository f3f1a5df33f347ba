import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

/** Why a device changes its state. */
export type PresenceReason = "heard" | "silent" | "last_will";

/** A change of state that was judged in memory. */
export interface PresenceChange {
  readonly deviceKey: number;
  readonly state: "online" | "offline";
  readonly reason: PresenceReason;
  readonly lastSeenMs: number | undefined;
  /** What `last_seen_at` was when this server last wrote or read it. */
  readonly savedSeenMs: number | undefined;
}

/** A change that became true. */
export interface PresenceTransition {
  readonly id: string;
  readonly key: number;
  readonly organisationId: string;
  readonly hidden: boolean;
  readonly name: string;
  readonly state: "online" | "offline";
  readonly before: string;
  readonly reason: PresenceReason;
}

function iso(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

/**
 * Makes changes of state true, all in one statement, and answers those that were.
 *
 * Silence is believed only while nobody else has heard the device: another server writes `last_seen_at`, and the row stays as it is.
 */
export async function applyChanges(tx: Transaction, changes: readonly PresenceChange[]): Promise<PresenceTransition[]> {
  const sorted = changes.toSorted((one, other) => one.deviceKey - other.deviceKey);
  const rows = await tx.query<{
    id: string;
    key: number;
    organisation_id: string;
    hidden: boolean;
    name: string;
    state: "online" | "offline";
    before: string;
    reason: PresenceReason;
  }>(sql`
    with wanted as (
      select n.* from unnest(${sorted.map((one) => one.deviceKey)}::integer[], ${sorted.map((one) => one.state)}::text[],
        ${sorted.map((one) => one.reason)}::text[], ${sorted.map((one) => iso(one.lastSeenMs))}::timestamptz[],
        ${sorted.map((one) => iso(one.savedSeenMs))}::timestamptz[]) as n (key, state, reason, seen_at, saved_seen_at)
    ), locked as (
      select d.key, d.state as before, w.state, w.reason, w.seen_at from wanted w join devices d on d.key = w.key
      where d.state <> 'revoked' and d.state <> w.state and (w.reason <> 'silent' or d.last_seen_at is not distinct from w.saved_seen_at)
      order by d.key for update of d
    )
    update devices d set state = l.state, state_since = now(), last_seen_at = coalesce(l.seen_at, d.last_seen_at)
    from locked l where d.key = l.key
    returning d.id, d.key, d.organisation_id, d.hidden, d.name, l.state, l.before, l.reason`);
  return rows.map((row) => ({
    id: row.id,
    key: row.key,
    organisationId: row.organisation_id,
    hidden: row.hidden,
    name: row.name,
    state: row.state,
    before: row.before,
    reason: row.reason,
  }));
}

export interface SeenRow {
  readonly deviceKey: number;
  readonly lastSeenMs: number;
  readonly paceSeconds: number | undefined;
  readonly firmwareVersion: string | undefined;
}

/** Writes when devices were last heard, all in one statement. */
export async function saveSeen(db: Queryable, rows: readonly SeenRow[]): Promise<void> {
  const sorted = rows.toSorted((one, other) => one.deviceKey - other.deviceKey);
  await db.query(sql`
    with locked as (
      select d.key, n.seen_at, n.pace_seconds, n.firmware_version
      from unnest(${sorted.map((row) => row.deviceKey)}::integer[], ${sorted.map((row) => iso(row.lastSeenMs))}::timestamptz[],
        ${sorted.map((row) => row.paceSeconds ?? null)}::float8[], ${sorted.map((row) => row.firmwareVersion ?? null)}::text[])
        as n (key, seen_at, pace_seconds, firmware_version) join devices d on d.key = n.key
      order by d.key for update of d)
    update devices d set last_seen_at = l.seen_at, pace_seconds = l.pace_seconds, firmware_version = coalesce(l.firmware_version, d.firmware_version)
    from locked l where d.key = l.key`);
}

/** What the database says of devices whose change was not believed. */
export async function readPresence(
  db: Queryable,
  deviceKeys: readonly number[],
): Promise<{ key: number; state: "waiting" | "online" | "offline" | "revoked"; lastSeenMs: number | undefined }[]> {
  const rows = await db.query<{ key: number; state: "waiting" | "online" | "offline" | "revoked"; last_seen_at: Date | null }>(
    sql`select d.key, d.state, d.last_seen_at from devices d where d.key = any(${deviceKeys}::integer[])`,
  );
  return rows.map((row) => ({ key: row.key, state: row.state, lastSeenMs: row.last_seen_at?.getTime() }));
}
