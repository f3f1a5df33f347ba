import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { KitDatabase, KitRows, KitTransaction } from "@roost/contract/kit-host";
import type { Sql } from "@roost/contract/sql";
import type { Within } from "@roost/contract/tenancy";
import pg from "pg";

import { createTestDatabase } from "./postgres.ts";

/** A kit's schema in a database of its own, for tests of its stores and of what is made of them. */
export interface TestKitDatabase extends KitDatabase {
  /** A new organisation's id. */
  addOrganisation(name: string): Promise<string>;
  /** Everything that the database holds, as text: for those who look for what must not be there. */
  dump(): Promise<string>;
  drop(): Promise<void>;
}

/**
 * Makes a database of the platform with a kit's schema in it, as the server does.
 *
 * @param migrations - The folder of the kit's numbered SQL files.
 */
export async function createKitDatabase(kit: string, migrations: URL): Promise<TestKitDatabase> {
  const database = await createTestDatabase();
  // Counts and sizes are numbers, as the server reads them.
  const types = { getTypeParser: (oid: number, format?: "text" | "binary") => (oid === 20 ? Number : pg.types.getTypeParser(oid, format)) };
  const pool = new pg.Pool({ ...database.connection, max: 8, types });
  // The database is dropped while the pool's goodbyes are on their way.
  pool.on("error", () => undefined);
  const schema = `kit_${kit}`;
  await pool.query(`create schema ${schema}`);
  const folder = fileURLToPath(migrations);
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith(".sql"))
    .sort()) {
    await pool.query(readFileSync(`${folder}/${file}`, "utf8"));
  }

  async function transact<Result>(begin: string, work: (tx: KitTransaction) => Promise<Result>): Promise<Result> {
    const client = await pool.connect();
    try {
      await client.query(begin);
      const result = await work({ inTransaction: true, query: async (statement) => rowsOf(await client.query(queryOf(statement))) });
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback");
      throw error;
    } finally {
      client.release();
    }
  }

  const rows = (begin: string): KitRows => ({
    query: (statement) => transact(begin, (tx) => tx.query(statement)),
    transaction: (work) => transact(begin, work),
  });

  return {
    query: async (statement) => rowsOf(await pool.query(queryOf(statement))),
    transaction: (work) => transact("begin", work),
    // Whole organisations only: what is in scope is for the stories on the whole server.
    within: ({ organisationId }: Within) =>
      rows(`begin; set local role roost_tenant; set local roost.organisation_id = '${organisationId}'`),
    async addOrganisation(name) {
      const id = crypto.randomUUID();
      await pool.query("insert into organisations (id, name, slug) values ($1, $2, $3)", [id, name, id]);
      return id;
    },
    async dump() {
      const { rows: tables } = await pool.query<{ name: string }>(
        "select format('%I.%I', t.schemaname, t.tablename) as name from pg_tables t where t.schemaname in ('public', $1)",
        [schema],
      );
      const parts = await Promise.all(tables.map(async ({ name }) => pool.query<{ row: string }>(`select t::text as row from ${name} t`)));
      return parts.flatMap(({ rows }) => rows.map(({ row }) => row)).join("\n");
    },
    async drop() {
      await pool.end();
      await database.drop();
    },
  };
}

function queryOf({ text, values }: Sql): { text: string; values: unknown[] } {
  return { text, values: [...values] };
}

function rowsOf<Row extends object>({ rows }: { rows: unknown[] }): Row[] {
  return rows as Row[];
}
