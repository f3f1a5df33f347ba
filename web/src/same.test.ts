import fc from "fast-check";
import { expect, it } from "vitest";

import { keepSame } from "./same.ts";

const answer = () => ({
  items: [
    { id: "a", at: new Date(5), latest: [{ value: 1 }] },
    { id: "b", at: new Date(6), latest: [] },
  ],
  next: "x" as string | undefined,
});

it("gives back the very answer from before when nothing changed, dates included", () => {
  const before = answer();
  expect(keepSame(before, answer())).toBe(before);
});

it("keeps the rows that did not change and renews the one that did", () => {
  const before = answer();
  const after = answer();
  const [, second] = after.items;
  if (second !== undefined) second.at = new Date(7);
  const kept = keepSame(before, after);
  expect(kept).toEqual(after);
  expect(kept.items[0]).toBe(before.items[0]);
  expect(kept.items[1]).not.toBe(before.items[1]);
  expect(kept.items[1]?.latest).toBe(before.items[1]?.latest);
});

it("sees what was added, removed, or became undefined", () => {
  const before = answer();
  expect(keepSame(before, { ...answer(), next: undefined })).toEqual({ ...answer(), next: undefined });
  expect(Object.keys(keepSame<object>(before, { items: [] }))).toEqual(["items"]);
  expect(keepSame<unknown>([1, 2, 3], [1, 2])).toEqual([1, 2]);
  expect(keepSame<unknown>({ 0: "a" }, ["a"])).toEqual(["a"]);
});

it("never says anything but the new answer, whatever was there before", () => {
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      fc.integer(),
      fc.string(),
      fc.constant(undefined),
      fc.constant(null),
      fc.date({ noInvalidDate: true }),
      fc.array(tie("node")),
      fc.dictionary(fc.string(), tie("node")),
    ),
  })).node;
  fc.assert(
    fc.property(value, value, (before, after) => {
      expect(keepSame(before, after)).toStrictEqual(after);
    }),
  );
});
