import { adviceRules } from "../contract/health.ts";
import type { Advice, AdviceNumbers, AdviceRule, DryForecast, OwnAdviceNumbers, Trend } from "../contract/health.ts";
import type { LimitedMetric, PlantLimits } from "../contract/limits.ts";
import { excessOf, isLimiting, measureOf } from "../plants/limits.ts";
import type { Brightest, Reading } from "./health.ts";
import { metricWords, spanWords, valueWords } from "./trend-words.ts";

/** Where neither plant nor species says otherwise. */
export const usualNumbers: AdviceNumbers = {
  waterSoonBelow: 40,
  dryingFastPerDay: 10,
  tooWetAbove: 80,
  coldBelow: 15,
  hotAbove: 30,
  swingAbove: 10,
  dryAirBelow: 40,
  dampAirAbove: 80,
};

/** Water is asked for this share of the band above the lower limit: before the plant suffers. */
const soonShare = 0.2;
/** Further beyond a limit of temperature than this share of its measure is urgent. */
const urgentExcess = 0.3;
/** Soil that is dry by then asks for water soon. */
const soonDays = 2;
/** Nobody knows the weather of next month. */
const longestForecastDays = 30;

export interface AdviceQuestion {
  readonly numbers: AdviceNumbers;
  /** The plant's own, else its species'; see {@link effectiveLimits}. */
  readonly limits: PlantLimits;
  /** Those that are current; what is stale goes into `silent`. */
  readonly readings: Readonly<Partial<Record<LimitedMetric, Reading>>>;
  readonly silent: Readonly<Partial<Record<LimitedMetric, Reading>>>;
  readonly trends: Readonly<Partial<Record<LimitedMetric, Trend>>>;
  readonly brightest?: Brightest | undefined;
  /** Tips of the plant's care plan, if it has one. */
  readonly tips?: readonly string[] | undefined;
  /** A model is set up that could write a care plan. */
  readonly hasModel: boolean;
}

/** The plant's own band of each metric where it limits anything, else its species'. */
export function effectiveLimits(own: PlantLimits, species: PlantLimits | undefined): PlantLimits {
  return { ...species, ...Object.fromEntries(Object.entries(own).filter(([, band]) => isLimiting(band))) };
}

/** The numbers of the rules: what somebody set, else what follows from the limits, else the usual ones. */
export function numbersOf(limits: PlantLimits, own: OwnAdviceNumbers = {}): AdviceNumbers {
  const { soil_moisture: soil, temperature, humidity } = limits;
  const set = Object.fromEntries(Object.entries(own).filter(([, number]) => number !== undefined));
  return {
    ...usualNumbers,
    ...(soil?.min === undefined || soil.min === null
      ? {}
      : { waterSoonBelow: Math.min(soil.min + soonShare * measureOf("soil_moisture", soil, "min"), 100) }),
    tooWetAbove: soil?.max ?? usualNumbers.tooWetAbove,
    coldBelow: temperature?.min ?? usualNumbers.coldBelow,
    hotAbove: temperature?.max ?? usualNumbers.hotAbove,
    dryAirBelow: humidity?.min ?? usualNumbers.dryAirBelow,
    dampAirAbove: humidity?.max ?? usualNumbers.dampAirAbove,
    ...set,
  };
}

/**
 * When the soil reaches its lower limit (without one: where water is asked for) if it goes on falling as it does.
 *
 * @returns `undefined` where it does not fall, is there already, or takes longer than anybody can tell.
 */
export function forecastDry({ limits, numbers, readings, trends }: AdviceQuestion): DryForecast | undefined {
  const reading = readings.soil_moisture;
  const trend = trends.soil_moisture;
  if (reading === undefined || trend?.direction !== "falling" || trend.slopePerDay === undefined) return undefined;
  const limit = limits.soil_moisture?.min ?? numbers.waterSoonBelow;
  const left = reading.value - limit;
  const inDays = left / -trend.slopePerDay;
  if (left <= 0 || inDays > longestForecastDays) return undefined;
  const earliestDays = left / -Math.min(trend.slopeLow ?? trend.slopePerDay, trend.slopePerDay);
  const slowest = Math.max(trend.slopeHigh ?? trend.slopePerDay, trend.slopePerDay);
  const latestDays = slowest < 0 ? left / -slowest : undefined;
  const range = latestDays === undefined ? `${daysWords(earliestDays)} at the earliest` : rangeWords(earliestDays, latestDays);
  return {
    limit,
    inDays,
    earliestDays,
    ...(latestDays === undefined ? {} : { latestDays }),
    text: `At this pace the soil is down to ${valueWords("soil_moisture", limit)} in about ${daysWords(inDays)} (${range}).`,
  };
}

