import { spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { lchown, lstat, mkdir, mkdtemp, open, readdir, readFile, realpath, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { isAppError } from "@roost/contract/errors";
import { postgresErrors } from "@roost/contract/postgres";

import type { Log } from "./log.ts";
import type { Account } from "./postgres-account.ts";
import { bareEnvironment, chooseAccount, mayUse, namedAccount } from "./postgres-account.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";

/** Where PostgreSQL's own folders go when its user cannot get to the data folder: a checkout below /root, for example. */
const elsewhere = "/var/lib/roost";

/** Where a cluster lives and who owns it. */
export interface Place {
  /** Holds `data`, and `run` where its path is short enough. */
  readonly home: string;
  /** The cluster itself; it is there whole or not at all. */
  readonly data: string;
  readonly account: Account;
  readonly exists: boolean;
}

/** Holds the folder against every other Roost, on this machine or in another container of it, until released or until we die. */
export function lockFolder(folder: string): () => void {
  // SQLite's file lock is the one advisory lock Node has; the kernel drops it with the process, so nothing stale is left to judge.
  const lock = new DatabaseSync(join(folder, "lock"), { timeout: 0 });
  try {
    lock.exec("pragma journal_mode = memory; begin exclusive");
  } catch (cause) {
    lock.close();
    throw postgresErrors.in_use({ folder }, { cause });
  }
  return () => lock.close();
}

const markerFile = "cluster.json";

/**
 * Finds where the folder's cluster is, or where it shall be made.
 *
 * @throws {AppError} `postgres.damaged`, `left_behind`, `foreign_folder`, `unreachable_folder`, `no_unprivileged_user`.
 */
export async function findPlace(folder: string): Promise<Place> {
  const marker = await readMarker(folder);
  const home = marker === undefined ? await newHome(folder) : marker.home === "." ? folder : marker.home;
  const data = join(home, "data");
  const found = await lstat(data).catch(() => undefined);
  const account = chooseAccount(found);
  const filled = found !== undefined && (await contents(data, account)).length > 0;
  if (!filled) {
    // Damaged state is not absent state: a folder that once held a cluster and is empty now has lost it.
    if (marker !== undefined) throw postgresErrors.damaged({ folder: data, missing: ["data"] });
    return { home, data, account, exists: false };
  }
  if (marker === undefined && home !== folder) throw postgresErrors.left_behind({ folder: home });
  if (!account.switched && found.uid !== account.uid) throw postgresErrors.foreign_folder({ folder: data, uid: found.uid });
  if (!(await mayUse(account, home, 1))) throw postgresErrors.unreachable_folder({ folder: data, uid: account.uid });
  return { home, data, account, exists: true };
}

async function contents(data: string, account: Account): Promise<string[]> {
  try {
    return await readdir(data);
  } catch (cause) {
    throw postgresErrors.foreign_folder({ folder: data, uid: account.uid }, { cause });
  }
}

async function newHome(folder: string): Promise<string> {
  if (await mayUse(chooseAccount(undefined), folder, 1)) return folder;
  const hash = createHash("sha256")
    .update(await realpath(folder))
    .digest("hex")
    .slice(0, 12);
  return join(elsewhere, hash);
}

async function readMarker(folder: string): Promise<{ readonly home: string } | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, markerFile), "utf8")) as { home: string };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw postgresErrors.damaged({ folder, missing: [markerFile] }, { cause });
  }
}

/**
 * Checks that what every cluster has is there and that our PostgreSQL made it.
 *
 * @throws {AppError} `postgres.damaged`, `postgres.other_version`.
 */
export async function checkCluster(data: string, major: string): Promise<void> {
  const missing: string[] = [];
  for (const part of ["PG_VERSION", "base", "global/pg_control", "global/pg_filenode.map", "pg_wal", "pg_xact", "pg_multixact"]) {
    const found = await lstat(join(data, part)).catch(() => undefined);
    if (found === undefined || (found.isFile() && found.size === 0)) missing.push(part);
  }
  if (missing.length > 0) throw postgresErrors.damaged({ folder: data, missing });
  const made = (await readFile(join(data, "PG_VERSION"), "utf8")).trim();
  if (made !== major) throw postgresErrors.other_version({ folder: data, madeBy: made, comesWith: major });
}

/**
 * Makes the cluster, with checksums: in a folder beside it that gets its name when it is whole, so that a start cut off half-way
 * leaves rubbish, never half a database.
 */
