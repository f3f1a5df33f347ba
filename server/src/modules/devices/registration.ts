import { createHash, randomBytes } from "node:crypto";

/** Twelve hex digits in lower case out of a MAC address however it is written. */
export function macOf(text: string): string {
  return text.replaceAll(/[^0-9a-f]/gi, "").toLowerCase();
}

/** A MAC address as people read it. */
export function macText(mac: string): string {
  return mac.match(/../g)?.join(":") ?? "";
}

/** The id a device has by its MAC address: the same after every reset. */
export function deviceIdOf(mac: string): string {
  return `node-${mac}`;
}

/** Six digits out of a password's hash: they tell which password they belong to, and nothing of it. */
export function checkCodeOf(secretHash: Buffer): string {
  return String(secretHash.readUInt32BE(0) % 1_000_000).padStart(6, "0");
}

/** Crockford's: without letters that are taken for digits. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** A code that people can read out and type: 100 random bits in four groups. */
export function makeEnrolmentCode(): string {
  const letters = [...randomBytes(20)].map((byte) => alphabet[byte & 31]).join("");
  return `ROOST-${letters.match(/.{5}/g)?.join("-") ?? ""}`;
}

/** SHA-256 of a code, the same however it was typed: case, spaces, hyphens, O for 0, I or L for 1. */
export function hashEnrolmentCode(code: string): Buffer {
  const plain = code
    .toUpperCase()
    .replaceAll(/[^0-9A-Z]/g, "")
    .replaceAll("O", "0")
    .replaceAll(/[IL]/g, "1");
  return createHash("sha256").update(plain).digest();
}
