import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

import { claimRequest } from "@roost/contract/claim";
import { describe, expect, it } from "vitest";

import { claimProof, isSameProof, judgeClaim } from "./claim-proof.ts";
import type { ClaimFacts } from "./claim-proof.ts";

const guide = readFileSync(new URL("../../../../docs/guide/claim.md", import.meta.url), "utf8");

interface Vector {
  readonly id: string;
  readonly secret: Buffer;
  readonly nonce: string;
  readonly hmac: string;
}

/** The table of the guide, as a reader of it would type it in. */
const vectors: Vector[] = [
  ...guide.matchAll(/^\| [^|]+ \| `([A-Za-z0-9_-]+)` \| `([0-9a-f]{64})` \| `([0-9A-Fa-f]+)` \| `([0-9a-f]{64})` \|$/gm),
].map(([, id = "", secret = "", nonce = "", hmac = ""]) => ({ id, secret: Buffer.from(secret, "hex"), nonce, hmac }));

describe("the proof of a claim", () => {
  it("S1: agrees with every vector the guide publishes, and every vector is a request that is taken", () => {
    expect(vectors.length).toBeGreaterThanOrEqual(6);
    for (const { id, secret, nonce, hmac } of vectors) {
      expect(claimProof(secret, id, Buffer.from(nonce, "hex")).toString("hex")).toBe(hmac);
      expect(claimRequest.safeParse({ device_id: id, nonce, hmac_hex: hmac }).success).toBe(true);
      // Computed once more without our code: the formula as the guide says it.
      const message = Buffer.concat([Buffer.from(id.toLowerCase(), "ascii"), Buffer.from(nonce, "hex")]);
      expect(createHmac("sha256", secret).update(message).digest("hex")).toBe(hmac);
    }
  });

  it("S1: names the mistakes of implementers by the HMACs they give", () => {
    const [plain] = vectors;
    const mistakes = [...guide.matchAll(/^\| [^|]+ \| `([0-9a-f]{64})` \|$/gm)].map(([, hmac]) => hmac);
    expect(mistakes).toHaveLength(4);
    expect(new Set([...mistakes, plain?.hmac]).size).toBe(5);
    const hex = (key: string | Buffer, ...parts: (string | Buffer)[]) =>
      parts.reduce((mac, part) => mac.update(part), createHmac("sha256", key)).digest("hex");
    const secret = plain?.secret ?? Buffer.alloc(0);
    const nonce = Buffer.from(plain?.nonce ?? "", "hex");
    expect(mistakes).toEqual([
      hex(secret.toString("hex"), "coop-1", nonce),
      hex(secret, "coop-1", plain?.nonce ?? ""),
      hex(secret, "COOP-1", nonce),
      hex(secret, nonce, "coop-1"),
    ]);
  });

  it("S1: is equal only bit for bit and in full length", () => {
    const proof = claimProof(Buffer.alloc(32, 7), "coop-1", Buffer.alloc(16, 1));
    expect(isSameProof(proof, Buffer.from(proof))).toBe(true);
    for (let bit = 0; bit < 256; bit += 1) {
      const other = Buffer.from(proof);
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(isSameProof(proof, other)).toBe(false);
    }
    for (let length = 0; length < 32; length += 1) {
      expect(isSameProof(proof, proof.subarray(0, length))).toBe(false);
      // A cut tag compared with a cut proof is no proof either.
      expect(isSameProof(proof.subarray(0, length), proof.subarray(0, length))).toBe(false);
    }
    expect(isSameProof(proof, Buffer.concat([proof, Buffer.of(0)]))).toBe(false);
  });
});

describe("the judgement of a claim", () => {
  const fresh: ClaimFacts = { proofFits: true, tries: 0, earlier: undefined };
  const same = { sameProof: true, sameFirmware: true, answerable: true };

  it("S1: repeats only what is the same in every part, fits and can still be answered", () => {
    expect(judgeClaim({ ...fresh, earlier: same })).toBe("repeat");
    for (const part of ["sameProof", "sameFirmware", "answerable"] as const) {
      expect(judgeClaim({ ...fresh, earlier: { ...same, [part]: false } })).toBe("nonce_conflict");
    }
    expect(judgeClaim({ ...fresh, proofFits: false, earlier: same })).toBe("nonce_conflict");
  });

  it("S1: tells the right proof from the wrong one only within the limit, and repeats beyond it", () => {
    for (const proofFits of [true, false]) expect(judgeClaim({ ...fresh, proofFits, tries: 5 })).toBe("too_many_tries");
    expect(judgeClaim({ ...fresh, tries: 4 })).toBe("accept");
    expect(judgeClaim({ ...fresh, tries: 4, proofFits: false })).toBe("refused");
    expect(judgeClaim({ ...fresh, tries: 500, earlier: same })).toBe("repeat");
    expect(judgeClaim({ ...fresh, tries: 5, earlier: { ...same, sameProof: false } })).toBe("too_many_tries");
  });
});
