import type { AlarmKind, AlarmState, Severity } from "@roost/contract/alarms";
import type { AlarmId, DeviceId, SiteId, TicketId } from "@roost/contract/ids";
import { join, sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";
import type { Ticket, TicketFilter, TicketKind, TicketPriority, TicketStatus } from "@roost/contract/tickets";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { isLate } from "./ticket.ts";

interface TicketRow {
  id: string;
  organisation_id: string;
  alarm_id: string;
  title: string;
  kind: TicketKind;
  priority: TicketPriority;
  status: TicketStatus;
  assigned_to: string | null;
  external_reference: string | null;
  created_at: Date;
  created_by: string;
  changed_at: Date;
  first_response_at: Date | null;
  resolved_at: Date | null;
  closed_at: Date | null;
  respond_by: Date;
  resolve_by: Date;
  response_late_noted: boolean;
  resolution_late_noted: boolean;
  alarm_kind: AlarmKind;
  severity: Severity;
  alarm_state: AlarmState;
  device_id: string | null;
  device_name: string | null;
  site_id: string | null;
  site_name: string | null;
  raised_at: Date;
  cleared_at: Date | null;
  acknowledged_by: string | null;
}

/** A ticket with what only its history has to know. */
export interface KeptTicket {
  readonly organisationId: string;
  readonly ticket: Ticket;
  /** Its history tells already that it was late. */
  readonly isLateNoted: { readonly response: boolean; readonly resolution: boolean };
}

const columns = sql`t.*, a.kind as alarm_kind, a.severity, a.state as alarm_state, a.device_id, a.raised_at, a.cleared_at, a.acknowledged_by,
  d.name as device_name, d.site_id, p.name as site_name`;
// Alarms that a window keeps back are there for nobody.
const tables = sql`tickets t join alarms a on a.id = t.alarm_id and not a.kept_back left join devices d on d.id = a.device_id
  left join sites p on p.id = d.site_id`;

function toTicket(row: TicketRow, now: Date): Ticket {
  return {
    id: row.id as TicketId,
    title: row.title,
    kind: row.kind,
    priority: row.priority,
    status: row.status,
    ...(row.assigned_to === null ? {} : { assignedTo: row.assigned_to }),
    ...(row.external_reference === null ? {} : { externalReference: row.external_reference }),
    createdAt: row.created_at,
    createdBy: row.created_by,
    changedAt: row.changed_at,
    ...(row.first_response_at === null ? {} : { firstResponseAt: row.first_response_at }),
    ...(row.resolved_at === null ? {} : { resolvedAt: row.resolved_at }),
    ...(row.closed_at === null ? {} : { closedAt: row.closed_at }),
    respondBy: row.respond_by,
    resolveBy: row.resolve_by,
    responseLate: isLate(row.respond_by, row.first_response_at ?? undefined, now),
    resolutionLate: isLate(row.resolve_by, row.resolved_at ?? undefined, now),
    alarm: {
      id: row.alarm_id as AlarmId,
      kind: row.alarm_kind,
      severity: row.severity,
      state: row.alarm_state,
      ...(row.device_id === null ? {} : { deviceId: row.device_id as DeviceId }),
      ...(row.device_name === null ? {} : { deviceName: row.device_name }),
      ...(row.site_id === null ? {} : { siteId: row.site_id as SiteId }),
      ...(row.site_name === null ? {} : { siteName: row.site_name }),
      raisedAt: row.raised_at,
      ...(row.cleared_at === null ? {} : { clearedAt: row.cleared_at }),
      ...(row.acknowledged_by === null ? {} : { acknowledgedBy: row.acknowledged_by }),
    },
  };
}

const toKept = (row: TicketRow, now: Date): KeptTicket => ({
  organisationId: row.organisation_id,
  ticket: toTicket(row, now),
  isLateNoted: { response: row.response_late_noted, resolution: row.resolution_late_noted },
});

export async function findTicket(db: Queryable, organisationId: string, ticketId: string, now: Date): Promise<Ticket | undefined> {
  const [row] = await db.query<TicketRow>(
    sql`select ${columns} from ${tables} where t.id = ${ticketId} and t.organisation_id = ${organisationId}`,
  );
  return row === undefined ? undefined : toTicket(row, now);
}

/** Holds a ticket against everybody else. */
export async function lockTicket(tx: Transaction, organisationId: string, ticketId: string, now: Date): Promise<KeptTicket | undefined> {
  const [row] = await tx.query<TicketRow>(
    sql`select ${columns} from ${tables} where t.id = ${ticketId} and t.organisation_id = ${organisationId} for update of t`,
  );
  return row === undefined ? undefined : toKept(row, now);
}

/** Tickets of these alarms, held against everybody else. */
export async function lockOfAlarms(tx: Transaction, alarmIds: readonly string[], now: Date): Promise<KeptTicket[]> {
  const rows = await tx.query<TicketRow>(
    sql`select ${columns} from ${tables} where t.alarm_id = any(${alarmIds}::uuid[]) order by t.id for update of t`,
  );
  return rows.map((row) => toKept(row, now));
}

/** Tickets whose time is over without a word of it in their history, held against everybody else; those in others' hands are passed over. */
export async function lockLate(tx: Transaction, now: Date, limit: number): Promise<KeptTicket[]> {
  const rows = await tx.query<TicketRow>(sql`
    select ${columns} from ${tables}
    where (t.first_response_at is null and not t.response_late_noted and t.respond_by < ${now})
      or (t.resolved_at is null and not t.resolution_late_noted and t.resolve_by < ${now})
    order by t.id limit ${limit} for update of t skip locked`);
  return rows.map((row) => toKept(row, now));
}

/** @returns Whether it was made: an alarm has one ticket. */
export async function insertTicket(tx: Transaction, organisationId: string, ticket: Ticket): Promise<boolean> {
  const rows = await tx.query(sql`
    insert into tickets (id, organisation_id, alarm_id, title, kind, priority, status, assigned_to, created_at, created_by, changed_at,
      respond_by, resolve_by)
    values (${ticket.id}, ${organisationId}, ${ticket.alarm.id}, ${ticket.title}, ${ticket.kind}, ${ticket.priority}, ${ticket.status},
      ${ticket.assignedTo ?? null}, ${ticket.createdAt}, ${ticket.createdBy}, ${ticket.changedAt}, ${ticket.respondBy}, ${ticket.resolveBy})
    on conflict (alarm_id) do nothing returning id`);
  return rows.length > 0;
}

/** The ticket that an alarm has, if any. */
export async function findIdOfAlarm(db: Queryable, alarmId: string): Promise<TicketId | undefined> {
  const [row] = await db.query<{ id: string }>(sql`select t.id from tickets t where t.alarm_id = ${alarmId}`);
  return row?.id as TicketId | undefined;
}

export async function saveTicket(tx: Transaction, { ticket, isLateNoted }: KeptTicket): Promise<void> {
  await tx.query(sql`
    update tickets set priority = ${ticket.priority}, status = ${ticket.status}, assigned_to = ${ticket.assignedTo ?? null},
      external_reference = ${ticket.externalReference ?? null}, changed_at = ${ticket.changedAt},
      first_response_at = ${ticket.firstResponseAt ?? null}, resolved_at = ${ticket.resolvedAt ?? null}, closed_at = ${ticket.closedAt ?? null},
      resolve_by = ${ticket.resolveBy}, response_late_noted = ${isLateNoted.response}, resolution_late_noted = ${isLateNoted.resolution}
    where id = ${ticket.id}`);
}

/** The filter with what it says of the caller said in words. */
export type TicketWhere = TicketFilter & { readonly organisationId: string };

function list<Item>(one: Item | Item[]): Item[] {
  return Array.isArray(one) ? one : [one];
}

function conditions(where: TicketWhere, now: Date): Sql {
  const { deviceId, siteId, alarmId, assignedTo, q } = where;
  const all: Sql[] = [sql`t.organisation_id = ${where.organisationId}`];
  if (where.state !== "all") all.push(where.state === "active" ? sql`t.resolved_at is null` : sql`t.resolved_at is not null`);
  if (where.status !== undefined) all.push(sql`t.status = any(${list(where.status)}::text[])`);
  if (where.priority !== undefined) all.push(sql`t.priority = any(${list(where.priority)}::text[])`);
  if (alarmId !== undefined) all.push(sql`t.alarm_id = ${alarmId}`);
  if (deviceId !== undefined) all.push(sql`a.device_id = ${deviceId}`);
  if (siteId !== undefined) all.push(sql`d.site_id = ${siteId}`);
  if (assignedTo === "nobody") all.push(sql`t.assigned_to is null`);
  else if (assignedTo !== undefined) all.push(sql`lower(t.assigned_to) = lower(${assignedTo}::text)`);
  if (where.late !== undefined)
    all.push(
      sql`(coalesce(t.first_response_at, ${now}::timestamptz) > t.respond_by or coalesce(t.resolved_at, ${now}::timestamptz) > t.resolve_by) = ${where.late === "true"}`,
    );
  if (q !== undefined)
    all.push(sql`position(lower(${q}::text) in lower(concat_ws(' ', t.title, d.name, a.device_id, t.external_reference))) > 0`);
  return join(all, sql` and `);
}

/** Tickets, the newest or what is due first, behind `after`: (made at or due at, id). */
export async function selectTickets(
  db: Queryable,
  where: TicketWhere,
  { sort, after, limit, now }: { sort: "newest" | "due"; after: readonly string[] | undefined; limit: number; now: Date },
): Promise<Ticket[]> {
  const [at = "", id = ""] = after ?? [];
  const isNewest = sort === "newest";
  const key = isNewest ? sql`t.created_at, t.id` : sql`t.resolve_by, t.id`;
  const mark = sql`(${at}::timestamptz, ${id}::uuid)`;
  const behind = after === undefined ? sql`true` : isNewest ? sql`(${key}) < ${mark}` : sql`(${key}) > ${mark}`;
  const order = isNewest ? sql`t.created_at desc, t.id desc` : key;
  const rows = await db.query<TicketRow>(sql`
    select ${columns} from ${tables} where ${conditions(where, now)} and ${behind} order by ${order} limit ${limit}`);
  return rows.map((row) => toTicket(row, now));
}

/** Tickets everywhere that are neither resolved nor closed, and how many of them are late: for the platform's own figures. */
export async function countActiveEverywhere(
  db: Queryable,
  now: Date,
): Promise<{ priority: TicketPriority; active: number; late: number }[]> {
  return db.query(sql`
    select t.priority, count(*)::int as active,
      (count(*) filter (where coalesce(t.first_response_at, ${now}::timestamptz) > t.respond_by or t.resolve_by < ${now}::timestamptz))::int as late
    from tickets t where t.resolved_at is null group by t.priority`);
}
