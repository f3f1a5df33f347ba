import type { Permission } from "@roost/contract/permissions";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { membershipColumns } from "../auth/auth.ts";
import type { MembershipRow } from "../auth/auth.ts";
import { heldOf } from "./membership-rules.ts";
import type { Held, Terms } from "./membership-rules.ts";

/** A membership as it is kept, with what it comes to. */
export interface StoredMember {
  readonly personId: string;
  readonly name: string;
  readonly email: string;
  readonly terms: Terms;
  readonly roleName: string;
  readonly held: Held;
  readonly hasEnded: boolean;
  readonly isPlatformAdmin: boolean;
  /** Set where this is a platform administrator who was let in. */
  readonly supportGrantId: string | undefined;
  readonly since: Date;
}

interface MemberRow extends MembershipRow {
  person_id: string;
  person_name: string;
  email: string;
  role_id: string | null;
  support_grant_id: string | null;
  created_at: Date;
  has_ended: boolean;
}

const columns = sql`${membershipColumns}, m.person_id, p.name as person_name, p.email, m.role_id, m.support_grant_id, m.created_at,
  coalesce(m.expires_at <= now(), false) as has_ended`;
const all = sql`memberships m join organisations o on o.id = m.organisation_id join people p on p.id = m.person_id
  left join roles r on r.id = m.role_id`;

function memberOf(row: MemberRow): StoredMember {
  const terms: Terms = {
    role: row.role,
    roleId: row.role_id ?? undefined,
    siteIds: row.site_ids ?? undefined,
    groupIds: row.group_ids ?? undefined,
    deniedPermissions: row.denied_permissions,
    deniedSiteIds: row.denied_site_ids,
    deniedGroupIds: row.denied_group_ids,
    expiresAt: row.membership_expires_at ?? undefined,
  };
  return {
    personId: row.person_id,
    name: row.person_name,
    email: row.email,
    terms,
    roleName: row.role_name ?? row.role,
    held: heldOf(terms, row.role_permissions ?? []),
    hasEnded: row.has_ended,
    isPlatformAdmin: row.platform_admin,
    supportGrantId: row.support_grant_id ?? undefined,
    since: row.created_at,
  };
}

/** One member, ended ones too. */
export async function findMember(db: Queryable, organisationId: string, personId: string): Promise<StoredMember | undefined> {
  const [row] = await db.query<MemberRow>(
    sql`select ${columns} from ${all} where m.organisation_id = ${organisationId} and m.person_id::text = ${personId}`,
  );
  return row === undefined ? undefined : memberOf(row);
}

/** Members by name; one more than `limit` where there are more. */
export async function listMembers(
  db: Queryable,
  organisationId: string,
  { q, after, limit }: { q: string | undefined; after: { name: string; id: string } | undefined; limit: number },
): Promise<StoredMember[]> {
  const needle = q?.trim() ?? "";
  const rows = await db.query<MemberRow>(sql`
    select ${columns} from ${all} where m.organisation_id = ${organisationId}
      ${needle === "" ? sql`` : sql`and (position(lower(${needle}::text) in lower(p.name)) > 0 or position(lower(${needle}::text) in p.email) > 0)`}
      ${after === undefined ? sql`` : sql`and (lower(p.name), p.id) > (lower(${after.name}::text), ${after.id}::uuid)`}
    order by lower(p.name), p.id limit ${limit + 1}`);
  return rows.map(memberOf);
}

/** Whether somebody is let in by any organisation now. */
export async function belongsAnywhere(db: Queryable, personId: string): Promise<boolean> {
  const rows = await db.query(sql`
    select from memberships m where m.person_id = ${personId} and (m.expires_at is null or m.expires_at > now()) limit 1`);
  return rows.length > 0;
}

export async function countOwners(db: Queryable, organisationId: string): Promise<number> {
  const [row] = await db.query<{ n: number }>(
    sql`select count(*)::int as n from memberships m where m.organisation_id = ${organisationId} and m.role = 'owner'`,
  );
  return row?.n ?? 0;
}

export async function insertMember(
  tx: Transaction,
  organisationId: string,
  personId: string,
  terms: Terms,
  supportGrantId?: string,
): Promise<void> {
  await tx.query(sql`
    insert into memberships (id, organisation_id, person_id, role, role_id, site_ids, group_ids, denied_permissions, denied_site_ids,
      denied_group_ids, expires_at, support_grant_id)
    values (${newId()}, ${organisationId}, ${personId}, ${terms.role}, ${terms.roleId ?? null}, ${terms.siteIds ?? null}::uuid[],
      ${terms.groupIds ?? null}::uuid[], ${terms.deniedPermissions}::text[], ${terms.deniedSiteIds}::uuid[], ${terms.deniedGroupIds}::uuid[],
      ${terms.expiresAt ?? null}, ${supportGrantId ?? null})`);
}

