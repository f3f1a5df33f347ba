import type { Device, DeviceState } from "@roost/contract/devices";
import type { DeviceGroupId, DeviceId, OrganisationId, SiteId } from "@roost/contract/ids";
import type { Sql } from "@roost/contract/sql";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import type { RegistryRow } from "./registry.ts";

interface DeviceRow {
  id: string;
  key: number;
  organisation_id: string;
  site_id: string | null;
  group_ids: string[] | null;
  parent_id: string | null;
  name: string;
  kind: string;
  state: DeviceState;
  state_since: Date;
  heartbeat_seconds: number;
  firmware_version: string | null;
  purpose: string | null;
  attributes: Record<string, string>;
  created_at: Date;
  claimed_at: Date | null;
  last_seen_at: Date | null;
}

const columns = sql`d.id, d.key, d.organisation_id, d.site_id, d.name, d.kind, d.state, d.state_since, d.heartbeat_seconds,
  (select array_agg(g.group_id order by g.group_id) from device_group_members g where g.device_id = d.id) as group_ids,
  (select p.id from devices p where p.id = d.parent_id) as parent_id, d.firmware_version, d.purpose, d.attributes, d.created_at, d.claimed_at, d.last_seen_at`;

function deviceOf(row: DeviceRow): Device {
  return {
    id: row.id as DeviceId,
    organisationId: row.organisation_id as OrganisationId,
    ...(row.site_id === null ? {} : { siteId: row.site_id as SiteId }),
    ...(row.group_ids === null ? {} : { groupIds: row.group_ids as DeviceGroupId[] }),
    ...(row.parent_id === null ? {} : { parentId: row.parent_id as DeviceId }),
    name: row.name,
    kind: row.kind,
    state: row.state,
    createdAt: row.created_at,
    ...(row.claimed_at === null ? {} : { claimedAt: row.claimed_at }),
    ...(row.last_seen_at === null ? {} : { lastSeenAt: row.last_seen_at }),
    stateSince: row.state_since,
    heartbeatSeconds: row.heartbeat_seconds,
    ...(row.firmware_version === null ? {} : { firmwareVersion: row.firmware_version }),
    ...(row.purpose === null ? {} : { purpose: row.purpose }),
    attributes: row.attributes,
  };
}

export interface NewDevice {
  readonly id: string;
  readonly organisationId: string;
  readonly name: string;
  readonly kind: string;
  readonly heartbeatSeconds: number;
  readonly siteId: string | undefined;
  readonly claimSecretSealed: Buffer | undefined;
  readonly hidden: boolean;
}

/** @returns `undefined` when the id is taken, by whomever. */
export async function insertDevice(tx: Transaction, device: NewDevice): Promise<Device | undefined> {
  const [row] = await tx.query<DeviceRow>(sql`
    insert into devices as d (id, organisation_id, name, kind, heartbeat_seconds, site_id, claim_secret_sealed, hidden)
    values (${device.id}, ${device.organisationId}, ${device.name}, ${device.kind}, ${device.heartbeatSeconds}, ${device.siteId ?? null},
      ${device.claimSecretSealed ?? null}, ${device.hidden})
    on conflict (id) do nothing
    returning ${columns}`);
  return row === undefined ? undefined : deviceOf(row);
}

/** One device of the organisation that people may see. */
export async function findDevice(db: Queryable, organisationId: string, id: string): Promise<Device | undefined> {
  const [row] = await db.query<DeviceRow>(sql`
    select ${columns} from devices d where d.id = ${id} and d.organisation_id = ${organisationId} and not d.hidden`);
  return row === undefined ? undefined : deviceOf(row);
}

/** The same, locked until the transaction ends; others may still name it, such as devices that come to be reached through it. */
export async function lockDevice(tx: Transaction, organisationId: string, id: string): Promise<(Device & { key: number }) | undefined> {
  const [row] = await tx.query<DeviceRow>(sql`
    select ${columns} from devices d where d.id = ${id} and d.organisation_id = ${organisationId} and not d.hidden for no key update`);
  return row === undefined ? undefined : { ...deviceOf(row), key: row.key };
}

