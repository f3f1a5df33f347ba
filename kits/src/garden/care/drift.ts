import type { CareDrift, CarePlanBody } from "../contract/care.ts";
import { limitedMetrics, metricUnits } from "../contract/limits.ts";
import type { LimitedMetric } from "../contract/limits.ts";
import { metricWords } from "../health/trend-words.ts";
import type { CareReading } from "./care-facts.ts";

/** From here on a plan speaks of another day. Light swings with every cloud, so there it takes a factor. */
const far: Readonly<Record<LimitedMetric, (planned: number, now: number) => boolean>> = {
  soil_moisture: (planned, now) => Math.abs(planned - now) >= 15,
  temperature: (planned, now) => Math.abs(planned - now) >= 5,
  humidity: (planned, now) => Math.abs(planned - now) >= 15,
  light_level: (planned, now) => Math.max(planned, now) >= 4 * Math.max(50, Math.min(planned, now)),
};

/** Sets what a plan rests on against what the sensors say now; metrics that either side lacks are left out. */
export function driftOf(plan: CarePlanBody, readings: readonly CareReading[]): CareDrift[] {
  const cited = [plan.watering, plan.light, plan.humidity, plan.temperature, plan.summary].flatMap(({ cites }) => cites);
  return limitedMetrics.flatMap((metric) => {
    const planned = cited.find((citation) => citation.metric === metric);
    if (planned === undefined) return [];
    // The same node where it still stands there: two probes in one pot never agree.
    const own = readings.filter((reading) => reading.metric === metric);
    const now = own.find(({ deviceId }) => deviceId === planned.deviceId) ?? own[0];
    if (now === undefined) return [];
    const isFar = far[metric](planned.value, now.value);
    const unit = metricUnits[metric];
    const text = isFar
      ? `${metricWords[metric]} was ${planned.value} ${unit} when the plan was written and is ${now.value} ${unit} now. Ask for a new plan.`
      : `${metricWords[metric]} is about what it was when the plan was written.`;
    return [{ metric, planned: planned.value, now: now.value, unit, measuredAt: now.measuredAt, isFar, text }];
  });
}
