import { httpErrors } from "@roost/contract/errors";
import { sql } from "@roost/contract/sql";
import { streamFacts } from "@roost/contract/system";
import type { FactNotice } from "@roost/contract/system";

import type { Db } from "../db.ts";
import { readableBelow } from "../events.ts";
import type { Fact } from "../events.ts";
import type { Whose } from "../tenancy.ts";
import { httpLimits } from "./limits.ts";
import type { Mount } from "./mount.ts";
import { sseEvent, sseKeepAlive } from "./streaming.ts";

const keepAliveMs = 15_000;
const maxCaughtUp = 1_000;

/** Says whether a fact may be told to somebody whose scope is part of the organisation. Without a scope everything of it may. */
export type TellsOf = (whose: Whose, fact: Pick<Fact, "type" | "nounId" | "data">) => boolean;

/** Hands facts to the streams that are open, each organisation's to its own people only, and to each what is in their scope. */
export interface FactHub {
  /** To be given to `createDispatch`. */
  observe(fact: Fact): void;
  /** Open streams now. */
  readonly streams: number;
  open(caller: Whose & { readonly id: string }): FactSubscription;
}

interface FactSubscription {
  /** Waits for up to `waitMs`; what has come since, oldest first; "overflow" where too much came to keep it. */
  take(waitMs: number, signal: AbortSignal): Promise<readonly FactNotice[] | "overflow">;
  close(): void;
}

interface Listener {
  readonly callerId: string;
  readonly within: Whose;
  queue: FactNotice[];
  overflown: boolean;
  wake: () => void;
}

export function createFactHub({ tellsOf }: { tellsOf: TellsOf }): FactHub {
  const byOrganisation = new Map<string, Set<Listener>>();
  let streams = 0;
  return {
    get streams() {
      return streams;
    },
    observe(fact) {
      const listeners = byOrganisation.get(fact.organisationId);
      if (listeners === undefined) return;
      const notice = toNotice(fact.id, fact.type, fact.nounId);
      for (const listener of listeners) {
        if (!tellsOf(listener.within, fact)) continue;
        if (listener.queue.length >= httpLimits.factNotices.default) {
          listener.queue = [];
          listener.overflown = true;
        }
        listener.queue.push(notice);
        listener.wake();
      }
    },
    open(within) {
      const { id, organisationId } = within;
      const listeners = byOrganisation.get(organisationId) ?? new Set();
      if ([...listeners].filter((listener) => listener.callerId === id).length >= httpLimits.factStreamsPerCaller.default) {
        throw httpErrors.too_many_requests({ retryAfterSeconds: 5 });
      }
      const listener: Listener = { callerId: id, within, queue: [], overflown: false, wake: () => undefined };
      listeners.add(listener);
      byOrganisation.set(organisationId, listeners);
      streams += 1;
      return {
        async take(waitMs, signal) {
          if (listener.queue.length === 0 && !signal.aborted) {
            await new Promise<void>((resolve) => {
              const timer = setTimeout(resolve, waitMs);
              listener.wake = () => {
                clearTimeout(timer);
                signal.removeEventListener("abort", listener.wake);
                resolve();
              };
              signal.addEventListener("abort", listener.wake, { once: true });
            });
          }
          const notices = listener.queue;
          listener.queue = [];
          if (!listener.overflown) return notices;
          listener.overflown = false;
          return "overflow";
        },
        close() {
          if (!listeners.delete(listener)) return;
          streams -= 1;
          if (listeners.size === 0) byOrganisation.delete(organisationId);
        },
      };
    },
  };
}

/**
 * Mounts the stream of facts: `fact` events in order, each with its id; after a cut, what came meanwhile first.
 *
 * `reset` says that something may have been missed, after too long a time away: the page asks for everything again.
 */
export function mountFactStream(mount: Mount, { db, hub, tellsOf }: { db: Db; hub: FactHub; tellsOf: TellsOf }): void {
  mount(streamFacts, async ({ caller, request }) => {
    const last = request.headers["last-event-id"];
    const { signal } = request;
    // Listening begins before the look back, so that nothing falls in between.
    const subscription = hub.open(caller);
    signal.addEventListener("abort", () => subscription.close(), { once: true });
    let missed: readonly FactNotice[] | "too_many" = [];
    try {
      if (typeof last === "string") missed = await listSince(db, caller, last, tellsOf);
    } catch (caught) {
      subscription.close();
      throw caught;
    }
    async function* events(): AsyncGenerator<string> {
      try {
        const sent = new Set<string>();
        if (missed === "too_many") yield sseEvent("reset", {});
        else {
          for (const notice of missed) {
            sent.add(notice.id);
            yield sseEvent("fact", notice, notice.id);
          }
        }
        while (!signal.aborted) {
          const notices = await subscription.take(keepAliveMs, signal);
          // Too slow to keep up: the client comes again with the last id it saw, and catches up from the table.
          if (notices === "overflow") return;
          for (const notice of notices) if (!sent.delete(notice.id)) yield sseEvent("fact", notice, notice.id);
          if (notices.length === 0) yield sseKeepAlive;
        }
      } finally {
        subscription.close();
      }
    }
    return { body: events() };
  });
}

/** Facts after the one with this id, in the order in which handlers see them; "too_many" also where the id is not known. */
async function listSince(db: Db, within: Whose, id: string, tellsOf: TellsOf): Promise<readonly FactNotice[] | "too_many"> {
  const { organisationId } = within;
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return "too_many";
  // The same bound as the dispatcher's: what it has handed to open streams is caught up with here.
  const bound = await readableBelow(db);
  const rows = await db.within(within).query<{
    id: string;
    type: string;
    noun_id: string;
    data: Record<string, unknown>;
    is_last: boolean;
  }>(sql`
    with last as (select e.xact_id, e.id from events e where e.id = ${id} and e.organisation_id = ${organisationId})
    select e.id, e.type, e.noun_id, e.data, e.id = l.id as is_last
    from last l join events e on (e.xact_id, e.id) >= (l.xact_id, l.id)
    where e.organisation_id = ${organisationId} and e.xact_id < ${bound}::xid8
    order by e.xact_id, e.id limit ${maxCaughtUp + 2}`);
  if (rows[0]?.is_last !== true || rows.length > maxCaughtUp + 1) return "too_many";
  return rows
    .slice(1)
    .filter((row) => tellsOf(within, { type: row.type, nounId: row.noun_id, data: row.data }))
    .map((row) => toNotice(row.id, row.type, row.noun_id));
}

function toNotice(id: string, type: string, nounId: string): FactNotice {
  return { id, type, noun: type.split(".", 1)[0] ?? type, nounId };
}
