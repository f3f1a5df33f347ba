import { closedPermissions, platformPermissions, rolePermissions } from "@roost/contract/permissions";
import type { Permission, Role } from "@roost/contract/permissions";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { Parts, Scope } from "../../platform/tenancy.ts";

/** What a person may in one organisation now: their role there, less its denials, and what the platform gives them besides. */
export interface Membership {
  readonly organisationId: string;
  readonly organisationName: string;
  readonly role: Role | "custom";
  /** One of the four, or the name the organisation gave to its own. */
  readonly roleName: string;
  readonly permissions: ReadonlySet<Permission>;
  /** Absent: the whole organisation. */
  readonly scope: Scope | undefined;
  /** The organisation is closed, to be removed. */
  readonly isClosed: boolean;
  readonly expiresAt: Date | undefined;
}

/** The columns of {@link MembershipRow}; `m` is the membership, `o` its organisation, `p` its person, `r` its own role. */
export const membershipColumns = sql`m.organisation_id, o.name as organisation_name, m.role, r.name as role_name,
  r.permissions as role_permissions, m.site_ids, m.group_ids, m.denied_permissions, m.denied_site_ids, m.denied_group_ids,
  m.expires_at as membership_expires_at, p.platform_admin, not roost_is_open(m.organisation_id) as is_closed`;

/** What {@link membershipColumns} are taken from, where the memberships that have ended are left out. */
export const standingMemberships = sql`(select * from memberships where expires_at is null or expires_at > now()) m
  join organisations o on o.id = m.organisation_id
  join people p on p.id = m.person_id
  left join roles r on r.id = m.role_id`;

export interface MembershipRow {
  organisation_id: string;
  organisation_name: string;
  role: Role | "custom";
  role_name: string | null;
  role_permissions: Permission[] | null;
  site_ids: string[] | null;
  group_ids: string[] | null;
  denied_permissions: Permission[];
  denied_site_ids: string[];
  denied_group_ids: string[];
  membership_expires_at: Date | null;
  platform_admin: boolean;
  is_closed: boolean;
}

export function toMembership(row: MembershipRow): Membership {
  const given = row.role === "custom" ? (row.role_permissions ?? []) : rolePermissions[row.role];
  const denied = new Set(row.denied_permissions);
  const isLeft = (permission: Permission) => !row.is_closed || closedPermissions.has(permission);
  return {
    organisationId: row.organisation_id,
    organisationName: row.organisation_name,
    role: row.role,
    roleName: row.role_name ?? row.role,
    // A role that an organisation made holds nothing of the platform's, whatever its row says.
    permissions: new Set([
      ...given.filter((permission) => !denied.has(permission) && !permission.startsWith("platform:") && isLeft(permission)),
      ...(row.platform_admin ? platformPermissions : []),
    ]),
    scope: scopeOf(row),
    isClosed: row.is_closed,
    expiresAt: row.membership_expires_at ?? undefined,
  };
}

function scopeOf(row: MembershipRow): Scope | undefined {
  const allowed = partsOf(row.site_ids, row.group_ids);
  const deny = { siteIds: row.denied_site_ids, groupIds: row.denied_group_ids };
  if (allowed === undefined && deny.siteIds.length === 0 && deny.groupIds.length === 0) return undefined;
  return { allow: allowed === undefined ? [] : [allowed], deny };
}

/** Sites and groups as a row keeps them; `undefined` where it sets no bounds. */
export function partsOf(siteIds: readonly string[] | null, groupIds: readonly string[] | null): Parts | undefined {
  return siteIds === null && groupIds === null ? undefined : { siteIds: siteIds ?? [], groupIds: groupIds ?? [] };
}

/** The first membership: nothing is taken out of it. */
export async function addMembership(tx: Transaction, organisationId: string, personId: string, role: Role): Promise<void> {
  await tx.query(
    sql`insert into memberships (id, organisation_id, person_id, role) values (${newId()}, ${organisationId}, ${personId}, ${role})`,
  );
}

/** The organisation a person acts in: the session's, if they still belong to it, else their oldest that is open. */
export async function findMembership(db: Queryable, personId: string, organisationId?: string): Promise<Membership | undefined> {
  const [row] = await db.query<MembershipRow>(sql`
    select ${membershipColumns} from ${standingMemberships}
    where m.person_id = ${personId}
    order by (m.organisation_id is not distinct from ${organisationId ?? null}::uuid) desc,
      roost_is_open(m.organisation_id) desc, m.created_at, m.id limit 1`);
  return row === undefined ? undefined : toMembership(row);
}

/** Every organisation a person belongs to, by name. */
export async function listMemberships(db: Queryable, personId: string): Promise<Membership[]> {
  const rows = await db.query<MembershipRow>(sql`
    select ${membershipColumns} from ${standingMemberships}
    where m.person_id = ${personId} order by lower(o.name), o.id`);
  return rows.map(toMembership);
}

/** Whether newcomers may join it: not while it is closed. */
export async function isOpen(db: Queryable, organisationId: string): Promise<boolean> {
  const [row] = await db.query<{ open: boolean }>(sql`select roost_is_open(${organisationId}::uuid) as open`);
  return row?.open === true;
}

/** Lets a session act in another organisation. */
export async function chooseOrganisation(db: Queryable, sessionId: string, organisationId: string): Promise<void> {
  await db.query(sql`update sessions set active_organisation_id = ${organisationId} where id = ${sessionId}`);
}

/** Somebody's session, in the organisation where they acted with it. */
export interface AskedSession {
  readonly sessionId: string;
  readonly organisationId: string;
  /** Of the bearer token that was used; absent: a browser's. */
  readonly accessHash: Buffer | undefined;
}

/** What the people of sessions may now in the organisation named beside, in the order asked for; `undefined` where one stands no more. */
export async function listStandingSessions(
  db: Queryable,
  asked: readonly AskedSession[],
  maxHours: number,
): Promise<(Membership | undefined)[]> {
  const rows = await db.query<MembershipRow & { place: number }>(sql`
    select asked.place::int as place, ${membershipColumns}
    from unnest(${asked.map((one) => one.sessionId)}::uuid[], ${asked.map((one) => one.organisationId)}::uuid[],
      ${asked.map((one) => one.accessHash ?? null)}::bytea[]) with ordinality as asked (session_id, organisation_id, access_hash, place)
    join sessions s on s.id = asked.session_id and s.expires_at > now() and s.created_at > now() - make_interval(secs => ${maxHours * 3_600})
      and s.access_hash is not distinct from asked.access_hash and (s.access_hash is null or s.access_expires_at > now())
    join (${standingMemberships}) on m.person_id = s.person_id and m.organisation_id = asked.organisation_id`);
  const standing = new Map(rows.map((row) => [row.place, toMembership(row)]));
  return asked.map((_, index) => standing.get(index + 1));
}
