import { z } from "zod";

import { severity } from "./alarms.ts";
import { defineErrors } from "./errors.ts";
import { alarmId, deviceId, incidentId, inboxEntryId } from "./ids.ts";
import { noticeKind } from "./notifications.ts";
import { listOf, page } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

export const inboxErrors = defineErrors("inbox", {
  person_needed: [403, "Inboxes belong to people. Sign in as one; an API token has none."],
  entry_not_found: [404, "There is no such entry in your inbox. It may be past its time, or tell of what you may not see any more."],
});

/** Something one person was told, in the app. */
export const inboxEntry = z.object({
  id: inboxEntryId,
  what: noticeKind,
  /** The worst of what was not over when it was told; absent where all was. */
  severity: severity.optional(),
  /** What it is in a few words, such as `Alarm`, `Cleared`, `8 more alarms`. */
  title: personal("text", z.string()),
  text: personal("text", z.string()),
  /** How many alarms it tells of. */
  count: z.int(),
  /** Where it tells of a single alarm. */
  alarmId: alarmId.optional(),
  incidentId: incidentId.optional(),
  deviceId: deviceId.optional(),
  deviceName: personal("text", z.string()).optional(),
  siteName: personal("text", z.string()).optional(),
  at: instant,
  readAt: instant.optional(),
  archivedAt: instant.optional(),
});
export type InboxEntry = z.output<typeof inboxEntry>;

/** `current`: all but what was archived. */
export const inboxShow = z.enum(["current", "unread", "archived"]);
export type InboxShow = z.infer<typeof inboxShow>;

const unread = z.object({
  /** Neither read nor archived, and yours to see at this moment; counted up to 1,000. */
  unread: z.int(),
});
const params = z.object({ inboxEntryId });

export const listInbox = defineRoute({
  operation: "listInbox",
  method: "GET",
  path: "/api/v1/my/inbox",
  access: "alarms:read",
  summary: "Lists what you were told, newest first; what you may not see any more is left out.",
  query: page.extend({ limit: z.coerce.number().int().min(1).max(100).default(50), show: inboxShow.default("current") }),
  reply: listOf(inboxEntry),
  errors: [inboxErrors.person_needed],
});

export const countInbox = defineRoute({
  operation: "countInbox",
  method: "GET",
  path: "/api/v1/my/inbox/count",
  access: "alarms:read",
  summary: "Counts what you have not read yet.",
  reply: unread,
  errors: [inboxErrors.person_needed],
});

export const readInboxEntry = defineRoute({
  operation: "readInboxEntry",
  method: "POST",
  path: "/api/v1/my/inbox/:inboxEntryId/read",
  access: "alarms:read",
  summary: "Marks one as read, on all your devices; a second time changes nothing.",
  params,
  reply: inboxEntry,
  errors: [inboxErrors.person_needed, inboxErrors.entry_not_found],
});

export const readInbox = defineRoute({
  operation: "readInbox",
  method: "POST",
  path: "/api/v1/my/inbox/read",
  access: "alarms:read",
  summary: "Marks all as read that you may see; with `until`, what came later stays unread.",
  body: z.strictObject({ until: instant.optional() }),
  reply: z.object({
    /** How many were unread. */
    read: z.int(),
  }),
  errors: [inboxErrors.person_needed],
});

export const archiveInboxEntry = defineRoute({
  operation: "archiveInboxEntry",
  method: "POST",
  path: "/api/v1/my/inbox/:inboxEntryId/archive",
  access: "alarms:read",
  summary: "Puts one away as read: it is under `archived` for 30 days, then gone.",
  params,
  reply: inboxEntry,
  errors: [inboxErrors.person_needed, inboxErrors.entry_not_found],
});
