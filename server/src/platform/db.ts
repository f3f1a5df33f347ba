import { httpErrors } from "@roost/contract/errors";
import type { Sql } from "@roost/contract/sql";
import pg from "pg";

import { RotatingPool } from "./database-password.ts";
import type { RotatingConnection } from "./database-password.ts";
import { isWatched, noteEffect } from "./effects.ts";
import type { Log } from "./log.ts";
import type { Within } from "./tenancy.ts";

/** Something that runs statements: the pool, or an open transaction. */
export interface Queryable {
  /** Runs one statement and answers its rows. */
  query<Row extends object>(statement: Sql): Promise<Row[]>;
}

/** An open transaction. */
export interface Transaction extends Queryable {
  readonly inTransaction: true;
}

export interface DbOptions {
  readonly connection: pg.PoolConfig;
  /** Where the password may change while we run. */
  readonly rotating?: RotatingConnection | undefined;
  readonly log: Log;
  readonly maxConnections?: number;
  /** How long a statement may take before the caller is told that the database is away; a frozen server answers nobody. 4 s, unless the connection brings a limit of its own. */
  readonly statementTimeoutMs?: number;
}

/** Statements and transactions, on the same rows. */
export interface Database extends Queryable {
  /**
   * Runs `work` in a transaction: committed when it returns, rolled back when it throws.
   *
   * @throws {AppError} `http.unavailable` when the database cannot be reached or does not answer in time; `http.forbidden` where a row would
   *   be another's, on {@link Db.within}.
   */
  transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result>;
}

/** The one pool of the process. Used as it is, it works on everybody's rows: for the platform's own work. */
export interface Db extends Database {
  /**
   * The database as it is for work on behalf of a caller: the rows of one organisation, of its devices those in scope, and no others.
   *
   * Row-level security of PostgreSQL holds this, whatever a statement forgets to say; each statement or transaction names whose it is.
   */
  within(within: Within): Database;
  /** A connection of its own, outside the pool, without a time limit: for COPY, LISTEN and advisory locks. The caller ends it. */
  connect(applicationName: string): Promise<pg.Client>;
  /** For libraries that bring their own SQL. */
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

// int8 counts and sizes fit a double; what does not fit would be altered silently, so it throws.
pg.types.setTypeParser(20, (text) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError("A bigint of the database does not fit a number.");
  return value;
});

const usualTimeoutMs = 4_000;

/** Opens the pool; nothing is connected until the first statement. */
export function createDb({ connection, rotating, log, maxConnections = 10, ...options }: DbOptions): Db {
  const { statementTimeoutMs = connection.statement_timeout || usualTimeoutMs } = options;
  const shared: pg.PoolConfig = { ...connection, application_name: "roost" };
  const limited: pg.PoolConfig = {
    ...shared,
    max: maxConnections,
    connectionTimeoutMillis: statementTimeoutMs,
    statement_timeout: statementTimeoutMs,
    // The server's own limit cannot fire while it is stopped: the client's does.
    query_timeout: statementTimeoutMs + 500,
    idleTimeoutMillis: 30_000,
  };
  const pool = rotating === undefined ? new pg.Pool(limited) : new RotatingPool(limited, rotating);
  // Without a listener, a restart of the server ends the process.
  let closing = false;
  pool.on("error", (error) => {
    // The pool does not wait until its goodbyes are heard; a database that is stopped right after it answers some with an error.
    if (!closing) log.warn({ err: error }, "a pooled database connection was lost");
  });
  // The pool stops listening to what it lends, and libraries do not begin to: whoever waits for an answer is told anyway.
  pool.on("connect", (client) =>
    client.on("error", (error) => log.debug({ err: error }, "a database connection was lost while it was used")),
  );

  async function run<Row extends object>(client: pg.PoolClient, statement: Sql): Promise<Row[]> {
    const { text, name } = statement;
    const values = [...statement.values];
    const result = await client.query<Row>(name === undefined ? { text, values } : { name, text, values }).catch(rethrow);
    return result.rows;
  }

  /** Lends a connection of the pool for some work; one that was told to be broken does not go back. */
  async function lend<Result>(work: (client: pg.PoolClient, breaks: (error: Error) => void) => Promise<Result>): Promise<Result> {
    // Whatever keeps us from a connection, a refused password too, says nothing against the statement: trying again is right.
    const client = await pool.connect().catch((error: unknown) => {
      throw httpErrors.unavailable({}, { cause: error });
    });
    let broken: Error | undefined;
    const breaks = (error: Error): void => {
      broken = error;
    };
    client.on("error", breaks);
    try {
      return await work(client, breaks);
    } finally {
      client.off("error", breaks);
      client.release(broken);
    }
  }

  function transact<Result>(begin: string, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    return lend(async (client, breaks) => {
      try {
        await client.query(begin).catch(rethrow);
        let changes = false;
        const query = <Row extends object>(statement: Sql) => {
          changes ||= mayChange(statement);
          return run<Row>(client, statement);
        };
        const result = await work({ inTransaction: true, query });
        if (changes) noteEffect();
        await client.query("commit").catch(rethrow);
        return result;
      } catch (caught) {
        await client.query("rollback").catch(breaks);
        throw caught;
      }
    });
  }

  return {
    pool: noted(pool),
    query: <Row extends object>(statement: Sql) =>
      lend((client, breaks) => {
        if (mayChange(statement)) noteEffect();
        return run<Row>(client, statement).catch((error: Error) => {
          // Its answer may still be on the way.
          breaks(error);
          throw error;
        });
      }),
    transaction: (work) => transact("begin", work),
    within(within) {
      const begin = beginWithin(within);
      return {
        query: <Row extends object>(statement: Sql) => transact(begin, (tx) => tx.query<Row>(statement)).catch(refuseForeign),
        transaction: <Result>(work: (tx: Transaction) => Promise<Result>) => transact(begin, work).catch(refuseForeign),
      };
    },
    async connect(applicationName) {
      noteEffect();
      const Client = rotating?.Client ?? pg.Client;
      const signIn = async () => {
        const client = new Client({ ...connection, application_name: applicationName, connectionTimeoutMillis: statementTimeoutMs });
        client.on("error", (error) => log.warn({ err: error, applicationName }, "a database connection was lost"));
        await client.connect();
        rotating?.worked(client);
        return client;
      };
      return await (rotating === undefined ? signIn() : rotating.patiently(signIn)).catch((error: unknown) => {
        throw httpErrors.unavailable({}, { cause: error });
      });
    },
    async close() {
      closing = true;
      await pool.end();
    },
  };
}

