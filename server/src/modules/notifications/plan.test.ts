import type { Severity } from "@roost/contract/alarms";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { onDue } from "./plan-due.ts";
import { onRaised, stormWindowMs } from "./plan.ts";
import type { Moment, PlannedAlarm, Telling } from "./plan.ts";
import { endOf } from "./quiet-hours.ts";
import { night, PlanHouse } from "./test-plan.ts";

describe("the planner", () => {
  it("CO-61: tells 100 breaches in a minute by one message and one summary of 99 more, also with a restart in the middle", () => {
    const house = new PlanHouse([{ targetId: "t" }]);
    for (let index = 0; index < 100; index += 1) {
      house.raise(`a${index}`);
      if (index % 2 === 0) house.clear(`a${index}`);
      house.pass(500);
      if (index === 50) house.restart();
    }
    house.pass(120_000);
    expect(house.said().slice(0, 2)).toEqual(["raised 1", "summary 100"]);
    const [, summary] = house.sent;
    // 99 more, and the end of the first one.
    expect(summary?.items.filter(({ part }) => part !== "ended").length).toBe(99);
    expect(house.said().length).toBe(2);
  });

  it("R13: tells 10,000 alarms of as many devices in a minute by a few messages, and each of them stands in one", () => {
    const house = new PlanHouse([{ targetId: "t" }]);
    let messages = 0;
    const alarms = 10_000;
    // The rows in memory are slow to look through; what was heard lately is counted as the rows would.
    const { moment } = house;
    const counted: Moment = { ...moment, heard: () => ({ messages }) };
    const held: Telling[] = [];
    for (let index = 0; index < alarms; index += 1) {
      const alarm: PlannedAlarm = {
        id: `a${index}`,
        groupKey: `g${index}`,
        severity: "warning",
        kind: "offline",
        hasParent: false,
        isLate: false,
        isOver: false,
        isAcknowledged: false,
      };
      const plan = onRaised(counted, alarm, [{ targetId: "t" }], new Map());
      messages += plan.messages.length;
      held.push(...plan.tellings.filter((one) => one.state === "held"));
    }
    expect(messages).toBe(10);
    const later: Moment = { ...counted, nowMs: counted.nowMs + stormWindowMs, heard: () => ({ messages: 0 }) };
    const plan = onDue(later, { targetId: "t" }, held, (id) => ({
      id,
      groupKey: id,
      severity: "warning",
      kind: "offline",
      hasParent: false,
      isLate: false,
      isOver: false,
      isAcknowledged: false,
    }));
    expect(plan.messages.map(({ what, items }) => `${what} ${items.length}`)).toEqual(["summary 9990"]);
  });

  it("tells nobody of children whose parent's alarm comes within the wait, and of the others afterwards", () => {
    const house = new PlanHouse([{ targetId: "t" }]);
    for (let index = 0; index < 50; index += 1) house.raise(`c${index}`, { kind: "offline", hasParent: true, groupKey: `c${index}` });
    house.pass(3_000);
    house.raise("parent", { kind: "offline", groupKey: "p" });
    for (let index = 0; index < 49; index += 1) house.mute(`c${index}`);
    house.pass(60_000);
    expect(house.said()).toEqual(["raised 1", "raised 1"]);
    expect(house.sent.map(({ items }) => items[0]?.alarmId)).toEqual(["parent", "c49"]);
  });

  it("CO-60: holds a warning until the end of quiet hours, lets a critical one pass, and tells the rest by one digest", () => {
    const house = new PlanHouse([{ targetId: "t", quiet: night }, { targetId: "day" }]);
    house.nowMs = Date.parse("2026-06-01T21:00:00Z");
    house.raise("a", { groupKey: "a" });
    house.raise("b", { groupKey: "b", severity: "major" });
    house.raise("c", { groupKey: "c", severity: "critical" });
    house.pass(3_600_000);
    house.clear("a");
    expect(house.said("t")).toEqual(["raised 1"]);
    expect(house.sent.find(({ targetId }) => targetId === "t")?.items[0]?.alarmId).toBe("c");
    expect(house.said("day").filter((one) => one.startsWith("raised"))).toHaveLength(3);
    house.restart();
    house.pass(12 * 3_600_000);
    const digests = house.sent.filter(({ targetId, what }) => targetId === "t" && what === "digest");
    expect(
      digests.map(({ items, atMs }) => [new Date(atMs).toISOString(), items.map(({ alarmId, part }) => `${alarmId} ${part}`)]),
    ).toEqual([["2026-06-02T05:00:00.000Z", ["a passed", "b raised"]]]);
  });

  it("GA-13: tells again what is still breached and not acknowledged after the cool-down, and not after it was acknowledged or is over", () => {
    const house = new PlanHouse([{ targetId: "t", remindMs: 3_600_000 }]);
    house.raise("low", { groupKey: "low" });
    house.raise("high", { groupKey: "high" });
    house.raise("seen", { groupKey: "seen" });
    house.acknowledge("seen");
    house.pass(1_800_000);
    house.restart();
    house.clear("high");
    house.pass(1_799_999);
    expect(house.said()).toEqual(["raised 1", "raised 1", "raised 1", "ended 1"]);
    house.pass(1);
    expect(house.said().slice(4)).toEqual(["reminder 1"]);
    expect(house.sent.at(-1)?.items[0]?.alarmId).toBe("low");
    house.acknowledge("low");
    house.pass(7_200_000);
    expect(house.said()).toHaveLength(5);
    house.unacknowledge("low");
    house.pass(3_600_000);
    expect(house.said().at(-1)).toBe("reminder 1");
  });

  it("GA-13: does not count what could not be delivered as told: no recovery of it, no debounce after it, and another try while it lasts", () => {
    const house = new PlanHouse([{ targetId: "t" }]);
    house.raise("a");
    house.fail("m1");
    house.raise("b");
    expect(house.said()).toEqual(["raised 1", "raised 1"]);
    house.fail("m2");
    house.clear("b");
    house.pass(3_600_000);
    expect(house.said()).toEqual(["raised 1", "raised 1", "raised 1"]);
    expect(house.sent.at(-1)?.items).toEqual([{ alarmId: "a", part: "raised" }]);
  });

  it("CO-49: merges what arrives long after it happened into one message, which breaks no quiet hours for what is over", () => {
    const house = new PlanHouse([{ targetId: "t" }, { targetId: "n", quiet: { ...night, from: "00:00", to: "23:59", timeZone: "UTC" } }]);
    for (const id of ["a", "b", "c"]) {
      house.raise(id, { isLate: true, severity: "critical" });
      house.clear(id);
      house.pass(1_000);
    }
    house.pass(60_000);
    expect(house.said("t")).toEqual(["late 3"]);
    expect(house.sent[0]?.items.map(({ part }) => part)).toEqual(["passed", "passed", "passed"]);
    expect(house.said("n")).toEqual([]);
    house.pass(24 * 3_600_000);
    expect(house.said("n")).toEqual(["digest 3"]);
  });

  it("R13: says once that an alarm flaps and once that it is over", () => {
    const house = new PlanHouse([{ targetId: "t" }]);
    for (let index = 0; index < 5; index += 1) {
      house.raise(`a${index}`);
      if (index < 4) house.clear(`a${index}`);
      house.pass(200);
    }
    house.flap("a4");
    house.pass(600_000);
    house.clear("a4");
    house.pass(600_000);
    expect(house.said()).toEqual(["raised 1", "flapping 1", "ended 1"]);
  });

  it("lets what became critical pass the debounce and the night, once", () => {
    const house = new PlanHouse([{ targetId: "t", quiet: { ...night, from: "00:00", to: "23:59", timeZone: "UTC" } }, { targetId: "u" }]);
    house.raise("a");
    house.worsen("a", "major");
    expect(house.said("u")).toEqual(["raised 1"]);
    house.worsen("a", "critical");
    expect(house.said("t")).toEqual(["raised 1"]);
    expect(house.said("u")).toEqual(["raised 1", "worse 1"]);
  });
});

