import type { Chance } from "./chance.ts";

/** Where in the world the plants stand: the sun's course follows from it. */
export interface Place {
  /** Degrees, north is positive. */
  readonly latitude: number;
  /** Degrees, east is positive. */
  readonly longitude: number;
}

/** Where in the rooms a plant stands. */
export interface Spot {
  readonly name: string;
  /** Share of the light outside that falls on it under an even sky. */
  readonly daylight: number;
  /** Hour of local solar time about which the sun itself shines in; absent: never. */
  readonly sunAtHour?: number;
  /** Degrees above or below what the rooms have. */
  readonly warmerBy: number;
  /** Per cent above or below what the rooms have. */
  readonly damperBy: number;
}

/** What there is to be measured at a spot. */
export interface Weather {
  readonly temperature: number;
  readonly humidity: number;
  readonly lightLux: number;
}

const dayMs = 86_400_000;
const hourMs = 3_600_000;
const toRadians = Math.PI / 180;
/** Below it nothing of the sun reaches a room: the end of civil twilight. */
const darkBelowDegrees = -6;

/**
 * Height of the sun above the horizon.
 *
 * @see J. W. Spencer, Fourier series representation of the position of the sun, Search 2 (1971); the equation of time (16 min at the most) is left out.
 */
export function sunHeightDegrees(atMs: number, { latitude, longitude }: Place): number {
  const year = (2 * Math.PI * (dayOfYear(atMs) - 1)) / 365;
  const declination =
    0.006_918 - 0.399_912 * Math.cos(year) + 0.070_257 * Math.sin(year) - 0.006_758 * Math.cos(2 * year) + 0.000_907 * Math.sin(2 * year);
  const hourAngle = (solarHour(atMs, longitude) - 12) * 15 * toRadians;
  const north = latitude * toRadians;
  const sine = Math.sin(north) * Math.sin(declination) + Math.cos(north) * Math.cos(declination) * Math.cos(hourAngle);
  return Math.asin(sine) / toRadians;
}

/** Hour of the day by the sun: 12 is noon. */
export function solarHour(atMs: number, longitude: number): number {
  return (((atMs / hourMs + longitude / 15) % 24) + 24) % 24;
}

/** Rooms with windows somewhere, their weather and their daily round. */
export function createClimate(chance: Chance, place: Place) {
  /** 0 clear to 1 overcast: fronts take days, clouds hours. */
  function cloudAt(atMs: number): number {
    const front = chance.drift("front", atMs / (2.5 * dayMs));
    const clouds = chance.drift("clouds", atMs / (2 * hourMs));
    return clamp(0.5 + 0.55 * front + 0.3 * clouds, 0, 1);
  }

  function outdoorLux(atMs: number, cloud: number): number {
    const height = sunHeightDegrees(atMs, place);
    if (height <= darkBelowDegrees) return 0;
    // Twilight begins with a few lux and reaches 400 when the sun touches the horizon.
    if (height <= 0) return 400 * ((height - darkBelowDegrees) / -darkBelowDegrees) ** 3;
    const clear = 400 + 120_000 * Math.sin(height * toRadians) ** 1.25;
    return clear * (1 - 0.75 * cloud ** 3.4);
  }

  function outdoorTemperature(atMs: number, cloud: number): number {
    const season = Math.cos((2 * Math.PI * (dayOfYear(atMs) - 200)) / 365) * Math.sign(place.latitude || 1);
    const mean = 27 - Math.abs(place.latitude) * 0.34 + season * Math.abs(place.latitude) * 0.19;
    const day = Math.cos((2 * Math.PI * (solarHour(atMs, place.longitude) - 15)) / 24);
    return mean + day * (5 - 3 * cloud) + 4 * chance.drift("air", atMs / (3 * dayMs));
  }

  return {
    /** What could be measured at a spot, exactly; sensors add their own errors. */
    at(atMs: number, spot: Spot): Weather {
      const cloud = cloudAt(atMs);
      const outside = outdoorLux(atMs, cloud);
      const air = outdoorTemperature(atMs, cloud);
      const hour = solarHour(atMs, place.longitude);
      return {
        temperature: roomTemperature(hour, air) + spot.warmerBy + 0.5 * chance.drift(`${spot.name} draught`, atMs / (40 * 60_000)),
        humidity: clamp(
          roomHumidity(hour, air) + spot.damperBy + bathing(atMs, spot) + 3 * chance.drift("damp", atMs / (9 * hourMs)),
          15,
          98,
        ),
        lightLux: outside * (spot.daylight + sunShare(hour, cloud, spot)),
      };
    },
  };

  /** Somebody showers or cooks on some hours of the day: what is near feels it most. */
  function bathing(atMs: number, spot: Spot): number {
    const hour = solarHour(atMs, place.longitude);
    const day = Math.floor(atMs / dayMs);
    const begins = 6.5 + chance.unit("shower", day) * 1.5;
    const since = hour - begins;
    return since < 0 || since > 3 ? 0 : Math.max(0, spot.damperBy) * 1.2 * Math.exp(-since * 1.3);
  }
}

export type Climate = ReturnType<typeof createClimate>;

/** Heated by day, let go by night; where it is warm outside the rooms follow. */
function roomTemperature(hour: number, air: number): number {
  const heated = 20.3 + 1.5 * Math.cos((2 * Math.PI * (hour - 16)) / 24);
  return air > heated - 4 ? heated + (air - heated + 4) * 0.55 : heated + (air - heated + 4) * 0.06;
}

/** Cold air that is warmed is dry. */
function roomHumidity(hour: number, air: number): number {
  return 41 + 0.75 * (air - 4) - 3.5 * Math.cos((2 * Math.PI * (hour - 16)) / 24);
}

/** For an hour or two the sun itself may lie on the leaves. */
function sunShare(hour: number, cloud: number, { sunAtHour }: Spot): number {
  if (sunAtHour === undefined) return 0;
  const off = (hour - sunAtHour) / 1.6;
  return 0.3 * Math.exp(-off * off) * (1 - cloud);
}

function dayOfYear(atMs: number): number {
  const at = new Date(atMs);
  return (atMs - Date.UTC(at.getUTCFullYear(), 0, 1)) / dayMs + 1;
}

export function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
