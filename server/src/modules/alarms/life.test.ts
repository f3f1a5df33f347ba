import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { newId } from "../../platform/id.ts";
import type { AlarmedDevice, Kept } from "./kept.ts";
import { reviewAlarms, takeSignals } from "./life.ts";
import type { Outcome, Turn, World } from "./life.ts";
import { keyOf } from "./signal.ts";
import type { Signal } from "./signal.ts";
import { LifeModel, nameOf, seenAs, signalOf, steps, subjects, ways } from "./test-life.ts";
import type { Step, Subject } from "./test-life.ts";

const organisationId = newId();
const siteId = newId();
const devices = new Map<string, AlarmedDevice>(
  Object.entries(ways).map(([id, ancestors]) => [
    id,
    { name: id, purpose: undefined, lastSeenAt: undefined, siteId, siteName: "North", units: new Map(), ancestors },
  ]),
);

/** The house's code over rows that are kept; each call begins from the rows alone, as after a restart. */
class House {
  readonly rows = new Map<string, Kept>();
  readonly incidents = new Map<string, { id: string; key: string; lastAt: Date; root: string | undefined; isOpen: boolean }>();
  readonly heard = new Set<string>();
  readonly turns: Turn[] = [];
  readonly #coverOf: World["coverOf"];
  nowMs = 0;

  constructor(coverOf: World["coverOf"]) {
    this.#coverOf = coverOf;
  }

  take(signals: readonly Signal[]): void {
    this.#save(takeSignals(this.#world(), signals));
  }

  review(): void {
    this.#save(reviewAlarms(this.#world(), new Set(this.rows.keys())));
  }

  open(): Kept[] {
    return [...this.rows.values()].filter(({ alarm }) => alarm.state !== "cleared");
  }

  find(one: Subject): Kept | undefined {
    return this.open().find(({ alarm }) => nameOf(alarm) === nameOf(one));
  }

  #world(): World {
    const alarms = structuredClone([...this.rows.values()]);
    const raises = new Map<string, Date[]>();
    for (const { alarm } of alarms) {
      const key = keyOf({ ...alarm, organisationId });
      raises.set(key, [...(raises.get(key) ?? []), alarm.raisedAt]);
    }
    const incidents = new Map(
      [...this.incidents.values()].flatMap(({ id, key, lastAt, isOpen }) => (isOpen ? [[`${organisationId} ${key}`, { id, lastAt }]] : [])),
    );
    return { alarms, raises, devices, coverOf: this.#coverOf, incidents, nowMs: this.nowMs };
  }

  #save({ turns, changed, added, joined, named }: Outcome): void {
    for (const { id, key, lastAt, rootAlarmId } of joined) {
      this.incidents.set(id, { id, key, lastAt, root: this.incidents.get(id)?.root ?? rootAlarmId, isOpen: true });
    }
    for (const { id, rootAlarmId } of named) {
      const incident = this.incidents.get(id);
      if (incident !== undefined) incident.root = rootAlarmId;
    }
    for (const [id, kept] of changed) {
      expect(this.rows.has(id)).toBe(!added.has(id));
      this.rows.set(id, kept);
    }
    this.turns.push(...turns);
    for (const { id } of joined) expect([...this.rows.values()].some(({ alarm }) => alarm.incidentId === id)).toBe(true);
    for (const incident of this.incidents.values()) incident.isOpen = this.open().some(({ alarm }) => alarm.incidentId === incident.id);
  }
}

