import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { getSession, signIn } from "@roost/contract/auth";
import { pause, until } from "@roost/testbed/waiting";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createDb } from "../../platform/db.ts";
import { createLog } from "../../platform/log.ts";
import { migrate, readMigrations } from "../../platform/migrate.ts";
import { codeOf, cookiesOf, password, readDevices, startInstallation, tail } from "./test-people.ts";
import type { Installation } from "./test-people.ts";

/** The process and all that descend from it. */
function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      parents.set(
        Number(entry),
        Number(
          readFileSync(`/proc/${entry}/stat`, "utf8")
            .replace(/^.*\) /s, "")
            .split(" ")[1],
        ),
      );
    } catch {
      // It ended while we looked.
    }
  }
  const found: number[] = [];
  for (let next = [pid]; next.length > 0;) {
    next = [...parents].filter(([, parent]) => next.includes(parent)).map(([child]) => child);
    found.push(...next);
  }
  return found;
}

describe.runIf(process.platform === "linux")("a frozen database", () => {
  let cluster: ChildProcessWithoutNullStreams;
  let home: Installation;
  let frozen: number[] = [];
  const signalAll = (signal: NodeJS.Signals) => {
    for (const pid of frozen) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        // A database ends processes of its own as it goes, since we looked too.
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
  };

  beforeAll(async () => {
    const program = fileURLToPath(new URL("../../platform/postgres-throwaway.ts", import.meta.url));
    cluster = spawn(process.execPath, [program], { stdio: "pipe" });
    const line = await new Promise<string>((resolve) => createInterface({ input: cluster.stdout }).once("line", resolve));
    const connection = JSON.parse(line) as pg.PoolConfig;
    const log = createLog({ level: "silent", pretty: false });
    // Only what is frozen later has to answer within seconds.
    const db = createDb({ connection, log, statementTimeoutMs: 60_000 });
    await migrate(db, await readMigrations(fileURLToPath(new URL("../../../migrations", import.meta.url))), log);
    await db.close();
    home = await startInstallation({ connection });
  });
  afterAll(async () => {
    await home.close();
    const gone = new Promise((resolve) => cluster.once("exit", resolve));
    cluster.stdin.end();
    await gone;
  });

  it("R3: is answered by 503 while it is frozen, never by silence; streams stay open, and all is well again after", async () => {
    // The limits are short here: a machine that stands still before anything is frozen is asked again.
    let cookie = "";
    await until("somebody is signed in", async () => {
      await home.setUp().catch(() => undefined);
      const answer = await home.post(signIn.path, { email: "keeper@example.org", password });
      cookie = answer.status === 200 ? cookiesOf(answer) : "";
      return cookie !== "";
    });
    let stream = await home.get(tail.path, { cookie });
    while (stream.status === 503) stream = await home.get(tail.path, { cookie });
    frozen = descendants(cluster.pid ?? 0);
    expect(frozen.length).toBeGreaterThan(3);
    signalAll("SIGSTOP");
    const startedMs = performance.now();
    // More requests than connections: those that wait for a connection are answered as well.
    const answers = await Promise.all([
      ...Array.from({ length: 20 }, async () => home.get(getSession.path, { cookie })),
      home.post(signIn.path, { email: "keeper@example.org", password }),
      home.get(readDevices.path, { authorization: `Bearer roost_pat_${"A".repeat(43)}` }),
    ]);
    const slowestMs = performance.now() - startedMs;
    // The freeze still holds: no answer waited for its end.
    signalAll("SIGCONT");
    for (const answer of answers) {
      expect([answer.status, await codeOf(answer)]).toEqual([503, "http.unavailable"]);
      expect(answer.headers.get("retry-after")).not.toBeNull();
    }
    process.stdout.write(`R3 slowest of ${answers.length} answers while the database was frozen: ${slowestMs.toFixed(0)} ms\n`);
    await expect.poll(async () => (await home.get(getSession.path, { cookie })).status).toBe(200);
    expect(await Promise.race([stream.text(), pause(500).then(() => "open")])).toBe("open");
  });
});
