import { heartbeat } from "@roost/contract/envelope";
import { describe, expect, it } from "vitest";

import { rememberedSamples } from "../firmware/node-build.ts";
import { gardenKit } from "../kit.ts";
import { createChance } from "./chance.ts";
import { createClimate, sunHeightDegrees } from "./climate.ts";
import { faultEveryBeats, faultsOf } from "./faults.ts";
import type { Incident } from "./incidents.ts";
import { createMonth, spots } from "./month.ts";
import type { Part, Species } from "./month.ts";
import { createNodeScript } from "./node-script.ts";
import type { Reading, Turn } from "./node-script.ts";
import { createPlant } from "./plant.ts";
import { createSoil, dryingPerMinute } from "./soil.ts";
import type { Mood } from "./soil.ts";
import { nextBeat } from "./telling.ts";

const fromMs = Date.UTC(2026, 5, 1);
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const berlin = { latitude: 52.5, longitude: 13.4 };
const metrics: Readonly<Record<string, { min?: number; max?: number }>> = gardenKit.deviceKinds["garden-node"].metrics;

const species: readonly [Species, ...Species[]] = [
  { presetId: "monstera", name: "Monstera", soil: { min: 30, max: 70 }, light: { min: 1_000, max: 20_000 } },
  { presetId: "cactus", name: "Cactus", soil: { min: 8, max: 35 } },
  { presetId: "fern", name: "Fern", soil: { min: 50, max: 80 }, light: { min: 400, max: 5_000 } },
];

function month(seed: number, plants = 10, days = 30): Part[] {
  return createMonth({ chance: createChance(seed), species, plants, fromMs, days, longitude: berlin.longitude });
}

function scriptOf(part: Pick<Part, "spot" | "pot" | "incidents" | "batteryFrom">, { seed = 1, intervalMs = minuteMs } = {}) {
  const chance = createChance(seed);
  const climate = createClimate(chance.of("climate"), berlin);
  const truth = createPlant({ chance, climate, spot: part.spot, pot: part.pot, fromMs });
  return createNodeScript({
    deviceId: "garden-1",
    chance,
    truth,
    incidents: part.incidents,
    intervalMs,
    startedMs: fromMs - hourMs,
    ...(part.batteryFrom === undefined ? {} : { batteryFrom: part.batteryFrom }),
  });
}

function play(
  part: Pick<Part, "spot" | "pot" | "incidents" | "batteryFrom">,
  { minutes = 1_440, seed = 1, startMs = fromMs }: { minutes?: number; seed?: number; startMs?: number } = {},
): { turns: Turn[]; readings: Reading[] } {
  const script = scriptOf(part, { seed });
  const turns = Array.from({ length: minutes }, (_, minute) => script.next(startMs + minute * minuteMs));
  return { turns, readings: turns.flatMap(({ messages }) => messages.flatMap(({ readings }) => readings)) };
}

const calm: Pick<Part, "spot" | "pot"> = {
  spot: spots[0],
  pot: { thirst: 1, wellFrom: 30, wellTo: 70, mood: "regular", longitude: berlin.longitude },
};
const during = (incident: Incident): Pick<Part, "spot" | "pot" | "incidents"> => ({ ...calm, incidents: [incident] });
const from100To200 = { fromMs: fromMs + 100 * minuteMs, toMs: fromMs + 200 * minuteMs };
const inIt = ({ measuredMs }: Reading) => measuredMs >= from100To200.fromMs && measuredMs < from100To200.toMs;

