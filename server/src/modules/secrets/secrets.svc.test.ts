import { fork } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { until } from "@roost/testbed/waiting";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { loadConfig } from "../../config.ts";
import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { loadInstallationKey } from "../../platform/installation-key.ts";
import { createLog } from "../../platform/log.ts";
import { createSeal, kidOf } from "../../platform/seal.ts";
import { fileSource } from "../../platform/secrets/envelope-source.ts";
import { createKeyRing } from "../../platform/secrets/key-ring.ts";
import type { KeyRing } from "../../platform/secrets/key-ring.ts";
import { sealedColumns } from "../../sealed-columns.ts";
import { configuredSecrets } from "../../secret-keys.ts";
import { createAudit } from "../audit/audit.ts";
import { claimSecretPurpose } from "../devices/claims.ts";
import { createReseal } from "./reseal.ts";
import { createSecrets } from "./secrets.ts";

const child = fileURLToPath(new URL("test-reseal-child.ts", import.meta.url));
const by = { kind: "person", id: "0197a000-0000-7000-8000-000000000001", name: "keeper@example.org" } as const;
const { signal } = new AbortController();

describe("secrets of an installation", () => {
  let database: TestDatabase;
  let db: Db;
  let dataDir: string;
  let ring: KeyRing;
  let lines: string[];
  let log: ReturnType<typeof createLog>;
  beforeEach(async () => {
    lines = [];
    log = createLog({ level: "debug", pretty: false, destination: { write: (line: string) => void lines.push(line) } });
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    dataDir = mkdtempSync(join(tmpdir(), "roost-secrets-"));
  });
  afterEach(async () => {
    ring.stop();
    await db.close();
    await database.drop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  async function open(env: Record<string, string> = {}) {
    ring = createKeyRing({ db, source: fileSource(dataDir), clock: systemClock, log, pollMs: 20, notBeforeMs: 100 });
    await ring.start();
    const audit = createAudit({ db, clock: systemClock, log, key: randomBytes(32) });
    const configured = configuredSecrets(loadConfig(env));
    return createSecrets({ db, ring, audit, log, columns: sealedColumns, configured, files: [], overlapMs: 0 });
  }

  /** Devices with a claim secret each, sealed as things stand. */
  async function addDevices(count: number, seal: Pick<KeyRing["seal"], "seal"> = ring.seal): Promise<Map<string, Buffer>> {
    const organisationId = "0197a000-0000-7000-8000-0000000000aa";
    await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Home', 'home') on conflict do nothing`);
    const secrets = new Map<string, Buffer>();
    for (let index = 0; index < count; index += 1) {
      const id = `d-${randomBytes(6).toString("hex")}`;
      const secret = randomBytes(32);
      secrets.set(id, secret);
      await db.query(sql`
        insert into devices (id, organisation_id, name, kind, claim_secret_sealed)
        values (${id}, ${organisationId}, ${id}, 'node', ${seal.seal(secret, claimSecretPurpose(id))})`);
    }
    return secrets;
  }

  async function sealedOf(): Promise<Map<string, Buffer>> {
    const rows = await db.query<{ id: string; sealed: Buffer }>(sql`select d.id, d.claim_secret_sealed as sealed from devices d`);
    return new Map(rows.map(({ id, sealed }) => [id, sealed]));
  }

  async function expectAllOpen(secrets: ReadonlyMap<string, Buffer>, kid: number): Promise<void> {
    for (const [id, sealed] of await sealedOf()) {
      expect(kidOf(sealed)).toBe(kid);
      expect(ring.seal.open(sealed, claimSecretPurpose(id))).toEqual(secrets.get(id));
    }
  }

  async function rotate(secrets: ReturnType<typeof createSecrets>): Promise<number> {
    const { kid } = await secrets.rotate(by, "data-key");
    await until("the new key is in use", () => ring.currentKid() === kid);
    return kid;
  }

  const run = async (secrets: ReturnType<typeof createSecrets>) => secrets.jobs[0]?.run({ signal, correlationId: "a test" });

  it("N-F29: the list of sealed columns is that of the schema", async () => {
    await open();
    const rows = await db.query<{ name: string }>(sql`
      select c.table_name || '.' || c.column_name as name from information_schema.columns c
      where c.table_schema = 'public' and c.data_type = 'bytea' and c.column_name like '%sealed%'`);
    expect(sealedColumns.map(({ table, column }) => `${table}.${column}`).sort()).toEqual(rows.map(({ name }) => name).sort());
  });

  it("N-F29, CO-57: a rotation seals everything anew, then forgets the old key; it is on record", async () => {
    const secrets = await open({ ROOST_SETUP_CODE: "7K2M-9QXT-H4RV-BN6W" });
    const known = await addDevices(30);
    await secrets.observe();
    expect(await secrets.progress()).toMatchObject({ isDone: true, remaining: 0, total: 31 });
    const kid = await rotate(secrets);
    expect(await secrets.progress()).toMatchObject({ isDone: false, remaining: 31, total: 31 });
    // What was sealed before opens all the while, and what is sealed now is sealed with the new key.
    const [first] = [...(await sealedOf())];
    if (first === undefined) throw new Error("There is no device.");
    expect(ring.seal.open(first[1], claimSecretPurpose(first[0]))).toEqual(known.get(first[0]));
    await run(secrets);
    expect(await secrets.progress()).toMatchObject({ isDone: true, remaining: 0, total: 31 });
    await expectAllOpen(known, kid);
    const keys = await db.query<{ kid: number; gone: boolean }>(
      sql`select k.kid, k.wrapped is null as gone from data_keys k order by k.kid`,
    );
    expect(keys).toEqual([
      { kid: 1, gone: true },
      { kid, gone: false },
    ]);
    await until(
      "the old key is forgotten",
      () => throwsCode(() => ring.seal.open(first[1], claimSecretPurpose(first[0]))) === "secrets.unknown_key",
    );
    const entries = await db.query<{ action: string; actor_name: string; object_id: string }>(
      sql`select e.action, e.actor_name, e.object_id from audit_entries e`,
    );
    expect(entries).toEqual([{ action: "secret.rotated", actor_name: by.name, object_id: "data-key" }]);
  });

  it("N-F29: values of before there were versions are sealed anew as well", async () => {
    const old = createSeal(await loadInstallationKey(dataDir));
    const secrets = await open();
    const known = await addDevices(5, old);
    expect(await secrets.progress()).toMatchObject({ remaining: 5 });
    await run(secrets);
    await expectAllOpen(known, 1);
  });

  it("N-F29: a walk that is killed in the middle goes on, again and again, until all is done", async () => {
    const secrets = await open();
    const known = await addDevices(150);
    const kid = await rotate(secrets);
    for (const left of [111, 72, 33]) {
      const process = fork(child, [JSON.stringify({ connection: database.connection, dataDir, killedAt: 40 })], { stdio: "ignore" });
      expect(await once(process, "exit")).toEqual([null, "SIGKILL"]);
      expect((await secrets.progress()).remaining).toBe(left);
    }
    // What the dead one was at is its own until the database has noticed: it comes next time.
    await until("all is sealed anew", async () => {
      await run(secrets);
      return (await secrets.progress()).isDone;
    });
    expect(await secrets.progress()).toMatchObject({ isDone: true, remaining: 0 });
    await expectAllOpen(known, kid);
  });

  it("a value that was altered is left, told of, and keeps its key", async () => {
    const secrets = await open();
    await addDevices(3);
    const [id = ""] = (await sealedOf()).keys();
    await db.query(
      sql`update devices set claim_secret_sealed = set_byte(claim_secret_sealed, 40, (get_byte(claim_secret_sealed, 40) + 1) % 256) where id = ${id}`,
    );
    await rotate(secrets);
    await run(secrets);
    const progress = await secrets.progress();
    expect(progress).toMatchObject({ isDone: false, remaining: 1 });
    expect(progress.columns.find(({ table }) => table === "devices")).toMatchObject({ remaining: 1, unreadable: 1 });
    const [old] = await db.query<{ gone: boolean }>(sql`select k.wrapped is null as gone from data_keys k where k.kid = 1`);
    expect(old).toEqual({ gone: false });
  });

  it("two servers that walk at once do not get in each other's way", async () => {
    const secrets = await open();
    const known = await addDevices(40);
    const kid = await rotate(secrets);
    const walk = () => createReseal({ db, ring, columns: sealedColumns, log, batch: 3 }).run({ signal });
    await Promise.all([walk(), walk(), walk()]);
    await run(secrets);
    await expectAllOpen(known, kid);
  });

  it("N-F29: the list says where each secret came from and how old it is, never what it is", async () => {
    const file = join(dataDir, "database-url");
    const password = randomBytes(24).toString("base64url");
    writeFileSync(file, `postgresql://roost:${password}@localhost/roost\n`, { mode: 0o600 });
    const code = "7K2M-9QXT-H4RV-BN6W";
    const secrets = await open({ ROOST_SETUP_CODE: code, ROOST_DATABASE_URL_FILE: file });
    await secrets.observe();
    const { items, store } = await secrets.list();
    const entry = (name: string) => items.find((one) => one.name === name);
    expect(store).toMatchObject({ kind: "file", state: "open", canOpen: true });
    expect(entry("ROOST_SETUP_CODE")).toMatchObject({
      origin: "environment",
      place: "ROOST_SETUP_CODE",
      lengthClass: "fair",
      rotation: "outside",
    });
    expect(entry("ROOST_DATABASE_URL")).toMatchObject({ origin: "file", place: file, lengthClass: "long", rotation: "outside" });
    expect(entry("ROOST_DATABASE_URL")?.lastRotatedAt).toBeUndefined();
    expect(entry("data-key")).toMatchObject({
      origin: "roost",
      version: "1",
      rotation: "rotate",
      versions: [{ kid: 1, state: "current" }],
    });
    expect(entry("envelope-key")).toMatchObject({ origin: "file", place: join(dataDir, "installation.key") });
    writeFileSync(file, `postgresql://roost:${randomBytes(24).toString("base64url")}@localhost/roost\n`);
    const later = (await secrets.list()).items.find(({ name }) => name === "ROOST_DATABASE_URL");
    expect(later?.lastRotatedAt).toBeInstanceOf(Date);
    const told = JSON.stringify([items, later, store]) + lines.join("");
    const key = await loadInstallationKey(dataDir);
    for (const value of [password, code, key.toString("hex"), key.toString("base64")]) {
      expect(told).not.toContain(value);
      for (const hash of ["md5", "sha1", "sha256"])
        for (const form of ["hex", "base64"] as const) expect(told).not.toContain(createHash(hash).update(value).digest(form));
    }
  });

  it("S3: two fresh installs have no secret in common", async () => {
    await open();
    const one = { key: await loadInstallationKey(dataDir), sealed: ring.seal.seal(Buffer.from("x"), "p") };
    const otherDir = mkdtempSync(join(tmpdir(), "roost-secrets-"));
    const otherDatabase = await createTestDatabase();
    const otherDb = createDb({ connection: otherDatabase.connection, log });
    const other = createKeyRing({ db: otherDb, source: fileSource(otherDir), clock: systemClock, log });
    await other.start();
    expect((await loadInstallationKey(otherDir)).equals(one.key)).toBe(false);
    expect(throwsCode(() => other.seal.open(one.sealed, "p"))).toBe("secrets.not_sealed");
    const wrapped = async (of: Db) =>
      (await of.query<{ wrapped: Buffer }>(sql`select k.wrapped from data_keys k where k.kid = 1`))[0]?.wrapped.toString("hex");
    expect(await wrapped(db)).not.toBe(await wrapped(otherDb));
    other.stop();
    await otherDb.close();
    await otherDatabase.drop();
    rmSync(otherDir, { recursive: true });
  });
});

function throwsCode(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}
