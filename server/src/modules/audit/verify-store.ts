import { sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";
import { entryColumns } from "./chain-store.ts";
import type { Link, SealedEntry } from "./chain-store.ts";
import type { LinkedRow } from "./verdict.ts";

interface Row extends SealedEntry {
  readonly position: number;
  readonly linkEntryId: string;
  readonly linkOrganisationId: string | null;
  readonly linkAtUs: string;
  readonly entryMac: Buffer;
  readonly previous: Buffer;
  readonly linkMac: Buffer;
}

/** Links after a position with their entries, in order. */
export async function selectLinkedRows(db: Queryable, after: number, limit: number): Promise<LinkedRow[]> {
  const rows = await db.query<Row>(sql`
    select l.position, l.entry_id as "linkEntryId", l.organisation_id as "linkOrganisationId",
      (extract(epoch from l.at) * 1000000)::bigint::text as "linkAtUs", l.entry_mac as "entryMac", l.previous, l.mac as "linkMac", ${entryColumns}
    from (select * from audit_links x where x.position > ${after} order by x.position limit ${limit}) l
    left join audit_entries e on e.id = l.entry_id
    order by l.position`);
  return rows.map((row) => ({ link: toLink(row), entry: (row.id as string | null) === null ? undefined : row }));
}

function toLink(row: Row): Link {
  return {
    position: row.position,
    entryId: row.linkEntryId,
    organisationId: row.linkOrganisationId,
    atUs: row.linkAtUs,
    entryMac: row.entryMac,
    previous: row.previous,
    mac: row.linkMac,
  };
}

/** Opens a cursor over entries that have no link: one pass over both, however many there are. */
export async function openStrays(db: Queryable): Promise<void> {
  await db.query(sql`
    declare strays no scroll cursor for
    select ${entryColumns}, e.xact_id::text as "xactId"
    from audit_entries e
    where not exists (select from audit_links l where l.entry_id = e.id)`);
}

export async function fetchStrays(db: Queryable): Promise<(SealedEntry & { xactId: string })[]> {
  return db.query(sql`fetch 1000 from strays`);
}

/** Until when each organisation's entries were taken out, with the proof. */
export async function selectRetirements(db: Queryable): Promise<Retirement[]> {
  return db.query(sql`
    select r.id, r.organisation_id as "organisationId", r.retired_before as "before", r.mac from audit_retirements r`);
}

/** Everything of one organisation before an instant was taken out. */
export interface Retirement {
  readonly id: string;
  readonly organisationId: string | null;
  readonly before: Date;
  readonly mac: Buffer;
}

export async function countLinks(db: Queryable): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    sql`select coalesce(max(l.position) - min(l.position) + 1, 0)::bigint as count from audit_links l`,
  );
  return row?.count ?? 0;
}
