import type { Chance } from "./chance.ts";
import type { Climate, Spot, Weather } from "./climate.ts";
import { createSoil } from "./soil.ts";
import type { Pot } from "./soil.ts";

/** What is true of a plant at an instant; its node's sensors see it with their errors. */
export interface Truth extends Weather {
  readonly soilMoisture: number;
}

const minuteMs = 60_000;

/**
 * A plant where it stands, from an instant on.
 *
 * @returns What is true of it; instants are asked for in order.
 */
export function createPlant({
  chance,
  climate,
  spot,
  pot,
  fromMs,
}: {
  chance: Chance;
  climate: Climate;
  spot: Spot;
  pot: Pot;
  fromMs: number;
}): (atMs: number) => Truth {
  const soil = createSoil(chance, pot);
  // Whole minutes, so that a story told in other steps is the same story.
  let minute = Math.floor(fromMs / minuteMs);
  let weather = climate.at(minute * minuteMs, spot);
  return (atMs) => {
    for (const until = Math.floor(atMs / minuteMs); minute < until; minute += 1) {
      weather = climate.at(minute * minuteMs, spot);
      soil.step(minute * minuteMs, weather);
    }
    return { ...climate.at(atMs, spot), soilMoisture: soil.moisture };
  };
}
