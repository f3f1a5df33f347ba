import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { both, lengthMs, merged, without } from "./spans.ts";
import type { Span } from "./spans.ts";

const end = 60;
const span = fc.tuple(fc.nat(end), fc.nat(end)).map(([fromMs, toMs]): Span => ({ fromMs, toMs }));
const spans = fc.array(span, { maxLength: 12 });

/** The same as a row of instants: slow, and too simple to be wrong. */
const instants = (some: readonly Span[]): boolean[] =>
  Array.from({ length: end }, (_, at) => some.some(({ fromMs, toMs }) => fromMs <= at && at < toMs));

describe("stretches of time", () => {
  it("N-F09: joined, they hold the same instants, in order, none touching the next", () => {
    fc.assert(
      fc.property(spans, (some) => {
        const joined = merged(some);
        expect(instants(joined)).toEqual(instants(some));
        for (const [index, { fromMs, toMs }] of joined.entries()) {
          expect(fromMs).toBeLessThan(toMs);
          expect(fromMs).toBeGreaterThan(joined[index - 1]?.toMs ?? -1);
        }
        expect(merged(joined)).toEqual(joined);
        expect(lengthMs(some)).toBe(instants(some).filter(Boolean).length);
      }),
    );
  });

  it("N-F09: what is in both and what is in the first alone make up the first, instant by instant, and nothing counts twice", () => {
    fc.assert(
      fc.property(spans, spans, (some, others) => {
        const [left, right] = [instants(some), instants(others)];
        expect(instants(both(some, others))).toEqual(left.map((is, at) => is && right[at] === true));
        expect(instants(without(some, others))).toEqual(left.map((is, at) => is && right[at] !== true));
        expect(lengthMs(both(some, others)) + lengthMs(without(some, others))).toBe(lengthMs(some));
        expect(both(some, others)).toEqual(both(others, some));
        expect(without(without(some, others), others)).toEqual(without(some, others));
      }),
    );
  });

  it("N-F09: what goes on without end is cut where the other ends", () => {
    const open = [{ fromMs: 5, toMs: Infinity }];
    expect(both(open, [{ fromMs: 0, toMs: 9 }])).toEqual([{ fromMs: 5, toMs: 9 }]);
    expect(without([{ fromMs: 0, toMs: 9 }], open)).toEqual([{ fromMs: 0, toMs: 5 }]);
    expect(without(open, [{ fromMs: 7, toMs: 8 }])).toEqual([
      { fromMs: 5, toMs: 7 },
      { fromMs: 8, toMs: Infinity },
    ]);
  });
});
