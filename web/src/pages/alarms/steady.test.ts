import { expect, it } from "vitest";

import { keepSteady } from "./steady.ts";

const of = (...ids: string[]) => ids.map((id) => ({ id, state: "old" }));

it("moves as it likes while nobody is in the middle of it", () => {
  expect(keepSteady(of("c", "a"), undefined)).toEqual({ items: of("c", "a"), gone: new Set(), waiting: 0 });
});

it("keeps every row in its place with what is known of it now, and says how many wait", () => {
  const now = [{ id: "new", state: "old" }, { id: "b", state: "changed" }, ...of("c")];
  expect(keepSteady(now, of("a", "b", "c"))).toEqual({
    items: [
      { id: "a", state: "old" },
      { id: "b", state: "changed" },
      { id: "c", state: "old" },
    ],
    gone: new Set(["a"]),
    waiting: 1,
  });
});

it("takes more of the list at its end, where it disturbs nobody", () => {
  expect(keepSteady(of("a", "b", "c", "d"), of("a", "b"))).toEqual({ items: of("a", "b", "c", "d"), gone: new Set(), waiting: 0 });
});
