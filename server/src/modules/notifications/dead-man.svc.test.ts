import { sql } from "@roost/contract/sql";
import { startCatcher } from "@roost/testbed/catchers";
import type { Catcher } from "@roost/testbed/catchers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { newId } from "../../platform/id.ts";
import { createDeadMan } from "./dead-man.ts";
import type { DeadMan } from "./dead-man.ts";
import { insertDelivery } from "./delivery-store.ts";
import { testNotice } from "./notice.ts";
import { createHouse } from "./test-house.ts";
import type { House } from "./test-house.ts";

const patience = { timeout: 60_000 };

describe("the dead-man switch", () => {
  let house: House;
  let watcher: Catcher;
  let hook: Catcher;
  let deadMan: DeadMan;
  let isWell: boolean;

  const beats = () => watcher.caught.filter(({ path }) => path.startsWith("/ping"));
  const due = async () => house.db.query(sql`update dead_man_switches set next_beat_at = now()`);
  const set = async (method: "GET" | "POST" = "GET") =>
    deadMan.set(house.person, { url: `${watcher.url}/ping/6f1c2a`, method, everySeconds: 60, enabled: true });

  beforeAll(async () => {
    house = await createHouse();
  });
  beforeEach(async () => {
    await house.clear();
    await house.start();
    watcher = await startCatcher();
    hook = await startCatcher();
    isWell = true;
    const { db, audit, seal, clock, log } = house;
    const egress = house.egressOf();
    deadMan = createDeadMan({ db, audit, egress, seal, clock, log, raise: house.alarms.take, isWell: () => isWell, silentSeconds: 60 });
  });
  afterEach(async () => {
    await deadMan.close();
    await house.stop();
    await watcher.close();
    await hook.close();
  });
  afterAll(async () => house.close());

  it("tells the watcher as often as was said, and not oftener, whatever the number of servers", async () => {
    await set();
    await Promise.all([deadMan.look(), deadMan.look(), deadMan.look()]);
    expect(beats()).toHaveLength(1);
    await deadMan.look();
    expect(beats()).toHaveLength(1);
    await due();
    await deadMan.look();
    expect(beats().map(({ method }) => method)).toEqual(["GET", "GET"]);
    expect((await deadMan.get(house.whose)).switch).toMatchObject({ lastOutcome: "sent", lastStatus: 204, everySeconds: 60 });
  });

  it("withholds the beat while readings do not pass, and says so", async () => {
    await set("POST");
    isWell = false;
    await deadMan.look();
    expect(beats()).toEqual([]);
    expect((await deadMan.get(house.whose)).switch).toMatchObject({ lastOutcome: "withheld", lastCode: "system.not_ready" });
    isWell = true;
    expect(await deadMan.beat(house.person)).toMatchObject({ lastOutcome: "sent" });
    expect(beats().map(({ method }) => method)).toEqual(["POST"]);
  });

  it("no delivery that works for a while, though some were tried, is an alarm, and the watcher is left to miss us", async () => {
    await set();
    const { id } = await house.addWebhook(`${hook.url}/hook`);
    hook.otherwise({ status: 500 });
    const notice = testNotice(new Date());
    const deliveryId = newId();
    await insertDelivery(house.db, {
      id: deliveryId,
      organisationId: house.organisationId,
      target: { id },
      notice: { ...notice, type: "alarm.raised" },
    });
    house.it.wake();
    await expect.poll(async () => (await house.deliveries())[0]?.attempts.length, patience).toBeGreaterThan(0);
    const silent = async () => (await house.openAlarms()).filter(({ source }) => source === "notifications");
    // A moment ago is no while.
    await deadMan.look();
    expect(await silent()).toEqual([]);
    await house.db.query(sql`update delivery_attempts set at = at - interval '2 minutes'`);
    await deadMan.look();
    await deadMan.look();
    expect(await silent()).toEqual([
      expect.objectContaining({ kind: "delivery", severity: "critical", type: "no_delivery", occurrences: 1 }),
    ]);
    expect((await deadMan.get(house.whose)).silentSince).toBeInstanceOf(Date);
    await due();
    const before = beats().length;
    await deadMan.look();
    expect(beats()).toHaveLength(before);
    expect((await deadMan.get(house.whose)).switch).toMatchObject({ lastOutcome: "withheld", lastCode: "notifications.silent" });

    hook.otherwise({ status: 204 });
    await house.it.ledger.test(house.whose, undefined, id);
    await deadMan.look();
    expect(await silent()).toEqual([]);
    await due();
    await deadMan.look();
    expect(beats()).toHaveLength(before + 1);
  });

  it("a test that fails is no silence, and neither is having nothing to say", async () => {
    const { id } = await house.addWebhook(`${hook.url}/hook`);
    hook.otherwise({ status: 500 });
    await house.it.ledger.test(house.whose, undefined, id);
    await house.db.query(sql`update delivery_attempts set at = at - interval '2 minutes'`);
    await deadMan.look();
    expect(await deadMan.get(house.whose)).toEqual({});
    expect(await house.openAlarms()).toEqual([]);
  });

  it("S15: keeps the watcher's address sealed, shows it masked, and puts who set it on record", async () => {
    const { address } = await set();
    expect(address).toBe(`${watcher.url}/***`);
    const [row] = await house.db.query<{ text: string }>(sql`select s::text as text from dead_man_switches s`);
    expect(row?.text).not.toContain("6f1c2a");
    await deadMan.remove(house.person);
    expect(await deadMan.get(house.whose)).toEqual({});
    await expect(deadMan.beat(house.person)).rejects.toMatchObject({ code: "notifications.no_switch" });
    const audited = await house.db.query<{ action: string; text: string }>(
      sql`select a.action, a::text as text from audit_entries a where a.action like 'dead_man_switch.%' order by a.id`,
    );
    expect(audited.slice(-2).map(({ action }) => action)).toEqual(["dead_man_switch.set", "dead_man_switch.removed"]);
    for (const { text } of audited) expect(text).not.toContain("6f1c2a");
    expect(house.lines.join("")).not.toContain("6f1c2a");
  });

  it("a watcher that cannot be reached or answers no is shown as such", async () => {
    await set();
    watcher.otherwise({ status: 404 });
    expect(await deadMan.beat(house.person)).toMatchObject({ lastOutcome: "failed", lastStatus: 404 });
    await watcher.close();
    expect(await deadMan.beat(house.person)).toMatchObject({ lastOutcome: "failed", lastCode: "egress.unreachable" });
    watcher = await startCatcher();
  });
});
