import { prepared, sql } from "@roost/contract/sql";

import type { Db, Queryable, Transaction } from "./db.ts";
import { newId } from "./id.ts";
import type { Log } from "./log.ts";

/** A fact: something that became true, with the id of the thing it is about. */
export interface Fact {
  readonly id: string;
  readonly organisationId: string;
  /** `noun.past`, such as `alarm.raised`. */
  readonly type: string;
  readonly nounId: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly at: Date;
}

/** Writes a fact in the transaction that makes it true. */
export async function emit(
  tx: Transaction,
  fact: { organisationId: string; type: string; nounId: string; data?: Record<string, unknown> },
): Promise<void> {
  await emitAll(tx, [fact]);
}

/**
 * Writes many facts in one statement, in the transaction that makes them true: a storm of devices is no storm of statements. They are handed
 * on in the order given.
 */
export async function emitAll(
  tx: Transaction,
  facts: readonly { organisationId: string; type: string; nounId: string; data?: Record<string, unknown> }[],
): Promise<void> {
  if (facts.length === 0) return;
  // Ids made in one millisecond do not sort by themselves, and handlers read by id.
  const ids = facts.map(() => newId()).sort();
  await tx.query(
    prepared(
      "facts_emit",
      sql`
    with told as (
    insert into events (id, organisation_id, type, noun_id, data)
    select n.* from unnest(${ids}::uuid[], ${facts.map((fact) => fact.organisationId)}::uuid[],
      ${facts.map((fact) => fact.type)}::text[], ${facts.map((fact) => fact.nounId)}::text[],
      ${facts.map((fact) => JSON.stringify(fact.data ?? {}))}::jsonb[]) as n)
    select pg_notify('roost_facts', '')`,
    ),
  );
}

/** Handles facts in order. A fact may come twice (after a crash): handle it so that twice is once. */
export interface FactHandler {
  /** Names the cursor; stays for ever. */
  readonly name: string;
  /** Types it wants; others are passed over. */
  readonly types: readonly string[];
  handle(fact: Fact): Promise<void>;
  /** For storms: several facts in their order at once, in place of `handle` for each. All of them come again when it fails. */
  handleMany?(facts: readonly Fact[]): Promise<void>;
}

export interface Dispatch {
  /** Resolves when all facts written before the call were handled; for tests and a clean stop. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

interface EventRow {
  id: string;
  organisation_id: string;
  type: string;
  noun_id: string;
  data: Record<string, unknown>;
  at: Date;
  xact_id: string;
  /** No transaction that began before it is still open. */
  readable: boolean;
}

function factOf(row: EventRow): Fact {
  const { id, type, data, at } = row;
  return { id, organisationId: row.organisation_id, type, nounId: row.noun_id, data, at };
}

const pollMs = 1_000;
/** Read at once, and handed on at once to handlers that take many. */
const pageRows = 1_000;
/** Of handlers that take one after another: how far they are is noted after so many. */
const partRows = 200;
const retryMs = 1_000;
// A fact waits for transactions older than its own; under load one is nearly always open, but seldom for long.
const heldBackMs = { first: 2, longest: 20 };

/**
 * The transaction id below which all facts are there to be read: the oldest writing transaction of this database that is still open.
 *
 * `pg_snapshot_xmin` would do as well, but it waits for the writers of every database of the cluster, and a neighbour's long one would hold
 * our alarms back. Asked in a statement of its own, before the facts are read: whoever is not open here any more has committed what the
 * next statement sees. Ids from the snapshot's end on belong to transactions that began later.
 */
export async function readableBelow(db: Queryable): Promise<string> {
  const [row] = await db.query<{ bound: string }>(
    prepared(
      "facts_readable_below",
      sql`
    select (s.xmax - coalesce(max(o.behind) filter (where o.behind >= 1 and o.behind <= 2147483647), 0))::text as bound
    from (select pg_snapshot_xmax(pg_current_snapshot())::text::numeric as xmax) s
    left join lateral (
      select mod(mod(s.xmax, 4294967296) - a.backend_xid::text::numeric + 4294967296, 4294967296) as behind
      from pg_stat_activity a where a.datname = current_database() and a.backend_xid is not null
    ) o on true
    group by s.xmax`,
    ),
  );
  if (row === undefined) throw new Error("The database did not say which transactions are open.");
  return row.bound;
}

/** A place among the facts: all up to it were handled. */
interface Cursor {
  readonly xactId: string;
  readonly eventId: string;
}

