import type { Unit } from "@roost/contract/units";
import { units } from "@roost/contract/units";

/** How Home Assistant is told what a metric is. */
export interface Measure {
  readonly deviceClass?: string;
  readonly unit?: string;
  readonly stateClass: "measurement" | "total_increasing";
}

const m = (deviceClass: string | undefined, unit?: string, stateClass: Measure["stateClass"] = "measurement"): Measure => ({
  ...(deviceClass === undefined ? {} : { deviceClass }),
  ...(unit === undefined ? {} : { unit }),
  stateClass,
});

/**
 * What each unit means there. Home Assistant accepts a device class only together with certain units and state classes.
 *
 * @see https://developers.home-assistant.io/docs/core/entity/sensor/#available-device-classes
 */
const byUnit: Readonly<Record<Unit, Measure>> = {
  "1": m(undefined),
  "%": m(undefined, "%"),
  "°C": m("temperature", "°C"),
  lx: m("illuminance", "lx"),
  Pa: m("pressure", "Pa"),
  hPa: m("pressure", "hPa"),
  m: m("distance", "m"),
  mm: m("distance", "mm"),
  "m/s": m("speed", "m/s"),
  "m³": m("volume_storage", "m³"),
  g: m("weight", "g"),
  kg: m("weight", "kg"),
  s: m("duration", "s"),
  ms: m("duration", "ms"),
  min: m("duration", "min"),
  h: m("duration", "h"),
  Hz: m("frequency", "Hz"),
  V: m("voltage", "V"),
  mV: m("voltage", "mV"),
  A: m("current", "A"),
  mA: m("current", "mA"),
  W: m("power", "W"),
  kWh: m("energy", "kWh", "total_increasing"),
  dB: m("sound_pressure", "dB"),
  dBm: m("signal_strength", "dBm"),
  B: m("data_size", "B"),
  kB: m("data_size", "kB"),
  MB: m("data_size", "MB"),
  GB: m("data_size", "GB"),
  "B/s": m("data_rate", "B/s"),
  "bit/s": m("data_rate", "bit/s"),
  // Without a unit there.
  pH: m("ph"),
  "mS/cm": m("conductivity", "mS/cm"),
  ppm: m(undefined, "ppm"),
  "µg/m³": m(undefined, "µg/m³"),
};

/** Where the unit alone does not say what is measured, its name may. First match counts. */
const byName: readonly (readonly [unit: Unit, name: RegExp, deviceClass: string])[] = [
  ["%", /soil|moisture/, "moisture"],
  ["%", /humid/, "humidity"],
  ["%", /batter/, "battery"],
  ["dB", /signal|snr|rssi/, "signal_strength"],
  ["m/s", /wind|gust/, "wind_speed"],
  ["ppm", /co2|carbon_dioxide/, "carbon_dioxide"],
  ["ppm", /(?:^|_)co(?:_|$)|carbon_monoxide/, "carbon_monoxide"],
  ["µg/m³", /pm_?2_?5/, "pm25"],
  ["µg/m³", /pm_?10/, "pm10"],
  ["µg/m³", /pm_?1(?:_|$)/, "pm1"],
];

/** What a metric is called and counted as in Home Assistant. */
export function measureOf(metric: string, unit: Unit): Measure {
  const measure = byUnit[unit];
  const named = byName.find(([of, name]) => of === unit && name.test(metric.toLowerCase()));
  return named === undefined ? measure : { ...measure, deviceClass: named[2] };
}

/** One of Roost's units, and what a value is multiplied by and shifted to be in it. */
export interface Reading {
  readonly unit: Unit;
  readonly factor: number;
  readonly offset: number;
}

const exactly = (unit: Unit, factor: number, offset = 0): Reading => ({ unit, factor, offset });

/** Units others use for what Roost measures in its own. */
const foreign: Readonly<Record<string, Reading>> = {
  "": exactly("1", 1),
  lux: exactly("lx", 1),
  C: exactly("°C", 1),
  F: exactly("°C", 5 / 9, -160 / 9),
  "°F": exactly("°C", 5 / 9, -160 / 9),
  K: exactly("°C", 1, -273.15),
  kPa: exactly("hPa", 10),
  bar: exactly("hPa", 1_000),
  mbar: exactly("hPa", 1),
  psi: exactly("hPa", 68.947_572_931_683_6),
  inHg: exactly("hPa", 33.863_886_666_666_7),
  cm: exactly("mm", 10),
  km: exactly("m", 1_000),
  in: exactly("mm", 25.4),
  ft: exactly("m", 0.3048),
  "km/h": exactly("m/s", 1 / 3.6),
  mph: exactly("m/s", 0.447_04),
  L: exactly("m³", 0.001),
  l: exactly("m³", 0.001),
  mL: exactly("m³", 0.000_001),
  lb: exactly("kg", 0.453_592_37),
  oz: exactly("g", 28.349_523_125),
  d: exactly("h", 24),
  kHz: exactly("Hz", 1_000),
  MHz: exactly("Hz", 1_000_000),
  kW: exactly("W", 1_000),
  Wh: exactly("kWh", 0.001),
  MWh: exactly("kWh", 1_000),
  "µS/cm": exactly("mS/cm", 0.001),
  "S/cm": exactly("mS/cm", 1_000),
  ppb: exactly("ppm", 0.001),
  "mg/m³": exactly("µg/m³", 1_000),
  "kbit/s": exactly("bit/s", 1_000),
  "Mbit/s": exactly("bit/s", 1_000_000),
  "kB/s": exactly("B/s", 1_000),
  "MB/s": exactly("B/s", 1_000_000),
};

/** How a value announced in a unit becomes one of Roost's; `undefined` for a unit that means nothing here. */
export function readingOf(announced: string | undefined, deviceClass: string | undefined): Reading | undefined {
  // There are two letters for micro, and both are in use.
  const unit = (announced ?? "").trim().replaceAll("\u03BC", "\u00B5");
  if (unit === "" && deviceClass === "ph") return exactly("pH", 1);
  const own = units.find((one) => one === unit);
  if (own !== undefined) return exactly(own, 1);
  return Object.hasOwn(foreign, unit) ? foreign[unit] : undefined;
}

/** A value in Roost's unit. What is round in one unit stays round in the other. */
export function convertBy({ factor, offset }: Reading, value: number): number {
  return factor === 1 && offset === 0 ? value : Number((value * factor + offset).toPrecision(12));
}
