import type { FlagSetting } from "@roost/contract/flags";
import type { PlanEntry, PlanState, PlanStep, RolloutPlan } from "@roost/contract/rollout-plans";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { PlanProgress } from "./plan.ts";

/** What the flags were before a plan began, by key. */
export type BeforePlan = Readonly<Record<string, { readonly setting: FlagSetting; readonly killedByPerson: boolean }>>;

/** A plan as it is stored: what people see, and what only its turns need. */
export interface StoredPlan {
  readonly shown: RolloutPlan;
  readonly progress: PlanProgress;
  readonly before: BeforePlan | undefined;
  readonly watchingSince: Date | undefined;
  /** Since the wait was last counted, by the database's clock; nothing where it stands. */
  readonly sinceCountedMs: number | undefined;
}

interface PlanRow {
  id: string;
  name: string;
  about: string;
  roll_back_on_failure: boolean;
  steps: PlanStep[];
  state: PlanState;
  step: number;
  watched_ms: number;
  watching_since: Date | null;
  since_counted_ms: number | null;
  paused_from: "running" | "waiting" | null;
  gate_failed: boolean;
  why: string | null;
  before: BeforePlan | null;
  created_at: Date;
  created_by: string;
  started_at: Date | null;
  step_began_at: Date | null;
  ended_at: Date | null;
}

const columns = sql`p.id, p.name, p.about, p.roll_back_on_failure, p.steps, p.state, p.step, p.watched_ms, p.watching_since,
  (extract(epoch from clock_timestamp() - p.watched_at) * 1000)::float8 as since_counted_ms, p.paused_from, p.gate_failed, p.why, p.before,
  p.created_at, p.created_by, p.started_at, p.step_began_at, p.ended_at`;

function planOf(row: PlanRow): StoredPlan {
  return {
    shown: {
      id: row.id,
      name: row.name,
      about: row.about,
      state: row.state,
      steps: row.steps,
      rollBackOnFailure: row.roll_back_on_failure,
      step: row.step,
      watchedSeconds: row.watched_ms / 1_000,
      ...(row.why === null ? {} : { why: row.why }),
      createdAt: row.created_at,
      createdBy: row.created_by,
      ...(row.started_at === null ? {} : { startedAt: row.started_at }),
      ...(row.step_began_at === null ? {} : { stepBeganAt: row.step_began_at }),
      ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
    },
    progress: {
      state: row.state,
      step: row.step,
      watchedMs: row.watched_ms,
      pausedFrom: row.paused_from ?? undefined,
      gateFailed: row.gate_failed,
      why: row.why ?? undefined,
    },
    before: row.before ?? undefined,
    watchingSince: row.watching_since ?? undefined,
    sinceCountedMs: row.since_counted_ms ?? undefined,
  };
}

const uniqueViolation = "23505";

/** Newest first. */
export async function selectPlans(db: Queryable, limit: number): Promise<StoredPlan[]> {
  const rows = await db.query<PlanRow>(sql`select ${columns} from rollout_plans p order by p.created_at desc, p.id desc limit ${limit}`);
  return rows.map(planOf);
}

/** Those whose gates have to be watched. */
export async function selectWatched(db: Queryable): Promise<StoredPlan[]> {
  const rows = await db.query<PlanRow>(sql`select ${columns} from rollout_plans p where p.state in ('running', 'waiting') order by p.id`);
  return rows.map(planOf);
}

export async function findPlan(db: Queryable, planId: string): Promise<StoredPlan | undefined> {
  const [row] = await db.query<PlanRow>(sql`select ${columns} from rollout_plans p where p.id = ${planId}`);
  return row === undefined ? undefined : planOf(row);
}

export async function lockPlan(tx: Transaction, planId: string): Promise<StoredPlan | undefined> {
  const [row] = await tx.query<PlanRow>(sql`select ${columns} from rollout_plans p where p.id = ${planId} for update`);
  return row === undefined ? undefined : planOf(row);
}

/** The same, or nothing where another server has it under its lock: that one is about to turn it. */
export async function tryLockPlan(tx: Transaction, planId: string): Promise<StoredPlan | undefined> {
  const [row] = await tx.query<PlanRow>(sql`select ${columns} from rollout_plans p where p.id = ${planId} for update skip locked`);
  return row === undefined ? undefined : planOf(row);
}

export async function countPlans(db: Queryable): Promise<number> {
  const [row] = await db.query<{ count: number }>(sql`select count(*)::int as count from rollout_plans`);
  return row?.count ?? 0;
}

export async function insertPlan(
  tx: Transaction,
  plan: { name: string; about: string; rollBackOnFailure: boolean; steps: readonly PlanStep[]; by: string },
): Promise<string> {
  const id = newId();
  await tx.query(sql`
    insert into rollout_plans (id, name, about, roll_back_on_failure, steps, state, created_by)
    values (${id}, ${plan.name}, ${plan.about}, ${plan.rollBackOnFailure}, ${JSON.stringify(plan.steps)}, 'draft', ${plan.by})`);
  await tx.query(sql`
    insert into rollout_plan_flags (plan_id, flag_key) select ${id}, k.key from unnest(${keysOf(plan.steps)}::text[]) as k (key)`);
  return id;
}

