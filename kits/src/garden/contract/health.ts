import { defineErrors } from "@roost/contract/errors";
import { deviceId } from "@roost/contract/ids";
import { personal } from "@roost/contract/personal";
import { defineRoute } from "@roost/contract/route";
import { instant } from "@roost/contract/time";
import { z } from "zod";

import { limitedMetric } from "./limits.ts";
import { gardenErrors, plantId } from "./plants.ts";

/** Where a metric goes, as far as its hourly means can tell. */
export const trend = z.object({
  metric: limitedMetric,
  /** `stable`: whatever goes up and down in it, a day's rise and fall included, leads nowhere. `unknown`: see `because`. */
  direction: z.enum(["rising", "falling", "stable", "unknown"]),
  /**
   * Why nothing can be said: `no_data` in the last hours, `too_little_data`, `daily_cycle`: less than two days, in which a day's rise and fall looks
   * like a trend, `just_watered`: how the soil dries since then is yet to be seen.
   */
  because: z.enum(["no_data", "too_little_data", "daily_cycle", "just_watered"]).optional(),
  /** In the metric's unit, with its 95 % interval. */
  slopePerDay: z.number().optional(),
  slopeLow: z.number().optional(),
  slopeHigh: z.number().optional(),
  /** How often chance alone would make as much of a trend; absent where the change dwarfs all scatter and needs no test. */
  pValue: z.number().optional(),
  /** Of the 24 hours up to the newest value. */
  average: z.number().optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  /** Hours with values that the direction rests on, and the time from the first to the end of the last. */
  hours: z.int().nonnegative(),
  spanHours: z.number().nonnegative(),
  text: z.string(),
});
export type Trend = z.output<typeof trend>;

/** A value outside its limits, or inside and within a tenth of the band of its edge. */
export const healthIssue = z.object({
  metric: limitedMetric,
  /** `critical`: beyond the limit by more than 30 % of the band (with one limit only: of the limit). */
  severity: z.enum(["warning", "critical"]),
  value: z.number(),
  measuredAt: instant,
  deviceId,
  limit: z.number(),
  direction: z.enum(["min", "max"]),
  /** The limit is violated; else it is near. */
  isBeyond: z.boolean(),
  text: z.string(),
});
export type HealthIssue = z.output<typeof healthIssue>;

/** A limited metric that could not be judged. */
export const unjudged = z.object({
  metric: limitedMetric,
  /**
   * `never_measured` by the plant's nodes; `stale`: older than three paces of its node; `suspect`: the platform doubts the value;
   * `part_of_a_day`: light is judged by the brightest hour of a day, and there is no whole day yet.
   */
  because: z.enum(["never_measured", "stale", "suspect", "part_of_a_day"]),
  measuredAt: instant.optional(),
  text: z.string(),
});
export type Unjudged = z.output<typeof unjudged>;

/** The rules that advice comes from. */
export const adviceRules = [
  "water_now",
  "water_soon",
  "drying_fast",
  "too_wet",
  "too_cold",
  "too_hot",
  "temperature_swing",
  "dry_air",
  "damp_air",
  "too_dark",
  "too_bright",
  "node_silent",
  "care_plan",
  "set_up_model",
] as const;
export const adviceRule = z.enum(adviceRules);
export type AdviceRule = z.output<typeof adviceRule>;

/** `urgent`: today. `soon`: in the next days. `note`: good to know. */
export const advicePriority = z.enum(["urgent", "soon", "note"]);

export const advice = z.object({
  rule: adviceRule,
  priority: advicePriority,
  text: z.string(),
  /** The reading it rests on; absent for what rests on none. */
  reading: z.object({ metric: limitedMetric, value: z.number(), measuredAt: instant }).optional(),
});
export type Advice = z.output<typeof advice>;

const percent = z.number().min(0).max(100);
const celsius = z.number().min(-40).max(80);

/** The numbers of the rules. */
export const adviceNumbers = z.strictObject({
  /** Falling and below it: water soon. */
  waterSoonBelow: percent,
  /** Falling by more in a day: drying fast. */
  dryingFastPerDay: percent,
  /** Above it and rising: too wet. */
  tooWetAbove: percent,
  coldBelow: celsius,
  hotAbove: celsius,
  /** Between the coldest and the warmest of 24 hours. */
  swingAbove: z.number().min(0).max(120),
  dryAirBelow: percent,
  /** Above it and rising: too damp. */
  dampAirAbove: percent,
});
export type AdviceNumbers = z.output<typeof adviceNumbers>;

/** What somebody set of them. */
export const ownAdviceNumbers = adviceNumbers.partial();
export type OwnAdviceNumbers = z.output<typeof ownAdviceNumbers>;

