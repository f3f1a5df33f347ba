import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import type { Override, Rotation } from "./rotation.ts";

/** A schedule as it is kept. */
export interface StoredSchedule extends Rotation {
  readonly id: string;
  readonly name: string;
}

/** Somebody in a rotation or an override. */
export interface KnownPerson {
  readonly name: string;
  readonly hasLeft: boolean;
}

interface ScheduleRow {
  id: string;
  name: string;
  time_zone: string;
  hand_over_time: string;
  shift: Rotation["shift"];
  hand_over_day: number | null;
  shift_hours: number | null;
  starts_on: string;
  people: string[];
}

const columns = sql`s.id, s.name, s.time_zone, s.hand_over_time, s.shift, s.hand_over_day, s.shift_hours, s.starts_on,
  array(select m.person_id::text from on_call_members m where m.schedule_id = s.id order by m.position) as people`;

function toSchedule(row: ScheduleRow): StoredSchedule {
  return {
    id: row.id,
    name: row.name,
    timeZone: row.time_zone,
    handOverTime: row.hand_over_time,
    shift: row.shift,
    handOverDay: row.hand_over_day ?? undefined,
    shiftHours: row.shift_hours ?? undefined,
    startsOn: row.starts_on,
    people: row.people,
  };
}

/** Schedules by name. */
export async function selectSchedules(db: Queryable, organisationId: string, id?: string): Promise<StoredSchedule[]> {
  const rows = await db.query<ScheduleRow>(sql`
    select ${columns} from on_call_schedules s
    where s.organisation_id = ${organisationId} and ${id === undefined ? sql`true` : sql`s.id = ${id}::uuid`}
    order by lower(s.name), s.id`);
  return rows.map(toSchedule);
}

/** Two people who change at once wait for each other here. */
export async function lockOrganisation(tx: Transaction, organisationId: string): Promise<void> {
  await tx.query(sql`select 1 from organisations o where o.id = ${organisationId} for no key update`);
}

export async function isNameTaken(tx: Transaction, organisationId: string, name: string, but?: string): Promise<boolean> {
  const rows = await tx.query(sql`
    select from on_call_schedules s where s.organisation_id = ${organisationId} and lower(s.name) = lower(${name}) and s.id is distinct from ${but ?? null}::uuid`);
  return rows.length > 0;
}

/** Puts a schedule there, or in the place of the one with its id. */
export async function saveSchedule(tx: Transaction, organisationId: string, schedule: StoredSchedule): Promise<void> {
  const { id, name, timeZone, handOverTime, shift, handOverDay, shiftHours, startsOn, people } = schedule;
  await tx.query(sql`
    insert into on_call_schedules (id, organisation_id, name, time_zone, hand_over_time, shift, hand_over_day, shift_hours, starts_on)
    values (${id}, ${organisationId}, ${name}, ${timeZone}, ${handOverTime}, ${shift}, ${handOverDay ?? null}, ${shiftHours ?? null}, ${startsOn})
    on conflict (id) do update set name = excluded.name, time_zone = excluded.time_zone, hand_over_time = excluded.hand_over_time,
      shift = excluded.shift, hand_over_day = excluded.hand_over_day, shift_hours = excluded.shift_hours, starts_on = excluded.starts_on`);
  await tx.query(sql`delete from on_call_members where schedule_id = ${id}`);
  await tx.query(sql`
    insert into on_call_members (schedule_id, organisation_id, position, person_id)
    select ${id}::uuid, ${organisationId}::uuid, n.position, n.person_id
    from unnest(${[...people]}::uuid[]) with ordinality as n (person_id, position)`);
}

export async function deleteSchedule(tx: Transaction, organisationId: string, id: string): Promise<void> {
  await tx.query(sql`delete from on_call_schedules where id = ${id} and organisation_id = ${organisationId}`);
}

/** What is known of people: absent for an id that belongs to nobody here; `hasLeft` for one whose time here is over. */
export async function selectPeople(db: Queryable, organisationId: string): Promise<ReadonlyMap<string, KnownPerson>> {
  const rows = await db.query<{ id: string; name: string; has_left: boolean }>(sql`
    select p.id::text, p.name, coalesce(m.expires_at <= now(), false) as has_left
    from memberships m join people p on p.id = m.person_id where m.organisation_id = ${organisationId}`);
  return new Map(rows.map((row) => [row.id, { name: row.name, hasLeft: row.has_left }]));
}

export interface StoredOverride extends Override {
  readonly scheduleId: string;
  readonly createdBy: string;
}

interface OverrideRow {
  id: string;
  schedule_id: string;
  person_id: string;
  from_at: Date;
  to_at: Date;
  reason: string;
  created_by: string;
}

