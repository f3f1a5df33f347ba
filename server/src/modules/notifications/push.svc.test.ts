import { sql } from "@roost/contract/sql";
import { startPushService } from "@roost/testbed/push-service";
import type { Pushed, Shown } from "@roost/testbed/push-service";
import { decodeJwt, importJWK, jwtVerify } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { newId } from "../../platform/id.ts";
import { createActions } from "./actions.ts";
import { insertDelivery } from "./delivery-store.ts";
import { noticeOf } from "./notice.ts";
import { createHouse } from "./test-house.ts";
import type { House } from "./test-house.ts";

const patience = { timeout: 60_000 };

describe("notifications in the browser", () => {
  let house: House;
  let service: Awaited<ReturnType<typeof startPushService>>;

  const subscribe = async () =>
    house.it.targets.add(house.person, house.personId, { kind: "push", name: "Phone", minSeverity: "info", ...service.subscription });
  /** One alarm, told to the browser. */
  async function told(): Promise<{ shown: Shown; pushed: Pushed; alarmId: string }> {
    const { id } = await subscribe();
    await house.turn("raise");
    const [alarm] = await house.openAlarms();
    if (alarm === undefined) throw new TypeError("no alarm");
    const notice = noticeOf({ type: "alarm.raised", data: JSON.parse(JSON.stringify(alarm)) as unknown }, "https://roost.example.org");
    if (notice === undefined) throw new TypeError("no notice");
    await insertDelivery(house.db, { id: newId(), organisationId: house.organisationId, target: { id }, alarmId: alarm.id, notice });
    house.it.wake();
    // The planner tells of the alarm too, by a delivery of its own, now or a moment later: whichever comes first is looked at.
    await expect.poll(() => service.caught.length, patience).toBeGreaterThan(0);
    const [pushed] = service.caught;
    if (pushed === undefined) throw new TypeError("nothing came");
    await expect.poll(house.waiting, patience).toBe(0);
    return { shown: service.read(pushed), pushed, alarmId: alarm.id };
  }

  beforeAll(async () => {
    house = await createHouse();
  });
  beforeEach(async () => {
    await house.clear();
    await house.start();
    service = await startPushService();
  });
  afterEach(async () => {
    await house.stop();
    await service.close();
  });
  afterAll(async () => house.close());

  it("are encrypted for the one browser, signed by the installation, and carry one key over all tries", async () => {
    const { shown, pushed, alarmId } = await told();
    expect(pushed.headers).toMatchObject({ "content-encoding": "aes128gcm", ttl: "86400", "content-length": String(pushed.body.length) });
    expect(pushed.headers["topic"]).toBe(shown.id.replaceAll("-", ""));
    expect(shown).toMatchObject({ version: 1, type: "alarm.raised", title: "Alarm, warning", path: `/alarms/${alarmId}`, tag: alarmId });
    expect(shown.body).toBe("Coop: temperature is 35, above the limit of 30.");
    expect(pushed.body.toString("latin1")).not.toContain("Coop");

    const [, token = "", key = ""] = /^vapid t=([^,]+), k=(.+)$/.exec(String(pushed.headers["authorization"])) ?? [];
    expect(key).toBe(await house.it.pushKey());
    const point = Buffer.from(key, "base64url");
    const jwk = { kty: "EC", crv: "P-256", x: point.subarray(1, 33).toString("base64url"), y: point.subarray(33).toString("base64url") };
    await jwtVerify(token, await importJWK(jwk, "ES256"), { audience: service.origin });
    expect(decodeJwt(token)["sub"]).toMatch(/^(?:mailto|https):/);
  });

  it("S15: the installation's key is made once, sealed, and the same after a restart", async () => {
    const key = await house.it.pushKey();
    await house.start();
    expect(await house.it.pushKey()).toBe(key);
    const [row] = await house.db.query<{ sealed: Buffer }>(sql`select k.private_sealed as sealed from push_keys k`);
    expect(row?.sealed[0]).toBe(1);
    const rows = await house.db.query(sql`select 1 from push_keys`);
    expect(rows).toHaveLength(1);
  });

  it("acknowledge their alarm without a session, as the person they were sent to, once", async () => {
    const { shown, alarmId } = await told();
    const token = shown.acknowledge ?? "";
    expect(await house.it.actions.acknowledge(token, { remoteAddress: "203.0.113.9", userAgent: "Phone" })).toEqual({ alarmId });
    const [alarm] = await house.openAlarms();
    expect(alarm).toMatchObject({ state: "acknowledged", acknowledgedBy: "keeper@example.org" });
    const [entry] = await house.db.query<{ actor_id: string; actor_kind: string }>(
      sql`select a.actor_id, a.actor_kind from audit_entries a where a.action = 'alarm.acknowledged'`,
    );
    expect(entry).toEqual({ actor_id: house.personId, actor_kind: "person" });
    await expect(house.it.actions.acknowledge(token, {})).rejects.toMatchObject({ code: "notifications.action_refused", status: 410 });
  });

  it("of two that acknowledge at once, one does", async () => {
    const { shown } = await told();
    const tries = await Promise.allSettled([1, 2, 3].map(() => house.it.actions.acknowledge(shown.acknowledge ?? "", {})));
    expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("S6: acknowledge nothing once the right to is gone, the day is over, or a bit is another", async () => {
    const { shown } = await told();
    const token = shown.acknowledge ?? "";
    const refused = { code: "notifications.action_refused" };
    const before = house.rights.get(house.personId);
    if (before === undefined) throw new TypeError("no rights");
    house.rights.set(house.personId, { ...before, permissions: new Set(["alarms:read"]) });
    await expect(house.it.actions.acknowledge(token, {})).rejects.toMatchObject(refused);
    house.rights.delete(house.personId);
    await expect(house.it.actions.acknowledge(token, {})).rejects.toMatchObject(refused);
    house.rights.set(house.personId, before);
    const bytes = Buffer.from(token, "base64url");
    for (const at of [0, 5, 20, bytes.length - 1]) {
      const other = Buffer.from(bytes);
      other[at] = (other[at] ?? 0) ^ 1;
      await expect(house.it.actions.acknowledge(other.toString("base64url"), {})).rejects.toMatchObject(refused);
    }
    const tomorrow = { nowMs: () => Date.now() + 24 * 3_600_000 + 1, monotonicMs: () => 0 };
    const later = createActions({
      db: house.db,
      seal: house.seal,
      clock: tomorrow,
      acknowledge: house.alarms.acknowledge,
      rightsOf: async (id) => house.rights.get(id),
    });
    await expect(later.acknowledge(token, {})).rejects.toMatchObject(refused);
    expect((await house.openAlarms())[0]?.state).toBe("raised");
  });

  it("a subscription that the browser ended is removed, and nobody is alarmed of it", async () => {
    const { id } = await subscribe();
    for (const status of [410, 404]) {
      service.answer(status);
      const [target] = (await house.it.targets.list(house.person, house.personId, { limit: 9 })).items;
      const tested = await house.it.ledger.test(house.person, house.personId, target?.id ?? id);
      expect(tested).toMatchObject({ state: "failed", attempts: [{ status, code: "notifications.gone" }] });
      expect((await house.it.targets.list(house.person, house.personId, { limit: 9 })).items).toEqual([]);
      await subscribe();
    }
    expect(await house.openAlarms()).toEqual([]);
  });

  it("a browser that subscribes again is the same target, and its address is nowhere to be read", async () => {
    await subscribe();
    await subscribe();
    const { items } = await house.it.targets.list(house.person, house.personId, { limit: 9 });
    expect(items.map(({ address }) => address)).toEqual([`${service.origin}/***`]);
    const rows = await house.db.query<{ text: string }>(sql`select t::text as text from notification_targets t`);
    expect(rows[0]?.text).not.toContain("abcdefghijk");
    expect(rows[0]?.text).not.toContain(Buffer.from("abcdefghijk").toString("hex"));
  });
});
