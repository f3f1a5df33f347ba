import { randomInt } from "node:crypto";
import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { scratchFolder } from "./scratch.ts";

const reservedMs = 3_600_000;

/**
 * A port that nobody listens on, below those that the system hands out by itself: what listens on any port, or connects from one, in the story
 * beside this one does not take it meanwhile, and neither does who asks here. So it is free for a server that is started again.
 */
export async function freePort(): Promise<number> {
  const folder = join(scratchFolder(), "roost-ports");
  mkdirSync(folder, { recursive: true });
  for (;;) {
    const port = 15_000 + randomInt(15_000);
    if (!reserve(join(folder, String(port)))) continue;
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}

/** Whoever makes the file first has the port for an hour: tests run in many processes. */
function reserve(file: string): boolean {
  try {
    if (statSync(file).mtimeMs > Date.now() - reservedMs) return false;
    rmSync(file);
  } catch {
    // Nobody had it.
  }
  try {
    writeFileSync(file, "", { flag: "wx" });
    return true;
  } catch {
    return false;
  }
}
