import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** Seals secrets at rest. */
export interface Seal {
  /** @throws {AppError} `secrets.…` while the keys are out of reach. */
  seal(plain: Uint8Array, purpose: string): Buffer;
  /** @throws when the key, the purpose or a bit is not the one it was sealed with; {AppError} `secrets.…` while the keys are out of reach. */
  open(sealed: Uint8Array, purpose: string): Buffer;
}

/** Bytes of a key: AES-256. */
export const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/**
 * A seal of one key: AES-256-GCM, version byte 1, nonce of 12 bytes, tag of 16, ciphertext. The purpose is bound as additional data,
 * so that one row's secret cannot be moved into another's place.
 *
 * @param key - 32 bytes.
 */
export function createSeal(key: Uint8Array): Seal {
  if (key.length !== keyBytes) throw new TypeError("A sealing key has 32 bytes.");
  const header = Buffer.of(1);
  return {
    seal: (plain, purpose) => Buffer.concat([header, encrypt(key, plain, Buffer.from(purpose))]),
    open(sealed, purpose) {
      const bytes = Buffer.from(sealed);
      if (bytes[0] !== 1) throw new TypeError("Not a sealed secret.");
      return decrypt(key, bytes.subarray(1), Buffer.from(purpose));
    },
  };
}

const versionedHeaderBytes = 5;

/** Seals with a key that has a number: version byte 2, kid of 4 bytes, nonce, tag, ciphertext; header and purpose are bound. */
export function sealVersioned(kid: number, key: Uint8Array, plain: Uint8Array, purpose: string): Buffer {
  const header = Buffer.alloc(versionedHeaderBytes);
  header[0] = 2;
  header.writeUInt32BE(kid, 1);
  return Buffer.concat([header, encrypt(key, plain, Buffer.concat([header, Buffer.from(purpose)]))]);
}

/** Number of the key that sealed this; 0 for the form without one, `undefined` for what is not sealed. */
export function kidOf(sealed: Uint8Array): number | undefined {
  if (sealed[0] === 1) return 0;
  return sealed[0] === 2 && sealed.length > versionedHeaderBytes ? Buffer.from(sealed).readUInt32BE(1) : undefined;
}

/** Opens either form with the key of that number. @throws when it does not fit. */
export function openWith(key: Uint8Array, sealed: Uint8Array, purpose: string): Buffer {
  if (sealed[0] === 1) return createSeal(key).open(sealed, purpose);
  const bytes = Buffer.from(sealed);
  const header = bytes.subarray(0, versionedHeaderBytes);
  return decrypt(key, bytes.subarray(versionedHeaderBytes), Buffer.concat([header, Buffer.from(purpose)]));
}

function encrypt(key: Uint8Array, plain: Uint8Array, bound: Uint8Array): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(bound);
  const text = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]);
}

function decrypt(key: Uint8Array, body: Buffer, bound: Uint8Array): Buffer {
  if (body.length < nonceBytes + tagBytes) throw new TypeError("Not a sealed secret.");
  const decipher = createDecipheriv("aes-256-gcm", key, body.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(bound);
  decipher.setAuthTag(body.subarray(nonceBytes, nonceBytes + tagBytes));
  return Buffer.concat([decipher.update(body.subarray(nonceBytes + tagBytes)), decipher.final()]);
}
