import type { IngestReject } from "@roost/contract/ingest";
import { ingestErrors } from "@roost/contract/ingest";
import { sql } from "@roost/contract/sql";

import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Queryable, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";

/** What was refused, added up over one minute. */
export interface RejectRow {
  readonly organisationId: string | undefined;
  readonly deviceId: string | undefined;
  readonly code: string;
  readonly topic: string;
  readonly excerpt: string;
  readonly count: number;
  readonly minuteMs: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

const at = (ms: number): string => new Date(ms).toISOString();

/** Counts rejects in the transaction of the batch they came with: a row per device, code, topic and minute. */
export async function addRejects(tx: Transaction, rows: readonly RejectRow[]): Promise<void> {
  if (rows.length === 0) return;
  // Of a device that was removed meanwhile, what it did wrong is kept without it.
  await tx.query(sql`
    insert into ingest_rejects (id, organisation_id, device_id, code, topic, excerpt, count, minute_at, first_at, last_at)
    select n.id, coalesce(d.organisation_id, n.organisation_id), d.id, n.code, n.topic, n.excerpt, n.count, n.minute_at, n.first_at, n.last_at
    from unnest(${rows.map((row) => newId(row.firstMs))}::uuid[], ${rows.map((row) => row.organisationId ?? null)}::uuid[],
      ${rows.map((row) => row.deviceId ?? null)}::text[], ${rows.map((row) => row.code)}::text[], ${rows.map((row) => row.topic)}::text[],
      ${rows.map((row) => row.excerpt)}::text[], ${rows.map((row) => row.count)}::integer[], ${rows.map((row) => at(row.minuteMs))}::timestamptz[],
      ${rows.map((row) => at(row.firstMs))}::timestamptz[], ${rows.map((row) => at(row.lastMs))}::timestamptz[])
      as n (id, organisation_id, device_id, code, topic, excerpt, count, minute_at, first_at, last_at)
    left join devices d on d.id = n.device_id
    where n.device_id is null or d.id is not null
    order by n.device_id, n.code, n.topic, n.minute_at
    on conflict (coalesce(device_id, ''), code, topic, minute_at) do update set
      count = ingest_rejects.count + excluded.count, last_at = greatest(ingest_rejects.last_at, excluded.last_at)`);
}

interface ListedRow {
  id: string;
  device_id: string | null;
  code: string;
  topic: string;
  excerpt: string;
  count: number;
  first_at: Date;
  last_at: Date;
}

const messages = new Map(Object.values(ingestErrors).map((error) => [error.code, error.message]));

/** What was refused in an organisation, newest first. */
export async function listRejectPage(
  db: Queryable,
  organisationId: string,
  query: { deviceId?: string | undefined; code?: string | undefined; limit: number; cursor?: string | undefined },
): Promise<{ items: IngestReject[]; next?: string }> {
  const [lastAt, id] = query.cursor === undefined ? [] : readCursor(query.cursor, ["instant", "uuid"]);
  const rows = await db.query<ListedRow>(sql`
    select r.id, r.device_id, r.code, r.topic, r.excerpt, r.count, r.first_at, r.last_at
    from ingest_rejects r
    where r.organisation_id = ${organisationId}
      and (${query.deviceId ?? null}::text is null or r.device_id = ${query.deviceId ?? null})
      and (${query.code ?? null}::text is null or r.code = ${query.code ?? null})
      and (${lastAt ?? null}::timestamptz is null or (r.last_at, r.id) < (${lastAt ?? null}, ${id ?? null}::uuid))
    order by r.last_at desc, r.id desc limit ${query.limit + 1}`);
  const items = rows.map((row): IngestReject => ({
    id: row.id,
    ...(row.device_id === null ? {} : { deviceId: row.device_id as NonNullable<IngestReject["deviceId"]> }),
    code: row.code,
    message: messages.get(row.code) ?? row.code,
    topic: row.topic,
    excerpt: row.excerpt,
    count: row.count,
    firstAt: row.first_at,
    lastAt: row.last_at,
  }));
  return pageOf(items, query.limit, (last) => [last.lastAt, last.id]);
}
