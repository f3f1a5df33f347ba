import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";

/** The user PostgreSQL runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** We are root and step down to it; otherwise it is ourselves. */
  readonly switched: boolean;
}

/** PostgreSQL's programs get this and nothing of our environment: no secrets, no surprises by `PG…` or `LD_…` variables. */
export const bareEnvironment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin",
  LC_ALL: "C",
  TZ: "UTC",
};

function entries(file: string): string[][] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .map((line) => line.split(":"));
  } catch {
    return [];
  }
}

/**
 * Chooses who PostgreSQL runs as: ourselves, or, as root, the owner of what is there, or else a number nobody else has.
 *
 * A number of its own because whoever shares it may use the socket: `nobody` runs other people's programs too.
 */
export function chooseAccount(owner: { readonly uid: number; readonly gid: number } | undefined): Account {
  const self = process.getuid?.() ?? -1;
  if (self !== 0) return { uid: self, gid: process.getgid?.() ?? -1, switched: false };
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid, switched: true };
  const taken = new Set([...entries("/etc/passwd"), ...entries("/etc/group")].map((fields) => Number(fields[2])));
  let id = 5432;
  while (taken.has(id)) id += 1;
  return { uid: id, gid: id, switched: true };
}

/** A user that has a passwd entry, which initdb asks for and `postgres` does not; only root needs one. */
export function namedAccount(account: Account): Account {
  if (!account.switched) return account;
  const passwd = entries("/etc/passwd");
  if (passwd.some((fields) => Number(fields[2]) === account.uid)) return account;
  const nobody = passwd.find((fields) => fields[0] === "nobody");
  // macOS writes its ids as negative numbers.
  const id = (field: string | undefined) => (field === undefined ? 65_534 : Number(field) >>> 0);
  return { uid: id(nobody?.[2]), gid: id(nobody?.[3]), switched: true };
}

/** Says whether `setpriv` is here and can end a child when its parent dies; busybox has one that cannot. */
export function hasParentDeathSignal(): boolean {
  return spawnSync("setpriv", ["--pdeathsig", "INT", "true"], { env: bareEnvironment, stdio: "ignore" }).status === 0;
}

/** Says whether the account may go through every folder above `path` and has `rights` (4 read, 2 write, 1 enter or run) on itself. */
export async function mayUse(account: Account, path: string, rights: number): Promise<boolean> {
  if (!account.switched) return true;
  const bits = async (at: string) => {
    const { mode, uid, gid } = await stat(at);
    if (uid === account.uid) return (mode >> 6) & 7;
    return gid === account.gid ? (mode >> 3) & 7 : mode & 7;
  };
  try {
    if (((await bits(path)) & rights) !== rights) return false;
    for (let at = dirname(path); ; at = dirname(at)) {
      if (((await bits(at)) & 1) === 0) return false;
      if (at === dirname(at)) return true;
    }
  } catch {
    return false;
  }
}
