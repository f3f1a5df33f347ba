import { randomBytes, randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";
import { hostileTexts } from "@roost/testbed/hostile-text";
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
const organisationId = newId();
const anna: Actor = { kind: "person", id: newId(), name: "anna@example.org", remoteAddress: "192.0.2.7", userAgent: "Firefox" };
const ben: Actor = { kind: "person", id: newId(), name: "ben@example.org", remoteAddress: "192.0.2.8" };

describe("the audit chain", () => {
  let database: TestDatabase;
  let db: Db;
  let audit: Audit;
  const key = randomBytes(32);
  const server = () => createAudit({ db, clock: systemClock, log, key });
  const rename = (index: number) => ({
    organisationId,
    by: index % 2 === 0 ? anna : ben,
    action: "site.renamed",
    object: { kind: "site", id: `s${index}`, name: `Site ${index}` },
    before: { name: `Old ${index}`, zone: "UTC" },
    after: { name: `New ${index}`, zone: "UTC" },
  });

  async function write(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) await db.transaction((tx) => audit.record(tx, rename(index)));
    await audit.settle();
  }
  async function verify(by: Audit = audit): Promise<Verdict> {
    const run = by.verify();
    for (;;) {
      const step = await run.next();
      if (step.done === true) return step.value;
    }
  }
  const tamper = (statement: Sql) => db.query(statement);
  const entryAt = async (position: number): Promise<string> => {
    const [row] = await db.query<{ id: string }>(sql`select l.entry_id as id from audit_links l where l.position = ${position}`);
    return row?.id ?? "";
  };
  const briefly = ({ faults }: Verdict) => faults.map(({ kind, position, entryId }) => ({ kind, position, entryId }));

  beforeEach(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    audit = server();
  });
  afterEach(async () => {
    await audit.close();
    await db.close();
    await database.drop();
  });

  it("CO-58, N-F34: ten actions of two people give ten entries, and the trail is whole", async () => {
    await write(10);
    const rows = await db.query(sql`
      select e.actor_name as who, e.action as what, e.object_id as "objectId", e.remote_address as "fromWhere", e.before, e.after
      from audit_entries e join audit_links l on l.entry_id = e.id order by l.position`);
    expect(rows).toHaveLength(10);
    expect(rows[3]).toEqual({
      who: "ben@example.org",
      what: "site.renamed",
      objectId: "s3",
      fromWhere: "192.0.2.8",
      before: { name: "Old 3" },
      after: { name: "New 3" },
    });
    expect(await verify()).toMatchObject({ isWhole: true, wholeUntil: 10, head: 10, entries: 10, faultCount: 0 });
  });

  it.each([
    ["action", sql`action = 'site.removed'`],
    ["person", sql`actor_name = 'eve@example.org'`],
    ["time", sql`at = at + interval '1 microsecond'`],
    ["one digit of what was before", sql`before = replace(before::text, 'Old', 'old')::json`],
    ["white space of what was after", sql`after = (' ' || after::text)::json`],
    ["organisation", sql`organisation_id = null`],
    ["its own hash", sql`mac = set_byte(mac, 0, get_byte(mac, 0) # 1)`],
  ])("CO-58, T-F12: names exactly the entry of which the %s was edited", async (_, change) => {
    await write(6);
    const id = await entryAt(4);
    await tamper(sql`update audit_entries set ${change} where id = ${id}`);
    const verdict = await verify();
    expect(briefly(verdict)).toEqual([{ kind: "edited", position: 4, entryId: id }]);
    expect(verdict).toMatchObject({ isWhole: false, wholeUntil: 3 });
  });

  it("names the entry that was removed", async () => {
    await write(6);
    const id = await entryAt(4);
    await tamper(sql`delete from audit_entries where id = ${id}`);
    expect(briefly(await verify())).toEqual([{ kind: "removed", position: 4, entryId: id }]);
  });

  it("names the position where an entry was removed together with its link", async () => {
    await write(6);
    const id = await entryAt(4);
    await tamper(sql`delete from audit_entries where id = ${id}`);
    await tamper(sql`delete from audit_links where position = 4`);
    expect(briefly(await verify())).toEqual([{ kind: "removed", position: 4, entryId: undefined }]);
  });

  it("names the entry whose link was removed", async () => {
    await write(6);
    const id = await entryAt(4);
    await tamper(sql`delete from audit_links where position = 4`);
    expect(briefly(await verify())).toEqual([{ kind: "unlinked", position: 4, entryId: id }]);
  });

  it("names both entries that changed places", async () => {
    await write(6);
    const [two, five] = [await entryAt(2), await entryAt(5)];
    await tamper(sql`update audit_links set position = case position when 2 then -5 else -2 end where position in (2, 5)`).catch(
      () => undefined,
    );
    await tamper(sql`alter table audit_links drop constraint audit_links_position_check`);
    await tamper(sql`update audit_links set position = -position where position in (2, 5)`);
    await tamper(sql`update audit_links set position = case position when -2 then 5 else 2 end where position < 0`);
    const verdict = await verify();
    expect(verdict.faults).toMatchObject([
      { kind: "moved", position: 2, belongsAt: 5, entryId: five },
      { kind: "moved", position: 5, belongsAt: 2, entryId: two },
    ]);
    expect(verdict.faultCount).toBe(2);
  });

  it("finds that the end was cut off, entries, links and head together", async () => {
    await write(6);
    await tamper(sql`delete from audit_entries e using audit_links l where l.entry_id = e.id and l.position > 4`);
    await tamper(sql`delete from audit_links where position > 4`);
    await tamper(sql`update audit_chain set position = 4, mac = (select l.mac from audit_links l where l.position = 4)`);
    const expected = { isWhole: false, wholeUntil: 4, faults: [{ kind: "truncated", position: 5, toPosition: 6 }] };
    // The server itself remembers; one that starts anew has the checkpoint of the first entry alone and needs its witness file.
    expect(await verify()).toMatchObject(expected);
  });

  it("finds that the end was cut off by the file it left outside the database, after a restart", async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-audit-"));
    const witnessFile = join(folder, "witness.json");
    const first = createAudit({ db, clock: systemClock, log, key, witnessFile });
    await first.start();
    for (let index = 0; index < 3; index += 1) {
      await db.transaction((tx) => first.record(tx, rename(index)));
      await first.settle();
    }
    await first.close();
    await tamper(sql`delete from audit_entries e using audit_links l where l.entry_id = e.id and l.position > 2`);
    await tamper(sql`delete from audit_links where position > 2`);
    await tamper(sql`update audit_chain set position = 2, mac = (select l.mac from audit_links l where l.position = 2)`);
    const expected = { isWhole: false, wholeUntil: 2, faults: [{ kind: "truncated", position: 3, toPosition: 3 }] };
    expect(await verify(createAudit({ db, clock: systemClock, log, key, witnessFile }))).toMatchObject(expected);
    // Without the file nobody knows: it is what proves it.
    expect(await verify(server())).toMatchObject({ isWhole: true });
    rmSync(folder, { recursive: true });
  });

  it("takes hostile text as it comes, and verifies it", async () => {
    const texts = [...hostileTexts(60), "a\0b", "\ud800x", "\\u0000", "\u2028", "\u001b[31m", "\\"];
    for (const text of texts) {
      await audit.record(db, {
        ...rename(0),
        object: { kind: "thing", id: "x", name: text },
        before: { text },
        after: { text: `${text}!`, [text]: 1 },
      });
    }
    await audit.settle();
    expect(await verify()).toMatchObject({ isWhole: true, head: texts.length });
  });

  it("goes on in another cluster, whose count of transactions is lower", async () => {
    await write(3);
    await audit.record(db, rename(4));
    await tamper(sql`update audit_chain set xact_id = '9000000000'`);
    await tamper(
      sql`update audit_entries e set xact_id = '9000000001' where not exists (select from audit_links l where l.entry_id = e.id)`,
    );
    const restored = server();
    await restored.start();
    await restored.record(db, rename(5));
    await expect.poll(async () => (await verify(restored)).head).toBe(5);
    expect(await verify(restored)).toMatchObject({ isWhole: true, waiting: 0 });
    await restored.close();
  });

  it("is not deceived by entries whose hash was made without the key", async () => {
    await write(3);
    const forged = newId();
    await tamper(sql`
      insert into audit_entries (id, at, actor_kind, actor_id, actor_name, action, object_kind, object_id, outcome, mac)
      select ${forged}, now(), 'person', 'x', 'eve', 'role.changed', 'person', 'x', 'done', sha256('role.changed')`);
    await audit.settle();
    await write(2);
    expect(briefly(await verify())).toEqual([{ kind: "inserted", position: undefined, entryId: forged }]);
    expect((await verify()).head).toBe(5);
  });

  it("is one chain when two servers take up at once", async () => {
    const other = server();
    await Promise.all(
      [audit, other].map(async (one) => {
        for (let index = 0; index < 60; index += 1) {
          await db.transaction((tx) => one.record(tx, rename(index)));
          if (index % 7 === 0) await one.settle();
        }
        await one.settle();
      }),
    );
    expect(await verify()).toMatchObject({ isWhole: true, head: 120, entries: 120, waiting: 0 });
    expect(await verify(other)).toMatchObject({ isWhole: true, head: 120 });
  });

  it("takes up what a server wrote that died before it could", async () => {
    for (let index = 0; index < 5; index += 1) await db.transaction((tx) => audit.record(tx, rename(index)));
    expect(await verify()).toMatchObject({ isWhole: true, head: 0, waiting: 5 });
    const next = server();
    await next.start();
    await expect.poll(async () => (await verify(next)).head).toBe(5);
    await next.close();
  });

  it("takes up an entry whose transaction ends after later ones", async () => {
    const slow = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const late = db.transaction(async (tx) => {
      await audit.record(tx, rename(0));
      begun.resolve();
      await slow.promise;
    });
    await begun.promise;
    await db.transaction((tx) => audit.record(tx, rename(1)));
    slow.resolve();
    await late;
    await audit.settle();
    expect(await verify()).toMatchObject({ isWhole: true, head: 2, waiting: 0 });
  });

  it("names each of random tamperings and nothing else", async () => {
    await write(40);
    const links = await db.query<{ position: number; id: string }>(
      sql`select l.position, l.entry_id as id from audit_links l order by l.position`,
    );
    for (let round = 0; round < 25; round += 1) {
      const positions = [...new Set(Array.from({ length: randomInt(1, 7) }, () => randomInt(1, 41)))].sort((a, b) => a - b);
      const expected: { kind: string; position: number; entryId: string }[] = [];
      await db.query(sql`create table kept_entries as select * from audit_entries`);
      await db.query(sql`create table kept_links as select * from audit_links`);
      for (const position of positions) {
        const id = links[position - 1]?.id ?? "";
        const way = (["edited", "removed", "unlinked", "relinked"] as const)[randomInt(4)] ?? "edited";
        if (way === "edited") await tamper(sql`update audit_entries set object_name = object_name || '!' where id = ${id}`);
        if (way === "removed") await tamper(sql`delete from audit_entries where id = ${id}`);
        if (way === "unlinked") await tamper(sql`delete from audit_links where position = ${position}`);
        if (way === "relinked") await tamper(sql`update audit_links set at = at - interval '1 day' where position = ${position}`);
        expected.push({ kind: way, position, entryId: id });
      }
      const verdict = await verify();
      expect({ round, found: briefly(verdict), wholeUntil: verdict.wholeUntil }).toEqual({
        round,
        found: expected,
        wholeUntil: (positions[0] ?? 0) - 1,
      });
      await db.query(sql`truncate audit_entries, audit_links`);
      await db.query(sql`insert into audit_entries select * from kept_entries`);
      await db.query(sql`insert into audit_links select * from kept_links`);
      await db.query(sql`drop table kept_entries, kept_links`);
    }
    expect(await verify()).toMatchObject({ isWhole: true, head: 40 });
  });
});
