import { fileURLToPath } from "node:url";

import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createDb } from "./db.ts";
import { createLog } from "./log.ts";
import { migrate, readMigrations } from "./migrate.ts";

const folder = fileURLToPath(new URL("../../migrations", import.meta.url));
const log = createLog({ level: "silent", pretty: false });

describe("migrations", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase({ migrated: false });
  });
  afterAll(async () => database.drop());

  it("apply once when two servers start together, and nothing is left to do", async () => {
    const migrations = await readMigrations(folder);
    const one = createDb({ connection: database.connection, log });
    const two = createDb({ connection: database.connection, log });
    const done = (await Promise.all([migrate(one, migrations, log), migrate(two, migrations, log)])).flat();
    expect(done.toSorted()).toEqual(migrations.map((migration) => migration.name));
    expect(await migrate(one, migrations, log)).toEqual([]);
    await one.close();
    await two.close();
  });

  it("refuse a database that a newer program used", async () => {
    const migrations = await readMigrations(folder);
    const db = createDb({ connection: database.connection, log });
    await expect(migrate(db, migrations.slice(0, -1), log)).rejects.toMatchObject({ code: "migrate.newer_schema" });
    await db.close();
  });
});
