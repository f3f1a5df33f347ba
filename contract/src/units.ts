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