/** The flags that a plan's steps change, each once, in order: whoever locks several locks them so. */
export function keysOf(steps: readonly PlanStep[]): string[] {
  return [...new Set(steps.flatMap(({ changes }) => changes.map(({ flag }) => flag)))].sort();
}

export async function deletePlan(tx: Transaction, planId: string): Promise<void> {
  await tx.query(sql`delete from rollout_plans where id = ${planId}`);
}

/** @param counting - The wait is counted on from now; else it stands. */
export async function savePlan(
  tx: Transaction,
  planId: string,
  progress: PlanProgress,
  {
    counting,
    began,
    watchAnew,
    started,
    ended,
  }: { counting: boolean; began: boolean; watchAnew: boolean; started: boolean; ended: boolean },
): Promise<void> {
  await tx.query(sql`
    update rollout_plans as p set state = ${progress.state}, step = ${progress.step}, watched_ms = ${progress.watchedMs},
      watched_at = case when ${counting}::boolean then clock_timestamp() end,
      watching_since = case when ${watchAnew}::boolean then clock_timestamp() else p.watching_since end,
      paused_from = ${progress.pausedFrom ?? null}, gate_failed = ${progress.gateFailed}, why = ${progress.why ?? null},
      step_began_at = case when ${began}::boolean then clock_timestamp() else p.step_began_at end,
      started_at = case when ${started}::boolean then clock_timestamp() else p.started_at end,
      ended_at = case when ${ended}::boolean then clock_timestamp() else p.ended_at end
    where p.id = ${planId}`);
}

export async function saveBefore(tx: Transaction, planId: string, before: BeforePlan): Promise<void> {
  await tx.query(sql`update rollout_plans set before = ${JSON.stringify(before)} where id = ${planId}`);
}

/** @returns False where another plan has taken one of the flags at this very moment; the transaction is lost then. */
export async function holdFlags(tx: Transaction, planId: string, held: boolean): Promise<boolean> {
  try {
    await tx.query(sql`update rollout_plan_flags set under_way = ${held} where plan_id = ${planId}`);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === uniqueViolation) return false;
    throw error;
  }
}

/** The plan under way that holds a flag, if there is one. */
export async function findHolder(db: Queryable, flagKey: string): Promise<string | undefined> {
  const [row] = await db.query<{ plan_id: string }>(
    sql`select h.plan_id from rollout_plan_flags h where h.flag_key = ${flagKey} and h.under_way`,
  );
  return row?.plan_id;
}

/** A flag of this plan that another plan under way holds. */
export async function findForeignHold(db: Queryable, planId: string): Promise<{ flag: string; plan: string } | undefined> {
  const [row] = await db.query<{ flag_key: string; name: string }>(sql`
    select h.flag_key, p.name from rollout_plan_flags m
    join rollout_plan_flags h on h.flag_key = m.flag_key and h.under_way and h.plan_id <> m.plan_id
    join rollout_plans p on p.id = h.plan_id
    where m.plan_id = ${planId} limit 1`);
  return row === undefined ? undefined : { flag: row.flag_key, plan: row.name };
}

/** Plans that name flags and are not over, by flag; with `all`, also those that are. */
export async function plansByFlag(
  db: Queryable,
  keys: readonly string[],
): Promise<Map<string, { id: string; name: string; state: PlanState }[]>> {
  const rows = await db.query<{ flag_key: string; id: string; name: string; state: PlanState }>(sql`
    select m.flag_key, p.id, p.name, p.state from rollout_plan_flags m join rollout_plans p on p.id = m.plan_id
    where m.flag_key = any(${keys}::text[]) and p.state in ('draft', 'running', 'waiting', 'paused')
    order by m.flag_key, p.created_at desc`);
  const found = new Map<string, { id: string; name: string; state: PlanState }[]>();
  for (const { flag_key, ...plan } of rows) found.set(flag_key, [...(found.get(flag_key) ?? []), plan]);
  return found;
}

/** Says whether any plan, over or not, names the flag. */
export async function isNamedByPlan(db: Queryable, key: string): Promise<boolean> {
  return (await db.query(sql`select 1 from rollout_plan_flags m where m.flag_key = ${key} limit 1`)).length > 0;
}

export async function insertPlanEntry(tx: Transaction, planId: string, entry: Omit<PlanEntry, "at">): Promise<void> {
  await tx.query(sql`
    insert into rollout_entries (id, plan_id, what, by, step, why)
    values (${newId()}, ${planId}, ${entry.what}, ${entry.by}, ${entry.step}, ${entry.why ?? null})`);
}

/** Oldest first. */
export async function selectPlanEntries(db: Queryable, planId: string): Promise<PlanEntry[]> {
  const rows = await db.query<{ at: Date; what: PlanEntry["what"]; by: string; step: number; why: string | null }>(sql`
    select e.at, e.what, e.by, e.step, e.why from rollout_entries e where e.plan_id = ${planId} order by e.at, e.id`);
  return rows.map(({ at, what, by, step, why }) => ({ at, what, by, step, ...(why === null ? {} : { why }) }));
}
