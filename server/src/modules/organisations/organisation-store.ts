import type { OrganisationId } from "@roost/contract/ids";
import type { Organisation, OrganisationRemoval } from "@roost/contract/organisations";
import type { PlatformOrganisation } from "@roost/contract/platform-administration";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";

/**
 * One change of who may what at a time: the last owner cannot go twice at once, and nobody acts on rights that were just taken away.
 * Rows that point to the organisation can still be written meanwhile.
 *
 * @returns The organisation's name; `undefined` where there is none.
 */
export async function lockOrganisation(tx: Transaction, id: string): Promise<string | undefined> {
  const [row] = await tx.query<{ name: string }>(sql`select o.name from organisations o where o.id = ${id} for no key update`);
  return row?.name;
}

interface OrganisationRow {
  id: string;
  name: string;
  created_at: Date;
  requested_by_email: string | null;
  requested_at: Date | null;
  ends_at: Date | null;
  begun_at: Date | null;
}

function removalOf(row: OrganisationRow): OrganisationRemoval | undefined {
  const { requested_by_email: requestedBy, requested_at: requestedAt, ends_at: endsAt } = row;
  if (requestedBy === null || requestedAt === null || endsAt === null) return undefined;
  return { state: row.begun_at === null ? "closed" : "removing", requestedAt, requestedBy, endsAt };
}

export async function findOrganisation(db: Queryable, id: string): Promise<Omit<Organisation, "removalDays"> | undefined> {
  const [row] = await db.query<OrganisationRow>(sql`
    select o.id, o.name, o.created_at, r.requested_by_email, r.requested_at, r.ends_at, r.begun_at
    from organisations o left join organisation_removals r on r.organisation_id = o.id where o.id = ${id}`);
  if (row === undefined) return undefined;
  const removal = removalOf(row);
  return {
    id: row.id as OrganisationId,
    name: row.name,
    createdAt: row.created_at,
    ...(removal === undefined ? {} : { removal }),
  };
}

export async function renameOrganisation(tx: Transaction, id: string, name: string): Promise<void> {
  await tx.query(sql`update organisations set name = ${name} where id = ${id}`);
}

export async function insertOrganisation(tx: Transaction, name: string): Promise<PlatformOrganisation> {
  const id = newId();
  const [row] = await tx.query<{ created_at: Date }>(
    sql`insert into organisations (id, name, slug) values (${id}, ${name}, ${id}) returning created_at`,
  );
  if (row === undefined) throw new TypeError("An insert answers its row.");
  return { id: id as OrganisationId, name, createdAt: row.created_at, hasOwner: false };
}

/** By name; one more than `limit` where there are more. */
export async function listPlatformOrganisations(
  db: Queryable,
  { after, limit }: { after: { name: string; id: string } | undefined; limit: number },
): Promise<PlatformOrganisation[]> {
  const rows = await db.query<{ id: string; name: string; created_at: Date; has_owner: boolean; ends_at: Date | null }>(sql`
    select o.id, o.name, o.created_at, exists (select from memberships m where m.organisation_id = o.id and m.role = 'owner') as has_owner,
      r.ends_at
    from organisations o left join organisation_removals r on r.organisation_id = o.id
    ${after === undefined ? sql`` : sql`where (lower(o.name), o.id) > (lower(${after.name}::text), ${after.id}::uuid)`}
    order by lower(o.name), o.id limit ${limit + 1}`);
  return rows.map((row) => ({
    id: row.id as OrganisationId,
    name: row.name,
    createdAt: row.created_at,
    hasOwner: row.has_owner,
    ...(row.ends_at === null ? {} : { removedAt: row.ends_at }),
  }));
}
