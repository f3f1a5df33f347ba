import { sql } from "@roost/contract/sql";
import { startCatcher } from "@roost/testbed/catchers";
import type { Catcher } from "@roost/testbed/catchers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { insertDelivery } from "./delivery-store.ts";
import { createHealth } from "./health.ts";
import { testNotice } from "./notice.ts";
import { findDue } from "./queue-store.ts";
import { createRecorder } from "./recorder.ts";
import type { RecorderDeps } from "./recorder.ts";
import { createHouse } from "./test-house.ts";
import type { House } from "./test-house.ts";

describe("tries that arrived", () => {
  let house: House;
  let catcher: Catcher;
  let transactions = 0;
  let targetIds: string[] = [];
  const each = 10;

  beforeAll(async () => {
    house = await createHouse();
  });
  beforeEach(async () => {
    await house.clear();
    await house.start();
    await house.turn("raise");
    catcher = await startCatcher();
    targetIds = [(await house.addWebhook(`${catcher.url}/a`, "One")).id, (await house.addWebhook(`${catcher.url}/b`, "Other")).id];
    transactions = 0;
  });
  afterEach(async () => {
    await house.stop();
    await catcher.close();
  });
  afterAll(async () => house.close());

  const recorderWith = (recordNotices: RecorderDeps["recordNotices"]) => {
    const db: Db = {
      ...house.db,
      transaction(work) {
        transactions += 1;
        return house.db.transaction(work);
      },
    };
    const health = createHealth({ raise: house.alarms.take, nowMs: () => house.clock.nowMs(), probeWaitsMs: [100] });
    return createRecorder({ db, health, recordNotices, log: house.log });
  };

  /** Deliveries that somebody is at, of an alarm that is open. */
  async function underWay() {
    const [alarm] = await house.openAlarms();
    const ids: string[] = [];
    for (let index = 0; index < each * targetIds.length; index += 1) {
      const id = newId();
      const target = { id: targetIds[index % targetIds.length] ?? "" };
      const notice = testNotice(new Date());
      await insertDelivery(house.db, { id, organisationId: house.organisationId, target, alarmId: alarm?.id, notice, leaseSeconds: 600 });
      ids.push(id);
    }
    return Promise.all(
      ids.map(async (id) => {
        const due = await findDue(house.db, id);
        if (due === undefined) throw new Error("The delivery is not there.");
        return due;
      }),
    );
  }
  const tried = () => ({ at: new Date(), durationMs: 1, result: { status: 204 }, next: { state: "delivered" as const }, isTest: false });
  const counted = async () => {
    const [row] = await house.db.query<{ delivered: number; attempts: number; told: number; facts: number }>(sql`
      select (select count(*)::int from deliveries d where d.state = 'delivered' and d.attempts = 1 and d.settled_at is not null) as delivered,
        (select count(distinct a.delivery_id)::int from delivery_attempts a where a.outcome = 'delivered' and a.status = 204) as attempts,
        (select count(*)::int from alarm_entries e where e.what = 'notified') as told,
        (select count(distinct e.noun_id)::int from events e where e.type = 'delivery.settled') as facts`);
    return row;
  };

  it("R12: are on record each by itself, in its alarm's history and as a fact, though they are written together", async () => {
    const dues = await underWay();
    await house.db.query(sql`update notification_targets set failures = 3`);
    const record = recorderWith(house.alarms.recordNotices);
    await Promise.all(dues.map((due) => record(due, tried())));
    const all = dues.length;
    expect(await counted()).toEqual({ delivered: all, attempts: all, told: all, facts: all });
    expect(transactions).toBe(2);
    for (const id of targetIds) expect((await house.target(id))?.breaker).toEqual({ state: "closed", failures: 0 });
  });

  it("R12: are recorded one by one where that cannot be done together, and what cannot be recorded keeps nothing else from it", async () => {
    const dues = await underWay();
    const bad = dues[7]?.id;
    const record = recorderWith(async (tx, notices) => {
      if (notices.length > 1) throw new Error("not together");
      await house.alarms.recordNotices(tx, notices);
    });
    const outcomes = await Promise.allSettled(
      dues.map((due) => record(due.id === bad ? { ...due, organisationId: "nobody's" } : due, tried())),
    );
    const all = dues.length - 1;
    expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(1);
    expect(await counted()).toEqual({ delivered: all, attempts: all, told: all, facts: all });
  });
});
