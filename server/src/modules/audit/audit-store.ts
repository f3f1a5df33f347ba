import { prepared, sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";
import type { StoredEntry } from "./entry.ts";

/** Writes an entry. One statement, in the transaction that makes the change. */
export async function insertEntry(tx: Queryable, entry: StoredEntry, mac: Buffer): Promise<void> {
  // Planning takes as long as writing, and half the work of the platform's changes goes through here.
  const insert = sql`
    insert into audit_entries (id, organisation_id, at, actor_kind, actor_id, actor_name, action, object_kind, object_id, object_name,
      before, after, outcome, remote_address, user_agent, correlation_id, mac)
    values (${entry.id}, ${entry.organisationId}, ${new Date(Number(entry.atUs) / 1_000)}, ${entry.actorKind}, ${entry.actorId}, ${entry.actorName},
      ${entry.action}, ${entry.objectKind}, ${entry.objectId}, ${entry.objectName}, ${entry.before}, ${entry.after},
      ${entry.outcome}, ${entry.remoteAddress}, ${entry.userAgent}, ${entry.correlationId}, ${mac})`;
  await tx.query(prepared("audit_entry", insert));
}
