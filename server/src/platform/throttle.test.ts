import { describe, expect, it } from "vitest";

import { createThrottle } from "./throttle.ts";

function at(options: { burst: number; refill: number; windowMs: number; maxKeys?: number }) {
  let nowMs = 0;
  const throttle = createThrottle({ clock: { nowMs: () => 0, monotonicMs: () => nowMs }, maxKeys: 100, ...options });
  return { throttle, pass: (ms: number) => (nowMs += ms) };
}

describe("a throttle", () => {
  it("S5: lets no more than burst and refill pass in any window of its length", () => {
    const windowMs = 900_000;
    const { throttle, pass } = at({ burst: 5, refill: 5, windowMs });
    const passed: number[] = [];
    for (let second = 0; second < 3_600; second += 1) {
      if (throttle.take("account") === 0) passed.push(second * 1_000);
      pass(1_000);
    }
    const most = Math.max(...passed.map((start) => passed.filter((ms) => ms >= start && ms < start + windowMs).length));
    expect(most).toBeLessThanOrEqual(10);
    // Five at once, and then one every three minutes of the hour.
    expect(passed.length).toBeGreaterThanOrEqual(23);
  });

  it("says how long to wait, and that wait is enough", () => {
    const { throttle, pass } = at({ burst: 2, refill: 1, windowMs: 60_000 });
    expect([throttle.take("a"), throttle.take("a"), throttle.take("a")]).toEqual([0, 0, 60]);
    pass(59_000);
    expect(throttle.take("a")).toBe(1);
    pass(1_000);
    expect(throttle.take("a")).toBe(0);
  });

  it("counts each key alone, and gives a try back", () => {
    const { throttle } = at({ burst: 1, refill: 1, windowMs: 60_000 });
    expect([throttle.take("a"), throttle.take("b"), throttle.take("a")]).toEqual([0, 0, 60]);
    throttle.giveBack("a");
    throttle.giveBack("a");
    expect([throttle.take("a"), throttle.take("a")]).toEqual([0, 60]);
  });

  it("forgets the quietest key first, and never holds more than its bound", () => {
    const { throttle } = at({ burst: 1, refill: 1, windowMs: 60_000, maxKeys: 3 });
    for (const key of ["a", "b", "c"]) throttle.take(key);
    throttle.take("a");
    throttle.take("d");
    // b went to make room for d; a was asked for again and stays.
    expect([throttle.take("a"), throttle.take("c"), throttle.take("d"), throttle.take("b")]).toEqual([60, 60, 60, 0]);
  });
});
