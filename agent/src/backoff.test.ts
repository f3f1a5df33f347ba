import { describe, expect, it } from "vitest";

import { createBackoff } from "./backoff.ts";

describe("waiting between tries", () => {
  it("doubles from 1 s to 60 s, and begins anew after something worked", () => {
    const backoff = createBackoff(() => 1);
    expect(Array.from({ length: 9 }, () => backoff.next())).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    backoff.reset();
    expect(backoff.next()).toBe(1_000);
  });

  it("is spread over the upper half of each step", () => {
    const early = createBackoff(() => 0);
    expect([early.next(), early.next()]).toEqual([500, 1_000]);
  });
});
