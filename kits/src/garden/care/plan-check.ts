import type { RefusalReason } from "../contract/care-reasons.ts";
import type { Citation, CarePlanBody } from "../contract/care.ts";
import { limitedMetrics, metricUnits } from "../contract/limits.ts";
import type { LimitedMetric } from "../contract/limits.ts";
import type { CareFacts, CareReading } from "./care-facts.ts";
import { faultIn } from "./plain-text.ts";
import { readAnswer } from "./plan-answer.ts";
import type { PlanAnswer } from "./plan-answer.ts";

export type PlanVerdict = { readonly body: CarePlanBody } | { readonly refused: RefusalReason };

/** Thrown and caught in this file only: a check that fails ends all others. */
class Refusal extends Error {
  readonly reason: RefusalReason;
  constructor(reason: RefusalReason) {
    super(reason);
    this.reason = reason;
  }
}

const latestNextDateDays = 60;
const dayMs = 86_400_000;

/** Half a unit of the last digit that means something, and as much for a model that cut instead of rounding. */
const tolerance: Readonly<Record<LimitedMetric, (value: number) => number>> = {
  soil_moisture: () => 1,
  temperature: () => 1,
  humidity: () => 1,
  light_level: (value) => Math.max(10, value * 0.02),
};

/** Ways to write the units that readings come in. */
const unitWords: Readonly<Record<string, string>> = {
  "%": "%",
  percent: "%",
  "°c": "°C",
  c: "°C",
  celsius: "°C",
  "degrees celsius": "°C",
  lx: "lx",
  lux: "lx",
};

/**
 * Reads and checks a model's answer against the readings it was given.
 *
 * @returns The plan with each claim's readings in full, or why it is refused; then nothing of it may be shown.
 */
export function checkPlan(answer: string, facts: CareFacts): PlanVerdict {
  const read = readAnswer(answer);
  if ("refused" in read) return read;
  try {
    return { body: groundedPlan(read.plan, facts) };
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.reason };
    throw error;
  }
}

function groundedPlan(answer: PlanAnswer, facts: CareFacts): CarePlanBody {
  for (const text of textsOf(answer)) {
    const fault = faultIn(text);
    if (fault !== undefined) throw new Refusal(fault);
  }
  const byId = new Map(facts.readings.map((reading) => [reading.id, reading]));
  const readingsOf = (ids: readonly string[]): CareReading[] =>
    [...new Set(ids)].map((id) => {
      const reading = byId.get(id);
      if (reading === undefined) throw new Refusal("unknown_citation");
      return reading;
    });
  const claim = ({ text, cites }: PlanAnswer["summary"]) => {
    const readings = readingsOf(cites);
    checkFigures(text, readings, facts);
    return { text, cites: readings.map(citationOf) };
  };
  // What is said of a metric that was measured rests on its reading, whether it is repeated or not.
  const checkCited = (metric: LimitedMetric, readings: readonly CareReading[]) => {
    const isKnown = facts.readings.some((reading) => reading.metric === metric);
    if (isKnown && !readings.some((reading) => reading.metric === metric)) throw new Refusal("uncited");
  };
  const section = (metric: LimitedMetric, { current, ideal, recommendation, cites }: PlanAnswer["light"]) => {
    const readings = readingsOf(cites);
    checkCited(metric, readings);
    if (current !== null) checkCurrent(metric, current, readings);
    return {
      ...(current === null ? {} : { current: { value: current.value, unit: metricUnits[metric] } }),
      ideal,
      recommendation,
      cites: readings.map(citationOf),
    };
  };
  const { watering } = answer;
  const soil = readingsOf(watering.cites);
  checkCited("soil_moisture", soil);
  if (answer.summary.cites.length === 0) throw new Refusal("uncited");
  const body: CarePlanBody = {
    summary: claim(answer.summary),
    watering: {
      frequency: watering.frequency,
      amount: watering.amount,
      nextDate: checkedDate(watering.next_date, facts.now),
      cites: soil.map(citationOf),
    },
    light: section("light_level", answer.light),
    humidity: section("humidity", answer.humidity),
    temperature: section("temperature", answer.temperature),
    alerts: answer.alerts.map(claim),
    tips: answer.tips.map(({ text, cites }) => ({ text, cites: readingsOf(cites).map(citationOf) })),
  };
  // Whoever keeps silent about a contradiction has chosen one of the two for no reason.
  for (const { ids } of facts.contradictions) {
    if (!answer.alerts.some(({ cites }) => ids.every((id) => cites.includes(id)))) throw new Refusal("contradiction_ignored");
  }
  return body;
}