/** What was read at one moment. */
interface Page {
  readonly startedMs: number;
  readonly rows: readonly EventRow[];
  /** There are more, and a transaction older than them is still open. */
  readonly heldBack: boolean;
}

/** Reads facts behind a cursor; handlers that are equally far and ask together are answered by one look. */
function createReader(db: Db) {
  const underWay = new Map<string, { readonly news: number; readonly page: Promise<Page> }>();
  let news = 0;

  async function look({ xactId, eventId }: Cursor): Promise<Page> {
    const startedMs = performance.now();
    const bound = await readableBelow(db);
    const found = await db.query<EventRow>(
      prepared(
        "facts_page",
        sql`
      select e.id, e.organisation_id, e.type, e.noun_id, e.data, e.at, e.xact_id::text, e.xact_id < ${bound}::xid8 as readable
      from events e
      where (e.xact_id, e.id) > (${xactId}::xid8, ${eventId}::uuid)
      order by e.xact_id, e.id limit ${pageRows}`,
      ),
    );
    const rows = found.filter(({ readable }) => readable);
    return { startedMs, rows, heldBack: rows.length < found.length };
  }

  return {
    /** There are new facts: a look that began before may have missed them. */
    hear(): void {
      news += 1;
    },
    read(after: Cursor): Promise<Page> {
      const key = `${after.xactId} ${after.eventId}`;
      const joined = underWay.get(key);
      if (joined?.news === news) return joined.page;
      const page = look(after).finally(() => {
        if (underWay.get(key)?.page === page) underWay.delete(key);
      });
      underWay.set(key, { news, page });
      return page;
    },
  };
}

/** Keeps how far handlers are. */
function createCursors(db: Db, log: Log) {
  const passed = new Map<string, Cursor>();
  let writing: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;

  async function write(): Promise<void> {
    // All servers in the same order, so that none waits for another in a circle.
    const all = [...passed].sort(([one], [other]) => (one < other ? -1 : 1));
    if (all.length === 0) return;
    passed.clear();
    try {
      await db.query(
        prepared(
          "facts_cursors",
          sql`
        update event_cursors c set xact_id = n.xact_id::xid8, event_id = n.event_id, moved_at = now()
        from unnest(${all.map(([name]) => name)}::text[], ${all.map(([, { xactId }]) => xactId)}::text[], ${all.map(([, { eventId }]) => eventId)}::uuid[])
          as n (handler, xact_id, event_id)
        where c.handler = n.handler and (c.xact_id, c.event_id) < (n.xact_id::xid8, n.event_id)`,
        ),
      );
    } catch (error) {
      for (const [name, cursor] of all) if (!passed.has(name)) passed.set(name, cursor);
      throw error;
    }
  }

  /** Writes all that is to be noted by now. While one commit is under way, those who come wait for the next one together. */
  function writeAll(): Promise<void> {
    next ??= writing
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        writing = write();
        return writing;
      });
    return next;
  }

  return {
    async startOf(name: string, isVolatile: boolean): Promise<Cursor> {
      const begin = { xactId: await readableBelow(db), eventId: "00000000-0000-0000-0000-000000000000" };
      if (isVolatile) return begin;
      await db.query(
        sql`insert into event_cursors (handler, xact_id, event_id) values (${name}, ${begin.xactId}::xid8, ${begin.eventId}) on conflict (handler) do nothing`,
      );
      const [row] = await db.query<{ xact_id: string; event_id: string }>(
        sql`select c.xact_id::text, c.event_id from event_cursors c where c.handler = ${name}`,
      );
      return row === undefined ? begin : { xactId: row.xact_id, eventId: row.event_id };
    },
    /** It handled what it wanted up to there: resolves when that is on record. */
    handled(name: string, cursor: Cursor): Promise<void> {
      passed.set(name, cursor);
      return writeAll();
    },
    /** Up to there was nothing that it wanted: passing it over again would cost nothing, so the note of it waits for others. */
    pass: (name: string, cursor: Cursor): void => void passed.set(name, cursor),
    async flush(): Promise<void> {
      if (passed.size === 0) return;
      await writeAll().catch((error: unknown) =>
        log.warn({ err: error }, "how far handlers of facts are could not be noted; it is tried again"),
      );
    },
  };
}

type AnyHandler = FactHandler & { readonly volatile?: true };