type Act = {
  readonly what: string;
  readonly alarm: number;
  readonly ms: number;
  readonly severity: Severity;
  readonly group: number;
  readonly flag: boolean;
};
const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.record({
    what: fc.constantFrom(
      "raise",
      "raise",
      "raise",
      "clear",
      "clear",
      "mute",
      "unmute",
      "acknowledge",
      "unacknowledge",
      "worsen",
      "flap",
      "escalate",
      "fail",
      "restart",
      "pass",
      "pass",
    ),
    alarm: fc.integer({ min: 0, max: 7 }),
    ms: fc.constantFrom(0, 1_000, 9_000, 20_000, 61_000, 600_000, 4_000_000, 30_000_000),
    severity: fc.constantFrom("info" as const, "warning" as const, "major" as const, "critical" as const),
    group: fc.integer({ min: 0, max: 2 }),
    flag: fc.boolean(),
  }),
  { maxLength: 40 },
);

/** Alarms of one number come one after another, as one open alarm for one key. */
function play(house: PlanHouse, all: readonly Act[], after: () => void): void {
  const lives = new Map<number, number>();
  const idOf = (alarm: number) => `a${alarm}.${lives.get(alarm) ?? 0}`;
  for (const { what, alarm, ms, severity, group, flag } of all) {
    const open = house.alarms.get(idOf(alarm))?.isOver === false;
    if (what === "raise" && !open) {
      lives.set(alarm, (lives.get(alarm) ?? 0) + 1);
      house.raise(idOf(alarm), {
        severity,
        groupKey: `g${group}`,
        key: `a${alarm}`,
        kind: flag ? "offline" : "above",
        hasParent: flag,
        isLate: ms === 9_000,
        isMuted: ms === 20_000,
      });
    } else if (what === "clear") house.clear(idOf(alarm));
    else if (what === "mute") house.mute(idOf(alarm));
    else if (what === "unmute") house.unmute(idOf(alarm));
    else if (what === "acknowledge") house.acknowledge(idOf(alarm));
    else if (what === "unacknowledge") house.unacknowledge(idOf(alarm));
    else if (what === "worsen") house.worsen(idOf(alarm), severity);
    else if (what === "flap") house.flap(idOf(alarm));
    else if (what === "escalate") house.escalate(idOf(alarm));
    else if (what === "fail" && flag) house.fail(house.sent.at(-1)?.id ?? "");
    else if (what === "restart") house.restart();
    else if (what === "pass") house.pass(ms);
    after();
  }
}

