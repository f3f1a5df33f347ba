import type { AuditEntryId, AuditFilter, AuditRecord } from "@roost/contract/audit";
import { join, sql, trusted } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";

interface Row {
  readonly id: AuditEntryId;
  readonly at: Date;
  readonly actor_kind: AuditRecord["actor"]["kind"];
  readonly actor_id: string;
  readonly actor_name: string;
  readonly action: string;
  readonly object_kind: string;
  readonly object_id: string;
  readonly object_name: string | null;
  readonly before: Record<string, unknown> | null;
  readonly after: Record<string, unknown> | null;
  readonly outcome: AuditRecord["outcome"];
  readonly remote_address: string | null;
  readonly user_agent: string | null;
  readonly correlation_id: string | null;
}

/** The end of a page: entries after it are older. */
export interface Place {
  readonly at: Date;
  readonly id: string;
}

/** How many entries one search reads at most: a rare word must not hold the database up. */
const mostSearched = 50_000;

const columns =
  trusted(`e.id, e.at, e.actor_kind, e.actor_id, e.actor_name, e.action, e.object_kind, e.object_id, e.object_name, e.before, e.after,
  e.outcome, e.remote_address, e.user_agent, e.correlation_id`);

/**
 * Entries of one organisation, or of the platform (`null`), newest first.
 *
 * @returns One more than `limit` where there are more; `stoppedAt` where a search ended for the time being before it had enough.
 */
export async function selectEntries(
  db: Queryable,
  organisationId: string | null,
  { filter, after, limit }: { filter: AuditFilter; after?: Place | undefined; limit: number },
): Promise<{ items: AuditRecord[]; stoppedAt?: Place }> {
  const owned = and(
    ownedBy(organisationId),
    ...indexed(filter),
    ...(after === undefined ? [] : [sql`(e.at, e.id) < (${after.at}, ${after.id}::uuid)`]),
  );
  const searched = searchedFor(filter);
  const [bound] =
    searched.length === 0
      ? []
      : await db.query<Place>(
          sql`select e.at, e.id from audit_entries e where ${owned} order by e.at desc, e.id desc offset ${mostSearched} limit 1`,
        );
  const within = bound === undefined ? [] : [sql`(e.at, e.id) >= (${bound.at}, ${bound.id}::uuid)`];
  const rows = await db.query<Row>(sql`
    select ${columns} from audit_entries e where ${and(owned, ...searched, ...within)} order by e.at desc, e.id desc limit ${limit + 1}`);
  return { items: rows.map(toRecord), ...(bound === undefined || rows.length > limit ? {} : { stoppedAt: bound }) };
}

/** The same, oldest first, for exports. */
export async function selectEntriesUp(
  db: Queryable,
  organisationId: string | null,
  { filter, after, limit }: { filter: AuditFilter; after?: Place | undefined; limit: number },
): Promise<AuditRecord[]> {
  const beyond = after === undefined ? [] : [sql`(e.at, e.id) > (${after.at}, ${after.id}::uuid)`];
  const rows = await db.query<Row>(sql`
    select ${columns} from audit_entries e where ${and(ownedBy(organisationId), ...indexed(filter), ...searchedFor(filter), ...beyond)}
    order by e.at, e.id limit ${limit}`);
  return rows.map(toRecord);
}

export async function selectEntry(db: Queryable, organisationId: string | null, entryId: string): Promise<AuditRecord | undefined> {
  const [row] = await db.query<Row>(sql`select ${columns} from audit_entries e where ${ownedBy(organisationId)} and e.id = ${entryId}`);
  return row === undefined ? undefined : toRecord(row);
}

/** Where entries stand in the chain. Asked of the platform: the chain belongs to nobody. */
export async function selectPositions(db: Queryable, entryIds: readonly string[]): Promise<Map<string, number>> {
  if (entryIds.length === 0) return new Map();
  const rows = await db.query<{ id: string; position: number }>(
    sql`select l.entry_id as id, l.position from audit_links l where l.entry_id = any(${entryIds}::uuid[])`,
  );
  return new Map(rows.map(({ id, position }) => [id, position]));
}

function ownedBy(organisationId: string | null): Sql {
  return organisationId === null ? sql`e.organisation_id is null` : sql`e.organisation_id = ${organisationId}`;
}

/** What an index answers, or what is cheap to look at. */
function indexed({ action, objectKind, objectId, outcome, from, to }: AuditFilter): Sql[] {
  return [
    ...(action === undefined ? [] : [action.endsWith(".") ? sql`starts_with(e.action, ${action})` : sql`e.action = ${action}`]),
    ...(objectKind === undefined ? [] : [sql`e.object_kind = ${objectKind}`]),
    ...(objectId === undefined ? [] : [sql`e.object_id = ${objectId}`]),
    ...(outcome === undefined ? [] : [sql`e.outcome = ${outcome}`]),
    ...(from === undefined ? [] : [sql`e.at >= ${from}`]),
    ...(to === undefined ? [] : [sql`e.at < ${to}`]),
  ];
}

function searchedFor({ actor, q }: AuditFilter): Sql[] {
  return [
    ...(actor === undefined ? [] : [sql`(e.actor_id = ${actor} or strpos(lower(e.actor_name), lower(${actor})) > 0)`]),
    ...(q === undefined
      ? []
      : [
          sql`strpos(lower(concat_ws(' ', e.actor_name, e.actor_id, e.action, e.object_kind, e.object_id, e.object_name, e.remote_address,
            e.correlation_id, e.before::text, e.after::text)), lower(${q})) > 0`,
        ]),
  ];
}

function and(...conditions: readonly Sql[]): Sql {
  return join(conditions, sql` and `);
}

function toRecord(row: Row): AuditRecord {
  return {
    id: row.id,
    at: row.at,
    actor: { kind: row.actor_kind, id: row.actor_id, name: row.actor_name },
    action: row.action,
    object: { kind: row.object_kind, id: row.object_id, ...(row.object_name === null ? {} : { name: row.object_name }) },
    ...(row.before === null ? {} : { before: row.before }),
    ...(row.after === null ? {} : { after: row.after }),
    outcome: row.outcome,
    ...(row.remote_address === null ? {} : { remoteAddress: row.remote_address }),
    ...(row.user_agent === null ? {} : { userAgent: row.user_agent }),
    ...(row.correlation_id === null ? {} : { correlationId: row.correlation_id }),
  };
}
