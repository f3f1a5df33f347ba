import type { Trend } from "../contract/health.ts";
import { metricUnits } from "../contract/limits.ts";
import type { LimitedMetric } from "../contract/limits.ts";

/** How a metric is called at the beginning of a sentence. */
export const metricWords: Readonly<Record<LimitedMetric, string>> = {
  soil_moisture: "Soil moisture",
  temperature: "Temperature",
  humidity: "Humidity",
  light_level: "Light",
};

/** A difference of two percentages is no percentage of either. */
const spanUnits: Readonly<Record<LimitedMetric, string>> = { ...metricUnits, soil_moisture: "points", humidity: "points" };

/** A value with its unit, to the digits that mean something. */
export function valueWords(metric: LimitedMetric, value: number): string {
  return `${digits(metric, value)} ${metricUnits[metric]}`;
}

/** A difference of two values with its unit. */
export function spanWords(metric: LimitedMetric, span: number): string {
  return `${digits(metric, Math.abs(span))} ${spanUnits[metric]}`;
}

function digits(metric: LimitedMetric, value: number): string {
  const rounded = metric === "light_level" ? Math.round(value) : Math.round(value * 10) / 10;
  return (rounded === 0 ? 0 : rounded).toLocaleString("en-GB");
}

/** How long ago something was, to the minute within the hour. */
export function agoWords(hours: number): string {
  const minutes = Math.max(1, Math.round(hours * 60));
  if (minutes >= 60) return `${hoursWords(Math.max(1, hours))} ago`;
  return minutes === 1 ? "a minute ago" : `${minutes} minutes ago`;
}

/** A time in the words one would use. */
export function hoursWords(hours: number): string {
  if (hours < 1) return "less than an hour";
  const rounded = hours < 48 ? Math.round(hours) : Math.round(hours / 24);
  const noun = hours < 48 ? "hour" : "day";
  return rounded === 1 ? `1 ${noun}` : `${rounded} ${noun}s`;
}

/** What a trend says, in one sentence. */
export function describeTrend(trend: Omit<Trend, "text">): string {
  const name = metricWords[trend.metric];
  const span = hoursWords(trend.spanHours);
  switch (trend.direction) {
    case "rising":
    case "falling": {
      const verb = trend.direction === "rising" ? "rises" : "falls";
      return `${name} ${verb} by about ${spanWords(trend.metric, trend.slopePerDay ?? 0)} a day, over ${span}.`;
    }
    case "stable":
      return `${name} is steady over ${span}${trend.average === undefined ? "" : `, at ${valueWords(trend.metric, trend.average)} on average in the last day`}.`;
    case "unknown":
      return unknownWords(name, trend);
  }
}

function unknownWords(name: string, { because, hours, spanHours }: Omit<Trend, "text">): string {
  switch (because) {
    case "daily_cycle":
      return `${name}: ${hoursWords(spanHours)} of values cannot tell a trend from a day's rise and fall; two days can.`;
    case "just_watered":
      return `${name} has jumped up, as by watering; how it dries since then shows in a few hours.`;
    case "too_little_data":
      return `${name}: too few values to tell a trend (${hours === 1 ? "1 hour" : `${hours} hours`} with values).`;
    case "no_data":
    case undefined:
      return `${name}: no values in the last hours to tell a trend by.`;
  }
}
