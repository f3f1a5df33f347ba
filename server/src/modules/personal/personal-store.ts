import type { ErasureId } from "@roost/contract/ids";
import type { Erasure } from "@roost/contract/personal-data";
import { identifier, join, sql, tableName } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";
import type pg from "pg";

import { beginWithin } from "../../platform/db.ts";
import type { Db, Queryable, Transaction } from "../../platform/db.ts";
import { changeValues } from "../../platform/json-words.ts";
import type { Within } from "../../platform/tenancy.ts";
import type { TableShare } from "./personal-share.ts";

/** Rows an export holds in memory at a time. */
const rowsPerStep = 500;

/** A connection of its own that looks at one picture of the database at a time. */
export interface Reader {
  /** Begins with one organisation's rows or, without, with the platform's own; all until `end` is of this moment. */
  begin(within: Within | undefined): Promise<void>;
  /** The rows of a table `t`, without the columns that are withheld; a step at a time. */
  rows(share: TableShare, where: Sql): AsyncGenerator<object[]>;
  end(): Promise<void>;
  /** Gives the connection up, in the middle too. */
  close(): Promise<void>;
}

export async function openReader(db: Db): Promise<Reader> {
  const client = await db.connect("roost personal data");
  return {
    async begin(within) {
      await client.query(within === undefined ? "begin" : beginWithin(within));
      await client.query("set transaction isolation level repeatable read, read only");
      await client.query("set local time zone 'UTC'");
    },
    rows: (share, where) => readRows(client, share, where),
    async end() {
      await client.query("commit");
    },
    async close() {
      await client.end().catch(() => undefined);
    },
  };
}

/** A kit that could not start has no tables yet. */
async function isThere(table: string, find: (statement: Sql) => Promise<readonly object[]>): Promise<boolean> {
  return !table.includes(".") || (await find(sql`select 1 where to_regclass(${table}) is not null`)).length > 0;
}

async function* readRows(client: pg.Client, { table, withheld = [] }: TableShare, where: Sql): AsyncGenerator<object[]> {
  if (!(await isThere(table, async ({ text, values }) => (await client.query<object>(text, [...values])).rows))) return;
  const rows = sql`select to_jsonb(t) - ${withheld}::text[] as row from ${tableName(table)} t where ${where}`;
  await client.query(`declare rows no scroll cursor for ${rows.text}`, [...rows.values]);
  for (;;) {
    const step = await client.query<{ row: object }>(`fetch ${rowsPerStep} from rows`);
    if (step.rows.length > 0) yield step.rows.map(({ row }) => row);
    if (step.rows.length < rowsPerStep) break;
  }
  await client.query("close rows");
}

export interface KnownPerson {
  readonly id: string;
  readonly email: string | undefined;
  readonly name: string | undefined;
  readonly isMember: boolean;
}

/**
 * Somebody who belongs to the organisation, or did: then what they did is on record there. `undefined` for anybody else, so that
 * nobody learns who is in other organisations.
 */
export async function findPerson(db: Queryable, organisationId: string, id: string): Promise<KnownPerson | undefined> {
  const [row] = await db.query<{ email: string | null; name: string | null; is_member: boolean }>(sql`
    select coalesce(p.email, (
        select a.actor_name from audit_entries a
        where a.organisation_id = ${organisationId} and a.actor_kind = 'person' and a.actor_id = asked.id order by a.at desc limit 1)) as email,
      p.name, exists (
      select from memberships m where m.person_id = p.id and m.organisation_id = ${organisationId}) as is_member
    from (select ${id}::text as id) asked left join people p on p.id::text = asked.id
    where exists (select from memberships m where m.person_id = p.id and m.organisation_id = ${organisationId})
      or exists (select from audit_entries a where a.organisation_id = ${organisationId} and a.actor_kind = 'person' and a.actor_id = asked.id)
      or exists (select from audit_entries a where a.organisation_id = ${organisationId} and a.object_kind = 'person' and a.object_id = asked.id)`);
  if (row === undefined) return undefined;
  return { id, email: row.email ?? undefined, name: row.name ?? undefined, isMember: row.is_member };
}

/** Organisations a person belongs to, oldest membership first. */
export async function findOrganisations(db: Queryable, personId: string): Promise<{ id: string; name: string }[]> {
  return db.query(sql`
    select o.id, o.name from memberships m join organisations o on o.id = m.organisation_id
    where m.person_id = ${personId} order by m.created_at, o.id`);
}

export async function findOwnAccount(db: Queryable, personId: string): Promise<{ email: string } | undefined> {
  const [row] = await db.query<{ email: string }>(sql`select p.email from people p where p.id = ${personId}`);
  return row;
}

export async function findDevice(db: Queryable, organisationId: string, id: string): Promise<{ key: number } | undefined> {
  const [row] = await db.query<{ key: number }>(
    sql`select d.key from devices d where d.id = ${id} and d.organisation_id = ${organisationId} and not d.hidden`,
  );
  return row;
}

