import { ticketStatuses, ticketSteps } from "@roost/contract/tickets";
import type { Ticket } from "@roost/contract/tickets";
import { describe, expect, it } from "vitest";

import { entryHeading, lateWords, stepWords } from "./ticket-words.ts";

describe("the words of tickets", () => {
  it("N-F07: give the steps from one status names of their own", () => {
    for (const from of ticketStatuses) {
      const words = ticketSteps[from].map((to) => stepWords(from, to));
      expect(new Set(words).size, from).toBe(words.length);
    }
    expect(stepWords("closed", "in_progress")).toBe("Take up again");
  });

  it("N-F07: say of a late ticket what is late, and whether it still is", () => {
    const at = new Date();
    const late = (more: Partial<Ticket>) => lateWords({ responseLate: false, resolutionLate: false, ...more } as Ticket);
    expect(late({})).toBeUndefined();
    expect(late({ responseLate: true })).toBe("Not answered");
    expect(late({ responseLate: true, firstResponseAt: at })).toBe("Answered late");
    expect(late({ responseLate: true, resolutionLate: true })).toBe("Overdue");
    expect(late({ resolutionLate: true, resolvedAt: at })).toBe("Resolved late");
    expect(entryHeading({ at, what: "moved", status: "in_progress" })).toBe("In progress");
    expect(entryHeading({ at, what: "message" })).toBe("Message");
  });
});
