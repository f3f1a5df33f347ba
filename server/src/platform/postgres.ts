import { mkdir, statfs } from "node:fs/promises";
import { totalmem } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

import pg from "pg";

import { createLog } from "./log.ts";
import type { Log } from "./log.ts";
import { hasParentDeathSignal } from "./postgres-account.ts";
import { findBinaries } from "./postgres-binaries.ts";
import { checkDatabase } from "./postgres-check.ts";
import type { DatabaseFacts } from "./postgres-check.ts";
import { checkCluster, completeMarker, findPlace, lockFolder, makeCluster, makeSocketFolder } from "./postgres-folder.ts";
import type { Place } from "./postgres-folder.ts";
import { clearStale, startPostmaster } from "./postgres-process.ts";
import type { Postmaster } from "./postgres-process.ts";
import { postgresSettings } from "./postgres-settings.ts";

/** A PostgreSQL under our care: started again when it ends by itself, ended when we end. */
export interface EmbeddedPostgres {
  /** Folder of its unix socket; the only way in. */
  readonly socketDir: string;
  /** The cluster's own folder, which is not always in the data folder. */
  readonly dataDir: string;
  /** Of the postmaster; `undefined` while it is down. */
  pid(): number | undefined;
  /** Shuts down and waits; twice does no harm. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** PostgreSQL's part of the data folder; made if missing. */
  readonly dataDir: string;
  /** Where the socket goes, if not beside the cluster. */
  readonly socketDir?: string;
  /** `false` for throw-away clusters alone: commits then do not reach the disk. */
  readonly durable: boolean;
  readonly log?: Log;
  /** Settings over ours, by PostgreSQL's names. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Longest wait before PostgreSQL is started once more after it ended by itself. */
const longestPauseMs = 10_000;
/** Leaves room for the rest of a stop within ten seconds. */
const stopPatienceMs = 5_000;

/**
 * Starts the built-in PostgreSQL on a folder: makes the cluster at the first start, ends what a dead Roost left running, takes
 * connections by a unix socket of ours alone, runs as an unprivileged user where we are root.
 *
 * @throws {AppError} `postgres.in_use`, `damaged` and their kin: see `contract/src/postgres.ts`.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir: folder, durable, log = createLog({ level: "silent", pretty: false }) } = options;
  // Its user passes through to what is its own; the rest of the data folder is files of 0600.
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const release = lockFolder(folder);
  try {
    const prepared = await prepare(options, folder, durable, log);
    const supervisor = await supervise(prepared, log);
    let stopped: Promise<void> | undefined;
    return {
      socketDir: prepared.socketDir,
      dataDir: prepared.place.data,
      pid: () => supervisor.pid(),
      stop: () => (stopped ??= supervisor.stop().finally(release)),
    };
  } catch (error) {
    release();
    throw error;
  }
}

interface Prepared {
  readonly place: Place;
  readonly socketDir: string;
  readonly start: () => Promise<Postmaster>;
}

async function prepare(options: EmbeddedPostgresOptions, folder: string, durable: boolean, log: Log): Promise<Prepared> {
  const place = await findPlace(folder);
  const { account, data } = place;
  const binaries = await findBinaries(account, account.switched ? "/var/lib/roost/bin" : folder);
  if (place.exists) {
    await checkCluster(data, binaries.major);
    await completeMarker(folder, place);
  } else {
    await makeCluster({ folder, place, binaries, durable, log });
  }
  const socketDir = await makeSocketFolder(place, options.socketDir);
  const disk = await statfs(place.home);
  const machine = { memoryBytes: totalmem(), diskFreeBytes: disk.bavail * disk.bsize };
  const settings = { ...postgresSettings(machine, durable), ...options.settings, unix_socket_directories: socketDir };
  const parentDeathSignal = hasParentDeathSignal();
  return {
    place,
    socketDir,
    async start() {
      await clearStale(data, socketDir, log);
      return startPostmaster({ program: binaries.postgres, data, settings, account, parentDeathSignal, log });
    },
  };
}

/** Keeps the postmaster running from its first start until `stop`. */
async function supervise({ start }: Prepared, log: Log): Promise<{ pid(): number | undefined; stop(): Promise<void> }> {
  const stopping = new AbortController();
  let current: Postmaster | undefined = await start();
  const watching = watch(current);

  async function watch(first: Postmaster): Promise<void> {
    let postmaster = first;
    for (;;) {
      const startedMs = performance.now();
      const { code, signal, words } = await postmaster.ended;
      current = undefined;
      if (stopping.signal.aborted) return;
      log.error({ code, signal, words }, "postgresql ended by itself; starting it again");
      const next = await startAgain(performance.now() - startedMs > 60_000 ? 0 : 100);
      if (next === undefined) return;
      postmaster = next;
      current = next;
      log.info({ pid: next.pid }, "postgresql runs again");
    }
  }

  async function startAgain(firstPauseMs: number): Promise<Postmaster | undefined> {
    for (let pauseMs = firstPauseMs; !stopping.signal.aborted; pauseMs = Math.min(longestPauseMs, pauseMs * 2 + 100)) {
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return undefined;
      try {
        const next = await start();
        if (!stopping.signal.aborted) return next;
        await next.stop(stopPatienceMs);
      } catch (error) {
        log.error({ err: error }, "postgresql did not start again");
      }
    }
    return undefined;
  }

  return {
    pid: () => current?.pid,
    async stop() {
      stopping.abort();
      await current?.stop(stopPatienceMs);
      await watching;
    },
  };
}

/** The database Roost works on, its own or one it was given. */
export interface Postgres {
  readonly connection: pg.PoolConfig;
  /** Under our care; an external one is not. */
  readonly embedded: EmbeddedPostgres | undefined;
  /** As it was at the start. */
  readonly facts: DatabaseFacts;
  /** Shuts the built-in one down; leaves an external one alone. */
  stop(): Promise<void>;
}

/**
 * Opens the database: the one at `url`, or the built-in one in `dataDir`; either way it is 15 or newer, in UTF-8, and durable.
 *
 * @param dataDir - The folder for PostgreSQL's own part of the data folder.
 * @throws {AppError} `postgres.…`
 */
export async function openPostgres({ dataDir, url, log }: { dataDir: string; url: string | undefined; log: Log }): Promise<Postgres> {
  if (url !== undefined) {
    const connection = { connectionString: url };
    return { connection, embedded: undefined, facts: await checkDatabase(connection, log), stop: async () => undefined };
  }
  const embedded = await startEmbeddedPostgres({ dataDir, durable: true, log });
  try {
    const server = { host: embedded.socketDir, options: "-c synchronous_commit=on" };
    await ensureDatabase({ ...server, user: "roost", database: "postgres" }, "roost");
    const connection = { ...server, user: serverRole, database: "roost" };
    return { connection, embedded, facts: await checkDatabase(connection, log), stop: () => embedded.stop() };
  } catch (error) {
    await embedded.stop();
    throw error;
  }
}

/** What Roost is in its own cluster: the owner of its database, and nobody of weight beside it. The cluster's superuser makes it and stays away. */
const serverRole = "roost_server";

async function ensureDatabase(connection: pg.ClientConfig, name: string): Promise<void> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    const { rows: roles } = await client.query<{ name: string }>("select r.rolname as name from pg_roles r");
    const known = new Set(roles.map((role) => role.name));
    if (!known.has(serverRole)) await client.query(`create role ${serverRole} login nosuperuser nobypassrls nocreatedb nocreaterole`);
    // Made here, because the server's role may make none: see server/migrations/0000-row-security.sql.
    if (!known.has("roost_tenant")) await client.query("create role roost_tenant nologin nosuperuser nobypassrls nocreatedb nocreaterole");
    await client.query(`grant roost_tenant to ${serverRole}`);
    const { rows } = await client.query("select 1 from pg_database d where d.datname = $1", [name]);
    if (rows.length === 0) await client.query(`create database ${name} owner ${serverRole}`);
  } finally {
    await client.end();
  }
}
