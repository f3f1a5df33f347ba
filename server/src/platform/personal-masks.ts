import { createHmac, randomBytes } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";

import { personalNames } from "@roost/contract/personal";
import type { PersonalKind } from "@roost/contract/personal";

/** What stands where something was taken out. */
export const mask = "***";

/** Turns a value into what the log may show of it. */
export type Masker = (value: unknown) => unknown;

/** Names in log lines that the contract does not know, because no route carries them. */
const ownNames: Readonly<Record<string, PersonalKind>> = {
  principal: "id",
  principalId: "id",
  actorId: "id",
  callerId: "id",
  subjectId: "id",
  actorName: "name",
  ip: "address",
  ipAddress: "address",
  recipient: "email",
};

/** The platform's own words in log lines, whatever stands under these names in the contract. */
const ownWords = new Set(["reason", "why", "version", "kind"]);

/**
 * What to do with a field of a log line, by its name: the same classification as in the contract, in camelCase and snake_case.
 *
 * Ids keep their first four characters and get a mark of four hex digits, equal for equal ids until the process ends: lines about one
 * device can be put together, and nobody can count through a fleet (T-F09). Addresses are cut to their network, e-mail addresses to
 * their outlines, names and notes are left out.
 */
export function createPersonalMasks(): (name: string) => Masker | undefined {
  const maskId = createIdMask(randomBytes(32));
  const byKind: Partial<Record<PersonalKind, Masker>> = {
    id: ifText(maskId),
    email: ifText(maskEmail),
    address: ifText(remembering(maskAddress)),
    name: leaveOut,
    text: leaveOut,
    secret: leaveOut,
  };
  const maskers = new Map<string, Masker>();
  for (const [name, kind] of Object.entries({ ...personalNames, ...ownNames })) {
    const masker = byKind[kind];
    if (masker === undefined || ownWords.has(name)) continue;
    maskers.set(name, masker);
    maskers.set(
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      masker,
    );
  }
  // Of the database's errors: which constraint says no, without the value it says no to.
  maskers.set(
    "detail",
    ifText((text) => (valueInDetail.test(text) ? maskDetail(text) : mask)),
  );
  return (name) => maskers.get(name);
}

function ifText(change: (text: string) => string): Masker {
  return (value) => {
    if (typeof value === "string") return change(value);
    return Array.isArray(value) ? value.slice(0, 200).map((item) => (typeof item === "string" ? change(item) : mask)) : leaveOut(value);
  };
}

/** Numbers and booleans say nothing of anybody; that a thing is missing is worth knowing. */
function leaveOut(value: unknown): unknown {
  return typeof value === "string" || (typeof value === "object" && value !== null) ? mask : value;
}

const mostKnown = 10_000;
const longestKnown = 128;

/** Remembers what was masked: a busy fleet is told of by the same ids and addresses over and over. */
function remembering(change: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    // Strangers choose how long a name is.
    if (text.length > longestKnown) return change(text);
    let masked = known.get(text);
    if (masked === undefined) {
      masked = change(text);
      if (known.size >= mostKnown) known.clear();
      known.set(text, masked);
    }
    return masked;
  };
}

function createIdMask(key: Buffer): (id: string) => string {
  return remembering((id) => {
    const mark = createHmac("sha256", key).update(id).digest("hex").slice(0, 4);
    return `${id.length > 4 ? id.slice(0, 4) : ""}${mask}${mark}`;
  });
}

/** `kim.doe@mail.example.org` as `k***@m***.org`. */
export function maskEmail(email: string): string {
  const at = email.lastIndexOf("@");
  if (at < 1) return mask;
  const end = email.lastIndexOf(".");
  return `${email.at(0) ?? ""}${mask}@${email.at(at + 1) ?? ""}${mask}${end > at ? email.slice(end) : ""}`;
}

/** The network somebody is in: /24 of IPv4, /48 of IPv6. This machine itself is told. */
export function maskAddress(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (plain === "127.0.0.1" || plain === "::1") return plain;
  if (isIPv4(plain)) return `${plain.slice(0, plain.lastIndexOf("."))}.0/24`;
  if (!isIPv6(plain)) return mask;
  const [left = "", right = ""] = plain.split("%", 1)[0]?.split("::") ?? [];
  const head = left === "" ? [] : left.split(":");
  const tail = right === "" ? [] : right.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => "0");
  const groups = [...head, ...zeros, ...tail].slice(0, 3).map((group) => group.replace(/^0+(?=.)/, ""));
  return `${groups.join(":").replace(/(?::0)+$/, "")}::/48`;
}

const emailInText = /[^\s@<>"'(),:;[\]\\/=]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){0,6}\.\p{L}[\p{L}\p{N}-]{1,62}/gu;
const valueInDetail = /\)=\(|\bcontains \(/;

/** Takes out of a text what can be known for personal by its form: e-mail addresses, and the values of rows in the database's words. */
export function maskPersonalText(text: string): string {
  let clean = text;
  if (clean.includes("@")) clean = clean.replace(emailInText, maskEmail);
  if (valueInDetail.test(clean)) clean = maskDetail(clean);
  return clean;
}

function maskDetail(text: string): string {
  return text.replace(/\)=\(.*\)/s, `)=(${mask})`).replace(/\bcontains \(.*\)/s, `contains (${mask})`);
}
