import type { FlagChange, FlagSetting, FlagType } from "@roost/contract/flags";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

/** A flag as it is stored. */
export interface StoredFlag {
  readonly key: string;
  readonly type: FlagType;
  readonly about: string;
  readonly setting: FlagSetting;
  readonly version: number;
  readonly createdAt: Date;
  readonly changedAt: Date;
  readonly changedBy: string;
  readonly archivedAt?: Date;
  readonly lastAskedAt?: Date;
  readonly killedByPerson: boolean;
}

interface FlagRow {
  key: string;
  type: FlagType;
  about: string;
  setting: FlagSetting;
  version: number;
  created_at: Date;
  changed_at: Date;
  changed_by: string;
  archived_at: Date | null;
  last_asked_at: Date | null;
  killed_by_person: boolean;
}

const columns = sql`f.key, f.type, f.about, f.setting, f.version, f.created_at, f.changed_at, f.changed_by, f.archived_at, f.last_asked_at, f.killed_by_person`;

function flagOf(row: FlagRow): StoredFlag {
  return {
    key: row.key,
    type: row.type,
    about: row.about,
    setting: row.setting,
    version: row.version,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    changedBy: row.changed_by,
    ...(row.archived_at === null ? {} : { archivedAt: row.archived_at }),
    ...(row.last_asked_at === null ? {} : { lastAskedAt: row.last_asked_at }),
    killedByPerson: row.killed_by_person,
  };
}

export async function selectFlags(db: Queryable, archived: "no" | "yes" | "all"): Promise<StoredFlag[]> {
  const rows = await db.query<FlagRow>(sql`
    select ${columns} from flags f
    where ${archived} = 'all' or (f.archived_at is not null) = (${archived} = 'yes')
    order by f.key`);
  return rows.map(flagOf);
}

export async function findFlag(db: Queryable, key: string): Promise<StoredFlag | undefined> {
  const [row] = await db.query<FlagRow>(sql`select ${columns} from flags f where f.key = ${key}`);
  return row === undefined ? undefined : flagOf(row);
}

export async function lockFlag(tx: Transaction, key: string): Promise<StoredFlag | undefined> {
  const [row] = await tx.query<FlagRow>(sql`select ${columns} from flags f where f.key = ${key} for update`);
  return row === undefined ? undefined : flagOf(row);
}

export async function countFlags(db: Queryable): Promise<number> {
  const [row] = await db.query<{ count: number }>(sql`select count(*)::int as count from flags`);
  return row?.count ?? 0;
}

/** @returns `undefined` when the key is taken. */
export async function insertFlag(
  tx: Transaction,
  flag: { key: string; type: FlagType; about: string; setting: FlagSetting; by: string },
): Promise<StoredFlag | undefined> {
  const [row] = await tx.query<FlagRow>(sql`
    insert into flags as f (key, type, about, setting, changed_by)
    values (${flag.key}, ${flag.type}, ${flag.about}, ${JSON.stringify(flag.setting)}, ${flag.by})
    on conflict (key) do nothing
    returning ${columns}`);
  return row === undefined ? undefined : flagOf(row);
}

export async function updateFlag(
  tx: Transaction,
  flag: Pick<StoredFlag, "key" | "about" | "setting" | "version" | "changedBy" | "killedByPerson"> & { archived: boolean },
): Promise<StoredFlag> {
  const [row] = await tx.query<FlagRow>(sql`
    update flags as f set about = ${flag.about}, setting = ${JSON.stringify(flag.setting)}, version = ${flag.version}, changed_at = clock_timestamp(),
      changed_by = ${flag.changedBy}, killed_by_person = ${flag.killedByPerson},
      archived_at = case when ${flag.archived}::boolean then coalesce(f.archived_at, now()) end
    where f.key = ${flag.key}
    returning ${columns}`);
  if (row === undefined) throw new TypeError("A flag that is locked is there.");
  return flagOf(row);
}

export async function deleteFlag(tx: Transaction, key: string): Promise<void> {
  await tx.query(sql`delete from flags where key = ${key}`);
}

export async function insertChange(tx: Transaction, key: string, change: Omit<FlagChange, "at">): Promise<void> {
  await tx.query(sql`
    insert into flag_changes (flag_key, version, by, what, before, after, why, plan_id)
    values (${key}, ${change.version}, ${change.by}, ${change.what}, ${change.before === undefined ? null : JSON.stringify(change.before)},
      ${JSON.stringify(change.after)}, ${change.why ?? null}, ${change.planId ?? null})`);
}

interface ChangeRow {
  version: number;
  at: Date;
  by: string;
  what: FlagChange["what"];
  before: FlagSetting | null;
  after: FlagSetting;
  why: string | null;
  plan_id: string | null;
}

function changeOf(row: ChangeRow): FlagChange {
  return {
    version: row.version,
    at: row.at,
    by: row.by,
    what: row.what,
    ...(row.before === null ? {} : { before: row.before }),
    after: row.after,
    ...(row.why === null ? {} : { why: row.why }),
    ...(row.plan_id === null ? {} : { planId: row.plan_id }),
  };
}

/** Newest first. */
export async function selectChanges(db: Queryable, key: string, limit: number): Promise<FlagChange[]> {
  const rows = await db.query<ChangeRow>(sql`
    select c.version, c.at, c.by, c.what, c.before, c.after, c.why, c.plan_id
    from flag_changes c where c.flag_key = ${key} order by c.version desc limit ${limit}`);
  return rows.map(changeOf);
}

export async function findChange(db: Queryable, key: string, version: number): Promise<FlagChange | undefined> {
  const [row] = await db.query<ChangeRow>(sql`
    select c.version, c.at, c.by, c.what, c.before, c.after, c.why, c.plan_id
    from flag_changes c where c.flag_key = ${key} and c.version = ${version}`);
  return row === undefined ? undefined : changeOf(row);
}

/** Counts a change and wakes the other servers, when the transaction commits. */
export async function raiseRevision(tx: Transaction): Promise<void> {
  await tx.query(sql`update flag_revision set revision = revision + 1`);
  await tx.query(sql`select pg_notify('roost_flags', '')`);
}

export async function readRevision(db: Queryable): Promise<number> {
  const [row] = await db.query<{ revision: number }>(sql`select r.revision from flag_revision r`);
  return row?.revision ?? 0;
}

export async function noteAsked(db: Queryable, keys: readonly string[]): Promise<void> {
  await db.query(sql`update flags set last_asked_at = now() where key = any(${keys}::text[])`);
}
