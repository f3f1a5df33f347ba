import { promisify } from "node:util";
import { gzip } from "node:zlib";

import { auditErrors } from "@roost/contract/audit";
import type { AuditArchive, AuditRetention } from "@roost/contract/audit";
import type { Page } from "@roost/contract/paging";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Queryable } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import type { Actor, Within } from "../../platform/tenancy.ts";
import { insertCheckpoint, lockHead, selectCheckpoints } from "./chain-store.ts";
import type { SealedEntry } from "./chain-store.ts";
import type { Signer } from "./checkpoint.ts";
import type { AuditEntry } from "./entry.ts";
import { beginning, isGenuine, isSame } from "./mac.ts";
import type { Macs } from "./mac.ts";
import * as store from "./retirement-store.ts";
import { createJudge } from "./verdict.ts";
import { selectLinkedRows, selectRetirements } from "./verify-store.ts";
import { readRetirements } from "./verify.ts";

export interface RetirementDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly macs: Macs;
  readonly signer: Signer;
  readonly record: (tx: Queryable, entry: AuditEntry) => Promise<void>;
}

/** 90 days at hand (N-F34), seven years in the archive (T-F12). */
export const defaultAuditRetention: AuditRetention = { days: 90, archiveDays: 2_555 };

const dayMs = 86_400_000;
const stepRows = 2_000;
/** A cut is made only where it frees something worth a checkpoint. */
const leastCut = 500;
const system: Actor = { kind: "system", id: "audit", name: "Retention of the audit trail" };
const pack = promisify(gzip);

