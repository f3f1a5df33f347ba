import { archiveInboxEntry, countInbox, listInbox, readInbox, readInboxEntry } from "@roost/contract/inbox";

import type { Mount } from "../../platform/http/mount.ts";
import type { Inbox } from "./inbox.ts";

/** Ties the routes of `contract/src/inbox.ts` to the face. */
export function mountInbox(mount: Mount, inbox: Inbox): void {
  mount(listInbox, async ({ caller, query }) => inbox.list(caller, query));
  mount(countInbox, async ({ caller }) => inbox.count(caller));
  mount(readInboxEntry, async ({ caller, params }) => inbox.read(caller, params.inboxEntryId));
  mount(readInbox, async ({ caller, body }) => inbox.readAll(caller, body.until));
  mount(archiveInboxEntry, async ({ caller, params }) => inbox.archive(caller, params.inboxEntryId));
}
