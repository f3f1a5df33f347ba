import { commandLimits } from "@roost/contract/commands";
import type { Command, CommandState } from "@roost/contract/commands";
import type { CommandId, DeviceId, OrganisationId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";

import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Queryable, Transaction } from "../../platform/db.ts";
import type { Actor } from "../../platform/tenancy.ts";
import type { OpenCommands } from "./tally.ts";

interface CommandRow {
  id: string;
  turn: number;
  organisation_id: string;
  device_id: string;
  name: string;
  params: Command["params"];
  state: CommandState;
  by_name: string;
  queued_at: Date;
  sent_at: Date | null;
  delivered_at: Date | null;
  accepted_at: Date | null;
  ended_at: Date | null;
  expires_at: Date;
  progress_percent: number | null;
  result: Command["result"] | null;
  code: string | null;
  cancel_requested_at: Date | null;
}

const columns = sql`c.id, c.turn, c.organisation_id, c.device_id, c.name, c.params, c.state, c.by_name, c.queued_at, c.sent_at, c.delivered_at,
  c.accepted_at, c.ended_at, c.expires_at, c.progress_percent, c.result, c.code, c.cancel_requested_at`;

function commandOf(row: CommandRow): Command {
  return {
    id: row.id as CommandId,
    organisationId: row.organisation_id as OrganisationId,
    deviceId: row.device_id as DeviceId,
    name: row.name,
    params: row.params,
    state: row.state,
    by: row.by_name,
    queuedAt: row.queued_at,
    ...(row.sent_at === null ? {} : { sentAt: row.sent_at }),
    ...(row.delivered_at === null ? {} : { deliveredAt: row.delivered_at }),
    ...(row.accepted_at === null ? {} : { acceptedAt: row.accepted_at }),
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
    expiresAt: row.expires_at,
    ...(row.progress_percent === null ? {} : { progressPercent: row.progress_percent }),
    ...(row.result === null ? {} : { result: row.result }),
    ...(row.code === null ? {} : { code: row.code }),
    ...(row.cancel_requested_at === null ? {} : { cancelRequestedAt: row.cancel_requested_at }),
  };
}

export interface NewCommand {
  readonly id: string;
  readonly organisationId: string;
  readonly deviceId: string;
  readonly name: string;
  readonly params: Command["params"];
  readonly by: Actor;
  readonly key: string | undefined;
  /** As it was asked for; absent where the sender left it to the kit. */
  readonly expiresInSeconds: number | undefined;
  readonly lifeSeconds: number;
}

/** @returns `undefined` where the device has a command with this key. */
export async function insertCommand(tx: Transaction, command: NewCommand): Promise<Command | undefined> {
  const { by } = command;
  const [row] = await tx.query<CommandRow>(sql`
    insert into commands as c (id, organisation_id, device_id, name, params, by_kind, by_id, by_name, idempotency_key, expires_in_seconds, expires_at,
      due_at)
    values (${command.id}, ${command.organisationId}, ${command.deviceId}, ${command.name}, ${JSON.stringify(command.params)}::jsonb, ${by.kind},
      ${by.id}, ${by.name}, ${command.key ?? null}, ${command.expiresInSeconds ?? null}, now() + ${command.lifeSeconds} * interval '1 second',
      now() + ${command.lifeSeconds} * interval '1 second')
    on conflict (device_id, idempotency_key) where idempotency_key is not null do nothing
    returning ${columns}`);
  return row === undefined ? undefined : commandOf(row);
}

/** The device's command with this key, and whether it is the same as the one now asked for. */
export async function findByKey(tx: Queryable, wanted: NewCommand): Promise<{ command: Command; isSame: boolean } | undefined> {
  const [row] = await tx.query<CommandRow & { is_same: boolean }>(sql`
    select ${columns}, c.name = ${wanted.name} and c.params = ${JSON.stringify(wanted.params)}::jsonb
      and c.expires_in_seconds is not distinct from ${wanted.expiresInSeconds ?? null}::int as is_same
    from commands c where c.device_id = ${wanted.deviceId} and c.idempotency_key = ${wanted.key ?? null}`);
  return row === undefined ? undefined : { command: commandOf(row), isSame: row.is_same };
}

