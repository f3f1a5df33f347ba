import type { KitQueryable, KitTransaction } from "@roost/contract/kit-host";
import { sql } from "@roost/contract/sql";

import type { CareReason } from "../contract/care-reasons.ts";
import type { CareCause } from "../contract/care.ts";
import type { Seen } from "./strong-change.ts";

export type JobState = "queued" | "running" | "waiting" | "done" | "refused" | "abstained" | "failed";

/** The newest work on a plant's plan. */
export interface CareJob {
  readonly plantId: string;
  readonly organisationId: string;
  readonly state: JobState;
  readonly cause: CareCause;
  readonly reason?: CareReason | undefined;
  readonly runAfter?: Date | undefined;
  readonly attempts: number;
  readonly askedAt: Date;
  readonly finishedAt?: Date | undefined;
}

/** Work that was taken up; only who holds the lease may say what came of it. */
export interface LeasedJob extends CareJob {
  readonly lease: string;
}

interface JobRow {
  plant_id: string;
  organisation_id: string;
  state: JobState;
  cause: CareCause;
  reason: CareReason | null;
  run_after: Date | null;
  attempts: number;
  asked_at: Date;
  finished_at: Date | null;
}

const columns = sql`j.plant_id, j.organisation_id, j.state, j.cause, j.reason, j.run_after, j.attempts, j.asked_at, j.finished_at`;

function jobOf(row: JobRow): CareJob {
  return {
    plantId: row.plant_id,
    organisationId: row.organisation_id,
    state: row.state,
    cause: row.cause,
    reason: row.reason ?? undefined,
    runAfter: row.run_after ?? undefined,
    attempts: row.attempts,
    askedAt: row.asked_at,
    finishedAt: row.finished_at ?? undefined,
  };
}

/** Asks for a plan. What runs already goes on, what waits or is finished begins anew; a person's wish stays one whatever comes after. */
export async function askForPlan(
  db: KitQueryable,
  { plantId, organisationId, cause, at }: { plantId: string; organisationId: string; cause: CareCause; at: Date },
): Promise<void> {
  await db.query(sql`
    insert into kit_garden.care_jobs (plant_id, organisation_id, state, cause, run_after, asked_at)
    values (${plantId}, ${organisationId}, 'queued', ${cause}, ${at}, ${at})
    on conflict (plant_id) do update set state = 'queued', reason = null, run_after = excluded.run_after, attempts = 0,
      asked_at = excluded.asked_at, finished_at = null,
      cause = case when care_jobs.state = 'queued' and care_jobs.cause = 'on_demand' then 'on_demand' else excluded.cause end
    where care_jobs.state <> 'running'`);
}

/** The first wish for a plant's plan; nothing where there was one ever. */
export async function askForFirstPlan(
  db: KitQueryable,
  { plantId, organisationId, at }: { plantId: string; organisationId: string; at: Date },
): Promise<void> {
  await db.query(sql`
    insert into kit_garden.care_jobs (plant_id, organisation_id, state, cause, run_after, asked_at)
    values (${plantId}, ${organisationId}, 'queued', 'new_plant', ${at}, ${at}) on conflict do nothing`);
}

/** @returns Whether this is the first strong change of the day: the others have asked for nothing new. */
export async function noteStrongChange(
  db: KitQueryable,
  { plantId, organisationId, at, dayBefore }: { plantId: string; organisationId: string; at: Date; dayBefore: Date },
): Promise<boolean> {
  const rows = await db.query(sql`
    insert into kit_garden.care_jobs (plant_id, organisation_id, state, cause, run_after, asked_at, strong_at)
    values (${plantId}, ${organisationId}, 'queued', 'strong_change', ${at}, ${at}, ${at})
    on conflict (plant_id) do update set strong_at = excluded.strong_at
      where care_jobs.strong_at is null or care_jobs.strong_at <= ${dayBefore}
    returning plant_id`);
  return rows.length > 0;
}

/** Any number will do, as long as it stays: servers that look for work at the same time meet here. */
const claimLock = 7_266_901;

/**
 * Takes up the next due work, unless so many others run: a person's wish first, then the longest due. Work whose holder went away comes again.
 *
 * @param orgsOn - Organisations that have the kit switched on.
 */
export async function claimJob(
  tx: KitTransaction,
  { lease, at, leaseUntil, parallel, orgsOn }: { lease: string; at: Date; leaseUntil: Date; parallel: number; orgsOn: readonly string[] },
): Promise<LeasedJob | undefined> {
  await tx.query(sql`select pg_advisory_xact_lock(${claimLock})`);
  const rows = await tx.query<JobRow>(sql`
    update kit_garden.care_jobs j set state = 'running', lease = ${lease}, lease_until = ${leaseUntil}, attempts = j.attempts + 1
    where j.plant_id = (
      select d.plant_id from kit_garden.care_jobs d
      where d.organisation_id = any(${orgsOn}::uuid[])
        and (select count(*) from kit_garden.care_jobs r where r.state = 'running' and r.lease_until > ${at}) < ${parallel}
        and (d.state in ('queued', 'waiting', 'abstained') and d.run_after <= ${at} or d.state = 'running' and d.lease_until <= ${at})
      order by d.cause = 'on_demand' desc, d.run_after, d.plant_id limit 1 for update skip locked)
    returning ${columns}`);
  const [row] = rows;
  return row === undefined ? undefined : { ...jobOf(row), lease };
}

