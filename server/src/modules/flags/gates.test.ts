import type { PlanGate } from "@roost/contract/rollout-plans";
import { describe, expect, it } from "vitest";

import { createGates } from "./gates.ts";
import type { MetricValue } from "./gates.ts";

const since = new Date(0);
const base = { kind: "metric", metric: "requests_total", windowSeconds: 60, forSeconds: 0 } as const;

function setUp() {
  let nowMs = 0;
  let values: readonly MetricValue[] | undefined = [];
  let red: readonly { name: string; reason: string }[] | undefined = [];
  const gates = createGates({
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    reads: {
      redChecks: async () => {
        if (red === undefined) throw new Error("away");
        return red;
      },
      alarmsRaised: async () => 0,
      metric: async () => values,
    },
  });
  return {
    read: (gate: PlanGate) => gates.read("plan", gate, since),
    pass: (seconds: number) => (nowMs += seconds * 1_000),
    count: (ok: number, failed: number) => {
      values = [
        { labels: { status: "200" }, value: ok },
        { labels: { status: "503" }, value: failed },
      ];
    },
    setRed: (next: typeof red) => (red = next),
    forget: () => (values = undefined),
  };
}

describe("a gate", () => {
  it("T-F08: fails on a spike of 5xx in the window, and not on two requests", async () => {
    const { read, pass, count } = setUp();
    const gate: PlanGate = { ...base, labels: { status: "5*" }, reading: "share", above: 5 };
    count(1_000, 50);
    expect(await read(gate)).toMatchObject({ state: "open" });
    pass(1);
    count(1_001, 51);
    expect(await read(gate)).toMatchObject({ state: "open", seen: "Only 2 in 60 s: too few to judge." });
    pass(1);
    count(1_090, 60);
    expect(await read(gate)).toEqual({ state: "failed", seen: "10 % of 100" });
    pass(120);
    await read(gate);
    pass(1);
    expect(await read(gate)).toMatchObject({ state: "open" });
  });

  it("takes a rate over the whole window, also while it is not full yet", async () => {
    const { read, pass, count } = setUp();
    const gate: PlanGate = { ...base, labels: { status: "503" }, reading: "rate", above: 3 };
    count(0, 0);
    await read(gate);
    pass(1);
    count(0, 3);
    expect(await read(gate)).toEqual({ state: "open", seen: "3 a minute" });
    pass(1);
    count(0, 4);
    expect(await read(gate)).toEqual({ state: "failed", seen: "4 a minute" });
  });

  it("fails only after it was closed for as long as it says, in one go", async () => {
    const { read, pass, setRed } = setUp();
    const gate: PlanGate = { kind: "readiness", forSeconds: 30 };
    setRed([{ name: "canary", reason: "It is overdue." }]);
    expect(await read(gate)).toEqual({ state: "closed", seen: "canary is red: It is overdue." });
    pass(29);
    setRed([]);
    expect(await read(gate)).toMatchObject({ state: "open" });
    setRed([{ name: "canary", reason: "It is overdue." }]);
    await read(gate);
    pass(29);
    expect(await read(gate)).toMatchObject({ state: "closed" });
    pass(1);
    expect(await read(gate)).toMatchObject({ state: "failed" });
  });

  it("says that it does not know, where it cannot be read", async () => {
    const { read, forget, setRed } = setUp();
    forget();
    expect(await read({ ...base, reading: "value", above: 1 })).toMatchObject({ state: "unknown" });
    setRed(undefined);
    expect(await read({ kind: "readiness", forSeconds: 0 })).toMatchObject({ state: "unknown" });
  });
});
