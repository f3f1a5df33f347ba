import type { DeadManSwitch } from "@roost/contract/dead-man";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

interface SwitchRow {
  address_masked: string;
  method: "GET" | "POST";
  every_seconds: number;
  enabled: boolean;
  next_beat_at: Date;
  last_beat_at: Date | null;
  last_outcome: "sent" | "failed" | "withheld" | null;
  last_status: number | null;
  last_code: string | null;
}

function toSwitch(row: SwitchRow): DeadManSwitch {
  return {
    address: row.address_masked,
    method: row.method,
    everySeconds: row.every_seconds,
    enabled: row.enabled,
    nextBeatAt: row.next_beat_at,
    ...(row.last_beat_at === null ? {} : { lastBeatAt: row.last_beat_at }),
    ...(row.last_outcome === null ? {} : { lastOutcome: row.last_outcome }),
    ...(row.last_status === null ? {} : { lastStatus: row.last_status }),
    ...(row.last_code === null ? {} : { lastCode: row.last_code }),
  };
}

export async function selectSwitch(db: Queryable, organisationId: string): Promise<DeadManSwitch | undefined> {
  const [row] = await db.query<SwitchRow>(sql`
    select s.address_masked, s.method, s.every_seconds, s.enabled, s.next_beat_at, s.last_beat_at, s.last_outcome, s.last_status, s.last_code
    from dead_man_switches s where s.organisation_id = ${organisationId}`);
  return row === undefined ? undefined : toSwitch(row);
}

export async function saveSwitch(
  tx: Transaction,
  organisationId: string,
  given: { urlSealed: Buffer; address: string; method: "GET" | "POST"; everySeconds: number; enabled: boolean },
): Promise<void> {
  await tx.query(sql`
    insert into dead_man_switches (organisation_id, url_sealed, address_masked, method, every_seconds, enabled)
    values (${organisationId}, ${given.urlSealed}, ${given.address}, ${given.method}, ${given.everySeconds}, ${given.enabled})
    on conflict (organisation_id) do update set url_sealed = excluded.url_sealed, address_masked = excluded.address_masked,
      method = excluded.method, every_seconds = excluded.every_seconds, enabled = excluded.enabled, next_beat_at = now(), last_beat_at = null,
      last_outcome = null, last_status = null, last_code = null, changed_at = now()`);
}

export async function deleteSwitch(tx: Transaction, organisationId: string): Promise<void> {
  await tx.query(sql`delete from dead_man_switches where organisation_id = ${organisationId}`);
}

/** A switch whose time has come. */
export interface DueBeat {
  readonly organisationId: string;
  readonly urlSealed: Buffer;
  readonly method: "GET" | "POST";
  /** No delivery of the organisation works. */
  readonly isSilent: boolean;
}

/** Takes switches whose time has come, each by one server; the next time is set already. @param organisationId - This one's, whether due or not. */
export async function claimBeats(db: Queryable, organisationId?: string): Promise<DueBeat[]> {
  const which =
    organisationId === undefined
      ? sql`s.enabled and s.next_beat_at <= now() and roost_is_open(s.organisation_id)`
      : sql`s.organisation_id = ${organisationId}`;
  const rows = await db.query<{ organisation_id: string; url_sealed: Buffer; method: "GET" | "POST"; is_silent: boolean }>(sql`
    update dead_man_switches d set next_beat_at = now() + make_interval(secs => d.every_seconds)
    where d.organisation_id in (select s.organisation_id from dead_man_switches s where ${which} for update skip locked)
    returning d.organisation_id, d.url_sealed, d.method,
      exists (select 1 from delivery_silences q where q.organisation_id = d.organisation_id) as is_silent`);
  return rows.map((row) => ({
    organisationId: row.organisation_id,
    urlSealed: row.url_sealed,
    method: row.method,
    isSilent: row.is_silent,
  }));
}

export async function saveBeat(
  db: Queryable,
  organisationId: string,
  beat: { at: Date; outcome: "sent" | "failed" | "withheld"; status?: number | undefined; code?: string | undefined },
): Promise<void> {
  await db.query(sql`
    update dead_man_switches set last_beat_at = ${beat.at}, last_outcome = ${beat.outcome}, last_status = ${beat.status ?? null}, last_code = ${beat.code ?? null}
    where organisation_id = ${organisationId}`);
}

export async function findSilence(db: Queryable, organisationId: string): Promise<Date | undefined> {
  const [row] = await db.query<{ since: Date }>(sql`select q.since from delivery_silences q where q.organisation_id = ${organisationId}`);
  return row?.since;
}

/**
 * Organisations in which the first try that failed since the last delivery is older than `minutes`. Tests of people do not make one, but end it.
 *
 * @returns Those that fell silent now, and those that are heard again.
 */
export async function turnSilences(
  tx: Transaction,
  seconds: number,
): Promise<{ begun: { organisationId: string; since: Date }[]; ended: string[] }> {
  const begun = await tx.query<{ organisation_id: string; since: Date }>(sql`
    insert into delivery_silences (organisation_id, since)
    select o.organisation_id, f.since
    from (select distinct t.organisation_id from notification_targets t where t.kind <> 'inbox') o
    left join lateral (select max(a.at) as at from delivery_attempts a where a.organisation_id = o.organisation_id and a.outcome = 'delivered') w on true
    join lateral (select min(a.at) as since from delivery_attempts a join deliveries d on d.id = a.delivery_id
      where a.organisation_id = o.organisation_id and a.outcome = 'failed' and d.what <> 'test'
        and a.at > greatest(w.at, now() - interval '7 days')) f on f.since <= clock_timestamp() - make_interval(secs => ${seconds})
    on conflict do nothing returning organisation_id, since`);
  const ended = await tx.query<{ organisation_id: string }>(sql`
    delete from delivery_silences q
    where exists (select 1 from delivery_attempts a where a.organisation_id = q.organisation_id and a.outcome = 'delivered' and a.at > q.since)
      or not exists (select 1 from notification_targets t where t.organisation_id = q.organisation_id and t.kind <> 'inbox')
    returning q.organisation_id`);
  return {
    begun: begun.map((row) => ({ organisationId: row.organisation_id, since: row.since })),
    ended: ended.map((row) => row.organisation_id),
  };
}
