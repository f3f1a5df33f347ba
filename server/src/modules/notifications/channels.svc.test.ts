import type { Channel, TargetKind } from "@roost/contract/channels";
import { targetKind } from "@roost/contract/channels";
import { startCatcher } from "@roost/testbed/catchers";
import type { Catcher, CatcherAnswer } from "@roost/testbed/catchers";
import { startMailbox } from "@roost/testbed/mailbox";
import type { Mailbox } from "@roost/testbed/mailbox";
import { startPushService } from "@roost/testbed/push-service";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createMail } from "../../platform/mail.ts";
import { createHouse } from "./test-house.ts";
import type { House } from "./test-house.ts";

type Service = Exclude<TargetKind, "email" | "push">;

const json = (status: number, body: object): CatcherAnswer => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

/** What each service answers when it has taken a message, and one way in which it says no. */
const services: Readonly<Record<Service, { to: (url: string) => Channel; path: string; yes: CatcherAnswer; no: CatcherAnswer }>> = {
  webhook: { to: (url) => ({ kind: "webhook", url: `${url}/hook` }), path: "/hook", yes: { status: 202 }, no: { status: 500 } },
  discord: {
    to: (url) => ({ kind: "discord", url: `${url}/api/webhooks/1/abc` }),
    path: "/api/webhooks/1/abc?wait=true",
    yes: json(200, { id: "1" }),
    no: json(404, { message: "Unknown Webhook", code: 10_015 }),
  },
  slack: {
    to: (url) => ({ kind: "slack", url: `${url}/services/T/B/x` }),
    path: "/services/T/B/x",
    yes: { status: 200, body: "ok" },
    no: { status: 410, body: "channel_is_archived" },
  },
  teams: {
    to: (url) => ({ kind: "teams", url: `${url}/workflows/x` }),
    path: "/workflows/x",
    yes: { status: 202 },
    no: json(401, { error: { code: "DirectApiAuthorizationRequired" } }),
  },
  telegram: {
    to: (url) => ({ kind: "telegram", url, token: `123456789:${"a".repeat(35)}`, chat: "-1001" }),
    path: `/bot123456789:${"a".repeat(35)}/sendMessage`,
    yes: json(200, { ok: true, result: { message_id: 1 } }),
    no: json(403, { ok: false, error_code: 403, description: "Forbidden: bot was blocked by the user" }),
  },
  ntfy: {
    to: (url) => ({ kind: "ntfy", url, topic: "coop" }),
    path: "/",
    yes: json(200, { id: "x", event: "message", topic: "coop" }),
    no: json(403, { code: 40_301, http: 403, error: "forbidden" }),
  },
  pushover: {
    to: (url) => ({ kind: "pushover", url, token: "a".repeat(30), user: "u".repeat(30) }),
    path: "/1/messages.json",
    yes: json(200, { status: 1, request: "x" }),
    no: json(400, { user: "invalid", errors: ["user identifier is invalid"], status: 0 }),
  },
  gotify: {
    to: (url) => ({ kind: "gotify", url, token: "A.secret" }),
    path: "/message",
    yes: json(200, { id: 1, appid: 1, message: "x" }),
    no: json(401, { error: "Unauthorized", errorCode: 401 }),
  },
  apprise: {
    to: (url) => ({ kind: "apprise", url: `${url}/notify/coop` }),
    path: "/notify/coop",
    yes: { status: 200, body: "{}" },
    no: { status: 204 },
  },
};

describe("each channel over its own wire", () => {
  let house: House;
  let catcher: Catcher;
  let mailbox: Mailbox;

  beforeAll(async () => {
    house = await createHouse();
    await house.clear();
    catcher = await startCatcher();
    mailbox = await startMailbox({});
    const smtpUrl = `smtp://127.0.0.1:${mailbox.port}?tls=off`;
    await house.start({ mail: createMail({ smtpUrl, from: "roost@example.org", egress: house.egressOf(), log: house.log }) });
  });
  afterAll(async () => {
    await house.close();
    await catcher.close();
    await mailbox.close();
  });

  it("is tried here, whichever there is", () => {
    expect([...Object.keys(services), "email", "push"].toSorted()).toEqual([...targetKind.options].toSorted());
  });

  it.each(Object.keys(services) as Service[])(
    "CO-64, N-F33: a test to %s arrives, and a no of its own kind is shown as one",
    async (kind) => {
      const { to, path, yes, no } = services[kind];
      catcher.forget();
      const { id } = await house.it.targets.add(house.whose, undefined, { ...to(catcher.url), name: kind, minSeverity: "info" });
      catcher.plan(yes, no);
      expect(await house.it.ledger.test(house.whose, undefined, id)).toMatchObject({ kind, state: "delivered" });
      expect(catcher.caught.map((one) => [one.method, one.path])).toEqual([["POST", path]]);
      expect(decodeURIComponent(catcher.caught[0]?.body ?? "").replaceAll("+", " ")).toContain("This is a test from Roost");
      expect(await house.it.ledger.test(house.whose, undefined, id)).toMatchObject({
        state: "failed",
        attempts: [{ outcome: "failed", status: no.status }],
      });
    },
  );

  it("a test to a mailbox arrives there", async () => {
    const { id } = await house.it.targets.add(house.whose, undefined, {
      kind: "email",
      email: "keeper@example.org",
      name: "Mail",
      minSeverity: "info",
    });
    expect(await house.it.ledger.test(house.whose, undefined, id)).toMatchObject({ state: "delivered", attempts: [{ status: 250 }] });
    expect(mailbox.caught[0]?.to).toEqual(["keeper@example.org"]);
    expect(mailbox.caught[0]?.text).toContain("This is a test from Roost");
  });

  it("a test to a browser arrives there", async () => {
    const service = await startPushService();
    const { id } = await house.it.targets.add(house.person, house.personId, {
      kind: "push",
      name: "Phone",
      minSeverity: "info",
      ...service.subscription,
    });
    expect(await house.it.ledger.test(house.person, house.personId, id)).toMatchObject({ state: "delivered", attempts: [{ status: 201 }] });
    expect(service.caught.map((one) => service.read(one).title)).toEqual(["Test"]);
    await service.close();
  });
});
