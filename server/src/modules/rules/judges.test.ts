import { ruleCondition } from "@roost/contract/rule-conditions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { AnomalyJudge } from "./anomaly.ts";
import type { Judge } from "./judge.ts";
import { judgesOf } from "./judges.ts";
import { learnSeasonal } from "./seasonal.ts";
import type { HourOfValues } from "./seasonal.ts";
import { SlidingFit } from "./sliding-fit.ts";
import { forecast } from "./trend.ts";

const secondUs = 1e6;
const minuteUs = 60 * secondUs;
const startUs = Date.parse("2026-03-02T00:00:00Z") * 1_000;

function judgeOf(condition: object, { unit = "°C", open = false } = {}): Judge {
  const [judge] = judgesOf(ruleCondition.parse(condition), unit, () => open) ?? [];
  if (judge === undefined) throw new Error("The condition judges nothing.");
  return judge;
}

/** What each value does, where it does something: `3 raise`. */
function turns(judge: Judge, values: readonly number[], stepUs = minuteUs): string[] {
  return values.flatMap((value, index) => {
    const verdict = judge.observe(value, startUs + index * stepUs);
    return verdict === "nothing" ? [] : [`${index} ${verdict}`];
  });
}

/** Noise that is the same each time. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 1_073_741_824 - 1;
  };
}

/** Where noise is judged, about one series of two thousand does look like a trend: it is no news when a run meets that one. */
const sameEachTime = { seed: 62 };

const limit = { kind: "threshold", metric: "temperature" };

describe("a threshold", () => {
  it("CO-38: a value equal to the limit does not breach, on either side", () => {
    expect(turns(judgeOf({ ...limit, above: 30 }), [29, 30, 30.001, 30])).toEqual(["2 raise", "3 clear"]);
    expect(turns(judgeOf({ ...limit, below: 5 }), [6, 5, 4.999, 5])).toEqual(["2 raise", "3 clear"]);
    expect(turns(judgeOf({ ...limit, above: 0 }), [0, 0.1])).toEqual(["1 raise"]);
  });

  it("CO-38: jitter around the limit within the hysteresis raises once", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 28.01, max: 31, noNaN: true }), { minLength: 1, maxLength: 200 }), (values) => {
        const judge = judgeOf({ ...limit, above: 30, hysteresis: 2 });
        const expected = values.findIndex((value) => value > 30);
        expect(turns(judge, values)).toEqual(expected === -1 ? [] : [`${expected} raise`]);
      }),
    );
  });

  it("raises and clears in turn, and never inside the limit nor on this side of the hysteresis", () => {
    const values = fc.array(fc.integer({ min: 20, max: 40 }), { maxLength: 300 });
    fc.assert(
      fc.property(values, fc.nat(5), fc.nat(5), fc.integer({ min: 1, max: 4 }), (list, hysteresis, forMinutes, count) => {
        const judge = judgeOf({ ...limit, above: 30, hysteresis, forSeconds: forMinutes * 60, count });
        let [open, run] = [false, 0];
        for (const [index, value] of list.entries()) {
          run = value > 30 ? run + 1 : 0;
          const verdict = judge.observe(value, startUs + index * minuteUs);
          // By its definition: so many values in a row, the first of them so long ago.
          const expected = open ? (value <= 30 - hysteresis ? "clear" : "nothing") : run >= count && run > forMinutes ? "raise" : "nothing";
          expect([index, verdict]).toEqual([index, expected]);
          if (verdict === "raise") open = true;
          if (verdict === "clear") [open, run] = [false, 0];
          if (open) run = 0;
        }
      }),
    );
  });

  it("waits for its time and its count, and begins anew after one value inside", () => {
    expect(
      turns(judgeOf({ ...limit, above: 30, forSeconds: 600 }), [...Array<number>(9).fill(31), 30, ...Array<number>(11).fill(31)]),
    ).toEqual(["20 raise"]);
    expect(turns(judgeOf({ ...limit, above: 30, count: 3 }), [31, 31, 30, 31, 31, 31])).toEqual(["5 raise"]);
  });

  it("takes limits in another unit of the same quantity, and none of another", () => {
    const judge = judgeOf({ ...limit, above: 86, unit: "°F", hysteresis: 1.8 });
    expect(judge.threshold).toBe(30);
    expect(turns(judge, [30, 30.01, 29.01, 29])).toEqual(["1 raise", "3 clear"]);
    expect(judgesOf(ruleCondition.parse({ ...limit, above: 1, unit: "kg" }), "°C", () => false)).toBeUndefined();
  });
});

