import { sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";

/** Since when a secret from outside has had the value it has. */
export interface Sighting {
  readonly digestSealed: Buffer;
  readonly firstSeenAt: Date;
  readonly changedAt: Date | undefined;
}

export async function selectSightings(db: Queryable): Promise<Map<string, Sighting>> {
  const rows = await db.query<{ name: string; digest_sealed: Buffer; first_seen_at: Date; changed_at: Date | null }>(
    sql`select s.name, s.digest_sealed, s.first_seen_at, s.changed_at from secret_sightings s`,
  );
  return new Map(
    rows.map((row) => [
      row.name,
      { digestSealed: row.digest_sealed, firstSeenAt: row.first_seen_at, changedAt: row.changed_at ?? undefined },
    ]),
  );
}

export async function saveSighting(db: Queryable, name: string, digestSealed: Buffer): Promise<void> {
  await db.query(sql`
    insert into secret_sightings as s (name, digest_sealed) values (${name}, ${digestSealed})
    on conflict (name) do update set digest_sealed = excluded.digest_sealed, changed_at = clock_timestamp()`);
}

/** Those that are configured no more. */
export async function removeSightings(db: Queryable, keep: readonly string[]): Promise<void> {
  await db.query(sql`delete from secret_sightings where not (name = any (${[...keep]}::text[]))`);
}
