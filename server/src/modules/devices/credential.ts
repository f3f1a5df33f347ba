import { createHash, randomBytes } from "node:crypto";

const prefix = "roost_dev_";
const form = /^roost_dev_[A-Za-z0-9_-]{43}$/;

/** A device's password and token: 32 random bytes in base64url behind a prefix that secret scanners find. */
export function makeDeviceSecret(): string {
  return prefix + randomBytes(32).toString("base64url");
}

/** SHA-256 of a secret. A slow hash is for passwords that people choose; these are random. */
export function hashSecret(secret: string | Uint8Array): Buffer {
  return createHash("sha256").update(secret).digest();
}

/** Says whether a text could be a device's secret at all. Its form is public and tells nothing about any device. */
export function looksLikeDeviceSecret(text: string): boolean {
  return form.test(text);
}
