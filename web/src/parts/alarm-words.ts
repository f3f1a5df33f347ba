import type { Alarm } from "@roost/contract/alarms";

import { formatMetric, formatValue } from "./format.ts";

/** What is wrong, in one line: `temperature 41.2 °C, above 35 °C` or `silent`. */
export function describeAlarm(alarm: Pick<Alarm, "kind" | "title" | "metric" | "unit" | "value" | "threshold">): string {
  if (alarm.title !== undefined) return alarm.title;
  if (alarm.kind === "offline") return "Silent: no sign of life";
  const unit = alarm.unit ?? "1";
  const metric = alarm.metric === undefined ? "value" : formatMetric(alarm.metric);
  const value = alarm.value === undefined ? "" : ` ${formatValue(alarm.value, unit)}`;
  const limit = alarm.threshold === undefined ? `${alarm.kind} its limit` : `${alarm.kind} ${formatValue(alarm.threshold, unit)}`;
  return `${metric}${value}, ${limit}`;
}
