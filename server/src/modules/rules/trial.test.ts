import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { atOnce, eventEpisodes, matcherOf, silences } from "./trial.ts";

describe("what would have been", () => {
  it("an event's type fits a pattern as a glob does, however many stars it has", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "_"), maxLength: 12 });
    const patterns = fc.string({ unit: fc.constantFrom("a", "b", "*"), minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(patterns, letters, (pattern, type) => {
        const form = new RegExp(`^${pattern.replaceAll("*", ".*")}$`);
        expect(matcherOf(pattern)(type)).toBe(form.test(type));
      }),
    );
    expect(matcherOf(`${"*a".repeat(31)}*c`)("a".repeat(5_000))).toBe(false);
  });

  it("events begin and end each other, and stand for themselves where nothing ends them", () => {
    const events = ["open", "open", "closed", "closed", "open"].map((type, index) => ({ type, atUs: index }));
    expect(eventEpisodes(events, { type: "open", clearsOn: "closed" })).toEqual([{ fromUs: 0, toUs: 2 }, { fromUs: 4 }]);
    expect(eventEpisodes(events, { type: "clos*" })).toEqual([
      { fromUs: 2, toUs: 2 },
      { fromUs: 3, toUs: 3 },
    ]);
  });

  it("silence begins when it is noticed and ends with the next value; as long as allowed is not too long", () => {
    const range = { afterUs: 10, fromUs: 0, toUs: 100 };
    expect(silences([5, 15, 40, 95], range)).toEqual([
      { fromUs: 25, toUs: 40 },
      { fromUs: 50, toUs: 95 },
    ]);
    expect(silences([], range)).toEqual([{ fromUs: 10 }]);
    expect(silences([10, 20, 30], { ...range, toUs: 40 })).toEqual([]);
  });

  it("several things at once are their overlap, open ends and all", () => {
    const [one, other] = [[{ fromUs: 0, toUs: 10 }, { fromUs: 20 }], [{ fromUs: 5, toUs: 25 }]];
    expect(atOnce([one, other], 2)).toEqual([
      { fromUs: 5, toUs: 10 },
      { fromUs: 20, toUs: 25 },
    ]);
    expect(atOnce([one, other], 1)).toEqual([{ fromUs: 0 }]);
    expect(atOnce([[{ fromUs: 0, toUs: 9 }, { fromUs: 3 }], other], 2)).toEqual([{ fromUs: 5, toUs: 25 }]);
  });
});
