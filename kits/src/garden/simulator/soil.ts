import type { Chance } from "./chance.ts";
import { clamp, solarHour } from "./climate.ts";
import type { Weather } from "./climate.ts";

/** How somebody looks after a plant. `regular`: when it asks for water. `forgetful`: days late, then too much. `eager`: every other day. */
export const moods = ["regular", "forgetful", "eager"] as const;
export type Mood = (typeof moods)[number];

/** A plant in its pot, and who waters it. */
export interface Pot {
  /** 1 is a pot of two litres with a plant of its size; more leaves for the pot drink more. */
  readonly thirst: number;
  /** Between which soil moistures the plant is well, in per cent. */
  readonly wellFrom: number;
  readonly wellTo: number;
  readonly mood: Mood;
  readonly longitude: number;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** What a pot holds against its own weight; what is above drains within hours. */
const holdsPercent = 82;
const driestPercent = 4;
/** Of a full pot, in an hour, at 20 °C, 50 % humidity and a bright window. */
const driesPerHour = 0.42;

/** Water in the soil of one pot, minute after minute. */
export interface Soil {
  readonly moisture: number;
  /** When it was watered last. */
  readonly wateredMs: number | undefined;
  /** Goes on by one minute. */
  step(atMs: number, weather: Weather): number;
}

export function createSoil(chance: Chance, pot: Pot): Soil {
  let moisture = pot.wellFrom + (0.35 + 0.6 * chance.unit("begin", 0)) * (pot.wellTo - pot.wellFrom);
  let pouring = 0;
  let wateredMs: number | undefined;
  let askedDay: number | undefined;

  /** The person comes by once a day, about the same time, and looks. */
  function visit(atMs: number): void {
    const day = Math.floor(atMs / dayMs + pot.longitude / 360);
    const comesAt = 17.5 + 2 * chance.bell("comes", day) * 0.6;
    const hour = solarHour(atMs, pot.longitude);
    if (hour < comesAt || hour >= comesAt + 1 / 60) return;
    if (!needsWater(day)) return;
    const aim = pot.mood === "regular" ? pot.wellTo - 0.12 * (pot.wellTo - pot.wellFrom) : pot.wellTo + 6;
    pouring = Math.max(0, Math.min(aim, 96) - moisture);
    wateredMs = atMs;
    askedDay = undefined;
  }

  function needsWater(day: number): boolean {
    const third = (pot.wellTo - pot.wellFrom) / 3;
    if (pot.mood === "eager") return (day + Math.floor(chance.unit("eager", 0) * 2)) % 2 === 0;
    if (moisture > pot.wellFrom + (pot.mood === "regular" ? third * 0.8 : 0)) return false;
    if (pot.mood === "regular") return true;
    // Seen, and put off until another day.
    askedDay ??= day;
    return day - askedDay >= 1 + Math.floor(chance.unit("puts off", askedDay) * 3);
  }

  return {
    get moisture() {
      return moisture;
    },
    get wateredMs() {
      return wateredMs;
    },
    step(atMs, weather) {
      visit(atMs);
      if (pouring > 0) {
        const poured = Math.min(pouring, 4);
        pouring -= poured;
        moisture += poured;
      }
      moisture -= dryingPerMinute(moisture, weather) * pot.thirst;
      if (moisture > holdsPercent) moisture -= ((moisture - holdsPercent) / 180) * 2;
      moisture = clamp(moisture, driestPercent, 98);
      return moisture;
    },
  };
}

/** Warm, dry, bright air takes more; what is left in dry soil is held fast. */
export function dryingPerMinute(moisture: number, { temperature, humidity, lightLux }: Weather): number {
  const warmth = clamp(1.07 ** (temperature - 20), 0.3, 4);
  const thirstOfAir = clamp((100 - humidity) / 50, 0.1, 2);
  const light = 0.35 + 0.65 * clamp(lightLux / 8_000, 0, 2);
  const held = clamp((moisture - driestPercent) / 55, 0, 1.25);
  return ((driesPerHour * minuteMs) / 3_600_000) * warmth * thirstOfAir * light * held;
}
