import { limitedMetrics, metricUnits } from "../contract/limits.ts";
import type { Band, LimitChange, LimitedMetric, PlantLimits } from "../contract/limits.ts";
import { gardenErrors } from "../contract/plants.ts";

/** How a value stands to a band: strictly outside it, inside within a tenth of its edge, or well inside. */
export type Standing = "below" | "near_min" | "inside" | "near_max" | "above";

/**
 * What a sensor can tell at most, in the metric's unit. A limit that lies there can never be crossed, so nearness to it says nothing.
 *
 * @see the manifest's metrics, which a test holds these to
 */
export const measurable: Readonly<Record<LimitedMetric, { readonly min: number; readonly max: number }>> = {
  soil_moisture: { min: 0, max: 100 },
  temperature: { min: -40, max: 80 },
  humidity: { min: 0, max: 100 },
  light_level: { min: 0, max: 120_000 },
};

/**
 * Whether a value in this unit can be held against limits. Any device may stand at a plant, and one that says no unit counts from 0 to 1, or to 100, or to
 * whatever its converter has: nobody knows.
 */
export function isInUnitOfLimits(metric: LimitedMetric, unit: string): boolean {
  return metricUnits[metric] === unit;
}

/**
 * How wide a band usually is, for bands with one side only whose limit is no measure of itself: 0, and degrees Celsius, whose zero is arbitrary.
 * From the bands 20 to 80 %, 18 to 30 °C and 40 to 80 %; light, that has no upper limit as a rule, by what divides a dim place from a bright one.
 */
const usualWidth: Readonly<Record<LimitedMetric, number>> = { soil_moisture: 60, temperature: 12, humidity: 40, light_level: 1_000 };

/** A value is near the edge within this share of the band's measure. */
const nearShare = 0.1;

/** Whether a band limits anything. */
export function isLimiting(band: Band | undefined): band is Band {
  return band !== undefined && (band.min !== null || band.max !== null);
}

/**
 * What "30 per cent beyond a limit" and "10 per cent from the edge" are per cent of, in the metric's unit; always above 0.
 *
 * Both limits: the band's width. One limit: the limit itself where the metric has a true zero, else the width bands usually have; so too for a
 * limit of 0 and for a band without width. Light spans decades: each of its limits is a measure by itself.
 */
export function measureOf(metric: LimitedMetric, band: Band, side: "min" | "max"): number {
  const { min, max } = band;
  if (metric !== "light_level" && min !== null && max !== null) return max > min ? max - min : usualWidth[metric];
  const limit = Math.abs(band[side] ?? 0);
  return metric === "temperature" || limit === 0 ? usualWidth[metric] : limit;
}

/** How a value stands to a band. The limits themselves are inside: only what is strictly beyond breaches. */
export function standingOf(metric: LimitedMetric, band: Band, value: number): Standing {
  const { min, max } = band;
  if (min !== null && value < min) return "below";
  if (max !== null && value > max) return "above";
  // In tenths of the measure: 1 and less is near.
  const fromMin = min === null || min <= measurable[metric].min ? Infinity : (value - min) / (nearShare * measureOf(metric, band, "min"));
  const fromMax = max === null || max >= measurable[metric].max ? Infinity : (max - value) / (nearShare * measureOf(metric, band, "max"));
  if (Math.min(fromMin, fromMax) > 1) return "inside";
  return fromMin <= fromMax ? "near_min" : "near_max";
}

/** How far beyond a band a value lies, as a share of {@link measureOf}; 0 inside. */
export function excessOf(metric: LimitedMetric, band: Band, value: number): number {
  if (band.min !== null && value < band.min) return (band.min - value) / measureOf(metric, band, "min");
  if (band.max !== null && value > band.max) return (value - band.max) / measureOf(metric, band, "max");
  return 0;
}

/**
 * Limits with a change made to them: what is absent stays, null clears a side or a whole band. A band without limits is left out.
 *
 * @throws {AppError} `garden.limits_reversed` when a lower limit would be greater than the upper one; equal is allowed
 */
export function changeLimits(limits: PlantLimits, change: LimitChange): PlantLimits {
  const changed: PlantLimits = {};
  for (const metric of limitedMetrics) {
    const band = changeBand(limits[metric], change[metric]);
    if (band.min !== null && band.max !== null && band.min > band.max) throw gardenErrors.limits_reversed({ metric, ...band });
    if (isLimiting(band)) changed[metric] = band;
  }
  return changed;
}

function changeBand(band: Band | undefined, change: LimitChange[LimitedMetric]): Band {
  const before = band ?? { min: null, max: null };
  if (change === undefined) return before;
  if (change === null) return { min: null, max: null };
  return { min: change.min === undefined ? before.min : change.min, max: change.max === undefined ? before.max : change.max };
}