/**
 * What to do, by rules that need no model. Each says which reading it rests on; those that contradict each other do not both speak. Where no rule
 * speaks of what was measured, the care plan's tips do; without one, a hint how to get one.
 *
 * @returns The most urgent first.
 */
export function advise(question: AdviceQuestion): Advice[] {
  const spoken = [
    ...adviseSoil(question),
    ...adviseTemperature(question),
    ...adviseAir(question),
    ...adviseLight(question),
    ...adviseSilent(question),
  ];
  const given = spoken.length > 0 ? spoken : adviseOtherwise(question);
  const priorities = ["urgent", "soon", "note"];
  const rank = ({ priority, rule }: Advice) => priorities.indexOf(priority) * adviceRules.length + adviceRules.indexOf(rule);
  return given.sort((one, other) => rank(one) - rank(other));
}

function adviceOf(
  rule: AdviceRule,
  priority: Advice["priority"],
  metric: LimitedMetric,
  reading: { value: number; measuredAt: Date },
  text: string,
): Advice {
  return { rule, priority, text, reading: { metric, value: reading.value, measuredAt: reading.measuredAt } };
}

function adviseSoil(question: AdviceQuestion): Advice[] {
  const reading = question.readings.soil_moisture;
  if (reading === undefined) return [];
  const { limits, numbers, trends } = question;
  const band = limits.soil_moisture;
  const trend = trends.soil_moisture;
  const isFalling = trend?.direction === "falling";
  const words = valueWords("soil_moisture", reading.value);
  const say = (rule: AdviceRule, priority: Advice["priority"], text: string) => adviceOf(rule, priority, "soil_moisture", reading, text);

  // Too wet is said first: with it, whatever asks for water is silent.
  const isLimited = band?.max !== undefined && band.max !== null;
  if (reading.value > numbers.tooWetAbove && (isLimited || trend?.direction === "rising")) {
    const hint = isFalling ? "It is drying; wait before you water again." : "Do not water; see that the pot can drain.";
    return [say("too_wet", "soon", `The soil is too wet at ${words}, above ${valueWords("soil_moisture", numbers.tooWetAbove)}. ${hint}`)];
  }
  const given: Advice[] = [];
  const forecast = forecastDry(question);
  if (band?.min !== undefined && band.min !== null && reading.value < band.min) {
    given.push(
      say("water_now", "urgent", `Water now: the soil is at ${words}, below its limit of ${valueWords("soil_moisture", band.min)}.`),
    );
  } else if (isFalling && (reading.value < numbers.waterSoonBelow || (forecast?.inDays ?? Infinity) <= soonDays)) {
    given.push(
      say("water_soon", "soon", ["Water soon: the soil is at", `${words} and falling.`, forecast?.text].filter(Boolean).join(" ")),
    );
  }
  const fallPerDay = isFalling ? -(trend.slopePerDay ?? 0) : 0;
  if (fallPerDay > numbers.dryingFastPerDay) {
    const text = `The soil dries fast, by ${spanWords("soil_moisture", fallPerDay)} a day. A larger pot, a cooler place or a cover on the soil slows it down.`;
    given.push(say("drying_fast", "note", text));
  }
  return given;
}

function adviseTemperature({ limits, numbers, readings, trends }: AdviceQuestion): Advice[] {
  const given: Advice[] = [];
  const reading = readings.temperature;
  const trend = trends.temperature;
  if (reading === undefined) return given;
  const band = limits.temperature ?? { min: numbers.coldBelow, max: numbers.hotAbove };
  const priority = excessOf("temperature", band, reading.value) > urgentExcess ? "urgent" : "soon";
  const words = valueWords("temperature", reading.value);
  if (reading.value < numbers.coldBelow) {
    const text = `Too cold at ${words}, below ${valueWords("temperature", numbers.coldBelow)}: move it somewhere warmer, away from the cold pane.`;
    given.push(adviceOf("too_cold", priority, "temperature", reading, text));
  } else if (reading.value > numbers.hotAbove) {
    const text = `Too hot at ${words}, above ${valueWords("temperature", numbers.hotAbove)}: give it shade and air, and look at its water.`;
    given.push(adviceOf("too_hot", priority, "temperature", reading, text));
  }
  const swing = trend?.max === undefined || trend.min === undefined ? 0 : trend.max - trend.min;
  if (swing > numbers.swingAbove) {
    const text = `The temperature swung by ${spanWords("temperature", swing)} within a day: a radiator, a draught or a window may be too near.`;
    given.push(adviceOf("temperature_swing", "note", "temperature", reading, text));
  }
  return given;
}

