import { describe, expect, it } from "vitest";

import { shiftWords, turnWords } from "./on-call-words.ts";

describe("words about being on call", () => {
  it("N-F10: say when hand-over is, by which clock", () => {
    const at = { handOverTime: "08:00", timeZone: "Europe/Berlin" };
    expect(shiftWords({ ...at, shift: "weekly", handOverDay: 7 })).toBe("Weekly, Sunday at 08:00, Europe/Berlin");
    expect(shiftWords({ ...at, shift: "daily" })).toBe("Daily at 08:00, Europe/Berlin");
    expect(shiftWords({ ...at, shift: "custom", shiftHours: 12 })).toBe("Every 12 hours from 08:00 on, Europe/Berlin");
  });

  it("name the schedule where there are several, and say when nobody is there", () => {
    const one = new Map([["a", "Barns"]]);
    expect(turnWords({ scheduleId: "a", name: "Ana" }, one)).toBe("Ana");
    expect(turnWords({ scheduleId: "a" }, new Map([...one, ["b", "Night"]]))).toBe("Nobody, Barns");
  });
});
