import { sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Queryable } from "../db.ts";

/** Whose key it is, and which. */
export interface KeyPlace {
  readonly organisationId: string;
  readonly callerKind: "person" | "token";
  readonly callerId: string;
  readonly keyDigest: Buffer;
}

/** What is known of a key. */
export interface KeptRequest {
  readonly requestDigest: Buffer;
  readonly rightsDigest: Buffer;
  /** Absent while it is under way or cut off. */
  readonly status: number | undefined;
  /** Absent in a settled one: its answer could not be kept. */
  readonly answerSealed: Buffer | undefined;
  readonly begunAt: Date;
  readonly settledAt: Date | undefined;
  readonly leaseUntil: Date;
  readonly expiresAt: Date;
}

/** `begun`: the work is the asker's. `full`: they hold too many. `raced`: another changed the row in this moment, so look again. */
export type Beginning = "begun" | "full" | "raced" | KeptRequest;

interface BeginningRow {
  begun: boolean;
  is_full: boolean;
  request_digest: Buffer | null;
  rights_digest: Buffer | null;
  status: number | null;
  answer_sealed: Buffer | null;
  begun_at: Date | null;
  settled_at: Date | null;
  lease_until: Date | null;
  expires_at: Date | null;
}

function at({ organisationId, callerKind, callerId, keyDigest }: KeyPlace): Sql {
  return sql`k.organisation_id = ${organisationId} and k.caller_kind = ${callerKind} and k.caller_id = ${callerId} and k.key_digest = ${keyDigest}`;
}

/** Takes a key, or says what is known of it, in one statement: two servers that ask at once cannot both be told to begin. */
export async function takeKey(
  db: Queryable,
  place: KeyPlace,
  given: { runId: string; requestDigest: Buffer; rightsDigest: Buffer; now: Date; leaseUntil: Date; expiresAt: Date; most: number },
): Promise<Beginning> {
  const { organisationId, callerKind, callerId, keyDigest } = place;
  const [row] = await db.query<BeginningRow>(sql`
    with held as (
      select count(*) >= ${given.most} as is_full from (
        select from idempotency_keys c where c.organisation_id = ${organisationId} and c.caller_kind = ${callerKind} and c.caller_id = ${callerId}
        limit ${given.most}) n),
    taken as (
      insert into idempotency_keys as k
        (organisation_id, caller_kind, caller_id, key_digest, run_id, request_digest, rights_digest, lease_until, expires_at)
      select ${organisationId}::uuid, ${callerKind}, ${callerId}::uuid, ${keyDigest}::bytea, ${given.runId}::uuid, ${given.requestDigest}::bytea,
        ${given.rightsDigest}::bytea, ${given.leaseUntil}::timestamptz, ${given.expiresAt}::timestamptz
      from held h where not h.is_full or exists (select from idempotency_keys k where ${at(place)})
      on conflict (organisation_id, caller_kind, caller_id, key_digest) do update
        set run_id = excluded.run_id, request_digest = excluded.request_digest, rights_digest = excluded.rights_digest, status = null, answer_sealed = null,
          begun_at = clock_timestamp(), settled_at = null, lease_until = excluded.lease_until, expires_at = excluded.expires_at
        where k.expires_at <= ${given.now}
      returning k.run_id)
    select t.run_id is not null as begun, h.is_full, k.request_digest, k.rights_digest, k.status, k.answer_sealed, k.begun_at, k.settled_at, k.lease_until,
      k.expires_at
    from held h left join taken t on true left join idempotency_keys k on t.run_id is null and ${at(place)}`);
  if (row === undefined) throw new TypeError("What is known of a key has always one row.");
  if (row.begun) return "begun";
  if (
    row.request_digest === null ||
    row.rights_digest === null ||
    row.begun_at === null ||
    row.lease_until === null ||
    row.expires_at === null
  )
    return row.is_full ? "full" : "raced";
  // Seen as it was before somebody else took it anew.
  if (row.expires_at <= given.now) return "raced";
  return {
    requestDigest: row.request_digest,
    rightsDigest: row.rights_digest,
    status: row.status ?? undefined,
    answerSealed: row.answer_sealed ?? undefined,
    begunAt: row.begun_at,
    settledAt: row.settled_at ?? undefined,
    leaseUntil: row.lease_until,
    expiresAt: row.expires_at,
  };
}

/** Keeps what was answered. */
export async function keepAnswer(
  db: Queryable,
  place: KeyPlace,
  runId: string,
  { status, answerSealed }: { status: number; answerSealed: Buffer | undefined },
): Promise<void> {
  await db.query(sql`
    update idempotency_keys k set status = ${status}, answer_sealed = ${answerSealed ?? null}, settled_at = clock_timestamp()
    where ${at(place)} and k.run_id = ${runId}`);
}

/** Nothing was done: the key is free again. */
export async function freeKey(db: Queryable, place: KeyPlace, runId: string): Promise<void> {
  await db.query(sql`delete from idempotency_keys k where ${at(place)} and k.run_id = ${runId}`);
}

/** Nobody will say any more what came of it. */
export async function endLease(db: Queryable, place: KeyPlace, runId: string, now: Date): Promise<void> {
  await db.query(sql`update idempotency_keys k set lease_until = ${now} where ${at(place)} and k.run_id = ${runId}`);
}

/** Facts by which something comes into a scope or leaves it. */
const movingFacts = ["device.changed", "device.removed", "device.transferred", "site.removed", "device_group.removed"];

/** Says whether devices or places of the organisation have moved since a key was settled: what was in a scope then may be out of it now. */
export async function hasMovedSince(db: Queryable, place: KeyPlace, settledAt: Date): Promise<boolean> {
  // Ids of facts grow with time, and an index holds them; clocks of several servers are not one.
  const from = `${(settledAt.getTime() - 300_000).toString(16).padStart(12, "0")}${"0".repeat(20)}`;
  const [row] = await db.query<{ moved: boolean }>(sql`
    select exists (select from events e where e.organisation_id = ${place.organisationId} and e.id >= ${from}::uuid
      and e.type = any (${movingFacts}) and e.at > (select k.settled_at from idempotency_keys k where ${at(place)})) as moved`);
  return row?.moved ?? true;
}

/** Erases what is over, a batch at a time. @returns how many. */
export async function eraseExpired(db: Queryable, now: Date, batch = 1_000): Promise<number> {
  const rows = await db.query(sql`
    delete from idempotency_keys k where k.ctid in (select c.ctid from idempotency_keys c where c.expires_at <= ${now} limit ${batch})
    returning 1`);
  return rows.length;
}
