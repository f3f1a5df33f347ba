import type { Alarm, Severity } from "@roost/contract/alarms";
import { ticketErrors, ticketSteps } from "@roost/contract/tickets";
import type { Ticket, TicketKind, TicketPriority, TicketStatus } from "@roost/contract/tickets";

const minuteMs = 60_000;
const yearMs = 366 * 86_400_000;
const longestTitle = 300;

/** How long may pass until somebody responds, and until it is resolved, in minutes; what is less than minor has as long as minor. */
const allowedMinutes: Readonly<Record<Severity, { readonly respond: number; readonly resolve: number }>> = {
  critical: { respond: 15, resolve: 240 },
  major: { respond: 60, resolve: 480 },
  minor: { respond: 240, resolve: 1_440 },
  warning: { respond: 240, resolve: 1_440 },
  info: { respond: 240, resolve: 1_440 },
};

const priorities: Readonly<Record<Severity, TicketPriority>> = {
  critical: "urgent",
  major: "high",
  minor: "normal",
  warning: "low",
  info: "low",
};

/** What a ticket takes over from its alarm at the moment it is made. */
export interface Made {
  readonly title: string;
  readonly kind: TicketKind;
  readonly priority: TicketPriority;
  readonly respondBy: Date;
  readonly resolveBy: Date;
}

/** The ticket of an alarm, as its severity and kind have it. */
export function ticketOf(alarm: Alarm, at: Date): Made {
  const { respond, resolve } = allowedMinutes[alarm.severity];
  return {
    title: titleOf(alarm),
    kind: alarm.mutedBy === "window" ? "maintenance" : alarm.kind === "offline" ? "outage" : "fault",
    priority: priorities[alarm.severity],
    respondBy: new Date(at.getTime() + respond * minuteMs),
    resolveBy: new Date(at.getTime() + resolve * minuteMs),
  };
}

function titleOf({ deviceName, source, kind, title, metric, threshold, unit }: Alarm): string {
  const limit = threshold === undefined ? "" : ` ${threshold}${unit === undefined || unit === "1" ? "" : ` ${unit}`}`;
  const what = title ?? (metric === undefined ? kind.replaceAll("_", " ") : `${metric} ${kind.replaceAll("_", " ")}${limit}`);
  return `${deviceName ?? source}: ${what}`.slice(0, longestTitle);
}

/** What of a ticket a step changes. */
export interface Standing {
  readonly status: TicketStatus;
  readonly firstResponseAt?: Date | undefined;
  readonly resolvedAt?: Date | undefined;
  readonly closedAt?: Date | undefined;
}

/**
 * The ticket after a step; the same object where it stands there already. Whoever takes it out of `open` has responded.
 *
 * @throws {AppError} `tickets.illegal_step`
 */
export function moved<Moved extends Standing>(ticket: Moved, to: TicketStatus, at: Date): Moved {
  const { status: from } = ticket;
  if (from === to) return ticket;
  const allowed = ticketSteps[from];
  if (!allowed.includes(to)) throw ticketErrors.illegal_step({ from, to, allowed });
  const isOver = to === "resolved" || to === "closed";
  return {
    ...responded(ticket, to === "open" ? undefined : at),
    status: to,
    resolvedAt: isOver ? (ticket.resolvedAt ?? at) : undefined,
    closedAt: to === "closed" ? at : undefined,
  };
}

/** The first one counts. */
export function responded<Answered extends Standing>(ticket: Answered, at: Date | undefined): Answered {
  return ticket.firstResponseAt === undefined && at !== undefined ? { ...ticket, firstResponseAt: at } : ticket;
}

/** @throws {AppError} `tickets.over` */
export function refuseOver({ status }: Standing): void {
  if (status === "resolved" || status === "closed") throw ticketErrors.over();
}

/** @throws {AppError} `tickets.due_before_made` */
export function refuseDue({ createdAt }: Pick<Ticket, "createdAt">, resolveBy: Date): void {
  const aheadMs = resolveBy.getTime() - createdAt.getTime();
  if (aheadMs <= 0 || aheadMs > yearMs) throw ticketErrors.due_before_made({ createdAt });
}

/** Whether something was not done in time, or is not yet and its time is over. In time is until the instant itself. */
export function isLate(by: Date, doneAt: Date | undefined, now: Date): boolean {
  return (doneAt ?? now) > by;
}
