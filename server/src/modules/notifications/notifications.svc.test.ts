import { randomBytes } from "node:crypto";

import type { DeviceId, NotificationTargetId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";
import { startCatcher } from "@roost/testbed/catchers";
import type { Catcher } from "@roost/testbed/catchers";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createEgress } from "../../platform/egress.ts";
import { createDispatch } from "../../platform/events.ts";
import type { Dispatch } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createMail } from "../../platform/mail.ts";
import { createSeal } from "../../platform/seal.ts";
import { createAlarms } from "../alarms/alarms.ts";
import type { Alarms } from "../alarms/alarms.ts";
import { createAudit } from "../audit/audit.ts";
import { createOnCall } from "../on-call/on-call.ts";
import { createRules } from "../rules/rules.ts";
import type { Rules } from "../rules/rules.ts";
import { thresholdRule, unstoredReads } from "../rules/test-rule.ts";
import { createNotifications } from "./notifications.ts";
import type { Notifications } from "./notifications.ts";
import { signatureOf } from "./webhook.ts";

const lines: string[] = [];
const log = createLog({ level: "debug", pretty: false, destination: { write: (line) => void lines.push(line) } });
const organisationId = newId();
const strangers = newId();
const device = "coop-1" as DeviceId;
const secretPath = "/hooks/9f8e7d6c5b4a";
const page = { limit: 50 };

