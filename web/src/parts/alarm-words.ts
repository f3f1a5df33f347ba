import { alarmKinds, severities } from "@roost/contract/alarms";
import type { Alarm, AlarmKind } from "@roost/contract/alarms";

import { formatMetric, formatValue } from "./format.ts";
import { severityWords } from "./marks.tsx";

const kindWords: Readonly<Record<AlarmKind, string>> = {
  above: "Above its limit",
  below: "Below its limit",
  rate: "Changes too fast",
  trend: "Will cross its limit soon",
  anomaly: "Not what it uses to be",
  state: "In a state that is not wanted",
  no_data: "A metric fell silent",
  offline: "Silent: no sign of life",
  event: "Something happened",
  composite: "Several things at once",
  external: "Another system says so",
  delivery: "People cannot be told",
  service_level: "A promise is not kept",
};

/** Kinds of alarms to choose from, in the words that alarms are shown with. */
export const kindChoices = alarmKinds.map((value) => ({ value, label: kindWords[value] }));
/** Severities to choose from, least first. */
export const severityChoices = severities.map((value) => ({ value, label: severityWords[value] }));

/** What is wrong, in one line: `temperature 41.2 °C, above 35 °C` or `silent`. */
export function describeAlarm(alarm: Pick<Alarm, "kind" | "title" | "metric" | "unit" | "value" | "threshold">): string {
  if (alarm.title !== undefined) return alarm.title;
  if (alarm.kind === "offline") return "Silent: no sign of life";
  if (alarm.metric === undefined && alarm.value === undefined && alarm.threshold === undefined) return kindWords[alarm.kind];
  const unit = alarm.unit ?? "1";
  const metric = alarm.metric === undefined ? "value" : formatMetric(alarm.metric);
  const value = alarm.value === undefined ? "" : ` ${formatValue(alarm.value, unit)}`;
  const limit = alarm.threshold === undefined ? `${alarm.kind} its limit` : `${alarm.kind} ${formatValue(alarm.threshold, unit)}`;
  return `${metric}${value}, ${limit}`;
}
