import { readdirSync, rmSync, statfsSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const memory = "/dev/shm";
const roomyBytes = 4 * 1024 ** 3;
const forgottenMs = 6 * 3_600_000;

/**
 * Where tests put what need not outlast them: in memory where there is plenty, else among the temporary files.
 * A new database there is a matter of 30 ms instead of 400. What is about the disk itself belongs on the disk.
 */
export function scratchFolder(): string {
  try {
    const { bavail, bsize } = statfsSync(memory);
    if (bavail * bsize >= roomyBytes) return memory;
  } catch {
    // There is none.
  }
  return tmpdir();
}

/** Removes what runs that were killed left in memory, hours ago. */
export function removeForgotten(prefixes: readonly string[]): void {
  if (scratchFolder() !== memory) return;
  for (const name of readdirSync(memory)) {
    const path = join(memory, name);
    if (!prefixes.some((prefix) => name.startsWith(prefix))) continue;
    // Another run may put its own away at this moment.
    const found = statSync(path, { throwIfNoEntry: false });
    if (found !== undefined && found.mtimeMs < Date.now() - forgottenMs) rmSync(path, { recursive: true, force: true });
  }
}