function adviseAir({ limits, numbers, readings, trends }: AdviceQuestion): Advice[] {
  const reading = readings.humidity;
  if (reading === undefined) return [];
  const words = valueWords("humidity", reading.value);
  if (reading.value < numbers.dryAirBelow) {
    const priority = isBeyond(limits, "humidity", reading.value) ? "soon" : "note";
    const text = `The air is dry at ${words}, below ${valueWords("humidity", numbers.dryAirBelow)}: put plants together, or a tray with water beside it.`;
    return [adviceOf("dry_air", priority, "humidity", reading, text)];
  }
  const isLimited = limits.humidity?.max !== undefined && limits.humidity.max !== null;
  if (reading.value > numbers.dampAirAbove && (isLimited || trends.humidity?.direction === "rising")) {
    const priority = isBeyond(limits, "humidity", reading.value) ? "soon" : "note";
    const text = `The air is damp at ${words}, above ${valueWords("humidity", numbers.dampAirAbove)}: let fresh air in, mould likes it so.`;
    return [adviceOf("damp_air", priority, "humidity", reading, text)];
  }
  return [];
}

function isBeyond(limits: PlantLimits, metric: LimitedMetric, value: number): boolean {
  const band = limits[metric];
  return band !== undefined && excessOf(metric, band, value) > 0;
}

function adviseLight({ limits, readings, brightest }: AdviceQuestion): Advice[] {
  const band = limits.light_level;
  const reading = readings.light_level;
  if (!isLimiting(band) || reading === undefined) return [];
  if (band.max !== null && reading.value > band.max) {
    const text = `Too much light at ${valueWords("light_level", reading.value)}, above ${valueWords("light_level", band.max)}: take it out of the sun.`;
    return [adviceOf("too_bright", "soon", "light_level", reading, text)];
  }
  if (band.min !== null && brightest?.isWholeDay === true && Math.max(brightest.value, reading.value) < band.min) {
    const text = `Too dark: the brightest hour of the last day had ${valueWords("light_level", brightest.value)}, and it wants ${valueWords("light_level", band.min)}. Move it nearer to a window.`;
    return [adviceOf("too_dark", "soon", "light_level", brightest, text)];
  }
  return [];
}

function adviseSilent({ silent, readings }: AdviceQuestion): Advice[] {
  const [oldest] = Object.entries(silent).sort(([, one], [, other]) => one.measuredAt.getTime() - other.measuredAt.getTime());
  if (oldest === undefined) return [];
  const [metric, reading] = oldest as [LimitedMetric, Reading];
  const text =
    Object.keys(readings).length === 0
      ? "Nothing is heard of its node: look at its power and whether the Wi-Fi reaches it. Until then nobody looks after this plant but you."
      : `${metricWords[metric]} is not measured any more: look at the sensor and its wires.`;
  return [adviceOf("node_silent", "soon", metric, reading, text)];
}

function adviseOtherwise({ readings, tips, hasModel }: AdviceQuestion): Advice[] {
  if (tips !== undefined && tips.length > 0) return tips.map((text) => ({ rule: "care_plan", priority: "note", text }));
  // Of a plant that nobody measures, silence of the rules says nothing.
  if (Object.keys(readings).length === 0) return [];
  const text = hasModel
    ? "By the rules there is nothing to do. For advice about this very plant, ask for a care plan."
    : "By the rules there is nothing to do. For advice about this very plant, set up a model in the settings; everything else works without one.";
  return [{ rule: "set_up_model", priority: "note", text }];
}

function daysWords(days: number): string {
  if (days < 1) return hoursOf(days);
  const rounded = days < 10 ? Math.round(days * 2) / 2 : Math.round(days);
  return rounded === 1 ? "1 day" : `${rounded} days`;
}

function hoursOf(days: number): string {
  const hours = Math.max(Math.round(days * 24), 1);
  return hours === 1 ? "1 hour" : `${hours} hours`;
}

function rangeWords(earliest: number, latest: number): string {
  const [from, to] = [daysWords(earliest), daysWords(latest)];
  return from === to ? `give or take little` : `between ${from} and ${to}`;
}
