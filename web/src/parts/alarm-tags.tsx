import type { Alarm } from "@roost/contract/alarms";

import { formatExact } from "./format.ts";

import styles from "./alarm-tags.module.css";

const muteWords = { parent: "Muted: behind something that is down", window: "Muted: maintenance", snooze: "Put aside" } as const;

/** What one has to know of an alarm beside its state: nobody is told of it, it flaps, its cause is quiet just now. */
export function AlarmTags({ alarm }: { readonly alarm: Pick<Alarm, "mutedBy" | "snoozedUntil" | "flapping" | "holds" | "state"> }) {
  const { mutedBy, snoozedUntil, flapping, holds, state } = alarm;
  return (
    <>
      {mutedBy !== undefined && (
        <span className={styles.tag} title={snoozedUntil === undefined ? undefined : `Until ${formatExact(snoozedUntil)}`}>
          <svg width="13" height="13" viewBox="0 0 13 13" aria-hidden="true">
            <path d="M3 9V6a3.5 3.5 0 0 1 7 0v3H2M5.5 11h2M1.5 1.5l10 10" fill="none" stroke="currentColor" strokeWidth="1.3" />
          </svg>
          {muteWords[mutedBy]}
        </span>
      )}
      {flapping && (
        <span className={styles.tag}>
          <svg width="13" height="13" viewBox="0 0 13 13" aria-hidden="true">
            <path d="M1 9h2V4h2.5v5H8V4h2.5v5H12" fill="none" stroke="currentColor" strokeWidth="1.3" />
          </svg>
          Flapping{!holds && state !== "cleared" ? ", quiet now" : ""}
        </span>
      )}
    </>
  );
}
