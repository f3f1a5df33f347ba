import type { Random } from "./random.ts";

/** Values of one sample. */
export type Values = Record<string, number | boolean>;

/**
 * What a small weather station in a coop would measure: a day's course, slow drift and noise, each metric with the decimals its
 * sensor has.
 */
export function createSignals(random: Random): (nowMs: number) => Values {
  // Devices do not stand in the same place.
  const warmth = random() * 6 - 3;
  const phase = random() * 0.3;
  let drift = 0;
  let battery = 3.6 + random() * 0.6;
  return (nowMs) => {
    const day = Math.sin(2 * Math.PI * ((nowMs / 86_400_000 + phase) % 1) - Math.PI / 2);
    drift = drift * 0.98 + (random() - 0.5) * 0.4;
    battery = Math.max(3.2, battery - 0.000_002);
    const temperature = 18 + warmth + day * 7 + drift;
    const light = Math.max(0, day) * 40_000 * (0.8 + random() * 0.4);
    return {
      temperature: rounded(temperature, 2),
      humidity: rounded(Math.min(100, Math.max(5, 60 - day * 15 - drift * 3 + random())), 1),
      light: rounded(light, 0),
      battery_voltage: rounded(battery + (random() - 0.5) * 0.01, 3),
    };
  };
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}
