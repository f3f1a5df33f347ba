import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import { expect, it } from "vitest";

import { createDb } from "./db.ts";
import { createLog } from "./log.ts";

it("R2: a connection that breaks while a library holds it is told to whoever asked, and ends no server", async () => {
  const database = await createTestDatabase();
  const db = createDb({ connection: database.connection, log: createLog({ level: "silent", pretty: false }) });
  // As the libraries of jobs and of sign-in take it: they listen to their statements only. An error that nobody listens to fails this run.
  const held = await db.pool.connect();
  const { rows } = await held.query<{ pid: number }>("select pg_backend_pid() as pid");
  const asked = held.query("select pg_sleep(60)");
  const told = expect(asked).rejects.toThrow(/terminat/);
  const gone = new Promise<void>((resolve) => held.on("end", () => resolve()));
  await db.query(sql`select pg_terminate_backend(${rows[0]?.pid})`);
  await told;
  await gone;
  held.release(true);
  expect(await db.query(sql`select 1 as one`)).toEqual([{ one: 1 }]);
  await db.close();
  await database.drop();
});
