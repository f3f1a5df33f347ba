import { sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";

/** `undefined` for a person who has none. */
export async function findPasswordHash(db: Queryable, personId: string): Promise<string | undefined> {
  const [row] = await db.query<{ password: string | null }>(
    sql`select a.password from accounts a where a.person_id = ${personId} and a.provider_id = 'credential'`,
  );
  return row?.password ?? undefined;
}

/** Sets a password, the first one too. */
export async function savePasswordHash(tx: Queryable, personId: string, passwordHash: string): Promise<void> {
  await tx.query(sql`
    insert into accounts (id, account_id, provider_id, person_id, password)
    values (${newId()}, ${personId}, 'credential', ${personId}, ${passwordHash})
    on conflict (provider_id, account_id) do update set password = excluded.password, updated_at = now()`);
}

export async function addReset(
  tx: Queryable,
  reset: { secretHash: Buffer; personId: string; maker: ResetMaker | undefined; minutes: number },
): Promise<Date> {
  // One link at a time: the newest.
  await tx.query(sql`delete from password_resets where person_id = ${reset.personId} or expires_at < now()`);
  const [row] = await tx.query<{ expires_at: Date }>(sql`
    insert into password_resets (secret_hash, person_id, by_mail, made_by, made_in, expires_at)
    values (${reset.secretHash}, ${reset.personId}, ${reset.maker === undefined}, ${reset.maker?.personId ?? null},
      ${reset.maker?.organisationId ?? null}, now() + make_interval(mins => ${reset.minutes})) returning expires_at`);
  if (row === undefined) throw new TypeError("An insert answers its row.");
  return row.expires_at;
}

/** Somebody in charge who made a link, and in which organisation. */
export interface ResetMaker {
  readonly personId: string;
  readonly organisationId: string;
}

export interface Reset {
  readonly personId: string;
  readonly email: string;
  readonly name: string;
  /** Absent: it went by mail. */
  readonly maker: ResetMaker | undefined;
}

/** Whose link it is, while it stands. */
export async function findReset(db: Queryable, secretHash: Buffer): Promise<Reset | undefined> {
  const [row] = await db.query<{ id: string; email: string; name: string; made_by: string | null; made_in: string | null }>(sql`
    select p.id, p.email, p.name, r.made_by, r.made_in from password_resets r join people p on p.id = r.person_id
    where r.secret_hash = ${secretHash} and r.expires_at > now()`);
  if (row === undefined) return undefined;
  const { made_by: personId, made_in: organisationId } = row;
  const maker = personId === null || organisationId === null ? undefined : { personId, organisationId };
  return { personId: row.id, email: row.email, name: row.name, maker };
}

/** Uses a link up. What was sent by mail proves the address. @returns `undefined` where it was used meanwhile. */
export async function useReset(tx: Queryable, secretHash: Buffer): Promise<{ isFirstProof: boolean } | undefined> {
  const [row] = await tx.query<{ person_id: string; by_mail: boolean }>(
    sql`delete from password_resets where secret_hash = ${secretHash} and expires_at > now() returning person_id, by_mail`,
  );
  if (row === undefined) return undefined;
  const proven = row.by_mail
    ? await tx.query(sql`update people set email_verified = true where id = ${row.person_id} and not email_verified returning id`)
    : [];
  return { isFirstProof: proven.length > 0 };
}

/** Takes away what opens an account by itself, beside its password. @returns How many there were. */
export async function removeOtherWays(tx: Queryable, personId: string): Promise<number> {
  const passkeys = await tx.query(sql`delete from passkeys where person_id = ${personId} returning id`);
  const links = await tx.query(sql`delete from accounts where person_id = ${personId} and provider_id <> 'credential' returning id`);
  return passkeys.length + links.length;
}

export async function findPersonByEmail(db: Queryable, email: string): Promise<{ id: string; email: string } | undefined> {
  const [row] = await db.query<{ id: string; email: string }>(sql`select p.id, p.email from people p where p.email = ${email}`);
  return row;
}
