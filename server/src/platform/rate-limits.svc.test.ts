import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "./clock.ts";
import { createDb } from "./db.ts";
import type { Db } from "./db.ts";
import { readRateTable } from "./http/limits.ts";
import { createMetrics } from "./http/metrics.ts";
import { createLog } from "./log.ts";
import { addGuess, removeGuess, removeOld } from "./rate-limit-store.ts";
import { createRateLimits } from "./rate-limits.ts";

describe("rate limits of several nodes", () => {
  let database: TestDatabase;
  let db: Db;
  const silent = createLog({ level: "silent", pretty: false });

  function nodes(count: number, given: readonly string[] = []) {
    return Array.from({ length: count }, () => {
      const lines: string[] = [];
      const metrics = createMetrics({ processMetrics: false });
      const log = createLog({ level: "info", pretty: false, destination: { write: (line: string) => void lines.push(line) } });
      const own = createDb({ connection: database.connection, log: silent, maxConnections: 2, statementTimeoutMs: 30_000 });
      const limits = createRateLimits({ clock: systemClock, log, metrics, db: own, rates: readRateTable(given) });
      return { limits, lines, metrics, own, end: async () => limits.close().then(() => own.close()) };
    });
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log: silent });
  });
  beforeEach(async () => {
    await db.query(sql`truncate rate_counts, rate_guesses`);
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("N-F25: count together, and let pass little more than one node alone would", async () => {
    const most = 1_000;
    const three = nodes(3, [`apiKey=${most}/h`]);
    const passed = [0, 0, 0];
    const sumOf = () => passed.reduce((all, one) => all + one, 0);
    const told = async () => {
      const [row] = await db.query<{ n: number }>(sql`select coalesce(sum(c.taken), 0)::int as n from rate_counts c`);
      return row?.n ?? 0;
    };
    // As many on each as there may be on all: without telling each other it would be three times the bound.
    for (let turn = 0; turn < most; turn += 1) {
      for (const [index, { limits }] of three.entries())
        if (limits.take("apiKey", "k").waitSeconds === 0) passed[index] = (passed[index] ?? 0) + 1;
      // Each tells of itself what it has let pass, at the latest of a tenth; how soon that is written is the machine's matter.
      if (turn % 10 === 9) await expect.poll(told, { interval: 5 }).toBeGreaterThan(sumOf() - (3 * most) / 10);
    }
    const sum = sumOf();
    process.stdout.write(
      `N-F25 3 nodes, a bound of ${most}: ${passed.join(" + ")} = ${sum} passed, ${(((sum - most) / most) * 100).toFixed(1)} % over\n`,
    );
    expect(sum).toBeGreaterThanOrEqual(most);
    expect(sum).toBeLessThan(most * 1.6);
    for (const node of three) await node.limits.settle();
    expect(three.map(({ limits }) => limits.take("apiKey", "k").waitSeconds > 0)).toEqual([true, true, true]);
    expect(three.map(({ limits }) => limits.take("apiKey", "another").waitSeconds)).toEqual([0, 0, 0]);
    for (const node of three) await node.end();
  });

  it("a node that starts later learns what the others let pass", async () => {
    const [first] = nodes(1, ["signIn=20/h"]);
    for (let tried = 0; tried < 20; tried += 1) first?.limits.take("signIn", "198.51.100.7");
    await first?.end();
    const [later] = nodes(1, ["signIn=20/h"]);
    let passed = 0;
    while (later !== undefined && later.limits.take("signIn", "198.51.100.7").waitSeconds === 0) {
      passed += 1;
      await later.limits.settle();
    }
    expect(passed).toBe(1);
    await later?.end();
  });

  it("S5: ten guesses are ten over all nodes, to the last one, however many come at once", async () => {
    const three = nodes(3);
    const tried = await Promise.all(
      Array.from({ length: 60 }, async (_, index) => three[index % 3]?.limits.guess("guesses", "keeper@example.org")),
    );
    const passed = tried.filter((one) => one?.waitSeconds === 0);
    expect(passed).toHaveLength(10);
    const refused = tried.find((one) => one !== undefined && one.waitSeconds > 0);
    expect(refused?.waitSeconds).toBeGreaterThan(880);
    await passed[0]?.giveBack();
    const again = await Promise.all(three.map(async ({ limits }) => limits.guess("guesses", "keeper@example.org")));
    expect(again.filter(({ waitSeconds }) => waitSeconds === 0)).toHaveLength(1);
    const stored = JSON.stringify(await db.query(sql`select g.key from rate_guesses g`));
    expect(stored).not.toContain("keeper");
    for (const node of three) await node.end();
  });

  it("S5: of two guesses of one moment one is given back, and the other stays made", async () => {
    const [atUs, untilUs] = [Date.now() * 1_000, (Date.now() + 60_000) * 1_000];
    const guess = () => addGuess(db, { key: "k", atUs, sinceUs: atUs - 1, untilUs, most: 3 });
    expect([await guess(), await guess()]).toEqual([0, 0]);
    await removeGuess(db, "k", atUs);
    expect(await db.query(sql`select cardinality(g.taken_us) as n from rate_guesses g`)).toEqual([{ n: 1 }]);
    await removeGuess(db, "k", atUs + 1);
    expect(await db.query(sql`select cardinality(g.taken_us) as n from rate_guesses g`)).toEqual([{ n: 1 }]);
  });

  it("N-F25: where the store is away limits hold on, a metric and one line of the log say so, and the nodes find together again", async () => {
    const [node] = nodes(1, ["apiKey=50/h", "guesses=3/h"]);
    if (node === undefined) return;
    await db.query(sql`alter table rate_counts rename to rate_counts_away`);
    await db.query(sql`alter table rate_guesses rename to rate_guesses_away`);
    let passed = 0;
    for (let tried = 0; tried < 200; tried += 1) {
      if (node.limits.take("apiKey", "k").waitSeconds === 0) passed += 1;
      if (tried % 20 === 0) await node.limits.settle();
    }
    expect(passed).toBe(50);
    const guesses = [];
    for (let tried = 0; tried < 5; tried += 1) guesses.push((await node.limits.guess("guesses", "a")).waitSeconds === 0);
    expect(guesses).toEqual([true, true, true, false, false]);
    const during = (await node.metrics.expose()).text;
    expect(during).toMatch(/roost_rate_limit_store_up 0/);
    expect(Number(/roost_rate_limit_store_failures_total (\d+)/.exec(during)?.[1])).toBeGreaterThan(2);
    expect(during).toMatch(/roost_rate_limit_refusals_total\{rule="apiKey"\} 150/);
    expect(node.lines.filter((line) => line.includes("cannot count requests together"))).toHaveLength(1);
    await db.query(sql`alter table rate_counts_away rename to rate_counts`);
    await db.query(sql`alter table rate_guesses_away rename to rate_guesses`);
    node.limits.take("apiKey", "another");
    await node.limits.settle();
    expect((await node.metrics.expose()).text).toMatch(/roost_rate_limit_store_up 1/);
    expect(node.lines.filter((line) => line.includes("together again"))).toHaveLength(1);
    await node.end();
  });

  it("what no window reaches any more is forgotten, and what is in reach is not", async () => {
    const nowMs = Date.now();
    const minute = Math.floor(nowMs / 60_000);
    for (const number of [minute - 5, minute - 1, minute, minute + 10_000])
      await db.query(sql`insert into rate_counts (key, seconds, number, taken) values ('k', 60, ${number}, 1)`);
    for (const [key, ms] of [
      ["old", nowMs - 1_000],
      ["new", nowMs + 1_000],
    ] as const)
      await db.query(sql`insert into rate_guesses (key, taken_us, until_us) values (${key}, '{1}', ${ms * 1_000})`);
    // Clocks are finer than a microsecond.
    await removeOld(db, nowMs + 0.1235);
    const counts = await db.query<{ number: number }>(sql`select c.number from rate_counts c order by c.number`);
    expect(counts.map(({ number }) => number - minute)).toEqual([-1, 0]);
    expect(await db.query(sql`select g.key from rate_guesses g`)).toEqual([{ key: "new" }]);
  });

  it("takes a statement only now and then", async () => {
    const [node] = nodes(1);
    if (node === undefined) return;
    let statements = 0;
    const { own } = node;
    const counted = createRateLimits({
      clock: systemClock,
      log: silent,
      metrics: createMetrics({ processMetrics: false }),
      db: {
        async query(statement) {
          statements += 1;
          return own.query(statement);
        },
      },
    });
    const startedMs = performance.now();
    const takes = 200_000;
    let passed = 0;
    for (let index = 0; index < takes; index += 1) {
      if (counted.take("looks", `person ${index % 100}`).waitSeconds === 0) passed += 1;
      if (index % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const tookMs = performance.now() - startedMs;
    await counted.close();
    process.stdout.write(
      `${takes} takes of 100 people: ${((tookMs / takes) * 1_000).toFixed(2)} us each, ${statements} statements, ${passed} passed\n`,
    );
    expect(statements).toBeLessThan(takes / 1_000);
    await node.end();
  });
});