function textsOf({ summary, watering, light, humidity, temperature, alerts, tips }: PlanAnswer): string[] {
  return [
    ...[summary, ...alerts, ...tips].map(({ text }) => text),
    watering.frequency,
    watering.amount,
    ...[light, humidity, temperature].flatMap(({ ideal, recommendation }) => [ideal, recommendation]),
  ];
}

function checkCurrent(metric: LimitedMetric, { value, unit }: { value: number; unit: string }, cited: readonly CareReading[]): void {
  const own = cited.filter((reading) => reading.metric === metric);
  if (own.length === 0) throw new Refusal("uncited");
  if (unitWords[unit.trim().toLowerCase()] !== metricUnits[metric]) throw new Refusal("wrong_unit");
  if (!own.some((reading) => isNear(metric, value, reading.value))) throw new Refusal("wrong_value");
}

function isNear(metric: LimitedMetric, value: number, measured: number): boolean {
  return Math.abs(value - measured) <= tolerance[metric](measured);
}

const figure = /(?<![\w.,])(-?\d+(?:[.,]\d+)*)(?:\s*(?:to|-|–)\s*(-?\d+(?:[.,]\d+)*))?\s*(%|percent\b|°\s?[CF]\b|lx\b|lux\b)/giu;

/**
 * What a summary or alert says of the present with a unit must be something that was given: a cited reading, or a figure of the last day or week or
 * a limit.
 */
function checkFigures(text: string, cited: readonly CareReading[], facts: CareFacts): void {
  for (const [, first = "", second, unitText = ""] of text.matchAll(figure)) {
    const unit = unitWords[unitText.replaceAll(/\s/gu, "").toLowerCase()];
    if (unit === undefined) throw new Refusal("wrong_unit");
    for (const part of second === undefined ? [first] : [first, second]) {
      const value = numberOf(part);
      const isCited = cited.some((reading) => reading.unit === unit && isNear(reading.metric, value, reading.value));
      if (isCited || isGivenBeside(value, unit, facts)) continue;
      const isUncited = facts.readings.some((reading) => reading.unit === unit && isNear(reading.metric, value, reading.value));
      throw new Refusal(isUncited ? "uncited" : "wrong_value");
    }
  }
}

function isGivenBeside(value: number, unit: string, { spans, plant }: CareFacts): boolean {
  return limitedMetrics.some((metric) => {
    if (metricUnits[metric] !== unit) return false;
    const { day, week } = spans[metric] ?? {};
    const { min, max } = plant.limits[metric] ?? {};
    const given = [day, week].flatMap((span) => (span === undefined ? [] : [span.average, span.min, span.max]));
    return [...given, min, max].some((known) => known !== undefined && known !== null && isNear(metric, value, known));
  });
}

/** `12,000` and `12.000` are thousands, `21,5` and `21.5` are not. */
function numberOf(text: string): number {
  const plain = /^-?\d{1,3}(?:[.,]\d{3})+$/.test(text) ? text.replaceAll(/[.,]/g, "") : text.replace(",", ".");
  return Number(plain);
}

function checkedDate(text: string, now: Date): string {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : undefined;
  if (at === undefined || Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== text) throw new Refusal("bad_date");
  const today = Math.floor(now.getTime() / dayMs) * dayMs;
  if (at.getTime() < today || at.getTime() > today + latestNextDateDays * dayMs) throw new Refusal("bad_date");
  return text;
}

function citationOf({ deviceId, metric, value, unit, measuredAt, quality }: CareReading): Citation {
  return { deviceId: deviceId as Citation["deviceId"], metric, value, unit, measuredAt, quality };
}
