import { ruleKinds } from "@roost/contract/rule-conditions";
import { type AlarmRule, ruleFields } from "@roost/contract/rules";
import { expect, it } from "vitest";

import { draftOf, emptyDraft, fieldsOf, kindForms, withKind } from "./rule-draft.ts";

const ruleId = "01900000-0000-7000-8000-000000000001";
const conditions = [
  { kind: "threshold", metric: "temperature", above: 30, unit: "°F", forSeconds: 600, count: 2 },
  { kind: "rate", metric: "temperature", perHour: 5, direction: "rising" },
  { kind: "trend", metric: "temperature", below: 5 },
  { kind: "anomaly", metric: "temperature" },
  { kind: "no_data", afterSeconds: 900 },
  { kind: "offline" },
  { kind: "state", metric: "door", equals: 1 },
  { kind: "event", type: "door_*" },
  { kind: "composite", any: [ruleId] },
];

it("gives every kind of rule back as it came, with what the form does not show", () => {
  expect(conditions.map(({ kind }) => kind).sort()).toEqual([...ruleKinds].sort());
  for (const condition of conditions) {
    const rule = ruleFields.parse({
      name: "One",
      scope: { kind: "generic" },
      condition,
      severity: "major",
      text: "So it is.",
      enabled: false,
    });
    const back = fieldsOf(draftOf({ ...rule, id: ruleId, version: 1, changedAt: new Date(), changedBy: "ann" } as AlarmRule));
    expect(back, condition.kind).toEqual({ fields: rule, faults: {} });
  }
});

it("says what is missing, and reads figures as people type them", () => {
  const draft = { ...emptyDraft, scopeKind: "siteId" as const, texts: { ...emptyDraft.texts, above: "warm" } };
  expect(Object.keys(fieldsOf(draft).faults).sort()).toEqual(["above", "metric", "place"]);
  const good = { ...emptyDraft, texts: { ...emptyDraft.texts, metric: "temperature", below: "−2,5", forSeconds: "10" } };
  expect(fieldsOf(good).fields?.condition).toMatchObject({ below: -2.5, forSeconds: 600 });
});

it("keeps the metric when the kind changes", () => {
  const draft = withKind({ ...emptyDraft, texts: { ...emptyDraft.texts, metric: "humidity", above: "3" } }, "rate");
  expect(draft.texts).toEqual({ metric: "humidity", perHour: "", direction: "either", overSeconds: "30", unit: "" });
  expect(kindForms.rate.title).toBe("Rate of change");
});
