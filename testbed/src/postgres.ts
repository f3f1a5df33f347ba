import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import pg from "pg";
import { inject } from "vitest";

/** A database of its own for one test file, freshly migrated. */
export interface TestDatabase {
  readonly connection: pg.PoolConfig;
  drop(): Promise<void>;
}

/** The run's cluster, as the maintenance database sees it. */
export function clusterConnection(): pg.PoolConfig {
  return JSON.parse(inject("clusterConnection")) as pg.PoolConfig;
}

/** On a machine that is busy with other things a statement takes its time; that a database is away is told by tests of just that. */
const limits = { statement_timeout: 60_000 };

/** Connection to another database of the same cluster. */
export function connectionTo(database: string): pg.PoolConfig {
  const cluster = clusterConnection();
  if (cluster.connectionString === undefined) return { ...cluster, ...limits, database };
  const url = new URL(cluster.connectionString);
  url.pathname = `/${database}`;
  return { ...limits, connectionString: url.toString() };
}

const migrationsFolder = fileURLToPath(new URL("../../server/migrations", import.meta.url));

/**
 * Clones a database from the migrated template, which the first caller makes.
 *
 * The template is named after the migrations' text and made under an advisory lock, so files that run side by side share it.
 */
export async function createTestDatabase({ migrated = true }: { migrated?: boolean } = {}): Promise<TestDatabase> {
  const name = `t_${crypto.randomUUID().replaceAll("-", "")}`;
  const admin = new pg.Client(clusterConnection());
  await admin.connect();
  try {
    if (migrated) {
      await admin.query("select pg_advisory_lock(42)");
      const template = await makeTemplate(admin);
      // Copied as files: nobody waits for a disk here, and the journal of a copy is longer than the copy.
      await admin.query(`create database ${name} template ${template} strategy file_copy`);
      await admin.query("select pg_advisory_unlock(42)");
    } else {
      await admin.query(`create database ${name}`);
    }
  } finally {
    await admin.end();
  }
  return {
    connection: connectionTo(name),
    async drop() {
      const client = new pg.Client(clusterConnection());
      await client.connect();
      await client.query(`drop database if exists ${name} with (force)`);
      await client.end();
    },
  };
}

async function makeTemplate(admin: pg.Client): Promise<string> {
  const files = readdirSync(migrationsFolder)
    .filter((file) => file.endsWith(".sql"))
    .sort();
  const texts = files.map((file) => readFileSync(`${migrationsFolder}/${file}`, "utf8"));
  const template = `template_${createHash("sha256").update(texts.join("\0")).digest("hex").slice(0, 16)}`;
  const { rows } = await admin.query("select 1 from pg_database d where d.datname = $1", [template]);
  if (rows.length > 0) return template;
  await admin.query(`drop database if exists ${template}_new`);
  await admin.query(`create database ${template}_new`);
  const client = new pg.Client(connectionTo(`${template}_new`));
  await client.connect();
  await client.query(
    "create table schema_migrations (name text primary key, sha256 text not null, applied_at timestamptz not null default now())",
  );
  for (const [index, text] of texts.entries()) {
    await client.query(text);
    await client.query("insert into schema_migrations (name, sha256) values ($1, $2)", [
      files[index]?.slice(0, -4),
      createHash("sha256").update(text).digest("hex"),
    ]);
  }
  await client.end();
  await admin.query(`alter database ${template}_new rename to ${template}`);
  return template;
}
