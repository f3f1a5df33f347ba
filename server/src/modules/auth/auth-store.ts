import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";

/** Two servers that start together make one organisation, one key and one code. */
const startLock = 7_266_779;

export async function lockStart(tx: Transaction): Promise<void> {
  await tx.query(sql`select pg_advisory_xact_lock(${startLock})`);
}

export async function findSetup(db: Queryable): Promise<{ organisationId: string; isUsed: boolean } | undefined> {
  const [row] = await db.query<{ organisation_id: string; used: boolean }>(
    sql`select s.organisation_id, s.used_at is not null as used from setup s`,
  );
  return row === undefined ? undefined : { organisationId: row.organisation_id, isUsed: row.used };
}

export async function addFirstOrganisation(tx: Transaction, name: string): Promise<string> {
  const id = newId();
  await tx.query(sql`insert into organisations (id, name, slug) values (${id}, ${name}, ${name.toLowerCase()})`);
  await tx.query(sql`insert into setup (organisation_id) values (${id})`);
  return id;
}

export async function saveSetupCode(tx: Transaction, codeHash: Buffer): Promise<void> {
  await tx.query(sql`update setup set code_hash = ${codeHash}, code_made_at = now() where used_at is null`);
}

export async function isSetupCode(db: Queryable, codeHash: Buffer): Promise<boolean> {
  const rows = await db.query(sql`select 1 as one from setup s where s.used_at is null and s.code_hash = ${codeHash}`);
  return rows.length > 0;
}

/** Uses the code up. @returns false when it is not the code, or was used meanwhile. */
export async function useSetupCode(tx: Transaction, codeHash: Buffer): Promise<string | undefined> {
  const [row] = await tx.query<{ organisation_id: string }>(
    sql`update setup set used_at = now(), code_hash = null where used_at is null and code_hash = ${codeHash} returning organisation_id`,
  );
  return row?.organisation_id;
}

/** A person with a password, in the form in which the sign-in library looks them up. `undefined` where the e-mail address is taken. */
export async function addPerson(
  tx: Transaction,
  person: { email: string; name: string; passwordHash: string; isEmailVerified?: boolean },
): Promise<string | undefined> {
  const id = newId();
  const added = await tx.query(sql`
    insert into people (id, name, email, email_verified) values (${id}, ${person.name}, ${person.email}, ${person.isEmailVerified ?? false})
    on conflict (email) do nothing returning id`);
  if (added.length === 0) return undefined;
  await tx.query(sql`
    insert into accounts (id, account_id, provider_id, person_id, password)
    values (${newId()}, ${id}, 'credential', ${id}, ${person.passwordHash})`);
  return id;
}

/** Remembers who came first: they look after the installation. */
export async function saveFirstPerson(tx: Transaction, personId: string): Promise<void> {
  await tx.query(sql`update setup set person_id = ${personId}`);
  await tx.query(sql`update people set platform_admin = true where id = ${personId}`);
}

export async function findPerson(db: Queryable, personId: string): Promise<{ id: string; email: string; name: string } | undefined> {
  const [row] = await db.query<{ id: string; email: string; name: string }>(
    sql`select p.id, p.email, p.name from people p where p.id = ${personId}`,
  );
  return row;
}

export async function loadSealedKey(tx: Transaction): Promise<Buffer | undefined> {
  const [row] = await tx.query<{ sealed: Buffer }>(sql`select k.sealed from auth_keys k`);
  return row?.sealed;
}

export async function saveSealedKey(tx: Transaction, sealed: Buffer): Promise<void> {
  await tx.query(sql`insert into auth_keys (sealed) values (${sealed})`);
}