/** What is listed and counted. */
export interface FleetPart {
  readonly q?: string | undefined;
  readonly siteId?: string | undefined;
  readonly groupId?: string | undefined;
  readonly parentId?: string | undefined;
  /** Those of these kinds alone. */
  readonly kinds?: readonly string[] | undefined;
}

export interface FleetFilter extends FleetPart {
  readonly state: DeviceState | undefined;
  readonly limit: number;
  /** Name and id of the last device of the page before. */
  readonly after: { readonly name: string; readonly id: string } | undefined;
}

function matching(organisationId: string, { q, siteId, groupId, parentId, kinds }: FleetPart): Sql {
  const needle = q?.trim();
  const all = sql`d.organisation_id = ${organisationId} and not d.hidden
    ${siteId === undefined ? sql`` : sql`and d.site_id = ${siteId}`}
    ${kinds === undefined ? sql`` : sql`and d.kind = any(${kinds}::text[])`}
    ${groupId === undefined ? sql`` : sql`and exists (select from device_group_members g where g.device_id = d.id and g.group_id = ${groupId})`}
    ${parentId === undefined ? sql`` : sql`and d.parent_id = ${parentId} and exists (select from devices p where p.id = d.parent_id)`}`;
  if (needle === undefined || needle === "") return all;
  return sql`${all} and (position(lower(${needle}::text) in lower(d.name)) > 0 or position(lower(${needle}::text) in d.id) > 0)`;
}

/** Devices by name, then id; one more than `limit` where there are more. */
export async function listDevicePage(db: Queryable, organisationId: string, filter: FleetFilter): Promise<Device[]> {
  const rows = await db.query<DeviceRow>(sql`
    select ${columns} from devices d
    where ${matching(organisationId, filter)}
      ${filter.state === undefined ? sql`` : sql`and d.state = ${filter.state}`}
      ${filter.after === undefined ? sql`` : sql`and (lower(d.name), d.id) > (lower(${filter.after.name}::text), ${filter.after.id}::text)`}
    order by lower(d.name), d.id limit ${filter.limit + 1}`);
  return rows.map(deviceOf);
}

/** How many devices are in each state; all states are there. */
export async function countDevices(db: Queryable, organisationId: string, part: FleetPart = {}): Promise<Record<DeviceState, number>> {
  const rows = await db.query<{ state: DeviceState; n: number }>(sql`
    select d.state, count(*)::int as n from devices d where ${matching(organisationId, part)} group by d.state`);
  const counts = { waiting: 0, online: 0, offline: 0, revoked: 0 };
  for (const row of rows) counts[row.state] = row.n;
  return counts;
}

export async function updateDevice(
  tx: Transaction,
  id: string,
  change: { name?: string | undefined; heartbeatSeconds?: number | undefined; siteId?: string | null | undefined },
): Promise<Device | undefined> {
  const [row] = await tx.query<DeviceRow>(sql`
    update devices d set name = coalesce(${change.name ?? null}, d.name),
      site_id = ${change.siteId === undefined ? sql`d.site_id` : sql`${change.siteId}::uuid`},
      pace_seconds = case when ${change.heartbeatSeconds ?? null}::float8 is distinct from d.heartbeat_seconds
        and ${change.heartbeatSeconds ?? null}::float8 is not null then null else d.pace_seconds end,
      heartbeat_seconds = coalesce(${change.heartbeatSeconds ?? null}, d.heartbeat_seconds)
    where d.id = ${id} returning ${columns}`);
  return row === undefined ? undefined : deviceOf(row);
}

/** Says what a device is there for; whether that changed anything. */
export async function setPurpose(tx: Transaction, organisationId: string, id: string, purpose: string | undefined): Promise<boolean> {
  const rows = await tx.query(sql`
    update devices set purpose = ${purpose ?? null}
    where id = ${id} and organisation_id = ${organisationId} and purpose is distinct from ${purpose ?? null} returning 1`);
  return rows.length > 0;
}

export async function deleteDevice(tx: Transaction, id: string): Promise<void> {
  await tx.query(sql`delete from claim_tries where device_id = ${id}`);
  await tx.query(sql`delete from devices where id = ${id}`);
}

