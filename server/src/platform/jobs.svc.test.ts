import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import { afterAll, describe, it } from "vitest";

import { createDb } from "./db.ts";
import { createJobs } from "./jobs.ts";
import type { JobDefinition, Jobs } from "./jobs.ts";
import { createLog } from "./log.ts";

const until = async (fact: () => boolean | Promise<boolean>) => {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await wait(20)) if (await fact()) return;
  throw new Error("It did not come true in time.");
};

/** Once in this test: no hour that ends meanwhile begins a span of its own. */
const onceSeconds = 1_000_000_000;

const ends: (() => Promise<void>)[] = [];
afterAll(async () => {
  await Promise.all(ends.map((end) => end()));
});

/** A database of its own, and servers that work on it. */
async function setStage() {
  const database = await createTestDatabase();
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    level: "debug",
    pretty: false,
    destination: { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const db = createDb({ connection: database.connection, log });
  const started: Jobs[] = [];
  ends.push(async () => {
    await Promise.all(started.map((jobs) => jobs.stop()));
    await db.close();
    await database.drop();
  });
  const start = async (jobs: readonly JobDefinition[], more: { leaseSeconds?: number } = {}) => {
    const made = createJobs({ db, log, jobs, pollSeconds: 0.1, ...more });
    await made.start();
    started.push(made);
    return made;
  };
  return { database, db, log, lines, start };
}

// They wait for leases and spans: each for its own, all at once.
describe.concurrent("jobs", () => {
  it("R11: run once per span, whatever the number of servers", async ({ expect }) => {
    const { db, start } = await setStage();
    const runs: string[] = [];
    const job = { name: "test.spans", everySeconds: 2, run: async () => void runs.push("x") };
    await Promise.all([start([job]), start([job]), start([job])]);
    await until(() => runs.length >= 3);
    const made = runs.length;
    const spans = await db.query<{ n: number }>(
      sql`select count(*)::integer as n from jobs.job j where j.singleton_key = 'test.spans' group by j.singleton_on`,
    );
    expect(spans.every(({ n }) => n === 1)).toBe(true);
    expect(made).toBeLessThanOrEqual(spans.length);
  });

  it("R11: never run the same job twice at once", async ({ expect }) => {
    const { start } = await setStage();
    let now = 0;
    let most = 0;
    let runs = 0;
    const job = {
      name: "test.alone",
      everySeconds: 1,
      run: async () => {
        most = Math.max(most, ++now);
        await wait(700);
        now -= 1;
        runs += 1;
      },
    };
    const [one, two] = await Promise.all([start([job]), start([job])]);
    await Promise.all([one.runNow("test.alone"), two.runNow("test.alone"), until(() => runs >= 3)]);
    expect(most).toBe(1);
  });

  it("R11: a failing job is tried again and holds up no other", async ({ expect }) => {
    const { db, start } = await setStage();
    let tries = 0;
    const jobs = await start([
      { name: "test.poison", everySeconds: onceSeconds, retryLimit: 2, run: () => Promise.reject(new Error(`no ${++tries}`)) },
      { name: "test.healthy", everySeconds: onceSeconds, run: async () => undefined },
    ]);
    await jobs.runNow("test.healthy");
    await until(() => tries === 3);
    await until(
      async () => (await db.query(sql`select 1 from jobs.job j where j.singleton_key = 'test.poison' and j.state = 'failed'`)).length > 0,
    );
    await jobs.runNow("test.healthy");
    expect(tries).toBe(3);
  });

  it("carry one correlation id through all lines of a run, and a signal that ends with the program", async ({ expect }) => {
    const { log, lines, start } = await setStage();
    let aborted = false;
    const jobs = await start([
      {
        name: "test.lines",
        everySeconds: onceSeconds,
        run: async ({ signal, correlationId }) => {
          log.info({ correlationIdGiven: correlationId }, "a line of the run");
          await wait(20_000, undefined, { signal }).catch(() => {
            aborted = true;
          });
        },
      },
    ]);
    await until(() => lines.some((line) => line["msg"] === "a line of the run"));
    const line = lines.find((one) => one["msg"] === "a line of the run");
    expect(line?.["correlationId"]).toBe(line?.["correlationIdGiven"]);
    await jobs.stop();
    expect(aborted).toBe(true);
  });

  it("R11: run again within seconds when their worker is killed", async ({ expect }) => {
    const { database, db, start } = await setStage();
    const program = fileURLToPath(new URL("./jobs.ts", import.meta.url)).replace(/jobs\.ts$/, "");
    const script = `
      const { createDb } = await import("${program}db.ts");
      const { createLog } = await import("${program}log.ts");
      const { createJobs } = await import("${program}jobs.ts");
      const log = createLog({ level: "silent", pretty: false });
      const db = createDb({ connection: ${JSON.stringify(database.connection)}, log });
      await createJobs({ db, log, leaseSeconds: 20, pollSeconds: 0.1, jobs: [{ name: "test.killed", everySeconds: ${onceSeconds}, run: async () => { console.log("running"); await new Promise(() => setInterval(() => {}, 1000)); } }] }).start();`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    let runs = 0;
    await start([{ name: "test.killed", everySeconds: onceSeconds, run: async () => void (runs += 1) }], { leaseSeconds: 20 });
    const renewedMs = async () =>
      (await db.query<{ at: Date }>(sql`select j.started_on as at from jobs.job j where j.state = 'active'`))[0]?.at.getTime() ?? 0;
    const takenMs = await renewedMs();
    await until(async () => (await renewedMs()) > takenMs);
    expect(runs).toBe(0);
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    // So much later nobody has renewed it: it is the renewing that kept it until now.
    await db.query(sql`update jobs.job set started_on = started_on - interval '20 seconds' where state = 'active'`);
    await until(() => runs === 1);
  });
});
