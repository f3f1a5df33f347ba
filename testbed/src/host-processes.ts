import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process of this host. */
export interface HostProcess {
  readonly pid: number;
  readonly command: string;
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

function workingFolder(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

/** Every process that has to do with a folder: by its arguments, its environment or its working directory. Zombies are gone already. */
export function processesOf(folder: string): HostProcess[] {
  const found: HostProcess[] = [];
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const command = read(`/proc/${pid}/cmdline`);
    const texts = [command, read(`/proc/${pid}/environ`), `${workingFolder(pid)}/`];
    if (texts.some((text) => text.includes(folder))) found.push({ pid: Number(pid), command: command.trim() });
  }
  return found;
}
