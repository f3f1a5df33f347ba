import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { startVault } from "@roost/testbed/vault";
import { until } from "@roost/testbed/waiting";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../clock.ts";
import { createDb } from "../db.ts";
import type { Db } from "../db.ts";
import { createEgress } from "../egress.ts";
import { loadInstallationKey } from "../installation-key.ts";
import { createLog } from "../log.ts";
import { createSeal, kidOf } from "../seal.ts";
import { environmentSource, fileSource, vaultSource } from "./envelope-source.ts";
import type { EnvelopeSource } from "./envelope-source.ts";
import { createKeyRing } from "./key-ring.ts";
import type { KeyRing } from "./key-ring.ts";
import { createVaultClient } from "./vault-client.ts";

const log = createLog({ level: "silent", pretty: false });
const secret = Buffer.from("a secret of some length");

describe("keys that seal secrets", () => {
  let database: TestDatabase;
  let db: Db;
  let dataDir: string;
  const rings: KeyRing[] = [];
  beforeEach(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    dataDir = mkdtempSync(join(tmpdir(), "roost-keys-"));
  });
  afterEach(async () => {
    for (const ring of rings.splice(0)) ring.stop();
    await db.close();
    await database.drop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  async function ringOf(source: EnvelopeSource, options: { holdMs?: number; checkMs?: number; notBeforeMs?: number } = {}) {
    const ring = createKeyRing({ db, source, clock: systemClock, log, pollMs: 20, checkMs: 20, notBeforeMs: 200, ...options });
    rings.push(ring);
    await ring.start();
    return ring;
  }

  async function rotate(ring: KeyRing): Promise<number> {
    return (await db.transaction((tx) => ring.rotate(tx, "a test"))).kid;
  }

  async function becomes(ring: KeyRing, kid: number): Promise<void> {
    await until(`key ${kid} is in use`, () => ring.currentKid() === kid);
  }

  it("are made once by servers that start together, and wrapped in the database", async () => {
    const [one, other] = await Promise.all([ringOf(fileSource(dataDir)), ringOf(fileSource(dataDir))]);
    const sealed = one.seal.seal(secret, "p");
    expect(kidOf(sealed)).toBe(1);
    expect(other.seal.open(sealed, "p")).toEqual(secret);
    expect(() => other.seal.open(sealed, "another place")).toThrow(expect.objectContaining({ code: "secrets.not_sealed" }) as Error);
    const rows = await db.query<{ kid: number; wrapped: Buffer }>(sql`select k.kid, k.wrapped from data_keys k`);
    expect(rows.filter(({ kid }) => kid === 1)).toHaveLength(1);
  });

  it("open the values of before there were versions", async () => {
    const old = createSeal(await loadInstallationKey(dataDir)).seal(secret, "p");
    const ring = await ringOf(fileSource(dataDir));
    expect(old[0]).toBe(1);
    expect(ring.seal.open(old, "p")).toEqual(secret);
    const again = await ringOf(fileSource(dataDir));
    expect(again.seal.open(old, "p")).toEqual(secret);
  });

  it("N-F29: rotate with an overlap: all servers know a key before one seals with it, and old values stay open", async () => {
    const one = await ringOf(fileSource(dataDir), { notBeforeMs: 3_600_000 });
    const other = await ringOf(fileSource(dataDir));
    const before = one.seal.seal(secret, "p");
    expect(await rotate(one)).toBe(2);
    expect(one.currentKid()).toBe(1);
    await expect(rotate(other)).rejects.toMatchObject({ code: "secrets.rotation_under_way" });
    // The hour is over.
    await db.query(sql`update data_keys set current_at = now() where kid = 2`);
    await becomes(one, 2);
    const after = one.seal.seal(secret, "p");
    expect(kidOf(after)).toBe(2);
    expect(other.seal.open(after, "p")).toEqual(secret);
    expect(other.seal.open(before, "p")).toEqual(secret);
  });

  it("are asked for at once by a server that meets a key it does not know", async () => {
    const one = await ringOf(fileSource(dataDir), { notBeforeMs: 0 });
    const late = createKeyRing({ db, source: fileSource(dataDir), clock: systemClock, log, pollMs: 3_600_000 });
    rings.push(late);
    await late.start();
    await rotate(one);
    await becomes(one, 2);
    const sealed = one.seal.seal(secret, "p");
    expect(() => late.seal.open(sealed, "p")).toThrow(expect.objectContaining({ code: "secrets.unknown_key" }) as Error);
    await until("the key is known", () => late.currentKid() === 2);
    expect(late.seal.open(sealed, "p")).toEqual(secret);
  });

  it("S3: are not opened by another installation's key, and the start says so", async () => {
    await ringOf(fileSource(dataDir));
    const other = mkdtempSync(join(tmpdir(), "roost-keys-"));
    await expect(ringOf(fileSource(other))).rejects.toMatchObject({ code: "secrets.wrong_envelope_key" });
    rmSync(other, { recursive: true });
  });

  it("move from the file to the environment, and on to the next key of it", async () => {
    const first = await ringOf(fileSource(dataDir));
    const sealed = first.seal.seal(secret, "p");
    const [key, next] = [randomBytes(32), randomBytes(32)];
    const place = "ROOST_SEAL_KEY";
    expect((await ringOf(environmentSource({ key, place, dataDir }))).seal.open(sealed, "p")).toEqual(secret);
    rmSync(join(dataDir, "installation.key"));
    await expect(ringOf(environmentSource({ key: next, place, dataDir }))).rejects.toMatchObject({ code: "secrets.wrong_envelope_key" });
    expect((await ringOf(environmentSource({ key: next, previous: key, place, dataDir }))).seal.open(sealed, "p")).toEqual(secret);
    expect((await ringOf(environmentSource({ key: next, place, dataDir }))).seal.open(sealed, "p")).toEqual(secret);
  });

  describe("in a secret store that speaks KV version 2", () => {
    let vault: Awaited<ReturnType<typeof startVault>>;
    let token: string;
    beforeEach(async () => {
      vault = await startVault();
      token = vault.token;
      vault.put("roost", { seal_key: randomBytes(32).toString("hex") });
    });
    afterEach(() => vault.close());
    const source = () =>
      vaultSource({
        client: createVaultClient({
          url: vault.url,
          token: () => token,
          mount: "secret",
          path: "roost",
          egress: createEgress({ allow: ["127.0.0.1"] }),
        }),
        place: "secret/roost",
        dataDir,
        nowMs: () => Date.now(),
      });
    const inState = (ring: KeyRing, state: string) => until(`the store is ${state}`, () => ring.store().state === state);

    it("are wrapped with its newest version, and taken over from older ones", async () => {
      const one = await ringOf(source());
      const sealed = one.seal.seal(secret, "p");
      expect(one.store()).toMatchObject({ kind: "vault", place: "secret/roost", state: "open", canOpen: true, version: "1" });
      vault.put("roost", { seal_key: randomBytes(32).toString("base64") });
      await until("the new version is taken up", () => one.store().version === "2");
      const envelopes = async () =>
        (await db.query<{ envelope: string }>(sql`select k.envelope from data_keys k`)).map((row) => row.envelope);
      await until("all is wrapped with it", async () => (await envelopes()).every((label) => label === "vault:2"));
      // The old version is needed no more.
      vault.remove("roost", 1, true);
      expect((await ringOf(source())).seal.open(sealed, "p")).toEqual(secret);
      expect(vault.asked.every((line) => line.startsWith("GET "))).toBe(true);
    });

    it("are not wrapped back by a server that has not heard of the newest version yet", async () => {
      const early = await ringOf(source());
      const late = await ringOf(source(), { checkMs: 3_600_000 });
      vault.put("roost", { seal_key: randomBytes(32).toString("hex") });
      await until("the new version is taken up", () => early.store().version === "2");
      const envelope = async () =>
        (await db.query<{ envelope: string }>(sql`select k.envelope from data_keys k where k.kid = 1`))[0]?.envelope;
      await until("the key is wrapped with it", async () => (await envelope()) === "vault:2");
      await late.check();
      expect([late.store().version, await envelope()]).toEqual(["2", "vault:2"]);
      vault.put("roost", { seal_key: randomBytes(32).toString("hex") });
      await until("the third is taken up", async () => (await envelope()) === "vault:3");
      // A key made meanwhile under the third is opened by one that knows the second alone.
      await rotate(early);
      await until("the late one has it", () => late.currentKid() === 2);
      expect([late.store().version, late.store().state, await envelope()]).toEqual(["2", "open", "vault:3"]);
    });

    it("N-F29: are refused in words as soon as the store says it is sealed, and are back when it opens", async () => {
      const ring = await ringOf(source());
      const sealed = ring.seal.seal(secret, "p");
      vault.seal();
      await inState(ring, "sealed");
      const asSealed = expect.objectContaining({ code: "secrets.sealed", status: 503 }) as Error;
      expect(() => ring.seal.open(sealed, "p")).toThrow(asSealed);
      expect(() => ring.seal.seal(secret, "p")).toThrow(asSealed);
      await expect(rotate(ring)).rejects.toMatchObject({ code: "secrets.sealed" });
      expect(ring.store()).toMatchObject({ state: "sealed", canOpen: false, message: expect.stringContaining("sealed") as string });
      vault.unseal();
      await inState(ring, "open");
      await until("the keys are back", () => ring.store().canOpen);
      expect(ring.seal.open(sealed, "p")).toEqual(secret);
    });

    it("are held for a while when the store only went away", async () => {
      const holding = await ringOf(source(), { holdMs: 3_600_000 });
      const brief = await ringOf(source(), { holdMs: 0 });
      const sealed = holding.seal.seal(secret, "p");
      await vault.stop();
      await inState(holding, "unreachable");
      await until("the other forgot", () => !brief.store().canOpen);
      expect(holding.seal.open(sealed, "p")).toEqual(secret);
      expect(() => brief.seal.open(sealed, "p")).toThrow(expect.objectContaining({ code: "secrets.store_unreachable" }) as Error);
      await vault.resume();
      await inState(brief, "open");
      expect(brief.seal.open(sealed, "p")).toEqual(secret);
    });

    it("renew the token before it runs out, and take another out of its file", async () => {
      const ring = await ringOf(source());
      vault.setTtl(100);
      await until("the token is renewed", () => vault.ttlSeconds() > 100);
      expect(ring.store().tokenExpiresAt?.getTime()).toBeGreaterThan(Date.now());
      const next = vault.replaceToken();
      await inState(ring, "denied");
      token = next;
      await inState(ring, "open");
    });

    it("are missing where nothing is kept at the path, and a sealed or silent store at the start is no failure of the start", async () => {
      const empty = await startVault();
      const waiting = createKeyRing({
        db,
        source: vaultSource({
          client: createVaultClient({
            url: empty.url,
            token: () => empty.token,
            mount: "secret",
            path: "roost",
            egress: createEgress({ allow: ["127.0.0.1"] }),
          }),
          place: "secret/roost",
          dataDir,
          nowMs: () => Date.now(),
        }),
        clock: systemClock,
        log,
        pollMs: 20,
        checkMs: 20,
      });
      rings.push(waiting);
      empty.seal();
      await waiting.start();
      expect(waiting.store()).toMatchObject({ state: "sealed", canOpen: false });
      empty.unseal();
      await inState(waiting, "missing");
      empty.put("roost", { seal_key: "changeme" });
      await until("a key that is none is no key", async () => (await waiting.check()).state === "missing");
      empty.put("roost", { seal_key: randomBytes(32).toString("hex") });
      await inState(waiting, "open");
      await empty.close();
    });
  });
});