/** What libraries do with a connection is not looked into: it may be anything. */
function noted(pool: pg.Pool): pg.Pool {
  return new Proxy(pool, {
    get(target, name) {
      if (name === "connect" || name === "query") noteEffect();
      const part: unknown = Reflect.get(target, name, target);
      return typeof part === "function" ? (part.bind(target) as unknown) : part;
    },
  });
}

/** Looked at only where it is asked for. A function that changes something is called beside other statements of ours, never as the only one of a transaction. */
function mayChange({ text }: Sql): boolean {
  return isWatched() && !/^\s*select\b/i.test(text);
}

/** A row that a policy keeps from being put there is one the caller has no right to, such as a device outside their scope. */
function refuseForeign(error: unknown): never {
  if (error instanceof Error && (error as { code?: string }).code === "42501" && error.message.includes("row-level security")) {
    throw httpErrors.forbidden({}, { cause: error });
  }
  throw error;
}

const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Begins a transaction about one organisation, in one round trip: see `server/migrations/0000-row-security.sql`. */
export function beginWithin({ organisationId, scope }: Within): string {
  // Such a statement takes no parameters, so nothing but ids may get into it.
  const ids = [
    organisationId,
    ...(scope === undefined ? [] : [...scope.allow, scope.deny].flatMap((parts) => [...parts.siteIds, ...parts.groupIds])),
  ];
  if (!ids.every((id) => uuidForm.test(id))) throw new TypeError("An organisation, a site and a group are named by UUIDs.");
  const parts = ({ siteIds, groupIds }: { siteIds: readonly string[]; groupIds: readonly string[] }) => ({
    sites: siteIds,
    groups: groupIds,
  });
  const limits = scope === undefined ? "" : JSON.stringify({ allow: scope.allow.map(parts), deny: parts(scope.deny) });
  return `begin; set local role roost_tenant; set local roost.organisation_id = '${organisationId}'; set local roost.scope = '${limits}'`;
}

/** SQLSTATE classes and network codes that mean: the database is away or overloaded, not: the statement is wrong. */
const awayStates = /^(?:08|57P|53|580|25006|25P03|25P04|57014|40001|40P01|55P03)/;
const awayCodes = new Set(
  ["ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "ENOENT", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "EACCES"].concat(
    // A way that is gone in the middle of a statement: a cable, a route, an address.
    ["EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "ENETRESET", "EADDRNOTAVAIL"],
  ),
);

/** Says whether a failure means that the database is away for now, so that trying again later is right. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (code === httpErrors.unavailable.code) return true;
  if (typeof code === "string") return awayCodes.has(code) || awayStates.test(code);
  // pg gives its own time-outs and lost connections no code, only these sentences.
  return /timeout|terminated|not queryable|Connection ended/i.test(error.message);
}

function rethrow(error: unknown): never {
  if (isDatabaseAway(error)) throw httpErrors.unavailable({}, { cause: error });
  throw error;
}
