import type { Unit } from "@roost/contract/units";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** A span in one unit, the largest that fits: `8 s`, `3 min`, `5 h`, `12 d`, `2 y`. Negative spans count as nothing. */
export function formatSpan(ms: number): string {
  if (ms < minuteMs) return `${Math.max(0, Math.floor(ms / 1_000))} s`;
  if (ms < hourMs) return `${Math.floor(ms / minuteMs)} min`;
  if (ms < 2 * dayMs) return `${Math.floor(ms / hourMs)} h`;
  if (ms < 730 * dayMs) return `${Math.floor(ms / dayMs)} d`;
  return `${Math.floor(ms / (365 * dayMs))} y`;
}

/** `just now`, `12 s ago`, `in 3 min`: relative to `nowMs`. Clocks of server and browser differ a little; 3 s ahead is still now. */
export function formatAge(at: Date, nowMs: number): string {
  const age = nowMs - at.getTime();
  if (age < -3_000) return `in ${formatSpan(-age)}`;
  if (age < 2_000) return "just now";
  return `${formatSpan(age)} ago`;
}

/** The exact instant, to the second, with its zone: `2026-03-29 03:00:00 GMT+2`. */
export function formatExact(at: Date, timeZone?: string): string {
  const parts = partsOf(at, timeZone, { second: "2-digit", timeZoneName: "short" });
  return `${parts["year"]}-${parts["month"]}-${parts["day"]} ${parts["hour"]}:${parts["minute"]}:${parts["second"]} ${parts["timeZoneName"]}`;
}

/** Date and time to the minute without a zone, for tables: `2026-03-29 03:00`. */
export function formatMinute(at: Date, timeZone?: string): string {
  const parts = partsOf(at, timeZone, {});
  return `${parts["year"]}-${parts["month"]}-${parts["day"]} ${parts["hour"]}:${parts["minute"]}`;
}

/** The time of day, `03:00`; with the date in front when that was not within the last 20 hours of `now`. */
export function formatClock(at: Date, now = new Date(), timeZone?: string): string {
  const text = formatMinute(at, timeZone);
  return Math.abs(now.getTime() - at.getTime()) < 20 * hourMs ? text.slice(11) : text;
}

function partsOf(at: Date, timeZone: string | undefined, more: Intl.DateTimeFormatOptions): Record<string, string> {
  const format = new Intl.DateTimeFormat("en-GB", {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    ...(timeZone === undefined ? {} : { timeZone }),
    ...more,
  });
  return Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
}

/** A figure as people read it: the number and the unit beside it. */
export interface Reading {
  readonly figure: string;
  /** Empty for plain numbers. */
  readonly unit: string;
}

const byteSteps = ["B", "kB", "MB", "GB", "TB", "PB"];

/**
 * A value as figure and unit: at most four significant digits below 1,000, one decimal below 100,000, thousands apart by a thin space;
 * bytes climb to kB, MB, GB (steps of 1,000), seconds to minutes, hours, days; a true or false metric says `on` or `off`.
 */
export function formatReading(value: number, unit: Unit, kind: "number" | "boolean" = "number", digits = 4): Reading {
  if (kind === "boolean") return { figure: value === 0 ? "off" : "on", unit: "" };
  switch (unit) {
    case "1":
      return { figure: formatNumber(value, digits), unit: "" };
    case "B":
    case "kB":
    case "MB":
    case "GB":
      return climb(value, byteSteps, byteSteps.indexOf(unit), "");
    case "B/s":
      return climb(value, byteSteps, 0, "/s");
    case "s":
      return lengthen(value, digits);
    case "bit/s":
      return climb(value, ["bit", "kbit", "Mbit", "Gbit", "Tbit"], 0, "/s");
    default:
      return { figure: formatNumber(value, digits), unit };
  }
}

/** Seconds as minutes, hours or days once there are more than two of those. */
function lengthen(seconds: number, digits: number): Reading {
  const size = Math.abs(seconds);
  const short = (figure: number) => formatNumber(figure, Math.min(digits, 3));
  if (size >= 172_800) return { figure: short(seconds / 86_400), unit: "d" };
  if (size >= 7_200) return { figure: short(seconds / 3_600), unit: "h" };
  if (size >= 120) return { figure: short(seconds / 60), unit: "min" };
  return { figure: formatNumber(seconds, digits), unit: "s" };
}

function climb(value: number, steps: readonly string[], from: number, tail: string): Reading {
  let scaled = value;
  let step = from;
  while (Math.abs(scaled) >= 1_000 && step < steps.length - 1) {
    scaled /= 1_000;
    step += 1;
  }
  // 999.96 kB would read 1 000 kB: three digits are enough once it climbed.
  const figure = step === from ? formatNumber(scaled) : String(Number(scaled.toPrecision(3))).replace(/^-/, "−");
  return { figure, unit: `${steps[step] ?? ""}${tail}` };
}

/** A number alone, by the rule of {@link formatReading}; the minus is a real one. `digits` are the significant ones, for glances three. */
export function formatNumber(value: number, digits = 4): string {
  const size = Math.abs(value);
  let text: string;
  if (size >= 1e15 || (size > 0 && size < 1e-4)) text = value.toExponential(2).replace("e+", "e");
  else if (size >= 100_000) text = String(Math.round(value));
  else if (size >= 1_000) text = String(Number(value.toFixed(digits > 3 ? 1 : 0)));
  else text = String(Number(value.toPrecision(digits)));
  const [whole = "", rest] = text.split(".");
  const length = whole.replace("-", "").length;
  const grouped = length >= 5 && !text.includes("e") ? whole.replaceAll(/\B(?=(\d{3})+$)/g, "\u2009") : whole;
  return (rest === undefined ? grouped : `${grouped}.${rest}`).replace(/^-/, "−");
}

/** Figure and unit in one string: `21.5 °C`, `48 %`, `on`. */
export function formatValue(value: number, unit: Unit, kind: "number" | "boolean" = "number"): string {
  const reading = formatReading(value, unit, kind);
  return reading.unit === "" ? reading.figure : `${reading.figure}\u00a0${reading.unit}`;
}

/** A metric's name for people: `air_temperature` reads `air temperature`. The name itself stays findable in titles. */
export function formatMetric(metric: string): string {
  return metric.replaceAll("_", " ");
}

/** A whole count, thousands apart: `1 234 567`. */
export function formatCount(count: number): string {
  return String(Math.round(count)).replaceAll(/\B(?=(\d{3})+$)/g, "\u2009");
}

/** `1 device`, `3 devices`. */
export function formatPlural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** A count of bytes: `4.2 GB`. */
export function formatBytes(bytes: number): string {
  return formatValue(bytes, "B");
}

/** A value is stale when its device should have spoken three times since, or when the device says so itself. */
export function isStale(measuredAt: Date, quality: string, heartbeatSeconds: number, nowMs: number): boolean {
  return quality === "stale" || nowMs - measuredAt.getTime() > heartbeatSeconds * 3_000;
}
