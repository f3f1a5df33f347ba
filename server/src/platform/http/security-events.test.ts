import { describe, expect, it } from "vitest";

import { createSecurityEvents } from "./security-events.ts";
import type { SecurityEvent } from "./security-events.ts";

describe("refusals of the edge", () => {
  function gather() {
    const reported: SecurityEvent[] = [];
    let ms = 1_800_000_000_000;
    const events = createSecurityEvents({
      clock: { nowMs: () => (ms += 1), monotonicMs: () => ms },
      report: (event) => reported.push(event),
    });
    return { events, reported };
  }

  it("a flood from ten thousand addresses is a few hundred records, and none of it is lost in the count", () => {
    const { events, reported } = gather();
    for (let index = 0; index < 100_000; index += 1) {
      const remoteAddress = `10.0.${Math.floor(index / 256) % 40}.${index % 256}`;
      events.note({ kind: index % 2 === 0 ? "rate_limited" : "foreign_origin", remoteAddress, operation: `operation${index % 50}` });
    }
    events.close();
    expect(reported.length).toBeLessThanOrEqual(502);
    expect(reported.reduce((sum, { count }) => sum + count, 0)).toBe(100_000);
    expect(Math.max(...reported.map(({ operations }) => operations.length))).toBeLessThanOrEqual(5);
    expect(reported.filter(({ remoteAddress }) => remoteAddress === "many").map(({ kind }) => kind)).toEqual([
      "rate_limited",
      "foreign_origin",
    ]);
  });

  it("are kept apart by kind, address and caller, with the first and the last time", () => {
    const { events, reported } = gather();
    const by = { kind: "person" as const, id: "p", name: "keeper@example.org" };
    for (let turn = 0; turn < 3; turn += 1) {
      events.note({ kind: "forbidden", remoteAddress: "198.51.100.1", organisationId: "a", by, operation: "addDevice" });
      events.note({ kind: "forbidden", remoteAddress: "198.51.100.1" });
      events.note({ kind: "forbidden", remoteAddress: "2001:db8:1:2::1" });
      events.note({ kind: "forbidden", remoteAddress: "2001:db8:1:2::2" });
    }
    events.flush();
    expect(reported.map(({ count, by: who, organisationId }) => [count, who?.id, organisationId])).toEqual([
      [3, "p", "a"],
      [3, undefined, undefined],
      [6, undefined, undefined],
    ]);
    expect(reported[0]?.lastAt.getTime()).toBeGreaterThan(reported[0]?.firstAt.getTime() ?? 0);
    events.flush();
    expect(reported).toHaveLength(3);
    events.close();
  });

  it("a mistyped form is no record, a burst of faulty requests is one", () => {
    const { events, reported } = gather();
    for (let turn = 0; turn < 19; turn += 1) events.note({ kind: "faulty_requests", remoteAddress: "198.51.100.1" });
    for (let turn = 0; turn < 20; turn += 1) events.note({ kind: "faulty_requests", remoteAddress: "198.51.100.2" });
    events.close();
    expect(reported.map(({ remoteAddress, count }) => [remoteAddress, count])).toEqual([["198.51.100.2", 20]]);
  });
});
