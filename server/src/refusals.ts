import type { Audit } from "./modules/audit/audit.ts";
import type { Db } from "./platform/db.ts";
import type { SecurityEvent } from "./platform/http/security-events.ts";
import type { Log } from "./platform/log.ts";

/** Puts what the edge refused on record, a minute's refusals of an address as one entry. */
export function createRefusals({ db, audit, log }: { db: Db; audit: Pick<Audit, "record">; log: Log }) {
  let writing: Promise<void> = Promise.resolve();

  async function write({ kind, remoteAddress, organisationId, by, count, firstAt, lastAt, operations }: SecurityEvent): Promise<void> {
    const facts = { count, firstAt: firstAt.toISOString(), lastAt: lastAt.toISOString(), operations: operations.join(", ") };
    log.warn({ kind, remoteAddress, organisationId, actorId: by?.id, ...facts }, "requests were refused");
    try {
      await audit.record(db, {
        ...(organisationId === undefined ? {} : { organisationId }),
        by: by ?? { kind: "system", id: "http", name: "HTTP edge", remoteAddress },
        action: `edge.${kind}`,
        object: { kind: "address", id: remoteAddress },
        after: facts,
        outcome: "refused",
      });
    } catch (error) {
      log.warn({ err: error, kind }, "a refusal is not on record");
    }
  }

  return {
    observe(event: SecurityEvent): void {
      // One after the other: however many there are, they take one connection.
      writing = writing.then(async () => write(event));
    },
    /** Resolves when all that was observed is on record. */
    settle: async (): Promise<void> => writing,
  };
}
