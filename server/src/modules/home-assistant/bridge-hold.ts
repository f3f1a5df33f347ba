import { setTimeout as wait } from "node:timers/promises";

import type { Db } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";

type Connection = Awaited<ReturnType<Db["connect"]>>;

/** A database that does not answer for this long may already have given our locks to another server. */
const patienceMs = 4_000;
const goodbyeMs = 500;
/** A machine that vanished without a word is noticed by PostgreSQL after some eleven seconds; its usual two hours would keep the bridge down. */
const noticeTheDead = "set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3";
const channel = "roost_home_assistant";

export interface BridgeHoldDeps {
  readonly db: Pick<Db, "connect">;
  readonly log: Log;
  /** What was held is not any more. */
  readonly onLost: () => void;
  /** What a server said to all. */
  readonly onSaid: (text: string | undefined) => void;
}

/**
 * Which bridges are ours: of several servers on one database one holds a bridge, the others wait for it. What is taken in would be stored
 * once by each of them otherwise.
 *
 * Held are session locks of PostgreSQL on a connection of its own, so they end with the process, however it ends.
 */
export function createBridgeHold({ db, log, onLost, onSaid }: BridgeHoldDeps) {
  const held = new Set<string>();
  let current: Connection | undefined;
  let opening: Promise<Connection> | undefined;
  let closed = false;

  function lost(client: Connection): void {
    if (current !== client) return;
    current = undefined;
    held.clear();
    void client.end().catch(() => undefined);
    if (!closed) onLost();
  }

  async function open(): Promise<Connection> {
    const client = await db.connect("roost-home-assistant");
    if (closed) {
      await client.end();
      throw new Error("The bridges are being closed.");
    }
    current = client;
    client.on("end", () => lost(client));
    client.on("notification", ({ payload }) => onSaid(payload));
    await client.query(`${noticeTheDead}; listen ${channel}`);
    return client;
  }

  function connection(): Promise<Connection> {
    if (current !== undefined && opening === undefined) return Promise.resolve(current);
    opening ??= open().finally(() => {
      opening = undefined;
    });
    return opening;
  }

  return {
    /** Connects, where that is not done yet. @throws where the database is away */
    open: async (): Promise<void> => void (await connection()),
    has: (organisationId: string): boolean => held.has(organisationId),
    /** Takes hold of a bridge; one at a time of each. @returns False: another server holds it. @throws where the database is away */
    async take(organisationId: string): Promise<boolean> {
      if (held.has(organisationId)) return true;
      const client = await connection();
      const { rows } = await client.query<{ taken: boolean }>("select pg_try_advisory_lock(hashtextextended($1, 0)) as taken", [
        nameOf(organisationId),
      ]);
      const isOurs = rows[0]?.taken === true && current === client;
      if (isOurs) held.add(organisationId);
      return isOurs;
    },
    async release(organisationId: string): Promise<void> {
      if (held.delete(organisationId)) await current?.query("select pg_advisory_unlock(hashtextextended($1, 0))", [nameOf(organisationId)]);
    },
    /** Says something to every server that has a bridge to hold or to wait for, this one too. */
    say: async (text: string): Promise<void> => void (await current?.query("select pg_notify($1, $2)", [channel, text])),
    /** Asks whether the connection, and with it what is held, still stands; `onLost` hears where it does not. Never throws. */
    async check(): Promise<void> {
      const client = current;
      if (client === undefined || opening !== undefined) return;
      const patience = new AbortController();
      const late = wait(patienceMs, undefined, { signal: patience.signal, ref: false }).then(() => {
        throw new Error("The database did not answer in time.");
      });
      await Promise.race([client.query("select 1"), late]).catch((error: unknown) => {
        if (current === client && !closed) log.warn({ err: error }, "the bridges to Home Assistant are let go of: the database is away");
        lost(client);
      });
      patience.abort();
      await late.catch(() => undefined);
    },
    async close(): Promise<void> {
      closed = true;
      const client = current;
      current = undefined;
      held.clear();
      await Promise.race([client?.end().catch(() => undefined), wait(goodbyeMs, undefined, { ref: false })]);
    },
  };
}

function nameOf(organisationId: string): string {
  return `home-assistant:${organisationId}`;
}
