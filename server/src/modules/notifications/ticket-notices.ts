import { alarmKind, alarmState, severity } from "@roost/contract/alarms";
import { z } from "zod";

import type { Db } from "../../platform/db.ts";
import type { Fact, FactHandler } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { insertDelivery } from "./delivery-store.ts";
import { toldTicket } from "./notice.ts";
import type { Notice } from "./notice.ts";
import { selectTicketTargets } from "./ticket-target-store.ts";

// What tickets put into their facts; read again here because a fact may be older than this program.
const ticketFact = toldTicket.omit({ said: true }).extend({
  changedAt: z.string(),
  detail: z.string().optional(),
  alarm: z.object({
    id: z.string(),
    kind: alarmKind,
    severity,
    state: alarmState,
    deviceId: z.string().optional(),
    deviceName: z.string().optional(),
    siteName: z.string().optional(),
    raisedAt: z.string(),
    clearedAt: z.string().optional(),
  }),
});
type TicketFact = z.infer<typeof ticketFact>;

const kindsOfFacts = [
  "ticket.created",
  "ticket.moved",
  "ticket.assigned",
  "ticket.messaged",
  "ticket.changed",
  "ticket.fell_late",
  "ticket.alarm_turned",
] as const;

/** Tells other ticket systems of every step of every ticket, once each and in order, by the ledger that all notices go through. */
export function createTicketNotices({
  db,
  publicUrl,
  wake,
}: {
  readonly db: Db;
  readonly publicUrl?: string | undefined;
  /** There is something to send. */
  readonly wake: () => void;
}): FactHandler {
  async function handle(fact: Fact): Promise<void> {
    const { organisationId } = fact;
    const type = kindsOfFacts.find((one) => one === fact.type);
    const read = ticketFact.safeParse(fact.data);
    if (type === undefined || !read.success) return;
    const { data: ticket } = read;
    const targets = await selectTicketTargets(db, organisationId, ticket.alarm.severity);
    if (targets.length === 0) return;
    const notice = noticeOf(type, ticket, fact.at, publicUrl);
    await db.transaction(async (tx) => {
      for (const id of targets) {
        await insertDelivery(tx, { id: newId(), organisationId, target: { id }, eventId: fact.id, alarmId: ticket.alarm.id, notice });
      }
    });
    wake();
  }
  return { name: "notifications.tickets", types: kindsOfFacts, handle };
}

function noticeOf(type: (typeof kindsOfFacts)[number], fact: TicketFact, at: Date, publicUrl: string | undefined): Notice {
  const { alarm, by, detail, changedAt: _, ...ticket } = fact;
  const { deviceId, deviceName, siteName, ...standing } = alarm;
  return {
    version: 1,
    type,
    at: at.toISOString(),
    text: sentence(type, fact),
    ...(siteName === undefined ? {} : { site: siteName }),
    ...(deviceId === undefined ? {} : { device: { id: deviceId, name: deviceName ?? deviceId } }),
    alarm: standing,
    ticket: { ...ticket, ...(by === undefined ? {} : { by }), ...(detail === undefined ? {} : { said: detail }) },
    ...(publicUrl === undefined ? {} : { link: `${publicUrl.replace(/\/$/, "")}/tickets/${encodeURIComponent(ticket.id)}` }),
  };
}

function sentence(
  type: (typeof kindsOfFacts)[number],
  { title, priority, status, assignedTo, by = "Roost", detail = "" }: TicketFact,
): string {
  switch (type) {
    case "ticket.created":
      return `${by} made a ticket, ${priority}: ${title}`;
    case "ticket.moved":
      return `${by} says ${status.replaceAll("_", " ")}: ${title}`;
    case "ticket.assigned":
      return `Assigned to ${assignedTo ?? "nobody"}: ${title}`;
    case "ticket.messaged":
      return `${by} writes: ${detail}`;
    case "ticket.changed":
      return `${by} changed it (${detail}): ${title}`;
    case "ticket.fell_late":
      return `Late, ${detail}: ${title}`;
    case "ticket.alarm_turned":
      return `The alarm: ${detail}. ${title}`;
  }
}
