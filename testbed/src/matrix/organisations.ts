import { randomUUID } from "node:crypto";

import type pg from "pg";

/** What a membership says beside its role; see `server/migrations/0002-organisations.sql`. */
export interface MembershipTerms {
  readonly role: "viewer" | "operator" | "admin" | "owner" | "custom";
  readonly roleId?: string;
  readonly siteIds?: readonly string[];
  readonly deniedPermissions?: readonly string[];
  readonly deniedSiteIds?: readonly string[];
  readonly expired?: boolean;
}

/** The one place where the matrix arranges by SQL: organisations and people as they are, without the mail and clicks that made them so. */
export interface Arranger {
  organisation(name: string): Promise<string>;
  site(organisationId: string, name: string): Promise<string>;
  group(organisationId: string, name: string): Promise<string>;
  role(organisationId: string, name: string, permissions: readonly string[]): Promise<string>;
  /** Somebody with the first administrator's password. */
  person(email: string, name: string): Promise<string>;
  membership(organisationId: string, personId: string, terms: MembershipTerms): Promise<void>;
  endMembership(organisationId: string, personId: string): Promise<void>;
  endToken(tokenId: string): Promise<void>;
}

export function createArranger(sql: pg.Client): Arranger {
  const add = async (table: string, row: Readonly<Record<string, unknown>>): Promise<string> => {
    const id = randomUUID();
    const columns = ["id", ...Object.keys(row)];
    const places = columns.map((_, index) => `$${index + 1}`);
    await sql.query(`insert into ${table} (${columns.join(", ")}) values (${places.join(", ")})`, [id, ...Object.values(row)]);
    return id;
  };
  return {
    organisation: (name) => add("organisations", { name, slug: name.toLowerCase() }),
    site: (organisation_id, name) => add("sites", { organisation_id, name }),
    group: (organisation_id, name) => add("device_groups", { organisation_id, name }),
    role: (organisation_id, name, permissions) => add("roles", { organisation_id, name, permissions }),
    async person(email, name) {
      const id = await add("people", { email, name });
      await sql.query(
        `insert into accounts (id, account_id, provider_id, person_id, password)
         select $1, $2::text, 'credential', $2::uuid, a.password from accounts a
         where a.provider_id = 'credential' and a.password is not null order by a.created_at limit 1`,
        [randomUUID(), id],
      );
      return id;
    },
    async membership(organisation_id, person_id, terms) {
      await add("memberships", {
        organisation_id,
        person_id,
        role: terms.role,
        role_id: terms.roleId ?? null,
        site_ids: terms.siteIds ?? null,
        denied_permissions: terms.deniedPermissions ?? [],
        denied_site_ids: terms.deniedSiteIds ?? [],
        expires_at: terms.expired === true ? new Date(Date.now() - 60_000) : null,
      });
    },
    async endMembership(organisationId, personId) {
      await sql.query("delete from memberships where organisation_id = $1 and person_id = $2", [organisationId, personId]);
    },
    async endToken(tokenId) {
      await sql.query("update api_tokens set expires_at = now() - interval '1 minute' where id = $1", [tokenId]);
    },
  };
}
