import { sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";

export interface StoredPasskey {
  readonly id: string;
  readonly name: string;
  readonly isSynced: boolean;
  readonly createdAt: Date;
}

interface Row {
  id: string;
  name: string | null;
  backed_up: boolean;
  created_at: Date;
}

function toPasskey(row: Row): StoredPasskey {
  return { id: row.id, name: row.name ?? "Passkey", isSynced: row.backed_up, createdAt: row.created_at };
}

const columns = sql`k.id, k.name, k.backed_up, k.created_at`;

/** Oldest first. */
export async function listPasskeys(db: Queryable, personId: string): Promise<StoredPasskey[]> {
  const rows = await db.query<Row>(sql`select ${columns} from passkeys k where k.person_id = ${personId} order by k.created_at, k.id`);
  return rows.map(toPasskey);
}

export async function renamePasskey(db: Queryable, personId: string, passkeyId: string, name: string): Promise<StoredPasskey | undefined> {
  const [row] = await db.query<Row>(
    sql`update passkeys k set name = ${name} where k.person_id = ${personId} and k.id = ${passkeyId} returning ${columns}`,
  );
  return row === undefined ? undefined : toPasskey(row);
}

export async function removePasskey(tx: Queryable, personId: string, passkeyId: string): Promise<StoredPasskey | undefined> {
  const [row] = await tx.query<Row>(
    sql`delete from passkeys k where k.person_id = ${personId} and k.id = ${passkeyId} returning ${columns}`,
  );
  return row === undefined ? undefined : toPasskey(row);
}
