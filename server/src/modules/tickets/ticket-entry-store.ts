import { sql } from "@roost/contract/sql";
import type { TicketEntry } from "@roost/contract/tickets";

import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";

export interface NewTicketEntry {
  /** Of the fact that told it; made here where there was none. */
  readonly id?: string | undefined;
  readonly ticketId: string;
  readonly what: TicketEntry["what"];
  readonly by?: string | undefined;
  readonly status?: TicketEntry["status"];
  readonly detail?: string | undefined;
  /** What another system knows a message by. */
  readonly key?: string | undefined;
}

/** Writes what was done with a ticket. @returns Whether it was written: the same fact or key twice is once. */
export async function insertTicketEntry(tx: Transaction, organisationId: string, entry: NewTicketEntry): Promise<boolean> {
  const rows = await tx.query(sql`
    insert into ticket_entries (id, organisation_id, ticket_id, what, by, status, detail, key)
    values (${entry.id ?? newId()}, ${organisationId}, ${entry.ticketId}, ${entry.what}, ${entry.by ?? null}, ${entry.status ?? null},
      ${entry.detail ?? null}, ${entry.key ?? null})
    on conflict do nothing returning id`);
  return rows.length > 0;
}

/** What was done and said, oldest first; at most the newest thousand entries. */
export async function selectTicketEntries(db: Queryable, ticketId: string): Promise<TicketEntry[]> {
  const rows = await db.query<{
    at: Date;
    what: TicketEntry["what"];
    by: string | null;
    status: NonNullable<TicketEntry["status"]> | null;
    detail: string | null;
  }>(sql`
    select e.at, e.what, e.by, e.status, e.detail from (
      select e.* from ticket_entries e where e.ticket_id = ${ticketId} order by e.at desc, e.position desc limit 1000) e
    order by e.at, e.position`);
  return rows.map((row) => ({
    at: row.at,
    what: row.what,
    ...(row.by === null ? {} : { by: row.by }),
    ...(row.status === null ? {} : { status: row.status }),
    ...(row.detail === null ? {} : { detail: row.detail }),
  }));
}
