import type { Severity } from "@roost/contract/alarms";

import { quantity } from "./notice.ts";
import type { Notice } from "./notice.ts";
import { countsOf } from "./plan-notice.ts";
import { rankOf } from "./route.ts";

/** An alarm of the day. */
export interface DayAlarm {
  readonly severity: Severity;
  readonly deviceName: string | undefined;
  readonly metric: string | undefined;
  readonly unit: string | undefined;
  readonly value: number | undefined;
  readonly isOver: boolean;
}

// The rest is counted, and stands behind the link.
const mostLines = 20;

/** The daily digest: how many alarms of which severity, what is still open, and between which values each metric was when it alarmed. */
export function dailyDigest(
  alarms: readonly DayAlarm[],
  { from, to, publicUrl }: { from: Date; to: Date; publicUrl: string | undefined },
): Notice {
  const open = alarms.filter((one) => !one.isOver);
  const worst = open.toSorted((one, other) => rankOf(other.severity) - rankOf(one.severity))[0];
  const ranges = new Map<string, { least: number; greatest: number; count: number; unit: string | undefined }>();
  for (const { deviceName, metric, unit, value } of alarms) {
    if (metric === undefined || value === undefined) continue;
    const name = deviceName === undefined ? metric : `${deviceName}: ${metric}`;
    const before = ranges.get(name);
    ranges.set(name, {
      least: Math.min(value, before?.least ?? value),
      greatest: Math.max(value, before?.greatest ?? value),
      count: (before?.count ?? 0) + 1,
      unit: unit ?? before?.unit,
    });
  }
  const lines = [...ranges]
    .sort(([, one], [, other]) => other.count - one.count)
    .map(([name, { least, greatest, count, unit }]) => {
      return `- ${name}: ${count} ${count === 1 ? "alarm" : "alarms"}, min ${quantity(least, unit)}, max ${quantity(greatest, unit)}`;
    });
  const heading =
    alarms.length === 0 ? "No alarms." : `${alarms.length} ${alarms.length === 1 ? "alarm" : "alarms"}, ${open.length} still open.`;
  const rest = lines.length - mostLines;
  return {
    version: 1,
    type: "digest",
    at: to.toISOString(),
    title: `Daily digest: ${alarms.length} ${alarms.length === 1 ? "alarm" : "alarms"}`,
    text: [
      `From ${from.toISOString()} to ${to.toISOString()}: ${heading}`,
      ...(alarms.length === 0 ? [] : [countsOf(alarms.map((one) => one.severity))]),
      ...lines.slice(0, mostLines),
      ...(rest > 0 ? [`and ${rest} more metrics`] : []),
    ].join("\n"),
    hasOwnWords: true,
    count: alarms.length,
    ...(worst === undefined ? {} : { severity: worst.severity }),
    ...(publicUrl === undefined ? {} : { link: `${publicUrl.replace(/\/$/, "")}/alarms` }),
  };
}
