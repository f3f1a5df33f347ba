import { setTimeout as wait } from "node:timers/promises";

import type { Sql } from "@roost/contract/sql";
import type pg from "pg";

import type { Db, Queryable, Transaction } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";

/** The writer's own connection, open and set to durable commits. */
export interface SampleSession extends Queryable {
  readonly client: pg.Client;
  /** For the companions of a batch whose transaction has begun. */
  readonly tx: Transaction;
  transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result>;
  /** @throws {Error} where the server answered a commit with a rollback. */
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

const keepAliveMs = 10_000;
const closePatienceMs = 500;

/** Keeps one connection, opened when it is needed and again after it was lost. */
export function createSampleSession({ db, log }: { db: Db; log: Log }) {
  let current: SampleSession | undefined;

  function drop(): void {
    const client = current?.client;
    current = undefined;
    if (client !== undefined) socketOf(client).destroy();
  }

  return {
    async open(): Promise<SampleSession> {
      if (current !== undefined) return current;
      const client = await db.connect("roost-ingest");
      client.on("end", () => {
        if (current?.client === client) current = undefined;
      });
      // A peer that vanished without a word is noticed by the kernel, not by a time limit that a slow disk would trip.
      socketOf(client).setKeepAlive(true, keepAliveMs);
      const { rows } = await client.query<{ fsync: string }>(
        "select set_config('synchronous_commit', 'on', false), current_setting('fsync') as fsync",
      );
      if (rows[0]?.fsync !== "on") log.warn("the database runs without fsync: what it calls committed does not survive a power cut");
      current = sessionOn(client);
      return current;
    },
    /** Lets go of the connection at once, whatever runs on it. */
    drop,
    async close(): Promise<void> {
      const client = current?.client;
      current = undefined;
      if (client === undefined) return;
      await Promise.race([client.end(), wait(closePatienceMs, undefined, { ref: false })]);
      socketOf(client).destroy();
    },
  };
}

function sessionOn(client: pg.Client): SampleSession {
  const query = async <Row extends object>(statement: Sql): Promise<Row[]> =>
    (await client.query<Row>(statement.text, [...statement.values])).rows;
  const commit = async (): Promise<void> => {
    const { command } = await client.query("commit");
    if (command !== "COMMIT") throw new Error("A batch ended without a commit.");
  };
  const rollback = async (): Promise<void> => {
    await client.query("rollback");
  };
  const tx: Transaction = { inTransaction: true, query };
  return {
    client,
    query,
    tx,
    commit,
    rollback,
    async transaction(work) {
      await client.query("begin");
      try {
        const result = await work(tx);
        await commit();
        return result;
      } catch (error) {
        await rollback().catch(() => undefined);
        throw error;
      }
    },
  };
}

/** The socket under a connection; `pg`'s types leave it out. */
function socketOf(client: pg.Client): { destroy(): void; setKeepAlive(on: boolean, delayMs: number): void } {
  return (client as unknown as { connection: { stream: { destroy(): void; setKeepAlive(on: boolean, delayMs: number): void } } }).connection
    .stream;
}
