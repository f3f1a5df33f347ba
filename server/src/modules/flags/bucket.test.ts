import { describe, expect, it } from "vitest";

import { bucketOf, murmur3 } from "./bucket.ts";

const hash = (text: string) => murmur3(Buffer.from(text, "utf8"));

describe("the place in a share", () => {
  it("hashes as MurmurHash3 does everywhere", () => {
    // Published vectors of the 32-bit form, seed 0.
    expect(hash("")).toBe(0);
    expect(hash("test")).toBe(0xba6bd213);
    expect(hash("Hello, world!")).toBe(0xc0363e43);
    expect(hash("The quick brown fox jumps over the lazy dog")).toBe(0x2e4ff723);
  });

  it("is the same each time, and unrelated between two flags", () => {
    expect(bucketOf("one", "coop-1")).toBe(bucketOf("one", "coop-1"));
    const inBoth = Array.from({ length: 10_000 }, (_, index) => `device-${index}`).filter(
      (id) => bucketOf("one", id) < 10 && bucketOf("two", id) < 10,
    );
    // A tenth of a tenth, were the two independent.
    expect(inBoth.length).toBeGreaterThan(50);
    expect(inBoth.length).toBeLessThan(160);
  });

  it("spreads evenly", () => {
    const counts = Array.from({ length: 10 }, () => 0);
    for (let index = 0; index < 20_000; index += 1) {
      const tenth = Math.floor(bucketOf("share", `device-${index}`) / 10);
      counts[tenth] = (counts[tenth] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(200);
  });
});
