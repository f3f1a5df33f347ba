import { expect, it } from "vitest";

import { aboutMetric, kindChoices, titleOfKind } from "./kinds.ts";

it("knows the kinds of all kits by title, and what their metrics mean", () => {
  expect(titleOfKind("linux-host")).toBe("Linux host");
  expect(titleOfKind("made-up")).toBe("made-up");
  expect(titleOfKind("constructor")).toBe("constructor");
  expect(kindChoices()[0]).toEqual({ value: "generic", label: "Generic device" });
  expect(aboutMetric("linux-host", "cpu_used")).toMatch(/processor/);
  expect(aboutMetric("linux-host", "toString")).toBeUndefined();
});
