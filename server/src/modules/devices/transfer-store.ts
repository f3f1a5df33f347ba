import type { DeviceId, DeviceTransferId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";
import type { DeviceTransfer } from "@roost/contract/transfers";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { leaveTopology } from "./topology-store.ts";

interface TransferRow {
  id: string;
  device_id: string;
  device_name: string;
  direction: DeviceTransfer["direction"];
  state: DeviceTransfer["state"];
  other_organisation: string | null;
  by_name: string;
  created_at: Date;
  expires_at: Date | null;
  settled_at: Date | null;
}

const columns = sql`t.id, t.device_id, t.device_name, t.direction,
  case when t.state = 'offered' and t.expires_at <= now() then 'ended' else t.state end as state, t.other_organisation, t.by_name,
  t.created_at, t.expires_at, t.settled_at`;

function transferOf(row: TransferRow): DeviceTransfer {
  return {
    id: row.id as DeviceTransferId,
    deviceId: row.device_id as DeviceId,
    deviceName: row.device_name,
    direction: row.direction,
    state: row.state,
    ...(row.other_organisation === null ? {} : { otherOrganisation: row.other_organisation }),
    by: row.by_name,
    createdAt: row.created_at,
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    ...(row.settled_at === null ? {} : { settledAt: row.settled_at }),
  };
}

/** Newest first, at most 200. */
export async function listTransfers(db: Queryable, organisationId: string): Promise<DeviceTransfer[]> {
  const rows = await db.query<TransferRow>(sql`
    select ${columns} from device_transfers t where t.organisation_id = ${organisationId} order by t.created_at desc, t.id desc limit 200`);
  return rows.map(transferOf);
}

export async function insertTransfer(
  tx: Transaction,
  given: {
    organisationId: string;
    direction: DeviceTransfer["direction"];
    device: { readonly id: string; readonly name: string };
    by: string;
    /** An open offer; absent: it is done. */
    offer?: { readonly codeHash: Buffer; readonly days: number };
    otherOrganisation?: string | undefined;
  },
): Promise<DeviceTransfer> {
  const state = given.offer === undefined ? "done" : "offered";
  const [row] = await tx.query<TransferRow>(sql`
    insert into device_transfers as t (id, organisation_id, direction, device_id, device_name, state, code_hash, other_organisation, by_name,
      expires_at, settled_at)
    values (${newId()}, ${given.organisationId}, ${given.direction}, ${given.device.id}, ${given.device.name}, ${state},
      ${given.offer?.codeHash ?? null}, ${given.otherOrganisation ?? null}, ${given.by},
      ${given.offer === undefined ? sql`null` : sql`now() + make_interval(days => ${given.offer.days})`},
      ${given.offer === undefined ? sql`now()` : sql`null`})
    returning ${columns}`);
  if (row === undefined) throw new TypeError("An insert answers its row.");
  return transferOf(row);
}

const isOpen = sql`t.state = 'offered' and t.expires_at > now()`;

/** Open offers of a device end: a new one takes their place, or it went away by itself. */
export async function withdrawOffers(tx: Transaction, organisationId: string, deviceId: string): Promise<void> {
  await tx.query(sql`
    update device_transfers t set state = 'withdrawn', settled_at = now()
    where t.organisation_id = ${organisationId} and t.device_id = ${deviceId} and ${isOpen}`);
}

/** Takes one open offer back. `undefined` where there is none. */
export async function withdrawOffer(tx: Transaction, organisationId: string, id: string): Promise<DeviceTransfer | undefined> {
  const [row] = await tx.query<TransferRow>(sql`
    update device_transfers t set state = 'withdrawn', settled_at = now()
    where t.organisation_id = ${organisationId} and t.id = ${id} and ${isOpen} returning ${columns}`);
  return row === undefined ? undefined : transferOf(row);
}

/** Which device a code is about, before anything is locked: hand-overs lock the device first. */
export async function findOffered(tx: Queryable, codeHash: Buffer): Promise<string | undefined> {
  const [row] = await tx.query<{ device_id: string }>(
    sql`select t.device_id from device_transfers t where t.code_hash = ${codeHash} and ${isOpen} and roost_is_open(t.organisation_id)`,
  );
  return row?.device_id;
}

/** The open offer that a code opens; locked, so that it is taken up once. */
export async function lockOffer(
  tx: Transaction,
  codeHash: Buffer,
): Promise<{ id: string; organisationId: string; deviceId: string } | undefined> {
  const [row] = await tx.query<{ id: string; organisation_id: string; device_id: string }>(sql`
    select t.id, t.organisation_id, t.device_id from device_transfers t where t.code_hash = ${codeHash} and ${isOpen} and roost_is_open(t.organisation_id) for update`);
  return row === undefined ? undefined : { id: row.id, organisationId: row.organisation_id, deviceId: row.device_id };
}

export async function settleOffer(tx: Transaction, id: string, otherOrganisation: string): Promise<void> {
  await tx.query(sql`
    update device_transfers set state = 'done', settled_at = now(), other_organisation = ${otherOrganisation} where id = ${id}`);
}

/** One hand-over of a device at a time, without keeping anybody from writing what it sends. */
export async function lockHandOver(tx: Transaction, deviceId: string): Promise<void> {
  await tx.query(sql`select pg_advisory_xact_lock(7266781, hashtext(${deviceId}))`);
}

export async function findOwner(tx: Queryable, deviceId: string): Promise<{ organisationId: string; name: string } | undefined> {
  const [row] = await tx.query<{ organisation_id: string; name: string }>(
    sql`select d.organisation_id, d.name from devices d where d.id = ${deviceId} and not d.hidden`,
  );
  return row === undefined ? undefined : { organisationId: row.organisation_id, name: row.name };
}

/** The platform's own devices that are counted to an organisation. */
export async function listHidden(db: Queryable, organisationId: string): Promise<string[]> {
  const rows = await db.query<{ id: string }>(sql`select d.id from devices d where d.organisation_id = ${organisationId} and d.hidden`);
  return rows.map(({ id }) => id);
}

/** Moves what hangs on a device; see `roost_move_device` in the migration. @returns Rows moved. */
export async function moveRows(tx: Queryable, deviceId: string, organisationId: string): Promise<number> {
  const [row] = await tx.query<{ n: number }>(sql`select roost_move_device(${deviceId}, ${organisationId}) as n`);
  return row?.n ?? 0;
}

/** The device itself: it leaves its place and groups, what it was there for is the giver's, and the label that they printed opens nothing any more. */
export async function moveDevice(tx: Transaction, deviceId: string, to: string): Promise<void> {
  await tx.query(sql`delete from device_group_members where device_id = ${deviceId}`);
  await leaveTopology(tx, deviceId);
  await tx.query(
    sql`update devices set organisation_id = ${to}, site_id = null, purpose = null, claim_secret_sealed = null where id = ${deviceId}`,
  );
  await tx.query(sql`delete from claims where device_id = ${deviceId}`);
}

/** Devices that were handed over a short while ago, with whose they are now. */
export async function listLatelyMoved(db: Queryable, minutes: number): Promise<{ deviceId: string; organisationId: string }[]> {
  const rows = await db.query<{ device_id: string; organisation_id: string }>(sql`
    select distinct d.id as device_id, d.organisation_id from device_transfers t join devices d on d.id = t.device_id
    where t.direction = 'in' and t.settled_at > now() - make_interval(mins => ${minutes})`);
  return rows.map((row) => ({ deviceId: row.device_id, organisationId: row.organisation_id }));
}