export async function countOpen(tx: Queryable, deviceId: string): Promise<number> {
  const [row] = await tx.query<{ n: number }>(sql`
    select count(*)::int as n from commands c where c.device_id = ${deviceId} and c.ended_at is null`);
  return row?.n ?? 0;
}

/** Time enough for a server to end what is overdue, and for another to do it when that one is gone. */
const overdueSeconds = 30;

export async function countOpenEverywhere(db: Queryable): Promise<OpenCommands> {
  const rows = await db.query<{ state: CommandState; n: number; overdue: number }>(sql`
    select c.state, count(*)::int as n, count(*) filter (where c.due_at < now() - ${overdueSeconds} * interval '1 second')::int as overdue
    from commands c where c.ended_at is null group by c.state`);
  return {
    byState: Object.fromEntries(rows.map(({ state, n }) => [state, n])),
    overdue: rows.reduce((sum, { overdue }) => sum + overdue, 0),
  };
}

export async function findCommand(db: Queryable, deviceId: string, id: string): Promise<Command | undefined> {
  const [row] = await db.query<CommandRow>(sql`select ${columns} from commands c where c.id = ${id} and c.device_id = ${deviceId}`);
  return row === undefined ? undefined : commandOf(row);
}

export async function lockCommand(tx: Transaction, deviceId: string, id: string): Promise<Command | undefined> {
  const [row] = await tx.query<CommandRow>(
    sql`select ${columns} from commands c where c.id = ${id} and c.device_id = ${deviceId} for update`,
  );
  return row === undefined ? undefined : commandOf(row);
}

/** A device's commands, the newest first. */
export async function listCommandPage(
  db: Queryable,
  deviceId: string,
  query: { state?: CommandState | "open" | undefined; limit: number; cursor?: string | undefined },
): Promise<{ items: Command[]; next?: string }> {
  const [turn] = query.cursor === undefined ? [] : readCursor(query.cursor, ["text"]);
  const before = turn === undefined || !/^\d{1,18}$/.test(turn) ? null : turn;
  const { state } = query;
  const rows = await db.query<CommandRow>(sql`
    select ${columns} from commands c
    where c.device_id = ${deviceId} and (${before}::bigint is null or c.turn < ${before}::bigint)
      ${state === undefined ? sql`` : state === "open" ? sql`and c.ended_at is null` : sql`and c.state = ${state}`}
    order by c.turn desc limit ${query.limit + 1}`);
  const page = pageOf(rows, query.limit, (last) => [String(last.turn)]);
  return { ...page, items: page.items.map(commandOf) };
}

/** Ends a command that was never sent. */
export async function endUnsent(tx: Transaction, id: string): Promise<Command | undefined> {
  const [row] = await tx.query<CommandRow>(sql`
    update commands c set state = 'cancelled', ended_at = now(), in_flight = false where c.id = ${id} returning ${columns}`);
  return row === undefined ? undefined : commandOf(row);
}

/** Notes that the device is to be asked to stop; the first wish stands. It has a little time to answer, however late in its life it is. */
export async function requestCancel(tx: Transaction, id: string): Promise<Command | undefined> {
  const [row] = await tx.query<CommandRow>(sql`
    update commands c set cancel_requested_at = coalesce(c.cancel_requested_at, now()), lease_until = null,
      due_at = greatest(c.due_at, now() + ${commandLimits.answerSeconds} * interval '1 second')
    where c.id = ${id} returning ${columns}`);
  return row === undefined ? undefined : commandOf(row);
}

/** Forgets what ended long ago. */
export async function pruneCommands(db: Queryable, keptDays: number): Promise<void> {
  await db.query(sql`
    delete from commands where id in (
      select c.id from commands c where c.ended_at < now() - ${keptDays} * interval '1 day' order by c.ended_at limit 5000)`);
}
