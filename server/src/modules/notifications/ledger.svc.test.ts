import "reflect-metadata";
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";
import type { DeliveryId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";
import { startCatcher } from "@roost/testbed/catchers";
import type { Catcher } from "@roost/testbed/catchers";
import { freePort } from "@roost/testbed/free-port";
import { startMailbox } from "@roost/testbed/mailbox";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { newId } from "../../platform/id.ts";
import { createMail } from "../../platform/mail.ts";
import { failuresToOpen } from "./breaker.ts";
import { insertDelivery } from "./delivery-store.ts";
import { maxAttempts } from "./delivery.ts";
import { testNotice } from "./notice.ts";
import { claimDue, failWaitingOf, msUntilNext } from "./queue-store.ts";
import { createHouse } from "./test-house.ts";
import type { House } from "./test-house.ts";

const patience = { timeout: 60_000 };
const forEver = [3_600_000];

describe("the delivery ledger", () => {
  let house: House;
  let catcher: Catcher;

  const keys = () => new Set(catcher.caught.map(({ headers }) => headers["idempotency-key"]));
  const allSettled = () => expect.poll(house.waiting, patience).toBe(0);
  const factsOf = async (type: string) => house.db.query<{ noun_id: string }>(sql`select e.noun_id from events e where e.type = ${type}`);
  async function queue(targetId: string, more: Partial<Parameters<typeof insertDelivery>[1]> = {}): Promise<string> {
    const id = newId();
    const notice = testNotice(new Date());
    await insertDelivery(house.db, { id, organisationId: house.organisationId, target: { id: targetId }, notice, ...more });
    return id;
  }
  async function tell(...what: Parameters<typeof queue>): Promise<string> {
    const id = await queue(...what);
    house.it.wake();
    return id;
  }

  beforeAll(async () => {
    house = await createHouse();
  });
  beforeEach(async () => {
    await house.clear();
    await house.start();
    catcher = await startCatcher();
  });
  afterEach(async () => {
    await house.stop();
    await catcher.close();
  });
  afterAll(async () => house.close());

  it("sends nothing of an organisation that is closed, and what waited then not when it is kept either", async () => {
    const { id } = await house.addWebhook(`${catcher.url}/hook`);
    // Nobody sends meanwhile: the queue itself is asked.
    await house.stop();
    const claimed = () => claimDue(house.db, { limit: 10, perTarget: { working: 6, other: 2 }, leaseSeconds: 30 });
    await house.db.query(sql`
      insert into organisation_removals (organisation_id, requested_by, requested_by_email, requested_at, ends_at)
      values (${house.organisationId}, ${newId()}, 'olga@example.org', now(), now())`);
    await queue(id);
    expect(await claimed()).toEqual([]);
    expect(await msUntilNext(house.db)).toBeUndefined();
    await failWaitingOf(house.db, house.organisationId, new Date(Date.now() + 60_000));
    await house.db.query(sql`delete from organisation_removals`);
    expect(await claimed()).toEqual([]);
    expect(await house.db.query(sql`select d.state from deliveries d`)).toEqual([{ state: "failed" }]);
    const later = await queue(id);
    expect((await claimed()).map((one) => one.id)).toEqual([later]);
    await house.start();
  });

  it("R12: a provider that is down, in haste, slow, broken and drops its answers costs no alarm, and each goes out with one key", async () => {
    const impatient = { egress: { timeoutMs: 2_000 } };
    await house.start(impatient);
    await catcher.close();
    // Nobody else takes it while it is closed.
    const port = await freePort();
    catcher = await startCatcher({ port });
    const { id } = await house.addWebhook(`${catcher.url}/hook`);
    await catcher.close();
    const alarms = 20;
    const ids = new Set<string>();
    for (let index = 0; index < alarms; index += 1) ids.add(await tell(id));
    await expect.poll(async () => (await house.target(id))?.breaker.state, patience).not.toBe("closed");
    // Down for as long as several probes take, and over a restart.
    await expect.poll(async () => (await house.target(id))?.breaker.failures, patience).toBeGreaterThan(failuresToOpen + 1);
    await house.start(impatient);
    catcher = await startCatcher({ port });
    catcher.plan(
      { status: 429, headers: { "retry-after": "0.1" } },
      { status: 200, body: "x".repeat(60), dripEveryMs: 50 },
      { status: 500 },
      { drop: true },
      { status: 503 },
    );
    await allSettled();
    const own = (await house.deliveries()).filter((one) => ids.has(one.id));
    expect(own).toHaveLength(alarms);
    expect(own.every(({ state }) => state === "delivered")).toBe(true);
    expect(keys()).toEqual(ids);
    expect(Math.max(...own.map(({ attempts }) => attempts.length))).toBeLessThanOrEqual(maxAttempts);
    const codes = new Set(own.flatMap(({ attempts }) => attempts.map(({ code, status }) => code ?? String(status))));
    for (const seen of ["egress.unreachable", "429", "egress.too_slow", "500", "204"]) expect([...codes]).toContain(seen);
    for (const { attempts } of own) {
      expect(attempts.slice(0, -1).every(({ nextTryAt }) => nextTryAt !== undefined)).toBe(true);
      expect(attempts.at(-1)).not.toHaveProperty("nextTryAt");
    }
    expect((await house.target(id))?.breaker).toEqual({ state: "closed", failures: 0 });
  });

  it("R12: sends nothing to a server whose certificate is for another name", async () => {
    const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      name: "CN=test",
      keys: pair,
      signingAlgorithm: algorithm,
      extensions: [new SubjectAlternativeNameExtension([{ type: "dns", value: "another.example" }])],
    });
    const key = Buffer.from(await crypto.subtle.exportKey("pkcs8", pair.privateKey)).toString("base64");
    const cert = certificate.toString("pem");
    const secure = await startCatcher({ tls: { key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`, cert } });
    await house.start({ egress: { ca: cert } });
    const { id } = await house.addWebhook(`${secure.url}/hook`);
    await tell(id);
    await expect.poll(async () => (await house.deliveries())[0]?.attempts[0]?.code, patience).toBe("egress.bad_certificate");
    expect(secure.caught).toHaveLength(0);
    await secure.close();
  });

  it("R12: an open breaker leaves a dead target alone, loses nothing, is still open after a restart, and closes when something arrives", async () => {
    await house.start({ probeWaitsMs: forEver });
    const { id } = await house.addWebhook(`${catcher.url}/hook`);
    catcher.otherwise({ status: 500 });
    for (let index = 0; index < 20; index += 1) await tell(id);
    await expect.poll(async () => (await house.target(id))?.breaker.state, patience).toBe("open");
    await house.start({ probeWaitsMs: forEver });
    expect((await house.target(id))?.breaker).toMatchObject({
      state: "open",
      openedAt: expect.any(Date) as Date,
      probeAt: expect.any(Date) as Date,
    });
    // Two are under way at once: the one beside the fifth failure may be the sixth.
    expect(catcher.caught.length).toBeLessThanOrEqual(failuresToOpen + 1);
    expect(await house.waiting()).toBe(20);

    catcher.otherwise({ status: 204 });
    await house.it.ledger.test(house.whose, undefined, id);
    await allSettled();
    expect((await house.deliveries()).every(({ state }) => state === "delivered")).toBe(true);
    expect((await house.target(id))?.breaker).toEqual({ state: "closed", failures: 0 });
    expect(await house.target(id)).not.toHaveProperty("failingSince");
  });

  it("R12: half open, one delivery goes out to see, and a failure opens it again", async () => {
    await house.start({ probeWaitsMs: forEver });
    const { id } = await house.addWebhook(`${catcher.url}/hook`);
    catcher.otherwise({ status: 500 });
    for (let index = 0; index < 10; index += 1) await tell(id);
    await expect.poll(async () => (await house.target(id))?.breaker.state, patience).toBe("open");
    await house.start({ probeWaitsMs: forEver });
    const before = catcher.caught.length;
    await house.db.query(sql`update notification_targets set probe_at = now()`);
    house.it.wake();
    await expect.poll(() => catcher.caught.length, patience).toBe(before + 1);
    await expect.poll(async () => (await house.target(id))?.breaker.state, patience).toBe("open");
    expect(catcher.caught).toHaveLength(before + 1);
  });

  it("a channel that fails raises an alarm that the other channels tell of, itself excepted, and clears it when it works again", async () => {
    const good = await startCatcher();
    const { id } = await house.addWebhook(`${catcher.url}/hook`, "Broken");
    await house.addWebhook(`${good.url}/hook`, "Good");
    catcher.otherwise({ status: 500 });
    await house.turn("raise");
    for (let index = 0; index < 4; index += 1) await tell(id);
    const told = () => good.caught.map(({ body }) => (JSON.parse(body) as { type: string; text: string }).text);
    await expect.poll(told, patience).toContainEqual("Notices do not arrive at Broken. The last try: answered 500.");
    expect(await house.openAlarms()).toContainEqual(
      expect.objectContaining({ source: `channel:${id}`, kind: "delivery", severity: "major" }),
    );
    expect((await house.target(id))?.failingSince).toBeInstanceOf(Date);
    expect(await factsOf("notification_target.failing")).toEqual([{ noun_id: id }]);

    catcher.otherwise({ status: 204 });
    await expect.poll(async () => (await house.openAlarms()).length, patience).toBe(1);
    await house.settle();
    await allSettled();
    expect(told().at(-1)).toBe("Notices do not arrive at Broken: over.");
    expect(catcher.caught.filter(({ body }) => body.includes("do not arrive"))).toEqual([]);
    expect(await factsOf("notification_target.recovered")).toEqual([{ noun_id: id }]);
    await good.close();
  });

  it("the alarm of a channel is over when the channel is removed", async () => {
    const { id } = await house.addWebhook(`${catcher.url}/hook`);
    catcher.otherwise({ status: 410 });
    await tell(id);
    await expect.poll(async () => (await house.openAlarms()).length, patience).toBe(1);
    await house.it.targets.remove(house.whose, undefined, id);
    expect(await house.openAlarms()).toEqual([]);
  });

  it("the alarm of a channel is over when the channel is switched off", async () => {
    const { id } = await house.addWebhook(`${catcher.url}/hook`);
    catcher.otherwise({ status: 410 });
    await tell(id);
    await expect.poll(async () => (await house.openAlarms()).length, patience).toBe(1);
    const off = await house.it.targets.change(house.whose, undefined, id, { enabled: false });
    expect(off).toMatchObject({ enabled: false, breaker: { state: "closed", failures: 0 } });
    expect(off).not.toHaveProperty("failingSince");
    expect(await house.openAlarms()).toEqual([]);
  });

  it("S-F18: dead letters are sent again one by one or all at once, with the words and the key they had", async () => {
    const { id } = await house.addWebhook(`${catcher.url}/hook`);
    catcher.otherwise({ status: 404 });
    for (const type of ["test:1", "test:2", "test:3"]) await house.turn("raise", type);
    await expect.poll(async () => (await house.deliveries()).filter(({ state }) => state === "failed").length, patience).toBe(3);
    const failed = (await house.it.ledger.list(house.whose, { limit: 50, state: "failed" })).items;
    const [first] = failed;
    if (first === undefined) throw new TypeError("nothing failed");
    const sent = new Map(catcher.caught.map(({ headers, body }) => [headers["idempotency-key"], body]));
    catcher.forget();
    catcher.otherwise({ status: 204 });

    expect(await house.it.ledger.replay(house.person, first.id)).toMatchObject({ id: first.id });
    await allSettled();
    expect(catcher.caught.map(({ headers, body }) => [headers["idempotency-key"], body])).toEqual([[first.id, sent.get(first.id)]]);
    await expect(house.it.ledger.replay(house.person, first.id)).rejects.toMatchObject({ code: "notifications.not_failed" });
    expect(await house.it.ledger.replayAll(house.person, { targetId: id })).toEqual({ replayed: 2 });
    await allSettled();
    expect(keys().size).toBe(3);
    expect(await house.it.ledger.replayAll(house.person, {})).toEqual({ replayed: 0 });
    const audited = await house.db.query<{ action: string }>(
      sql`select a.action from audit_entries a where a.action = 'delivery.replayed'`,
    );
    expect(audited).toHaveLength(2);
  });

  it("what has nowhere to go is not sent again, and what is another organisation's is not there", async () => {
    const { id } = await house.addWebhook(`${catcher.url}/hook`);
    catcher.otherwise({ status: 404 });
    const deliveryId = (await tell(id)) as DeliveryId;
    await allSettled();
    const strangers = { organisationId: newId() };
    await expect(house.it.ledger.replay(strangers, deliveryId)).rejects.toMatchObject({ code: "notifications.delivery_not_found" });
    await expect(house.it.ledger.replayAll(strangers, { targetId: id })).rejects.toMatchObject({ code: "notifications.target_not_found" });
    await house.it.targets.remove(house.whose, undefined, id);
    await expect(house.it.ledger.replay(house.whose, deliveryId)).rejects.toMatchObject({ code: "notifications.target_gone" });
  });

  it("CO-63, S-F18: a receiver that fails twice and then works gets it once more, and three tries are on record", async () => {
    await house.addWebhook(`${catcher.url}/hook`);
    catcher.plan({ status: 500 }, { status: 502 });
    await house.turn("raise");
    await allSettled();
    const [delivery] = await house.deliveries();
    expect(delivery?.attempts.map(({ outcome, status }) => [outcome, status])).toEqual([
      ["failed", 500],
      ["failed", 502],
      ["delivered", 204],
    ]);
    expect(keys().size).toBe(1);
  });

  it("GA-15, CO-64: Discord and Slack that ask for time get it, then the message, once; their 204 and 200 are deliveries", async () => {
    const wait = { status: 429, headers: { "retry-after": "0.3" } };
    const add = (kind: "discord" | "slack") =>
      house.it.targets.add(house.whose, undefined, { kind, name: kind, url: `${catcher.url}/${kind}`, minSeverity: "info" });
    await add("discord");
    await add("slack");
    const seen = new Set<string>();
    catcher.otherwise(({ path }) => {
      if (!seen.has(path)) {
        seen.add(path);
        return wait;
      }
      return path === "/slack" ? { status: 200, body: "ok" } : { status: 204 };
    });
    await house.turn("raise");
    // Over a restart too.
    await house.start();
    await allSettled();
    const deliveries = await house.deliveries();
    expect(Object.fromEntries(deliveries.map(({ kind, attempts }) => [kind, attempts.map(({ status }) => status)]))).toEqual({
      discord: [429, 204],
      slack: [429, 200],
    });
    for (const { attempts } of deliveries) {
      const [asked, delivered] = attempts;
      expect((asked?.nextTryAt?.getTime() ?? 0) - (asked?.at.getTime() ?? 0)).toBeGreaterThanOrEqual(300);
      expect(delivered?.at.getTime()).toBeGreaterThanOrEqual((asked?.nextTryAt?.getTime() ?? Infinity) - 50);
    }
    // What is said there has the limit, the unit, the device and the link in it.
    for (const { body } of catcher.caught) expect(body).toMatch(/Coop.*30.*roost\.example\.org\/alarms\//s);
  });

  it("a target that asks for time is left alone with everything, not with the one notice", async () => {
    const { id } = await house.addWebhook(`${catcher.url}/hook`);
    catcher.otherwise({ status: 429, headers: { "retry-after": "3600" } });
    await tell(id);
    await expect.poll(() => catcher.caught.length, patience).toBe(1);
    await expect.poll(async () => (await house.deliveries())[0]?.attempts.length, patience).toBe(1);
    await tell(id);
    await house.start();
    await house.start();
    expect(catcher.caught).toHaveLength(1);
    // Haste is no fault of the target.
    expect((await house.target(id))?.breaker).toEqual({ state: "closed", failures: 0 });
  });

  it("R12: a mail server that refuses for now gets the same message again, by its Message-ID", async () => {
    const box = await startMailbox({});
    const mail = createMail({
      smtpUrl: `smtp://127.0.0.1:${box.port}?tls=off`,
      from: "roost@example.org",
      egress: house.egressOf(),
      log: house.log,
    });
    await house.start({ mail });
    await house.it.targets.add(house.whose, undefined, { kind: "email", name: "Keeper", email: "keeper@example.org", minSeverity: "info" });
    box.refuse("451 4.3.0 Try again later");
    await house.turn("raise", "test:1");
    await expect.poll(async () => (await house.deliveries())[0]?.attempts.length, patience).toBeGreaterThan(0);
    box.refuse(undefined);
    await allSettled();
    const [delivery] = await house.deliveries();
    expect(delivery).toMatchObject({ kind: "email", state: "delivered" });
    expect(delivery?.attempts.at(0)).toMatchObject({ outcome: "failed", code: "mail.not_sent" });
    expect(delivery?.attempts.at(-1)).toMatchObject({ outcome: "delivered", status: 250 });
    expect(box.caught.map(({ headers }) => headers.find((line) => /^message-id:/i.test(line)))).toEqual([
      expect.stringContaining(`<${delivery?.id}@example.org>`),
    ]);
    await box.close();
  });

  it("what is held back waits for its time and holds nobody up, not even of the same alarm", async () => {
    const { id } = await house.addWebhook(`${catcher.url}/hook`);
    await house.turn("raise");
    await allSettled();
    const [alarm] = await house.openAlarms();
    const notBefore = new Date(Date.now() + 3_600_000);
    const held = await tell(id, { alarmId: alarm?.id, notBefore });
    const free = await tell(id, { alarmId: alarm?.id });
    const stateOf = async (deliveryId: string) => (await house.deliveries()).find((one) => one.id === deliveryId);
    await expect.poll(async () => (await stateOf(free))?.state, patience).toBe("delivered");
    expect(await stateOf(held)).toMatchObject({ state: "waiting", notBefore, attempts: [] });
    await house.db.query(sql`update deliveries set not_before = now(), next_try_at = now() where id = ${held}`);
    house.it.wake();
    await expect.poll(async () => (await stateOf(held))?.state, patience).toBe("delivered");
  });

  it("a person's own target is seen, changed and tested by them alone, and so are its deliveries", async () => {
    const { person, personId, whose } = house;
    const other = { ...person, by: { ...person.by, id: newId() } };
    const mine = await house.it.targets.add(person, personId, {
      kind: "webhook",
      name: "My phone",
      url: `${catcher.url}/my`,
      minSeverity: "info",
    });
    expect(mine.personId).toBe(personId);
    expect((await house.it.targets.list(person, personId, { limit: 9 })).items.map(({ name }) => name)).toEqual(["My phone"]);
    expect((await house.it.targets.list(whose, undefined, { limit: 9 })).items).toEqual([]);
    expect((await house.it.targets.list(other, other.by.id, { limit: 9 })).items).toEqual([]);
    const code = "notifications.target_not_found";
    for (const owner of [undefined, other.by.id]) {
      await expect(house.it.targets.change(other, owner, mine.id, { name: "Mine" })).rejects.toMatchObject({ code });
      await expect(house.it.targets.remove(other, owner, mine.id)).rejects.toMatchObject({ code });
      await expect(house.it.ledger.test(other, owner, mine.id)).rejects.toMatchObject({ code });
    }
    expect(await house.it.ledger.test(person, personId, mine.id)).toMatchObject({ state: "delivered", personId });
    const seenBy = async (by: typeof person, permissions: Parameters<typeof house.it.ledger.list>[0]["permissions"]) =>
      (await house.it.ledger.list({ ...by, ...(permissions === undefined ? {} : { permissions }) }, { limit: 9 })).items.length;
    expect(await seenBy(person, new Set(["notifications:read"]))).toBe(1);
    expect(await seenBy(other, new Set(["notifications:read"]))).toBe(0);
    expect(await seenBy(other, new Set(["notifications:read", "notifications:configure"]))).toBe(1);
    // Who leaves takes it along.
    await house.db.query(sql`delete from memberships where person_id = ${personId}`);
    expect(await house.db.query(sql`select t.id from notification_targets t`)).toEqual([]);
    await house.db.query(
      sql`insert into memberships (id, organisation_id, person_id, role) values (${newId()}, ${house.organisationId}, ${personId}, 'operator')`,
    );
  });

  it("nobody has Roost write to strangers: a mailbox of one's own is the one of the account", async () => {
    await house.start({ mail: { isOn: true, send: async () => undefined } });
    const add = (email: string) =>
      house.it.targets.add(house.person, house.personId, { kind: "email", name: "Mail", email, minSeverity: "info" });
    await expect(add("stranger@example.org")).rejects.toMatchObject({ code: "notifications.not_your_address" });
    expect((await add("Keeper@example.org")).address).not.toContain("keeper");
  });

  it("CO-63: words of a target's own go out in their place, and bad ones leave the old in force", async () => {
    const { id } = await house.it.targets.add(house.whose, undefined, {
      kind: "webhook",
      name: "Hook",
      url: `${catcher.url}/hook`,
      minSeverity: "info",
      titleTemplate: "{{severity}} in {{device}}",
      bodyTemplate: "{{metric}} {{value}} > {{limit}}",
    });
    const bad = house.it.targets.change(house.whose, undefined, id, { bodyTemplate: "{{> other}}" });
    await expect(bad).rejects.toMatchObject({ code: "notifications.bad_template" });
    await house.turn("raise");
    await allSettled();
    expect(JSON.parse(catcher.caught[0]?.body ?? "")).toMatchObject({ title: "warning in Coop", text: "temperature 35 > 30" });
    const plain = await house.it.targets.change(house.whose, undefined, id, {
      titleTemplate: null,
      bodyTemplate: null,
    });
    expect(plain).not.toHaveProperty("titleTemplate");
  });
});