/** Why an account stays although its organisation has erased the person; `undefined` where it goes. */
export async function whyAccountStays(db: Queryable, personId: string): Promise<string | undefined> {
  const [row] = await db.query<{ platform_admin: boolean; belongs: boolean }>(sql`
    select p.platform_admin, exists (select from memberships m where m.person_id = p.id) as belongs from people p where p.id::text = ${personId}`);
  if (row?.platform_admin === true) return "The account looks after the installation as a platform administrator.";
  return row?.belongs === true ? "The account belongs to other organisations too, which keep their part." : undefined;
}

/** By what somebody is found in the words of others. */
export interface Sought {
  readonly email?: string | undefined;
  readonly name?: string | undefined;
}

export interface NewErasure {
  readonly id: string;
  readonly organisationId: string;
  readonly subject: "person" | "device";
  readonly subjectId: string;
  readonly deviceKey: number | undefined;
  readonly sought: Sought;
  readonly requestedBy: string;
}

/** Takes up an erasure, or the one of the same subject that is under way. */
export async function insertErasure(tx: Transaction, erasure: NewErasure): Promise<string> {
  const [row] = await tx.query<{ id: string }>(sql`
    insert into erasures (id, organisation_id, subject, subject_id, device_key, sought, requested_by)
    values (${erasure.id}, ${erasure.organisationId}, ${erasure.subject}, ${erasure.subjectId}, ${erasure.deviceKey ?? null},
      ${JSON.stringify(erasure.sought)}, ${erasure.requestedBy})
    on conflict (organisation_id, subject, subject_id) where state = 'running' do update set requested_by = erasures.requested_by
    returning id`);
  if (row === undefined) throw new Error("An erasure could not be taken up.");
  return row.id;
}

export interface RunningErasure {
  readonly id: string;
  readonly organisationId: string;
  readonly subject: "person" | "device";
  readonly subjectId: string;
  readonly deviceKey: number | undefined;
  readonly sought: Sought;
  readonly step: number;
}

/** Locks an erasure for one step; `undefined` when it is done. */
export async function lockErasure(tx: Queryable, id: string): Promise<RunningErasure | undefined> {
  const [row] = await tx.query<{
    id: string;
    organisation_id: string;
    subject: "person" | "device";
    subject_id: string;
    device_key: number | null;
    sought: Sought | null;
    step: number;
  }>(sql`
    select e.id, e.organisation_id, e.subject, e.subject_id, e.device_key, e.sought, e.step
    from erasures e where e.id = ${id} and e.state = 'running' for update`);
  if (row === undefined) return undefined;
  return {
    id: row.id,
    organisationId: row.organisation_id,
    subject: row.subject,
    subjectId: row.subject_id,
    deviceKey: row.device_key ?? undefined,
    sought: row.sought ?? {},
    step: row.step,
  };
}

/** An erasure that has not come to its end. */
export interface Unfinished {
  readonly id: string;
  readonly organisationId: string;
  readonly subject: "person" | "device";
  readonly subjectId: string;
}

export async function unfinishedErasures(db: Queryable): Promise<Unfinished[]> {
  return db.query(sql`
    select e.id, e.organisation_id as "organisationId", e.subject, e.subject_id as "subjectId"
    from erasures e where e.state = 'running' order by e.requested_at`);
}

/** Notes what a step did, in its transaction. */
export async function noteStep(
  tx: Queryable,
  id: string,
  step: number,
  done: { place: string; how: string; rows: number } | undefined,
): Promise<void> {
  await tx.query(sql`
    update erasures set step = ${step}, places = places || ${JSON.stringify(done === undefined || done.rows === 0 ? [] : [done])}::jsonb where id = ${id}`);
}

export async function finishErasure(tx: Queryable, id: string, kept: readonly string[]): Promise<void> {
  await tx.query(sql`
    update erasures set state = 'done', finished_at = now(), sought = null, device_key = null, kept = ${kept} where id = ${id}`);
}

export async function deleteRows(tx: Queryable, table: string, where: Sql): Promise<number> {
  if (!(await isThere(table, (statement) => tx.query(statement)))) return 0;
  const [row] = await tx.query<{ n: number }>(sql`
    with gone as (delete from ${tableName(table)} t where ${where} returning 1) select count(*)::int as n from gone`);
  return row?.n ?? 0;
}

export async function countRows(tx: Queryable, table: string, where: Sql): Promise<number> {
  if (!(await isThere(table, (statement) => tx.query(statement)))) return 0;
  const [row] = await tx.query<{ n: number }>(sql`select count(*)::int as n from ${tableName(table)} t where ${where}`);
  return row?.n ?? 0;
}

/** A word of somebody's, as PostgreSQL finds it in a text and as we find it in the values of a JSON document. */
export interface SoughtWord {
  readonly word: string;
  readonly pattern: string;
  readonly expression: RegExp;
}