describe("the climate", () => {
  const climate = createClimate(createChance(7), berlin);
  const yearOf = (step: number) => Array.from({ length: Math.floor((365 * dayMs) / step) }, (_, index) => fromMs + index * step);

  it("GA-45: has no light at night, and the most of it about noon", () => {
    const instants = yearOf(37 * minuteMs);
    const night = instants.filter((atMs) => sunHeightDegrees(atMs, berlin) < -6);
    expect(night.length).toBeGreaterThan(2_000);
    for (const spot of spots) {
      expect(night.every((atMs) => climate.at(atMs, spot).lightLux === 0)).toBe(true);
      const noon = instants.filter((atMs) => sunHeightDegrees(atMs, berlin) > 10);
      expect(noon.every((atMs) => climate.at(atMs, spot).lightLux > 0)).toBe(true);
    }
  });

  it("has long days in summer and short ones in winter, the other way round in the south", () => {
    const lit = (day: number, latitude: number) =>
      Array.from({ length: 144 }, (_, index) => day + index * 10 * minuteMs).filter(
        (atMs) => sunHeightDegrees(atMs, { latitude, longitude: 0 }) > 0,
      ).length / 6;
    const [june, december] = [Date.UTC(2026, 5, 21), Date.UTC(2026, 11, 21)];
    expect(lit(june, 52.5)).toBeCloseTo(16.6, 0);
    expect(lit(december, 52.5)).toBeCloseTo(7.7, 0);
    expect(lit(june, -34)).toBeCloseTo(9.9, 0);
    expect(sunHeightDegrees(Date.UTC(2026, 2, 20, 12), { latitude: 0, longitude: 0 })).toBeGreaterThan(87);
  });

  it("stays within what rooms have, warmer by day than by night", () => {
    const all = yearOf(53 * minuteMs).map((atMs) => ({ atMs, ...climate.at(atMs, spots[0]) }));
    expect(all.every(({ temperature }) => temperature > 12 && temperature < 36)).toBe(true);
    expect(all.every(({ humidity }) => humidity >= 15 && humidity <= 98)).toBe(true);
    const mean = (hour: number) => {
      const some = all.filter(({ atMs }) => Math.floor((atMs % dayMs) / hourMs) === hour);
      return some.reduce((sum, { temperature }) => sum + temperature, 0) / some.length;
    };
    expect(mean(15) - mean(3)).toBeGreaterThan(1.5);
  });
});

describe("the soil", () => {
  const weather = { temperature: 20, humidity: 50, lightLux: 4_000 };

  it("dries faster where it is warm, dry, bright or wet", () => {
    const usual = dryingPerMinute(50, weather);
    expect(dryingPerMinute(50, { ...weather, temperature: 28 })).toBeGreaterThan(usual * 1.3);
    expect(dryingPerMinute(50, { ...weather, humidity: 30 })).toBeGreaterThan(usual * 1.2);
    expect(dryingPerMinute(50, { ...weather, lightLux: 0 })).toBeLessThan(usual);
    expect(dryingPerMinute(20, weather)).toBeLessThan(usual);
  });

  it("is kept within its limits by who waters regularly, and not by who forgets", () => {
    const lowest = (mood: Mood) => {
      const soil = createSoil(createChance(3), { ...calm.pot, mood });
      let least = 100;
      for (let minute = 0; minute < 30 * 1_440; minute += 1) least = Math.min(least, soil.step(fromMs + minute * minuteMs, weather));
      expect(soil.wateredMs).toBeGreaterThan(fromMs);
      return least;
    };
    expect(lowest("regular")).toBeGreaterThanOrEqual(calm.pot.wellFrom);
    expect(lowest("forgetful")).toBeLessThan(calm.pot.wellFrom - 2);
  });
});

