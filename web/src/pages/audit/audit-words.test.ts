import { describe, expect, it } from "vitest";

import { actionWords, changesOf, faultSentence, objectWords } from "./audit-words.ts";

describe("words of the audit trail", () => {
  it("reads an action as words", () => {
    expect(actionWords("alarm_rule.changed")).toBe("Alarm rule changed");
  });

  it("tells a change field by field, with what was not there left out", () => {
    expect(
      changesOf({
        before: { maxDevices: 5, enabled: true, name: "", note: null },
        after: { maxDevices: 10, enabled: false, roles: ["viewer", "admin"], limits: { a: 1 } },
      }),
    ).toEqual([
      { field: "max devices", before: "5", after: "10" },
      { field: "enabled", before: "yes", after: "no" },
      { field: "name", before: "empty" },
      { field: "note", before: "nothing" },
      { field: "roles", after: "viewer, admin" },
      { field: "limits", after: '{"a":1}' },
    ]);
  });

  it("names a thing by its name, else by its kind and id", () => {
    expect(objectWords({ kind: "site", id: "1", name: "Hill" })).toBe("Hill");
    expect(objectWords({ kind: "alarm_rule", id: "01a1fdf8-501c-711d-945f-9c3c67009502" })).toBe("alarm rule 01a1…9502");
    expect(objectWords({ kind: "audit", id: "csv" })).toBe("audit csv");
  });

  it("names the place of a fault", () => {
    expect(faultSentence({ kind: "edited", position: 12_345 })).toBe("The entry at position 12\u2009345 is not what was written.");
    expect(faultSentence({ kind: "truncated", position: 5, toPosition: 9 })).toContain("positions 5 to 9");
  });
});