const houses = () => new PlanHouse([{ targetId: "t", remindMs: 3_600_000 }, { targetId: "quiet", quiet: night }, { targetId: "plain" }]);

describe("the planner, whatever happens in whatever order", () => {
  it("tells nobody of a muted alarm, and no target of one alarm twice over", () => {
    fc.assert(
      fc.property(acts, (all) => {
        const house = houses();
        let seen = 0;
        play(house, all, () => {
          for (const message of house.sent.slice(seen)) {
            expect(new Set(message.items.map(({ alarmId }) => alarmId)).size).toBe(message.items.length);
            for (const { alarmId, part } of message.items) {
              if (part !== "ended" && part !== "passed")
                expect(house.alarms.get(alarmId)?.isMuted, `${message.what} ${alarmId}`).toBe(false);
            }
          }
          seen = house.sent.length;
        });
      }),
      { numRuns: 400 },
    );
  });

  it("tells everyone who was told of an alarm that it is over, and of what was told last that it is still there", () => {
    fc.assert(
      fc.property(
        acts.map((all) => all.filter(({ what }) => what !== "fail")),
        (all) => {
          const house = houses();
          play(house, all, () => undefined);
          for (const { id } of house.alarms.values()) {
            house.unmute(id);
            house.unacknowledge(id);
          }
          house.pass(30 * 3_600_000);
          const flapped = all.some(({ what }) => what === "flap");
          for (const alarm of house.alarms.values()) {
            for (const { targetId } of house.recipients) {
              const own = house.sent
                .filter((one) => one.targetId === targetId)
                .flatMap(({ items }) => items.filter((item) => item.alarmId === alarm.id));
              // Whoever is not told, though it is there and not muted, is a lost alarm.
              if (!alarm.isOver) expect(own.length, `${targetId} never heard of ${alarm.id}`).toBeGreaterThan(0);
            }
            house.clear(alarm.id);
          }
          house.pass(30 * 3_600_000);
          for (const telling of house.tellings.values()) {
            expect(["over", "dropped"]).toContain(telling.state);
            const own = house.sent
              .filter((one) => one.targetId === telling.targetId)
              .flatMap(({ items }) => items.filter((item) => item.alarmId === telling.alarmId));
            const isTold = own.some(({ part }) => part === "raised");
            const isEnded = own.some(({ part }) => part === "ended" || part === "passed");
            // Words about an alarm that flaps stand for those about its earlier rounds.
            if (isTold && !flapped) expect(isEnded, `${telling.targetId} was told of ${telling.alarmId} and never of its end`).toBe(true);
            if (!isTold) expect(own.every(({ part }) => part === "passed")).toBe(true);
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it("R13: never sends one target more than a few messages in a minute, and lets nothing but critical ones into quiet hours", () => {
    fc.assert(
      fc.property(acts, (all) => {
        const house = houses();
        play(house, all, () => undefined);
        for (const one of house.sent) {
          const others = house.sent.filter(
            (other) => other.targetId === one.targetId && other.atMs >= one.atMs && other.atMs < one.atMs + stormWindowMs,
          );
          // A digest and what is past come beside the others, and each of both at most once in a wait.
          expect(others.filter(({ what }) => what !== "digest" && what !== "late").length).toBeLessThanOrEqual(15);
          if (one.targetId !== "quiet" || endOf(night, one.atMs) === undefined) continue;
          const worst = one.items.some(({ alarmId }) => house.alarms.get(alarmId)?.severity === "critical");
          expect(worst, `${one.what} at ${new Date(one.atMs).toISOString()}`).toBe(true);
        }
      }),
      { numRuns: 400 },
    );
  });
});
