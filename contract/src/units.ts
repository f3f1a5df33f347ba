import { z } from "zod";

/**
 * The closed list of units; everything inside is SI or degrees Celsius, people see their preference.
 * `1` is a plain number without a unit.
 */
export const units = [
  "1",
  "%",
  "°C",
  "lx",
  "Pa",
  "hPa",
  "m",
  "mm",
  "m/s",
  "m³",
  "g",
  "kg",
  "s",
  "ms",
  "min",
  "h",
  "Hz",
  "V",
  "mV",
  "A",
  "mA",
  "W",
  "kWh",
  "dB",
  "dBm",
  "B",
  "kB",
  "MB",
  "GB",
  "B/s",
  "bit/s",
  "pH",
  "mS/cm",
  "ppm",
  "µg/m³",
] as const;

export const unit = z.enum(units);
export type Unit = z.infer<typeof unit>;

/** Units of one quantity: `value * factor + offset` is the value in the quantity's own unit. */
const quantities: readonly Readonly<Record<string, readonly [factor: number, offset?: number]>>[] = [
  { "°C": [1], "°F": [5 / 9, -160 / 9], K: [1, -273.15] },
  { Pa: [1], hPa: [100], kPa: [1_000], bar: [100_000] },
  { m: [1], mm: [0.001], cm: [0.01], km: [1_000] },
  { "m/s": [1], "km/h": [1 / 3.6] },
  { "m³": [1], l: [0.001] },
  { g: [1], kg: [1_000] },
  { s: [1], ms: [0.001], min: [60], h: [3_600] },
  { Hz: [1], kHz: [1_000] },
  { V: [1], mV: [0.001] },
  { A: [1], mA: [0.001] },
  { W: [1], kW: [1_000] },
  { kWh: [1], Wh: [0.001] },
  { B: [1], kB: [1_000], MB: [1e6], GB: [1e9] },
  { "B/s": [1], "bit/s": [0.125] },
  { "1": [1], "%": [0.01], ppm: [1e-6] },
];

/** Whether there is such a unit, be it one of {@link units} or one that limits may be given in beside them. */
export function isUnit(text: string): boolean {
  return (units as readonly string[]).includes(text) || quantities.some((quantity) => Object.hasOwn(quantity, text));
}

/**
 * A value in another unit of the same quantity; `undefined` where the units do not measure the same.
 *
 * @param what - `span`: a difference of two values, to which the zero point of the scale says nothing.
 */
export function convert(value: number, from: string, to: string, what: "value" | "span" = "value"): number | undefined {
  if (from === to) return value;
  const quantity = quantities.find((one) => Object.hasOwn(one, from) && Object.hasOwn(one, to));
  const [factor, offset = 0] = quantity?.[from] ?? [];
  const [toFactor, toOffset = 0] = quantity?.[to] ?? [];
  if (factor === undefined || toFactor === undefined) return undefined;
  const converted = what === "span" ? (value * factor) / toFactor : (value * factor + offset - toOffset) / toFactor;
  // What is round in one unit stays round in the other.
  return Number(converted.toPrecision(12));
}
