// Seals everything anew one value at a time, in a process of its own that is killed in the middle of the one that is said.
import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import { createLog } from "../../platform/log.ts";
import { fileSource } from "../../platform/secrets/envelope-source.ts";
import { createKeyRing } from "../../platform/secrets/key-ring.ts";
import { sealedColumns } from "../../sealed-columns.ts";
import { createReseal } from "./reseal.ts";

const { connection, dataDir, killedAt } = JSON.parse(process.argv[2] ?? "{}") as { connection: object; dataDir: string; killedAt: number };
const log = createLog({ level: "silent", pretty: false });
const db = createDb({ connection, log });
const ring = createKeyRing({ db, source: fileSource(dataDir), clock: systemClock, log });
await ring.start();
let looked = 0;
const columns = sealedColumns.map((column) => ({
  ...column,
  purpose(row: Readonly<Record<string, unknown>>): string {
    looked += 1;
    // Its transaction has taken the value, and has not put the new one in its place.
    if (looked === killedAt) process.kill(process.pid, "SIGKILL");
    return column.purpose(row);
  },
}));
await createReseal({ db, ring, columns, log, batch: 1 }).run({ signal: new AbortController().signal });
ring.stop();
await db.close();