/** Takes entries out whose time is over, into archives, so that the chain can still be verified; and tells what is archived. */
export function createRetirement({ db, clock, log, macs, signer, record }: RetirementDeps) {
  /**
   * Says that all of an owner's before an instant may be gone. What is gone already nobody took out by rule: from here on its absence would
   * be excused, so it goes on record.
   *
   * @param trail - In whose trail.
   */
  async function mark(organisationId: string | null, before: Date, trail = organisationId): Promise<void> {
    const earlier = (await selectRetirements(db)).filter(
      (one) => one.organisationId === organisationId && isSame(macs.retirement(one), one.mac),
    );
    const last = new Date(Math.max(0, ...earlier.map((one) => one.before.getTime())));
    if (last >= before) return;
    const client = await db.connect("roost-audit-retire");
    const unhurried: Queryable = { query: async ({ text, values }) => (await client.query(text, [...values])).rows };
    const vanished = await store.selectVanished(unhurried, organisationId, { from: last, before }).finally(() => void client.end());
    const row = { id: newId(), organisationId, before };
    await db.transaction(async (tx) => {
      await store.insertRetirement(tx, { ...row, at: new Date(clock.nowMs()), mac: macs.retirement(row) });
      if (vanished.length === 0) return;
      log.error({ positions: vanished }, "entries vanished from the audit trail before their time was over; verify the audit trail");
      await record(tx, {
        organisationId: trail ?? undefined,
        by: system,
        action: "audit.gap_found",
        object: { kind: "audit", id: "chain" },
        after: { positions: vanished },
      });
    });
  }

  /** Retires some of one owner's entries; answers how many. An entry that is not what was written stays, as evidence. */
  async function step(
    organisationId: string | null,
    before: Date,
    becomes: "archived" | "deleted" | "removed",
    evidence: Set<string>,
  ): Promise<number> {
    return db.transaction(async (tx) => {
      const due = await store.lockDue(tx, { organisationId, before, limit: stepRows, skip: [...evidence] });
      const good = due.filter((entry) => isGenuine(macs, entry) && isSame(entry.mac, entry.linkedMac));
      for (const entry of due) if (!good.includes(entry)) evidence.add(entry.id);
      const [first, last] = [good[0], good.at(-1)];
      if (first === undefined || last === undefined) return due.length;
      const archiveId = newId();
      if (becomes === "archived") {
        const content = await pack(good.map(archiveLine).join(""));
        const archive = { id: archiveId, organisationId, content };
        const span = { from: new Date(Number(first.atUs) / 1_000), to: new Date(Number(last.atUs) / 1_000) };
        await store.insertArchive(tx, {
          ...archive,
          ...span,
          entries: good.length,
          mac: macs.archive(archive),
          madeAt: new Date(clock.nowMs()),
        });
      }
      await store.deleteEntries(
        tx,
        good.map(({ id }) => id),
      );
      // Of an owner that goes nobody reads a trail any more.
      if (becomes === "removed") return due.length;
      await record(tx, {
        organisationId: organisationId ?? undefined,
        by: system,
        action: `audit.${becomes}`,
        object: { kind: "audit_archive", id: becomes === "archived" ? archiveId : "none" },
        after: { before: before.toISOString(), entries: good.length },
      });
      return due.length;
    });
  }

  /** Takes the beginning of the chain away where nothing of it is left, up to a signed cut. Only if all of it is as it should be. */
  async function cut(): Promise<number> {
    return db.transaction(async (tx) => {
      if ((await lockHead(tx)) === undefined) return 0;
      const isRetired = await readRetirements(tx, macs);
      const lastCut = (await selectCheckpoints(tx, undefined, stepRows)).filter(({ kind }) => kind === "cut");
      const judge = createJudge({ macs, signer, checkpoints: lastCut, head: { position: 0, mac: beginning }, isRetired });
      let end: { position: number; mac: Buffer } | undefined;
      for (const row of await selectLinkedRows(tx, lastCut.at(-1)?.position ?? 0, stepRows)) {
        if (row.entry !== undefined) break;
        judge.link(row);
        end = row.link;
      }
      if (end === undefined || end.position - (lastCut.at(-1)?.position ?? 0) < leastCut) return 0;
      if (!judge.end().isWhole) {
        log.error({ position: end.position }, "the beginning of the audit chain has faults and is kept; verify the audit trail");
        return 0;
      }
      await insertCheckpoint(tx, signer.sign({ kind: "cut", position: end.position, mac: end.mac, at: new Date(clock.nowMs()) }));
      await store.deleteLinksUpTo(tx, end.position);
      return end.position;
    });
  }

  async function dropArchives(organisationId: string | null, before: Date): Promise<void> {
    await db.transaction(async (tx) => {
      for (const { id, entries } of await store.deleteArchives(tx, organisationId, before)) {
        await record(tx, {
          organisationId: organisationId ?? undefined,
          by: system,
          action: "audit_archive.deleted",
          object: { kind: "audit_archive", id },
          before: { entries },
        });
      }
    });
  }

  return {
    /** Retires what is due of everybody; cut off anywhere, the next run goes on. Answers how many entries. */
    async run({ signal }: { readonly signal?: AbortSignal } = {}): Promise<number> {
      let retired = 0;
      for (const owner of await store.selectOwners(db)) {
        const days = owner.days ?? defaultAuditRetention.days;
        const archiveDays = owner.archiveDays ?? defaultAuditRetention.archiveDays;
        const before = new Date(Math.floor((clock.nowMs() - days * dayMs) / dayMs) * dayMs);
        const evidence = new Set<string>();
        await mark(owner.organisationId, before);
        for (let seen = stepRows; seen === stepRows && signal?.aborted !== true;) {
          seen = await step(owner.organisationId, before, archiveDays > 0 ? "archived" : "deleted", evidence);
          retired += seen;
        }
        retired -= evidence.size;
        if (evidence.size > 0)
          log.error({ entries: evidence.size }, "audit entries that were altered are kept beyond their time; verify the audit trail");
        await dropArchives(owner.organisationId, new Date(before.getTime() - archiveDays * dayMs));
      }
      while (signal?.aborted !== true && (await cut()) > 0);
      if (retired > 0) log.info({ entries: retired }, "audit entries whose time was over were taken out of the trail");
      return retired;
    },

    /**
     * Takes everything of an organisation that is removed out of the trail and its archives. The links stay, and so does the statement that
     * their entries were taken out by rule: the chain can be verified as before.
     *
     * @returns How many entries stay because they were altered; they are evidence. Entries without a link yet are left to another call.
     */
    async removeAllOf(organisationId: string, signal: AbortSignal): Promise<number> {
      const before = new Date(clock.nowMs() + 1);
      const evidence = new Set<string>();
      await mark(organisationId, before, null);
      for (let seen = stepRows; seen === stepRows && !signal.aborted;) seen = await step(organisationId, before, "removed", evidence);
      await db.transaction((tx) => store.deleteArchives(tx, organisationId, before));
      return evidence.size;
    },

    async policy(within: Within): Promise<AuditRetention> {
      return { ...defaultAuditRetention, ...(await store.selectPolicy(db.within(within), within.organisationId)) };
    },

    async changePolicy(within: Within, by: Actor, wanted: AuditRetention): Promise<AuditRetention> {
      await db.within(within).transaction(async (tx) => {
        const before = { ...defaultAuditRetention, ...(await store.selectPolicy(tx, within.organisationId)) };
        await store.upsertPolicy(tx, within.organisationId, wanted);
        const object = { kind: "audit", id: "retention" };
        await record(tx, { organisationId: within.organisationId, by, action: "audit_retention.changed", object, before, after: wanted });
      });
      return wanted;
    },

    async listArchives(within: Within, { limit, cursor }: Page): Promise<{ items: AuditArchive[]; next?: string }> {
      const [from = "", id = ""] = cursor === undefined ? [] : readCursor(cursor, ["instant", "uuid"]);
      const after = cursor === undefined ? undefined : { from, id };
      const items = await store.selectArchives(db, within.organisationId, { after, limit: limit + 1 });
      return pageOf(items, limit, (last) => [last.from, last.id]);
    },

    /** Takes an archive away, packed; on record. @throws {AppError} `audit.archive_not_found` */
    async archive(within: Within, by: Actor, archiveId: string): Promise<Buffer> {
      const found = await store.selectArchive(db, within.organisationId, archiveId);
      if (found === undefined) throw auditErrors.archive_not_found({ archiveId });
      const object = { kind: "audit_archive", id: archiveId };
      await record(db, { organisationId: within.organisationId, by, action: "audit.exported", object });
      return found.content;
    },
  };
}

/** An entry to the letter, with its place and its hash: an archive can be checked as the trail can. */
function archiveLine(entry: SealedEntry & { position: number }): string {
  return `${JSON.stringify({ ...entry, mac: entry.mac.toString("hex"), erasedMac: entry.erasedMac?.toString("hex"), linkedMac: undefined })}\n`;
}
