import type { Checkpoint, CheckpointParts } from "./chain-store.ts";
/** Signs checkpoints with Ed25519; the public key goes to whoever keeps checkpoints elsewhere. */
export declare function createSigner(key: Buffer): {
    publicKeyPem: string;
    sign: (parts: CheckpointParts) => Checkpoint;
    isSigned: ({ signature, ...parts }: Checkpoint) => boolean;
};
export type Signer = ReturnType<typeof createSigner>;
/** What is signed: five lines, so that anybody can check it with `openssl pkeyutl -verify`. */
export declare function checkpointText({ kind, position, mac, at }: CheckpointParts): string;
