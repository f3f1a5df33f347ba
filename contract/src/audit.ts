import { z } from "zod";

import { defineErrors } from "./errors.ts";
import { uuid } from "./ids.ts";
import { listOf, page } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

/** Of one entry of the audit trail. */
export const auditEntryId = uuid.brand("AuditEntryId");
export type AuditEntryId = z.infer<typeof auditEntryId>;

export const actorKind = z.enum(["person", "token", "device", "system"]);
export const auditOutcome = z.enum(["done", "refused"]);
export type AuditOutcome = z.infer<typeof auditOutcome>;

const fields = z.record(z.string(), z.unknown());

/** One thing that somebody did, or tried. */
export const auditRecord = z.object({
  id: auditEntryId,
  at: instant,
  actor: z.object({ kind: actorKind, id: personal("id", z.string()), name: z.string() }),
  /** `noun.past`, such as `role.changed`. */
  action: z.string(),
  object: z.object({ kind: z.string(), id: personal("id", z.string()), name: z.string().optional() }),
  /** The fields that changed, as they were; without secrets. */
  before: fields.optional(),
  after: fields.optional(),
  outcome: auditOutcome,
  remoteAddress: z.string().optional(),
  userAgent: z.string().optional(),
  correlationId: z.string().optional(),
  /** Its place in the chain; absent for the moment until it is taken up. */
  position: z.number().int().optional(),
});
export type AuditRecord = z.output<typeof auditRecord>;

const word = z.string().trim().min(1).max(200);

/** What of the trail is asked for; absent = all. */
const filter = z.object({
  /** Id of the person, token or device, or a part of their name. */
  actor: word.optional(),
  /** `role.changed`, or all of a noun: `role.` */
  action: word.optional(),
  objectKind: word.optional(),
  objectId: word.optional(),
  outcome: auditOutcome.optional(),
  /** Inclusive. */
  from: instant.optional(),
  /** Exclusive. */
  to: instant.optional(),
  /** Text anywhere in names, ids, addresses and changes. */
  q: word.optional(),
});
export type AuditFilter = z.output<typeof filter>;

export const auditErrors = defineErrors("audit", {
  not_found: [404, "There is no such entry in the audit trail."],
  archive_not_found: [404, "There is no such archive of the audit trail."],
  verification_running: [409, "The audit trail is being verified already. Wait until that is done."],
  not_whole: [
    409,
    "The audit trail is not what was written. Its faults are listed; keep the database as it is, and compare it with a backup.",
  ],
  range_reversed: [400, "The range ends before it begins."],
});

export const listAuditEntries = defineRoute({
  operation: "listAuditEntries",
  method: "GET",
  path: "/api/v1/audit/entries",
  access: "audit:read",
  wholeOrganisation: true,
  summary: "Lists what was done and tried in the organisation, newest first. A search may answer an empty page with `next`: go on.",
  query: page.extend(filter.shape),
  reply: listOf(auditRecord),
  errors: [auditErrors.range_reversed],
});

export const getAuditEntry = defineRoute({
  operation: "getAuditEntry",
  method: "GET",
  path: "/api/v1/audit/entries/:entryId",
  access: "audit:read",
  wholeOrganisation: true,
  summary: "One entry of the audit trail.",
  params: z.object({ entryId: auditEntryId }),
  reply: auditRecord,
  errors: [auditErrors.not_found],
});

export const exportAuditCsv = defineRoute({
  operation: "exportAuditCsv",
  method: "GET",
  path: "/api/v1/audit/entries.csv",
  access: "audit:read",
  wholeOrganisation: true,
  summary: "Streams entries as CSV, oldest first; the export is itself on record.",
  query: filter,
  streams: "text/csv",
  errors: [auditErrors.range_reversed],
});

export const exportAuditLines = defineRoute({
  operation: "exportAuditLines",
  method: "GET",
  path: "/api/v1/audit/entries.ndjson",
  access: "audit:read",
  wholeOrganisation: true,
  summary: "Streams entries as lines of JSON, oldest first; the export is itself on record.",
  query: filter,
  streams: "application/x-ndjson",
  errors: [auditErrors.range_reversed],
});

/** Signed: the chain was this long and ended like this at that time. */
export const auditCheckpoint = z.object({
  /** `cut`: what lies before was taken away because its time was over. */
  kind: z.enum(["head", "cut"]),
  position: z.number().int().nonnegative(),
  /** Hash of the link at that position, in hex. */
  mac: z.string().regex(/^[0-9a-f]{64}$/),
  at: instant,
  /** Ed25519, in base64, over five lines: `roost audit checkpoint 1`, kind, position, mac, at. */
  signature: z.string().max(128),
});
export type AuditCheckpoint = z.output<typeof auditCheckpoint>;

export const listAuditCheckpoints = defineRoute({
  operation: "listAuditCheckpoints",
  method: "GET",
  path: "/api/v1/audit/checkpoints",
  access: "audit:read",
  wholeOrganisation: true,
  summary:
    "Lists signed checkpoints of the chain, newest first, with the public key: kept elsewhere, they prove that the end was not cut off.",
  query: page,
  reply: listOf(auditCheckpoint).extend({ publicKeyPem: z.string() }),
});