export async function updateMember(tx: Transaction, organisationId: string, personId: string, terms: Terms): Promise<void> {
  await tx.query(sql`
    update memberships set role = ${terms.role}, role_id = ${terms.roleId ?? null}, site_ids = ${terms.siteIds ?? null}::uuid[],
      group_ids = ${terms.groupIds ?? null}::uuid[], denied_permissions = ${terms.deniedPermissions}::text[],
      denied_site_ids = ${terms.deniedSiteIds}::uuid[], denied_group_ids = ${terms.deniedGroupIds}::uuid[], expires_at = ${terms.expiresAt ?? null}
    where organisation_id = ${organisationId} and person_id = ${personId}`);
}

export async function deleteMember(tx: Transaction, organisationId: string, personId: string): Promise<void> {
  await tx.query(sql`delete from memberships where organisation_id = ${organisationId} and person_id = ${personId}`);
}

/** Memberships that have ended by themselves, whosever; each is answered by one caller alone. */
export async function takeEnded(
  tx: Transaction,
): Promise<{ organisationId: string; personId: string; email: string; role: string; supportGrantId: string | undefined }[]> {
  const rows = await tx.query<{
    organisation_id: string;
    person_id: string;
    email: string;
    role: string;
    support_grant_id: string | null;
  }>(sql`
    with ended as (select m.id from memberships m where m.expires_at <= now() order by m.id limit 100 for update skip locked)
    delete from memberships m using ended e, people p where m.id = e.id and p.id = m.person_id
    returning m.organisation_id, m.person_id, p.email, m.role, m.support_grant_id`);
  return rows.map((row) => ({
    organisationId: row.organisation_id,
    personId: row.person_id,
    email: row.email,
    role: row.role,
    supportGrantId: row.support_grant_id ?? undefined,
  }));
}

/** Who owns an organisation, by e-mail. */
export async function listOwnerEmails(db: Queryable, organisationId: string): Promise<string[]> {
  const rows = await db.query<{ email: string }>(sql`
    select p.email from memberships m join people p on p.id = m.person_id
    where m.organisation_id = ${organisationId} and m.role = 'owner' order by p.email limit 20`);
  return rows.map(({ email }) => email);
}

// Roles of the organisation's own

export interface StoredRole {
  readonly id: string;
  readonly name: string;
  readonly permissions: readonly Permission[];
  readonly people: number;
}

interface RoleRow {
  id: string;
  name: string;
  permissions: Permission[];
  people: number;
}

const roleColumns = sql`r.id, r.name, r.permissions, (select count(*)::int from memberships m where m.role_id = r.id) as people`;

export async function listOwnRoles(db: Queryable, organisationId: string): Promise<StoredRole[]> {
  return db.query<RoleRow>(
    sql`select ${roleColumns} from roles r where r.organisation_id = ${organisationId} order by lower(r.name), r.id`,
  );
}

/** On what terms each member is here. */
export async function listTerms(db: Queryable, organisationId: string): Promise<Terms[]> {
  const rows = await db.query<MemberRow>(sql`select ${columns} from ${all} where m.organisation_id = ${organisationId}`);
  return rows.map((row) => memberOf(row).terms);
}

export async function findRole(db: Queryable, organisationId: string, id: string): Promise<StoredRole | undefined> {
  const [row] = await db.query<RoleRow>(
    sql`select ${roleColumns} from roles r where r.organisation_id = ${organisationId} and r.id = ${id}`,
  );
  return row;
}

/** `undefined` where the name is taken. */
export async function insertRole(
  tx: Transaction,
  organisationId: string,
  { name, permissions }: { name: string; permissions: readonly Permission[] },
): Promise<StoredRole | undefined> {
  const [row] = await tx.query<RoleRow>(sql`
    insert into roles as r (id, organisation_id, name, permissions) values (${newId()}, ${organisationId}, ${name}, ${permissions}::text[])
    on conflict (organisation_id, lower(name)) do nothing returning r.id, r.name, r.permissions, 0 as people`);
  return row;
}

/** False where another one has the name. */
export async function updateRole(
  tx: Transaction,
  organisationId: string,
  id: string,
  to: { name: string; permissions: readonly Permission[] },
): Promise<boolean> {
  const rows = await tx.query(sql`
    update roles r set name = ${to.name}, permissions = ${to.permissions}::text[], changed_at = now()
    where r.id = ${id} and r.organisation_id = ${organisationId}
      and not exists (select from roles o where o.organisation_id = ${organisationId} and o.id <> ${id} and lower(o.name) = lower(${to.name}))
    returning r.id`);
  return rows.length > 0;
}

/** Held by a member, or offered in an open invitation. */
export async function isRoleInUse(db: Queryable, id: string): Promise<boolean> {
  const rows = await db.query(sql`
    select from memberships m where m.role_id = ${id}
    union all
    select from invitations i where i.role_id = ${id} and i.accepted_at is null and i.withdrawn_at is null and i.expires_at > now()`);
  return rows.length > 0;
}

export async function deleteRole(tx: Transaction, organisationId: string, id: string): Promise<void> {
  await tx.query(sql`delete from roles where id = ${id} and organisation_id = ${organisationId}`);
}
