import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createDb } from "./db.ts";
import { createLog } from "./log.ts";
import { migrate, readMigrations } from "./migrate.ts";

const folder = fileURLToPath(new URL("../../migrations", import.meta.url));
const childProgram = fileURLToPath(new URL("./test-migrate-child.ts", import.meta.url));
const log = createLog({ level: "silent", pretty: false });

describe("migrations", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase({ migrated: false });
  });
  afterAll(async () => database.drop());

  it("GA-33: apply once when two servers start together, and nothing is left to do", async () => {
    const migrations = await readMigrations(folder);
    const one = createDb({ connection: database.connection, log });
    const two = createDb({ connection: database.connection, log });
    const done = (await Promise.all([migrate(one, migrations, log), migrate(two, migrations, log)])).flat();
    expect(done.toSorted()).toEqual(migrations.map((migration) => migration.name));
    expect(await migrate(one, migrations, log)).toEqual([]);
    await one.close();
    await two.close();
  });

  it("GA-33: converge after a kill in the middle: what was whole stays, what was half is done again", async () => {
    const own = await createTestDatabase({ migrated: false });
    const held = 4_711;
    const migrations = [
      { name: "0001-first", text: "create table first (n integer)" },
      {
        name: "0002-slow",
        text: `create table slow (n integer); insert into slow values (1); select pg_advisory_xact_lock(${held}); create table after_slow (n integer)`,
      },
      { name: "0003-last", text: "create table last (n integer)" },
    ];
    const db = createDb({ connection: own.connection, log });
    const holder = await db.connect("test-holder");
    await holder.query("select pg_advisory_lock($1)", [held]);
    const child = fork(childProgram, [JSON.stringify({ connection: own.connection, migrations })], { execArgv: [], stdio: "pipe" });
    const isUnderWay = async () => {
      const [row] = await db.query<{ n: number }>(sql`
        select count(*)::int as n from pg_stat_activity a
        where a.application_name = 'roost-migrate' and a.datname = current_database() and a.query like '%after_slow%' and a.wait_event = 'advisory'`);
      return row?.n;
    };
    await expect.poll(isUnderWay).toBe(1);
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    await holder.end();
    expect(await migrate(db, migrations, log)).toEqual(["0002-slow", "0003-last"]);
    expect(await db.query(sql`select s.n from slow s`)).toEqual([{ n: 1 }]);
    expect(await migrate(db, migrations, log)).toEqual([]);
    await db.close();
    await own.drop();
  });

  it("GA-33: refuse a database that a newer program used", async () => {
    const migrations = await readMigrations(folder);
    const db = createDb({ connection: database.connection, log });
    await expect(migrate(db, migrations.slice(0, -1), log)).rejects.toMatchObject({ code: "migrate.newer_schema" });
    await db.close();
  });
});
