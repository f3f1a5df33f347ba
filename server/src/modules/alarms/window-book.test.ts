import type { AlarmKind } from "@roost/contract/alarms";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { createWindowBook } from "./window-book.ts";
import type { StoredWindow } from "./window-store.ts";
import type { FixedPlan } from "./window.ts";

const organisationId = "o1";
const start = Date.parse("2026-03-02T10:00:00Z");
const minute = 60_000;

function windowOf(id: string, plan: FixedPlan, scope: StoredWindow["scope"], record = true): StoredWindow & { readonly cuts: [] } {
  const at = new Date(start);
  const people = { createdBy: "a", createdAt: at, changedAt: at, cancelledAt: undefined, cancelledBy: undefined };
  return {
    id,
    organisationId,
    title: id,
    note: undefined,
    silence: false,
    plan,
    scope,
    record,
    notify: false,
    ...people,
    version: 1,
    cuts: [],
  };
}

const places = ["s1", "s2"] as const;
const kinds: readonly AlarmKind[] = ["above", "offline"];
const somewhere = fc.record(
  {
    siteIds: fc.subarray([...places], { minLength: 1 }),
    deviceIds: fc.subarray(["d1", "d2"], { minLength: 1 }),
    kinds: fc.subarray([...kinds], { minLength: 1 }),
  },
  { requiredKeys: [] },
);
const windows = fc.array(
  fc.record({
    from: fc.integer({ min: 0, max: 90 }),
    minutes: fc.integer({ min: 1, max: 60 }),
    daily: fc.boolean(),
    scope: somewhere,
    record: fc.boolean(),
  }),
  { maxLength: 8 },
);

describe("the windows in force, from memory", () => {
  it("cover exactly what a look at each of them says, whatever moment is asked for before", () => {
    fc.assert(
      fc.property(windows, fc.array(fc.integer({ min: -10, max: 3_000 }), { minLength: 1, maxLength: 6 }), (given, moments) => {
        const book = createWindowBook();
        for (const [index, { from, minutes, daily, scope, record }] of given.entries()) {
          const begin = new Date(start + from * minute);
          const plan: FixedPlan = daily
            ? { kind: "recurring", rrule: "FREQ=DAILY", durationSeconds: minutes * 60, zone: "UTC", from: begin }
            : { kind: "once", from: begin, to: new Date(begin.getTime() + minutes * minute), zone: "UTC" };
          book.put(windowOf(`w${index}`, plan, scope as StoredWindow["scope"], record));
        }
        for (const moment of moments) {
          const atMs = start + moment * minute;
          for (const siteId of places) {
            for (const deviceId of ["d1", "d2"]) {
              for (const kind of kinds) {
                const covering = given.flatMap(({ from, minutes, daily, scope, record }, index) => {
                  const since = moment - from;
                  const within = daily && since >= 0 ? since % 1_440 : since;
                  const isInForce = within >= 0 && within < minutes;
                  const isPlace =
                    (scope.siteIds === undefined && scope.deviceIds === undefined) ||
                    scope.siteIds?.includes(siteId) === true ||
                    scope.deviceIds?.includes(deviceId) === true;
                  const isKind = scope.kinds === undefined || scope.kinds.includes(kind);
                  return isInForce && isPlace && isKind ? [{ id: `w${index}`, record, left: minutes - within }] : [];
                });
                const cover = book.coverOf({ organisationId, deviceId, siteId, groupIds: new Set<string>(), kind }, atMs);
                if (covering.length === 0) {
                  expect(cover).toBeUndefined();
                  continue;
                }
                // One that records comes first, then the one that lasts longest.
                const records = covering.some(({ record }) => record);
                const best = covering.filter(({ record }) => record === records);
                const left = Math.max(...best.map((one) => one.left));
                expect([cover?.record, cover?.endsAt]).toEqual([records, new Date(atMs + left * minute)]);
                expect(best.filter((one) => one.left === left).map(({ id }) => id)).toContain(cover?.windowId);
              }
            }
          }
          expect(book.coverOf({ organisationId: "o2", kind: "above" }, atMs)).toBeUndefined();
        }
      }),
      { numRuns: 40 },
    );
  });

  it("knows when any of them changes next, and which have nothing ahead", () => {
    const book = createWindowBook();
    const once = (id: string, from: number, to: number) =>
      windowOf(
        id,
        { kind: "once", from: new Date(start + from * minute), to: new Date(start + to * minute), zone: "UTC" },
        { everything: true },
      );
    book.put(once("over", -20, -10));
    book.put(once("now", -5, 30));
    book.put(once("ahead", 10, 20));
    const survey = book.survey(start);
    expect([survey.inForce.map(({ live }) => live.window.id), survey.over, survey.changesAtMs]).toEqual([
      ["now"],
      ["over"],
      start + 10 * minute,
    ]);
    // An older state of it changes nothing.
    book.put({ ...once("ahead", 10, 60), version: 0 });
    expect(book.at("ahead", start + 30 * minute)).toBeUndefined();
    book.put({ ...once("ahead", 10, 60), version: 2 });
    expect(book.at("ahead", start + 30 * minute)).toBeDefined();
  });
});
