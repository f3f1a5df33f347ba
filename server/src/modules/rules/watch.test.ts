import { describe, expect, it } from "vitest";

import { createRuleBook } from "./rule-book.ts";
import { thresholdRule } from "./test-rule.ts";
import { createWatchBook, holdingKey } from "./watch.ts";
import type { KnownValue } from "./watch.ts";

const device = { organisationId: "o1", kind: "generic", siteId: undefined, groupIds: new Set<string>(), hidden: false };

/** Rules and watches together, as the loader drives them. */
function bookOf() {
  const rules = createRuleBook();
  const book = createWatchBook({ rules, placeOf: (id) => (id === "coop-1" ? device : undefined), unitOf: () => "°C" });
  return {
    ...book,
    rules,
    /** Puts a rule in force, and compares it with what is stored unless `latest` is "unknown". */
    watch(above: number, { id = "r1", open = false, latest = undefined as KnownValue | "unknown" | undefined } = {}) {
      book.retire(id);
      if (open) book.noteOpen(id, "coop-1", "above", true);
      rules.put({
        id,
        organisationId: "o1",
        version: 1,
        changedAt: new Date(0),
        fields: thresholdRule({ deviceId: "coop-1", metric: "temperature", above }),
      });
      const known = book.find("coop-1", "temperature");
      const watch = known ?? book.watchOf("coop-1", "temperature");
      watch.admit(known === undefined ? [...watch.limits, ...watch.others] : book.align(watch));
      if (latest === "unknown") return;
      watch.learn(latest, () => undefined);
      watch.compare([], () => undefined);
    },
    compare(latest: KnownValue | undefined) {
      const watch = book.watchOf("coop-1", "temperature");
      watch.learn(latest, () => undefined);
      watch.compare([], () => undefined);
    },
    turns: () => book.pending.map(({ what, value, rule }) => `${rule.id} ${what} ${value}`),
  };
}

const stored = (value: number): KnownValue => ({ value, measuredAtUs: 1000 });

describe("a watch", () => {
  it("R8: five shuffled copies of each value over one watch turn an alarm as often as one copy in order of arrival", () => {
    const samples = Array.from({ length: 2_000 }, (_, index) => ({ at: 1_000_000 + index, value: Math.sin(index / 20) * 10 }));
    const once = bookOf();
    once.watch(5);
    for (const { at, value } of samples) once.watchOf("coop-1", "temperature").observe(value, at);

    const copies = bookOf();
    copies.watch(5);
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
    expect(once.turns().length).toBeGreaterThan(20);
    expect(copies.turns()).toEqual(once.turns());
  });

  it("passes over what is not newer than the last value judged", () => {
    const book = bookOf();
    book.watch(30);
    const watch = book.watchOf("coop-1", "temperature");
    expect(watch.observe(35, 2000)).toBe(true);
    expect(watch.observe(20, 2000)).toBe(false);
    expect(watch.observe(20, 1000)).toBe(false);
    expect(watch.observe(Number.NaN, Number.NaN)).toBe(false);
    expect(watch.observe(20, 2001)).toBe(true);
    expect(book.turns()).toEqual(["r1 raise 35", "r1 clear 20"]);
  });

  it("is the same object before and after its first rule, and that rule judges the newest value heard so far", () => {
    const book = bookOf();
    const watch = book.watchOf("coop-1", "temperature");
    expect(watch.observe(35, 2000)).toBe(false);
    book.watch(30, { latest: stored(10) });
    expect(book.watchOf("coop-1", "temperature")).toBe(watch);
    expect(book.turns()).toEqual(["r1 raise 35"]);
  });

  it("judges the newest stored value when a rule comes before any value was heard", () => {
    const book = bookOf();
    book.watch(30, { latest: stored(31) });
    book.watch(30, { id: "r2", open: true });
    expect(book.turns()).toEqual(["r1 raise 31"]);
  });

  it("R8: judges nothing late or doubled before it knows what is stored, and the newest value then", () => {
    const book = bookOf();
    const watch = book.watchOf("coop-1", "temperature");
    book.watch(30, { latest: "unknown" });
    expect(watch.observe(35, 500)).toBe(false);
    book.compare(stored(20));
    expect(book.turns()).toEqual([]);
    expect(watch.observe(36, 1001)).toBe(true);
    expect(book.turns()).toEqual(["r1 raise 36"]);
  });

  it("judges what it heard when what is stored cannot be read in time", () => {
    const book = bookOf();
    const watch = book.watchOf("coop-1", "temperature");
    book.watch(30, { latest: "unknown" });
    expect([watch.observe(40, 500), watch.observe(35, 600)]).toEqual([false, false]);
    watch.release();
    expect(book.turns()).toEqual(["r1 raise 35"]);
    book.compare({ value: 20, measuredAtUs: 550 });
    book.compare({ value: 20, measuredAtUs: 550 });
    expect(book.turns()).toEqual(["r1 raise 35"]);
  });

  it("clears what is open in the database when the newest value is inside again", () => {
    const book = bookOf();
    book.watch(30, { open: true, latest: stored(20) });
    expect(book.turns()).toEqual(["r1 clear 20"]);
  });

  it("replaces a rule's limits in place and lets go of a removed one", () => {
    const book = bookOf();
    const watch = book.watchOf("coop-1", "temperature");
    book.watch(30);
    book.watch(50);
    expect(watch.observe(40, 3000)).toBe(false);
    book.rules.drop("r1");
    book.align(watch);
    expect(watch.observe(60, 4000)).toBe(false);
    expect(book.pending).toEqual([]);
  });

  it("follows what another server wrote", () => {
    const book = bookOf();
    book.watch(30);
    const watch = book.watchOf("coop-1", "temperature");
    book.noteOpen("r1", "coop-1", "above", true);
    expect(watch.observe(20, 3000)).toBe(true);
    expect(book.turns()).toEqual(["r1 clear 20"]);
    expect(book.isHolding("r1", "coop-1", "above")).toBe(false);
    expect(holdingKey("r1", "coop-1", "above")).toBe("r1 coop-1 above");
  });

  it("judges nothing for a device that was removed", () => {
    const book = bookOf();
    book.watch(30);
    const watch = book.watchOf("coop-1", "temperature");
    book.forget("coop-1");
    expect(watch.observe(60, 4000)).toBe(false);
    expect(watch.limits).toEqual([]);
  });
});
