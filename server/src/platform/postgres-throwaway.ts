// A throw-away cluster for tests and benchmarks: prints its connection as one line of JSON, ends when standard input does.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startEmbeddedPostgres } from "./postgres.ts";

const durable = process.argv.includes("--durable");
const folder = mkdtempSync(join(tmpdir(), "roost-pg-"));
chmodSync(folder, 0o755);
const remove = () => rmSync(folder, { recursive: true, force: true });
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, "pg"), durable }).catch((error: unknown) => {
  remove();
  throw error;
});
process.stdout.write(`${JSON.stringify({ host: postgres.socketDir, user: "roost", database: "postgres" })}\n`);
const end = async () => {
  await postgres.stop();
  remove();
  process.exit(0);
};
process.stdin.resume().on("end", () => void end());
process.on("SIGTERM", () => void end());
process.on("SIGINT", () => void end());
