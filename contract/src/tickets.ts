import { z } from "zod";

import { alarmErrors, alarmKind, alarmState, severity } from "./alarms.ts";
import { defineErrors } from "./errors.ts";
import { alarmId, deviceId, siteId, ticketId } from "./ids.ts";
import { listOf, page } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

/** `open`: nobody works on it yet. `waiting`: for somebody else. `resolved`: done, as far as we know. `closed`: it was. */
export const ticketStatuses = ["open", "in_progress", "waiting", "resolved", "closed"] as const;
export const ticketStatus = z.enum(ticketStatuses);
export type TicketStatus = z.infer<typeof ticketStatus>;

/** Where a ticket may go from each status. What is over is taken up again by `in_progress`. */
export const ticketSteps: Readonly<Record<TicketStatus, readonly TicketStatus[]>> = {
  open: ["in_progress", "waiting", "resolved"],
  in_progress: ["waiting", "resolved", "open"],
  waiting: ["in_progress", "resolved"],
  resolved: ["closed", "in_progress"],
  closed: ["in_progress"],
};

/** The least first. */
export const ticketPriorities = ["low", "normal", "high", "urgent"] as const;
export const ticketPriority = z.enum(ticketPriorities);
export type TicketPriority = z.infer<typeof ticketPriority>;

/** `outage`: the device is not there. `maintenance`: a maintenance window covered it. `fault`: all else. */
export const ticketKind = z.enum(["fault", "outage", "maintenance"]);
export type TicketKind = z.infer<typeof ticketKind>;

/** What a ticket says of its alarm, as it is now. */
export const ticketAlarm = z.object({
  id: alarmId,
  kind: alarmKind,
  severity,
  state: alarmState,
  deviceId: deviceId.optional(),
  deviceName: z.string().optional(),
  siteId: siteId.optional(),
  siteName: z.string().optional(),
  raisedAt: instant,
  clearedAt: instant.optional(),
  acknowledgedBy: personal("email", z.string()).optional(),
});
export type TicketAlarm = z.output<typeof ticketAlarm>;

/** The work on an alarm: one ticket for each, for good. */
export const ticket = z.object({
  id: ticketId,
  title: z.string(),
  kind: ticketKind,
  priority: ticketPriority,
  status: ticketStatus,
  assignedTo: personal("email", z.string()).optional(),
  /** What another ticket system knows it by. */
  externalReference: personal("text", z.string()).optional(),
  createdAt: instant,
  createdBy: personal("email", z.string()),
  changedAt: instant,
  /** When somebody first said something of it, or took it up. */
  firstResponseAt: instant.optional(),
  resolvedAt: instant.optional(),
  closedAt: instant.optional(),
  /** Until when somebody has to respond, and until when it has to be resolved; late: it was not, or was too late. */
  respondBy: instant,
  resolveBy: instant,
  responseLate: z.boolean(),
  resolutionLate: z.boolean(),
  alarm: ticketAlarm,
});
export type Ticket = z.output<typeof ticket>;

export const ticketEntryKinds = ["created", "moved", "assigned", "message", "changed", "late", "alarm"] as const;

/** One step of a ticket, or one word about it. Nothing in it is ever changed. */
export const ticketEntry = z.object({
  at: instant,
  what: z.enum(ticketEntryKinds),
  by: personal("email", z.string()).optional(),
  /** Of a step. */
  status: ticketStatus.optional(),
  detail: personal("text", z.string()).optional(),
});
export type TicketEntry = z.output<typeof ticketEntry>;

export const ticketErrors = defineErrors("tickets", {
  not_found: [404, "There is no such ticket."],
  already_there: [409, "This alarm has a ticket already. Work on that one."],
  illegal_step: [409, "A ticket cannot go from its status to this one. Where it may go is in the details."],
  over: [409, "This ticket is resolved or closed. Take it up again first."],
  not_assignable: [422, "This person is no member of the organisation who may see and work on this ticket."],
  due_before_made: [400, "A ticket has to be due after it was made, within a year."],
});

const note = personal("text", z.string().trim().min(1).max(500));
const text = personal("text", z.string().trim().min(1).max(4_000));
const several = <Item extends z.ZodType>(item: Item) => z.union([item, z.array(item).min(1).max(20)]);
/** An e-mail address of a member, or `me`. */
const assignee = personal("email", z.string().trim().min(1).max(254));
const reference = personal("text", z.string().trim().min(1).max(200));
const params = z.object({ ticketId });

/** Which tickets; `active` ones, neither resolved nor closed, unless said otherwise. */
export const ticketFilter = z.object({
  state: z.enum(["active", "done", "all"]).default("active"),
  status: several(ticketStatus).optional(),
  priority: several(ticketPriority).optional(),
  alarmId: alarmId.optional(),
  deviceId: deviceId.optional(),
  siteId: siteId.optional(),
  /** An e-mail address, `me`, or `nobody`. */
  assignedTo: personal("email", z.string().min(1).max(254)).optional(),
  /** Not answered or not resolved in time. */
  late: z.enum(["true", "false"]).optional(),
  /** Part of the title, of the device's name or id, or of the other system's reference; in whatever case. */
  q: personal("text", z.string().trim().min(1).max(100)).optional(),
});
export type TicketFilter = z.output<typeof ticketFilter>;

