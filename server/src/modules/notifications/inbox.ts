import { inboxErrors } from "@roost/contract/inbox";
import type { InboxEntry, InboxShow } from "@roost/contract/inbox";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { emit, emitAll } from "../../platform/events.ts";
import type { JobDefinition } from "../../platform/jobs.ts";
import type { Whose } from "../../platform/tenancy.ts";
import * as store from "./inbox-store.ts";
import type { NewEntry, Owner } from "./inbox-store.ts";
import type { Notice } from "./notice.ts";
import type { KeptAlarm } from "./plan-store.ts";
import { wordOf } from "./wording.ts";

/** A message of the planner in its words, with the alarms it tells of. */
export interface Told {
  readonly id: string;
  readonly targetId: string;
  readonly notice: Notice;
  readonly about: readonly KeptAlarm[];
}

const dayMs = 86_400_000;
const keptMs = { told: 90 * dayMs, archived: 30 * dayMs };
const forgottenAtOnce = 5_000;

/**
 * Puts into inboxes what is for them, in the transaction that planned it.
 *
 * @returns What is left: messages to be delivered.
 */
export async function tellInboxes<Item extends Told>(
  tx: Transaction,
  organisationId: string,
  told: readonly Item[],
  nowMs: number,
): Promise<readonly Item[]> {
  if (told.length === 0) return told;
  const inboxes = await store.insertEntries(
    tx,
    organisationId,
    told.map((one) => entryOf(one, new Date(nowMs))),
  );
  if (inboxes.length === 0) return told;
  // Whose inbox it is hears of it and nobody else: see `factsInScope`.
  await emitAll(
    tx,
    [...new Set(inboxes.map(({ personId }) => personId))].map((personId) => changed({ organisationId, personId })),
  );
  const targetIds = new Set(inboxes.map(({ targetId }) => targetId));
  return told.filter(({ targetId }) => !targetIds.has(targetId));
}

const changed = ({ organisationId, personId }: Owner) => ({ organisationId, type: "inbox.changed", nounId: personId, data: { personId } });

function entryOf({ id, targetId, notice, about }: Told, at: Date): NewEntry {
  const { alarm, severity = alarm?.state === "cleared" ? undefined : alarm?.severity, device, site } = notice;
  const incidents = new Set(about.map(({ fact }) => fact["incidentId"]));
  const [incidentId] = incidents;
  return {
    id,
    targetId,
    what: notice.type,
    severity,
    title: wordOf(notice),
    text: notice.text,
    count: about.length,
    alarmId: alarm?.id,
    incidentId: incidents.size === 1 && typeof incidentId === "string" ? incidentId : undefined,
    deviceName: device?.name,
    siteName: site,
    deviceIds: [...new Set(about.flatMap(({ deviceId }) => deviceId ?? []))],
    isAboutAll: about.some(({ deviceId }) => deviceId === undefined),
    at,
  };
}

/** What people were told, in the app: each has their own, sees of it what they may see now, and nobody else's. */
export function createInbox({ db, clock }: { db: Db; clock: Clock }) {
  function ownerOf({ organisationId, by }: Whose): Owner {
    if (by?.kind !== "person") throw inboxErrors.person_needed();
    return { organisationId, personId: by.id };
  }

  async function change(whose: Whose, entryId: string, become: (entry: InboxEntry, at: Date) => InboxEntry): Promise<InboxEntry> {
    const owner = ownerOf(whose);
    return db.within(whose).transaction(async (tx) => {
      const before = await store.lockEntry(tx, owner, entryId);
      if (before === undefined) throw inboxErrors.entry_not_found({ entryId });
      const after = become(before, new Date(clock.nowMs()));
      if (after === before) return before;
      await store.saveEntry(tx, after);
      await emit(tx, changed(owner));
      return after;
    });
  }

  return {
    /** Newest first. @throws {AppError} `inbox.person_needed`, `http.invalid` for a cursor of another list. */
    async list(
      whose: Whose,
      { show, cursor, limit }: { show: InboxShow; cursor?: string | undefined; limit: number },
    ): Promise<{ items: InboxEntry[]; next?: string }> {
      const owner = ownerOf(whose);
      const after = cursor === undefined ? undefined : readCursor(cursor, ["instant", "uuid"]);
      const items = await store.selectEntries(db.within(whose), owner, { show, after, limit: limit + 1 });
      return pageOf(items, limit, (last) => [last.at, last.id]);
    },

    /** @throws {AppError} `inbox.person_needed` */
    async count(whose: Whose): Promise<{ unread: number }> {
      const owner = ownerOf(whose);
      return { unread: await store.countUnread(db.within(whose), owner) };
    },

    /** @throws {AppError} `inbox.person_needed`, `inbox.entry_not_found` */
    read: (whose: Whose, entryId: string): Promise<InboxEntry> =>
      change(whose, entryId, (entry, at) => (entry.readAt === undefined ? { ...entry, readAt: at } : entry)),

    /** What is put away counts as read. @throws {AppError} `inbox.person_needed`, `inbox.entry_not_found` */
    archive: (whose: Whose, entryId: string): Promise<InboxEntry> =>
      change(whose, entryId, (entry, at) =>
        entry.archivedAt === undefined ? { ...entry, readAt: entry.readAt ?? at, archivedAt: at } : entry,
      ),

    /** @throws {AppError} `inbox.person_needed` */
    async readAll(whose: Whose, until: Date | undefined): Promise<{ read: number }> {
      const owner = ownerOf(whose);
      return db.within(whose).transaction(async (tx) => {
        const read = await store.markAllRead(tx, owner, { at: new Date(clock.nowMs()), until });
        if (read > 0) await emit(tx, changed(owner));
        return { read };
      });
    },

    /** Forgets what is older than 90 days, and 30 days after it was archived. */
    job: {
      name: "inbox.forget",
      everySeconds: 3_600,
      run: async ({ signal }) => {
        const nowMs = clock.nowMs();
        const past = { told: new Date(nowMs - keptMs.told), archived: new Date(nowMs - keptMs.archived), limit: forgottenAtOnce };
        while (!signal.aborted && (await store.forgetEntries(db, past)) === forgottenAtOnce);
      },
    } satisfies JobDefinition,
  };
}

export type Inbox = ReturnType<typeof createInbox>;
