import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

import { AppError } from "@roost/contract/errors";

/**
 * The installation's own key, 32 bytes: made at the first start, kept in `<dataDir>/installation.key`, readable by its owner alone.
 *
 * Two servers that start together on one folder agree on one key.
 *
 * @throws {AppError} `installation_key.damaged` when the file is there but is no key of ours: a new key would make every sealed secret unreadable.
 */
export async function loadInstallationKey(dataDir: string): Promise<Buffer> {
  const path = join(dataDir, "installation.key");
  const known = await readKey(path);
  if (known !== undefined) return known;
  await mkdir(dirname(path), { recursive: true });
  await writeOnce(path, randomBytes(32).toString("hex") + "\n");
  const made = await readKey(path);
  if (made === undefined) throw damaged(path);
  return made;
}

/** The installation's own key if it has one; makes none. @throws {AppError} `installation_key.damaged` */
export async function findInstallationKey(dataDir: string): Promise<Buffer | undefined> {
  return readKey(join(dataDir, "installation.key"));
}

async function readKey(path: string): Promise<Buffer | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw damaged(path, cause);
  }
  const hex = text.trim();
  // A key of one repeated byte was never random: an emptied disk block or a placeholder.
  if (!/^[0-9a-f]{64}$/.test(hex) || new Set(Buffer.from(hex, "hex")).size < 8) throw damaged(path);
  return Buffer.from(hex, "hex");
}

/**
 * Puts a file in its place whole and durable, or leaves the one that is there: after a crash there is the whole file or none.
 */
export async function writeOnce(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString("hex")}.new`;
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(dirname(path));
}

/** A new name in a folder survives power loss only once the folder itself is on disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function damaged(path: string, cause?: unknown): AppError {
  return new AppError(
    "installation_key.damaged",
    500,
    "The installation's key is there but cannot be used. Restore installation.key from a backup: without it the sealed secrets in the database cannot be read.",
    { path },
    { cause },
  );
}
