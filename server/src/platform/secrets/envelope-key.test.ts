import { randomBytes } from "node:crypto";

import { expect, it } from "vitest";

import { readEnvelopeKey } from "./envelope-key.ts";

it("reads 32 random bytes in hexadecimal and base64", () => {
  const key = randomBytes(32);
  for (const text of [
    key.toString("hex"),
    key.toString("hex").toUpperCase(),
    key.toString("base64"),
    key.toString("base64url"),
    `${key.toString("hex")}\n`,
  ]) {
    expect(readEnvelopeKey(text)).toEqual(key);
  }
});

it("S3: takes nothing that was never random for a key", () => {
  const counted = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
  const pair = Buffer.from(Array.from({ length: 32 }, (_, index) => (index % 2 === 0 ? 0xde : 0xad)));
  for (const key of [Buffer.alloc(32), Buffer.alloc(32, 7), counted, pair, Buffer.from("correct horse battery staple now")]) {
    expect(key).toHaveLength(32);
    expect([readEnvelopeKey(key.toString("hex")), readEnvelopeKey(key.toString("base64"))]).toEqual([undefined, undefined]);
  }
  for (const text of ["", "changeme", "password", randomBytes(31).toString("hex"), randomBytes(33).toString("base64"), "z".repeat(64)]) {
    expect(readEnvelopeKey(text)).toBeUndefined();
  }
});
