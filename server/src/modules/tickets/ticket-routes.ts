import * as contract from "@roost/contract/tickets";
import type { TicketFilter } from "@roost/contract/tickets";

import type { Mount, PersonCaller } from "../../platform/http/mount.ts";
import type { Tickets } from "./tickets.ts";

/** Ties the routes of `contract/src/tickets.ts` to the face. */
export function mountTickets(mount: Mount, tickets: Tickets): void {
  mount(contract.listTickets, async ({ query, caller }) => tickets.list(caller, forCaller(caller, query)));
  mount(contract.getTicket, async ({ params, caller }) => tickets.get(caller, params.ticketId));
  mount(contract.createTicket, async ({ body: { alarmId, ...input }, caller }) =>
    tickets.create(caller, alarmId, caller.name, forMe(caller, input)),
  );
  mount(contract.createTickets, async ({ body: { alarmIds, ...input }, caller }) => {
    const made = await tickets.createMany(caller, alarmIds, caller.name, forMe(caller, input));
    return {
      items: made.map(({ alarmId, ticketId, error }) => ({
        alarmId,
        done: error === undefined,
        ...(ticketId === undefined ? {} : { ticketId }),
        ...error,
      })),
    };
  });
  mount(contract.changeTicket, async ({ params, body, caller }) => tickets.change(caller, params.ticketId, caller.name, body));
  mount(contract.moveTicket, async ({ params, body, caller }) => tickets.move(caller, params.ticketId, caller.name, body));
  mount(contract.listTicketAssignees, async ({ params, caller }) => ({ items: await tickets.assignees(caller, params.ticketId) }));
  mount(contract.assignTicket, async ({ params, body, caller }) =>
    tickets.assign(caller, params.ticketId, { ...body, to: body.to === "me" ? caller.name : body.to, by: caller.name }),
  );
  mount(contract.addTicketMessage, async ({ params, body, caller }) => tickets.message(caller, params.ticketId, caller.name, body));
}

/** `me` is whoever asks. */
function forMe<Input extends { assignTo?: string | undefined }>(caller: PersonCaller, input: Input): Input {
  return input.assignTo === "me" ? { ...input, assignTo: caller.name } : input;
}

function forCaller<Query extends TicketFilter>(caller: PersonCaller, query: Query): Query {
  return query.assignedTo === "me" ? { ...query, assignedTo: caller.name } : query;
}
