import { describe, expect, it } from "vitest";

import { aboutWords, planWords } from "./window-words.ts";

const names = new Map([
  ["s1", "Cellar"],
  ["g1", "Pumps"],
]);
const about = (scope: object, more: object = {}) => aboutWords({ scope, ...more }, names);
const plan = (parts: object) => planWords({ kind: "recurring", durationSeconds: 7_200, zone: "Europe/Berlin", ...parts } as never);

describe("maintenance windows in words", () => {
  it("says what they are about", () => {
    expect(about({ everything: true })).toBe("All alarms");
    expect(about({ siteIds: ["s1"], groupIds: ["g1"] })).toBe("Alarms of Cellar and Pumps");
    expect(about({ kinds: ["offline", "no_data"], deviceIds: ["pump-1"] })).toBe("Alarms of kind offline and no data of pump-1");
    expect(about({ kinds: ["offline"] })).toBe("Alarms of kind offline, everywhere");
    expect(about({ deviceIds: ["a", "b", "c", "d", "e"] })).toBe("Alarms of a, b, c and 2 more");
    expect(about({ siteIds: ["s1"] }, { scopeIsLarger: true })).toBe("Alarms of Cellar and more than you see");
  });

  it("says how often, and shows a rule that has no words as it is", () => {
    expect(plan({ rrule: "FREQ=DAILY" })).toBe("Every day, 2 h, by the clock of Europe/Berlin");
    expect(plan({ rrule: "FREQ=WEEKLY;BYDAY=SA,SU" })).toBe("Every week on Sat and Sun, 2 h, by the clock of Europe/Berlin");
    expect(plan({ rrule: "FREQ=WEEKLY;INTERVAL=2" })).toContain("By the rule FREQ=WEEKLY;INTERVAL=2");
    expect(plan({ cron: "0 2 * * 6" })).toContain("By cron 0 2 * * 6");
  });
});
