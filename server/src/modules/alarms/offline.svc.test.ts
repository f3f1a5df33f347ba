import { randomBytes } from "node:crypto";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createDispatch, emitAll } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createAudit } from "../audit/audit.ts";
import { createAlarms } from "./alarms.ts";

const log = createLog({ level: "silent", pretty: false });

describe("devices that fall silent together", () => {
  let database: TestDatabase;
  let db: Db;
  const organisationId = newId();
  // More than one portion of facts: what explains the first of them stands in the second.
  const children = Array.from({ length: 1_100 }, (_, n) => `ont-${n}`);

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'a', 'a')`);
    await db.query(sql`insert into devices (id, organisation_id, name, kind) values ('olt', ${organisationId}, 'olt', 'generic')`);
    await db.query(sql`
      insert into devices (id, organisation_id, name, kind, parent_id) select n, ${organisationId}, n, 'generic', 'olt' from unnest(${children}::text[]) n`);
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("N-F03: are all on record, and only what explains them is told, though it is the last of them", async () => {
    const alarms = createAlarms({ db, audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }), clock: systemClock, log });
    const dispatch = await createDispatch({ db, handlers: alarms.handlers, observe: () => undefined, log });
    const say = async (type: string) => {
      const facts = [...children, "olt"].map((nounId) => ({ organisationId, type, nounId }));
      await db.transaction((tx) => emitAll(tx, facts));
      await dispatch.settle();
    };
    const told = async (type: string) =>
      (
        await db.query<{ device: string }>(
          sql`select e.data ->> 'deviceId' as device from events e where e.type = ${type} and e.data ->> 'mutedBy' is null`,
        )
      ).map(({ device }) => device);
    const counts = () =>
      db.query(sql`select a.state, a.muted_by, count(*)::int as n from alarms a group by a.state, a.muted_by order by 1, 2 nulls last`);

    await say("device.offline");
    expect(await told("alarm.raised")).toEqual(["olt"]);
    expect(await told("alarm.unmuted")).toEqual([]);
    expect(await counts()).toEqual([
      { state: "raised", muted_by: "parent", n: children.length },
      { state: "raised", muted_by: null, n: 1 },
    ]);
    await say("device.online");
    expect(await told("alarm.cleared")).toEqual(["olt"]);
    expect(await told("alarm.unmuted")).toEqual([]);
    await dispatch.close();
    await alarms.close();
  });
});
