import type { AnyRole } from "@roost/contract/people";
import type { Permission } from "@roost/contract/permissions";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { heldOf } from "./membership-rules.ts";
import type { Held, Terms } from "./membership-rules.ts";

export interface StoredInvitation {
  readonly id: string;
  readonly organisationId: string;
  readonly organisationName: string;
  readonly email: string | undefined;
  readonly byMail: boolean;
  readonly byPlatform: boolean;
  readonly terms: Terms;
  readonly held: Held;
  readonly roleName: string;
  readonly invitedById: string | undefined;
  readonly invitedBy: string | undefined;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

interface InvitationRow {
  id: string;
  organisation_id: string;
  organisation_name: string;
  email: string | null;
  by_mail: boolean;
  by_platform: boolean;
  role: AnyRole;
  role_id: string | null;
  role_name: string | null;
  role_permissions: Permission[] | null;
  site_ids: string[] | null;
  group_ids: string[] | null;
  denied_permissions: Permission[];
  denied_site_ids: string[];
  denied_group_ids: string[];
  membership_expires_at: Date | null;
  invited_by: string | null;
  inviter: string | null;
  created_at: Date;
  expires_at: Date;
}

const columns = sql`i.id, i.organisation_id, o.name as organisation_name, i.email, i.by_mail, i.by_platform, i.role, i.role_id,
  r.name as role_name, r.permissions as role_permissions, i.site_ids, i.group_ids, i.denied_permissions, i.denied_site_ids,
  i.denied_group_ids, i.membership_expires_at, i.invited_by, p.email as inviter, i.created_at, i.expires_at`;
const from = sql`invitations i join organisations o on o.id = i.organisation_id left join roles r on r.id = i.role_id
  left join people p on p.id = i.invited_by`;
const isOpen = sql`i.accepted_at is null and i.withdrawn_at is null and i.expires_at > now()`;

function invitationOf(row: InvitationRow): StoredInvitation {
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
    id: row.id,
    organisationId: row.organisation_id,
    organisationName: row.organisation_name,
    email: row.email ?? undefined,
    byMail: row.by_mail,
    byPlatform: row.by_platform,
    terms,
    held: heldOf(terms, row.role_permissions ?? []),
    roleName: row.role_name ?? row.role,
    invitedById: row.invited_by ?? undefined,
    invitedBy: row.inviter ?? undefined,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}

export async function insertInvitation(
  tx: Transaction,
  given: {
    organisationId: string;
    email: string | undefined;
    byMail: boolean;
    byPlatform: boolean;
    terms: Terms;
    secretHash: Buffer;
    invitedBy: string;
    days: number;
  },
): Promise<string> {
  const id = newId();
  const { terms } = given;
  await tx.query(sql`
    insert into invitations (id, organisation_id, email, by_mail, by_platform, role, role_id, site_ids, group_ids, denied_permissions,
      denied_site_ids, denied_group_ids, membership_expires_at, secret_hash, invited_by, expires_at)
    values (${id}, ${given.organisationId}, ${given.email ?? null}, ${given.byMail}, ${given.byPlatform}, ${terms.role}, ${terms.roleId ?? null},
      ${terms.siteIds ?? null}::uuid[], ${terms.groupIds ?? null}::uuid[], ${terms.deniedPermissions}::text[], ${terms.deniedSiteIds}::uuid[],
      ${terms.deniedGroupIds}::uuid[], ${terms.expiresAt ?? null}, ${given.secretHash}, ${given.invitedBy}, now() + make_interval(days => ${given.days}))`);
  return id;
}

/** Open ones, newest first; at most 500. */
export async function listInvitations(db: Queryable, organisationId: string): Promise<StoredInvitation[]> {
  const rows = await db.query<InvitationRow>(sql`
    select ${columns} from ${from} where i.organisation_id = ${organisationId} and ${isOpen} order by i.created_at desc, i.id desc limit 500`);
  return rows.map(invitationOf);
}

export async function countOpen(db: Queryable, organisationId: string): Promise<number> {
  const [row] = await db.query<{ n: number }>(
    sql`select count(*)::int as n from invitations i where i.organisation_id = ${organisationId} and ${isOpen}`,
  );
  return row?.n ?? 0;
}

/** An open invitation of the organisation. */
export async function findInvitation(db: Queryable, organisationId: string, id: string): Promise<StoredInvitation | undefined> {
  const [row] = await db.query<InvitationRow>(
    sql`select ${columns} from ${from} where i.organisation_id = ${organisationId} and i.id = ${id} and ${isOpen}`,
  );
  return row === undefined ? undefined : invitationOf(row);
}

/** The open invitation that a secret opens, of whichever organisation. */
export async function findBySecret(db: Queryable, secretHash: Buffer): Promise<StoredInvitation | undefined> {
  const [row] = await db.query<InvitationRow>(
    sql`select ${columns} from ${from} where i.secret_hash = ${secretHash} and ${isOpen} and roost_is_open(i.organisation_id)`,
  );
  return row === undefined ? undefined : invitationOf(row);
}

/** Uses an invitation up, once. */
export async function markAccepted(tx: Transaction, id: string, personId: string): Promise<boolean> {
  const rows = await tx.query(sql`
    update invitations i set accepted_at = now(), accepted_by = ${personId} where i.id = ${id} and ${isOpen} returning i.id`);
  return rows.length > 0;
}

export async function markWithdrawn(tx: Transaction, id: string): Promise<void> {
  await tx.query(sql`update invitations i set withdrawn_at = now() where i.id = ${id} and ${isOpen}`);
}

/** What somebody offered goes with them. */
export async function withdrawAllOf(tx: Transaction, organisationId: string, personId: string): Promise<void> {
  await tx.query(sql`
    update invitations i set withdrawn_at = now() where i.organisation_id = ${organisationId} and i.invited_by = ${personId} and ${isOpen}`);
}

/** Ends the invitations that a platform administrator made for a first owner. */
export async function withdrawPlatformOnes(tx: Transaction, organisationId: string): Promise<void> {
  await tx.query(
    sql`update invitations i set withdrawn_at = now() where i.organisation_id = ${organisationId} and i.by_platform and ${isOpen}`,
  );
}

/** Forgets invitations that ended long ago, with the addresses in them; the audit trail knows who let whom in. */
export async function forgetOld(tx: Transaction, days: number): Promise<void> {
  await tx.query(sql`delete from invitations where expires_at < now() - make_interval(days => ${days})`);
}

/** A person by e-mail, which is kept in lower case. */
export async function findPersonByEmail(db: Queryable, email: string): Promise<{ id: string; name: string; email: string } | undefined> {
  const [row] = await db.query<{ id: string; name: string; email: string }>(
    sql`select p.id, p.name, p.email from people p where p.email = ${email.toLowerCase()}`,
  );
  return row;
}

export async function findPersonById(
  db: Queryable,
  id: string,
): Promise<{ id: string; name: string; email: string; isPlatformAdmin: boolean } | undefined> {
  const [row] = await db.query<{ id: string; name: string; email: string; platform_admin: boolean }>(
    sql`select p.id, p.name, p.email, p.platform_admin from people p where p.id::text = ${id}`,
  );
  return row === undefined ? undefined : { id: row.id, name: row.name, email: row.email, isPlatformAdmin: row.platform_admin };
}