/** @returns Whether there was something that it wanted. */
async function handleRows(handler: AnyHandler, rows: readonly EventRow[], moved: (to: Cursor) => void): Promise<boolean> {
  const isWanted = ({ type }: EventRow) => handler.volatile === true || handler.types.includes(type);
  const wanted = rows.filter(isWanted);
  if (handler.handleMany !== undefined && wanted.length > 0) await handler.handleMany(wanted.map(factOf));
  for (const row of rows) {
    if (handler.handleMany === undefined && isWanted(row)) await handler.handle(factOf(row));
    moved({ xactId: row.xact_id, eventId: row.id });
  }
  return wanted.length > 0;
}

/**
 * Hands facts to handlers, each with a cursor of its own that survives restarts. New handlers begin with what comes after them.
 *
 * `observe` hears every fact once, in memory only: for streams to browsers.
 */
export async function createDispatch({
  db,
  handlers,
  observe,
  log,
}: {
  db: Db;
  handlers: readonly FactHandler[];
  observe: (fact: Fact) => void | Promise<void>;
  log: Log;
}): Promise<Dispatch> {
  const all: readonly AnyHandler[] = [...handlers, { name: "observers", types: [], volatile: true, handle: async (fact) => observe(fact) }];
  const reader = createReader(db);
  const cursors = createCursors(db, log);
  let closed = false;
  const wakers = new Set<() => void>();
  const wakeAll = () => {
    reader.hear();
    for (const wake of wakers) wake();
  };
  let listener: Awaited<ReturnType<Db["connect"]>> | undefined;

  async function listen(): Promise<void> {
    if (closed) return;
    try {
      const client = await db.connect("roost-facts");
      listener = client;
      client.on("notification", wakeAll);
      client.on("end", () => {
        if (!closed) setTimeout(() => void listen(), retryMs).unref();
      });
      await client.query("listen roost_facts");
      wakeAll();
    } catch (error) {
      log.warn({ err: error }, "listening for facts failed; polling goes on");
      if (!closed) setTimeout(() => void listen(), retryMs).unref();
    }
  }

  async function runHandler(handler: AnyHandler, begin: Cursor, settled: { upTo: number }): Promise<void> {
    let cursor = begin;
    const atOnce = handler.handleMany === undefined ? partRows : pageRows;
    let wake: () => void = () => undefined;
    let woken = false;
    let waitMs = heldBackMs.first;
    const onWake = () => {
      woken = true;
      wake();
    };
    wakers.add(onWake);
    while (!closed) {
      woken = false;
      try {
        const { rows, heldBack, startedMs } = await reader.read(cursor);
        for (let from = 0; from < rows.length && !closed; from += atOnce) {
          const wanted = await handleRows(handler, rows.slice(from, from + atOnce), (to) => (cursor = to));
          if (handler.volatile === true) continue;
          if (wanted) await cursors.handled(handler.name, cursor);
          else cursors.pass(handler.name, cursor);
        }
        const isAll = rows.length < pageRows;
        if (!heldBack && isAll) settled.upTo = startedMs;
        waitMs = heldBack && rows.length === 0 ? Math.min(waitMs * 2, heldBackMs.longest) : heldBackMs.first;
        if (heldBack || (isAll && !woken)) {
          await new Promise<void>((resolve) => {
            const timer = heldBack ? setTimeout(resolve, waitMs) : undefined;
            wake = () => {
              clearTimeout(timer);
              resolve();
            };
          });
        }
      } catch (error) {
        if (closed) return;
        log.warn({ err: error, handler: handler.name }, "handling facts failed; the same fact is tried again");
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
    wakers.delete(onWake);
  }

  await listen();
  // Where each begins is known before this returns: a fact written in the next line is heard by all.
  const progress = await Promise.all(
    all.map(async (handler) => ({ handler, begin: await cursors.startOf(handler.name, handler.volatile === true), settled: { upTo: 0 } })),
  );
  const loops = progress.map(({ handler, begin, settled }) => runHandler(handler, begin, settled));
  // All look together where no news came: it may have been lost, or the connection that listens.
  const polling = setInterval(() => {
    wakeAll();
    void cursors.flush();
  }, pollMs);

  return {
    async settle() {
      const since = performance.now();
      while (!closed && progress.some(({ settled }) => settled.upTo < since)) {
        wakeAll();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await cursors.flush();
    },
    async close() {
      closed = true;
      clearInterval(polling);
      wakeAll();
      await listener?.end().catch(() => undefined);
      await Promise.all(loops);
    },
  };
}
