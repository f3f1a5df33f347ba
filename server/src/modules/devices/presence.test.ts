import { describe, expect, it } from "vitest";

import { beginPulse, declare, hear, isSilent, limitMs, paceMs, resetPace } from "./presence.ts";
import type { Pulse } from "./presence.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** Plays signs of life and counts how often the device would have been called offline. */
function play(pulse: Pulse, at: readonly number[]): { pulse: Pulse; timesOffline: number } {
  let timesOffline = 0;
  let now = pulse;
  for (const nowMs of at) {
    if (isSilent(now, nowMs - 1)) timesOffline += 1;
    now = hear(now, nowMs);
  }
  return { pulse: now, timesOffline };
}

/** Instants from `from`, `everyMs` apart, `count` of them. */
const every = (everyMs: number, count: number, from = 0) => Array.from({ length: count }, (_, index) => from + (index + 1) * everyMs);
const begin = (settingSeconds = 60) => beginPulse({ settingSeconds, nowMs: 0 });
/** Heard for the first time at 0: before that a device is waiting, not offline. */
const heardOnce = (settingSeconds = 60) => hear(begin(settingSeconds), 0);

describe("a device's presence", () => {
  it("ends after three missed heartbeats at its own pace, not before", () => {
    const pulse = hear(begin(30), 5 * second);
    expect(isSilent(pulse, 5 * second + 90 * second - 1)).toBe(false);
    expect(isSilent(pulse, 5 * second + 90 * second)).toBe(true);
  });

  it("is given one whole limit after a start, whatever came before", () => {
    const pulse = beginPulse({ settingSeconds: 60, learntSeconds: 300, nowMs: 7 * day });
    expect(isSilent(pulse, 7 * day + 15 * minute - 1)).toBe(false);
    expect(isSilent(pulse, 7 * day + 15 * minute)).toBe(true);
  });

  it("follows the interval that a heartbeat declares, shorter or longer than the setting", () => {
    const fast = declare(hear(begin(60), 0), 5);
    expect(limitMs(fast)).toBe(15 * second);
    const slow = declare(fast, 600);
    expect(limitMs(slow)).toBe(30 * minute);
    // A heartbeat without an interval takes the declaration back.
    expect(paceMs(declare(slow, undefined))).toBe(minute);
    expect(play(slow, every(10 * minute, 50, 10 * minute)).timesOffline).toBe(0);
  });

  it("does not flap for a device that only sends every five minutes under a setting of one: it is offline once and then known", () => {
    const played = play(heardOnce(60), every(5 * minute, 200));
    expect(played.timesOffline).toBeLessThanOrEqual(1);
    expect(paceMs(played.pulse)).toBe(5 * minute);
    expect(play(played.pulse, every(5 * minute, 500, 1_000 * minute)).timesOffline).toBe(0);
  });

  it("does not flap for an hourly sender either, in bursts or one by one", () => {
    expect(play(heardOnce(60), every(hour, 200)).timesOffline).toBeLessThanOrEqual(2);
    const bursts = every(hour, 200).flatMap((at) => [at, at + 300, at + 900, at + 1_500, at + 2_100]);
    expect(play(heardOnce(60), bursts).timesOffline).toBeLessThanOrEqual(2);
  });

  it("learns a pace a little slower than its setting before it is ever called offline", () => {
    const played = play(heardOnce(60), every(100 * second, 20));
    expect(played.timesOffline).toBe(0);
    expect(paceMs(played.pulse)).toBe(100 * second);
  });

  it("does not take an outage for a pace", () => {
    const before = play(heardOnce(60), every(30 * second, 1_000)).pulse;
    const after = play(before, every(30 * second, 20, before.heardAtMs + 2 * hour));
    expect(paceMs(after.pulse)).toBe(minute);
    // Nor two of them, days apart.
    const days = play(after.pulse, every(30 * second, 5_000, after.pulse.heardAtMs)).pulse;
    const second2 = play(days, every(30 * second, 20, days.heardAtMs + 2 * hour)).pulse;
    expect(paceMs(second2)).toBe(minute);
  });

  it("is not lulled by a first message and a long lunch", () => {
    const played = play(heardOnce(60), [second, 3 * hour, ...every(5 * second, 2_000, 3 * hour)]);
    expect(limitMs(played.pulse)).toBe(3 * minute);
  });

  it("forgets a slow pace when the device becomes fast, and follows it when it becomes slow again", () => {
    const slow = play(heardOnce(60), every(10 * minute, 30)).pulse;
    expect(paceMs(slow)).toBe(10 * minute);
    const fast = play(slow, every(20 * second, 400, slow.heardAtMs)).pulse;
    expect(paceMs(fast)).toBe(minute);
    const slowAgain = play(fast, every(10 * minute, 100, fast.heardAtMs));
    expect(slowAgain.timesOffline).toBeLessThanOrEqual(2);
    expect(paceMs(slowAgain.pulse)).toBe(10 * minute);
  });

  it("never learns more than a day", () => {
    expect(paceMs(play(heardOnce(60), every(5 * day, 20)).pulse)).toBeLessThanOrEqual(day);
    expect(paceMs(beginPulse({ settingSeconds: 60, learntSeconds: 1e9, nowMs: 0 }))).toBe(day);
  });

  it("starts over when people change its setting", () => {
    const learnt = play(heardOnce(60), every(5 * minute, 50)).pulse;
    expect(paceMs(resetPace(learnt, 60))).toBe(5 * minute);
    expect(paceMs(resetPace(learnt, 20))).toBe(20 * second);
  });
});