export const listTickets = defineRoute({
  operation: "listTickets",
  method: "GET",
  path: "/api/v1/tickets",
  access: "tickets:read",
  summary: "Lists tickets, the newest first or what is due first.",
  query: page.extend({ ...ticketFilter.shape, sort: z.enum(["newest", "due"]).default("newest") }),
  reply: listOf(ticket),
});

export const getTicket = defineRoute({
  operation: "getTicket",
  method: "GET",
  path: "/api/v1/tickets/:ticketId",
  access: "tickets:read",
  summary: "Shows one ticket with all that was done and said, oldest first.",
  params,
  reply: ticket.extend({ history: z.array(ticketEntry) }),
  errors: [ticketErrors.not_found],
});

export const createTicket = defineRoute({
  operation: "createTicket",
  method: "POST",
  path: "/api/v1/tickets",
  access: "tickets:write",
  summary: "Makes a ticket of an alarm. An alarm has one; asked for a second, the answer names the first.",
  body: z.strictObject({
    alarmId,
    /** Absent: by the alarm's severity. */
    priority: ticketPriority.optional(),
    note: note.optional(),
    assignTo: assignee.optional(),
  }),
  reply: ticket,
  status: 201,
  errors: [alarmErrors.not_found, ticketErrors.already_there, ticketErrors.not_assignable],
});

export const createTickets = defineRoute({
  operation: "createTickets",
  method: "POST",
  path: "/api/v1/tickets/of-alarms",
  access: "tickets:write",
  summary: "Makes tickets of up to 200 alarms and says of each what became of it.",
  body: z.strictObject({
    alarmIds: z.array(alarmId).min(1).max(200),
    note: note.optional(),
    assignTo: assignee.optional(),
  }),
  reply: z.object({
    items: z.array(
      z.object({
        alarmId,
        done: z.boolean(),
        /** The one that was made, or the one that was there. */
        ticketId: ticketId.optional(),
        code: personal("none", z.string()).optional(),
        message: personal("none", z.string()).optional(),
      }),
    ),
  }),
});

export const changeTicket = defineRoute({
  operation: "changeTicket",
  method: "PATCH",
  path: "/api/v1/tickets/:ticketId",
  access: "tickets:write",
  summary: "Changes a ticket's priority, when it is due, or what another system knows it by; absent fields stay as they are.",
  params,
  body: z.strictObject({
    priority: ticketPriority.optional(),
    resolveBy: instant.optional(),
    /** `null`: none any more. */
    externalReference: reference.nullable().optional(),
  }),
  reply: ticket,
  errors: [ticketErrors.not_found, ticketErrors.due_before_made],
});

export const moveTicket = defineRoute({
  operation: "moveTicket",
  method: "POST",
  path: "/api/v1/tickets/:ticketId/status",
  access: "tickets:write",
  summary: "Gives a ticket another status. The one it has already is not an error; a step that is not allowed is refused.",
  params,
  body: z.strictObject({ status: ticketStatus, note: note.optional() }),
  reply: ticket,
  errors: [ticketErrors.not_found, ticketErrors.illegal_step],
});

export const listTicketAssignees = defineRoute({
  operation: "listTicketAssignees",
  method: "GET",
  path: "/api/v1/tickets/:ticketId/assignees",
  access: "tickets:write",
  summary: "Lists the members who may see and work on this ticket, by name.",
  params,
  reply: z.object({ items: z.array(z.object({ email: personal("email", z.string()), name: personal("name", z.string()) })) }),
  errors: [ticketErrors.not_found],
});

export const assignTicket = defineRoute({
  operation: "assignTicket",
  method: "POST",
  path: "/api/v1/tickets/:ticketId/assign",
  access: "tickets:write",
  summary: "Gives a ticket to a member who may see and work on it, to the caller by `me`, or by null to nobody.",
  params,
  body: z.strictObject({ to: assignee.nullable(), note: note.optional() }),
  reply: ticket,
  errors: [ticketErrors.not_found, ticketErrors.not_assignable, ticketErrors.over],
});

export const addTicketMessage = defineRoute({
  operation: "addTicketMessage",
  method: "POST",
  path: "/api/v1/tickets/:ticketId/messages",
  access: "tickets:write",
  summary: "Writes a message into a ticket, for good. With a key of its own it is written once, however often it is sent.",
  params,
  body: z.strictObject({
    text,
    /** What another system knows the message by. */
    key: personal("none", z.string().trim().min(1).max(200)).optional(),
  }),
  reply: ticket,
  status: 201,
  errors: [ticketErrors.not_found],
});