/** Holds work a while longer. @returns Whether it was still held; if not, somebody else has taken it up. */
export async function holdJob(tx: KitTransaction, { plantId, lease }: LeasedJob, leaseUntil: Date): Promise<boolean> {
  const rows = await tx.query(sql`
    update kit_garden.care_jobs set lease_until = ${leaseUntil} where plant_id = ${plantId} and lease = ${lease} returning plant_id`);
  return rows.length > 0;
}

/** What came of work that was taken up. */
export interface JobEnd {
  readonly state: Exclude<JobState, "running">;
  readonly reason?: CareReason | undefined;
  /** When it is taken up again; absent: not by itself. */
  readonly runAfter?: Date | undefined;
  /** It did not count as a try: nobody was asked. */
  readonly uncounted?: true;
}

/** @returns Whether the lease still held; if not, somebody else has taken it up and says what comes of it. */
export async function finishJob(db: KitQueryable, { plantId, lease }: LeasedJob, end: JobEnd, at: Date): Promise<boolean> {
  const isOver = end.state !== "queued" && end.state !== "waiting";
  const rows = await db.query(sql`
    update kit_garden.care_jobs set state = ${end.state}, reason = ${end.reason ?? null}, run_after = ${end.runAfter ?? null},
      lease = null, lease_until = null, finished_at = ${isOver ? at : null},
      attempts = ${end.uncounted === true ? sql`greatest(attempts - 1, 0)` : sql`attempts`}
    where plant_id = ${plantId} and lease = ${lease} returning plant_id`);
  return rows.length > 0;
}

/** A plant that is gone has no plans and wants none. What calls cost stays. */
export async function forgetPlant(tx: KitTransaction, plantId: string): Promise<void> {
  await tx.query(sql`delete from kit_garden.care_jobs where plant_id = ${plantId}`);
  await tx.query(sql`delete from kit_garden.care_plans where plant_id = ${plantId}`);
}

export async function deleteJob(db: KitQueryable, plantId: string): Promise<void> {
  await db.query(sql`delete from kit_garden.care_jobs where plant_id = ${plantId}`);
}

/** What waits is looked at again at once: settings have changed. */
export async function wakeWaiting(db: KitQueryable, organisationId: string, at: Date): Promise<void> {
  await db.query(sql`
    update kit_garden.care_jobs set state = 'queued', reason = null, run_after = ${at}, attempts = 0
    where organisation_id = ${organisationId} and state = 'waiting'`);
}

/** A plant that there was nothing to say of is looked at again at once. */
export async function wakeAbstained(db: KitQueryable, plantId: string, at: Date): Promise<void> {
  await db.query(sql`update kit_garden.care_jobs set run_after = ${at} where plant_id = ${plantId} and state = 'abstained'`);
}

/** Asks anew for plans of an organisation whose last work ended before then. @returns How many. */
export async function askForOldPlans(
  db: KitQueryable,
  { organisationId, endedBefore, at }: { organisationId: string; endedBefore: Date; at: Date },
): Promise<number> {
  const rows = await db.query(sql`
    update kit_garden.care_jobs set state = 'queued', cause = 'weekly', reason = null, run_after = ${at}, attempts = 0, asked_at = ${at},
      finished_at = null
    where organisation_id = ${organisationId} and state in ('done', 'refused', 'failed', 'abstained') and finished_at <= ${endedBefore}
    returning plant_id`);
  return rows.length;
}

/** How an organisation's plants were when they were last looked at, by plant; those that no plan was ever wanted for are not in it. */
export async function selectSeen(db: KitQueryable, organisationId: string): Promise<Map<string, Seen | undefined>> {
  const rows = await db.query<{ plant_id: string; seen: Seen | null }>(
    sql`select j.plant_id, j.seen from kit_garden.care_jobs j where j.organisation_id = ${organisationId}`,
  );
  return new Map(rows.map(({ plant_id: plantId, seen }) => [plantId, seen ?? undefined]));
}

export async function saveSeen(db: KitQueryable, plantId: string, seen: Seen): Promise<void> {
  await db.query(sql`update kit_garden.care_jobs set seen = ${JSON.stringify(seen)} where plant_id = ${plantId}`);
}

export async function selectJob(db: KitQueryable, plantId: string): Promise<CareJob | undefined> {
  const [row] = await db.query<JobRow>(sql`select ${columns} from kit_garden.care_jobs j where j.plant_id = ${plantId}`);
  return row === undefined ? undefined : jobOf(row);
}

/** Work on the plans of plants that are there, with their names, the newest first. */
export async function selectJobs(db: KitQueryable, organisationId: string): Promise<{ job: CareJob; plantName: string }[]> {
  const rows = await db.query<JobRow & { plant_name: string }>(sql`
    select ${columns}, p.name as plant_name from kit_garden.care_jobs j join kit_garden.plants p on p.id = j.plant_id
    where j.organisation_id = ${organisationId} and p.removed_at is null order by j.asked_at desc, j.plant_id limit 2000`);
  return rows.map((row) => ({ job: jobOf(row), plantName: row.plant_name }));
}
