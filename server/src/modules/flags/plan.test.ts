import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { draftProgress, turnPlan, underWay } from "./plan.ts";
import type { PlanAct, PlanEvent, PlanProgress, PlanShape } from "./plan.ts";

const shapes: fc.Arbitrary<PlanShape> = fc.record({
  steps: fc.array(fc.record({ waitSeconds: fc.nat(20), asks: fc.boolean() }), {
    minLength: 1,
    maxLength: 6,
  }),
  rollBackOnFailure: fc.boolean(),
});
const events: fc.Arbitrary<PlanEvent> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<PlanEvent>({ kind: "start" }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("watched" as const), elapsedMs: fc.integer({ min: -5_000, max: 9_000 }) }) },
  { weight: 1, arbitrary: fc.constant<PlanEvent>({ kind: "gate_failed", why: "an alarm" }) },
  { weight: 1, arbitrary: fc.constant<PlanEvent>({ kind: "pause" }) },
  { weight: 3, arbitrary: fc.constant<PlanEvent>({ kind: "resume" }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("advance" as const), step: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.constant<PlanEvent>({ kind: "roll_back" }) },
);

interface Told {
  readonly event: PlanEvent;
  readonly before: PlanProgress;
  readonly after: PlanProgress;
  readonly acts: readonly PlanAct[];
}

/** Everything that really turned the plan, in order. */
function live(shape: PlanShape, all: readonly PlanEvent[]): Told[] {
  let now = draftProgress;
  return all.flatMap((event) => {
    const turned = turnPlan(shape, now, event);
    if (turned === undefined) return [];
    const told = { event, before: now, after: turned.progress, acts: turned.acts };
    now = turned.progress;
    return [told];
  });
}
const plans = fc.tuple(shapes, fc.array(events, { maxLength: 60 }));

describe("a rollout plan", () => {
  it("T-F08: makes every step once and in order, whatever happens, and nothing after it is over", () => {
    fc.assert(
      fc.property(plans, ([shape, all]) => {
        const told = live(shape, all);
        const applied = told.flatMap(({ acts }) => acts.flatMap((act) => (act.kind === "apply" ? [act.step] : [])));
        expect(applied).toEqual(applied.map((_, index) => index));
        const last = told.at(-1)?.after;
        if (last !== undefined && last.state !== "draft") expect(last.step).toBe(applied.length - 1);
        const over = told.findIndex(({ after }) => after.state === "rolled_back");
        if (over !== -1) expect(told.slice(over + 1)).toEqual([]);
      }),
    );
  });

  it("leaves a step by itself only when its whole wait was watched, without a failed gate in between", () => {
    fc.assert(
      fc.property(plans, ([shape, all]) => {
        let watchedMs = 0;
        for (const { event, before, after } of live(shape, all)) {
          if (event.kind === "watched" && before.state === "running") watchedMs += Math.max(0, event.elapsedMs);
          if (event.kind === "gate_failed") watchedMs = 0;
          const left =
            after.step !== before.step || (after.state !== before.state && (after.state === "done" || after.state === "waiting"));
          if (left && event.kind === "watched")
            expect(watchedMs).toBeGreaterThanOrEqual((shape.steps[before.step]?.waitSeconds ?? 0) * 1_000);
          if (after.step !== before.step || event.kind === "start") watchedMs = 0;
          expect(after.watchedMs).toBeLessThanOrEqual((shape.steps[after.step]?.waitSeconds ?? 0) * 1_000);
        }
      }),
    );
  });

  it("asks a person where it says so, and the decision is about that very step", () => {
    fc.assert(
      fc.property(plans, ([shape, all]) => {
        for (const { event, before, after } of live(shape, all)) {
          if (event.kind === "watched" && shape.steps[before.step]?.asks === true) expect(after.step).toBe(before.step);
          if (event.kind === "advance") expect(event.step).toBe(before.step);
        }
      }),
    );
  });

  it("stops at a failed gate: paused, or all put back where the plan says so", () => {
    fc.assert(
      fc.property(plans, ([shape, all]) => {
        for (const { event, after, acts } of live(shape, all)) {
          const restores = acts.filter(({ kind }) => kind === "restore").length;
          if (event.kind === "gate_failed")
            expect([after.state, restores]).toEqual(shape.rollBackOnFailure ? ["rolled_back", 1] : ["paused", 0]);
          else expect(restores).toBe(event.kind === "roll_back" ? 1 : 0);
        }
      }),
    );
  });

  it("can be rolled back by one action from wherever it has come", () => {
    fc.assert(
      fc.property(plans, ([shape, all]) => {
        const now = live(shape, all).at(-1)?.after ?? draftProgress;
        const back = turnPlan(shape, now, { kind: "roll_back" });
        if (underWay.has(now.state) || now.state === "done") expect(back?.progress.state).toBe("rolled_back");
        else expect(back).toBeUndefined();
      }),
    );
  });

  it("stands still while paused; after a failed gate the wait begins anew, after a person's pause it goes on", () => {
    const shape: PlanShape = { steps: [{ waitSeconds: 10, asks: false }], rollBackOnFailure: false };
    const run = (...all: PlanEvent[]) => live(shape, all).at(-1)?.after;
    const watched: PlanEvent = { kind: "watched", elapsedMs: 4_000 };
    expect(run({ kind: "start" }, watched, { kind: "pause" }, watched, watched)).toMatchObject({ state: "paused", watchedMs: 4_000 });
    expect(run({ kind: "start" }, watched, { kind: "pause" }, { kind: "resume" })).toMatchObject({ state: "running", watchedMs: 4_000 });
    const failed: PlanEvent = { kind: "gate_failed", why: "a 5xx spike" };
    expect(run({ kind: "start" }, watched, failed)).toMatchObject({ state: "paused", why: "a 5xx spike" });
    expect(run({ kind: "start" }, watched, failed, { kind: "resume" })).toMatchObject({ state: "running", watchedMs: 0 });
  });
});
