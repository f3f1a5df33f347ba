import type { ComplianceState, Weekday } from "@roost/contract/service-levels";
import { percentText, type BreachType, type ComplianceDay } from "@roost/contract/services";

/** The words people see for how a promise stands. */
export const complianceWords: Readonly<Record<ComplianceState, string>> = {
  unknown: "Not known",
  compliant: "Kept",
  at_risk: "At risk",
  breached: "Broken",
  critical: "Badly broken",
};

export const breachWords: Readonly<Record<BreachType, string>> = {
  availability: "Availability",
  response_time: "Time to answer",
  resolution_time: "Time to resolve",
};

export const dayWords: Readonly<Record<Weekday, string>> = {
  mon: "Monday",
  tue: "Tuesday",
  wed: "Wednesday",
  thu: "Thursday",
  fri: "Friday",
  sat: "Saturday",
  sun: "Sunday",
};

/** A length of time as people say it: `43 min`, `4 h 30 min`, `2 d 3 h`. */
export function formatLength(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  const rest = (big: string, small: number, unit: string) => (small === 0 ? big : `${big} ${small} ${unit}`);
  if (hours < 48) return rest(`${hours} h`, minutes % 60, "min");
  return rest(`${Math.floor(hours / 24)} d`, hours % 24, "h");
}

/** `99.28 %`; nothing where nothing is known. */
export function formatPercent(percent: number | undefined, targetPercent: number): string | undefined {
  return percent === undefined ? undefined : `${percentText(percent, targetPercent)}\u00A0%`;
}

type Measured = Pick<ComplianceDay, "unplannedSeconds" | "plannedSeconds" | "unknownSeconds" | "availabilityPercent">;

/** What was measured, in words: `43 min down, 97.01 % available`. */
export function measuredWords(measured: Measured, targetPercent: number): string {
  const { unplannedSeconds, plannedSeconds, unknownSeconds, availabilityPercent } = measured;
  const available = formatPercent(availabilityPercent, targetPercent);
  return [
    ...(unplannedSeconds > 0 ? [`${formatLength(unplannedSeconds)} down`] : []),
    ...(plannedSeconds > 0 ? [`${formatLength(plannedSeconds)} down as planned`] : []),
    ...(unknownSeconds > 0 ? [`${formatLength(unknownSeconds)} not known`] : []),
    ...(available === undefined ? [] : [`${available} available`]),
  ].join(", ");
}

/** One day of the bar, in words. */
export function dayInWords({ day, state, ...measured }: ComplianceDay, targetPercent: number): string {
  return `${day}, ${complianceWords[state].toLowerCase()}: ${measuredWords(measured, targetPercent)}`;
}
