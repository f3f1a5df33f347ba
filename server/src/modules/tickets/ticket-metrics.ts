import { ticketPriorities } from "@roost/contract/tickets";

import type { Metrics } from "../../platform/http/metrics.ts";
import type { Tickets } from "./tickets.ts";

/** Tickets of all organisations together that are neither resolved nor closed, by the names under which Prometheus asks for them. */
export function countTickets(metrics: Metrics, tickets: Pick<Tickets, "activeEverywhere">): void {
  const shapes = [
    { name: "roost_tickets_active", help: "Tickets that are neither resolved nor closed.", of: "active" },
    { name: "roost_tickets_late", help: "Those of them that were not answered or not resolved in time.", of: "late" },
  ] as const;
  for (const { name, help, of } of shapes) {
    metrics.gauges({
      name,
      help,
      labels: ["priority"],
      read: async () => {
        const found = await tickets.activeEverywhere();
        return ticketPriorities.map((priority) => ({
          labels: { priority },
          value: found.find((one) => one.priority === priority)?.[of] ?? 0,
        }));
      },
    });
  }
}