export async function makeCluster(options: {
  readonly folder: string;
  readonly place: Place;
  readonly binaries: PostgresBinaries;
  readonly durable: boolean;
  readonly log: Log;
}): Promise<void> {
  const { folder, place, binaries, durable, log } = options;
  const { home, data, account } = place;
  await mkdir(home, { recursive: true, mode: 0o711 });
  for (const name of await readdir(home)) {
    if (!name.startsWith("data.new-")) continue;
    log.warn({ folder: join(home, name) }, "the making of the database's folder was cut off; beginning anew");
    // Its initdb may live a moment longer than whoever started it.
    await rm(join(home, name), { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
  const maker = namedAccount(account);
  const making = await mkdtemp(join(home, "data.new-"));
  try {
    await hand(making, maker);
    await runInitdb({ making, binaries, durable, maker });
    await handTree(making, account);
    await rename(making, data);
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    throw error;
  }
  if (durable) await syncFolder(home);
  await writeMarker(folder, home === folder ? "." : home);
  log.info({ folder: data, uid: account.uid }, "made the database's folder");
}

/** Says in the data folder where its cluster is, and that there is one. */
export async function writeMarker(folder: string, home: string): Promise<void> {
  const path = join(folder, markerFile);
  const made = `${path}.${randomUUID().slice(0, 8)}`;
  const file = await open(made, "w", 0o644);
  await file.writeFile(`${JSON.stringify({ home })}\n`);
  await file.sync();
  await file.close();
  await rename(made, path);
  await syncFolder(folder);
}

/** Writes the marker where a start was cut off between the cluster and it. */
export async function completeMarker(folder: string, place: Place): Promise<void> {
  if ((await readMarker(folder)) === undefined) await writeMarker(folder, place.home === folder ? "." : place.home);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function hand(path: string, account: Account): Promise<void> {
  if (!account.switched) return;
  try {
    await lchown(path, account.uid, account.gid);
  } catch (cause) {
    throw postgresErrors.no_unprivileged_user({ uid: account.uid }, { cause });
  }
}

// Links are handed over themselves and never followed: until now the tree was another user's.
async function handTree(path: string, account: Account): Promise<void> {
  if (!account.switched) return;
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const at = join(path, entry.name);
    if (entry.isDirectory()) await handTree(at, account);
    else await hand(at, account);
  }
  await hand(path, account);
}

async function runInitdb(options: { making: string; binaries: PostgresBinaries; durable: boolean; maker: Account }): Promise<void> {
  const { making, binaries, durable, maker } = options;
  const locale = process.platform === "darwin" ? "--no-locale" : "--locale=C.UTF-8";
  const args = ["-D", making, "-U", "roost", "--auth-local=trust", "--auth-host=reject", locale, "-E", "UTF8", "-k", "--lc-messages=C"];
  if (!durable) args.push("--no-sync");
  const child = spawn(binaries.initdb, args, {
    cwd: "/",
    env: bareEnvironment,
    stdio: ["ignore", "ignore", "pipe"],
    ...(maker.switched ? { uid: maker.uid, gid: maker.gid } : {}),
  });
  let words = "";
  child.stderr.on("data", (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-4096);
  });
  const status = await new Promise<number | string>((resolve) => {
    child.once("error", (error) => resolve((error as NodeJS.ErrnoException).code ?? error.name));
    child.once("close", (code, signal) => resolve(code ?? signal ?? -1));
  });
  if (status === 0) return;
  const details = { status, words: words.trim() };
  throw /look up effective user/.test(words) ? postgresErrors.no_passwd_entry(details) : postgresErrors.init_failed(details);
}

/** How long the folder of a unix socket may be: `sun_path` has 108 bytes (104 on macOS), the socket's own name and a zero take 15. */
const socketFolderLimit = 89;

/**
 * Makes the folder of the socket, for the account alone (0700): `run` beside the cluster, or, where that path is too long for a
 * socket, one in the machine's folder for such things.
 *
 * @throws {AppError} `postgres.socket_folder`
 */
export async function makeSocketFolder(place: Place, wanted: string | undefined): Promise<string> {
  const { account } = place;
  const near = wanted ?? join(place.home, "run");
  const hash = createHash("sha256").update(place.data).digest("hex").slice(0, 12);
  const far = [`/run/user/${account.uid}/roost-${hash}`, `/tmp/roost-${account.uid}-${hash}`];
  const faults: unknown[] = [];
  for (const path of Buffer.byteLength(near) <= socketFolderLimit ? [near] : far) {
    try {
      await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
      const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
      try {
        // In /tmp somebody else may have made it first; a link, or a folder of theirs, is never ours.
        const { uid } = await folder.stat();
        const ours = [process.getuid?.() ?? uid, account.uid].includes(uid);
        if (!ours) throw postgresErrors.socket_folder({ folder: path, uid });
        if (account.switched) await folder.chown(account.uid, account.gid);
        await folder.chmod(0o700);
      } finally {
        await folder.close();
      }
      if (await mayUse(account, path, 7)) return path;
    } catch (error) {
      faults.push(isAppError(error) ? error.details : error);
    }
  }
  throw postgresErrors.socket_folder({ folder: near }, { cause: faults[0] });
}
