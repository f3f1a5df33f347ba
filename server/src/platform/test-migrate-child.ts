// A program for tests: migrates a database with a migration that takes long, so that it can be killed in the middle.
import { createDb } from "./db.ts";
import { createLog } from "./log.ts";
import { migrate } from "./migrate.ts";
import type { Migration } from "./migrate.ts";

const { connection, migrations } = JSON.parse(process.argv[2] ?? "{}") as { connection: Record<string, string>; migrations: Migration[] };
const log = createLog({ level: "silent", pretty: false });
const db = createDb({ connection, log });
process.stdout.write("begun\n");
await migrate(db, migrations, log);
await db.close();
