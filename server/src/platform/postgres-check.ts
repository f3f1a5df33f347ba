import { postgresErrors } from "@roost/contract/postgres";
import pg from "pg";

import type { Log } from "./log.ts";

/** What a database says of itself. */
export interface DatabaseFacts {
  /** Such as 150018. */
  readonly versionNumber: number;
  readonly fsync: boolean;
  readonly synchronousCommit: string;
  readonly fullPageWrites: boolean;
  readonly checksums: boolean;
  readonly encoding: string;
  readonly readOnly: boolean;
}

/** Asks for the facts of {@link DatabaseFacts}, in one row; for health checks too. */
export const factsQuery = `select current_setting('server_version_num')::int as version, current_setting('fsync') as fsync,
  current_setting('synchronous_commit') as synchronous_commit, current_setting('full_page_writes') as full_page_writes,
  current_setting('data_checksums') as checksums, current_setting('server_encoding') as encoding,
  pg_is_in_recovery() or current_setting('transaction_read_only') = 'on' as read_only`;

interface FactsRow {
  version: number;
  fsync: string;
  synchronous_commit: string;
  full_page_writes: string;
  checksums: string;
  encoding: string;
  read_only: boolean;
}

/** Puts a row of {@link factsQuery} into our words. */
export function readFacts(row: FactsRow): DatabaseFacts {
  return {
    versionNumber: row.version,
    fsync: row.fsync === "on",
    synchronousCommit: row.synchronous_commit,
    fullPageWrites: row.full_page_writes === "on",
    checksums: row.checksums === "on",
    encoding: row.encoding,
    readOnly: row.read_only,
  };
}

/**
 * Says why a database must not be used.
 *
 * @throws {AppError} `postgres.too_old`, `wrong_encoding`, `read_only`, `not_durable`.
 */
export function judgeFacts(facts: DatabaseFacts): void {
  if (facts.versionNumber < 150_000) throw postgresErrors.too_old({ version: facts.versionNumber });
  if (facts.encoding !== "UTF8") throw postgresErrors.wrong_encoding({ encoding: facts.encoding });
  if (facts.readOnly) throw postgresErrors.read_only();
  // `local`, `remote_write` and above all wait for our own disk; only `off` confirms before.
  if (!facts.fsync || facts.synchronousCommit === "off") {
    throw postgresErrors.not_durable({ fsync: facts.fsync, synchronousCommit: facts.synchronousCommit });
  }
}

/**
 * Looks whether a database may be used, by the connection that will be used, and warns of what is merely unwise.
 *
 * @throws {AppError} `postgres.unreachable` and those of {@link judgeFacts}.
 */
export async function checkDatabase(connection: pg.ClientConfig, log: Log): Promise<DatabaseFacts> {
  const client = new pg.Client({ ...connection, application_name: "roost-check", connectionTimeoutMillis: 10_000, query_timeout: 10_000 });
  client.on("error", () => undefined);
  let facts: DatabaseFacts;
  try {
    await client.connect();
    const { rows } = await client.query<FactsRow>(factsQuery);
    if (rows[0] === undefined) throw new Error("no answer");
    facts = readFacts(rows[0]);
  } catch (cause) {
    throw postgresErrors.unreachable({ reason: (cause as { code?: string }).code ?? "no answer" }, { cause });
  } finally {
    await client.end().catch(() => undefined);
  }
  judgeFacts(facts);
  if (!facts.fullPageWrites) {
    log.warn(
      { code: "postgres.torn_pages" },
      "full_page_writes is off: a power cut can leave half-written pages, unless the file system rules that out",
    );
  }
  if (!facts.checksums) log.warn({ code: "postgres.no_checksums" }, "the database has no checksums: it cannot notice a decaying disk");
  return facts;
}
