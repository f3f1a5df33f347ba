import { describe, expect, it } from "vitest";

import { afterAttempt, backOffMs, maxAttempts } from "./delivery.ts";

describe("a delivery after a try", () => {
  it("is delivered by any 2xx", () => {
    expect([200, 201, 204, 299].map((status) => afterAttempt({ status }, 1, 0))).toEqual(
      Array.from({ length: 4 }, () => ({ state: "delivered" })),
    );
  });

  it("R12: waits longer each time, with jitter, and gives up after the last try", () => {
    const waits = Array.from({ length: maxAttempts - 1 }, (_, index) => afterAttempt({ status: 503 }, index + 1, 0.5));
    expect(waits.map((next) => (next.state === "waiting" ? next.waitMs : next.state))).toEqual([
      5_000, 30_000, 120_000, 600_000, 1_800_000, 1_800_000, 1_800_000, 1_800_000, 1_800_000, 1_800_000, 1_800_000,
    ]);
    expect(afterAttempt({ code: "egress.unreachable" }, maxAttempts, 0)).toEqual({ state: "failed" });
    expect(afterAttempt({ status: 503 }, 1, 0)).toEqual({ state: "waiting", waitMs: 4_000 });
    expect(afterAttempt({ status: 503 }, 1, 0.999)).toMatchObject({ waitMs: expect.closeTo(6_000, -2) as number });
  });

  it("R12: outlives a provider that is away for an hour", () => {
    const latest = backOffMs.reduce((all, ms) => all + ms * 0.8, 0) + (maxAttempts - 1 - backOffMs.length) * 1_800_000 * 0.8;
    expect(latest).toBeGreaterThan(3_600_000);
  });

  it("waits for as long as the other side asks, if that is longer", () => {
    expect(afterAttempt({ status: 429, retryAfterMs: 60_000 }, 1, 0.5)).toEqual({ state: "waiting", waitMs: 60_000 });
    expect(afterAttempt({ status: 503, retryAfterMs: 1_000 }, 1, 0.5)).toEqual({ state: "waiting", waitMs: 5_000 });
  });

  it("gives up early on a target that refuses, but not on one that is busy", () => {
    expect([400, 401, 404, 410, 422].map((status) => afterAttempt({ status }, 3, 0).state)).toEqual(
      Array.from({ length: 5 }, () => "failed"),
    );
    expect([408, 425, 429, 500, 302].map((status) => afterAttempt({ status }, 3, 0).state)).toEqual(
      Array.from({ length: 5 }, () => "waiting"),
    );
  });
});