describe("notifications", () => {
  let database: TestDatabase;
  let db: Db;
  let catcher: Catcher;
  let alarms: Alarms;
  let rules: Rules;
  let notifications: Notifications;
  let dispatch: Dispatch;
  let tick = 0;
  const next = () => (Date.now() + (tick += 1000)) * 1000;
  const seal = createSeal(new Uint8Array(32).fill(7));

  function notificationsOf({ backOffMs = [20, 20, 20] as readonly number[] } = {}): Notifications {
    const egress = createEgress({ allow: ["127.0.0.1"], timeoutMs: 30_000 });
    return createNotifications({
      audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
      db,
      alarms,
      egress,
      mail: createMail({ smtpUrl: undefined, from: undefined, egress, log }),
      seal,
      clock: systemClock,
      log,
      publicUrl: "https://roost.example.org",
      backOffMs,
      rightsOf: async () => undefined,
      onCall: createOnCall({ db, audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }), clock: systemClock }),
      whereIs: () => undefined,
    });
  }
  const addWebhook = (minSeverity: "info" | "warning" | "critical" = "info", name = "Hook") =>
    notifications.targets.add({ organisationId }, undefined, { kind: "webhook", name, url: catcher.url + secretPath, minSeverity });
  const deliveries = async () => (await notifications.ledger.list({ organisationId }, page)).items;
  const settledDeliveries = () => expect.poll(async () => (await deliveries()).filter(({ state }) => state === "waiting").length).toBe(0);

  async function raise(value = 35): Promise<void> {
    rules.watchFor(device, "temperature").observe(value, next());
    await rules.settle();
    await dispatch.settle();
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    for (const [id, name] of [
      [organisationId, "Ours"],
      [strangers, "Strangers"],
    ]) {
      await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${name}, ${name})`);
      // Each alarm by itself and at once: how many words are made of many is the planner's own matter.
      await db.query(sql`insert into notification_settings values (${id}, 0, 0, 0, 300, false)`);
    }
  });
  beforeEach(async () => {
    await db.query(sql`truncate devices, alarms, alarm_rules, events, event_cursors, notification_targets, deliveries cascade`);
    await db.query(sql`insert into devices (id, organisation_id, name, kind) values ('coop-1', ${organisationId}, 'Coop', 'generic')`);
    lines.length = 0;
    catcher = await startCatcher();
    alarms = createAlarms({
      audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
      db,
      clock: systemClock,
      log,
    });
    rules = createRules({
      audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
      db,
      alarms,
      clock: systemClock,
      log,
      ...unstoredReads(() => ({ organisationId, kind: "generic", siteId: undefined, groupIds: new Set(), hidden: false })),
    });
    notifications = notificationsOf();
    const handlers = [...alarms.handlers, ...notifications.handlers];
    dispatch = await createDispatch({ db, handlers, observe: (fact) => rules.observe(fact), log });
    // A new handler begins with what comes after it: it must be there before the first fact.
    await dispatch.settle();
    await rules.add({ organisationId }, thresholdRule({ deviceId: device, metric: "temperature", above: 30 }));
  });
  afterEach(async () => {
    await dispatch.close();
    await notifications.close();
    await alarms.close();
    await catcher.close();
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("S-F18: tells a webhook of an alarm and its end, signed, with one key per notice, and puts it into the alarm's history", async () => {
    const { signingSecret = "" } = await addWebhook();
    await raise(35);
    await raise(20);
    await expect.poll(() => catcher.caught.length).toBe(2);
    await settledDeliveries();
    const [raised, cleared] = catcher.caught.map((one) => ({ ...one, json: JSON.parse(one.body) as Record<string, unknown> }));
    expect(raised?.path).toBe(secretPath);
    expect(raised?.json).toMatchObject({
      version: 1,
      type: "alarm.raised",
      text: "Coop: temperature is 35, above the limit of 30.",
      device: { id: "coop-1", name: "Coop" },
      alarm: { kind: "above", severity: "warning", state: "raised", metric: "temperature", threshold: 30, value: 35 },
    });
    expect(cleared?.json).toMatchObject({ type: "alarm.cleared", alarm: { state: "cleared", value: 20 } });
    expect(raised?.headers["idempotency-key"]).toBe(raised?.json["id"]);
    expect(raised?.headers["x-roost-delivery"]).toBe(raised?.json["id"]);
    expect(cleared?.headers["idempotency-key"]).not.toBe(raised?.headers["idempotency-key"]);
    const timestamp = Number(raised?.headers["x-roost-timestamp"]);
    expect(raised?.headers["x-roost-signature"]).toBe(signatureOf(raised?.body ?? "", timestamp, signingSecret));

    const [alarm] = (await alarms.list({ organisationId }, { ...page, state: "all" })).items;
    if (alarm === undefined) throw new TypeError("no alarm");
    const { history } = await alarms.get({ organisationId }, alarm.id);
    expect(history.map(({ what }) => what).toSorted()).toEqual(["cleared", "notified", "notified", "raised"]);
    expect(history.find(({ what }) => what === "notified")?.detail).toBe("Hook: answered 204, try 1");
    expect((await deliveries()).map(({ what, state }) => [what, state])).toEqual([
      ["alarm.cleared", "delivered"],
      ["alarm.raised", "delivered"],
    ]);
  });

  it("R12: tries again after failures of every kind, records each try, and sends the same key and body", async () => {
    const { id } = await addWebhook();
    catcher.plan(
      { status: 500 },
      { drop: true },
      { status: 429, headers: { "retry-after": "0.2" } },
      { status: 200, body: "x", dripEveryMs: 1 },
    );
    await raise();
    await settledDeliveries();
    const [delivery] = await deliveries();
    expect(delivery).toMatchObject({ state: "delivered", targetId: id });
    expect(delivery?.attempts.map(({ outcome, status, code }) => [outcome, status, code])).toEqual([
      ["failed", 500, undefined],
      ["failed", undefined, "egress.unreachable"],
      ["failed", 429, undefined],
      ["delivered", 200, undefined],
    ]);
    expect(new Set(catcher.caught.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
    expect(new Set(catcher.caught.map(({ body }) => body)).size).toBe(1);
  });

  it("gives up on a target that refuses, and says so", async () => {
    await addWebhook();
    catcher.otherwise({ status: 404 });
    await raise();
    await settledDeliveries();
    const [delivery] = await deliveries();
    expect([delivery?.state, delivery?.attempts.length]).toEqual(["failed", 3]);
    const facts = await db.query<{ data: { state: string } }>(sql`select e.data from events e where e.type = 'delivery.settled'`);
    expect(facts.map(({ data }) => data.state)).toEqual(["failed"]);
  });

  it("R12: what waits survives a restart, and the end of an alarm is never told before its beginning", async () => {
    await addWebhook();
    await notifications.close();
    catcher.otherwise({ status: 503 });
    await raise(35);
    await raise(20);
    // Begun when both wait: a few tries more, and the channel would be left alone for a minute.
    notifications = notificationsOf({ backOffMs: [200] });
    await expect.poll(() => catcher.caught.length).toBeGreaterThan(0);
    await notifications.close();
    expect(catcher.caught.every(({ headers }) => headers["x-roost-event"] === "alarm.raised")).toBe(true);
    catcher.forget();
    catcher.otherwise({ status: 204 });
    notifications = notificationsOf();
    await settledDeliveries();
    expect(catcher.caught.map(({ headers }) => headers["x-roost-event"])).toEqual(["alarm.raised", "alarm.cleared"]);
  });

  it("R8: a fact that is handled twice, by two servers, is told once", async () => {
    await addWebhook();
    const second = notificationsOf();
    await raise();
    const [event] = await db.query<{ id: string; data: Record<string, unknown>; noun_id: string; at: Date }>(
      sql`select e.id, e.data, e.noun_id, e.at from events e where e.type = 'alarm.raised'`,
    );
    if (event === undefined) throw new TypeError("no fact");
    const fact = { id: event.id, organisationId, type: "alarm.raised", nounId: event.noun_id, data: event.data, at: event.at };
    await Promise.all([...second.handlers, ...notifications.handlers].map((handler) => handler.handle(fact)));
    await settledDeliveries();
    await second.close();
    expect(catcher.caught).toHaveLength(1);
    expect(await deliveries()).toHaveLength(1);
  });

  it("takes over a delivery whose server died in the middle of it", async () => {
    await addWebhook();
    catcher.otherwise({ status: 500 });
    await notifications.close();
    notifications = notificationsOf({ backOffMs: [3_600_000] });
    await raise();
    await expect.poll(() => catcher.caught.length).toBe(1);
    await notifications.close();
    await db.query(sql`update deliveries set next_try_at = now(), leased_until = now() + interval '300 ms'`);
    catcher.otherwise({ status: 204 });
    notifications = notificationsOf();
    await settledDeliveries();
    expect((await deliveries())[0]?.state).toBe("delivered");
  });

  it("tells the turns of a flapping value in their order, though they were written in one transaction", async () => {
    await addWebhook();
    const watch = rules.watchFor(device, "temperature");
    for (const value of [31, 1, 32, 2, 33, 3, 34, 4]) watch.observe(value, next());
    await rules.settle();
    await dispatch.settle();
    await settledDeliveries();
    const told = catcher.caught.map(({ body }) => JSON.parse(body) as { type: string; alarm: { id: string } });
    expect(told).toHaveLength(8);
    for (const id of new Set(told.map(({ alarm }) => alarm.id))) {
      expect(told.filter(({ alarm }) => alarm.id === id).map(({ type }) => type)).toEqual(["alarm.raised", "alarm.cleared"]);
    }
  });

  it("tells only what is severe enough, and nobody who is switched off", async () => {
    await addWebhook("critical", "Critical only");
    const { id } = await addWebhook("info", "Off");
    await notifications.targets.change({ organisationId }, undefined, id, { enabled: false });
    await addWebhook("warning", "Warnings");
    await raise();
    await settledDeliveries();
    expect((await deliveries()).map(({ targetName }) => targetName)).toEqual(["Warnings"]);
  });

  it("GA-07, N-F13: tells that a device fell silent, and that it is back", async () => {
    await addWebhook();
    for (const type of ["device.offline", "device.online"]) {
      await db.query(
        sql`insert into events (id, organisation_id, type, noun_id, data) values (${newId()}, ${organisationId}, ${type}, 'coop-1', '{}')`,
      );
      await dispatch.settle();
    }
    await expect.poll(() => catcher.caught.length).toBe(2);
    expect(catcher.caught.map(({ body }) => JSON.parse(body) as unknown)).toMatchObject([
      { type: "device.offline", text: "Coop is offline.", alarm: { kind: "offline", severity: "warning" } },
      { type: "device.online", text: expect.stringMatching(/^Coop is back online( after \d+ s)?\.$/) as string },
    ]);
  });

  it("speaks Discord's language to Discord", async () => {
    await notifications.targets.add({ organisationId }, undefined, {
      kind: "discord",
      name: "Chat",
      url: `${catcher.url}/api/webhooks/1/abc`,
      minSeverity: "info",
    });
    await raise();
    await settledDeliveries();
    const [message] = catcher.caught;
    expect(message?.path).toBe("/api/webhooks/1/abc?wait=true");
    expect(JSON.parse(message?.body ?? "")).toMatchObject({
      allowed_mentions: { parse: [] },
      embeds: [{ fields: expect.any(Array) as unknown }],
    });
    expect(message?.headers).not.toHaveProperty("x-roost-signature");
  });

  it("CO-23: sends a test at once and answers what came back, without trying again", async () => {
    const { id } = await addWebhook();
    expect(await notifications.ledger.test({ organisationId }, undefined, id)).toMatchObject({
      what: "test",
      state: "delivered",
      attempts: [{ status: 204 }],
    });
    catcher.otherwise({ status: 500 });
    expect(await notifications.ledger.test({ organisationId }, undefined, id)).toMatchObject({
      what: "test",
      state: "failed",
      attempts: [{ status: 500 }],
    });
    expect(catcher.caught).toHaveLength(2);
  });

  it("S15: shows an address masked, keeps it sealed, and never logs it", async () => {
    const target = await addWebhook();
    catcher.plan({ status: 500 });
    await raise();
    await settledDeliveries();
    expect(target.address).toBe(`${catcher.url}/***`);
    expect(JSON.stringify(await notifications.targets.list({ organisationId }, undefined, page))).not.toContain("9f8e7d6c5b4a");
    expect(JSON.stringify(await deliveries())).not.toContain("9f8e7d6c5b4a");
    const rows = await db.query<{ text: string }>(sql`select t::text as text from notification_targets t`);
    const hex = Buffer.from("9f8e7d6c5b4a").toString("hex");
    for (const { text } of rows) {
      expect(text).not.toContain("9f8e7d6c5b4a");
      expect(text).not.toContain(hex);
      expect(text).not.toContain(Buffer.from(target.signingSecret ?? "-").toString("hex"));
    }
    expect(lines.join("")).toContain("a notice was tried");
    expect(lines.join("")).not.toContain("9f8e7d6c5b4a");
    expect(lines.join("")).not.toContain(target.signingSecret);
  });

  it.each([
    "http://127.0.0.2/x",
    "http://10.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "ftp://example.org/",
    "http://u:p@127.0.0.1/",
  ])("S10: refuses %s as a target", async (url) => {
    const adding = notifications.targets.add({ organisationId }, undefined, { kind: "webhook", name: "Bad", url, minSeverity: "info" });
    await expect(adding).rejects.toMatchObject({ code: "notifications.address_refused" });
  });

  it("fails what waits for a target that is removed, and keeps the record", async () => {
    const { id } = await addWebhook();
    catcher.otherwise({ status: 500 });
    await notifications.close();
    notifications = notificationsOf({ backOffMs: [3_600_000] });
    await raise();
    await expect.poll(async () => (await deliveries())[0]?.attempts.length).toBe(1);
    await notifications.targets.remove({ organisationId }, undefined, id);
    const [delivery] = await deliveries();
    expect(delivery).toMatchObject({ state: "failed", targetName: "Hook" });
    expect(delivery).not.toHaveProperty("targetId");
    await expect(notifications.targets.remove({ organisationId }, undefined, id)).rejects.toMatchObject({
      code: "notifications.target_not_found",
    });
  });

  it("shows and changes nothing of another organisation", async () => {
    const { id } = await addWebhook();
    await raise();
    await settledDeliveries();
    const code = "notifications.target_not_found";
    expect((await notifications.targets.list({ organisationId: strangers }, undefined, page)).items).toEqual([]);
    expect((await notifications.ledger.list({ organisationId: strangers }, page)).items).toEqual([]);
    await expect(notifications.targets.remove({ organisationId: strangers }, undefined, id)).rejects.toMatchObject({ code });
    await expect(notifications.ledger.test({ organisationId: strangers }, undefined, id)).rejects.toMatchObject({ code });
    await expect(notifications.targets.change({ organisationId: strangers }, undefined, id, { name: "Mine" })).rejects.toMatchObject({
      code,
    });
  });

  it("pages through targets and deliveries without loss or repeat", async () => {
    const ids: NotificationTargetId[] = [];
    for (let index = 0; index < 5; index += 1) ids.push((await addWebhook("info", `Hook ${index}`)).id);
    await raise();
    await settledDeliveries();
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const answer: Awaited<ReturnType<Notifications["ledger"]["list"]>> = await notifications.ledger.list(
        { organisationId },
        {
          limit: 2,
          ...(cursor === undefined ? {} : { cursor }),
        },
      );
      seen.push(...answer.items.map(({ targetName }) => targetName));
      cursor = answer.next;
    } while (cursor !== undefined);
    expect(seen.toSorted()).toEqual(["Hook 0", "Hook 1", "Hook 2", "Hook 3", "Hook 4"]);
    const first = await notifications.targets.list({ organisationId }, undefined, { limit: 3 });
    const second = await notifications.targets.list({ organisationId }, undefined, { limit: 3, cursor: first.next ?? "" });
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids);
    expect(second.next).toBeUndefined();
  });
});
