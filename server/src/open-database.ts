import { fileURLToPath } from "node:url";

import type { Config } from "./config.ts";
import { createRotatingConnection } from "./platform/database-password.ts";
import { createDb } from "./platform/db.ts";
import type { Db } from "./platform/db.ts";
import type { Log } from "./platform/log.ts";
import { migrate, readMigrations } from "./platform/migrate.ts";
import { openPostgres } from "./platform/postgres.ts";
import type { Postgres } from "./platform/postgres.ts";
import { checkRowSecurity } from "./platform/row-security.ts";

const migrationsFolder = fileURLToPath(new URL("../migrations", import.meta.url));

export interface DatabaseDeps {
  readonly config: Config;
  readonly dataDir: string;
  readonly log: Log;
  readonly ends: (() => Promise<unknown> | void)[];
}

/** The database, migrated, and each table of an organisation's behind its row security: PostgreSQL of our own, or the one that was configured. */
export async function openDatabase({ config, dataDir, log, ends }: DatabaseDeps): Promise<{ postgres: Postgres; db: Db }> {
  const postgres = await openPostgres({ dataDir: `${dataDir}/postgres`, url: config.ROOST_DATABASE_URL?.reveal(), log });
  ends.push(() => postgres.stop());
  const databaseUrl = config.ROOST_DATABASE_URL;
  const rotating =
    databaseUrl !== undefined && databaseUrl.place?.kind !== "environment"
      ? createRotatingConnection(() => databaseUrl.revealLatest())
      : undefined;
  const db = createDb({ connection: postgres.connection, rotating, log, statementTimeoutMs: config.ROOST_ANSWER_SECONDS * 1_000 - 400 });
  ends.push(() => db.close());
  await migrate(db, await readMigrations(migrationsFolder), log);
  await checkRowSecurity(db);
  return { postgres, db };
}
