import type { AlarmKind, Severity } from "@roost/contract/alarms";
import type { Preferences } from "@roost/contract/preferences";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

/** Preferences with what is due by them. */
export interface StoredPreferences extends Preferences {
  readonly nextDigestAt: Date | undefined;
  /** Up to where the last daily digest told. */
  readonly digestedUntil: Date | undefined;
}

export interface PreferenceRow {
  hears: Preferences["hears"];
  min_severity: Severity;
  kinds: AlarmKind[] | null;
  inbox_min_severity: Severity | null;
  time_zone: string;
  quiet_from: string | null;
  quiet_to: string | null;
  digest_at: string | null;
  next_digest_at: Date | null;
  digested_until: Date | null;
}

const columns = sql`n.hears, n.min_severity, n.kinds, n.inbox_min_severity, n.time_zone, n.quiet_from, n.quiet_to, n.digest_at, n.next_digest_at,
  n.digested_until`;

export function toPreferences(row: PreferenceRow): StoredPreferences {
  return {
    hears: row.hears,
    minSeverity: row.min_severity,
    ...(row.kinds === null ? {} : { kinds: row.kinds }),
    ...(row.inbox_min_severity === null ? {} : { inboxMinSeverity: row.inbox_min_severity }),
    timeZone: row.time_zone,
    ...(row.quiet_from === null || row.quiet_to === null ? {} : { quietHours: { from: row.quiet_from, to: row.quiet_to } }),
    ...(row.digest_at === null ? {} : { dailyDigestAt: row.digest_at }),
    nextDigestAt: row.next_digest_at ?? undefined,
    digestedUntil: row.digested_until ?? undefined,
  };
}

export async function findPreferences(db: Queryable, organisationId: string, personId: string): Promise<StoredPreferences | undefined> {
  const [row] = await db.query<PreferenceRow>(sql`
    select ${columns} from notification_preferences n where n.organisation_id = ${organisationId} and n.person_id = ${personId}::uuid`);
  return row === undefined ? undefined : toPreferences(row);
}

export async function savePreferences(tx: Transaction, organisationId: string, personId: string, given: StoredPreferences): Promise<void> {
  await tx.query(sql`
    insert into notification_preferences (organisation_id, person_id, hears, min_severity, kinds, inbox_min_severity, time_zone, quiet_from,
      quiet_to, digest_at, next_digest_at, digested_until)
    values (${organisationId}, ${personId}::uuid, ${given.hears}, ${given.minSeverity}, ${given.kinds ?? null}::text[],
      ${given.inboxMinSeverity ?? null}, ${given.timeZone},
      ${given.quietHours?.from ?? null}, ${given.quietHours?.to ?? null}, ${given.dailyDigestAt ?? null}, ${given.nextDigestAt ?? null},
      ${given.digestedUntil ?? null})
    on conflict (organisation_id, person_id) do update set hears = excluded.hears, min_severity = excluded.min_severity, kinds = excluded.kinds,
      inbox_min_severity = excluded.inbox_min_severity, time_zone = excluded.time_zone, quiet_from = excluded.quiet_from,
      quiet_to = excluded.quiet_to, digest_at = excluded.digest_at, next_digest_at = excluded.next_digest_at,
      digested_until = excluded.digested_until`);
}

/** Whose daily digest is due. */
export async function selectDueDigests(db: Queryable, now: Date, limit: number): Promise<{ organisationId: string; personId: string }[]> {
  const rows = await db.query<{ organisation_id: string; person_id: string }>(sql`
    select n.organisation_id, n.person_id::text from notification_preferences n where n.next_digest_at <= ${now} and roost_is_open(n.organisation_id)
    order by n.next_digest_at limit ${limit}`);
  return rows.map((row) => ({ organisationId: row.organisation_id, personId: row.person_id }));
}
