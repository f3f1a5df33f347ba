import { describe, expect, it } from "vitest";

import { PacketLimit } from "./packet-limit.ts";

/** A packet of MQTT with a body of so many bytes. */
function packet(length: number): Buffer {
  const head = [0x30];
  let rest = length;
  do {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    head.push(rest > 0 ? digit | 0x80 : digit);
  } while (rest > 0);
  return Buffer.concat([Buffer.from(head), Buffer.alloc(length, 0xff)]);
}

describe("the lengths of a broker's packets", () => {
  it("S10: follows packets of all lengths through pieces of all lengths, and stops at the first that is too long", () => {
    const lengths = [0, 2, 127, 128, 1_000, 0, 16_383, 16_384, 20_000];
    const stream = Buffer.concat(lengths.map(packet));
    for (const piece of [1, 2, 3, 7, 1_024, stream.length]) {
      const limit = new PacketLimit(20_000);
      let isFine = true;
      for (let at = 0; at < stream.length; at += piece) isFine &&= limit.accepts(stream.subarray(at, at + piece));
      expect(isFine).toBe(true);
      expect(limit.accepts(packet(20_001).subarray(0, 4))).toBe(false);
    }
  });

  it("a length without an end is none", () => {
    expect(new PacketLimit(1_000).accepts(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80]))).toBe(false);
  });
});
