import type { Alarm } from "@roost/contract/alarms";
import type { AlarmId } from "@roost/contract/ids";
import { describe, expect, it } from "vitest";

import { csvLine } from "./alarm-export.ts";
import { acknowledged, assigned, refuseToClear, resolved, snoozed, unacknowledged } from "./alarm.ts";

const at = new Date("2026-03-02T10:00:00Z");
const later = new Date("2026-03-02T11:00:00Z");
const raised: Alarm = {
  id: "01a1feb9-2768-7fb3-be5a-939fb1fa2329" as AlarmId,
  source: "coop-1",
  type: "rule:1:above",
  kind: "above",
  severity: "major",
  worstSeverity: "major",
  state: "raised",
  holds: true,
  raisedAt: at,
  lastAt: at,
  occurrences: 1,
  flapping: false,
};
const cleared: Alarm = { ...raised, state: "cleared", holds: false, clearedAt: later };
const refusal = (code: string, status: number) => expect.objectContaining({ code, status });

describe("what people do with an alarm", () => {
  it("N-F05: keeps the first who acknowledges, and takes it for a cleared one too", () => {
    const first = acknowledged(raised, "ann", at);
    expect(first).toMatchObject({ state: "acknowledged", acknowledgedBy: "ann", acknowledgedAt: at });
    expect(acknowledged(first, "bob", later)).toBe(first);
    expect(acknowledged(cleared, "bob", later)).toMatchObject({ state: "cleared", acknowledgedBy: "bob" });
  });

  it("takes an acknowledgement back, of an open one only", () => {
    expect(unacknowledged(acknowledged(raised, "ann", at))).toEqual(raised);
    expect(unacknowledged(raised)).toBe(raised);
    expect(() => unacknowledged(cleared)).toThrow(refusal("alarms.already_cleared", 409));
  });

  it("assigns and takes back, and does nothing twice", () => {
    const given = assigned(raised, "ann");
    expect(given).toEqual({ ...raised, assignedTo: "ann" });
    expect(assigned(given, "ann")).toBe(given);
    expect(assigned(given, undefined)).toEqual(raised);
  });

  it("puts aside until an end that lies ahead, at most a year", () => {
    expect(snoozed(raised, later, at)).toEqual({ ...raised, snoozedUntil: later, mutedBy: "snooze" });
    for (const until of [at, new Date("2028-01-01T00:00:00Z")]) {
      expect(() => snoozed(raised, until, at)).toThrow(refusal("alarms.end_in_past", 400));
    }
    expect(() => snoozed(cleared, later, at)).toThrow(refusal("alarms.already_cleared", 409));
  });

  it("N-F05: refuses to clear by hand what its cause still holds", () => {
    expect(() => refuseToClear(raised)).toThrow(refusal("alarms.still_holds", 409));
    expect(() => refuseToClear(cleared)).toThrow(refusal("alarms.already_cleared", 409));
    for (const one of [
      { ...raised, flapping: true },
      { ...raised, holds: false },
      { ...raised, kind: "event" as const },
    ]) {
      expect(() => refuseToClear(one)).not.toThrow();
    }
  });

  it("N-F05: notes a root cause at any time, and a resolution once it is cleared", () => {
    expect(resolved(raised, { rootCause: "fuse" })).toEqual({ ...raised, rootCause: "fuse" });
    expect(() => resolved(raised, { resolution: "new fuse" })).toThrow(refusal("alarms.still_open", 409));
    const done = resolved({ ...cleared, rootCause: "fuse" }, { resolution: "new fuse" });
    expect(done).toEqual({ ...cleared, rootCause: "fuse", resolution: "new fuse" });
    expect(resolved(done, {})).toBe(done);
    expect(resolved(done, { rootCause: null, resolution: null })).toEqual(cleared);
  });

  it("R11: writes no formula into a CSV", () => {
    const line = csvLine({ ...raised, deviceName: "=cmd|' /C calc'!A0", title: 'a "b", c', value: -1 });
    expect(line).toContain(",'=cmd|' /C calc'!A0,");
    expect(line).toContain(',"a ""b"", c",');
    expect(line).toContain(",-1,");
    expect(line.endsWith("\r\n")).toBe(true);
  });
});
