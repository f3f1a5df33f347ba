import { sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";

/** How many recovery codes are left; `undefined` where no second factor is on. */
export async function countRecoveryCodes(db: Queryable, personId: string): Promise<number | undefined> {
  const [row] = await db.query<{ left: number }>(sql`
    select jsonb_array_length(f.recovery_codes::jsonb) as left from second_factors f join people p on p.id = f.person_id
    where f.person_id = ${personId} and f.verified and p.second_factor_enabled`);
  return row?.left;
}

/** Notes that a code was tried. @returns false where it was tried within the last two minutes. */
export async function claimCode(tx: Queryable, personId: string, codeHash: Buffer): Promise<boolean> {
  await tx.query(sql`delete from used_codes where person_id = ${personId} and used_at < now() - interval '2 minutes'`);
  const rows = await tx.query(
    sql`insert into used_codes (person_id, code_hash) values (${personId}, ${codeHash}) on conflict do nothing returning person_id`,
  );
  return rows.length > 0;
}

/** Ends what a person began and did not finish, and the trust in their browsers: both are the library's, by the person's id. */
export async function distrustBrowsers(tx: Queryable, personId: string): Promise<void> {
  await tx.query(sql`delete from verifications where value = ${personId}`);
}

/** Switches the second factor of a person off. */
export async function removeSecondFactor(tx: Queryable, personId: string): Promise<void> {
  await tx.query(sql`update people set second_factor_enabled = false where id = ${personId}`);
  await tx.query(sql`delete from second_factors where person_id = ${personId}`);
}
