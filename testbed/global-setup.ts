import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import type { TestProject } from "vitest/node";

import { removeForgotten, scratchFolder } from "./src/scratch.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** JSON of a `pg` pool configuration for the run's throw-away cluster. */
    readonly clusterConnection: string;
  }
}

/** Starts the run's throw-away PostgreSQL as a process of its own; it ends with us, whatever happens. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const external = process.env["ROOST_TEST_DATABASE_URL"];
  if (external !== undefined && external !== "") {
    project.provide("clusterConnection", JSON.stringify({ connectionString: external }));
    return async () => undefined;
  }
  const program = fileURLToPath(new URL("../server/src/platform/postgres-throwaway.ts", import.meta.url));
  removeForgotten(["roost-e2e-", "roost-pg-", "roost-spool-"]);
  const child = spawn(process.execPath, [program], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, TMPDIR: scratchFolder() },
  });
  const lines = createInterface({ input: child.stdout });
  const first = await new Promise<string>((resolve, reject) => {
    lines.once("line", resolve);
    child.once("exit", (code) => reject(new Error(`The throw-away PostgreSQL did not start (exit ${code}).`)));
  });
  project.provide("clusterConnection", first);
  return async () => {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.stdin.end();
    await gone;
  };
}
