import { randomUUID } from "node:crypto";

import { createTicket } from "@roost/contract/tickets";

import type { Place } from "./callers.ts";
import type { Expectation, Expectations, Refusal } from "./expectation.ts";
import type { Ids, World } from "./stage.ts";

const noTicket: Refusal = [404, "tickets.not_found"];
const id = (name: string) => (ids: Ids) => ids[name] ?? "";

/** The ticket of a place's alarm. */
export async function addTicket(world: Omit<World, "close">, place: Place): Promise<Ids> {
  const { alarmId = "", word = "" } = world.places[place];
  const { id: ticketId } = await world.owner(place)(createTicket, { body: { alarmId, note: `${word} note` } });
  return { ticketId };
}

/** An alarm of the place's device that has no ticket yet. */
async function freshAlarm(world: World, place: Place): Promise<Ids> {
  const { organisationId, deviceId } = world.places[place];
  const alarmId = randomUUID();
  await world.sql.query(
    `insert into alarms (id, organisation_id, source, type, device_id, kind, severity, worst_severity, state, holds, raised_at, last_at, turned_at,
       cleared_at)
     values ($1, $2, $3, $4, $3, 'event', 'minor', 'minor', 'cleared', false, now() - interval '1 day', now(), now(), now())`,
    [alarmId, organisationId, deviceId, `event:${alarmId}`],
  );
  return { alarmId };
}

const one = (body: Expectation["body"]): Expectation => ({ object: "device", absent: noTicket, ...(body === undefined ? {} : { body }) });

/** The work on alarms. */
export const ticketExpectations: Expectations = {
  listTickets: {
    object: "none",
    query: () => ({ state: "all", limit: "200" }),
    shows: (ids) => [id("ticketId")(ids)],
    filters: [
      (ids) => ({ alarmId: id("alarmId")(ids), state: "all" }),
      (ids) => ({ deviceId: id("deviceId")(ids), state: "all" }),
      (ids) => ({ siteId: id("siteId")(ids), state: "all" }),
    ],
  },
  getTicket: { object: "device", absent: noTicket, shows: (ids) => [id("ticketId")(ids)] },
  createTicket: {
    object: "device",
    absent: [404, "alarms.not_found"],
    fresh: freshAlarm,
    body: (ids) => ({ alarmId: ids["alarmId"] }),
  },
  createTickets: { object: "none", body: (ids) => ({ alarmIds: [ids["alarmId"]] }) },
  changeTicket: one(() => ({ priority: "high" })),
  moveTicket: one(() => ({ status: "open" })),
  listTicketAssignees: one(undefined),
  assignTicket: one(() => ({ to: null })),
  addTicketMessage: one(() => ({ text: "seen" })),
};