function act(house: House, model: LifeModel, step: Step): void {
  const given = () => ({ id: newId(), organisationId, at: new Date(model.nowMs) });
  house.nowMs = model.nowMs;
  if (step.do === "raise" || step.do === "repeat") {
    for (let n = 0; n < (step.do === "raise" ? 1 : 5); n += 1) {
      if (n > 0) {
        model.clear(step.about, false);
        house.take([signalOf(step.about, "clear", given())]);
      }
      model.raise(step.about);
      house.take([signalOf(step.about, "raise", given())]);
    }
  } else if (step.do === "clear" || step.do === "end") {
    const by = step.do === "end" ? { by: "ann" } : {};
    model.clear(step.about, step.do === "end");
    house.take([signalOf(step.about, "clear", { ...given(), ...by })]);
  } else if (step.do === "cover" || step.do === "uncover") {
    if (step.do === "cover") model.covers.set(step.device, step.record);
    else model.covers.delete(step.device);
    model.review();
    house.review();
  } else if (step.do === "wait") {
    model.wait(step.seconds);
    house.nowMs = model.nowMs;
    house.review();
  } else {
    const kept = house.find(step.about);
    if (kept === undefined || kept.keptBack) return;
    const { alarm } = kept;
    if (step.do === "acknowledge") {
      model.acknowledge(step.about);
      house.rows.set(alarm.id, { ...kept, alarm: { ...alarm, state: "acknowledged" } });
    } else {
      model.snooze(step.about, step.seconds);
      house.rows.set(alarm.id, { ...kept, alarm: { ...alarm, snoozedUntil: new Date(model.nowMs + step.seconds * 1_000) } });
      house.review();
    }
  }
}

