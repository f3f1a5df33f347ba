import { createHmac, createSecretKey, hkdfSync, timingSafeEqual } from "node:crypto";
import type { KeyObject } from "node:crypto";

import type { StoredEntry } from "./entry.ts";

/** What a link binds: its place, the entry that stands there, and what came before. */
export interface LinkParts {
  readonly position: number;
  readonly entryId: string;
  readonly organisationId: string | null;
  readonly atUs: string;
  readonly entryMac: Buffer;
  readonly previous: Buffer;
}

/** What stands before the first link. */
export const beginning: Buffer = Buffer.alloc(32);

/** Makes the keyed hashes of entries and links. Keys differ by purpose, so that one can never pass for the other. */
export function createMacs(key: Buffer) {
  const entryKey = secretOf(key, "roost audit entry");
  const erasedKey = secretOf(key, "roost audit erased entry");
  const linkKey = secretOf(key, "roost audit link");
  const retirementKey = secretOf(key, "roost audit retirement");
  const archiveKey = secretOf(key, "roost audit archive");
  return {
    entry: (entry: StoredEntry): Buffer => hmac(entryKey, entryText(entry)),
    /** Of an entry out of which names were taken: what stands there now, bound to what was written. */
    erased: (entry: StoredEntry, written: Buffer): Buffer => hmac(erasedKey, JSON.stringify([written.toString("hex"), entryText(entry)])),
    link: (link: LinkParts): Buffer =>
      hmac(
        linkKey,
        JSON.stringify([
          link.position,
          link.entryId,
          link.organisationId,
          link.atUs,
          link.entryMac.toString("hex"),
          link.previous.toString("hex"),
        ]),
      ),
    /** Says that what is older is gone by rule. */
    retirement: ({ id, organisationId, before }: { id: string; organisationId: string | null; before: Date }): Buffer =>
      hmac(retirementKey, JSON.stringify([id, organisationId, before.toISOString()])),
    archive: ({ id, organisationId, content }: { id: string; organisationId: string | null; content: Buffer }): Buffer =>
      createHmac("sha256", archiveKey)
        .update(JSON.stringify([id, organisationId]))
        .update(content)
        .digest(),
  };
}
export type Macs = ReturnType<typeof createMacs>;

/** Says whether an entry is the one that was written, or what this installation itself left of it when somebody was erased. */
export function isGenuine(
  macs: Macs,
  entry: StoredEntry & { readonly mac: Buffer; readonly erasedMac?: Buffer | null | undefined },
): boolean {
  if (isSame(macs.entry(entry), entry.mac)) return true;
  return entry.erasedMac !== null && entry.erasedMac !== undefined && isSame(macs.erased(entry, entry.mac), entry.erasedMac);
}

/** A key of its own for one purpose. */
export function derive(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", key, Buffer.alloc(0), purpose, 32));
}

/** Says whether two hashes are the same, in the same time for any. */
export function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

// As key objects: a key handed over as bytes is unpacked for each hash, which takes four times as long as the hash.
function secretOf(key: Buffer, purpose: string): KeyObject {
  return createSecretKey(derive(key, purpose));
}

function hmac(key: KeyObject, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

// A list of JSON texts: no field's end can be moved into the next one.
function entryText(entry: StoredEntry): string {
  return JSON.stringify([
    entry.id,
    entry.organisationId,
    entry.atUs,
    entry.actorKind,
    entry.actorId,
    entry.actorName,
    entry.action,
    entry.objectKind,
    entry.objectId,
    entry.objectName,
    entry.before,
    entry.after,
    entry.outcome,
    entry.remoteAddress,
    entry.userAgent,
    entry.correlationId,
  ]);
}
