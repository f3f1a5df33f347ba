import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** Seals secrets at rest with the installation's own key. */
export interface Seal {
  seal(plain: Uint8Array, purpose: string): Buffer;
  /** @throws when the key, the purpose or a bit is not the one it was sealed with. */
  open(sealed: Uint8Array, purpose: string): Buffer;
}

/**
 * AES-256-GCM: version byte 1, nonce of 12 bytes, tag of 16, ciphertext. The purpose is bound as additional data,
 * so that one row's secret cannot be moved into another's place.
 *
 * @param key - 32 bytes.
 */
export function createSeal(key: Uint8Array): Seal {
  if (key.length !== 32) throw new TypeError("The installation's key has 32 bytes.");
  return {
    seal(plain, purpose) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      cipher.setAAD(Buffer.from(purpose));
      const text = Buffer.concat([cipher.update(plain), cipher.final()]);
      return Buffer.concat([Buffer.of(1), nonce, cipher.getAuthTag(), text]);
    },
    open(sealed, purpose) {
      const bytes = Buffer.from(sealed);
      if (bytes[0] !== 1 || bytes.length < 29) throw new TypeError("Not a sealed secret.");
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(1, 13));
      decipher.setAAD(Buffer.from(purpose));
      decipher.setAuthTag(bytes.subarray(13, 29));
      return Buffer.concat([decipher.update(bytes.subarray(29)), decipher.final()]);
    },
  };
}
