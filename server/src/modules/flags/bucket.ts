/**
 * Where somebody stands among a hundred for one flag: always at the same place for the same pair, and at unrelated places for two flags.
 *
 * MurmurHash3 (x86, 32 bits) over `flag:who`: even, quick, and the same in every language, so that others can compute who is in a share.
 *
 * @returns 0 up to but not including 100.
 */
export function bucketOf(flagKey: string, targetingKey: string): number {
  return (murmur3(Buffer.from(`${flagKey}:${targetingKey}`, "utf8")) / 4_294_967_296) * 100;
}

const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;

/** MurmurHash3_x86_32 with seed 0, as an unsigned number. */
export function murmur3(bytes: Uint8Array): number {
  const { length } = bytes;
  const whole = length - (length % 4);
  let hash = 0;
  for (let at = 0; at < whole; at += 4) {
    const word = byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8) | (byteAt(bytes, at + 2) << 16) | (byteAt(bytes, at + 3) << 24);
    hash ^= scramble(word);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let at = length - 1; at >= whole; at -= 1) rest = (rest << 8) | byteAt(bytes, at);
  if (length > whole) hash ^= scramble(rest);
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scramble(word: number): number {
  const mixed = Math.imul(word, c1);
  return Math.imul((mixed << 15) | (mixed >>> 17), c2);
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
