import { join, sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";
import { entryColumns } from "./chain-store.ts";
import type { SealedEntry } from "./chain-store.ts";
import type { SealedArchive } from "./retirement-store.ts";

/** Who is to be named no more. */
export interface AuditErasure {
  /** `null`: what belongs to no organisation. */
  readonly organisationId: string | null;
  readonly subject: "person" | "device";
  readonly id: string;
  /** E-mail address and name, wherever they stand as words of their own. */
  readonly words: readonly string[];
  /** Stands in their place. */
  readonly pseudonym: string;
}

/** Before every entry. */
export const firstId = "00000000-0000-0000-0000-000000000000";

/** Entries that somebody made, that are about them, or that hold one of the words, by id; locked. */
export async function lockMentions(
  tx: Queryable,
  { organisationId, subject, id, words }: AuditErasure,
  { after, limit }: { after: string; limit: number },
): Promise<SealedEntry[]> {
  const texts = sql`lower(concat_ws(' ', e.actor_name, e.object_name, e.before::text, e.after::text))`;
  const mentions = words.map((word) => sql`position(lower(${word}::text) in ${texts}) > 0`);
  return tx.query(sql`
    select ${entryColumns} from audit_entries e
    where e.organisation_id is not distinct from ${organisationId}::uuid and e.id > ${after}::uuid
      and ((e.actor_kind = ${subject} and e.actor_id = ${id}) or (e.object_kind = ${subject} and e.object_id = ${id})
        or ${mentions.length === 0 ? sql`false` : join(mentions, sql` or `)})
    order by e.id limit ${limit} for update of e`);
}

export async function updateErased(tx: Queryable, entry: SealedEntry, erasedMac: Buffer): Promise<void> {
  await tx.query(sql`
    update audit_entries set actor_name = ${entry.actorName}, object_name = ${entry.objectName}, before = ${entry.before}, after = ${entry.after},
      remote_address = ${entry.remoteAddress}, user_agent = ${entry.userAgent}, erased_mac = ${erasedMac}
    where id = ${entry.id}`);
}

export async function selectArchiveIds(tx: Queryable, organisationId: string | null): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(
    sql`select a.id from audit_archives a where a.organisation_id is not distinct from ${organisationId}::uuid order by a.id`,
  );
  return rows.map(({ id }) => id);
}

export async function lockArchive(tx: Queryable, id: string): Promise<SealedArchive | undefined> {
  const [row] = await tx.query<SealedArchive>(sql`
    select a.id, a.organisation_id as "organisationId", a.content, a.mac from audit_archives a where a.id = ${id} for update`);
  return row;
}

export async function updateArchive(tx: Queryable, id: string, content: Buffer, mac: Buffer): Promise<void> {
  await tx.query(sql`update audit_archives set content = ${content}, mac = ${mac} where id = ${id}`);
}