describe("a simulated node", () => {
  it("GA-45: tells the same story for the same seed, another for another", () => {
    const one = { ...calm, incidents: [{ ...from100To200, kind: "spikes", chance: 0.5 } as const] };
    expect(play(one).turns).toEqual(play(one).turns);
    expect(play(one, { seed: 2 }).turns).not.toEqual(play(one).turns);
  });

  it("GA-42: sends one reading and one heartbeat a minute, each with its time, all values possible", () => {
    const { turns, readings } = play({ ...calm, incidents: [], batteryFrom: 4.1 });
    expect(turns.every(({ messages }) => messages.map(({ kind }) => kind).join() === "reading,heartbeat")).toBe(true);
    expect(new Set(readings.map(({ measuredMs }) => measuredMs)).size).toBe(1_440);
    for (const { values } of readings) {
      expect(Object.keys(values)).toEqual(["soil_moisture", "temperature", "humidity", "light_level", "soil_raw", "battery"]);
      for (const [name, value] of Object.entries(values)) {
        expect(value, name).toBeGreaterThanOrEqual(metrics[name]?.min ?? -Infinity);
        expect(value, name).toBeLessThanOrEqual(metrics[name]?.max ?? Infinity);
      }
    }
    const [reading, beat] = turns[5]?.messages ?? [];
    expect(JSON.parse(reading?.payload ?? "")).toMatchObject({ timestamp: (fromMs + 5 * minuteMs) / 1_000 });
    expect(heartbeat.parse(JSON.parse(beat?.payload ?? ""))).toMatchObject({ uptime: 3_900, timestamp: (fromMs + 5 * minuteMs) / 1_000 });
  });

  it("GA-41: a failed air sensor never sends a number, and the others go on", () => {
    const { turns, readings } = play(during({ ...from100To200, kind: "failed dht" }));
    const failed = readings.filter(inIt);
    expect(failed).toHaveLength(100);
    expect(failed.every(({ values }) => !("temperature" in values) && !("humidity" in values))).toBe(true);
    expect(failed.every(({ values }) => "soil_moisture" in values && "light_level" in values)).toBe(true);
    expect(readings.filter((one) => !inIt(one)).every(({ values }) => "temperature" in values && "humidity" in values)).toBe(true);
    expect(JSON.stringify(turns.slice(100, 200).map(({ messages }) => messages))).not.toMatch(/temperature|humidity|NaN|null/);
  });

  it("GA-43: keeps what it measures while there is no way, and sends it afterwards with its own times", () => {
    for (const kind of ["outage", "reconnect"] as const) {
      const { turns, readings } = play(during({ ...from100To200, kind }));
      expect(turns.slice(100, 200).every(({ link, messages }) => link === "down" && messages.length === 0)).toBe(true);
      const late = turns[200]?.messages.filter((message) => message.kind === "late readings").flatMap((message) => message.readings) ?? [];
      expect(late.map(({ measuredMs }) => measuredMs)).toEqual(Array.from({ length: 100 }, (_, at) => from100To200.fromMs + at * minuteMs));
      expect(readings).toHaveLength(1_440);
    }
  });

  it("keeps no more than its memory holds: the oldest goes", () => {
    const { turns } = play(during({ fromMs, toMs: fromMs + 300 * minuteMs, kind: "outage" }), { minutes: 301 });
    const late = turns.at(-1)?.messages.filter(({ kind }) => kind === "late readings") ?? [];
    const readings = late.flatMap((message) => message.readings);
    expect(readings).toHaveLength(rememberedSamples);
    expect(readings[0]?.measuredMs).toBe(fromMs + (300 - rememberedSamples) * minuteMs);
  });

  it("starts anew after silence: nothing kept, counting from the start, at first without a time", () => {
    const { turns } = play(during({ ...from100To200, kind: "silence" }));
    expect(turns.slice(100, 200).every(({ link, messages }) => link === "off" && messages.length === 0)).toBe(true);
    const said = [99, 200, 201].map((at) =>
      (turns[at]?.messages ?? []).map(({ payload }) => JSON.parse(payload) as Record<string, number>),
    );
    const [before, first, second] = said.map(([reading]) => reading);
    expect(first).not.toHaveProperty("timestamp");
    expect(second).toMatchObject({ seq: (first?.["seq"] ?? 0) + 1, timestamp: from100To200.toMs / 1_000 + 60 });
    expect(first?.["seq"]).not.toBe((before?.["seq"] ?? 0) + 1);
    expect(said.slice(1).map(([, beat]) => beat?.["uptime"])).toEqual([0, 60]);
  });

  it("tells wrong times as wrong clocks do", () => {
    const stampIn = (incident: Incident) =>
      (JSON.parse(play(during(incident)).turns[150]?.messages[0]?.payload ?? "") as { timestamp?: number }).timestamp;
    const trueSeconds = (fromMs + 150 * minuteMs) / 1_000;
    expect(stampIn({ ...from100To200, kind: "wrong clock", clock: "1970" })).toBe(3_600 + 150 * 60);
    expect(stampIn({ ...from100To200, kind: "wrong clock", clock: "hour ahead" })).toBe(trueSeconds + 3_600);
    expect(stampIn({ ...from100To200, kind: "wrong clock", clock: "since boot" })).toBe((3_600 + 150 * 60) * 1_000);
    expect(stampIn({ ...from100To200, kind: "no clock" })).toBeUndefined();
  });

  it("gives what it measured before it knew the time its time by its age; what it cannot date it does not send late", () => {
    const outage: Incident = { ...from100To200, kind: "outage" };
    const dated = play({ ...calm, incidents: [outage, { ...from100To200, kind: "no clock" }] }).readings.filter(inIt);
    expect(dated).toHaveLength(100);
    expect(dated.every(({ kept, measuredMs }) => kept === "own time" && measuredMs % minuteMs === 0)).toBe(true);
    const never: Incident = { kind: "no clock", fromMs, toMs: fromMs + dayMs };
    expect(play({ ...calm, incidents: [outage, never] }).readings.filter(inIt)).toEqual([]);
  });

  it("lets a dying probe drift, rattle and fall silent, and a spiking one leap", () => {
    const dying = { fromMs, toMs: fromMs + 1_000 * minuteMs };
    const soil = play(during({ ...dying, kind: "dying soil" })).readings.map(({ values }) => values["soil_moisture"]);
    const healthy = play({ ...calm, incidents: [] }).readings.map(({ values }) => values["soil_moisture"]);
    expect((healthy[490] ?? 0) - (soil[490] ?? 0)).toBeGreaterThan(15);
    const leap = Math.max(...soil.slice(500, 790).map((value, index, all) => Math.abs((value ?? 0) - (all[index - 1] ?? value ?? 0))));
    expect(leap).toBeGreaterThan(15);
    expect(soil.slice(800, 1_000).every((value) => value === undefined)).toBe(true);
    const leaping = play(during({ ...from100To200, kind: "spikes", chance: 0.2 })).readings.filter(inIt);
    expect(leaping.filter(({ values }) => (values["temperature"] ?? 0) > 38).length).toBeGreaterThan(5);
  });

  it("sleeps between its beats and says for how long", () => {
    const { turns } = play(during({ fromMs, toMs: fromMs + dayMs, kind: "deep sleep", everyMs: 15 * minuteMs }));
    const awake = turns.filter(({ link }) => link === "up");
    expect(awake).toHaveLength(96);
    expect(JSON.parse(awake[3]?.messages.at(-1)?.payload ?? "")).toMatchObject({ interval: 900 });
  });

  it("knocks in vain with a wrong password, and keeps what it measures meanwhile", () => {
    const { turns } = play(during({ ...from100To200, kind: "wrong credential" }));
    expect(turns.slice(100, 200).every(({ link, messages }) => link === "refused" && messages.length === 0)).toBe(true);
    expect(turns[200]?.messages.filter(({ kind }) => kind === "late readings").flatMap(({ readings }) => readings)).toHaveLength(100);
  });
});

