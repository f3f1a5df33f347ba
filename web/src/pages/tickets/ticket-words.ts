import type { Ticket, TicketEntry, TicketKind, TicketPriority, TicketStatus } from "@roost/contract/tickets";

/** The words people see for a ticket's state, everywhere the same. */
export const ticketStatusWords: Readonly<Record<TicketStatus, string>> = {
  open: "Open",
  in_progress: "In progress",
  waiting: "Waiting",
  resolved: "Resolved",
  closed: "Closed",
};
export const ticketPriorityWords: Readonly<Record<TicketPriority, string>> = {
  low: "Low",
  normal: "Normal",
  high: "High",
  urgent: "Urgent",
};
export const ticketKindWords: Readonly<Record<TicketKind, string>> = { fault: "Fault", outage: "Outage", maintenance: "Maintenance" };

/** What the button of a step says: it depends on where one comes from. */
export function stepWords(from: TicketStatus, to: TicketStatus): string {
  if (to === "in_progress") return from === "open" ? "Start work" : from === "waiting" ? "Go on" : "Take up again";
  if (to === "waiting") return "Wait";
  if (to === "resolved") return "Resolve …";
  return to === "closed" ? "Close it" : "Hand back";
}

/** Why a ticket is late; `undefined`: it is not. */
export function lateWords({ responseLate, resolutionLate, firstResponseAt, resolvedAt }: Ticket): string | undefined {
  if (resolutionLate) return resolvedAt === undefined ? "Overdue" : "Resolved late";
  if (responseLate) return firstResponseAt === undefined ? "Not answered" : "Answered late";
  return undefined;
}

const entryWords: Readonly<Record<TicketEntry["what"], string>> = {
  created: "Made",
  moved: "Moved",
  assigned: "Assigned",
  message: "Message",
  changed: "Changed",
  late: "Late",
  alarm: "Alarm",
};

/** An entry of the history: its heading, and what else there is to say. */
export function entryHeading({ what, status }: TicketEntry): string {
  return what === "moved" && status !== undefined ? ticketStatusWords[status] : entryWords[what];
}
