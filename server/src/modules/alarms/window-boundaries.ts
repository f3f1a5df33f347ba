import type { Clock } from "../../platform/clock.ts";
import { isDatabaseAway } from "../../platform/db.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import type { LiveWindow, WindowBook } from "./window-book.ts";
import * as store from "./window-store.ts";

/** A look at the clock is never further away than this: it may jump, and so may a fact be late. */
const longestMs = 15_000;
const retryMs = 1_000;
/** How old what is known of windows may be, should a fact not be heard. */
const reloadMs = 60_000;

/**
 * Says when windows begin and end: one fact each, whatever the number of servers and however often they start.
 *
 * It compares what is in force by the clock with what is on record as having begun. What ended while nobody ran is told at the next start; what
 * began and ended meanwhile muted nothing, and nothing is told of it.
 */
export function createWindowBoundaries({
  db,
  book,
  reload,
  clock,
  log,
}: {
  db: Db;
  book: WindowBook;
  /** Brings the book up to date, about all windows or those named. */
  reload: (ids?: readonly string[]) => Promise<void>;
  clock: Clock;
  log: Log;
}) {
  /** Occurrences known to be on record, so that each look does not try again. */
  const noted = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let closed = false;
  let reloadedAtMs = -Infinity;

  async function tell(
    tx: Transaction,
    type: "window.began" | "window.ended",
    window: store.StoredWindow,
    from: Date,
    to: Date,
  ): Promise<void> {
    const { id, organisationId, title, notify, silence, record, scope } = window;
    await emit(tx, { organisationId, type, nounId: id, data: { title, notify, silence, record, scope, from, to } });
  }

  async function begin({ window }: LiveWindow, from: Date, to: Date): Promise<void> {
    const { id, organisationId } = window;
    await db.transaction(async (tx) => {
      if (await store.insertOccurrence(tx, { windowId: id, organisationId, from, to })) await tell(tx, "window.began", window, from, to);
    });
    noted.set(id, from.getTime());
  }

  /** One occurrence on record: it goes on, goes on to another time, or is over. */
  async function compare(open: store.OpenOccurrence, nowMs: number): Promise<void> {
    const occurrence = book.at(open.windowId, nowMs);
    if (occurrence !== undefined) {
      noted.set(open.windowId, occurrence.from.getTime());
      if (occurrence.to.getTime() !== open.endsAt.getTime()) await store.moveOccurrenceEnd(db, open, occurrence.to);
      return;
    }
    noted.delete(open.windowId);
    await db.transaction(async (tx) => {
      const at = new Date(nowMs);
      if (!(await store.endOccurrence(tx, open, at))) return;
      const window = await store.findAnyWindow(tx, open.windowId);
      if (window !== undefined) await tell(tx, "window.ended", window, open.beganAt, at);
    });
  }

  async function look(): Promise<void> {
    if (clock.monotonicMs() - reloadedAtMs >= reloadMs) {
      await reload();
      reloadedAtMs = clock.monotonicMs();
    }
    const nowMs = clock.nowMs();
    const opens = await store.selectOpenOccurrences(db);
    const unknown = opens.filter(({ windowId }) => book.find(windowId) === undefined).map(({ windowId }) => windowId);
    if (unknown.length > 0) await reload(unknown);
    const openIds = new Set(opens.map(({ windowId }) => windowId));
    for (const open of opens) await compare(open, nowMs);
    const { inForce, over } = book.survey(nowMs);
    for (const { live, occurrence } of inForce) {
      const { id } = live.window;
      if (!openIds.has(id) && noted.get(id) !== occurrence.from.getTime()) await begin(live, occurrence.from, occurrence.to);
    }
    await store.markOver(db, over, new Date(nowMs));
    for (const id of over) book.forget(id);
  }

  function schedule(inMs: number): void {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(() => void run().catch(() => undefined), inMs).unref();
  }

  async function run(): Promise<void> {
    if (closed) return;
    let waitMs = longestMs;
    try {
      await look();
      waitMs = Math.max(0, Math.min(longestMs, book.survey(clock.nowMs()).changesAtMs - clock.nowMs()));
    } catch (error) {
      waitMs = retryMs;
      if (isDatabaseAway(error)) log.debug({ err: error }, "the ends of maintenance windows could not be looked for");
      else log.warn({ err: error }, "the ends of maintenance windows could not be looked for");
      throw error;
    } finally {
      schedule(waitMs);
    }
  }

  return {
    /** Looks now; afterwards by itself, whenever a window begins or ends. Never two at once. */
    async look(): Promise<void> {
      while (looking !== undefined) await looking.catch(() => undefined);
      looking = run().finally(() => {
        looking = undefined;
      });
      await looking;
    },
    async close(): Promise<void> {
      closed = true;
      clearTimeout(timer);
      await looking?.catch(() => undefined);
    },
  };
}
