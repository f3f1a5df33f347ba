import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

import { blobErrors } from "@roost/contract/blobs";
import { sql } from "@roost/contract/sql";

import type { Clock } from "./clock.ts";
import { isDatabaseAway } from "./db.ts";
import type { Db, Queryable } from "./db.ts";
import { newId } from "./id.ts";
import { syncFolder } from "./installation-key.ts";
import type { JobDefinition } from "./jobs.ts";
import type { Log } from "./log.ts";

/** A file that is kept. */
export interface Blob {
  readonly id: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface BlobsDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  /** The files lie in `blobs` below it. */
  readonly dataDir: string;
  /** Of all files of an organisation together. */
  readonly maxBytesPerOrganisation: number;
  /** Of one file: it is held in memory as a whole. */
  readonly maxBytes?: number;
}

interface BlobRow {
  id: string;
  media_type: string;
  size_bytes: number;
  sha256: Buffer;
}

const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const mediaTypeForm = /^[a-z]{1,20}\/[a-z0-9][a-z0-9.+-]{0,99}$/;
const sweepAfterMs = 3_600_000;
const sweepBatch = 500;

/** Keeps files durably: the bytes in the data folder, a row with their digest in the database. */
export function createBlobs({ db, clock, log, dataDir, maxBytesPerOrganisation, maxBytes = 32 * 1024 * 1024 }: BlobsDeps) {
  const root = join(dataDir, "blobs");
  /** Written by this process, and no row yet. */
  const underWay = new Set<string>();

  /** The last digits of a v7 id are random, the first ones are not. */
  const pathOf = (id: string) => join(root, id.slice(-2), id);

  /** @throws {AppError} `blobs.full` */
  async function checkRoom(rows: Queryable, organisationId: string, more: number): Promise<void> {
    const [row] = await rows.query<{ used: number }>(sql`
      select coalesce(sum(b.size_bytes), 0)::bigint as used from blobs b where b.organisation_id = ${organisationId}`);
    if ((row?.used ?? 0) + more > maxBytesPerOrganisation) throw blobErrors.full({ maxBytes: maxBytesPerOrganisation });
  }

  async function record(organisationId: string, blob: Blob): Promise<void> {
    await db.within({ organisationId }).transaction(async (tx) => {
      // One at a time for each organisation, or two that fit alone would be too much together.
      await tx.query(sql`select pg_advisory_xact_lock(hashtext('blobs'), hashtext(${organisationId}))`);
      await checkRoom(tx, organisationId, blob.sizeBytes);
      await tx.query(sql`
        insert into blobs (id, organisation_id, media_type, size_bytes, sha256)
        values (${blob.id}, ${organisationId}, ${blob.mediaType}, ${blob.sizeBytes}, ${Buffer.from(blob.sha256, "hex")})`);
    });
  }

  async function sweepFolder(folder: string, signal: AbortSignal | undefined): Promise<number> {
    const old: string[] = [];
    for (const name of await readdir(folder)) {
      const file = await stat(join(folder, name)).catch(() => undefined);
      if (file?.isFile() === true && clock.nowMs() - file.mtimeMs > sweepAfterMs) old.push(name);
    }
    let swept = 0;
    for (let at = 0; at < old.length && signal?.aborted !== true; at += sweepBatch) {
      const names = old.slice(at, at + sweepBatch);
      const ids = names.filter((name) => uuidForm.test(name));
      const rows = await db.query<{ id: string }>(sql`select b.id from blobs b where b.id = any(${ids}::uuid[])`);
      const kept = new Set(rows.map(({ id }) => id));
      for (const name of names) {
        if (kept.has(name) || underWay.has(name.slice(0, 36))) continue;
        await rm(join(folder, name), { force: true });
        swept += 1;
      }
    }
    return swept;
  }

  /** Removes files that have no row and are older than an hour: of puts that were cut off, and of rows that are gone. */
  async function sweep(signal?: AbortSignal): Promise<number> {
    const folders = await readdir(root).catch(absent);
    if (folders === undefined) return 0;
    // A database that knows no file at all is more likely the wrong one, or one being restored.
    const [any] = await db.query(sql`select from blobs limit 1`);
    if (any === undefined) return 0;
    let swept = 0;
    for (const folder of folders) {
      if (signal?.aborted === true) break;
      if (/^[0-9a-f]{2}$/.test(folder)) swept += await sweepFolder(join(root, folder), signal);
    }
    if (swept > 0) log.info({ files: swept }, "files without a row were removed");
    return swept;
  }

  const job: JobDefinition = {
    name: "blobs.sweep",
    everySeconds: 3_600,
    maxSeconds: 3_600,
    run: async ({ signal }) => void (await sweep(signal)),
  };

  return {
    /**
     * Keeps bytes durably: they are on disk and on record when this returns.
     *
     * @throws {AppError} `blobs.full`, `blobs.disk_full`, `blobs.too_large`, `blobs.bad_media_type`, `http.unavailable`; nothing half is there then
     */
    async put(organisationId: string, mediaType: string, bytes: Uint8Array): Promise<Blob> {
      if (!mediaTypeForm.test(mediaType)) throw blobErrors.bad_media_type();
      if (bytes.length > maxBytes) throw blobErrors.too_large({ maxBytes });
      await checkRoom(db.within({ organisationId }), organisationId, bytes.length);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const blob: Blob = { id: newId(clock.nowMs()), mediaType, sizeBytes: bytes.length, sha256 };
      underWay.add(blob.id);
      try {
        await writeDurably(root, pathOf(blob.id), bytes);
        await record(organisationId, blob).catch(async (error: unknown) => {
          // Whether a commit was heard that was not answered nobody knows: then the sweep decides, by the row.
          if (!isDatabaseAway(error)) await rm(pathOf(blob.id), { force: true });
          throw error;
        });
      } finally {
        underWay.delete(blob.id);
      }
      return blob;
    },
    /**
     * The bytes as they were put; `undefined` for what is not there, or another organisation's.
     *
     * @throws {AppError} `blobs.damaged` when the file is not what was put
     */
    async read(organisationId: string, blobId: string): Promise<{ readonly blob: Blob; readonly bytes: Uint8Array } | undefined> {
      const id = blobId.toLowerCase();
      if (!uuidForm.test(id)) return undefined;
      const [row] = await db.within({ organisationId }).query<BlobRow>(sql`
        select b.id, b.media_type, b.size_bytes, b.sha256 from blobs b where b.id = ${id} and b.organisation_id = ${organisationId}`);
      if (row === undefined) return undefined;
      const blob: Blob = { id: row.id, mediaType: row.media_type, sizeBytes: row.size_bytes, sha256: row.sha256.toString("hex") };
      const bytes = await readFile(pathOf(id)).catch(absent);
      const isWhole = bytes !== undefined && createHash("sha256").update(bytes).digest().equals(row.sha256);
      if (!isWhole) {
        log.error({ blobId: id, missing: bytes === undefined }, "a kept file is damaged");
        throw blobErrors.damaged({ blobId: id, missing: bytes === undefined });
      }
      return { blob, bytes };
    },
    /** Forgets a file; what is not there, or another organisation's, is left alone. */
    async remove(organisationId: string, blobId: string): Promise<void> {
      const id = blobId.toLowerCase();
      if (!uuidForm.test(id)) return;
      const gone = await db.within({ organisationId }).query<{ id: string }>(sql`
        delete from blobs b where b.id = ${id} and b.organisation_id = ${organisationId} returning b.id`);
      // What cannot be removed now is swept later.
      if (gone.length > 0) await rm(pathOf(id), { force: true }).catch(() => undefined);
    },
    /**
     * Forgets all files of an organisation. The bytes first: cut off in between, the row is there to find them by, which a sweep of a folder
     * without any row does not do.
     */
    async removeAllOf(organisationId: string, signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        const some = await db.query<{ id: string }>(sql`
          select b.id from blobs b where b.organisation_id = ${organisationId} order by b.id limit ${sweepBatch}`);
        if (some.length === 0) return;
        for (const { id } of some) await rm(pathOf(id), { force: true });
        await db.query(sql`delete from blobs b where b.id = any(${some.map(({ id }) => id)}::uuid[])`);
      }
    },
    sweep,
    jobs: [job] as const,
  };
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT") return undefined;
  throw error;
}

/** Puts a file in its place whole and on disk, folders included, or leaves nothing. @throws {AppError} `blobs.disk_full` */
async function writeDurably(root: string, path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  try {
    const made = await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    if (made !== undefined) {
      await syncFolder(root);
      await syncFolder(dirname(root));
    }
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => undefined);
    await rm(path, { force: true }).catch(() => undefined);
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOSPC" || code === "EDQUOT") throw blobErrors.disk_full({}, { cause });
    throw cause;
  }
}
