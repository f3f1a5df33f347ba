import { randomBytes } from "node:crypto";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createSeal } from "../../platform/seal.ts";
import type { Actor } from "../../platform/tenancy.ts";
import { loadAuditKey } from "./audit-key.ts";
import { createAudit } from "./audit.ts";

const log = createLog({ level: "fatal", pretty: false });

describe("audit", () => {
  let database: TestDatabase;
  let db: Db;
  const organisationId = newId();
  const anna: Actor = {
    kind: "person",
    id: newId(),
    name: "anna@example.org",
    remoteAddress: "192.0.2.7",
    userAgent: "Firefox",
    correlationId: "c-1",
  };
  const rows = (objectId: string) =>
    db.query<{ before: unknown; after: unknown }>(sql`select e.before, e.after from audit_entries e where e.object_id = ${objectId}`);

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it("is written with the change or not at all", async () => {
    const audit = createAudit({ db, clock: systemClock, log, key: randomBytes(32) });
    const entry = {
      organisationId,
      by: anna,
      action: "site.renamed",
      object: { kind: "site", id: "s1" },
      before: { name: "A", zone: "UTC" },
      after: { name: "B", zone: "UTC" },
    };
    await expect(
      db.transaction(async (tx) => {
        await audit.record(tx, entry);
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect(await rows("s1")).toEqual([]);
    await db.transaction((tx) => audit.record(tx, entry));
    expect(await rows("s1")).toEqual([{ before: { name: "A" }, after: { name: "B" } }]);
  });

  it("keeps one key for two servers that start together, and refuses to make a new one once there are entries", async () => {
    const seal = createSeal(randomBytes(32));
    await db.query(sql`truncate audit_entries`);
    const [one, two] = await Promise.all([loadAuditKey({ db, seal }), loadAuditKey({ db, seal })]);
    expect(one.equals(two)).toBe(true);
    await expect(loadAuditKey({ db, seal: createSeal(randomBytes(32)) })).rejects.toMatchObject({ code: "audit.key_unreadable" });
    await createAudit({ db, clock: systemClock, log, key: one }).record(db, { by: anna, action: "a.b", object: { kind: "k", id: "i" } });
    await db.query(sql`delete from audit_keys`);
    await expect(loadAuditKey({ db, seal })).rejects.toMatchObject({ code: "audit.key_unreadable" });
  });
});
