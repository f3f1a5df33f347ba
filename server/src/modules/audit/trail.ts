import { auditErrors, auditRecord } from "@roost/contract/audit";
import type { AuditEntryId, AuditFilter, AuditRecord } from "@roost/contract/audit";
import type { Page } from "@roost/contract/paging";
import { z } from "zod";

import { textCell } from "../../platform/csv.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Database, Db, Queryable } from "../../platform/db.ts";
import type { Actor, Within } from "../../platform/tenancy.ts";
import type { AuditEntry } from "./entry.ts";
import * as store from "./trail-store.ts";

/** Whose entries: an organisation's, by the second lock, or the platform's own. */
export type Whose = Within | "platform";

export interface TrailDeps {
  readonly db: Db;
  readonly record: (tx: Queryable, entry: AuditEntry) => Promise<void>;
}

const exportRows = 1_000;
const csvHeader =
  "id,at,actor_kind,actor_id,actor,action,object_kind,object_id,object,outcome,before,after,remote_address,user_agent,correlation_id,position\r\n";

/** Reads the trail for people: pages, single entries, exports. */
export function createTrail({ db, record }: TrailDeps) {
  const ownerOf = (whose: Whose) => (whose === "platform" ? null : whose.organisationId);
  const rowsOf = (whose: Whose): Database => (whose === "platform" ? db : db.within(whose));

  async function withPositions(items: AuditRecord[]): Promise<AuditRecord[]> {
    const positions = await store.selectPositions(
      db,
      items.map(({ id }) => id),
    );
    return items.map((item) => {
      const position = positions.get(item.id);
      return position === undefined ? item : { ...item, position };
    });
  }

  function checkRange({ from, to }: AuditFilter): void {
    if (from !== undefined && to !== undefined && to < from) throw auditErrors.range_reversed({ from, to });
  }

  async function* pages(whose: Whose, filter: AuditFilter): AsyncGenerator<AuditRecord[]> {
    let after: store.Place | undefined;
    for (;;) {
      const rows = await store.selectEntriesUp(rowsOf(whose), ownerOf(whose), { filter, after, limit: exportRows });
      if (rows.length > 0) yield await withPositions(rows);
      const last = rows.at(-1);
      if (last === undefined || rows.length < exportRows) return;
      after = last;
    }
  }

  return {
    /** Entries, newest first. @throws {AppError} `audit.range_reversed` */
    async list(whose: Whose, { limit, cursor, ...filter }: Page & AuditFilter): Promise<{ items: AuditRecord[]; next?: string }> {
      checkRange(filter);
      const [at = "", id = ""] = cursor === undefined ? [] : readCursor(cursor, ["instant", "uuid"]);
      const after = cursor === undefined ? undefined : { at: new Date(at), id };
      const found = await store.selectEntries(rowsOf(whose), ownerOf(whose), { filter, after, limit });
      const key = (place: store.Place) => [place.at, place.id];
      if (found.stoppedAt !== undefined) {
        const { next = "" } = pageOf([found.stoppedAt, found.stoppedAt], 1, key);
        return { items: await withPositions(found.items), next };
      }
      const page = pageOf(found.items, limit, key);
      return { ...page, items: await withPositions(page.items) };
    },

    /** @throws {AppError} `audit.not_found` */
    async get(whose: Whose, entryId: AuditEntryId): Promise<AuditRecord> {
      const found = await store.selectEntry(rowsOf(whose), ownerOf(whose), entryId);
      if (found === undefined) throw auditErrors.not_found({ entryId });
      const [entry = found] = await withPositions([found]);
      return entry;
    },

    /**
     * Entries as CSV or as lines of JSON, oldest first, a page at a time. That somebody took them away is on record before the first leaves.
     *
     * @throws {AppError} `audit.range_reversed`
     */
    async export(whose: Whose, by: Actor, format: "csv" | "ndjson", filter: AuditFilter): Promise<AsyncGenerator<string>> {
      checkRange(filter);
      await record(rowsOf(whose), {
        organisationId: ownerOf(whose) ?? undefined,
        by,
        action: "audit.exported",
        object: { kind: "audit", id: format },
        after: Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)),
      });
      return format === "csv" ? asCsv(pages(whose, filter)) : asLines(pages(whose, filter));
    },
  };
}

async function* asCsv(pages: AsyncGenerator<AuditRecord[]>): AsyncGenerator<string> {
  yield csvHeader;
  for await (const records of pages) yield records.map(csvLine).join("");
}

async function* asLines(pages: AsyncGenerator<AuditRecord[]>): AsyncGenerator<string> {
  for await (const records of pages) yield records.map((one) => `${JSON.stringify(z.encode(auditRecord, one))}\n`).join("");
}

/** One entry as a line of CSV; what a person or device wrote is no formula. */
export function csvLine(entry: AuditRecord): string {
  const { actor, object } = entry;
  const cells = [
    entry.id,
    entry.at.toISOString(),
    actor.kind,
    actor.id,
    actor.name,
    entry.action,
    object.kind,
    object.id,
    object.name ?? "",
    entry.outcome,
    entry.before === undefined ? "" : JSON.stringify(entry.before),
    entry.after === undefined ? "" : JSON.stringify(entry.after),
    entry.remoteAddress ?? "",
    entry.userAgent ?? "",
    entry.correlationId ?? "",
  ];
  return `${cells.map(textCell).join(",")},${entry.position ?? ""}\r\n`;
}
