import { randomBytes } from "node:crypto";

import { AppError } from "@roost/contract/errors";

import type { Db } from "../../platform/db.ts";
import type { Seal } from "../../platform/seal.ts";
import { hasEntries, insertKey, selectKey } from "./audit-key-store.ts";

const purpose = "audit key";

/**
 * The key of the audit trail, 32 bytes: made at the first start and kept sealed in the database, so that it outlives a change of the
 * installation's key. Servers that start together agree on one.
 *
 * @throws {AppError} `audit.key_unreadable` when it is gone or sealed by another installation: a new one would make all entries look forged.
 */
export async function loadAuditKey({ db, seal }: { db: Db; seal: Seal }): Promise<Buffer> {
  let sealed = await selectKey(db);
  if (sealed === undefined) {
    if (await hasEntries(db)) throw unreadable();
    await insertKey(db, seal.seal(randomBytes(32), purpose));
    sealed = await selectKey(db);
  }
  if (sealed === undefined) throw unreadable();
  try {
    return seal.open(sealed, purpose);
  } catch (cause) {
    throw unreadable(cause);
  }
}

function unreadable(cause?: unknown): AppError {
  return new AppError(
    "audit.key_unreadable",
    500,
    "The key of the audit trail is gone, or was sealed by another installation. Restore installation.key and the database from backups of the same installation.",
    {},
    { cause },
  );
}
