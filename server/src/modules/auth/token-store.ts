import type { Permission } from "@roost/contract/permissions";
import { join, sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { Parts } from "../../platform/tenancy.ts";
import { membershipColumns, partsOf, standingMemberships, toMembership } from "./membership-store.ts";
import type { Membership, MembershipRow } from "./membership-store.ts";

export interface StoredToken {
  readonly id: string;
  readonly name: string;
  readonly organisationId: string;
  readonly personId: string;
  readonly permissions: readonly Permission[];
  /** Absent: as far as its maker reaches. */
  readonly parts: Parts | undefined;
  readonly createdAt: Date;
  readonly expiresAt: Date | undefined;
  readonly lastUsedAt: Date | undefined;
}

/** A token as it stands now, with what its maker may now. */
export interface StandingToken extends StoredToken {
  readonly maker: Membership;
}

interface TokenRow {
  id: string;
  name: string;
  organisation_id: string;
  person_id: string;
  permissions: Permission[];
  token_site_ids: string[] | null;
  token_group_ids: string[] | null;
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
}

const columns = sql`t.id, t.name, t.organisation_id, t.person_id, t.permissions,
  t.site_ids as token_site_ids, t.group_ids as token_group_ids, t.created_at, t.expires_at, t.last_used_at`;
const standing = sql`
  select ${columns}, ${membershipColumns} from api_tokens t
  join (${standingMemberships}) on m.person_id = t.person_id and m.organisation_id = t.organisation_id
  where (t.expires_at is null or t.expires_at > now()) and roost_is_open(t.organisation_id)`;

function toToken(row: TokenRow): StoredToken {
  return {
    id: row.id,
    name: row.name,
    organisationId: row.organisation_id,
    personId: row.person_id,
    permissions: row.permissions,
    parts: partsOf(row.token_site_ids, row.token_group_ids),
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
  };
}

export async function findStandingToken(db: Queryable, secretHash: Buffer): Promise<StandingToken | undefined> {
  const [row] = await db.query<TokenRow & MembershipRow>(join([standing, sql`t.secret_hash = ${secretHash}`], sql` and `));
  return row === undefined ? undefined : { ...toToken(row), maker: toMembership(row) };
}

/** Which of these tokens still stand. Others are missing. */
export async function listStandingTokens(db: Queryable, ids: readonly string[]): Promise<Map<string, StandingToken>> {
  const rows = await db.query<TokenRow & MembershipRow>(join([standing, sql`t.id = any(${ids}::uuid[])`], sql` and `));
  return new Map(rows.map((row) => [row.id, { ...toToken(row), maker: toMembership(row) }]));
}

/** Which tokens are meant: those of an organisation, or of one person there. */
export interface Sight {
  readonly organisationId: string;
  readonly personId?: string | undefined;
}

const seen = ({ organisationId, personId }: Sight) =>
  sql`t.organisation_id = ${organisationId} and (${personId ?? null}::uuid is null or t.person_id = ${personId ?? null}::uuid)`;

/** Whose token it is. */
export async function findMaker(db: Queryable, tokenId: string): Promise<string> {
  const [row] = await db.query<{ person_id: string }>(sql`select t.person_id from api_tokens t where t.id = ${tokenId}`);
  // One that was taken away this moment meets nobody's.
  return row?.person_id ?? tokenId;
}

/** Newest first. */
export async function listTokens(db: Queryable, sight: Sight): Promise<StoredToken[]> {
  const rows = await db.query<TokenRow>(sql`select ${columns} from api_tokens t where ${seen(sight)} order by t.id desc`);
  return rows.map(toToken);
}

/** Says whether somebody belongs to an organisation; they do until the transaction ends. */
export async function lockMembership(tx: Queryable, organisationId: string, personId: string): Promise<boolean> {
  const rows = await tx.query(sql`
    select from memberships m where m.organisation_id = ${organisationId} and m.person_id = ${personId}
      and (m.expires_at is null or m.expires_at > now()) for share`);
  return rows.length > 0;
}

export async function addToken(
  db: Queryable,
  token: {
    organisationId: string;
    personId: string;
    name: string;
    permissions: readonly Permission[];
    parts?: Parts | undefined;
    secretHash: Buffer;
    expiresInDays: number;
  },
): Promise<StoredToken> {
  const [row] = await db.query<TokenRow>(sql`
    insert into api_tokens as t (id, organisation_id, person_id, name, secret_hash, permissions, site_ids, group_ids, expires_at)
    values (${newId()}, ${token.organisationId}, ${token.personId}, ${token.name}, ${token.secretHash}, ${token.permissions},
      ${token.parts?.siteIds ?? null}::uuid[], ${token.parts?.groupIds ?? null}::uuid[], now() + make_interval(days => ${token.expiresInDays}))
    returning ${columns}`);
  if (row === undefined) throw new TypeError("An insert answers its row.");
  return toToken(row);
}

/** @returns Its name; `undefined` where there is none. */
export async function removeToken(tx: Queryable, sight: Sight, tokenId: string): Promise<string | undefined> {
  const [row] = await tx.query<{ name: string }>(
    sql`delete from api_tokens t where ${seen(sight)} and t.id::text = ${tokenId} returning t.name`,
  );
  return row?.name;
}

export async function removeTokensOf(db: Queryable, organisationId: string, personId: string): Promise<void> {
  await db.query(sql`delete from api_tokens where organisation_id = ${organisationId} and person_id = ${personId}`);
}

/** Notes a use; at most one write a minute for each token. */
export async function touchToken(db: Queryable, tokenId: string): Promise<void> {
  await db.query(
    sql`update api_tokens set last_used_at = now() where id = ${tokenId} and (last_used_at is null or last_used_at < now() - interval '1 minute')`,
  );
}
