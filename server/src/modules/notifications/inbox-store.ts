import type { Severity } from "@roost/contract/alarms";
import type { AlarmId, DeviceId, InboxEntryId, IncidentId } from "@roost/contract/ids";
import type { InboxEntry, InboxShow } from "@roost/contract/inbox";
import { prepared, sql } from "@roost/contract/sql";

import type { Db, Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { selectDirectory } from "./recipient-store.ts";
import type { Directory } from "./recipient-store.ts";

/** Everybody who can be told, with an inbox for each who may hear of alarms at all. */
export async function selectDirectoryWithInboxes(db: Queryable, organisationId: string): Promise<Directory> {
  const found = await selectDirectory(db, organisationId);
  const having = new Set(found.targets.flatMap(({ isInbox, personId }) => (isInbox && personId !== undefined ? [personId] : [])));
  const lacking = [...found.people.values()].filter(({ id, permissions }) => permissions.has("alarms:read") && !having.has(id));
  if (lacking.length === 0) return found;
  await db.query(sql`
    insert into notification_targets (id, organisation_id, person_id, kind, name, address_masked, min_severity)
    select n.id, m.organisation_id, m.person_id, 'inbox', 'Inbox', '', 'info'
    from unnest(${lacking.map(() => newId())}::uuid[], ${lacking.map(({ id }) => id)}::uuid[]) as n (id, person_id)
      join memberships m on m.person_id = n.person_id and m.organisation_id = ${organisationId}::uuid
    on conflict do nothing`);
  return selectDirectory(db, organisationId);
}

/** An entry to be written. */
export interface NewEntry {
  /** Of the planner's message. */
  readonly id: string;
  readonly targetId: string;
  readonly what: InboxEntry["what"];
  readonly severity: Severity | undefined;
  readonly title: string;
  readonly text: string;
  readonly count: number;
  readonly alarmId: string | undefined;
  readonly incidentId: string | undefined;
  readonly deviceName: string | undefined;
  readonly siteName: string | undefined;
  readonly deviceIds: readonly string[];
  readonly isAboutAll: boolean;
  readonly at: Date;
}

/** Writes those whose targets are inboxes. @returns Ids of the targets that are, and whose they are. */
export async function insertEntries(
  tx: Transaction,
  organisationId: string,
  entries: readonly NewEntry[],
): Promise<{ targetId: string; personId: string }[]> {
  const rows = await tx.query<{ target_id: string; person_id: string }>(
    prepared(
      "inbox_add",
      sql`
    with given as (
      select g.* from jsonb_to_recordset(${JSON.stringify(entries)}::jsonb) as g (id uuid, "targetId" uuid, what text, severity text, title text,
        text text, count integer, "alarmId" uuid, "incidentId" uuid, "deviceName" text, "siteName" text, "deviceIds" jsonb, "isAboutAll" boolean,
        at timestamptz)),
    told as (
      select g.*, t.person_id from given g join notification_targets t on t.id = g."targetId"
      where t.kind = 'inbox' and t.organisation_id = ${organisationId}::uuid),
    written as (
      insert into inbox_entries (id, organisation_id, person_id, what, severity, title, text, count, alarm_id, incident_id, device_name, site_name,
        device_ids, is_about_all, at)
      select o.id, ${organisationId}::uuid, o.person_id, o.what, o.severity, o.title, o.text, o.count,
        (select a.id from alarms a where a.id = o."alarmId"), (select i.id from incidents i where i.id = o."incidentId"), o."deviceName", o."siteName",
        array(select jsonb_array_elements_text(o."deviceIds")), o."isAboutAll", o.at
      from told o on conflict do nothing)
    select distinct o."targetId" as target_id, o.person_id::text as person_id from told o`,
    ),
  );
  return rows.map((row) => ({ targetId: row.target_id, personId: row.person_id }));
}

interface EntryRow {
  id: string;
  what: InboxEntry["what"];
  severity: Severity | null;
  title: string;
  text: string;
  count: number;
  alarm_id: string | null;
  incident_id: string | null;
  device_id: string | null;
  device_name: string | null;
  site_name: string | null;
  at: Date;
  read_at: Date | null;
  archived_at: Date | null;
}

const columns = sql`e.id, e.what, e.severity, e.title, e.text, e.count, e.alarm_id, e.incident_id,
  case when cardinality(e.device_ids) = 1 then e.device_ids[1] end as device_id, e.device_name, e.site_name, e.at, e.read_at, e.archived_at`;

function toEntry(row: EntryRow): InboxEntry {
  return {
    id: row.id as InboxEntryId,
    what: row.what,
    ...(row.severity === null ? {} : { severity: row.severity }),
    title: row.title,
    text: row.text,
    count: row.count,
    ...(row.alarm_id === null ? {} : { alarmId: row.alarm_id as AlarmId }),
    ...(row.incident_id === null ? {} : { incidentId: row.incident_id as IncidentId }),
    ...(row.device_id === null ? {} : { deviceId: row.device_id as DeviceId }),
    ...(row.device_name === null ? {} : { deviceName: row.device_name }),
    ...(row.site_name === null ? {} : { siteName: row.site_name }),
    at: row.at,
    ...(row.read_at === null ? {} : { readAt: row.read_at }),
    ...(row.archived_at === null ? {} : { archivedAt: row.archived_at }),
  };
}

/** Whose inbox. What of it may be seen is said by the policy of the table: callers ask within what is theirs. */
export interface Owner {
  readonly organisationId: string;
  readonly personId: string;
}

const shown = {
  current: sql`e.archived_at is null`,
  unread: sql`e.archived_at is null and e.read_at is null`,
  archived: sql`e.archived_at is not null`,
} satisfies Record<InboxShow, unknown>;

/** Newest first, behind `after` (at, id). */
export async function selectEntries(
  db: Queryable,
  { organisationId, personId }: Owner,
  { show, after, limit }: { show: InboxShow; after: readonly string[] | undefined; limit: number },
): Promise<InboxEntry[]> {
  const rows = await db.query<EntryRow>(sql`
    select ${columns} from inbox_entries e
    where e.organisation_id = ${organisationId}::uuid and e.person_id = ${personId}::uuid and ${shown[show]}
      and ${after === undefined ? sql`true` : sql`(e.at, e.id) < (${after[0]}::timestamptz, ${after[1]}::uuid)`}
    order by e.at desc, e.id desc limit ${limit}`);
  return rows.map(toEntry);
}

// Nobody reads more, and whoever never looked for months is asked for the count by every page.
const mostCounted = 1_000;

export async function countUnread(db: Queryable, { organisationId, personId }: Owner): Promise<number> {
  const [row] = await db.query<{ n: number }>(sql`
    select count(*)::int as n from (select from inbox_entries e
      where e.organisation_id = ${organisationId}::uuid and e.person_id = ${personId}::uuid and ${shown.unread} limit ${mostCounted}) u`);
  return row?.n ?? 0;
}

export async function lockEntry(tx: Transaction, { organisationId, personId }: Owner, entryId: string): Promise<InboxEntry | undefined> {
  const [row] = await tx.query<EntryRow>(sql`
    select ${columns} from inbox_entries e
    where e.id = ${entryId}::uuid and e.organisation_id = ${organisationId}::uuid and e.person_id = ${personId}::uuid for update`);
  return row === undefined ? undefined : toEntry(row);
}

export async function saveEntry(tx: Transaction, { id, readAt, archivedAt }: InboxEntry): Promise<void> {
  await tx.query(sql`update inbox_entries set read_at = ${readAt ?? null}, archived_at = ${archivedAt ?? null} where id = ${id}`);
}

/** @returns How many were unread. */
export async function markAllRead(
  tx: Transaction,
  { organisationId, personId }: Owner,
  { at, until }: { at: Date; until: Date | undefined },
): Promise<number> {
  const rows = await tx.query(sql`
    update inbox_entries e set read_at = ${at}
    where e.organisation_id = ${organisationId}::uuid and e.person_id = ${personId}::uuid and ${shown.unread}
      and ${until === undefined ? sql`true` : sql`e.at <= ${until}`}
    returning e.id`);
  return rows.length;
}

/** Forgets what is past its time, a part at once. @returns How many. */
export async function forgetEntries(db: Db, { told, archived, limit }: { told: Date; archived: Date; limit: number }): Promise<number> {
  const rows = await db.query(sql`
    delete from inbox_entries e
    where e.id in (select o.id from inbox_entries o where o.at < ${told} or o.archived_at < ${archived} limit ${limit}) returning e.id`);
  return rows.length;
}