/** What is wrong with one entry, its place, or a stretch of the chain. */
export const auditFault = z.object({
  kind: z.enum(["edited", "removed", "inserted", "moved", "unlinked", "relinked", "truncated", "forked", "checkpoint", "archive"]),
  position: z.number().int().optional(),
  /** Last position of a stretch. */
  toPosition: z.number().int().optional(),
  /** Where a moved one belongs. */
  belongsAt: z.number().int().optional(),
  entryId: z.string().optional(),
});
export type AuditFault = z.output<typeof auditFault>;

export const auditVerdict = z.object({
  isWhole: z.boolean(),
  /** Up to this position each entry is the one that was written, and none is missing. */
  wholeUntil: z.number().int(),
  head: z.number().int(),
  entries: z.number().int(),
  /** Archived or deleted because their time was over. */
  retired: z.number().int(),
  waiting: z.number().int(),
  checkpoints: z.number().int(),
  faultCount: z.number().int(),
  /** Of these, entries of other organisations, which are not named here. */
  elsewhere: z.number().int(),
  faults: z.array(auditFault),
});
export type AuditVerdict = z.output<typeof auditVerdict>;

/** One line of a verification: how far it is, then what was found. */
export const auditVerifyLine = z.union([
  z.object({ progress: z.object({ checked: z.number().int(), of: z.number().int() }) }),
  z.object({ verdict: auditVerdict }),
]);

const verifyBody = z.strictObject({
  /** Checkpoints that were kept elsewhere: the chain must have been through them. */
  checkpoints: z.array(auditCheckpoint).max(1_000).default([]),
});

export const verifyAudit = defineRoute({
  operation: "verifyAudit",
  method: "POST",
  path: "/api/v1/audit/verify",
  access: "audit:read",
  wholeOrganisation: true,
  summary: "Checks the whole trail, of all organisations, and streams lines of JSON: progress, and last the verdict.",
  body: verifyBody,
  streams: "application/x-ndjson",
  maxBodyBytes: 512 * 1024,
  errors: [auditErrors.verification_running],
});

/** How long entries are kept where people look for them, and after that in the archive. */
export const auditRetention = z.object({
  days: z.number().int().min(1).max(36_500),
  archiveDays: z.number().int().min(0).max(36_500),
});
export type AuditRetention = z.output<typeof auditRetention>;

export const getAuditRetention = defineRoute({
  operation: "getAuditRetention",
  method: "GET",
  path: "/api/v1/audit/retention",
  access: "audit:read",
  wholeOrganisation: true,
  summary: "Says how many days entries are kept, and how many more in the archive.",
  reply: auditRetention,
});

export const changeAuditRetention = defineRoute({
  operation: "changeAuditRetention",
  method: "PUT",
  path: "/api/v1/audit/retention",
  access: "organisation:write",
  wholeOrganisation: true,
  summary: "Sets how many days entries are kept, and how many more in the archive; 0 archives nothing.",
  body: auditRetention,
  reply: auditRetention,
});

/** Entries whose time was over, packed. */
export const auditArchive = z.object({
  id: uuid,
  from: instant,
  to: instant,
  entries: z.number().int(),
  bytes: z.number().int(),
  madeAt: instant,
});
export type AuditArchive = z.output<typeof auditArchive>;

export const listAuditArchives = defineRoute({
  operation: "listAuditArchives",
  method: "GET",
  path: "/api/v1/audit/archives",
  access: "audit:read",
  wholeOrganisation: true,
  summary: "Lists archives of the audit trail, newest first.",
  query: page,
  reply: listOf(auditArchive),
});

export const getAuditArchive = defineRoute({
  operation: "getAuditArchive",
  method: "GET",
  path: "/api/v1/audit/archives/:archiveId",
  access: "audit:read",
  wholeOrganisation: true,
  summary: "Downloads an archive: lines of JSON, packed by gzip; on record as an export.",
  params: z.object({ archiveId: uuid }),
  streams: "application/gzip",
  errors: [auditErrors.archive_not_found],
});

export const listPlatformAuditEntries = defineRoute({
  operation: "listPlatformAuditEntries",
  method: "GET",
  path: "/api/v1/platform/audit/entries",
  access: "platform:audit",
  summary: "Lists what was done to the installation itself, newest first: entries that belong to no organisation.",
  query: page.extend(filter.shape),
  reply: listOf(auditRecord),
  errors: [auditErrors.range_reversed],
});

export const exportPlatformAuditLines = defineRoute({
  operation: "exportPlatformAuditLines",
  method: "GET",
  path: "/api/v1/platform/audit/entries.ndjson",
  access: "platform:audit",
  summary: "Streams the installation's own entries as lines of JSON, oldest first; the export is itself on record.",
  query: filter,
  streams: "application/x-ndjson",
  errors: [auditErrors.range_reversed],
});

export const verifyPlatformAudit = defineRoute({
  operation: "verifyPlatformAudit",
  method: "POST",
  path: "/api/v1/platform/audit/verify",
  access: "platform:audit",
  summary: "Checks the whole trail like verifyAudit, and names the faulty entries of all organisations.",
  body: verifyBody,
  streams: "application/x-ndjson",
  maxBodyBytes: 512 * 1024,
  errors: [auditErrors.verification_running],
});
