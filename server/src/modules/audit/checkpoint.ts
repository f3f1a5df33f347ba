import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";

import type { Checkpoint, CheckpointParts } from "./chain-store.ts";
import { derive } from "./mac.ts";

// RFC 8410: what stands before the 32 bytes of an Ed25519 private key in PKCS #8.
const pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex");

/** Signs checkpoints with Ed25519; the public key goes to whoever keeps checkpoints elsewhere. */
export function createSigner(key: Buffer) {
  const privateKey = createPrivateKey({
    key: Buffer.concat([pkcs8Head, derive(key, "roost audit checkpoint")]),
    format: "der",
    type: "pkcs8",
  });
  const publicKey = createPublicKey(privateKey);
  return {
    publicKeyPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
    sign: (parts: CheckpointParts): Checkpoint => ({ ...parts, signature: sign(null, Buffer.from(checkpointText(parts)), privateKey) }),
    isSigned: ({ signature, ...parts }: Checkpoint): boolean => verify(null, Buffer.from(checkpointText(parts)), publicKey, signature),
  };
}
export type Signer = ReturnType<typeof createSigner>;

/** What is signed: five lines, so that anybody can check it with `openssl pkeyutl -verify`. */
export function checkpointText({ kind, position, mac, at }: CheckpointParts): string {
  return `roost audit checkpoint 1\n${kind}\n${position}\n${mac.toString("hex")}\n${at.toISOString()}\n`;
}
