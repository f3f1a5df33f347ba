import { commandLimits } from "@roost/contract/commands";
import type { Command, CommandAck, CommandState } from "@roost/contract/commands";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

/** A command that this server has in hand and nobody else. */
export interface HeldCommand {
  readonly id: string;
  readonly deviceId: string;
  readonly name: string;
  readonly params: Command["params"];
  readonly expiresAt: Date;
  readonly secondsLeft: number;
  /** The device is to be asked to stop; it does not get the command itself any more. */
  readonly isCancel: boolean;
}

interface HeldRow {
  id: string;
  device_id: string;
  name: string;
  params: Command["params"];
  expires_at: Date;
  seconds_left: number;
  is_cancel: boolean;
}

/**
 * Takes the command at the head of each device's row, where it waits to be sent and no other server has it in hand. The head stays the head until
 * it has ended: nothing overtakes it.
 */
export async function takeHeads(db: Queryable, deviceIds: readonly string[], holder: string, leaseSeconds: number): Promise<HeldCommand[]> {
  const rows = await db.query<HeldRow>(sql`
    with head as (
      select distinct on (c.device_id) c.id from commands c
      where c.device_id = any(${deviceIds}::text[]) and c.ended_at is null order by c.device_id, c.turn
    ), mine as (
      select c.id from commands c join head using (id)
      where c.ended_at is null and (c.cancel_requested_at is not null or (c.state = 'queued' and c.expires_at > now()))
        and (c.lease_until is null or c.lease_until <= now() or c.holder = ${holder})
      for update of c skip locked
    )
    update commands c set in_flight = true, holder = ${holder}, lease_until = now() + ${leaseSeconds} * interval '1 second',
      attempts = c.attempts + 1, sent_at = coalesce(c.sent_at, now()),
      due_at = greatest(c.due_at, c.expires_at + ${commandLimits.answerSeconds} * interval '1 second')
    from mine where c.id = mine.id
    returning c.id, c.device_id, c.name, c.params, c.expires_at, c.cancel_requested_at is not null as is_cancel,
      extract(epoch from (case when c.cancel_requested_at is null then c.expires_at else c.due_at end) - now())::float8 as seconds_left`);
  return rows.map((row) => ({
    id: row.id,
    deviceId: row.device_id,
    name: row.name,
    params: row.params,
    expiresAt: row.expires_at,
    secondsLeft: row.seconds_left,
    isCancel: row.is_cancel,
  }));
}

/** Which of these devices have something to send that another server still has in hand. */
export async function heldElsewhere(db: Queryable, deviceIds: readonly string[], holder: string): Promise<string[]> {
  const rows = await db.query<{ device_id: string }>(sql`
    select distinct c.device_id from commands c
    where c.device_id = any(${deviceIds}::text[]) and c.ended_at is null and c.in_flight and c.state = 'queued' and c.holder <> ${holder}
      and c.lease_until > now()`);
  return rows.map((row) => row.device_id);
}

/** It could not be handed over after all: as if it had never been taken, if that was the first time. */
export async function putBack(db: Queryable, id: string, holder: string): Promise<void> {
  await db.query(sql`
    update commands c set lease_until = null, attempts = c.attempts - 1,
      sent_at = case when c.attempts <= 1 then null else c.sent_at end, due_at = case when c.attempts <= 1 then c.expires_at else c.due_at end
    where c.id = ${id} and c.holder = ${holder} and c.ended_at is null`);
}

/** A server that stops lets go of what it has in hand. */
export async function letGo(db: Queryable, holder: string): Promise<void> {
  await db.query(sql`update commands c set lease_until = null where c.holder = ${holder} and c.ended_at is null`);
}

/** Devices with something to send that nobody has in hand. */
export async function devicesWithWork(db: Queryable): Promise<string[]> {
  const rows = await db.query<{ device_id: string }>(sql`
    select distinct c.device_id from commands c
    where c.ended_at is null and (c.cancel_requested_at is not null or (c.state = 'queued' and c.expires_at > now()))
      and (c.lease_until is null or c.lease_until <= now())`);
  return rows.map((row) => row.device_id);
}

