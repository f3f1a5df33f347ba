import { sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";

export interface StoredProvider {
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly sealedSecret: Buffer | undefined;
  readonly allowedDomains: readonly string[];
  readonly joins: { readonly organisationId: string; readonly role: "viewer" | "operator" } | undefined;
  readonly isEnabled: boolean;
  /** Organisations whose people it may vouch for by e-mail. */
  readonly speaksFor: readonly string[];
  readonly createdAt: Date;
}

interface ProviderRow {
  id: string;
  name: string;
  issuer: string;
  client_id: string;
  sealed_secret: Buffer | null;
  allowed_domains: string[];
  joins_organisation_id: string | null;
  joins_role: "viewer" | "operator" | null;
  is_enabled: boolean;
  speaks_for: string[];
  created_at: Date;
}

function toProvider(row: ProviderRow): StoredProvider {
  const { joins_organisation_id: organisationId, joins_role: role } = row;
  return {
    id: row.id,
    name: row.name,
    issuer: row.issuer,
    clientId: row.client_id,
    sealedSecret: row.sealed_secret ?? undefined,
    allowedDomains: row.allowed_domains,
    joins: organisationId === null || role === null ? undefined : { organisationId, role },
    isEnabled: row.is_enabled,
    speaksFor: row.speaks_for,
    createdAt: row.created_at,
  };
}

const columns = sql`i.id, i.name, i.issuer, i.client_id, i.sealed_secret, i.allowed_domains, i.joins_organisation_id, i.joins_role,
  i.is_enabled, i.speaks_for, i.created_at`;

/** By name. */
export async function listProviders(db: Queryable): Promise<StoredProvider[]> {
  return (await db.query<ProviderRow>(sql`select ${columns} from sign_in_providers i order by lower(i.name), i.id`)).map(toProvider);
}

export async function findProvider(db: Queryable, providerId: string): Promise<StoredProvider | undefined> {
  const [row] = await db.query<ProviderRow>(sql`select ${columns} from sign_in_providers i where i.id = ${providerId}`);
  return row === undefined ? undefined : toProvider(row);
}

/** `undefined` where issuer and client are there already. */
export async function addProvider(
  tx: Queryable,
  provider: Omit<StoredProvider, "createdAt" | "isEnabled">,
): Promise<StoredProvider | undefined> {
  const [row] = await tx.query<ProviderRow>(sql`
    insert into sign_in_providers as i (id, name, issuer, client_id, sealed_secret, allowed_domains, joins_organisation_id, joins_role, speaks_for)
    values (${provider.id}, ${provider.name}, ${provider.issuer}, ${provider.clientId}, ${provider.sealedSecret ?? null},
      ${provider.allowedDomains}, ${provider.joins?.organisationId ?? null}, ${provider.joins?.role ?? null}, ${provider.speaksFor}::uuid[])
    on conflict (issuer, client_id) do nothing returning ${columns}`);
  return row === undefined ? undefined : toProvider(row);
}

export async function saveProvider(tx: Queryable, provider: StoredProvider): Promise<void> {
  await tx.query(sql`
    update sign_in_providers set name = ${provider.name}, sealed_secret = ${provider.sealedSecret ?? null},
      allowed_domains = ${provider.allowedDomains}, joins_organisation_id = ${provider.joins?.organisationId ?? null},
      joins_role = ${provider.joins?.role ?? null}, is_enabled = ${provider.isEnabled}, speaks_for = ${provider.speaksFor}::uuid[]
    where id = ${provider.id}`);
}

/** Ends the sessions that a provider vouched for. */
export async function removeSessionsBy(tx: Queryable, providerId: string): Promise<void> {
  await tx.query(sql`delete from sessions where provider_id = ${providerId}`);
}

export async function removeProvider(tx: Queryable, providerId: string): Promise<boolean> {
  await tx.query(sql`delete from accounts where provider_id = ${providerId}`);
  return (await tx.query(sql`delete from sign_in_providers where id = ${providerId} returning id`)).length > 0;
}

export interface Begun {
  readonly providerId: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly returnTo: string;
  /** Who links an account; absent: somebody signs in. */
  readonly personId: string | undefined;
}

export async function addBegun(db: Queryable, begun: Begun & { stateHash: Buffer; browserHash: Buffer }): Promise<void> {
  await db.query(sql`delete from single_sign_ons where created_at < now() - interval '1 hour'`);
  await db.query(sql`
    insert into single_sign_ons (state_hash, provider_id, browser_hash, nonce, code_verifier, return_to, person_id)
    values (${begun.stateHash}, ${begun.providerId}, ${begun.browserHash}, ${begun.nonce}, ${begun.codeVerifier}, ${begun.returnTo},
      ${begun.personId ?? null})`);
}

/** Takes what was begun, once, by the browser that began it and within ten minutes. */
export async function takeBegun(db: Queryable, stateHash: Buffer, browserHash: Buffer): Promise<Begun | undefined> {
  const [row] = await db.query<{
    provider_id: string;
    nonce: string;
    code_verifier: string;
    return_to: string;
    person_id: string | null;
  }>(sql`
    delete from single_sign_ons where state_hash = ${stateHash} and browser_hash = ${browserHash}
      and created_at > now() - interval '10 minutes'
    returning provider_id, nonce, code_verifier, return_to, person_id`);
  if (row === undefined) return undefined;
  return {
    providerId: row.provider_id,
    nonce: row.nonce,
    codeVerifier: row.code_verifier,
    returnTo: row.return_to,
    personId: row.person_id ?? undefined,
  };
}

export async function findLinked(db: Queryable, providerId: string, subject: string): Promise<string | undefined> {
  const [row] = await db.query<{ person_id: string }>(
    sql`select a.person_id from accounts a where a.provider_id = ${providerId} and a.account_id = ${subject}`,
  );
  return row?.person_id;
}

/** @returns false where the account is somebody's already. */
export async function addLink(tx: Queryable, providerId: string, subject: string, personId: string): Promise<boolean> {
  const rows = await tx.query(sql`
    insert into accounts (id, account_id, provider_id, person_id) values (${newId()}, ${subject}, ${providerId}, ${personId})
    on conflict (provider_id, account_id) do nothing returning id`);
  return rows.length > 0;
}

export async function removeLink(tx: Queryable, providerId: string, personId: string): Promise<boolean> {
  const rows = await tx.query(sql`delete from accounts where provider_id = ${providerId} and person_id = ${personId} returning id`);
  return rows.length > 0;
}

/** By provider. */
export async function listLinks(db: Queryable, personId: string): Promise<Map<string, Date>> {
  const rows = await db.query<{ provider_id: string; created_at: Date }>(
    sql`select a.provider_id, a.created_at from accounts a where a.person_id = ${personId} and a.provider_id <> 'credential'`,
  );
  return new Map(rows.map((row) => [row.provider_id, row.created_at]));
}

export async function findPersonToLink(
  db: Queryable,
  email: string,
): Promise<{ id: string; isVerified: boolean; hasSecondFactor: boolean } | undefined> {
  const [row] = await db.query<{ id: string; email_verified: boolean; second_factor_enabled: boolean }>(
    sql`select p.id, p.email_verified, p.second_factor_enabled from people p where p.email = ${email}`,
  );
  return row === undefined ? undefined : { id: row.id, isVerified: row.email_verified, hasSecondFactor: row.second_factor_enabled };
}

/** A newcomer whom a provider vouches for: no password, an address that is theirs. `undefined` where it was taken meanwhile. */
export async function addNewcomer(tx: Queryable, person: { email: string; name: string }): Promise<string | undefined> {
  const [row] = await tx.query<{ id: string }>(sql`
    insert into people (id, name, email, email_verified) values (${newId()}, ${person.name}, ${person.email}, true)
    on conflict (email) do nothing returning id`);
  return row?.id;
}
