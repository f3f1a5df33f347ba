import { describe, expect, it } from "vitest";

import { chainWords, destinationOf, keyOf, matchWords, toWords, whenWords } from "./routing-words.ts";

const names = new Map([
  ["s1", "North"],
  ["person:p1", "Ana"],
  ["schedule:d1", "Barns"],
  ["chain:c1", "Night"],
]);
const night = { from: "22:00", to: "06:00", timeZone: "Europe/Berlin" };

describe("words about routes", () => {
  it("CO-59: say in plain words what a route is for", () => {
    expect(matchWords({ match: {} }, names)).toBe("All alarms");
    expect(matchWords({ match: { minSeverity: "critical", siteIds: ["s1" as never], window: night } }, names)).toBe(
      "Critical alarms of North, 22:00 to 06:00 (Europe/Berlin)",
    );
    expect(matchWords({ match: { minSeverity: "minor", maxSeverity: "major", kinds: ["no_data"] } }, names)).toBe(
      "Alarms from minor to major (no data)",
    );
    expect(matchWords({ match: { maxSeverity: "warning", window: { ...night, days: [6, 7] } } }, names)).toBe(
      "Alarms up to warning, 22:00 to 06:00 on Sat, Sun (Europe/Berlin)",
    );
  });

  it("N-F08: say whom a route tells and how a chain goes on", () => {
    const ana = { kind: "person" as const, personId: "p1" };
    const barns = { kind: "schedule" as const, scheduleId: "d1" };
    expect(toWords([ana, barns, { kind: "chain", chainId: "c1" }], names)).toBe("Ana, on call: Barns, chain Night");
    expect(toWords([{ kind: "person", personId: "gone" }], names)).toBe("one that is gone");
    expect(
      chainWords(
        {
          steps: [
            { afterMinutes: 0, to: [barns] },
            { afterMinutes: 5, to: [ana] },
          ],
          repeat: { times: 1, afterMinutes: 15 },
        },
        names,
      ),
    ).toBe("at once on call: Barns; after 5 min Ana; again 1 time after 15 min");
    expect(destinationOf(keyOf(barns))).toEqual(barns);
    expect(whenWords({ afterSeconds: 300, targetId: "t" as never })).toBe("after 5 min");
  });
});
