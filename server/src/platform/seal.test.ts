import { randomBytes } from "node:crypto";

import { describe, expect, it } from "vitest";

import { createSeal, kidOf, openWith, sealVersioned } from "./seal.ts";

const key = randomBytes(32);
const secret = Buffer.from("a secret");

describe("a seal", () => {
  it("opens what it sealed, in both forms, and says which key that was", () => {
    const plain = createSeal(key).seal(secret, "here");
    const versioned = sealVersioned(70_000, key, secret, "here");
    expect([kidOf(plain), kidOf(versioned)]).toEqual([0, 70_000]);
    expect([openWith(key, plain, "here"), openWith(key, versioned, "here")]).toEqual([secret, secret]);
    expect(openWith(key, sealVersioned(1, key, Buffer.alloc(0), "here"), "here")).toHaveLength(0);
  });

  it("opens nothing that was altered in any bit, cut, moved, or put under another key's number", () => {
    const sealed = sealVersioned(1, key, secret, "here");
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const altered = Buffer.from(sealed);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => openWith(key, altered, "here")).toThrow();
    }
    for (let length = 0; length < sealed.length; length += 1) expect(() => openWith(key, sealed.subarray(0, length), "here")).toThrow();
    expect(() => openWith(key, sealed, "there")).toThrow();
    expect(() => openWith(randomBytes(32), sealed, "here")).toThrow();
  });

  it("knows what is no sealed secret", () => {
    expect([Buffer.alloc(0), Buffer.from("plain"), Buffer.of(2, 0, 0), Buffer.of(3)].map(kidOf)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
