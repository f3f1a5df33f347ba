import type { alarmEntry, getAlarm } from "@roost/contract/alarms";
import type { RouteReply } from "@roost/contract/route";
import type { z } from "zod";

import { Age } from "../../parts/age.tsx";
import { formatExact, formatValue } from "../../parts/format.ts";

import styles from "./alarm-page.module.css";

type Entry = z.output<typeof alarmEntry>;

const entryWords: Readonly<Record<Entry["what"], string>> = {
  raised: "Raised",
  repeated: "Again",
  worse: "Worse",
  flapping: "Flapping",
  muted: "Muted",
  unmuted: "No longer muted",
  acknowledged: "Acknowledged",
  unacknowledged: "No longer acknowledged",
  assigned: "Assigned",
  commented: "Comment",
  snoozed: "Put aside",
  cleared: "Cleared",
  resolved: "Resolved",
  ticket: "Ticket",
  notified: "Told",
  notify_failed: "Could not tell",
};

/** All that happened to an alarm, oldest first: nothing in it is ever changed. */
export function History({ alarm }: { readonly alarm: Pick<RouteReply<typeof getAlarm>, "history" | "unit"> }) {
  return (
    <ol className={styles.history}>
      {alarm.history.map((entry, index) => (
        // oxlint-disable-next-line react/no-array-index-key -- a record only grows at its end
        <li key={index} className={styles.entry} data-what={entry.what}>
          <span className={styles.at} title={formatExact(entry.at)}>
            <Age at={entry.at} />
          </span>
          <span>
            <strong>{entryWords[entry.what]}</strong>
            {describeEntry(entry, alarm.unit)}
          </span>
        </li>
      ))}
    </ol>
  );
}

function describeEntry(entry: Entry, unit: RouteReply<typeof getAlarm>["unit"]): string {
  const isNotice = entry.what === "notified" || entry.what === "notify_failed";
  const parts = [
    entry.value === undefined ? "" : ` at ${formatValue(entry.value, unit ?? "1")}`,
    entry.by === undefined ? "" : isNotice ? ` ${entry.by}` : ` by ${entry.by}`,
    entry.detail === undefined ? "" : `: ${entry.detail}`,
  ];
  return parts.join("");
}
