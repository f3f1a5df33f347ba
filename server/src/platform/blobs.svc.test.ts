import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createBlobs } from "./blobs.ts";
import { systemClock } from "./clock.ts";
import { createDb } from "./db.ts";
import type { Db } from "./db.ts";
import { newId } from "./id.ts";
import { createLog } from "./log.ts";

const log = createLog({ level: "silent", pretty: false });
const photo = Buffer.from("\u00ff\u00d8 a photo of basil", "latin1");

describe("blobs", () => {
  let database: TestDatabase;
  let db: Db;
  const farm = newId();
  const neighbour = newId();
  const folder = mkdtempSync(join(tmpdir(), "roost-blobs-"));
  const disk = mkdtempSync(join(tmpdir(), "roost-full-"));
  const mounted = process.getuid?.() === 0 && spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]).status === 0;
  const open = (dataDir: string, more: { maxBytesPerOrganisation?: number; maxBytes?: number } = {}) =>
    createBlobs({ db, clock: systemClock, log, dataDir, maxBytesPerOrganisation: 1_000_000, ...more });
  const files = (dataDir: string) =>
    readdirSync(join(dataDir, "blobs"), { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile())
      .map((one) => one.name);
  const pathOf = (id: string) => join(folder, "blobs", id.slice(-2), id);

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    for (const id of [farm, neighbour])
      await db.query(sql`insert into organisations (id, name, slug) values (${id}, ${"Farm"}, ${`farm-${id.slice(-6)}`})`);
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
    if (mounted) spawnSync("umount", [disk]);
    for (const one of [folder, disk]) rmSync(one, { recursive: true, force: true });
  });

  it("hands bytes back as they were put, to their own organisation alone, and to nobody once removed", async () => {
    const blob = await open(folder).put(farm, "image/jpeg", photo);
    // What another process reads is on disk, not in a memory.
    const again = open(folder);
    expect(await again.read(farm, blob.id)).toEqual({ blob, bytes: photo });
    expect(blob).toMatchObject({ mediaType: "image/jpeg", sizeBytes: photo.length });
    expect(statSync(pathOf(blob.id)).mode & 0o077).toBe(0);
    expect(await again.read(neighbour, blob.id)).toBeUndefined();
    await again.remove(neighbour, blob.id);
    expect((await again.read(farm, blob.id))?.bytes).toEqual(photo);
    for (const nonsense of ["", "../../etc/passwd", newId()]) expect(await again.read(farm, nonsense)).toBeUndefined();
    await again.remove(farm, blob.id);
    expect(await again.read(farm, blob.id)).toBeUndefined();
    expect(files(folder)).not.toContain(blob.id);
  });

  it("refuses a file that is not what was put: one bit turned, cut short, gone", async () => {
    const blobs = open(folder);
    const blob = await blobs.put(farm, "image/jpeg", photo);
    const turned = Buffer.from(photo);
    turned[3] = (turned[3] ?? 0) ^ 1;
    for (const bytes of [turned, photo.subarray(0, 5)]) {
      writeFileSync(pathOf(blob.id), bytes);
      await expect(blobs.read(farm, blob.id)).rejects.toMatchObject({ code: "blobs.damaged", details: { missing: false } });
    }
    rmSync(pathOf(blob.id));
    await expect(blobs.read(farm, blob.id)).rejects.toMatchObject({ code: "blobs.damaged", details: { missing: true } });
    await blobs.remove(farm, blob.id);
  });

  it("bounds what an organisation keeps, also when many come at once, and leaves no file of those refused", async () => {
    const blobs = open(folder, { maxBytesPerOrganisation: 1_000, maxBytes: 500 });
    await expect(blobs.put(neighbour, "image/png", Buffer.alloc(501))).rejects.toMatchObject({ code: "blobs.too_large" });
    await expect(blobs.put(neighbour, "image/png\r\nx: y", photo)).rejects.toMatchObject({ code: "blobs.bad_media_type" });
    const before = files(folder);
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => blobs.put(neighbour, "image/png", Buffer.alloc(400, 1))));
    expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
    for (const one of all) if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "blobs.full" });
    expect(files(folder)).toHaveLength(before.length + 2);
    // Another organisation has room of its own.
    await blobs.put(farm, "image/png", Buffer.alloc(400));
  });

  it("sweeps files without a row that are older than an hour, and no others", async () => {
    const blobs = open(folder);
    const kept = await blobs.put(farm, "image/jpeg", photo);
    const [orphan, fresh, draft] = [newId(), newId(), `${newId()}.new`].map((name) => join(folder, "blobs", kept.id.slice(-2), name));
    for (const path of [orphan, fresh, draft]) writeFileSync(path ?? "", "x");
    const old = Date.now() / 1_000 - 3_700;
    for (const path of [orphan, draft, pathOf(kept.id)]) utimesSync(path ?? "", old, old);
    expect(await blobs.sweep()).toBe(2);
    expect(readFileSync(fresh ?? "", "utf8")).toBe("x");
    expect((await blobs.read(farm, kept.id))?.bytes).toEqual(photo);
    // With the organisation go its rows, with them the files.
    utimesSync(pathOf(kept.id), old, old);
    await db.query(sql`delete from blobs b where b.organisation_id = ${farm}`);
    expect(await blobs.sweep()).toBe(1);
    expect(files(folder)).not.toContain(kept.id);
  });

  it("keeps all files when the database knows none at all: that is the wrong database", async () => {
    const blobs = open(folder);
    const { id } = await blobs.put(farm, "image/jpeg", photo);
    utimesSync(pathOf(id), 1, 1);
    await db.query(sql`delete from blobs`);
    expect(await blobs.sweep()).toBe(0);
    expect(files(folder)).toContain(id);
  });

  it.runIf(mounted)("says that the disk is full, leaves nothing half there, and goes on once there is room", async () => {
    const blobs = open(disk, { maxBytesPerOrganisation: 9_000_000 });
    const first = await blobs.put(farm, "image/jpeg", Buffer.alloc(300_000, 7));
    await expect(blobs.put(farm, "image/jpeg", Buffer.alloc(900_000, 8))).rejects.toMatchObject({ code: "blobs.disk_full" });
    expect(files(disk)).toEqual([first.id]);
    expect(await db.query(sql`select from blobs b where b.organisation_id = ${farm}`)).toHaveLength(1);
    expect((await blobs.read(farm, first.id))?.bytes.length).toBe(300_000);
    await blobs.remove(farm, first.id);
    await blobs.put(farm, "image/jpeg", Buffer.alloc(700_000, 8));
  });
});
