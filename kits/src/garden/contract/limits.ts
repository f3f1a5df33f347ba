import type { Unit } from "@roost/contract/units";
import { z } from "zod";

/** The metrics that a plant has limits for. */
export const limitedMetrics = ["soil_moisture", "temperature", "humidity", "light_level"] as const;
export const limitedMetric = z.enum(limitedMetrics);
export type LimitedMetric = z.output<typeof limitedMetric>;

/** The units that limits are in: those of the garden's own nodes. */
export const metricUnits: Readonly<Record<LimitedMetric, Unit>> = {
  soil_moisture: "%",
  temperature: "°C",
  humidity: "%",
  light_level: "lx",
};

/** What a sensor can measure: a limit outside could never be crossed. */
const possible: Readonly<Record<LimitedMetric, z.ZodNumber>> = {
  soil_moisture: z.number().min(0).max(100),
  temperature: z.number().min(-40).max(80),
  humidity: z.number().min(0).max(100),
  light_level: z.number().min(0).max(120_000),
};

/** Where a value is well: from `min` to `max`, both inside. Null: no limit on that side; 0 is a limit like any other. */
const bandOf = (limit: z.ZodNumber) => z.strictObject({ min: limit.nullable(), max: limit.nullable() });
export const band = bandOf(z.number());
export type Band = z.output<typeof band>;

/** Bands by metric; a metric without one is not judged. */
export const plantLimits = z.strictObject({
  soil_moisture: bandOf(possible.soil_moisture).optional(),
  temperature: bandOf(possible.temperature).optional(),
  humidity: bandOf(possible.humidity).optional(),
  light_level: bandOf(possible.light_level).optional(),
});
export type PlantLimits = z.output<typeof plantLimits>;

/** One band as people change it: absent stays, null clears. */
const bandChange = (limit: z.ZodNumber) =>
  z.strictObject({ min: limit.nullable().optional(), max: limit.nullable().optional() }).nullable().optional();

/** Changes of limits: what is absent stays, null clears a side or a whole band. */
export const limitChange = z.strictObject({
  soil_moisture: bandChange(possible.soil_moisture),
  temperature: bandChange(possible.temperature),
  humidity: bandChange(possible.humidity),
  light_level: bandChange(possible.light_level),
});
export type LimitChange = z.output<typeof limitChange>;
