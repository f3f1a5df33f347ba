import { keyBytes } from "../seal.ts";

/** What makes a key of 32 bytes, for messages. */
export const makeKeyCommand = "openssl rand -hex 32";

/**
 * Reads a key of 32 bytes out of text: 64 hexadecimal digits, or base64.
 *
 * @returns `undefined` for what is no such key, or was never random: one repeated byte, a sentence, a counted row.
 */
export function readEnvelopeKey(text: string): Buffer | undefined {
  const trimmed = text.trim();
  const key = /^[0-9a-fA-F]{64}$/.test(trimmed)
    ? Buffer.from(trimmed, "hex")
    : /^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)
      ? Buffer.from(trimmed, "base64")
      : undefined;
  return key?.length === keyBytes && isRandomLooking(key) ? key : undefined;
}

/** Of 32 random bytes about 30 differ; fewer than 16 do with odds below 1 in 10^20. */
function isRandomLooking(key: Buffer): boolean {
  if (new Set(key).size < 16) return false;
  const steps = new Set<number>();
  for (let at = 1; at < key.length; at += 1) steps.add(((key[at] ?? 0) - (key[at - 1] ?? 0)) & 0xff);
  return steps.size >= 8 && !key.every((byte) => byte >= 0x20 && byte < 0x7f);
}
