import type { Clock } from "../../platform/clock.ts";
import type { Db, Queryable } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import { insertEntry } from "./audit-store.ts";
import { toStored } from "./entry.ts";
import type { AuditEntry } from "./entry.ts";
import { createMacs } from "./mac.ts";

export type { AuditEntry } from "./entry.ts";

export interface AuditDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  /** 32 bytes, see `loadAuditKey`; in tests any. */
  readonly key: Buffer;
}

/** The audit trail: who did what to which thing, and proof that nobody changed the record. */
export function createAudit({ clock, key }: AuditDeps) {
  const macs = createMacs(key);
  return {
    /**
     * Writes an entry in the transaction that makes the change: both are there, or none. One insert; secrets and equal fields are left out.
     *
     * @example await audit.record(tx, { organisationId, by: caller.by, action: "role.changed", object: { kind: "person", id }, before, after });
     */
    async record(tx: Queryable, entry: AuditEntry): Promise<void> {
      const stored = toStored(newId(), clock.nowMs(), entry);
      await insertEntry(tx, stored, macs.entry(stored));
    },
  };
}
export type Audit = ReturnType<typeof createAudit>;
