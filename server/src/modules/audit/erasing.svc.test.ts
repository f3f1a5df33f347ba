import { randomBytes } from "node:crypto";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import type { Actor } from "../../platform/tenancy.ts";
import { createAudit } from "./audit.ts";
import type { Audit } from "./audit.ts";
import type { Verdict } from "./verdict.ts";

const log = createLog({ level: "silent", pretty: false });

describe("erasing somebody from the audit trail", () => {
  let database: TestDatabase;
  let db: Db;
  let audit: Audit;
  const organisationId = newId();
  const lee: Actor = {
    kind: "person",
    id: newId(),
    name: "lee@example.org",
    remoteAddress: "192.0.2.7",
    userAgent: "Firefox",
    correlationId: "c-1",
  };
  const ann: Actor = { ...lee, id: newId(), name: "ann.lee@example.org" };
  const erasure = {
    organisationId,
    subject: "person" as const,
    id: lee.id,
    words: ["lee@example.org", "Leandra Lee"],
    pseudonym: "erased person 1",
  };

  beforeEach(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    audit = createAudit({ db, clock: systemClock, log, key: randomBytes(32) });
    await audit.start();
    await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Coop', 'coop')`);
    const about = { kind: "person", id: lee.id, name: "lee@example.org" };
    await audit.record(db, {
      organisationId,
      by: lee,
      action: "alarm.acknowledged",
      object: { kind: "alarm", id: "a" },
      after: { note: "Leandra Lee is here" },
    });
    await audit.record(db, {
      organisationId,
      by: ann,
      action: "person.invited",
      object: about,
      after: { email: "LEE@example.org", cc: "ann.lee@example.org" },
    });
    await audit.record(db, { organisationId, by: ann, action: "site.added", object: { kind: "site", id: "s", name: "Garden" } });
    await audit.settle();
  });
  afterEach(async () => {
    await audit.close();
    await db.close();
    await database.drop();
  });

  async function verify(): Promise<Verdict> {
    const run = audit.verify();
    for (;;) {
      const step = await run.next();
      if (step.done === true) return step.value;
    }
  }
  const entries = () =>
    db.query<{ text: string }>(
      sql`select to_jsonb(e)::text as text from audit_entries e where e.organisation_id = ${organisationId} order by e.xact_id, e.id`,
    );

  it("T-F12: takes the name, address and program out and leaves id, time and deed; the trail stays whole", async () => {
    expect(await db.transaction((tx) => audit.erase(tx, erasure))).toBe(2);
    const [done, invited, added] = await entries();
    expect(done?.text).toContain("erased person 1 is here");
    expect(done?.text).toContain(lee.id);
    expect(done?.text).not.toMatch(/lee@example|Leandra|192\.0\.2\.7|Firefox/);
    expect(invited?.text).toMatch(/ann\.lee@example\.org/);
    expect(invited?.text).not.toMatch(/[^.]lee@example\.org/i);
    expect(added?.text).toContain("Garden");
    expect(await verify()).toMatchObject({ isWhole: true, entries: 3 });
    // Twice is once.
    expect(await db.transaction((tx) => audit.erase(tx, erasure))).toBe(0);
    expect(await verify()).toMatchObject({ isWhole: true });
  });

  it("CO-58: names an erased entry that somebody edits, and one that somebody without the key pretends to have erased", async () => {
    await db.transaction((tx) => audit.erase(tx, erasure));
    await db.query(sql`update audit_entries set actor_name = 'nobody' where action = 'alarm.acknowledged'`);
    await db.query(sql`
      update audit_entries set object_name = 'erased', erased_mac = (select x.erased_mac from audit_entries x where x.action = 'person.invited') where action = 'site.added'`);
    const { isWhole, faults } = await verify();
    expect(isWhole).toBe(false);
    expect(faults.map(({ kind, position }) => [kind, position])).toEqual([
      ["edited", 1],
      ["edited", 3],
    ]);
    // What was altered is evidence: it is not made whole by erasing it.
    await db.transaction((tx) => audit.erase(tx, { ...erasure, words: ["nobody"] }));
    expect((await verify()).faults).toHaveLength(2);
  });

  it("T-F12: erases from archives too, which stay whole", async () => {
    await db.query(sql`insert into retention_policies (organisation_id, kind, days) values (${organisationId}, 'audit', 1)`);
    const old = new Date(systemClock.nowMs() - 10 * 86_400_000);
    await audit.record(db, { organisationId, by: lee, action: "alarm.acknowledged", object: { kind: "alarm", id: "b" }, at: old });
    await audit.settle();
    expect(await audit.retirement.run()).toBe(1);
    expect(await db.transaction((tx) => audit.erase(tx, erasure))).toBe(3);
    const { items } = await audit.retirement.listArchives({ organisationId }, { limit: 10 });
    const packed = await audit.retirement.archive({ organisationId }, ann, items[0]?.id ?? "");
    const { gunzipSync } = await import("node:zlib");
    const text = gunzipSync(packed).toString("utf8");
    expect(text).toContain(lee.id);
    expect(text).not.toMatch(/lee@example|192\.0\.2\.7/);
    expect((await verify()).isWhole).toBe(true);
  });

  it("takes what a device was called out, and leaves that it was here", async () => {
    const device = { kind: "device", id: "teddy-1", name: "Mia's teddy" };
    await audit.record(db, {
      organisationId,
      by: ann,
      action: "device.changed",
      object: device,
      before: { name: "Mia's", pace: 1 },
      after: { name: "Mia's teddy", pace: 2 },
    });
    await audit.settle();
    expect(
      await db.transaction((tx) =>
        audit.erase(tx, { organisationId, subject: "device", id: "teddy-1", words: [], pseudonym: "erased device" }),
      ),
    ).toBe(1);
    const text = (await entries()).at(-1)?.text ?? "";
    expect(text).toContain("teddy-1");
    expect(text).toContain('"pace"');
    expect(text).not.toContain("Mia");
    expect((await verify()).isWhole).toBe(true);
  });
});
