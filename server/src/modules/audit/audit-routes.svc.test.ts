import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

import * as contract from "@roost/contract/audit";
import { createClient } from "@roost/contract/client";
import { platformPermissions, rolePermissions } from "@roost/contract/permissions";
import type { Role } from "@roost/contract/permissions";
import { sql } from "@roost/contract/sql";
import { patientLimits } from "@roost/testbed/patience";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createHttp } from "../../platform/http/http.ts";
import type { Http } from "../../platform/http/http.ts";
import { createMetrics } from "../../platform/http/metrics.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import type { Actor } from "../../platform/tenancy.ts";
import { mountAudit } from "./audit-routes.ts";
import { createAudit } from "./audit.ts";
import type { Audit } from "./audit.ts";

const log = createLog({ level: "silent", pretty: false });
const organisations = { home: newId(), elsewhere: newId() };
const people = { anna: newId(), ben: newId() };
const dayMs = 86_400_000;

describe("the audit trail over HTTP", () => {
  let database: TestDatabase;
  let db: Db;
  let http: Http;
  let audit: Audit;
  let url: string;
  let aheadMs = 0;
  const clock = { ...systemClock, nowMs: () => Date.now() + aheadMs };

  const actor = (name: keyof typeof people): Actor => ({
    kind: "person",
    id: people[name],
    name: `${name}@example.org`,
    remoteAddress: "192.0.2.7",
    userAgent: "Firefox",
    correlationId: "c-1",
  });
  const token = (role: Role | "platform", organisation: keyof typeof organisations = "home") => `${role}:${organisation}`;
  const as = (role: Role | "platform", organisation: keyof typeof organisations = "home") =>
    createClient({ baseUrl: url, token: token(role, organisation), fetch: (to, init) => fetch(to, init) });
  const get = (path: string, by = token("admin")) => fetch(url + path, { headers: { authorization: `Bearer ${by}` } });
  const write = (name: keyof typeof people, objectId: string, entry: object = {}, organisation: keyof typeof organisations = "home") =>
    audit.record(db, {
      organisationId: organisations[organisation],
      by: actor(name),
      action: "site.renamed",
      object: { kind: "site", id: objectId, name: `Site ${objectId}` },
      before: { name: "Old" },
      after: { name: "New" },
      ...entry,
    });
  async function verify(by = token("admin"), body: object = {}): Promise<contract.AuditVerdict> {
    const path = by.startsWith("platform") ? contract.verifyPlatformAudit.path : contract.verifyAudit.path;
    const answer = await fetch(url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${by}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(200);
    const lines = (await answer.text()).trim().split("\n");
    const last = contract.auditVerifyLine.parse(JSON.parse(lines.at(-1) ?? ""));
    if (!("verdict" in last)) throw new Error("The verification ended without a verdict.");
    return last.verdict;
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    for (const [name, id] of Object.entries(organisations)) {
      await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${name}, ${name})`);
    }
    http = createHttp({
      limits: patientLimits,
      config: { ROOST_HTTP_HOST: "127.0.0.1", ROOST_HTTP_PORT: 0, ROOST_PUBLIC_URL: undefined, ROOST_TRUSTED_PROXIES: [] },
      clock,
      log,
      metrics: createMetrics({ processMetrics: false }),
      authenticate: {
        device: async () => undefined,
        async person({ headers }) {
          const [, role, organisation] = /^Bearer (\w+):(\w+)$/.exec(String(headers["authorization"])) ?? [];
          if (role === undefined) return undefined;
          return {
            kind: "person",
            id: people.anna,
            name: "anna@example.org",
            by: actor("anna"),
            organisationId: organisations[organisation as keyof typeof organisations],
            permissions: new Set(role === "platform" ? platformPermissions : rolePermissions[role as Role]),
            signal: new AbortController().signal,
            hold: () => () => undefined,
          };
        },
      },
      webRoot: "/nonexistent",
    });
    audit = createAudit({ db, clock, log, key: randomBytes(32) });
    // Handlers are tied once; each test begins with an empty trail and a key of its own.
    mountAudit(http.mount, new Proxy(audit, { get: (_, name) => audit[name as keyof Audit] }));
    ({ url } = await http.listen());
  });
  beforeEach(async () => {
    aheadMs = 0;
    await db.query(sql`truncate audit_entries, audit_links, audit_checkpoints, audit_retirements, audit_archives, retention_policies`);
    await db.query(sql`update audit_chain set position = 0, mac = decode(repeat('00', 32), 'hex'), xact_id = '0'`);
    audit = createAudit({ db, clock, log, key: randomBytes(32) });
  });
  afterAll(async () => {
    await http.close();
    await db.close();
    await database.drop();
  });

  it("N-F34: is read by those who may, each organisation its own, and by nobody else", async () => {
    await write("anna", "s1");
    await write("ben", "s2", {}, "elsewhere");
    const { items } = await as("admin")(contract.listAuditEntries, {});
    expect(items).toMatchObject([
      { object: { id: "s1" }, actor: { name: "anna@example.org" }, before: { name: "Old" }, after: { name: "New" } },
    ]);
    await expect(as("operator")(contract.listAuditEntries, {})).rejects.toMatchObject({ code: "http.forbidden" });
    const [theirs] = (await as("owner", "elsewhere")(contract.listAuditEntries, {})).items;
    const entryId = theirs?.id ?? contract.auditEntryId.parse(newId());
    expect(theirs?.object.id).toBe("s2");
    await expect(as("admin")(contract.getAuditEntry, { params: { entryId } })).rejects.toMatchObject({ code: "audit.not_found" });
  });

  it("shows what belongs to no organisation to platform administrators alone", async () => {
    await audit.record(db, { by: actor("ben"), action: "secret.rotated", object: { kind: "secret", id: "mail" } });
    expect((await as("owner")(contract.listAuditEntries, {})).items).toEqual([]);
    await expect(as("owner")(contract.listPlatformAuditEntries, {})).rejects.toMatchObject({ code: "http.forbidden" });
    expect((await as("platform")(contract.listPlatformAuditEntries, {})).items).toMatchObject([{ action: "secret.rotated" }]);
  });

  it("finds by who, what, which thing, when, outcome and text", async () => {
    await write("anna", "s1", { at: new Date("2026-03-01T10:00:00Z") });
    await write("ben", "s2", { at: new Date("2026-03-02T10:00:00Z"), action: "role.changed", outcome: "refused" });
    await write("ben", "s3", { at: new Date("2026-03-03T10:00:00Z"), after: { name: "100 % Grün" } });
    const found = async (query: object) => (await as("admin")(contract.listAuditEntries, { query })).items.map(({ object }) => object.id);
    expect(await found({})).toEqual(["s3", "s2", "s1"]);
    expect(await found({ actor: "BEN@" })).toEqual(["s3", "s2"]);
    expect(await found({ actor: people.anna })).toEqual(["s1"]);
    expect(await found({ action: "role.changed" })).toEqual(["s2"]);
    expect(await found({ action: "site." })).toEqual(["s3", "s1"]);
    expect(await found({ objectKind: "site", objectId: "s2" })).toEqual(["s2"]);
    expect(await found({ outcome: "refused" })).toEqual(["s2"]);
    expect(await found({ from: "2026-03-02T00:00:00Z", to: "2026-03-03T00:00:00Z" })).toEqual(["s2"]);
    expect(await found({ q: "100 % grün" })).toEqual(["s3"]);
    expect(await found({ q: "%" })).toEqual(["s3"]);
    await expect(found({ from: "2026-03-02T00:00:00Z", to: "2026-03-01T00:00:00Z" })).rejects.toMatchObject({
      code: "audit.range_reversed",
    });
  });

  it("comes in pages that hold each entry once, although all were written in one millisecond", async () => {
    const at = new Date("2026-03-01T10:00:00Z");
    for (let index = 0; index < 25; index += 1) await write("anna", `s${index}`, { at });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await as("admin")(contract.listAuditEntries, { query: { limit: 7, ...(cursor === undefined ? {} : { cursor }) } });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(25);
    expect(seen).toHaveLength(25);
  });

  it("S15, N-F34: is exported as CSV without formulas and as lines, and the exports are on record", async () => {
    await write("anna", "=cmd|' /C calc'!A0", { at: new Date("2026-03-01T10:00:00Z") });
    await write("ben", "s2", { at: new Date("2026-03-01T11:00:00Z"), after: { name: 'a "quoted",\nname' } });
    const csv = await (await get("/api/v1/audit/entries.csv?from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z")).text();
    expect(csv.split("\r\n")).toHaveLength(4);
    expect(csv).toContain(",'=cmd|' /C calc'!A0,");
    const lines = (await (await get("/api/v1/audit/entries.ndjson?actor=ben")).text()).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ object: { id: "s2" }, after: { name: 'a "quoted",\nname' } }]);
    const { items } = await as("admin")(contract.listAuditEntries, { query: { action: "audit.exported" } });
    // Two exports may be asked for within one millisecond.
    expect(items.toSorted((one, other) => one.object.id.localeCompare(other.object.id))).toMatchObject([
      { object: { id: "csv" }, after: { from: "2026-03-01T00:00:00.000Z" } },
      { object: { id: "ndjson" }, after: { actor: "ben" }, actor: { name: "anna@example.org" } },
    ]);
  });

  it("CO-58: names one's own faulty entries, and counts those of others", async () => {
    for (const organisation of ["home", "elsewhere"] as const) await write("anna", organisation, {}, organisation);
    await audit.settle();
    expect(await verify()).toMatchObject({ isWhole: true, wholeUntil: 2, entries: 2, faults: [] });
    await db.query(sql`update audit_entries set action = 'site.removed' where object_id in ('home', 'elsewhere')`);
    const [mine] = (await as("admin")(contract.listAuditEntries, { query: { objectId: "home" } })).items;
    expect(await verify()).toMatchObject({
      isWhole: false,
      faultCount: 2,
      elsewhere: 1,
      faults: [{ kind: "edited", position: 1, entryId: mine?.id }],
    });
    expect(await verify(token("platform"))).toMatchObject({ faultCount: 2, elsewhere: 0, faults: [{ position: 1 }, { position: 2 }] });
    const [record] = (await as("admin")(contract.listAuditEntries, { query: { action: "audit.verified" } })).items;
    expect(record).toMatchObject({ after: { isWhole: false, faultCount: 2 } });
  });

  it("finds a cut-off end by a checkpoint that was kept elsewhere, although the database and the server know nothing of it", async () => {
    for (let index = 0; index < 4; index += 1) await write("anna", `s${index}`);
    await audit.settle();
    const { items, publicKeyPem } = await as("admin")(contract.listAuditCheckpoints, {});
    expect(publicKeyPem).toMatch(/^-----BEGIN PUBLIC KEY-----/);
    const kept = items.map((one) => ({ ...one, at: one.at.toISOString() }));
    expect(kept).toMatchObject([{ kind: "head", position: 4 }]);
    await db.query(sql`delete from audit_entries e using audit_links l where l.entry_id = e.id and l.position > 2`);
    await db.query(sql`delete from audit_links where position > 2`);
    await db.query(sql`delete from audit_checkpoints`);
    await db.query(sql`update audit_chain set position = 2, mac = (select l.mac from audit_links l where l.position = 2)`);
    const forged = kept.map((one) => ({ ...one, position: 9 }));
    expect(await verify(token("admin"), { checkpoints: forged })).toMatchObject({
      faults: expect.arrayContaining([{ kind: "checkpoint", position: 9 }]),
    });
    expect(await verify(token("admin"), { checkpoints: kept })).toMatchObject({
      isWhole: false,
      wholeUntil: 2,
      faults: expect.arrayContaining([{ kind: "truncated", position: 3, toPosition: 4 }]),
    });
  });

  it("can be written by the role of tenants, but not changed by it", async () => {
    await write("anna", "s1");
    const own = db.within({ organisationId: organisations.home });
    await own.transaction((tx) =>
      audit.record(tx, { organisationId: organisations.home, by: actor("anna"), action: "a.b", object: { kind: "k", id: "i" } }),
    );
    await expect(own.query(sql`update audit_entries set action = 'x'`)).rejects.toThrow(/permission denied/);
    await expect(own.query(sql`delete from audit_entries`)).rejects.toThrow(/permission denied/);
    await expect(own.query(sql`select * from audit_links`)).rejects.toThrow(/permission denied/);
    await expect(
      own.transaction((tx) =>
        audit.record(tx, { organisationId: organisations.elsewhere, by: actor("anna"), action: "a.b", object: { kind: "k", id: "i" } }),
      ),
    ).rejects.toMatchObject({ code: "http.forbidden" });
  });

  it("N-F34: goes into an archive after its time, on record, and the chain stays whole", async () => {
    const retention = await as("owner")(contract.changeAuditRetention, { body: { days: 30, archiveDays: 100 } });
    expect(retention).toEqual({ days: 30, archiveDays: 100 });
    await expect(as("admin")(contract.changeAuditRetention, { body: { days: 1, archiveDays: 0 } })).rejects.toMatchObject({
      code: "http.forbidden",
    });
    await write("anna", "old");
    await write("ben", "theirs", {}, "elsewhere");
    await audit.settle();
    aheadMs = 40 * dayMs;
    await write("anna", "new");
    await audit.settle();
    expect(await audit.retirement.run()).toBe(2);
    await audit.settle();
    const left = (await as("admin")(contract.listAuditEntries, {})).items.map(({ object, action }) => [action, object.id]);
    expect(left).toMatchObject([
      ["audit.archived", expect.any(String)],
      ["site.renamed", "new"],
    ]);
    expect((await as("admin", "elsewhere")(contract.listAuditEntries, {})).items).toMatchObject([{ object: { id: "theirs" } }]);
    expect(await verify()).toMatchObject({ isWhole: true, head: 5, retired: 2, entries: 3 });

    const [archive] = (await as("admin")(contract.listAuditArchives, {})).items;
    expect(archive).toMatchObject({ entries: 2 });
    const packed = await (await get(`/api/v1/audit/archives/${archive?.id}`)).arrayBuffer();
    const lines = (await promisify(gunzip)(Buffer.from(packed))).toString().trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ action: "audit_retention.changed" }, { objectId: "old", position: 2 }]);
    expect((await get(`/api/v1/audit/archives/${archive?.id}`, token("admin", "elsewhere"))).status).toBe(404);

    await db.query(sql`update audit_archives set content = content || 'x'::bytea`);
    expect((await verify()).faults).toMatchObject([{ kind: "archive", entryId: archive?.id }]);
    aheadMs = 200 * dayMs;
    await audit.retirement.run();
    expect((await db.query(sql`select from audit_archives a where a.id = ${archive?.id}`)).length).toBe(0);
  });

  it("keeps an altered entry as evidence when its time is over, and puts on record that one was removed before", async () => {
    for (let index = 0; index < 3; index += 1) await write("anna", `s${index}`);
    await audit.settle();
    await db.query(sql`update audit_entries set object_name = 'other' where object_id = 's0'`);
    await db.query(sql`delete from audit_entries where object_id = 's1'`);
    expect((await verify()).faults).toMatchObject([
      { kind: "edited", position: 1 },
      { kind: "removed", position: 2 },
    ]);
    aheadMs = 100 * dayMs;
    expect(await audit.retirement.run()).toBe(1);
    await audit.settle();
    expect((await verify()).faults).toMatchObject([{ kind: "edited", position: 1 }]);
    expect((await as("admin")(contract.listAuditEntries, { query: { action: "audit.gap_found" } })).items).toMatchObject([
      { after: { positions: [2] } },
    ]);
  });

  it("lets the beginning of the chain go when nothing of it is left, and starts from the signed cut", async () => {
    await db.transaction(async (tx) => {
      for (let index = 0; index < 600; index += 1)
        await audit.record(tx, {
          organisationId: organisations.home,
          by: actor("anna"),
          action: "a.b",
          object: { kind: "k", id: String(index) },
        });
    });
    await audit.settle();
    aheadMs = 100 * dayMs;
    expect(await audit.retirement.run()).toBe(600);
    await audit.settle();
    const [kept] = await db.query<{ first: number }>(sql`select min(l.position)::int as first from audit_links l`);
    expect(kept?.first).toBe(601);
    expect(await verify()).toMatchObject({ isWhole: true, head: 601, entries: 1 });
    await db.query(sql`delete from audit_checkpoints where kind = 'cut'`);
    expect((await verify()).faults).toMatchObject([{ kind: "removed", position: 1, toPosition: 600 }]);
  });
});