export async function setClaimSecret(tx: Transaction, id: string, sealed: Buffer | undefined): Promise<void> {
  await tx.query(sql`update devices set claim_secret_sealed = ${sealed ?? null} where id = ${id}`);
  // Nonces are remembered against replays under one secret; another secret refuses those by itself.
  await tx.query(sql`delete from claims where device_id = ${id}`);
}

export async function setRevoked(tx: Transaction, id: string): Promise<Device | undefined> {
  const [row] = await tx.query<DeviceRow>(sql`
    update devices d set state = 'revoked', state_since = case when d.state = 'revoked' then d.state_since else now() end
    where d.id = ${id} returning ${columns}`);
  // What a revoked device left standing is delivered to nobody.
  await tx.query(sql`delete from retained_messages where device_id = ${id}`);
  return row === undefined ? undefined : deviceOf(row);
}

export async function setClaimed(tx: Transaction, id: string, firmwareVersion: string | undefined): Promise<void> {
  await tx.query(sql`
    update devices set claimed_at = now(), firmware_version = coalesce(${firmwareVersion ?? null}, firmware_version),
      state_since = case when state = 'revoked' then now() else state_since end,
      state = case when state = 'revoked' then 'waiting' else state end
    where id = ${id}`);
}

interface RegistrySqlRow {
  id: string;
  key: number;
  organisation_id: string;
  kind: string;
  site_id: string | null;
  group_ids: string[] | null;
  parent_id: string | null;
  hidden: boolean;
  heartbeat_seconds: number;
  state: DeviceState;
  closed: boolean;
  pace_seconds: number | null;
  last_seen_at: Date | null;
  credential_ids: string[] | null;
  secret_hashes: Buffer[] | null;
  seconds_left: (number | null)[] | null;
}

/** All devices, or those named, with the credentials that work now. */
export async function loadRegistryRows(db: Queryable, ids?: readonly string[]): Promise<RegistryRow[]> {
  const rows = await db.query<RegistrySqlRow>(sql`
    select d.id, d.key, d.organisation_id, d.kind, d.site_id, g.group_ids, d.parent_id, d.hidden, d.heartbeat_seconds, d.state, d.pace_seconds,
      not d.hidden and not roost_is_open(d.organisation_id) as closed, d.last_seen_at, c.credential_ids, c.secret_hashes, c.seconds_left
    from devices d left join (
      select c.device_id, array_agg(c.id) as credential_ids, array_agg(c.secret_hash) as secret_hashes,
        array_agg(extract(epoch from c.expires_at - now())::float8) as seconds_left
      from device_credentials c
      where c.revoked_at is null and (c.expires_at is null or c.expires_at > now())
        ${ids === undefined ? sql`` : sql`and c.device_id = any(${ids}::text[])`}
      group by c.device_id
    ) c on c.device_id = d.id
    left join (
      select g.device_id, array_agg(g.group_id) as group_ids from device_group_members g
      ${ids === undefined ? sql`` : sql`where g.device_id = any(${ids}::text[])`}
      group by g.device_id
    ) g on g.device_id = d.id
    ${ids === undefined ? sql`` : sql`where d.id = any(${ids}::text[])`}`);
  return rows.map((row) => ({
    id: row.id,
    key: row.key,
    organisationId: row.organisation_id,
    kind: row.kind,
    siteId: row.site_id ?? undefined,
    groupIds: new Set(row.group_ids ?? []),
    parentId: row.parent_id ?? undefined,
    hidden: row.hidden,
    heartbeatSeconds: row.heartbeat_seconds,
    // Of an organisation that is closed: it is not let in, and its silence is nobody's business.
    revoked: row.closed || row.state === "revoked",
    state: row.closed ? "revoked" : row.state,
    paceSeconds: row.pace_seconds ?? undefined,
    lastSeenAt: row.last_seen_at ?? undefined,
    credentials: (row.closed ? [] : (row.credential_ids ?? [])).map((id, index) => ({
      id,
      secretHash: row.secret_hashes?.[index] ?? Buffer.alloc(32),
      secondsLeft: row.seconds_left?.[index] ?? undefined,
    })),
  }));
}
