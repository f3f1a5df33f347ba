import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";

import type { Queryable } from "../../platform/db.ts";
import { changeValues } from "../../platform/json-words.ts";
import type { SealedEntry } from "./chain-store.ts";
import type { StoredEntry } from "./entry.ts";
import * as store from "./erasing-store.ts";
import type { AuditErasure } from "./erasing-store.ts";
import { isGenuine, isSame } from "./mac.ts";
import type { Macs } from "./mac.ts";

const unpack = promisify(gunzip);
const pack = promisify(gzip);
const stepRows = 500;

/**
 * Takes names, addresses and programs of somebody out of the trail and its archives, and leaves what was done, when, and by which id.
 *
 * The hash an entry was written with stays, and the chain with it. Beside it stands a second one, made with the trail's own key over what is
 * left: verification takes such an entry for whole, and nobody without the key can make one. An entry that was altered before stays as it
 * is, as evidence.
 *
 * @returns How many entries name them no more.
 */
export async function eraseFromTrail(tx: Queryable, macs: Macs, erasure: AuditErasure): Promise<number> {
  let erased = 0;
  let after = store.firstId;
  for (;;) {
    const entries = await store.lockMentions(tx, erasure, { after, limit: stepRows });
    for (const entry of entries) {
      const left = leaveOut(entry, erasure);
      if (left === undefined || !isGenuine(macs, entry)) continue;
      await store.updateErased(tx, left, macs.erased(left, entry.mac));
      erased += 1;
    }
    after = entries.at(-1)?.id ?? after;
    if (entries.length < stepRows) break;
  }
  for (const archiveId of await store.selectArchiveIds(tx, erasure.organisationId))
    erased += await eraseFromArchive(tx, macs, erasure, archiveId);
  return erased;
}

async function eraseFromArchive(tx: Queryable, macs: Macs, erasure: AuditErasure, archiveId: string): Promise<number> {
  const archive = await store.lockArchive(tx, archiveId);
  if (archive === undefined || !isSame(macs.archive(archive), archive.mac)) return 0;
  let erased = 0;
  const lines = (await unpack(archive.content)).toString("utf8").split("\n");
  const changed = lines.map((line) => {
    if (line === "") return line;
    const entry = JSON.parse(line) as StoredEntry & { mac: string };
    const left = leaveOut(entry, erasure);
    if (left === undefined) return line;
    erased += 1;
    return JSON.stringify({ ...entry, ...left, erasedMac: macs.erased(left, Buffer.from(entry.mac, "hex")).toString("hex") });
  });
  if (erased === 0) return 0;
  const content = await pack(changed.join("\n"));
  await store.updateArchive(tx, archiveId, content, macs.archive({ ...archive, content }));
  return erased;
}

/** What is left of an entry; `undefined` where it names nobody who is sought. */
export function leaveOut<Entry extends StoredEntry | SealedEntry>(entry: Entry, erasure: AuditErasure): Entry | undefined {
  const { subject, id, pseudonym } = erasure;
  const isActor = entry.actorKind === subject && entry.actorId === id;
  const isObject = entry.objectKind === subject && entry.objectId === id;
  const patterns = erasure.words.map(
    // No hyphen among what is escaped: with the flag `u` an escaped one is a fault, and addresses are full of them.
    (word) => new RegExp(`(?<![\\p{L}\\p{N}._%+-])${word.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)}(?![\\p{L}\\p{N}-])`, "giu"),
  );
  const clean = <Text extends string | null>(text: Text): Text =>
    text === null ? text : (patterns.reduce((rest: string, pattern) => rest.replaceAll(pattern, pseudonym), text) as Text);
  const cleanValues = (text: string | null) => (text === null ? null : changeValues(text, clean));
  const fields = (text: string | null) => (subject === "device" && isObject ? withoutName(text, pseudonym) : cleanValues(text));
  const left: Entry = {
    ...entry,
    actorName: isActor ? pseudonym : clean(entry.actorName),
    objectName: isObject && entry.objectName !== null ? pseudonym : clean(entry.objectName),
    before: fields(entry.before),
    after: fields(entry.after),
    remoteAddress: isActor ? null : entry.remoteAddress,
    userAgent: isActor ? null : entry.userAgent,
  };
  const isSameText = (["actorName", "objectName", "before", "after", "remoteAddress", "userAgent"] as const).every(
    (name) => left[name] === entry[name],
  );
  return isSameText ? undefined : left;
}

/** Settings of a device without what it was called. */
function withoutName(text: string | null, pseudonym: string): string | null {
  if (text === null) return null;
  const fields = JSON.parse(text) as Record<string, unknown>;
  return Object.hasOwn(fields, "name") ? JSON.stringify({ ...fields, name: pseudonym }) : text;
}
