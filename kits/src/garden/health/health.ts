import type { HealthCheck, HealthIssue, Unjudged } from "../contract/health.ts";
import { limitedMetrics } from "../contract/limits.ts";
import type { Band, LimitedMetric, PlantLimits } from "../contract/limits.ts";
import { excessOf, isLimiting, standingOf } from "../plants/limits.ts";
import { agoWords, metricWords, valueWords } from "./trend-words.ts";
import type { HourMean } from "./trend.ts";

const hourMs = 3_600_000;

/** Beyond a limit by more than this share of its measure is critical. */
const criticalExcess = 0.3;
/** So many hours of the last 24 with values make a day, in which light had its chance. */
const hoursOfADay = 20;

/** The newest value of a metric at a plant. */
export interface Reading {
  readonly value: number;
  readonly measuredAt: Date;
  readonly deviceId: string;
  /** The platform doubts it. */
  readonly isSuspect: boolean;
  /** From this age on it says nothing of now; the plant's own card goes by the same. */
  readonly staleAfterMs: number;
}

/** What is known of a plant's metrics; a metric without readings is absent. */
export type Readings = Readonly<Partial<Record<LimitedMetric, Reading>>>;
/** By metric: hours of the last days, oldest first. */
export type Hours = Readonly<Partial<Record<LimitedMetric, readonly HourMean[]>>>;

export interface HealthQuestion {
  readonly limits: PlantLimits;
  /** How many nodes stand at the plant. */
  readonly nodes: number;
  readonly readings: Readings;
  readonly hours: Hours;
  readonly nowMs: number;
}

export type Verdict = Pick<HealthCheck, "status" | "text" | "issues" | "unjudged">;

/** Whether a value says something of now. */
export function isCurrent(reading: Reading, nowMs: number): boolean {
  return !reading.isSuspect && nowMs - reading.measuredAt.getTime() <= reading.staleAfterMs;
}

/**
 * Judges a plant by its limits and newest values.
 *
 * `unknown` wherever `optimal` would be a guess: no limits, no values, or one with a limit that fell silent. What no node ever measured there is
 * left out of it. Lower limits of light are for the brightest hour of the last 24: night is no fault.
 */
export function judgeHealth(question: HealthQuestion): Verdict {
  const issues: HealthIssue[] = [];
  const unjudged: Unjudged[] = [];
  let judged = 0;
  for (const metric of limitedMetrics) {
    const band = question.limits[metric];
    if (!isLimiting(band)) continue;
    const found = judgeMetric(metric, band, question);
    if (found.unjudged !== undefined) unjudged.push(found.unjudged);
    else judged += 1;
    if (found.issue !== undefined) issues.push(found.issue);
  }
  issues.sort((one, other) => rankOf(one) - rankOf(other));
  return { ...statusOf(question, { issues, unjudged, judged }), issues, unjudged };
}

const rankOf = ({ severity, isBeyond }: HealthIssue) => (severity === "critical" ? 0 : isBeyond ? 1 : 2);

interface Judged {
  readonly issue?: HealthIssue | undefined;
  readonly unjudged?: Unjudged;
}

function judgeMetric(metric: LimitedMetric, band: Band, { readings, hours, nowMs }: HealthQuestion): Judged {
  const reading = readings[metric];
  const name = metricWords[metric];
  if (reading === undefined) {
    return { unjudged: { metric, because: "never_measured", text: `${name} has limits, and no node of this plant measures it.` } };
  }
  const { measuredAt } = reading;
  if (reading.isSuspect) {
    const text = `${name}: the newest value, ${valueWords(metric, reading.value)}, is doubtful and was not judged.`;
    return { unjudged: { metric, because: "suspect", measuredAt, text } };
  }
  if (!isCurrent(reading, nowMs)) {
    const ago = agoWords((nowMs - measuredAt.getTime()) / hourMs);
    return {
      unjudged: {
        metric,
        because: "stale",
        measuredAt,
        text: `${name} was last measured ${ago}: ${valueWords(metric, reading.value)}.`,
      },
    };
  }
  if (metric === "light_level") return judgeLight(band, reading, brightestHour(hours.light_level ?? [], nowMs));
  return { issue: issueOf(metric, band, reading, `${name} is ${valueWords(metric, reading.value)}`) };
}

