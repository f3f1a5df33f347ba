import { expect, it } from "vitest";

import { checkRule, parseFigure, ruleTexts } from "./rule-texts.ts";

const empty = ruleTexts(undefined, "temperature");

it("reads figures as people type them, and nothing else", () => {
  expect(["21.5", "21,5", " -3 ", "−3", ".5", "1e3", ""].map(parseFigure)).toEqual([21.5, 21.5, -3, -3, 0.5, 1_000, undefined]);
  for (const nonsense of ["12abc", "1.2.3", "0x10", "Infinity", "--1", "e5"]) expect(parseFigure(nonsense), nonsense).toBeNaN();
});

it("asks for a limit, and for the lower one to be lower", () => {
  expect(Object.keys(checkRule(empty).faults)).toEqual(["above"]);
  expect(Object.keys(checkRule({ ...empty, above: "5", below: "5" }).faults)).toEqual(["below"]);
  expect(Object.keys(checkRule({ ...empty, above: "x", hysteresis: "-1" }).faults)).toEqual(["above", "hysteresis"]);
  expect(checkRule({ ...empty, below: "5" }).faults).toEqual({});
});

it("sends only the limits that are there, and keeps those of a rule that is changed", () => {
  expect(checkRule({ ...empty, above: "35", forSeconds: "600" }).limits).toEqual({
    above: 35,
    hysteresis: 0,
    forSeconds: 600,
  });
  const limits = { above: 1.5, below: -2, hysteresis: 0.1, forSeconds: 60 };
  const rule = { condition: { kind: "threshold", metric: "x", count: 1, ...limits }, severity: "critical", enabled: false } as const;
  expect(ruleTexts(rule, "y")).toMatchObject({ metric: "x", severity: "critical", enabled: false });
  expect(checkRule(ruleTexts(rule, "y")).limits).toEqual(limits);
});