/** A command as it stands, locked. */
export interface LockedCommand {
  readonly id: string;
  readonly organisationId: string;
  readonly deviceId: string;
  readonly name: string;
  readonly state: CommandState;
  readonly wasSent: boolean;
  readonly progressPercent: number | undefined;
}

interface LockedRow {
  id: string;
  organisation_id: string;
  device_id: string;
  name: string;
  state: CommandState;
  was_sent: boolean;
  progress_percent: number | null;
}

const locked = sql`c.id, c.organisation_id, c.device_id, c.name, c.state, c.sent_at is not null as was_sent, c.progress_percent`;

function lockedOf(row: LockedRow): LockedCommand {
  return {
    id: row.id,
    organisationId: row.organisation_id,
    deviceId: row.device_id,
    name: row.name,
    state: row.state,
    wasSent: row.was_sent,
    progressPercent: row.progress_percent ?? undefined,
  };
}

/** Locks commands in one order, so that two who answer for several never wait for each other. */
export async function lockCommands(tx: Transaction, ids: readonly string[]): Promise<Map<string, LockedCommand>> {
  const rows = await tx.query<LockedRow>(sql`select ${locked} from commands c where c.id = any(${ids}::uuid[]) order by c.id for update`);
  return new Map(rows.map((row) => [row.id, lockedOf(row)]));
}

/** What of a command changes with what the device said of it. */
export interface CommandTurn {
  readonly id: string;
  readonly state: CommandState;
  readonly ended: boolean;
  readonly ack?: CommandAck | undefined;
}

/** Writes turns of commands that are locked; each command once. */
export async function writeTurns(tx: Transaction, turns: readonly CommandTurn[]): Promise<void> {
  if (turns.length === 0) return;
  await tx.query(sql`
    update commands c set state = n.state, delivered_at = coalesce(c.delivered_at, now()),
      accepted_at = case when n.state <> 'delivered' then coalesce(c.accepted_at, now()) end,
      ended_at = case when n.ended then now() end, in_flight = not n.ended,
      progress_percent = coalesce(n.progress, c.progress_percent), result = coalesce(n.result, c.result), code = coalesce(n.code, c.code),
      due_at = case when n.state = 'running' then greatest(c.due_at, now() + ${commandLimits.progressSeconds} * interval '1 second') else c.due_at end
    from unnest(${turns.map((turn) => turn.id)}::uuid[], ${turns.map((turn) => turn.state)}::text[], ${turns.map((turn) => turn.ended)}::boolean[],
      ${turns.map((turn) => turn.ack?.progress ?? null)}::real[],
      ${turns.map((turn) => (turn.ack?.result === undefined ? null : JSON.stringify(turn.ack.result)))}::jsonb[],
      ${turns.map((turn) => turn.ack?.code ?? null)}::text[]) as n (id, state, ended, progress, result, code)
    where c.id = n.id`);
}

/** Commands whose time is up, locked; another server's are passed over. */
export async function lockDue(tx: Transaction, limit: number): Promise<LockedCommand[]> {
  const rows = await tx.query<LockedRow>(sql`
    select ${locked} from commands c where c.ended_at is null and c.due_at <= now() order by c.due_at limit ${limit} for update skip locked`);
  return rows.map(lockedOf);
}

/** Ends commands by the clock. */
export async function endDue(tx: Transaction, ended: readonly { id: string; state: CommandState }[]): Promise<void> {
  await tx.query(sql`
    update commands c set state = n.state, ended_at = now(), in_flight = false
    from unnest(${ended.map(({ id }) => id)}::uuid[], ${ended.map(({ state }) => state)}::text[]) as n (id, state) where c.id = n.id`);
}
