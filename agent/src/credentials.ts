import { createHash, randomUUID } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

import { claimReply } from "@roost/contract/claim";
import { z } from "zod";

const stored = z.object({
  /** SHA-256 of the claim secret they were got with: tells whether a ticket is a new one. */
  claimedWith: z.string(),
  /** Where to claim again. */
  server: z.string(),
  reply: claimReply,
});

/** What the server gave at the claim, with what it was given for. */
export type Credentials = z.output<typeof stored>;

/** A claim secret's mark, from which it cannot be found again. */
export function markOf(secret: Uint8Array): string {
  return createHash("sha256").update("roost-claim-secret").update(secret).digest("hex");
}

/** Reads the credentials of an earlier claim; `undefined` where there are none that can be read. */
export function readCredentials(file: string): Credentials | undefined {
  try {
    const read = stored.safeParse(JSON.parse(readFileSync(file, "utf8")));
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps them, for our own user's eyes alone (0600); whole or not at all, also when the power goes. */
export function writeCredentials(file: string, credentials: Credentials): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const making = `${file}.${randomUUID().slice(0, 8)}`;
  const handle = openSync(making, "wx", 0o600);
  try {
    writeSync(handle, JSON.stringify(credentials));
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(making, file);
  const folder = openSync(dirname(file), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