/** Too much light by the newest value, too little by the brightest hour. */
function judgeLight(band: Band, reading: Reading, brightest: Brightest | undefined): Judged {
  const tooMuch = issueOf("light_level", { min: null, max: band.max }, reading, `Light is ${valueWords("light_level", reading.value)}`);
  if (tooMuch !== undefined || band.min === null) return { issue: tooMuch };
  const best =
    brightest === undefined || brightest.value < reading.value ? { ...reading, isWholeDay: brightest?.isWholeDay ?? false } : brightest;
  const tooLittle = issueOf(
    "light_level",
    { min: band.min, max: null },
    { ...reading, ...best },
    `The brightest hour of the last day had ${valueWords("light_level", best.value)}`,
  );
  if (tooLittle === undefined || best.isWholeDay) return { issue: tooLittle };
  const text = "Light is judged by the brightest hour of a day, and a whole day has not been measured yet.";
  return { unjudged: { metric: "light_level", because: "part_of_a_day", measuredAt: reading.measuredAt, text } };
}

/** The hour of the last 24 with the most light. */
export interface Brightest {
  readonly value: number;
  readonly measuredAt: Date;
  /** Enough hours were measured to say that there was no brighter one. */
  readonly isWholeDay: boolean;
}

/** The brightest hour of the last 24; `undefined` where none was measured. */
export function brightestHour(hours: readonly HourMean[], nowMs: number): Brightest | undefined {
  const day = hours.filter(({ at }) => at > nowMs - 25 * hourMs);
  const brightest = day.reduce<HourMean | undefined>(
    (best, hour) => (best === undefined || hour.mean > best.mean ? hour : best),
    undefined,
  );
  return brightest && { value: brightest.mean, measuredAt: new Date(brightest.at), isWholeDay: day.length >= hoursOfADay };
}

function issueOf(metric: LimitedMetric, band: Band, reading: Reading, subject: string): HealthIssue | undefined {
  const standing = standingOf(metric, band, reading.value);
  if (standing === "inside") return undefined;
  const direction = standing === "below" || standing === "near_min" ? "min" : "max";
  const limit = band[direction] ?? 0;
  const isBeyond = standing === "below" || standing === "above";
  const side = direction === "min" ? "lower" : "upper";
  const relation = isBeyond ? `${standing} its limit of` : `close to its ${side} limit of`;
  return {
    metric,
    severity: excessOf(metric, band, reading.value) > criticalExcess ? "critical" : "warning",
    value: reading.value,
    measuredAt: reading.measuredAt,
    deviceId: reading.deviceId as HealthIssue["deviceId"],
    limit,
    direction,
    isBeyond,
    text: `${subject}, ${relation} ${valueWords(metric, limit)}.`,
  };
}

function statusOf(
  { limits, nodes, readings }: HealthQuestion,
  { issues, unjudged, judged }: { issues: readonly HealthIssue[]; unjudged: readonly Unjudged[]; judged: number },
): Pick<HealthCheck, "status" | "text"> {
  const [worst] = issues;
  if (worst !== undefined) {
    const others = issues.length - 1;
    return { status: worst.severity, text: others === 0 ? worst.text : `${worst.text} ${others} more to look at.` };
  }
  if (Object.keys(readings).length === 0) {
    return {
      status: "unknown",
      text: nodes === 0 ? "No node stands at this plant, so nothing is known of it." : "Its node has not sent a value yet.",
    };
  }
  if (!limitedMetrics.some((metric) => isLimiting(limits[metric]))) {
    return { status: "unknown", text: "No limits are set, so there is nothing to judge its values by. Choose its species, or set limits." };
  }
  const silent = unjudged.find(({ because }) => because === "stale" || because === "suspect") ?? (judged === 0 ? unjudged[0] : undefined);
  if (silent !== undefined) return { status: "unknown", text: silent.text };
  return {
    status: "optimal",
    text: judged === 1 ? "Its value is well inside its limits." : `All ${judged} values are well inside their limits.`,
  };
}