it("a state raises on the value that is not wanted, and clears on any other", () => {
  expect(turns(judgeOf({ kind: "state", metric: "door", equals: true }), [0, 1, 1, 0])).toEqual(["1 raise", "3 clear"]);
  expect(turns(judgeOf({ kind: "state", metric: "mode", notEquals: 2, count: 2 }), [2, 3, 2, 3, 1, 2])).toEqual(["4 raise", "5 clear"]);
});

describe("a line through the last values", () => {
  it("is the least-squares line of what is in the window, whatever came before", () => {
    const steps = fc.array(fc.record({ value: fc.double({ min: -1e4, max: 1e4, noNaN: true }), gap: fc.integer({ min: 1, max: 400 }) }), {
      minLength: 3,
      maxLength: 300,
    });
    fc.assert(
      fc.property(steps, (list) => {
        const fit = new SlidingFit(1_800);
        const all: { t: number; value: number }[] = [];
        let us = startUs;
        for (const { value, gap } of list) {
          us += gap * secondUs;
          fit.add(value, us);
          all.push({ t: us / 1e6, value });
        }
        const bucket = 1_800 / 60;
        const first = Math.floor(us / 1e6 / bucket) - 59;
        const inside = all.filter(({ t }) => Math.floor(t / bucket) >= first);
        expect(fit.n).toBe(inside.length);
        const line = fit.line();
        if (inside.length < 3 || line === undefined) return;
        const t0 = us / 1e6;
        const n = inside.length;
        const [mt, mv] = [inside.reduce((sum, { t }) => sum + t - t0, 0) / n, inside.reduce((sum, { value }) => sum + value, 0) / n];
        const sxx = inside.reduce((sum, { t }) => sum + (t - t0 - mt) ** 2, 0);
        const sxy = inside.reduce((sum, { t, value }) => sum + (t - t0 - mt) * (value - mv), 0);
        expect(line.perSecond).toBeCloseTo(sxy / sxx, 5);
        expect(line.now).toBeCloseTo(mv - (sxy / sxx) * mt, 2);
      }),
    );
  });
});

describe("a rate over a window of 30 min", () => {
  const rate = { kind: "rate", metric: "temperature", perHour: 5, overSeconds: 1_800 };
  const ramp = (perHour: number, seed = 1) => {
    const next = noise(seed);
    return Array.from({ length: 90 }, (_, index) => 20 + (perHour * index) / 60 + 0.2 * next());
  };

  it("CO-62: finds what rises or falls faster than the limit, and nothing slower", () => {
    expect(turns(judgeOf(rate), ramp(7))).toHaveLength(1);
    expect(turns(judgeOf(rate), ramp(-7))).toHaveLength(1);
    expect(turns(judgeOf(rate), ramp(3))).toEqual([]);
    expect(turns(judgeOf({ ...rate, direction: "rising" }), ramp(-7))).toEqual([]);
    expect(turns(judgeOf({ ...rate, direction: "falling" }), ramp(-7))).toHaveLength(1);
  });

  it("CO-62: says nothing before most of the window is behind, and ends when the change does", () => {
    const [raised, cleared] = turns(judgeOf(rate), [...ramp(12), ...Array<number>(60).fill(38)]);
    expect(Number(raised?.split(" ")[0])).toBeGreaterThanOrEqual(24);
    expect(cleared).toMatch(/clear$/);
  });

  it("CO-62: steady noise gives none, whatever its seed", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), (seed) => {
        const next = noise(seed);
        expect(
          turns(
            judgeOf(rate),
            Array.from({ length: 300 }, () => 20 + 0.5 * next()),
          ),
        ).toEqual([]);
      }),
      sameEachTime,
    );
  });
});

