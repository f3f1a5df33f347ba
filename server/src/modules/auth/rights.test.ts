import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { createLog } from "../../platform/log.ts";
import { createRights } from "./rights.ts";
import type { Grant } from "./rights.ts";

const grant = (changes: Partial<Grant> = {}): Grant => ({
  kind: "person",
  id: "session",
  callerId: "person",
  name: "keeper@example.org",
  organisationId: "home",
  permissions: new Set(["devices:read"]),
  ...changes,
});

describe("rights in use", () => {
  // The time of the sweep and of the clock are one.
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function start() {
    const standing = new Set(["session"]);
    const rights = createRights({
      clock: { nowMs: () => Date.now(), monotonicMs: () => Date.now() },
      log: createLog({ level: "fatal", pretty: false }),
      recheck: async (grants) => new Map(grants.filter(({ id }) => standing.has(id)).map((one) => [one, one])),
    });
    return { rights, standing };
  }
  const after = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  it("S4: end for a stream that was opened late: a handler may think for longer than a right is remembered", async () => {
    const { rights, standing } = start();
    const right = await rights.find("key", async () => grant());
    await after(4_200);
    const release = right?.caller.hold();
    standing.clear();
    await after(4_100);
    expect(right?.caller.signal.aborted).toBe(true);
    release?.();
    rights.close();
  });

  it("S4: end at once for such a stream when somebody signs out, whoever has the credential's right by then", async () => {
    const { rights } = start();
    const right = await rights.find("key", async () => grant());
    await after(4_200);
    right?.caller.hold();
    const next = await rights.find("key", async () => grant());
    next?.caller.hold();
    rights.end("person", "session");
    expect([right?.caller.signal.aborted, next?.caller.signal.aborted]).toEqual([true, true]);
    rights.close();
  });

  it("stand for as long as they are held, and are forgotten without an end when they are let go", async () => {
    const { rights, standing } = start();
    const right = await rights.find("key", async () => grant());
    const release = right?.caller.hold();
    await after(10_000);
    expect(right?.caller.signal.aborted).toBe(false);
    release?.();
    standing.clear();
    await after(10_000);
    expect(right?.caller.signal.aborted).toBe(false);
    rights.close();
  });

  it("of one session in two organisations are two: what is lost in one ends, and goes on in the other", async () => {
    const lost = new Set(["away"]);
    const rights = createRights({
      clock: { nowMs: () => Date.now(), monotonicMs: () => Date.now() },
      log: createLog({ level: "fatal", pretty: false }),
      recheck: async (grants) => new Map(grants.filter(({ organisationId }) => !lost.has(organisationId)).map((one) => [one, one])),
    });
    const [home, away] = [
      await rights.find("one", async () => grant()),
      await rights.find("other", async () => grant({ organisationId: "away" })),
    ];
    for (const right of [home, away]) right?.caller.hold();
    await after(2_100);
    expect([home?.caller.signal.aborted, away?.caller.signal.aborted]).toEqual([false, true]);
    rights.close();
  });
});
