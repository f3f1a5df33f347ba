// A cluster for tests and benchmarks, in a process of its own: prints its connection as one line of JSON, ends when standard input does.
// `--durable` waits for the disk; `--keep=FOLDER` uses that folder and leaves it, otherwise all goes with the process.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { isAppError } from "@roost/contract/errors";

import { startEmbeddedPostgres } from "./postgres.ts";

const durable = process.argv.includes("--durable");
const keep = process.argv.find((arg) => arg.startsWith("--keep="))?.slice("--keep=".length);
const folder = keep ?? mkdtempSync(join(tmpdir(), "roost-pg-"));
if (keep === undefined) chmodSync(folder, 0o755);
const remove = () => {
  if (keep === undefined) rmSync(folder, { recursive: true, force: true });
};
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, "pg"), durable }).catch((error: unknown) => {
  remove();
  if (isAppError(error)) process.stdout.write(`${JSON.stringify({ code: error.code })}\n`);
  throw error;
});
process.stdout.write(
  `${JSON.stringify({ host: postgres.socketDir, user: "roost", database: "postgres", ...(keep === undefined ? {} : { pid: postgres.pid() }) })}\n`,
);
const end = async () => {
  await postgres.stop();
  remove();
  process.exit(0);
};
process.stdin.resume().on("end", () => void end());
process.on("SIGTERM", () => void end());
process.on("SIGINT", () => void end());
