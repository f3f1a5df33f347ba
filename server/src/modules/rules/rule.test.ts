import { describe, expect, it } from "vitest";

import { checkLimits, freshMemory, judge, limitsOf } from "./rule.ts";
import type { Limit, Verdict } from "./rule.ts";

const s = 1e6;

function run(limit: Limit, samples: readonly (readonly [atSeconds: number, value: number])[], open = false): Verdict[] {
  const memory = freshMemory(open);
  return samples.map(([at, value]) => judge(limit, memory, value, at * s));
}

function only(rule: Parameters<typeof limitsOf>[0]): Limit {
  const [limit] = limitsOf(rule);
  if (limit === undefined) throw new TypeError("no limit");
  return limit;
}

describe("a rule", () => {
  it("raises above its limit, not on it, and clears on it", () => {
    const limit = only({ above: 30, hysteresis: 0, forSeconds: 0 });
    expect(
      run(limit, [
        [0, 30],
        [1, 30.01],
        [2, 31],
        [3, 30],
        [4, 29],
      ]),
    ).toEqual(["nothing", "raise", "nothing", "clear", "nothing"]);
  });

  it("raises below its limit, not on it, and clears on it", () => {
    const limit = only({ below: 5, hysteresis: 0, forSeconds: 0 });
    expect(
      run(limit, [
        [0, 5],
        [1, 4.9],
        [2, -40],
        [3, 5],
        [4, 6],
      ]),
    ).toEqual(["nothing", "raise", "nothing", "clear", "nothing"]);
  });

  it("clears only when the value is back by the hysteresis, on either side", () => {
    const above = only({ above: 30, hysteresis: 2, forSeconds: 0 });
    expect(
      run(above, [
        [0, 31],
        [1, 29],
        [2, 28.1],
        [3, 31],
        [4, 28],
      ]),
    ).toEqual(["raise", "nothing", "nothing", "nothing", "clear"]);
    const below = only({ below: 5, hysteresis: 2, forSeconds: 0 });
    expect(
      run(below, [
        [0, 4],
        [1, 6],
        [2, 6.9],
        [3, 4],
        [4, 7],
      ]),
    ).toEqual(["raise", "nothing", "nothing", "nothing", "clear"]);
  });

  it("raises when the value stayed outside for the time asked, in measured time, and begins again after any value inside", () => {
    const limit = only({ above: 30, hysteresis: 5, forSeconds: 60 });
    expect(
      run(limit, [
        [0, 31],
        [59, 31],
        [59.5, 30],
        [60, 31],
        [119.999, 40],
        [120, 31],
        [121, 26],
        [122, 25],
      ]),
    ).toEqual(["nothing", "nothing", "nothing", "nothing", "nothing", "raise", "nothing", "clear"]);
  });

  it("clears an alarm that was open when the program started", () => {
    expect(
      run(
        only({ above: 30, hysteresis: 0, forSeconds: 60 }),
        [
          [0, 31],
          [1, 20],
        ],
        true,
      ),
    ).toEqual(["nothing", "clear"]);
  });

  it("has two sides when it has two limits", () => {
    expect(limitsOf({ above: 30, below: 5, hysteresis: 1, forSeconds: 2 })).toEqual([
      { direction: "above", threshold: 30, clearAt: 29, forUs: 2e6 },
      { direction: "below", threshold: 5, clearAt: 6, forUs: 2e6 },
    ]);
  });

  it("needs a limit, and above greater than below", () => {
    const code = "rules.without_limit";
    expect(() => checkLimits({})).toThrow(expect.objectContaining({ code }));
    expect(() => checkLimits({ above: 5, below: 5 })).toThrow(expect.objectContaining({ code }));
    expect(() => checkLimits({ above: 5, below: 6 })).toThrow(expect.objectContaining({ code }));
    expect(() => checkLimits({ above: 5, below: 4 })).not.toThrow();
    expect(() => checkLimits({ below: 4 })).not.toThrow();
  });
});