describe("a trend", () => {
  const towards = (side: "above" | "below", value: number) => ({ kind: "trend", metric: "temperature", [side]: value, withinMinutes: 60 });

  it("CO-62: warns of a ramp of 1 degree in 5 min before it crosses, with a time within a fifth of the real one, rising and falling", () => {
    for (const [side, sign, seed] of [
      ["above", 1, 3],
      ["below", -1, 4],
      ["above", 1, 5],
    ] as const) {
      const next = noise(seed);
      const values = Array.from({ length: 200 }, (_, index) => 20 + (sign * index) / 5 + 0.1 * next());
      const goal = 20 + sign * 15;
      const judge = judgeOf(towards(side, goal));
      const at = values.findIndex((value, index) => judge.observe(value, startUs + index * minuteUs) === "raise");
      expect(at).toBeGreaterThan(0);
      const realMinutes = 75 - at;
      expect(realMinutes).toBeGreaterThan(0);
      const said = Number(/about (\d+) min/.exec(judge.words() ?? "")?.[1]);
      expect(Math.abs(said - realMinutes)).toBeLessThanOrEqual(0.2 * realMinutes);
    }
  });

  it("CO-62: steady noise gives none, and neither does what goes the other way", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), (seed) => {
        const next = noise(seed);
        expect(
          turns(
            judgeOf(towards("above", 30)),
            Array.from({ length: 300 }, () => 25 + next()),
          ),
        ).toEqual([]);
      }),
      sameEachTime,
    );
    expect(
      turns(
        judgeOf(towards("above", 30)),
        Array.from({ length: 100 }, (_, index) => 20 - index / 5),
      ),
    ).toEqual([]);
  });

  it("holds while the limit is crossed, and ends when the value goes back", () => {
    const values = [
      ...Array.from({ length: 80 }, (_, index) => 20 + index / 5),
      ...Array.from({ length: 120 }, (_, index) => 36 - index / 5),
    ];
    expect(turns(judgeOf(towards("above", 32)), values).map((turn) => turn.split(" ")[1])).toEqual(["raise", "clear"]);
  });

  it("forecasts by the line alone", () => {
    const line = { perSecond: 0.01, now: 20, r2: 0.9, n: 20, spanSeconds: 1_000 };
    expect(forecast(line, "above", 30)).toEqual({ inSeconds: 1_000, confidence: 0.9 });
    expect(forecast({ ...line, n: 5 }, "above", 30)?.confidence).toBeCloseTo(0.45);
    expect(forecast(line, "below", 10)).toBeUndefined();
  });
});

describe("an anomaly", () => {
  const hourMs = 3_600_000;
  const daily = (ms: number) => 20 + 8 * Math.sin((2 * Math.PI * ms) / (24 * hourMs));
  const hours = (days: number, next: () => number): HourOfValues[] =>
    Array.from({ length: days * 24 }, (_, index) => {
      const atMs = startUs / 1_000 - (index + 1) * hourMs;
      const some = [0, 15, 30, 45].map((minute) => daily(atMs + minute * 60_000) + 0.5 * next());
      return { atMs, min: Math.min(...some), max: Math.max(...some), avg: some.reduce((sum, one) => sum + one, 0) / 4 };
    });
  const learned = (days = 21, seed = 7) => {
    const judge = judgeOf({ kind: "anomaly", metric: "temperature" });
    if (judge instanceof AnomalyJudge) judge.model = learnSeasonal(hours(days, noise(seed)));
    return judge;
  };
  const stepMs = 10 * 60_000;
  const week = (seed: number, extra = (_ms: number) => 0) => {
    const next = noise(seed);
    return Array.from({ length: 7 * 144 }, (_, index) => daily(startUs / 1_000 + index * stepMs) + 0.5 * next() + extra(index * stepMs));
  };

  it("does not fire on a daily cycle, whatever its noise", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), (seed) => {
        expect(turns(learned(), week(seed), stepMs * 1_000)).toEqual([]);
      }),
      { ...sameEachTime, numRuns: 20 },
    );
  });

  it("fires on a broken cycle that stays within the usual range of the day, and ends with it", () => {
    // Heating that runs on through the night: warm, but never warmer than a day.
    const night = (ms: number) => (ms >= 3 * 24 * hourMs + 14 * hourMs && ms < 3 * 24 * hourMs + 22 * hourMs ? 9 : 0);
    const values = week(11, night);
    expect(Math.max(...values)).toBeLessThan(30);
    expect(turns(learned(), values, stepMs * 1_000).map((turn) => turn.split(" ")[1])).toEqual(["raise", "clear"]);
  });

  it("says nothing before it knows five days, and is not misled by two odd ones", () => {
    expect(
      turns(
        learned(4),
        week(11, () => 50),
        stepMs * 1_000,
      ),
    ).toEqual([]);
    const odd = hours(21, noise(9)).map((hour, index) =>
      index < 48 ? { ...hour, avg: hour.avg + 40, min: hour.min + 40, max: hour.max + 40 } : hour,
    );
    const judge = learned();
    if (judge instanceof AnomalyJudge) judge.model = learnSeasonal(odd);
    expect(turns(judge, week(12), stepMs * 1_000)).toEqual([]);
    expect(turns(judge, week(12, () => 20).slice(0, 10), stepMs * 1_000)).toEqual(["2 raise"]);
  });
});