describe("the beats of a node that lives on", () => {
  const beat = { dueMs: 1_000.2, toldMs: 1_000.2, nowMs: 1_003, intervalMs: 250, clockStepMs: 1 };

  it("come at its pace, and those that were missed are passed over", () => {
    expect(nextBeat(beat)).toBe(1_250.2);
    expect(nextBeat({ ...beat, toldMs: 1_400, nowMs: 1_420 })).toBe(1_500.2);
  });

  it("GA-45: no two have the same time by the node's clock, else one reading would count as two", () => {
    expect(nextBeat({ ...beat, toldMs: 1_250, nowMs: 1_250 })).toBe(1_500.2);
    expect(nextBeat({ dueMs: 60_000.9, toldMs: 65_000, nowMs: 65_000, intervalMs: 5_000, clockStepMs: 1_000 })).toBe(70_000.9);
  });
});

describe("the month", () => {
  it("GA-45: is the same for the same seed; every plant has a name of its own and stands somewhere", () => {
    expect(month(1)).toEqual(month(1));
    expect(month(2)).not.toEqual(month(1));
    const parts = month(1, 500);
    expect(new Set(parts.map(({ name }) => name)).size).toBe(500);
  });

  it("has a probe that dies, a sensor that fails, a battery, poor Wi-Fi and one outage that takes most nodes at once", () => {
    const parts = month(1);
    const kinds = new Set(parts.flatMap(({ incidents }) => incidents.map(({ kind }) => kind)));
    expect([...kinds]).toEqual(expect.arrayContaining(["dying soil", "failed dht", "deep sleep", "reconnect", "silence", "outage"]));
    const outages = parts.flatMap(({ incidents }) => incidents.filter(({ kind }) => kind === "outage"));
    expect(outages.length).toBe(6);
    expect(new Set(outages.map((one) => `${one.fromMs} ${one.toMs}`)).size).toBe(1);
    expect(parts.filter(({ batteryFrom }) => batteryFrom !== undefined)).toHaveLength(1);
  });

  it("GA-42: has at least 99 % of the minutes of a node on a charger whose Wi-Fi is good", () => {
    const [part] = month(1, 1);
    const { readings } = play(part as Part, { minutes: 30 * 1_440 });
    expect(readings.length).toBeGreaterThanOrEqual(0.99 * 30 * 1_440);
    expect(readings.every(({ kept }) => kept === "own time")).toBe(true);
  });

  it("GA-45: faults go round: each way to fail has a node, and every fifth fault is the router's", () => {
    const all = Array.from({ length: 13 }, (_, node) => faultsOf(node, { fromMs, intervalMs: 1_000, beats: 5 * faultEveryBeats }));
    const firsts = all.map(([first]) => first?.kind);
    expect(new Set(firsts).size).toBeGreaterThanOrEqual(10);
    expect(new Set(all.map((incidents) => JSON.stringify(incidents[4]))).size).toBe(1);
    expect(all[0]?.[4]?.kind).toBe("outage");
  });
});
