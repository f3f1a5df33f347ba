import { describe, expect, it } from "vitest";

import { staleness } from "./stale.ts";

const nowMs = Date.UTC(2026, 0, 1);
const daysAgo = (days: number) => new Date(nowMs - days * 86_400_000);
const setting = { enabled: true, variants: { on: true, off: false }, offVariant: "off", serve: { variant: "on" }, rules: [] };
const flag = { createdAt: daysAgo(200), changedAt: daysAgo(120), lastAskedAt: daysAgo(1), setting };

describe("a flag that may have had its time", () => {
  it("is one that nobody asks for, or that has been the same for everybody for long", () => {
    expect(staleness(flag, nowMs)).toBe("same_for_all_for_long");
    expect(staleness({ ...flag, lastAskedAt: daysAgo(31) }, nowMs)).toBe("not_asked_for_long");
    expect(staleness({ createdAt: daysAgo(31), changedAt: daysAgo(31), setting }, nowMs)).toBe("never_asked");
  });

  it("is none that is new, killed, targeted, shared out or changed of late", () => {
    expect(staleness({ createdAt: daysAgo(3), changedAt: daysAgo(3), setting }, nowMs)).toBeUndefined();
    expect(staleness({ ...flag, changedAt: daysAgo(10) }, nowMs)).toBeUndefined();
    expect(staleness({ ...flag, setting: { ...setting, enabled: false } }, nowMs)).toBeUndefined();
    expect(staleness({ ...flag, setting: { ...setting, serve: { split: [{ variant: "on", percent: 100 }] } } }, nowMs)).toBeUndefined();
    const rules = [{ when: { kinds: ["toy"] }, serve: { variant: "off" } }];
    expect(staleness({ ...flag, setting: { ...setting, rules } }, nowMs)).toBeUndefined();
  });
});
