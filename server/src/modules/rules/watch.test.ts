import { describe, expect, it } from "vitest";

import { limitsOf } from "./rule.ts";
import { createWatchBook } from "./watch.ts";
import type { WatchBook } from "./watch.ts";

function watchAbove(book: WatchBook, above: number, { id = "r1", open = false, latest = undefined as number | undefined } = {}) {
  book.apply(
    { id, deviceId: "coop-1", metric: "temperature", limits: limitsOf({ above, hysteresis: 0, forSeconds: 0 }) },
    new Set(open ? (["above"] as const) : []),
  );
  book.compare("coop-1", "temperature", latest === undefined ? undefined : { value: latest, measuredAtUs: 1000 });
}

function turns(book: WatchBook): string[] {
  return book.pending.map(({ kind, value, ruleId }) => `${ruleId} ${kind} ${value}`);
}

describe("a watch", () => {
  it("R8: five shuffled copies of each value over one watch turn an alarm as often as one copy in order of arrival", () => {
    const samples = Array.from({ length: 2_000 }, (_, index) => ({ at: 1_000_000 + index, value: Math.sin(index / 20) * 10 }));
    const once = createWatchBook();
    watchAbove(once, 5);
    for (const { at, value } of samples) once.watchOf("coop-1", "temperature").observe(value, at);

    const copies = createWatchBook();
    watchAbove(copies, 5);
    const watch = copies.watchOf("coop-1", "temperature");
    let state = 42;
    const random = () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
    for (const [index, { at, value }] of samples.entries()) {
      watch.observe(value, at);
      for (let copy = 0; copy < 4; copy += 1) {
        const old = samples[Math.floor(random() * (index + 1))];
        if (old !== undefined) watch.observe(old.value, old.at);
      }
    }
    expect(turns(once).length).toBeGreaterThan(20);
    expect(turns(copies)).toEqual(turns(once));
  });

  it("passes over what is not newer than the last value judged", () => {
    const book = createWatchBook();
    watchAbove(book, 30);
    const watch = book.watchOf("coop-1", "temperature");
    expect(watch.observe(35, 2000)).toBe(true);
    expect(watch.observe(20, 2000)).toBe(false);
    expect(watch.observe(20, 1000)).toBe(false);
    expect(watch.observe(Number.NaN, Number.NaN)).toBe(false);
    expect(watch.observe(20, 2001)).toBe(true);
    expect(turns(book)).toEqual(["r1 raise 35", "r1 clear 20"]);
  });

  it("is the same object before and after its first rule, and that rule judges the newest value heard so far", () => {
    const book = createWatchBook();
    const watch = book.watchOf("coop-1", "temperature");
    expect(watch.observe(35, 2000)).toBe(false);
    watchAbove(book, 30, { latest: 10 });
    expect(book.watchOf("coop-1", "temperature")).toBe(watch);
    expect(turns(book)).toEqual(["r1 raise 35"]);
  });

  it("judges the newest stored value when a rule comes before any value was heard", () => {
    const book = createWatchBook();
    watchAbove(book, 30, { latest: 31 });
    watchAbove(book, 30, { id: "r2", open: true, latest: 31 });
    expect(turns(book)).toEqual(["r1 raise 31"]);
  });

  it("R8: judges nothing late or doubled before it knows what is stored, and the newest value then", () => {
    const book = createWatchBook();
    const watch = book.watchOf("coop-1", "temperature");
    book.apply(
      { id: "r1", deviceId: "coop-1", metric: "temperature", limits: limitsOf({ above: 30, hysteresis: 0, forSeconds: 0 }) },
      new Set(),
    );
    expect(watch.observe(35, 500)).toBe(false);
    book.compare("coop-1", "temperature", { value: 20, measuredAtUs: 1000 });
    expect(turns(book)).toEqual([]);
    expect(watch.observe(36, 1001)).toBe(true);
    expect(turns(book)).toEqual(["r1 raise 36"]);
  });

  it("judges what it heard when what is stored cannot be read in time", () => {
    const book = createWatchBook();
    const watch = book.watchOf("coop-1", "temperature");
    book.apply(
      { id: "r1", deviceId: "coop-1", metric: "temperature", limits: limitsOf({ above: 30, hysteresis: 0, forSeconds: 0 }) },
      new Set(),
    );
    expect([watch.observe(40, 500), watch.observe(35, 600)]).toEqual([false, false]);
    book.release("coop-1", "temperature");
    expect(turns(book)).toEqual(["r1 raise 35"]);
    book.compare("coop-1", "temperature", { value: 20, measuredAtUs: 550 });
    book.compare("coop-1", "temperature", { value: 20, measuredAtUs: 550 });
    expect(turns(book)).toEqual(["r1 raise 35"]);
  });

  it("clears what is open in the database when the newest value is inside again", () => {
    const book = createWatchBook();
    watchAbove(book, 30, { open: true, latest: 20 });
    expect(turns(book)).toEqual(["r1 clear 20"]);
  });

  it("replaces a rule's limits in place and lets go of a removed one", () => {
    const book = createWatchBook();
    const watch = book.watchOf("coop-1", "temperature");
    watchAbove(book, 30);
    watchAbove(book, 50);
    expect(watch.observe(40, 3000)).toBe(false);
    book.retire("r1");
    expect(watch.observe(60, 4000)).toBe(false);
    expect(book.pending).toEqual([]);
  });

  it("follows what another server wrote", () => {
    const book = createWatchBook();
    watchAbove(book, 30);
    const watch = book.watchOf("coop-1", "temperature");
    book.noteOpen("r1", "above", true);
    expect(watch.observe(20, 3000)).toBe(true);
    expect(turns(book)).toEqual(["r1 clear 20"]);
  });

  it("judges nothing for a device that was removed", () => {
    const book = createWatchBook();
    watchAbove(book, 30);
    const watch = book.watchOf("coop-1", "temperature");
    book.forget("coop-1");
    expect(watch.observe(60, 4000)).toBe(false);
    expect(book.ruleIds()).toEqual([]);
  });
});