/** When the soil reaches its lower limit if it goes on drying as it does. */
export const dryForecast = z.object({
  limit: z.number(),
  inDays: z.number().nonnegative(),
  /** By the interval of the slope; `latestDays` absent: perhaps never. */
  earliestDays: z.number().nonnegative(),
  latestDays: z.number().nonnegative().optional(),
  text: z.string(),
});
export type DryForecast = z.output<typeof dryForecast>;

export const healthCheck = z.object({
  plantId,
  status: z.enum(["optimal", "warning", "critical", "unknown"]),
  /** Why, in a sentence. */
  text: z.string(),
  /** The worst first. */
  issues: z.array(healthIssue),
  unjudged: z.array(unjudged),
  /** The most urgent first. */
  recommendations: z.array(advice).max(4),
  trends: z.array(trend),
  dryForecast: dryForecast.optional(),
  checkedAt: instant,
  hasCarePlan: z.boolean(),
  carePlanAgeHours: z.number().nonnegative().optional(),
});
export type HealthCheck = z.output<typeof healthCheck>;

export const checkHealth = defineRoute({
  operation: "gardenCheckHealth",
  method: "POST",
  path: "/api/v1/kits/garden/plants/:plantId/health-check",
  access: "garden:read",
  summary: "Judges a plant by its newest values, its limits and the trends of the last week, and advises by rules. Changes nothing.",
  params: z.object({ plantId }),
  reply: healthCheck,
  errors: [gardenErrors.plant_not_found],
});

export const adviceErrors = defineErrors("garden_advice", {
  numbers_reversed: [400, "A lower number is greater than the upper one it belongs to. Swap them, or clear one."],
  ambiguous_plant: [409, "Several plants go by this name. Name it by its id."],
});

/** The numbers that rules go by, and where each is from: set for the plant, set for its species, by the limits, or the usual one. */
export const adviceNumbersInForce = z.object({
  numbers: adviceNumbers,
  from: z.record(adviceNumbers.keyof(), z.enum(["plant", "species", "limits", "usual"])),
});
export type AdviceNumbersInForce = z.output<typeof adviceNumbersInForce>;

/** Changes of numbers: what is absent stays, null goes back to what there is without it. */
const numbersChange = z.strictObject({
  waterSoonBelow: percent.nullable().optional(),
  dryingFastPerDay: percent.nullable().optional(),
  tooWetAbove: percent.nullable().optional(),
  coldBelow: celsius.nullable().optional(),
  hotAbove: celsius.nullable().optional(),
  swingAbove: adviceNumbers.shape.swingAbove.nullable().optional(),
  dryAirBelow: percent.nullable().optional(),
  dampAirAbove: percent.nullable().optional(),
});
export type AdviceNumbersChange = z.output<typeof numbersChange>;

const onePlant = z.object({ plantId });
const oneSpecies = z.object({ presetId: personal("none", z.string().regex(/^[a-z0-9-]{1,64}$/)) });

export const getPlantAdvice = defineRoute({
  operation: "gardenGetPlantAdvice",
  method: "GET",
  path: "/api/v1/kits/garden/plants/:plantId/advice-numbers",
  access: "garden:read",
  summary: "Shows the numbers that the rules go by for a plant, and where each is from.",
  params: onePlant,
  reply: adviceNumbersInForce,
  errors: [gardenErrors.plant_not_found],
});

export const changePlantAdvice = defineRoute({
  operation: "gardenChangePlantAdvice",
  method: "PATCH",
  path: "/api/v1/kits/garden/plants/:plantId/advice-numbers",
  access: "garden:write",
  summary: "Sets numbers of the rules for one plant; absent ones stay, null goes back to its species' or limits'.",
  params: onePlant,
  body: numbersChange,
  reply: adviceNumbersInForce,
  errors: [gardenErrors.plant_not_found, adviceErrors.numbers_reversed],
});

export const getSpeciesAdvice = defineRoute({
  operation: "gardenGetSpeciesAdvice",
  method: "GET",
  path: "/api/v1/kits/garden/presets/:presetId/advice-numbers",
  access: "garden:read",
  summary: "Shows the numbers that the rules go by for a species, and where each is from.",
  params: oneSpecies,
  reply: adviceNumbersInForce,
  errors: [gardenErrors.unknown_preset],
});

export const changeSpeciesAdvice = defineRoute({
  operation: "gardenChangeSpeciesAdvice",
  method: "PATCH",
  path: "/api/v1/kits/garden/presets/:presetId/advice-numbers",
  access: "garden:write",
  wholeOrganisation: true,
  summary: "Sets numbers of the rules for all plants of a species; absent ones stay, null goes back to the limits'.",
  params: oneSpecies,
  body: numbersChange,
  reply: adviceNumbersInForce,
  errors: [gardenErrors.unknown_preset, adviceErrors.numbers_reversed],
});

export const healthRoutes = [checkHealth, getPlantAdvice, changePlantAdvice, getSpeciesAdvice, changeSpeciesAdvice] as const;