const toOverride = (row: OverrideRow): StoredOverride => ({
  id: row.id,
  scheduleId: row.schedule_id,
  personId: row.person_id,
  from: row.from_at,
  to: row.to_at,
  reason: row.reason,
  createdBy: row.created_by,
});

/** Overrides that hold at some time of a range, the earliest first. */
export async function selectOverrides(
  db: Queryable,
  organisationId: string,
  where: { from: Date; to?: Date | undefined; scheduleId?: string | undefined },
): Promise<StoredOverride[]> {
  const rows = await db.query<OverrideRow>(sql`
    select o.id, o.schedule_id, o.person_id::text, o.from_at, o.to_at, o.reason, o.created_by from on_call_overrides o
    where o.organisation_id = ${organisationId} and o.to_at > ${where.from}
      and ${where.to === undefined ? sql`true` : sql`o.from_at < ${where.to}`}
      and ${where.scheduleId === undefined ? sql`true` : sql`o.schedule_id = ${where.scheduleId}::uuid`}
    order by o.from_at, o.id`);
  return rows.map(toOverride);
}

export async function findOverride(tx: Transaction, organisationId: string, id: string): Promise<StoredOverride | undefined> {
  const [row] = await tx.query<OverrideRow>(sql`
    select o.id, o.schedule_id, o.person_id::text, o.from_at, o.to_at, o.reason, o.created_by from on_call_overrides o
    where o.organisation_id = ${organisationId} and o.id = ${id}`);
  return row === undefined ? undefined : toOverride(row);
}

export async function insertOverride(tx: Transaction, organisationId: string, override: StoredOverride): Promise<void> {
  await tx.query(sql`
    insert into on_call_overrides (id, organisation_id, schedule_id, person_id, from_at, to_at, reason, created_by)
    values (${override.id}, ${organisationId}, ${override.scheduleId}, ${override.personId}, ${override.from}, ${override.to}, ${override.reason},
      ${override.createdBy})`);
}

export async function deleteOverride(tx: Transaction, organisationId: string, id: string): Promise<void> {
  await tx.query(sql`delete from on_call_overrides where id = ${id} and organisation_id = ${organisationId}`);
}

export interface StoredFeed {
  readonly id: string;
  readonly organisationId: string;
  readonly name: string;
  readonly scheduleId: string | undefined;
  readonly createdAt: Date;
  readonly lastReadAt: Date | undefined;
}

interface FeedRow {
  id: string;
  organisation_id: string;
  name: string;
  schedule_id: string | null;
  created_at: Date;
  last_read_at: Date | null;
}

const toFeed = (row: FeedRow): StoredFeed => ({
  id: row.id,
  organisationId: row.organisation_id,
  name: row.name,
  scheduleId: row.schedule_id ?? undefined,
  createdAt: row.created_at,
  lastReadAt: row.last_read_at ?? undefined,
});

export async function selectFeeds(db: Queryable, organisationId: string): Promise<StoredFeed[]> {
  const rows = await db.query<FeedRow>(sql`
    select f.id, f.organisation_id, f.name, f.schedule_id, f.created_at, f.last_read_at from on_call_feeds f
    where f.organisation_id = ${organisationId} order by f.id`);
  return rows.map(toFeed);
}

export async function insertFeed(tx: Transaction, feed: StoredFeed, tokenHash: Buffer): Promise<void> {
  await tx.query(sql`
    insert into on_call_feeds (id, organisation_id, name, schedule_id, token_hash, created_at)
    values (${feed.id}, ${feed.organisationId}, ${feed.name}, ${feed.scheduleId ?? null}, ${tokenHash}, ${feed.createdAt})`);
}

/** @returns It, as it was. */
export async function deleteFeed(tx: Transaction, organisationId: string, id: string): Promise<StoredFeed | undefined> {
  const [row] = await tx.query<FeedRow>(sql`
    delete from on_call_feeds f where f.id = ${id} and f.organisation_id = ${organisationId}
    returning f.id, f.organisation_id, f.name, f.schedule_id, f.created_at, f.last_read_at`);
  return row === undefined ? undefined : toFeed(row);
}

/** The feed whose address carries this, with a note that it was read. */
export async function readFeed(db: Queryable, tokenHash: Buffer, at: Date): Promise<StoredFeed | undefined> {
  const [row] = await db.query<FeedRow>(sql`
    update on_call_feeds f set last_read_at = ${at} where f.token_hash = ${tokenHash}
    returning f.id, f.organisation_id, f.name, f.schedule_id, f.created_at, f.last_read_at`);
  return row === undefined ? undefined : toFeed(row);
}
