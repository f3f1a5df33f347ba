import type { DeviceId, RegistrationId } from "@roost/contract/ids";
import type { Registration } from "@roost/contract/registrations";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { checkCodeOf, macText } from "./registration.ts";

interface RegistrationRow {
  id: string;
  organisation_id: string;
  device_id: string;
  mac: string;
  kind: string;
  name: string | null;
  firmware_version: string | null;
  sensor_types: string[];
  secret_hash: Buffer;
  wrong_code: boolean;
  remote_address: string;
  times: number;
  first_at: Date;
  last_at: Date;
  expires_at: Date;
}

const columns = sql`r.id, r.organisation_id, r.device_id, r.mac, r.kind, r.name, r.firmware_version, r.sensor_types, r.secret_hash, r.wrong_code,
  r.remote_address, r.times, r.first_at, r.last_at, r.expires_at`;

/** A device that waits, as far as its own row tells. */
type Entry = Omit<Registration, "standing" | "deviceName">;

/** The same, with what makes it a credential. */
export interface Waiting extends Entry {
  readonly organisationId: string;
  readonly secretHash: Buffer;
}

const waitingOf = (row: RegistrationRow): Waiting => ({
  ...entryOf(row),
  organisationId: row.organisation_id,
  secretHash: row.secret_hash,
});

function entryOf(row: RegistrationRow): Entry {
  return {
    id: row.id as RegistrationId,
    deviceId: row.device_id as DeviceId,
    macAddress: macText(row.mac),
    kind: row.kind,
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.firmware_version === null ? {} : { firmwareVersion: row.firmware_version }),
    sensorTypes: row.sensor_types,
    checkCode: checkCodeOf(row.secret_hash),
    wrongCode: row.wrong_code,
    remoteAddress: row.remote_address,
    times: row.times,
    firstAt: row.first_at,
    lastAt: row.last_at,
    expiresAt: row.expires_at,
  };
}

/** One registration at a time: what is counted stays true until it is written. */
export async function lockRegistrations(tx: Transaction): Promise<void> {
  await tx.query(sql`select pg_advisory_xact_lock(hashtext('registrations'))`);
}

/** The installation's organisation, where there is just one at work. */
export async function findOnlyOrganisation(tx: Queryable): Promise<string | undefined> {
  const rows = await tx.query<{ id: string }>(sql`select o.id from organisations o where roost_is_open(o.id) limit 2`);
  return rows.length === 1 ? rows[0]?.id : undefined;
}

/** Whose a device is, wherever, and whether its credentials were taken away. */
export async function findHolder(tx: Queryable, deviceId: string): Promise<{ organisationId: string; revoked: boolean } | undefined> {
  const [row] = await tx.query<{ organisation_id: string; state: string }>(
    sql`select d.organisation_id, d.state from devices d where d.id = ${deviceId}`,
  );
  return row === undefined ? undefined : { organisationId: row.organisation_id, revoked: row.state === "revoked" };
}

export interface NewRegistration {
  readonly organisationId: string;
  readonly deviceId: string;
  readonly mac: string;
  readonly kind: string;
  readonly name: string | undefined;
  readonly firmwareVersion: string | undefined;
  readonly sensorTypes: readonly string[];
  readonly secretHash: Buffer;
  readonly wrongCode: boolean;
  readonly remoteAddress: string;
  readonly countedAs: string;
}

/** Writes one down in place of the one that the same device left from the same address. Its id is new: what was seen is what is approved. */
export async function insertRegistration(tx: Transaction, given: NewRegistration, keepSeconds: number): Promise<Waiting> {
  const [row] = await tx.query<RegistrationRow>(sql`
    with before as (
      delete from registrations r where r.device_id = ${given.deviceId} and r.counted_as = ${given.countedAs}
      returning r.times, r.first_at, r.expires_at)
    select max(b.times) as times, min(b.first_at) as first_at from before b where b.expires_at > now()`);
  const [inserted] = await tx.query<RegistrationRow>(sql`
    insert into registrations as r (id, organisation_id, device_id, mac, kind, name, firmware_version, sensor_types, secret_hash, wrong_code,
      remote_address, counted_as, times, first_at, expires_at)
    values (${newId()}, ${given.organisationId}, ${given.deviceId}, ${given.mac}, ${given.kind}, ${given.name ?? null},
      ${given.firmwareVersion ?? null}, ${[...given.sensorTypes]}, ${given.secretHash}, ${given.wrongCode}, ${given.remoteAddress},
      ${given.countedAs}, ${(row?.times ?? 0) + 1}, coalesce(${row?.first_at ?? null}::timestamptz, now()),
      now() + make_interval(secs => ${keepSeconds}))
    returning ${columns}`);
  if (inserted === undefined) throw new TypeError("An insert answers its row.");
  return waitingOf(inserted);
}

/** Deletes the oldest ones beyond what may wait: of one address, and of all. */
export async function dropOldest(tx: Transaction, countedAs: string, most: { perAddress: number; all: number }): Promise<Waiting[]> {
  const rows = await tx.query<RegistrationRow>(sql`
    delete from registrations r where r.id in (
      (select o.id from registrations o where o.counted_as = ${countedAs} order by o.last_at desc, o.id desc offset ${most.perAddress})
      union
      (select o.id from registrations o order by o.last_at desc, o.id desc offset ${most.all}))
    returning ${columns}`);
  return rows.map(waitingOf);
}

/** Deletes those whose time is over. */
export async function takeExpired(tx: Transaction): Promise<Waiting[]> {
  return (await tx.query<RegistrationRow>(sql`delete from registrations r where r.expires_at <= now() returning ${columns}`)).map(
    waitingOf,
  );
}

/** Those that wait, newest first. */
export async function listWaiting(db: Queryable, organisationId: string): Promise<Entry[]> {
  const rows = await db.query<RegistrationRow>(sql`
    select ${columns} from registrations r where r.organisation_id = ${organisationId} and r.expires_at > now()
    order by r.last_at desc, r.id desc`);
  return rows.map(entryOf);
}

/** How many wait, of everybody. */
export async function countWaiting(db: Queryable): Promise<number> {
  const [row] = await db.query<{ n: number }>(sql`select count(*)::int as n from registrations r where r.expires_at > now()`);
  return row?.n ?? 0;
}

/** Takes one that still waits away; whoever comes second finds nothing. */
export async function takeWaiting(tx: Transaction, organisationId: string, id: string): Promise<Waiting | undefined> {
  const [row] = await tx.query<RegistrationRow>(sql`
    delete from registrations r where r.id = ${id} and r.organisation_id = ${organisationId} and r.expires_at > now() returning ${columns}`);
  return row === undefined ? undefined : waitingOf(row);
}

/** The same for what a device left from an address, once a code has let it in. @returns Their ids. */
export async function forgetWaiting(tx: Transaction, deviceId: string, countedAs: string): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(sql`
    delete from registrations r where r.device_id = ${deviceId} and r.counted_as = ${countedAs} returning r.id`);
  return rows.map(({ id }) => id);
}
