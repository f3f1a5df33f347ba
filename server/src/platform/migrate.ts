import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join as joinPath } from "node:path";

import { AppError } from "@roost/contract/errors";

import type { Db } from "./db.ts";
import type { Log } from "./log.ts";

export interface Migration {
  /** Its number and name, such as `0003-devices`. */
  readonly name: string;
  readonly text: string;
}

/** Reads numbered migrations of a folder, lowest first. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((file) => /^\d{4}-[a-z0-9-]+\.sql$/.test(file)).sort();
  return Promise.all(files.map(async (file) => ({ name: file.slice(0, -4), text: await readFile(joinPath(folder, file), "utf8") })));
}

// Any number will do, as long as it stays: two servers that start together meet here.
const advisoryLockKey = 7_266_778;

/** A schema of its own, with a list of migrations of its own: a kit's. It goes with the kit, so a database that has it is no newer one. */
export interface OwnSchema {
  readonly schema: string;
}

/**
 * Brings the database to this program's schema: forward only, each migration in a transaction of its own, under an advisory lock.
 *
 * @returns The names applied now, oldest first.
 * @throws {AppError} `migrate.newer_schema` when the database was used by a newer program; `migrate.changed` when an applied file was edited.
 */
export async function migrate(db: Db, migrations: readonly Migration[], log: Log, own?: OwnSchema): Promise<string[]> {
  const list = own === undefined ? "schema_migrations" : `"${own.schema}".schema_migrations`;
  const client = await db.connect("roost-migrate");
  try {
    await client.query("select pg_advisory_lock($1)", [advisoryLockKey]);
    if (own !== undefined) {
      await client.query(`create schema if not exists "${own.schema}"`);
      await client.query(`grant usage on schema "${own.schema}" to roost_tenant`);
    }
    await client.query(
      `create table if not exists ${list} (name text primary key, sha256 text not null, applied_at timestamptz not null default now())`,
    );
    const { rows } = await client.query<{ name: string; sha256: string }>(`select m.name, m.sha256 from ${list} m order by m.name`);
    const known = new Map(migrations.map((migration) => [migration.name, migration]));
    for (const row of rows) {
      const migration = known.get(row.name);
      if (migration === undefined) {
        throw new AppError(
          "migrate.newer_schema",
          500,
          "The database was used by a newer Roost than this one. Start the newer program, or restore a backup from before it ran.",
          { migration: row.name },
        );
      }
      if (sha256(migration.text) !== row.sha256) {
        throw new AppError(
          "migrate.changed",
          500,
          "A migration that was applied to this database has been edited since. Migrations are forward only: add a new one.",
          { migration: row.name },
        );
      }
    }
    const applied = new Set(rows.map((row) => row.name));
    const done: string[] = [];
    for (const migration of migrations) {
      if (applied.has(migration.name)) continue;
      await client.query("begin");
      try {
        await client.query(migration.text);
        await client.query(`insert into ${list} (name, sha256) values ($1, $2)`, [migration.name, sha256(migration.text)]);
        await client.query("commit");
      } catch (caught) {
        await client.query("rollback").catch(() => undefined);
        throw caught;
      }
      log.info({ migration: migration.name }, "migration applied");
      done.push(migration.name);
    }
    return done;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