/** Compares the rows with what anybody would expect, and what people were told with whether they were to be told. */
function compare(house: House, model: LifeModel, from: number): void {
  const open = house.open();
  expect(open.map(({ alarm, keptBack }) => seenAs(alarm, keptBack)).sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(
    model.expected().sort((a, b) => (a.name < b.name ? -1 : 1)),
  );
  for (const { what, kept, untold } of house.turns.slice(from)) {
    if (untold === true || (what !== "raised" && what !== "unmuted")) continue;
    if (kept.alarm.mutedBy === undefined) house.heard.add(kept.alarm.id);
    else expect(what).toBe("raised");
  }
  for (const { alarm, keptBack } of open) {
    // Nobody is told of what is muted, and what is not muted was told.
    if (alarm.mutedBy === undefined) expect([nameOf(alarm), house.heard.has(alarm.id)]).toEqual([nameOf(alarm), true]);
    else house.heard.delete(alarm.id);
    expect(alarm.incidentId === undefined).toBe(keptBack);
    if (!keptBack) expect(house.incidents.get(alarm.incidentId ?? "")?.isOpen).toBe(true);
  }
}

describe("the life of alarms", () => {
  it("N-F02, N-F03, GA-14: goes as a plain model says, in any order of raises, clears, parents, windows, snoozes, people and time", () => {
    fc.assert(
      fc.property(steps(60), (given) => {
        const model = new LifeModel(Date.parse("2026-03-02T10:00:00Z"));
        const house = new House(({ deviceId }) => model.coverOf(deviceId));
        for (const step of given) {
          const from = house.turns.length;
          act(house, model, step);
          compare(house, model, from);
        }
        // In the end, when every cause is gone and time has passed, nothing is left open.
        model.covers.clear();
        for (const about of subjects) act(house, model, { do: "clear", about });
        for (let n = 0; n < 3; n += 1) act(house, model, { do: "wait", seconds: 1_000 });
        expect(house.open()).toEqual([]);
        expect([...house.incidents.values()].filter(({ isOpen }) => isOpen)).toEqual([]);
      }),
      { numRuns: 250 },
    );
  });

  it("N-F03: comes to the same in whatever order and number of steps things fall silent and return, and tells of the root alone", () => {
    const silent = subjects.filter(({ kind }) => kind === "offline" || kind === "no_data");
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...silent], { minLength: 1 }),
        fc.array(fc.nat(3), { maxLength: 8 }),
        fc.infiniteStream(fc.nat()),
        (some, cuts, seeds) => {
          const atMs = Date.parse("2026-03-02T10:00:00Z");
          const runs = [some, [...some].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)), shuffled(some, seeds)].map((order) => {
            const house = new House(() => undefined);
            house.nowMs = atMs;
            for (const batch of inBatches(order, cuts)) {
              house.take(batch.map((one) => signalOf(one, "raise", { id: newId(), organisationId, at: new Date(atMs) })));
            }
            const open = house.open();
            const ofId = new Map(open.map(({ alarm }) => [alarm.id as string, alarm]));
            const state = open.map(({ alarm }) =>
              [nameOf(alarm), alarm.mutedBy, nameOf(ofId.get(alarm.mutedById ?? "") ?? alarm)].join(" | "),
            );
            for (const { alarm } of open) {
              const root = ofId.get(alarm.mutedById ?? "");
              if (root === undefined) continue;
              expect(alarm.incidentId).toBe(root.incidentId);
              expect(house.incidents.get(root.incidentId ?? "")?.root).toBe(root.id);
            }
            // All return within the grace: nobody is told of any of them again.
            for (const batch of inBatches(shuffled(order, seeds), cuts)) {
              house.nowMs += 5_000;
              house.take(batch.map((one) => signalOf(one, "clear", { id: newId(), organisationId, at: new Date(house.nowMs) })));
              house.review();
            }
            expect(house.open()).toEqual([]);
            expect(house.turns.filter(({ what }) => what === "unmuted")).toEqual([]);
            return state.sort();
          });
          expect(runs[1]).toEqual(runs[0]);
          expect(runs[2]).toEqual(runs[0]);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("N-F03: tells of the root alone when children come before it in one storm", () => {
    const house = new House(() => undefined);
    const storm = ["ont-1", "ont-2", "switch", "ont-3", "olt"].map((deviceId): Subject => ({ deviceId, type: "offline", kind: "offline" }));
    house.take(storm.map((one) => signalOf(one, "raise", { id: newId(), organisationId, at: new Date(0) })));
    const told = house.turns.filter(({ what, kept, untold }) => what === "raised" && untold !== true && kept.alarm.mutedBy === undefined);
    expect(told.map(({ kept }) => kept.alarm.deviceId)).toEqual(["olt"]);
    expect(house.turns.filter(({ what, untold }) => what === "muted" && untold !== true)).toEqual([]);
    expect(house.open().filter(({ alarm }) => alarm.mutedBy === "parent")).toHaveLength(4);
  });

  it("N-F03: marks what is raised five times in a quarter of an hour as flapping, keeps it open, and ends it after five quiet minutes", () => {
    const model = new LifeModel(Date.parse("2026-03-02T10:00:00Z"));
    const house = new House(() => undefined);
    const about: Subject = { deviceId: "alone", type: "offline", kind: "offline" };
    for (let n = 0; n < 6; n += 1) {
      act(house, model, { do: "raise", about });
      act(house, model, { do: "wait", seconds: 60 });
      act(house, model, { do: "clear", about });
    }
    expect(house.open()).toMatchObject([{ alarm: { flapping: true, holds: false, occurrences: 2 } }]);
    expect(house.turns.filter(({ what }) => what === "flapping")).toHaveLength(1);
    act(house, model, { do: "wait", seconds: 299 });
    expect(house.open()).toHaveLength(1);
    act(house, model, { do: "wait", seconds: 1 });
    expect(house.open()).toEqual([]);
  });
});

function shuffled<Item>(items: readonly Item[], seeds: Iterable<number>): Item[] {
  const stream = seeds[Symbol.iterator]();
  return items
    .map((item) => ({ item, at: Number(stream.next().value) }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

function inBatches<Item>(items: readonly Item[], cuts: readonly number[]): Item[][] {
  const batches: Item[][] = [];
  let rest = [...items];
  for (const cut of cuts) {
    batches.push(rest.slice(0, cut + 1));
    rest = rest.slice(cut + 1);
  }
  batches.push(rest);
  return batches.filter((batch) => batch.length > 0);
}
