import { describe, expect, it } from "vitest";

import { Pace } from "./pace.ts";

function scene(perSecond: number) {
  const state = { nowMs: 0, waits: 0 };
  const done: number[] = [];
  let due: (() => void) | undefined;
  const pace = new Pace<number>({
    perSecond,
    nowMs: () => state.nowMs,
    later: (run) => {
      due = run;
    },
    run: (item) => void done.push(item),
    waits: () => void (state.waits += 1),
  });
  const pass = (milliseconds: number) => {
    state.nowMs += milliseconds;
    const run = due;
    due = undefined;
    run?.();
  };
  return { pace, done, state, pass };
}

describe("a pace", () => {
  it("lets a little through at once, and much in order, so much a second", () => {
    const { pace, done, state, pass } = scene(500);
    for (let item = 0; item < 100; item += 1) pace.add(item);
    expect([done.length, state.waits, pace.waiting]).toEqual([20, 80, 80]);
    for (let step = 1; step <= 10; step += 1) {
      pass(10);
      expect(done).toHaveLength(20 + step * 5);
    }
    pass(1_000);
    expect(done).toHaveLength(90);
    pass(1_000);
    expect(done).toEqual(Array.from({ length: 100 }, (_, item) => item));
    pass(1_000);
    pace.add(100);
    expect(done.at(-1)).toBe(100);
  });

  it("spends nothing on what was called off", () => {
    const { pace, done, pass } = scene(25);
    for (let item = 0; item < 10; item += 1) pace.add(item);
    for (let item = 1; item < 9; item += 1) pace.delete(item);
    pass(1_000);
    expect([done, pace.waiting]).toEqual([[0, 9], 0]);
  });

  it("keeps the order: nobody passes those who wait", () => {
    const { pace, done, state, pass } = scene(25);
    pace.add(1);
    pace.add(2);
    state.nowMs += 1_000;
    pace.add(3);
    pass(0);
    pass(1_000);
    expect(done).toEqual([1, 2, 3]);
  });
});
