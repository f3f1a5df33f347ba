import { createHmac } from "node:crypto";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/**
 * What an authenticator app shows for a secret: six digits, a new code every 30 s.
 *
 * @param secret - Base32, as a person types it in.
 * @param steps - How many codes later than now; a server takes the neighbours too.
 * @see RFC 6238
 */
export function codeOfApp(secret: string, steps = 0, nowMs = Date.now()): string {
  const bits = Array.from(secret.replaceAll(/[=\s]/g, ""), (letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(nowMs / 30_000) + steps));
  const mac = createHmac("sha1", key).update(counter).digest();
  const at = (mac.at(-1) ?? 0) & 15;
  return String((mac.readUInt32BE(at) & 0x7fff_ffff) % 1_000_000).padStart(6, "0");
}
