import {
  auditErrors,
  auditVerifyLine,
  changeAuditRetention,
  exportAuditCsv,
  exportAuditLines,
  exportPlatformAuditLines,
  getAuditArchive,
  getAuditEntry,
  getAuditRetention,
  listAuditArchives,
  listAuditCheckpoints,
  listAuditEntries,
  listPlatformAuditEntries,
  verifyAudit,
  verifyPlatformAudit,
} from "@roost/contract/audit";
import type { AuditCheckpoint } from "@roost/contract/audit";
import { z } from "zod";

import type { Mount, PersonCaller } from "../../platform/http/mount.ts";
import type { Audit } from "./audit.ts";

/** Ties the routes of `contract/src/audit.ts` to the face. */
export function mountAudit(mount: Mount, audit: Audit): void {
  mount(listAuditEntries, async ({ query, caller }) => audit.trail.list(caller, query));
  mount(getAuditEntry, async ({ params, caller }) => audit.trail.get(caller, params.entryId));
  mount(exportAuditCsv, async ({ query, caller }) => ({
    body: await audit.trail.export(caller, caller.by, "csv", query),
    headers: attachment("audit.csv"),
  }));
  mount(exportAuditLines, async ({ query, caller }) => ({
    body: await audit.trail.export(caller, caller.by, "ndjson", query),
    headers: attachment("audit.ndjson"),
  }));
  mount(listAuditCheckpoints, async ({ query }) => audit.checkpoints(query));
  mount(verifyAudit, async ({ body, caller }) => ({ body: verification(audit, caller, body.checkpoints, caller.organisationId) }));
  mount(getAuditRetention, async ({ caller }) => audit.retirement.policy(caller));
  mount(changeAuditRetention, async ({ body, caller }) => audit.retirement.changePolicy(caller, caller.by, body));
  mount(listAuditArchives, async ({ query, caller }) => audit.retirement.listArchives(caller, query));
  mount(getAuditArchive, async ({ params, caller }) => ({
    body: await audit.retirement.archive(caller, caller.by, params.archiveId),
    headers: attachment(`audit-${params.archiveId}.ndjson.gz`),
  }));
  mount(listPlatformAuditEntries, async ({ query }) => audit.trail.list("platform", query));
  mount(exportPlatformAuditLines, async ({ query, caller }) => ({
    body: await audit.trail.export("platform", caller.by, "ndjson", query),
    headers: attachment("audit-platform.ndjson"),
  }));
  mount(verifyPlatformAudit, async ({ body, caller }) => ({ body: verification(audit, caller, body.checkpoints, undefined) }));
}

function attachment(name: string): Record<string, string> {
  return { "content-disposition": `attachment; filename="${name}"`, "cache-control": "no-store" };
}

/** @param onlyOf - Entries of others are counted and not named. @throws {AppError} `audit.verification_running` */
function verification(
  audit: Audit,
  caller: PersonCaller,
  kept: readonly AuditCheckpoint[],
  onlyOf: string | undefined,
): AsyncGenerator<string> {
  const walk = audit.verifyFor(caller, kept, onlyOf);
  if (walk === undefined) throw auditErrors.verification_running();
  return lines(walk);
}

async function* lines(walk: NonNullable<ReturnType<Audit["verifyFor"]>>): AsyncGenerator<string> {
  try {
    for (;;) {
      const step = await walk.next();
      const line = step.done === true ? { verdict: step.value } : { progress: step.value };
      yield `${JSON.stringify(z.encode(auditVerifyLine, line))}\n`;
      if (step.done === true) return;
    }
  } finally {
    // Whoever went away meanwhile does not leave a verification behind.
    await walk.throw(new Error("The verification was left.")).catch(() => undefined);
  }
}
