import { startCatcher } from "@roost/testbed/catchers";
import type { Catcher } from "@roost/testbed/catchers";
import { until } from "@roost/testbed/waiting";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import type { Fact } from "../../platform/events.ts";
import { createTickets } from "../tickets/tickets.ts";
import type { Tickets } from "../tickets/tickets.ts";
import { createHouse } from "./test-house.ts";
import type { House } from "./test-house.ts";
import { signatureOf } from "./webhook.ts";

describe("other ticket systems", () => {
  let house: House;
  let catcher: Catcher;
  let tickets: Tickets;

  beforeAll(async () => {
    house = await createHouse();
    catcher = await startCatcher();
    const { db, audit, alarms, clock } = house;
    tickets = createTickets({ db, audit, alarms, clock, keepersOf: async () => [] });
  });
  beforeEach(async () => {
    await house.clear();
    catcher.forget();
    // A slow machine is no failed try.
    await house.start({ egress: { timeoutMs: 30_000 } });
  });
  afterAll(async () => {
    await house.close();
    await catcher.close();
  });

  const attach = async (path: string, minSeverity: "info" | "critical" = "info") =>
    house.it.targets.add(house.whose, undefined, {
      kind: "webhook",
      name: "NOC desk",
      url: `${catcher.url}${path}`,
      minSeverity,
      hears: "tickets",
    });
  const make = async () => {
    await house.turn("raise");
    const [alarm] = await house.openAlarms();
    if (alarm === undefined) throw new Error("No alarm");
    return tickets.create(house.person, alarm.id, "keeper@example.org", { note: "Look" });
  };
  const told = () => catcher.caught.map(({ body }) => JSON.parse(body) as { type: string; text: string; ticket: object; link: string });

  it("N-F07: hear each step of a ticket once, in order and signed, though the first tries fail, and nothing of alarms", async () => {
    const { signingSecret = "" } = await attach("/desk");
    catcher.plan({ status: 503 }, { drop: true });
    const { id, alarm } = await make();
    await tickets.message(house.person, id, "keeper@example.org", { text: "<b>On my way</b>" });
    await tickets.move(house.person, id, "keeper@example.org", { status: "resolved", note: "New hinge" });
    await house.settle();
    await until("all is told", async () => (await house.deliveries()).filter(({ state }) => state === "delivered").length === 3);
    expect(told().map(({ type }) => type)).toEqual([
      "ticket.created",
      "ticket.created",
      "ticket.created",
      "ticket.messaged",
      "ticket.moved",
    ]);
    expect(told().at(-1)).toMatchObject({
      version: 1,
      text: "keeper@example.org says resolved: Coop: temperature above 30",
      device: { id: "coop-1" },
      alarm: { id: alarm.id, severity: "warning", state: "raised" },
      ticket: { id, status: "resolved", priority: "low", by: "keeper@example.org", said: "New hinge" },
      link: `https://roost.example.org/tickets/${id}`,
    });
    expect(told().at(-2)).toMatchObject({ ticket: { said: "<b>On my way</b>" } });
    for (const { headers, body } of catcher.caught) {
      const seconds = Number(headers["x-roost-timestamp"]);
      expect(headers["x-roost-signature"]).toBe(signatureOf(body, seconds, signingSecret));
      expect(signatureOf(`${body} `, seconds, signingSecret)).not.toBe(headers["x-roost-signature"]);
      expect(signatureOf(body, seconds + 1, signingSecret)).not.toBe(headers["x-roost-signature"]);
    }
    const keys = catcher.caught.map(({ headers }) => headers["idempotency-key"]);
    expect(new Set(keys).size).toBe(3);
    expect(new Set(keys.slice(0, 3)).size).toBe(1);
    const { history } = await house.alarms.get(house.whose, alarm.id);
    expect(history.filter(({ what }) => what === "notified").length).toBe(3);
    expect(history.filter(({ what }) => what === "notify_failed").length).toBe(2);
  });

  it("N-F07: are told of a fact that comes twice once, and only of tickets as bad as they asked for", async () => {
    await attach("/all");
    await attach("/critical", "critical");
    await house.addWebhook(`${catcher.url}/alarms`);
    const { id } = await make();
    await house.settle();
    await until("both kinds are told", async () => (await house.deliveries()).every(({ state }) => state === "delivered"));
    const row = { id: "0190b5c0-0000-7000-8000-000000000001", organisationId: house.organisationId, at: new Date() };
    const ticket = await tickets.get(house.whose, id);
    const fact: Fact = { ...row, type: "ticket.created", nounId: id, data: JSON.parse(JSON.stringify(ticket)) as Fact["data"] };
    const handler = house.it.handlers.find(({ name }) => name === "notifications.tickets");
    for (let n = 0; n < 3; n += 1) await handler?.handle(fact);
    await handler?.handle({ ...fact, id: row.id.replace(/1$/, "2"), data: { id: "not a ticket" } });
    await until("nothing waits", async () => (await house.waiting()) === 0);
    const paths = catcher.caught.map(({ path, body }) => `${path} ${(JSON.parse(body) as { type: string }).type}`).sort();
    expect(paths).toEqual(["/alarms alarm.raised", "/all ticket.created", "/all ticket.created"]);
  });
});