interface Replacing {
  readonly where: Sql;
  readonly sought: readonly SoughtWord[];
  readonly pseudonym: string;
}

/** Puts a pseudonym in place of what is sought, in the columns that hold words of people. @returns How many rows, in each of the columns of JSON. */
export async function replaceWords(tx: Queryable, { table, words = [] }: TableShare, replacing: Replacing): Promise<number> {
  const { where, sought, pseudonym } = replacing;
  if (sought.length === 0 || words.length === 0 || !(await isThere(table, (statement) => tx.query(statement)))) return 0;
  const columns = await tx.query<{ name: string; type: string }>(sql`
    select a.attname as name, format_type(a.atttypid, null) as type from pg_attribute a
    where a.attrelid = ${table}::regclass and a.attname = any(${words}::text[])`);
  const isJson = ({ type }: { type: string }) => type === "json" || type === "jsonb";
  let n = 0;
  for (const column of columns.filter(isJson)) n += await replaceInJson(tx, table, column, replacing);
  const texts = columns.filter((column) => !isJson(column));
  if (texts.length === 0) return n;
  const pattern = sought.map((one) => one.pattern).join("|");
  const changes = texts.map(
    ({ name, type }) =>
      sql`${identifier(name)} = regexp_replace(t.${identifier(name)}::text, ${pattern}, ${pseudonym}, 'gi')::${identifier(type)}`,
  );
  const found = texts.map(({ name }) => sql`t.${identifier(name)}::text ~* ${pattern}`);
  const [row] = await tx.query<{ n: number }>(sql`
    with named as (update ${tableName(table)} t set ${join(changes, sql`, `)} where ${where} and (${join(found, sql` or `)}) returning 1)
    select count(*)::int as n from named`);
  return n + (row?.n ?? 0);
}

/** In values alone: with keys and brackets in their name, people would break what others wrote, and could not be erased. */
async function replaceInJson(
  tx: Queryable,
  table: string,
  { name, type }: { name: string; type: string },
  { where, sought, pseudonym }: Replacing,
): Promise<number> {
  const column = identifier(name);
  const found = sought.map(({ word }) => sql`position(lower(${JSON.stringify(word).slice(1, -1)}::text) in lower(t.${column}::text)) > 0`);
  const rows = await tx.query<{ at: string; text: string }>(sql`
    select t.ctid::text as at, t.${column}::text as text from ${tableName(table)} t where ${where} and (${join(found, sql` or `)}) for update`);
  let changed = 0;
  for (const { at, text } of rows) {
    const left = changeValues(text, (value) => sought.reduce((rest, { expression }) => rest.replaceAll(expression, pseudonym), value));
    if (left === text) continue;
    await tx.query(sql`update ${tableName(table)} t set ${column} = ${left}::text::${identifier(type)} where t.ctid = ${at}::tid`);
    changed += 1;
  }
  return changed;
}

/** Facts that every handler has read may go; the others are still to be told. */
export const factWasRead = sql`coalesce((t.xact_id, t.id) <= (
  select c.xact_id, c.event_id from event_cursors c order by c.xact_id, c.event_id limit 1), not exists (select from event_cursors))`;

interface ErasureRow {
  id: string;
  subject: "person" | "device";
  subject_id: string;
  state: "running" | "done";
  requested_by: string;
  requested_at: Date;
  finished_at: Date | null;
  places: Erasure["places"];
  kept: string[];
}

const columns = sql`e.id, e.subject, e.subject_id, e.state, e.requested_by, e.requested_at, e.finished_at, e.places, e.kept`;

function erasureOf(row: ErasureRow): Erasure {
  return {
    id: row.id as ErasureId,
    subject: row.subject,
    subjectId: row.subject_id,
    state: row.state,
    requestedBy: row.requested_by,
    requestedAt: row.requested_at,
    ...(row.finished_at === null ? {} : { finishedAt: row.finished_at }),
    places: row.places,
    kept: row.kept,
  };
}

export async function findErasure(db: Queryable, organisationId: string, id: string): Promise<Erasure | undefined> {
  const [row] = await db.query<ErasureRow>(
    sql`select ${columns} from erasures e where e.id = ${id} and e.organisation_id = ${organisationId}`,
  );
  return row === undefined ? undefined : erasureOf(row);
}

/** Newest first. */
export async function listErasures(
  db: Queryable,
  organisationId: string,
  after: { requestedAt: Date; id: string } | undefined,
  limit: number,
): Promise<Erasure[]> {
  const rows = await db.query<ErasureRow>(sql`
    select ${columns} from erasures e where e.organisation_id = ${organisationId}
      ${after === undefined ? sql`` : sql`and (date_trunc('milliseconds', e.requested_at), e.id) < (${after.requestedAt}::timestamptz, ${after.id}::uuid)`}
    order by date_trunc('milliseconds', e.requested_at) desc, e.id desc limit ${limit}`);
  return rows.map(erasureOf);
}
