import { auditErrors } from "@roost/contract/audit";
import type { AuditCheckpoint, AuditVerdict } from "@roost/contract/audit";
import type { Page } from "@roost/contract/paging";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Queryable } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import type { Actor, Within } from "../../platform/tenancy.ts";
import { insertEntry } from "./audit-store.ts";
import { createWitness } from "./audit-witness.ts";
import { selectCheckpointsDown } from "./chain-store.ts";
import type { Checkpoint } from "./chain-store.ts";
import { createChain } from "./chain.ts";
import { createSigner } from "./checkpoint.ts";
import { toStored } from "./entry.ts";
import type { AuditEntry } from "./entry.ts";
import type { AuditErasure } from "./erasing-store.ts";
import { eraseFromTrail } from "./erasing.ts";
import { createMacs } from "./mac.ts";
import { createRetirement } from "./retirement.ts";
import { createTrail } from "./trail.ts";
import { verdictFor } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";
import { verifyTrail } from "./verify.ts";
import type { VerifyProgress } from "./verify.ts";

export type { AuditEntry } from "./entry.ts";
export type { AuditErasure } from "./erasing-store.ts";

export interface AuditDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  /** 32 bytes, see `loadAuditKey`; in tests any. */
  readonly key: Buffer;
  /** Where the end of the chain is noted outside the database; absent: in memory only. */
  readonly witnessFile?: string | undefined;
}

/** The audit trail: who did what to which thing, and proof that nobody changed the record. */
export function createAudit({ db, clock, log, key, witnessFile }: AuditDeps) {
  const macs = createMacs(key);
  const signer = createSigner(key);
  const witness = createWitness({ file: witnessFile, signer, log });
  const chain = createChain({ db, clock, log, macs, signer, witness });

  async function record(tx: Queryable, entry: AuditEntry): Promise<void> {
    const stored = toStored(newId(), clock.nowMs(), entry);
    await insertEntry(tx, stored, macs.entry(stored));
  }
  let isVerifying = false;

  return {
    /**
     * Writes an entry in the transaction that makes the change: both are there, or none. One insert; secrets and equal fields are left out.
     *
     * @example await audit.record(tx, { organisationId, by: caller.by, action: "role.changed", object: { kind: "person", id }, before, after });
     */
    record,

    /** Takes somebody's name out of the trail, which stays whole; answers of how many entries. See `erasing.ts`. */
    erase: (tx: Queryable, erasure: AuditErasure): Promise<number> => eraseFromTrail(tx, macs, erasure),

    /** Begins to take entries up into the chain. */
    start: () => chain.start(),
    /** Takes up all that was committed before the call. */
    settle: () => chain.settle(),
    close: () => chain.close(),

    /** What people read. */
    trail: createTrail({ db, record }),
    /** What happens to entries whose time is over. */
    retirement: createRetirement({ db, clock, log, macs, signer, record }),

    /** Signed checkpoints, newest first, and the key to check them by. */
    async checkpoints({ limit, cursor }: Page): Promise<{ items: AuditCheckpoint[]; next?: string; publicKeyPem: string }> {
      const [position] = cursor === undefined ? [] : readCursor(cursor, ["text"]);
      const before = position === undefined || !/^\d{1,15}$/.test(position) ? undefined : Number(position);
      const items = await selectCheckpointsDown(db, before, limit + 1);
      return { ...pageOf(items.map(toCheckpoint), limit, (last) => [String(last.position)]), publicKeyPem: signer.publicKeyPem };
    },

    /** Goes through the whole trail: how far it is, and at the end what was found. */
    verify: (kept: readonly Checkpoint[] = []): AsyncGenerator<VerifyProgress, Verdict> => verifyTrail({ db, macs, signer, witness }, kept),

    /**
     * The same for a person, one at a time on this server, and on record.
     *
     * @param onlyOf - The organisation whose faulty entries are named; others are counted.
     * @returns `undefined` while another one is under way.
     */
    verifyFor(
      caller: Within & { readonly by: Actor },
      kept: readonly AuditCheckpoint[],
      onlyOf: string | undefined,
    ): AsyncGenerator<VerifyProgress, AuditVerdict> | undefined {
      return isVerifying ? undefined : verifyOnRecord();

      async function* verifyOnRecord(): AsyncGenerator<VerifyProgress, AuditVerdict> {
        // Not before it begins: whoever has gone by then never lets it end.
        if (isVerifying) throw auditErrors.verification_running();
        isVerifying = true;
        try {
          const verdict = yield* verifyTrail({ db, macs, signer, witness }, kept.map(fromCheckpoint));
          const { isWhole, wholeUntil, head, faultCount } = verdict;
          await record(db, {
            organisationId: caller.organisationId,
            by: caller.by,
            action: "audit.verified",
            object: { kind: "audit", id: "chain" },
            after: { isWhole, wholeUntil, head, faultCount },
          });
          return verdictFor(verdict, onlyOf);
        } finally {
          isVerifying = false;
        }
      }
    },
  };
}
export type Audit = ReturnType<typeof createAudit>;

function toCheckpoint({ kind, position, mac, at, signature }: Checkpoint): AuditCheckpoint {
  return { kind, position, mac: mac.toString("hex"), at, signature: signature.toString("base64") };
}

function fromCheckpoint({ kind, position, mac, at, signature }: AuditCheckpoint): Checkpoint {
  return { kind, position, mac: Buffer.from(mac, "hex"), at, signature: Buffer.from(signature, "base64") };
}
