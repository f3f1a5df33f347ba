import type { Chance } from "./chance.ts";
import type { Spot } from "./climate.ts";
import type { Incident } from "./incidents.ts";
import type { Mood, Pot } from "./soil.ts";

/** A species as far as a story needs it. */
export interface Species {
  readonly presetId: string;
  readonly name: string;
  readonly soil: { readonly min: number; readonly max: number };
  /** Lux between which it is well; absent where nobody knows. */
  readonly light?: { readonly min: number; readonly max: number };
}

/** The part of one plant and its node in a story. */
export interface Part {
  readonly species: Species;
  /** As people would call it. */
  readonly name: string;
  readonly spot: Spot;
  readonly pot: Pot;
  readonly incidents: readonly Incident[];
  /** Volts; absent: its node hangs on a charger. */
  readonly batteryFrom?: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const minuteMs = 60_000;

/** Where plants stand in a flat. */
export const spots: readonly [Spot, ...Spot[]] = [
  { name: "south window", daylight: 0.09, sunAtHour: 12.5, warmerBy: 0.8, damperBy: -3 },
  { name: "east window", daylight: 0.06, sunAtHour: 8.5, warmerBy: 0, damperBy: 0 },
  { name: "west window", daylight: 0.06, sunAtHour: 16, warmerBy: 0.6, damperBy: -1 },
  { name: "north window", daylight: 0.035, warmerBy: -0.8, damperBy: 2 },
  { name: "living room shelf", daylight: 0.015, warmerBy: 0.4, damperBy: -2 },
  { name: "kitchen counter", daylight: 0.03, warmerBy: 0.9, damperBy: 5 },
  { name: "bathroom", daylight: 0.025, warmerBy: 1.2, damperBy: 13 },
  { name: "hall", daylight: 0.008, warmerBy: -1.5, damperBy: 0 },
  { name: "conservatory", daylight: 0.32, sunAtHour: 13, warmerBy: 1.6, damperBy: 4 },
];

/** Lux that a spot has about noon, over the year's weather. */
const noonOutside = 30_000;

/**
 * A believable month in a flat: day and night, people who water or forget to, one probe that dies, one router that is away for an evening, a node on
 * a battery, a sensor that fails for a night, and poor Wi-Fi in a corner.
 *
 * @param fromMs - When it begins.
 * @returns The parts, one a plant; the same chance gives the same month.
 */
export function createMonth({
  chance,
  species,
  plants,
  fromMs,
  days,
  longitude,
}: {
  chance: Chance;
  species: readonly [Species, ...Species[]];
  plants: number;
  fromMs: number;
  days: number;
  longitude: number;
}): Part[] {
  const names = new Map<string, number>();
  return Array.from({ length: plants }, (_, index): Part => {
    const own = chance.of(`plant ${index}`);
    // Each kind once before the first comes again.
    const one = species[(index + Math.floor(chance.unit("first", 0) * species.length)) % species.length] ?? species[0];
    const spot = spotFor(own, one);
    const again = (names.get(one.name) ?? 0) + 1;
    names.set(one.name, again);
    return {
      species: one,
      name: again === 1 ? one.name : `${one.name} ${again}`,
      spot,
      pot: { thirst: 0.7 + 0.9 * own.unit("thirst", 0), wellFrom: one.soil.min, wellTo: one.soil.max, mood: moodOf(own, index), longitude },
      incidents: [...outage(index, fromMs, days), ...mishaps(own, index, fromMs, days)],
      ...(index === 3 ? { batteryFrom: 4.1 } : {}),
    };
  });
}

/** Behind which of two routers a node is; three of five are behind the one that will be away. */
export function isBehindAttic(index: number): boolean {
  return index % 5 < 3;
}

/** Three hours and twenty minutes of an evening. */
function outage(index: number, fromMs: number, days: number): Incident[] {
  if (!isBehindAttic(index)) return [];
  const begins = fromMs + Math.floor(days * 0.57) * dayMs + 18.5 * hourMs;
  return [{ kind: "outage", fromMs: begins, toMs: begins + 200 * minuteMs }];
}

function mishaps(chance: Chance, index: number, fromMs: number, days: number): Incident[] {
  const at = (part: number) => fromMs + part * days * dayMs;
  switch (index) {
    case 1:
      return [{ kind: "dying soil", fromMs: at(0.55), toMs: at(1.05) }];
    case 2:
      return [{ kind: "failed dht", fromMs: at(0.3), toMs: at(0.3) + 14 * hourMs }];
    case 3:
      return [{ kind: "deep sleep", fromMs: at(-1), toMs: at(12), everyMs: 15 * minuteMs }];
    case 4:
      return poorWifi(chance, fromMs, days, 2);
    case 5:
      return [{ kind: "spikes", fromMs: at(0.7), toMs: at(0.7) + 2 * dayMs, chance: 0.006 }];
    case 6:
      return [{ kind: "silence", fromMs: at(0.74), toMs: at(0.74) + 9 * hourMs }];
    case 7:
      return [{ kind: "failed light", fromMs: at(0.42), toMs: at(0.42) + dayMs }];
    default:
      return smallMishap(chance, at);
  }
}

function smallMishap(chance: Chance, at: (part: number) => number): Incident[] {
  if (chance.unit("mishap", 0) >= 0.25) return [];
  const fromMs = at(0.1 + 0.8 * chance.unit("when", 0));
  const toMs = fromMs + (0.5 + 5 * chance.unit("how long", 0)) * hourMs;
  const kinds = ["reconnect", "failed dht", "silence"] as const;
  return [{ kind: kinds[Math.floor(chance.unit("what", 0) * kinds.length)] ?? "reconnect", fromMs, toMs }];
}

function poorWifi(chance: Chance, fromMs: number, days: number, aDay: number): Incident[] {
  return Array.from({ length: days * aDay }, (_, count): Incident => {
    const begins = fromMs + ((count + chance.unit("breaks", count)) / aDay) * dayMs;
    return { kind: "reconnect", fromMs: begins, toMs: begins + (3 + 22 * chance.unit("broken", count)) * minuteMs };
  });
}

/** The spot whose light suits it best; now and then somebody puts a plant where it looks best. */
function spotFor(chance: Chance, { light }: Species): Spot {
  const any = spots[Math.floor(chance.unit("spot", 0) * spots.length)] ?? spots[0];
  if (light === undefined || chance.unit("looks", 0) < 0.12) return any;
  const wanted = Math.log(Math.sqrt(Math.max(1, light.min) * Math.max(light.min + 1, light.max)));
  const off = (spot: Spot) => Math.abs(Math.log(spot.daylight * noonOutside) - wanted) + 0.6 * chance.unit(spot.name, 0);
  return spots.reduce((best, spot) => (off(spot) < off(best) ? spot : best), any);
}

function moodOf(chance: Chance, position: number): Mood {
  if (position === 0) return "regular";
  if (position === 8) return "forgetful";
  const roll = chance.unit("mood", 0);
  return roll < 0.72 ? "regular" : roll < 0.9 ? "forgetful" : "eager";
}
