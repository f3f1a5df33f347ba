import { describe, expect, it } from "vitest";

import { httpLimits, isRateTable, rateRules, readRateTable } from "./http/limits.ts";
import { createMetrics } from "./http/metrics.ts";
import { createLog } from "./log.ts";
import { createRateLimits } from "./rate-limits.ts";
import { parseRates } from "./rate.ts";

function limitsAt(given: readonly string[], maxKeys?: number) {
  let ms = 0;
  const limits = createRateLimits({
    // An hour begins at 0.
    clock: { nowMs: () => 1_800_000_000_000 + ms, monotonicMs: () => ms },
    log: createLog({ level: "silent", pretty: false }),
    metrics: createMetrics({ processMetrics: false }),
    rates: readRateTable(given),
    ...(maxKeys === undefined ? {} : { maxKeys }),
  });
  return { limits, pass: (seconds: number) => (ms += seconds * 1_000) };
}

describe("rates as people write them", () => {
  it("are a number in a length of time, several of them apart by spaces", () => {
    expect(parseRates("60/min 1000/h")).toEqual([
      { quantity: 60, seconds: 60 },
      { quantity: 1_000, seconds: 3_600 },
    ]);
    expect(parseRates(" 10/15min ")).toEqual([{ quantity: 10, seconds: 900 }]);
    for (const text of ["", "60", "0/min", "60/day", "-1/min", "60/0min", "1e3/min", "60 /min", "5/25h"])
      expect([text, parseRates(text)]).toEqual([text, undefined]);
  });

  it("change the table by name, and nothing else is taken for one", () => {
    expect(readRateTable(["changes = 5/min"]).changes).toEqual([{ quantity: 5, seconds: 60 }]);
    expect(readRateTable(["changes=5/min"]).anonymous).toEqual(parseRates(rateRules.anonymous.default));
    for (const entry of ["change=5/min", "changes", "changes=", "changes=5", "toString=5/min"])
      expect([entry, isRateTable([entry])]).toEqual([entry, false]);
  });

  it("the table holds what was promised: 60 a minute and 1,000 an hour for strangers and changes, 1,000 a minute for keys", () => {
    for (const name of ["anonymous", "changes", "signIn"] as const) expect(rateRules[name].default).toContain("60/min 1000/h");
    expect(rateRules.apiKey.default).toContain("1000/min");
    expect(rateRules.guesses.default).toBe("10/15min");
    expect(httpLimits.connectionsPerAddress.default).toBeLessThan(httpLimits.connections.default);
  });
});

describe("a rate limit", () => {
  it("CO-54: refuses the 61st try of a minute, and the first of the next one passes", () => {
    const { limits, pass } = limitsAt([]);
    pass(1);
    for (let tried = 0; tried < 60; tried += 1) {
      expect(limits.take("signIn", "a").waitSeconds).toBe(0);
      pass(0.5);
    }
    const refused = limits.take("signIn", "a");
    expect([refused.waitSeconds > 0, refused.remaining, refused.rate, refused.resetSeconds]).toEqual([
      true,
      0,
      { quantity: 60, seconds: 60 },
      refused.waitSeconds,
    ]);
    expect(limits.take("signIn", "b").waitSeconds).toBe(0);
    pass(30);
    expect(limits.take("signIn", "a").waitSeconds).toBe(0);
  });

  it("says how long to wait, that wait is enough, and a second less is not", () => {
    for (const offset of [0, 7, 31, 59.5]) {
      const { limits, pass } = limitsAt(["apiKey=10/min"]);
      pass(offset);
      for (let tried = 0; tried < 10; tried += 1) expect(limits.take("apiKey", "k").waitSeconds).toBe(0);
      const { waitSeconds } = limits.take("apiKey", "k");
      pass(waitSeconds - 1);
      expect([offset, limits.take("apiKey", "k").waitSeconds]).not.toEqual([offset, 0]);
      pass(1);
      expect([offset, limits.take("apiKey", "k").waitSeconds]).toEqual([offset, 0]);
    }
  });

  it("holds every rate of a rule: the hour ends what each minute allows, the second what comes at once", () => {
    const { limits, pass } = limitsAt([]);
    const passed = (seconds: number, each: number) => {
      let sum = 0;
      for (let second = 0; second < seconds; second += 1) {
        for (let tried = 0; tried < each; tried += 1) sum += limits.take("anonymous", "a").waitSeconds === 0 ? 1 : 0;
        pass(1);
      }
      return sum;
    };
    expect(passed(1, 100)).toBe(30);
    const hour = passed(3_599, 1);
    expect(hour + 30).toBe(1_000);
  });

  it("what was refused is not counted, so a client that knocks on gets in as soon as one that waits", () => {
    const { limits, pass } = limitsAt(["apiKey=5/min"]);
    for (let tried = 0; tried < 500; tried += 1) limits.take("apiKey", "k");
    let seconds = 0;
    while (limits.take("apiKey", "k").waitSeconds > 0) {
      pass(1);
      seconds += 1;
    }
    expect(seconds).toBe(72);
  });

  it("a wall clock that jumps opens no window anew", () => {
    let wallMs = 1_800_000_000_000;
    const limits = createRateLimits({
      clock: { nowMs: () => wallMs, monotonicMs: () => 0 },
      log: createLog({ level: "silent", pretty: false }),
      metrics: createMetrics({ processMetrics: false }),
      rates: readRateTable(["apiKey=1/min"]),
    });
    expect(limits.take("apiKey", "k").waitSeconds).toBe(0);
    for (const jump of [3_600_000, -86_400_000]) {
      wallMs += jump;
      expect(limits.take("apiKey", "k").waitSeconds).toBeGreaterThan(0);
    }
  });

  it("forgets the quietest key first, and never holds more than its bound", () => {
    const { limits } = limitsAt(["apiKey=1/min"], 3);
    const passes = (key: string) => limits.take("apiKey", key).waitSeconds === 0;
    for (const key of ["a", "b", "c"]) passes(key);
    passes("a");
    passes("d");
    // b went to make room for d; a was asked for again and stays.
    expect([passes("a"), passes("c"), passes("d"), passes("b")]).toEqual([false, false, false, true]);
  });
});

describe("a bound on guesses", () => {
  it("S5: lets no more than ten pass in any quarter of an hour", async () => {
    const { limits, pass } = limitsAt([]);
    const passed: number[] = [];
    for (let at = 0; at < 7_200; at += 7) {
      if ((await limits.guess("guesses", "account")).waitSeconds === 0) passed.push(at);
      pass(7);
    }
    const most = Math.max(...passed.map((start) => passed.filter((at) => at >= start && at < start + 900).length));
    expect(most).toBe(10);
    expect(passed.length).toBeGreaterThanOrEqual(70);
  });

  it("says how long to wait, and gives a guess back that was none", async () => {
    const { limits, pass } = limitsAt(["guesses=2/min"]);
    const first = await limits.guess("guesses", "a");
    await limits.guess("guesses", "a");
    expect((await limits.guess("guesses", "a")).waitSeconds).toBe(60);
    await first.giveBack();
    expect((await limits.guess("guesses", "a")).waitSeconds).toBe(0);
    expect((await limits.guess("guesses", "a")).waitSeconds).toBe(60);
    pass(60.002);
    expect((await limits.guess("guesses", "a")).waitSeconds).toBe(0);
  });
});
