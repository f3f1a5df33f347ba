import { sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";

export async function selectKey(db: Queryable): Promise<Buffer | undefined> {
  const [row] = await db.query<{ sealed: Buffer }>(sql`select k.sealed from audit_keys k where k.id = 'audit'`);
  return row?.sealed;
}

/** Keeps the key that is there, if another server was faster. */
export async function insertKey(db: Queryable, sealed: Buffer): Promise<void> {
  await db.query(sql`insert into audit_keys (id, sealed) values ('audit', ${sealed}) on conflict (id) do nothing`);
}

/** Says whether anything was ever recorded. */
export async function hasEntries(db: Queryable): Promise<boolean> {
  const [row] = await db.query<{ found: boolean }>(
    sql`select exists (select from audit_entries) or exists (select from audit_links) or exists (select from audit_checkpoints) as found`,
  );
  return row?.found === true;
}
