import type { Severity } from "@roost/contract/alarms";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import type { Channel, Known } from "./external-alarm.ts";

interface Row {
  id: string;
  organisation_id: string;
  device_id: string | null;
  channel: Channel;
  key: string;
  source: string;
  type: string;
  severity: Severity;
  title: string;
  text: string | null;
  probable_cause: string | null;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  generator_url: string | null;
  starts_at: Date;
  ends_at: Date | null;
  expires_at: Date | null;
}

function knownOf(row: Row): Known {
  return {
    id: row.id,
    organisationId: row.organisation_id,
    deviceId: row.device_id ?? undefined,
    channel: row.channel,
    key: row.key,
    source: row.source,
    type: row.type,
    severity: row.severity,
    title: row.title,
    text: row.text ?? undefined,
    probableCause: row.probable_cause ?? undefined,
    labels: row.labels,
    annotations: row.annotations,
    generatorUrl: row.generator_url ?? undefined,
    startsAt: row.starts_at,
    endsAt: row.ends_at ?? undefined,
    expiresAt: row.expires_at ?? undefined,
  };
}

/** One at a time takes what other systems say to an organisation: many of them may say the same at once. */
export async function lockIntake(tx: Transaction, organisationId: string): Promise<void> {
  await tx.query(sql`select pg_advisory_xact_lock(hashtextextended(${`external-alarms:${organisationId}`}, 0))`);
}

/** What is remembered under these keys, over or not. */
export async function selectByKeys(tx: Transaction, organisationId: string, channel: Channel, keys: readonly string[]): Promise<Known[]> {
  const rows = await tx.query<Row>(sql`
    select e.* from external_alarms e where e.organisation_id = ${organisationId} and e.channel = ${channel} and e.key = any(${keys}::text[])`);
  return rows.map(knownOf);
}

/** What holds now of these alarms. */
export async function selectHolding(
  db: Queryable,
  organisationId: string,
  alarms: readonly { readonly source: string; readonly type: string }[],
): Promise<Known[]> {
  if (alarms.length === 0) return [];
  const rows = await db.query<Row>(sql`
    select e.* from unnest(${alarms.map(({ source }) => source)}::text[], ${alarms.map(({ type }) => type)}::text[]) as k (source, type)
    join external_alarms e on e.organisation_id = ${organisationId} and e.source = k.source and e.type = k.type and e.ends_at is null`);
  return rows.map(knownOf);
}

export async function countHolding(tx: Transaction, organisationId: string): Promise<number> {
  const [row] = await tx.query<{ n: number }>(sql`
    select count(*) as n from external_alarms e where e.organisation_id = ${organisationId} and e.ends_at is null`);
  return row?.n ?? 0;
}

/** Remembers all of them in one statement: a storm of alerts is no storm of statements. */
export async function saveKnown(tx: Transaction, some: readonly Known[], now: Date): Promise<void> {
  if (some.length === 0) return;
  const rows = some.map((one) => ({
    id: one.id,
    organisation_id: one.organisationId,
    device_id: one.deviceId ?? null,
    channel: one.channel,
    key: one.key,
    source: one.source,
    type: one.type,
    severity: one.severity,
    title: one.title,
    text: one.text ?? null,
    probable_cause: one.probableCause ?? null,
    labels: one.labels,
    annotations: one.annotations,
    generator_url: one.generatorUrl ?? null,
    starts_at: one.startsAt,
    ends_at: one.endsAt ?? null,
    expires_at: one.expiresAt ?? null,
  }));
  await tx.query(sql`
    insert into external_alarms as e (id, organisation_id, device_id, channel, key, source, type, severity, title, text, probable_cause, labels,
      annotations, generator_url, starts_at, ends_at, expires_at, updated_at)
    select r.*, ${now}::timestamptz from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (id uuid, organisation_id uuid, device_id text,
      channel text, key text, source text, type text, severity text, title text, text text, probable_cause text, labels jsonb, annotations jsonb,
      generator_url text, starts_at timestamptz, ends_at timestamptz, expires_at timestamptz)
    on conflict (organisation_id, channel, key) do update set device_id = excluded.device_id, source = excluded.source, type = excluded.type,
      severity = excluded.severity, title = excluded.title, text = excluded.text, probable_cause = excluded.probable_cause,
      labels = excluded.labels, annotations = excluded.annotations, generator_url = excluded.generator_url, starts_at = excluded.starts_at,
      ends_at = excluded.ends_at, expires_at = excluded.expires_at, updated_at = excluded.updated_at`);
}

/** Whose alarms ran out. */
export async function selectOrganisationsWithExpired(db: Queryable, now: Date): Promise<string[]> {
  const rows = await db.query<{ organisation_id: string }>(
    sql`select distinct e.organisation_id from external_alarms e where e.ends_at is null and e.expires_at <= ${now}`,
  );
  return rows.map((row) => row.organisation_id);
}

/** What ran out, up to so many, those that ran out first before the others. */
export async function selectExpired(tx: Transaction, organisationId: string, now: Date, limit: number): Promise<Known[]> {
  const rows = await tx.query<Row>(sql`
    select e.* from external_alarms e where e.organisation_id = ${organisationId} and e.ends_at is null and e.expires_at <= ${now}
    order by e.expires_at, e.id limit ${limit}`);
  return rows.map(knownOf);
}

export async function endExpired(tx: Transaction, ids: readonly string[], now: Date): Promise<void> {
  await tx.query(sql`update external_alarms set ends_at = expires_at, updated_at = ${now} where id = any(${ids}::uuid[])`);
}

/** Forgets what is over for so long that no late message can name it. */
export async function deleteOver(db: Queryable, before: Date, limit: number): Promise<void> {
  await db.query(sql`
    delete from external_alarms where id = any(array(select e.id from external_alarms e where e.ends_at < ${before} limit ${limit}))`);
}

/**
 * Notes that somebody listens. After a time in which nobody did, all that was to run out has that much longer: it could not be told again. In one
 * transaction, so that the time is added once, whatever the number of servers.
 *
 * @returns How long nobody listened.
 */
export async function noteListening(tx: Transaction, now: Date, { gapMs }: { gapMs: number }): Promise<number> {
  await tx.query(sql`insert into external_alarm_watch (id, watched_at) values (1, ${now}) on conflict (id) do nothing`);
  const [row] = await tx.query<{ watched_at: Date }>(sql`select w.watched_at from external_alarm_watch w where w.id = 1 for update`);
  const since = row?.watched_at ?? now;
  const deafMs = now.getTime() - since.getTime();
  if (deafMs <= 0) return 0;
  await tx.query(sql`update external_alarm_watch set watched_at = ${now} where id = 1`);
  if (deafMs < gapMs) return 0;
  await tx.query(sql`
    update external_alarms set expires_at = expires_at + make_interval(secs => ${deafMs / 1_000})
    where ends_at is null and expires_at is not null and updated_at <= ${since}`);
  return deafMs;
}
