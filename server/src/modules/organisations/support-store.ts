import type { OrganisationId, PersonId, SupportGrantId } from "@roost/contract/ids";
import type { SupportGrant } from "@roost/contract/platform-administration";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";

interface GrantRow {
  id: string;
  organisation_id: string;
  organisation_name: string;
  person_id: string;
  person_name: string;
  email: string;
  reason: string;
  minutes: number;
  role: SupportGrant["role"];
  state: SupportGrant["state"];
  asked_at: Date;
  settled_at: Date | null;
  settled_by: string | null;
  expires_at: Date | null;
}

// One that ran out has ended, whether or not anybody has swept it up.
const columns = sql`g.id, g.organisation_id, o.name as organisation_name, g.person_id, g.person_name, g.person_email as email, g.reason, g.minutes,
  g.role, case when g.state = 'granted' and g.expires_at <= now() then 'ended' else g.state end as state, g.asked_at, g.settled_at,
  g.settled_by_email as settled_by, g.expires_at`;
const from = sql`support_grants g join organisations o on o.id = g.organisation_id`;

function grantOf(row: GrantRow): SupportGrant {
  return {
    id: row.id as SupportGrantId,
    organisation: { id: row.organisation_id as OrganisationId, name: row.organisation_name },
    person: { id: row.person_id as PersonId, name: row.person_name, email: row.email },
    reason: row.reason,
    minutes: row.minutes,
    role: row.role,
    state: row.state,
    askedAt: row.asked_at,
    ...(row.settled_at === null ? {} : { settledAt: row.settled_at }),
    ...(row.settled_by === null ? {} : { settledBy: row.settled_by }),
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
  };
}

/** Newest first, at most 200; of an organisation, of a person, or both. */
export async function listGrants(
  db: Queryable,
  of: { organisationId?: string | undefined; personId?: string | undefined },
): Promise<SupportGrant[]> {
  const rows = await db.query<GrantRow>(sql`
    select ${columns} from ${from}
    where (${of.organisationId ?? null}::uuid is null or g.organisation_id = ${of.organisationId ?? null}::uuid)
      and (${of.personId ?? null}::uuid is null or g.person_id = ${of.personId ?? null}::uuid)
    order by g.asked_at desc, g.id desc limit 200`);
  return rows.map(grantOf);
}

export async function findGrant(db: Queryable, id: string): Promise<SupportGrant | undefined> {
  const [row] = await db.query<GrantRow>(sql`select ${columns} from ${from} where g.id = ${id}`);
  return row === undefined ? undefined : grantOf(row);
}

/** Asked for and not answered yet, or granted and not over. */
export async function listOpenGrants(db: Queryable, personId: string): Promise<SupportGrant[]> {
  const all = await listGrants(db, { personId });
  return all.filter(({ state }) => state === "asked" || state === "granted");
}

export async function insertGrant(
  tx: Transaction,
  asked: {
    organisationId: string;
    person: { id: string; name: string; email: string };
    reason: string;
    minutes: number;
    role: SupportGrant["role"];
  },
): Promise<string> {
  const id = newId();
  await tx.query(sql`
    insert into support_grants (id, organisation_id, person_id, person_name, person_email, reason, minutes, role)
    values (${id}, ${asked.organisationId}, ${asked.person.id}, ${asked.person.name}, ${asked.person.email}, ${asked.reason}, ${asked.minutes}, ${asked.role})`);
  return id;
}

export async function settleGrant(
  tx: Transaction,
  id: string,
  to: {
    state: "granted" | "refused" | "ended";
    by: { id: string; email: string } | undefined;
    minutes?: number | undefined;
    role?: SupportGrant["role"] | undefined;
  },
): Promise<Date | undefined> {
  const [row] = await tx.query<{ expires_at: Date | null }>(sql`
    update support_grants set state = ${to.state}, settled_at = now(), settled_by = coalesce(${to.by?.id ?? null}::uuid, settled_by),
      settled_by_email = coalesce(${to.by?.email ?? null}, settled_by_email), minutes = coalesce(${to.minutes ?? null}, minutes),
      role = coalesce(${to.role ?? null}, role),
      expires_at = case ${to.state}
        when 'granted' then now() + make_interval(mins => coalesce(${to.minutes ?? null}, minutes))
        when 'ended' then least(expires_at, now()) end
    where id = ${id} returning expires_at`);
  return row?.expires_at ?? undefined;
}

// Platform administrators

export async function listAdministrators(db: Queryable): Promise<{ id: string; name: string; email: string }[]> {
  return db.query(sql`select p.id, p.name, p.email from people p where p.platform_admin order by lower(p.name), p.id`);
}

/** One change of who looks after the installation at a time. */
export async function lockAdministrators(tx: Transaction): Promise<void> {
  await tx.query(sql`select pg_advisory_xact_lock(7266780)`);
}

export async function setAdministrator(tx: Transaction, personId: string, isOne: boolean): Promise<void> {
  await tx.query(sql`update people set platform_admin = ${isOne}, updated_at = now() where id = ${personId}`);
}
