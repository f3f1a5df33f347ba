import type { EnrolmentCodeId, SiteId } from "@roost/contract/ids";
import type { EnrolmentCode } from "@roost/contract/registrations";
import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";

interface CodeRow {
  id: string;
  name: string;
  site_id: string | null;
  max_uses: number;
  uses: number;
  readmits: boolean;
  created_by: string;
  created_at: Date;
  expires_at: Date;
  last_used_at: Date | null;
  state: EnrolmentCode["state"];
}

const columns = sql`c.id, c.name, c.site_id, c.max_uses, c.uses, c.readmits, c.created_by, c.created_at, c.expires_at, c.last_used_at,
  case when c.expires_at <= now() then 'ended' when c.uses >= c.max_uses then 'used_up' else 'valid' end as state`;

function codeOf(row: CodeRow): EnrolmentCode {
  return {
    id: row.id as EnrolmentCodeId,
    name: row.name,
    ...(row.site_id === null ? {} : { siteId: row.site_id as SiteId }),
    maxUses: row.max_uses,
    uses: row.uses,
    readmits: row.readmits,
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    ...(row.last_used_at === null ? {} : { lastUsedAt: row.last_used_at }),
    state: row.state,
  };
}

export async function listCodes(db: Queryable, organisationId: string): Promise<EnrolmentCode[]> {
  const rows = await db.query<CodeRow>(sql`
    select ${columns} from enrolment_codes c where c.organisation_id = ${organisationId} order by c.created_at desc, c.id desc`);
  return rows.map(codeOf);
}

export interface NewCode {
  readonly organisationId: string;
  readonly name: string;
  readonly codeHash: Buffer;
  readonly siteId: string | undefined;
  readonly maxUses: number;
  readonly validSeconds: number;
  readonly readmits: boolean;
  readonly createdBy: string;
}

/** @returns `undefined` when there are `most` already. */
export async function insertCode(tx: Transaction, given: NewCode, most: number): Promise<EnrolmentCode | undefined> {
  await tx.query(sql`select pg_advisory_xact_lock(hashtext('enrolment_codes'), hashtext(${given.organisationId}))`);
  const [row] = await tx.query<CodeRow>(sql`
    insert into enrolment_codes as c (id, organisation_id, name, code_hash, site_id, max_uses, readmits, created_by, expires_at)
    select ${newId()}, ${given.organisationId}, ${given.name}, ${given.codeHash}, ${given.siteId ?? null}::uuid, ${given.maxUses},
      ${given.readmits}, ${given.createdBy}, now() + make_interval(secs => ${given.validSeconds})
    where (select count(*) from enrolment_codes o where o.organisation_id = ${given.organisationId}) < ${most}
    returning ${columns}`);
  return row === undefined ? undefined : codeOf(row);
}

export async function deleteCode(tx: Transaction, organisationId: string, id: string): Promise<EnrolmentCode | undefined> {
  const [row] = await tx.query<CodeRow>(sql`
    delete from enrolment_codes c where c.id = ${id} and c.organisation_id = ${organisationId} returning ${columns}`);
  return row === undefined ? undefined : codeOf(row);
}

/** The valid code with this hash; locked, so that it is not used once too often. */
export async function lockValidCode(tx: Transaction, codeHash: Buffer): Promise<(EnrolmentCode & { organisationId: string }) | undefined> {
  const [row] = await tx.query<CodeRow & { organisation_id: string }>(sql`
    select ${columns}, c.organisation_id from enrolment_codes c
    where c.code_hash = ${codeHash} and c.expires_at > now() and c.uses < c.max_uses and roost_is_open(c.organisation_id) for update`);
  return row === undefined ? undefined : { ...codeOf(row), organisationId: row.organisation_id };
}

export async function countUse(tx: Transaction, id: string): Promise<void> {
  await tx.query(sql`update enrolment_codes set uses = uses + 1, last_used_at = now() where id = ${id}`);
}
