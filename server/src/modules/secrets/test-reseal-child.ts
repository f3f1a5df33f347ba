// Seals everything anew one value at a time, in a process of its own, so that a test can kill it in the middle.
import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import { createLog } from "../../platform/log.ts";
import { fileSource } from "../../platform/secrets/envelope-source.ts";
import { createKeyRing } from "../../platform/secrets/key-ring.ts";
import { sealedColumns } from "../../sealed-columns.ts";
import { createReseal } from "./reseal.ts";

const { connection, dataDir } = JSON.parse(process.argv[2] ?? "{}") as { connection: object; dataDir: string };
const log = createLog({ level: "silent", pretty: false });
const db = createDb({ connection, log });
const ring = createKeyRing({ db, source: fileSource(dataDir), clock: systemClock, log });
await ring.start();
await createReseal({ db, ring, columns: sealedColumns, log, batch: 1 }).run({ signal: new AbortController().signal });
ring.stop();
await db.close();
