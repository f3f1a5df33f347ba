import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A TCP socket that waits for connections. */
export interface ListeningSocket {
  readonly pid: number;
  readonly host: string;
  readonly port: number;
}

/** A process and all it started, and what those started. */
function familyOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      // The name stands in brackets and may hold anything; what follows the last bracket is state and parent.
      const [, , parent] =
        readFileSync(`/proc/${entry}/stat`, "latin1")
          .split(/\)(?!.*\))/s)[1]
          ?.split(" ") ?? [];
      parents.set(Number(entry), Number(parent));
    } catch {
      // It ended while we looked.
    }
  }
  const family = [pid];
  for (const member of family) for (const [child, parent] of parents) if (parent === member) family.push(child);
  return family;
}

/** @throws where a process may not be looked into: seeing nothing must not pass for there being nothing. */
function socketInodesOf(pid: number): Set<string> {
  const inodes = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return inodes;
}

/** Addresses stand in the kernel's table as 32-bit words, each in the machine's byte order (little here), in hex. */
function hostOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed());
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join(".");
  const groups = bytes.join("").match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

/** What the kernel says of a process that ended since it was found, in whichever step of its end. */
const endedCodes = new Set(["ENOENT", "ESRCH", "EINVAL"]);

/** Every TCP socket, IPv4 and IPv6, that a process or any of its children listens on, as the kernel has it. Linux only. */
export function listeningSocketsOf(pid: number): ListeningSocket[] {
  return familyOf(pid).flatMap((member) => {
    try {
      return socketsOf(member);
    } catch (error) {
      // The database's children come and go; the process itself has to be there.
      if (member !== pid && endedCodes.has((error as NodeJS.ErrnoException).code ?? "")) return [];
      throw error;
    }
  });
}

function socketsOf(member: number): ListeningSocket[] {
  const found: ListeningSocket[] = [];
  const inodes = socketInodesOf(member);
  for (const table of ["tcp", "tcp6"]) {
    const [, ...lines] = readFileSync(`/proc/${member}/net/${table}`, "latin1").trim().split("\n");
    for (const line of lines) {
      const fields = line.trim().split(/\s+/);
      const [address = "", port = ""] = fields[1]?.split(":") ?? [];
      // 0A is LISTEN.
      if (fields[3] === "0A" && inodes.has(fields[9] ?? ""))
        found.push({ pid: member, host: hostOf(address), port: Number.parseInt(port, 16) });
    }
  }
  return found;
}
