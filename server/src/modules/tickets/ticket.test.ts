import { severities } from "@roost/contract/alarms";
import type { Alarm } from "@roost/contract/alarms";
import { ticketStatuses, ticketSteps } from "@roost/contract/tickets";
import type { TicketStatus } from "@roost/contract/tickets";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { isLate, moved, refuseDue, ticketOf } from "./ticket.ts";
import type { Standing } from "./ticket.ts";

const at = new Date("2026-03-02T10:00:00Z");
const later = (minutes: number) => new Date(at.getTime() + minutes * 60_000);
const alarm = {
  source: "coop-1",
  deviceName: "Coop",
  kind: "above",
  severity: "major",
  metric: "temperature",
  threshold: 30,
  unit: "°C",
} as Alarm;

describe("a ticket", () => {
  it("N-F07: takes priority and times from the alarm's severity, and its kind from the alarm's", () => {
    const made = severities.map((severity) => {
      const { priority, respondBy, resolveBy } = ticketOf({ ...alarm, severity }, at);
      return [severity, priority, (respondBy.getTime() - at.getTime()) / 60_000, (resolveBy.getTime() - at.getTime()) / 60_000];
    });
    expect(made).toEqual([
      ["info", "low", 240, 1_440],
      ["warning", "low", 240, 1_440],
      ["minor", "normal", 240, 1_440],
      ["major", "high", 60, 480],
      ["critical", "urgent", 15, 240],
    ]);
    expect(ticketOf(alarm, at)).toMatchObject({ kind: "fault", title: "Coop: temperature above 30 °C" });
    expect(ticketOf({ ...alarm, kind: "offline", metric: undefined }, at)).toMatchObject({ kind: "outage", title: "Coop: offline" });
    expect(ticketOf({ ...alarm, kind: "offline", mutedBy: "window" }, at)).toMatchObject({ kind: "maintenance" });
    expect(ticketOf({ ...alarm, title: "x".repeat(900) }, at).title).toHaveLength(300);
  });

  it("N-F07: goes the steps that are allowed and no other, whatever the order, and knows when it was answered, resolved and closed", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...ticketStatuses), { maxLength: 30 }), (path) => {
        let ticket: Standing = { status: "open" };
        for (const [minute, to] of path.entries()) {
          const before = ticket;
          const from: TicketStatus = before.status;
          if (from !== to && !ticketSteps[from].includes(to)) {
            expect(() => moved(before, to, later(minute))).toThrow(
              expect.objectContaining({ code: "tickets.illegal_step", details: { from, to, allowed: ticketSteps[from] } }),
            );
            continue;
          }
          ticket = moved(before, to, later(minute));
          if (from === to) expect(ticket).toBe(before);
          expect(ticket.status).toBe(to);
          expect(ticket.resolvedAt !== undefined).toBe(to === "resolved" || to === "closed");
          expect(ticket.closedAt !== undefined).toBe(to === "closed");
          if (before.firstResponseAt !== undefined) expect(ticket.firstResponseAt).toBe(before.firstResponseAt);
          if (to !== "open") expect(ticket.firstResponseAt).toBeDefined();
        }
      }),
    );
  });

  it("N-F07: closes by way of resolved alone, and what was closed is taken up again", () => {
    for (const status of ["open", "in_progress", "waiting"] as const) {
      expect(() => moved({ status }, "closed", at)).toThrow(expect.objectContaining({ code: "tickets.illegal_step" }));
    }
    const open: Standing = { status: "open" };
    const closed = moved(moved(open, "resolved", at), "closed", later(5));
    expect(closed).toMatchObject({ resolvedAt: at, closedAt: later(5), firstResponseAt: at });
    expect(moved(closed, "in_progress", later(9))).toMatchObject({ resolvedAt: undefined, closedAt: undefined, firstResponseAt: at });
  });

  it("N-F07: is in time until the instant itself, and is due after it was made", () => {
    expect(isLate(later(15), undefined, later(15))).toBe(false);
    expect(isLate(later(15), undefined, new Date(later(15).getTime() + 1))).toBe(true);
    expect(isLate(later(15), later(14), later(500))).toBe(false);
    expect(isLate(later(15), later(16), later(16))).toBe(true);
    const error = expect.objectContaining({ code: "tickets.due_before_made" });
    expect(() => refuseDue({ createdAt: at }, at)).toThrow(error);
    expect(() => refuseDue({ createdAt: at }, later(60 * 24 * 400))).toThrow(error);
    expect(() => refuseDue({ createdAt: at }, later(1))).not.toThrow();
  });
});
